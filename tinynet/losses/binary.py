"""Losses for binary classification: every output is a decision between yes and no."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from tinynet.checks import as_numbers, check_probabilities, optional
from tinynet.losses.base import Loss, mean_of_each
from tinynet.option import Option
from tinynet.text import shown
from tinynet.types import Array

_SMALLEST = 1e-12  # below it, the tangent there replaces the logarithm


def _positive_numbers(value: Any, name: str) -> Array:
    numbers = as_numbers(value, name)
    right = np.isfinite(numbers) & (numbers > 0)
    if not right.all() or not numbers.size or numbers.dtype.kind == "b":
        raise ValueError(f"{name} must be positive and finite; got {shown(value)}")
    return numbers.astype(np.float64)


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
        return float(self._elements(y, t).mean())

    def backward(self) -> Array:
        t, p, not_t, q = self._terms
        return (not_t / q - t / p) / p.size

    def _elements(self, y: Array, t: Array) -> Array:
        t = t.astype(y.dtype, copy=False)
        not_y, not_t = 1 - y, 1 - t
        p, q = np.maximum(y, _SMALLEST), np.maximum(not_y, _SMALLEST)
        log_y, log_not_y = np.log(p) + (y / p - 1), np.log(q) + (not_y / q - 1)
        self._terms = t, p, not_t, q
        elements: Array = -(t * log_y + not_t * log_not_y)
        return elements

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        return mean_of_each(copy.copy(self)._elements(y, t))


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of σ(y), y any number: L = mean[log(1 + e^y) − t y]; dL/dy = (σ(y) − t) / size.

    It is computed as max(y, 0) − t y + log(1 + e^−|y|), which never overflows. For inference, apply
    the sigmoid to the predictions; y > 0 gives the same decision as σ(y) > ½.

    With `pos_weight` p, the part of the targets that are 1 is multiplied by it, as in PyTorch:
    L = mean[−p t log σ(y) − (1 − t) log(1 − σ(y))], dL/dy = [(1 − t) σ(y) − p t (1 − σ(y))] / size.

    Args:
        pos_weight: p, positive; a number, or one for each output. Above 1 it makes misses dearer
            than false alarms, for example the count of 0 over the count of 1 where 1 is rare.

    Raises:
        ValueError: a target outside 0 to 1, a `pos_weight` that is not positive or does not fit the
            outputs.

    Example:
        >>> loss = BCEWithLogitsLoss()
        >>> loss.forward(np.array([[0.0], [1000.0]]), np.array([[1.0], [0.0]]))  # mean(log 2, 1000)
        500.3465...
        >>> loss.backward()
        array([[-0.25],
               [ 0.5 ]])
    """

    activation = "Sigmoid"

    pos_weight = Option(optional(_positive_numbers))

    def __init__(self, *, pos_weight: ArrayLike | None = None) -> None:
        self.pos_weight = pos_weight

    def check(self, y: Array, t: Array) -> None:
        super().check(y, t)
        check_probabilities(self, "t", t, "A target is a probability, or 0 and 1 for no and yes.")
        if self.pos_weight is not None and self.pos_weight.shape not in ((), y.shape[1:]):
            raise ValueError(
                f"{self!r} got y of shape {y.shape}: pos_weight must be a number, or one for each "
                f"output, {y.shape[1:]}"
            )

    def forward(self, y: Array, t: Array) -> float:
        self._y, self._t = y, t
        return float(self._elements(y, t).mean())

    def backward(self) -> Array:
        y, t = self._y, self._t
        if self.pos_weight is None:
            return (expit(y) - t) / y.size
        p = self.pos_weight.astype(y.dtype)
        return ((1 - t) * expit(y) - p * t * expit(-y)) / y.size

    def _elements(self, y: Array, t: Array) -> Array:
        log = np.log1p(np.exp(-np.abs(y)))
        if self.pos_weight is None:
            elements: Array = np.maximum(y, 0) - t * y + log
            return elements
        p = self.pos_weight.astype(y.dtype)  # log σ(−y) and log σ(y) are −max(±y, 0) − log
        return (1 - t) * (np.maximum(y, 0) + log) + p * t * (np.maximum(-y, 0) + log)

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        return mean_of_each(self._elements(y, t))
