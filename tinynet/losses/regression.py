"""Losses for regression: outputs and targets are numbers."""

import numpy as np

from tinynet.checks import positive
from tinynet.losses.base import Loss, mean_of_each, weighted_sum
from tinynet.option import Option
from tinynet.types import Array


class MSELoss(Loss):
    """L = mean (y − t)² over all elements; dL/dy = 2 (y − t) / size.

    The mean is over examples and outputs, as in PyTorch and Keras. Many textbooks minimize
    ½ Σ (y − t)² for one example. With K outputs, their learning rate η is η K / 2 here: 0.1 with
    ten outputs is `lr=0.5`.

    Example:
        >>> loss = MSELoss()
        >>> loss.forward(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]]))
        2.5
        >>> loss.backward()
        array([[-1.,  2.]])
    """

    def forward(self, y: Array, t: Array) -> float:
        self._d = d = y - t
        return weighted_sum(d, d) / d.size

    def backward(self) -> Array:
        return self._d * (2 / self._d.size)

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        return mean_of_each((y - t) ** 2)


class L1Loss(Loss):
    """L = mean |y − t| over all elements; dL/dy = sign(y − t) / size.

    At the kink, y = t, the gradient is 0, as in PyTorch.

    Example:
        >>> loss = L1Loss()
        >>> loss.forward(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]]))
        1.5
        >>> loss.backward()
        array([[-0.5,  0.5]])
    """

    def forward(self, y: Array, t: Array) -> float:
        self._d = y - t
        return float(np.abs(self._d).mean())

    def backward(self) -> Array:
        return np.sign(self._d) / self._d.size

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        return mean_of_each(np.abs(y - t))


class HuberLoss(Loss):
    """L = mean h(y − t) over all elements; h(d) = d²/2 if |d| ≤ δ, else δ (|d| − δ/2).

    dL/dy = clip(y − t, −δ, δ) / size, so no outlier contributes more than δ. The ½ and the scale
    are Huber's and PyTorch's; near zero it is half the `MSELoss`.

    Args:
        delta: δ > 0, where h changes from a parabola to a straight line.

    References:
        P. J. Huber, "Robust estimation of a location parameter" (1964).

    Example:
        >>> loss = HuberLoss(delta=1.0)
        >>> loss.forward(np.array([0.5, 5.0]), np.array([0.0, 2.0]))  # mean of ⅛ and 2½
        1.3125
        >>> loss.backward()
        array([0.25, 0.5 ])
    """

    delta = Option(positive)

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = delta

    def forward(self, y: Array, t: Array) -> float:
        d = y - t
        self._c = c = np.clip(d, -self.delta, self.delta)
        return float((c * (d - c / 2)).mean())  # both cases of h: c is d, or ±δ

    def backward(self) -> Array:
        return self._c / self._c.size

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        d = y - t
        c = np.clip(d, -self.delta, self.delta)
        return mean_of_each(c * (d - c / 2))
