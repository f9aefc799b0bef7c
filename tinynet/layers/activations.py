"""Activations: functions with nothing to learn, of each element or of each row.

Each is finite at ±1000 and gives float32 for float32. `tinynet.layers` holds ReLU and its kin.
"""

import numpy as np
from scipy.special import expit

from tinynet.checks import same_shape
from tinynet.layers.base import Layer
from tinynet.types import Array

__all__ = ["Identity", "LogSoftmax", "Sigmoid", "Softmax", "Tanh"]


class Sigmoid(Layer):
    """y = 1 / (1 + e^−x), the logistic function; its slope is y − y².

    Example:
        >>> import numpy as np
        >>> Sigmoid().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[0. , 0.5, 1. ]])
    """

    def forward(self, x: Array) -> Array:
        """y = 1 / (1 + e^−x)."""
        self._y = _logistic(x)
        return self._y

    def predict(self, x: Array) -> Array:
        """y = 1 / (1 + e^−x)."""
        return _logistic(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy (y − y²)."""
        y = self._y
        same_shape(self, dy, y.shape)
        return dy * (y - y * y)


def _logistic(x: Array) -> Array:
    """1 / (1 + e^−x); `expit` is one call, but NumPy's exp takes a fifth of its time an element."""
    if x.size < 1000 or x.dtype.kind != "f":
        return expit(x)
    with np.errstate(over="ignore"):  # where e^−x is infinite, y is 0
        return 1 / (1 + np.exp(-x))


class Tanh(Layer):
    """y = tanh x; its slope is 1 − y².

    Example:
        >>> Tanh().forward(np.array([[-1000.0, 0.0, 1000.0]]))
        array([[-1., 0., 1.]])
    """

    def forward(self, x: Array) -> Array:
        """y = tanh x."""
        self._y = np.tanh(x)
        return self._y

    def predict(self, x: Array) -> Array:
        """y = tanh x."""
        return np.tanh(x)

    def backward(self, dy: Array) -> Array:
        """dx = dy (1 − y²)."""
        same_shape(self, dy, self._y.shape)
        return dy * (1 - self._y * self._y)


class Softmax(Layer):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ over the last axis: probabilities, each row sums to 1.

    Shapes: x and y (N, ..., classes). The largest x of a row is taken off first, which changes
    nothing and never overflows. With `CrossEntropyLoss`, which works on logits, leave it out.

    Raises:
        ValueError: x has fewer than two axes, so the last one would be the examples.

    References:
        J. Bridle, "Probabilistic interpretation of feedforward classification network outputs"
        (1990).

    Example:
        >>> Softmax().forward(np.array([[-1000.0, 1000.0], [5.0, 5.0]]))
        array([[0. , 1. ], [0.5, 0.5]])
    """

    def forward(self, x: Array) -> Array:
        """yᵢ = e^xᵢ / Σⱼ e^xⱼ."""
        self._y = Softmax.predict(self, x)
        return self._y

    def predict(self, x: Array) -> Array:
        """yᵢ = e^xᵢ / Σⱼ e^xⱼ."""
        _check_rows(self, x)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, dy: Array) -> Array:
        """dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ)."""
        y = self._y
        same_shape(self, dy, y.shape)
        return y * (dy - (dy * y).sum(axis=-1, keepdims=True))


class LogSoftmax(Layer):
    """yᵢ = xᵢ − log Σⱼ e^xⱼ over the last axis: the logarithm of `Softmax`, without its zeros.

    Shapes: x and y (N, ..., classes).

    Raises:
        ValueError: x has fewer than two axes, so the last one would be the examples.

    Example:
        >>> LogSoftmax().forward(np.array([[-1000.0, 1000.0], [5.0, 5.0]]))
        array([[-2.00000000e+03, 0.00000000e+00], [-6.93147181e-01, -6.93147181e-01]])
    """

    def forward(self, x: Array) -> Array:
        """yᵢ = xᵢ − log Σⱼ e^xⱼ."""
        self._y = LogSoftmax.predict(self, x)
        return self._y

    def predict(self, x: Array) -> Array:
        """yᵢ = xᵢ − log Σⱼ e^xⱼ."""
        _check_rows(self, x)
        z = x - x.max(axis=-1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    def backward(self, dy: Array) -> Array:
        """dxᵢ = dyᵢ − e^yᵢ Σⱼ dyⱼ."""
        same_shape(self, dy, self._y.shape)
        return dy - np.exp(self._y) * dy.sum(axis=-1, keepdims=True)


class Identity(Layer):
    """y = x: nothing, where a layer is asked for.

    It returns x itself, not a copy.

    Example:
        >>> Identity().forward(np.array([[1.0, 2.0]]))
        array([[1., 2.]])
    """

    def forward(self, x: Array) -> Array:
        """y = x."""
        return x

    def predict(self, x: Array) -> Array:
        """y = x."""
        return x

    def backward(self, dy: Array) -> Array:
        """dx = dy."""
        return dy


def _check_rows(layer: Layer, x: Array) -> None:
    if x.ndim < 2 or not x.shape[-1]:
        mend = "One example is a batch of one: x[np.newaxis]." if x.ndim == 1 else ""
        raise ValueError(
            f"{layer!r} got x of shape {x.shape}: it must be (N, ..., classes), a row an example, "
            f"with at least one class. {mend}"
        )
