"""Losses for binary classification: every output is a decision between yes and no."""

import numpy as np
from scipy.special import expit

from tinynet.checks import check_probabilities
from tinynet.losses.base import Loss
from tinynet.types import Array

_SMALLEST = 1e-12  # below it, the tangent there replaces the logarithm


class BCELoss(Loss):
    """L = −mean[t log y + (1 − t) log(1 − y)] over all elements, y a probability from 0 to 1.

    dL/dy = [(1 − t) / (1 − y) − t / y] / size.

    At y = 0 and y = 1 a logarithm is infinite. Below p = 10⁻¹², log y is replaced by its
    tangent there, log p + (y/p − 1). The loss of a saturated wrong output is 28.6, its slope is
    10¹², and the gradient is exact everywhere. (PyTorch bounds the logarithm by −100, and returns a
    gradient that is not that of the value there.) If the network ends in a Sigmoid, it is better to
    remove it and use `BCEWithLogitsLoss`, which does not saturate.

    Raises:
        ValueError: an output or a target outside 0 to 1.

    Example:
        >>> loss = BCELoss()
        >>> round(loss.forward(np.array([[0.8], [0.5]]), np.array([[1.0], [0.0]])), 4)
        0.4581
        >>> loss.backward()
        array([[-0.625],
               [ 1.   ]])
    """

    def check(self, y: Array, t: Array) -> None:
        super().check(y, t)
        check_probabilities(self, "y", y, "Is Sigmoid() the last layer?")
        check_probabilities(self, "t", t, "A target is a probability, or 0 and 1 for no and yes.")

    def forward(self, y: Array, t: Array) -> float:
        t = t.astype(y.dtype, copy=False)
        not_y, not_t = 1 - y, 1 - t
        p, q = np.maximum(y, _SMALLEST), np.maximum(not_y, _SMALLEST)
        log_y, log_not_y = np.log(p) + (y / p - 1), np.log(q) + (not_y / q - 1)
        self._terms = t, p, not_t, q
        return float(-(t * log_y + not_t * log_not_y).mean())

    def backward(self) -> Array:
        t, p, not_t, q = self._terms
        return (not_t / q - t / p) / p.size


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of σ(y), y any number: L = mean[log(1 + e^y) − t y]; dL/dy = (σ(y) − t) / size.

    It is computed as max(y, 0) − t y + log(1 + e^−|y|), which never overflows. For inference, apply
    the sigmoid to the predictions; y > 0 gives the same decision as σ(y) > ½.

    Raises:
        ValueError: a target outside 0 to 1.

    Example:
        >>> loss = BCEWithLogitsLoss()
        >>> loss.forward(np.array([[0.0], [1000.0]]), np.array([[1.0], [0.0]]))  # mean(log 2, 1000)
        500.3465...
        >>> loss.backward()
        array([[-0.25],
               [ 0.5 ]])
    """

    activation = "Sigmoid"

    def check(self, y: Array, t: Array) -> None:
        super().check(y, t)
        check_probabilities(self, "t", t, "A target is a probability, or 0 and 1 for no and yes.")

    def forward(self, y: Array, t: Array) -> float:
        self._y, self._t = y, t
        return float((np.maximum(y, 0) - t * y + np.log1p(np.exp(-np.abs(y)))).mean())

    def backward(self) -> Array:
        return (expit(self._y) - self._t) / self._y.size
