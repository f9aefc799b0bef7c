"""Activations: functions of each element, with nothing to learn."""

from scipy.special import expit

from tinynet.layer import Layer
from tinynet.types import Array

__all__ = ["Sigmoid"]


class Sigmoid(Layer):
    """y = 1 / (1 + e^−x), the logistic function; its slope is y − y².

    Example:
        >>> import numpy as np
        >>> Sigmoid().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[0. , 0.5, 1. ]])
    """

    def forward(self, x: Array) -> Array:
        """y = 1 / (1 + e^−x)."""
        self._y = expit(x)
        return self._y

    def predict(self, x: Array) -> Array:
        """y = 1 / (1 + e^−x)."""
        return expit(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy (y − y²)."""
        y = self._y
        return dy * (y - y * y)
