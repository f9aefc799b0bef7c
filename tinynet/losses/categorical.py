"""Losses for classification: one of K classes is right."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy

from tinynet.checks import (
    as_numbers,
    check_distributions,
    check_indices,
    fraction,
    integer,
    optional,
    rounding,
)
from tinynet.losses.base import Loss, weighted_sum
from tinynet.option import Option
from tinynet.text import shown
from tinynet.types import Array


def _class_weights(value: Any, name: str) -> Array:
    """The weights as an array of their own."""
    weights = as_numbers(value, name)
    rule = f"{name} must hold a finite number of at least 0 for each class, not all of them 0"
    if weights.ndim != 1 or len(weights) < 2:
        raise ValueError(f"{rule}; got {shown(value)}")
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        wrong = weights[~(np.isfinite(weights) & (weights >= 0))]
        raise ValueError(f"{rule}; got {wrong[0] if wrong.size else 'only 0'}")
    return weights.astype(np.float64)


class CrossEntropyLoss(Loss):
    """L = −mean over the examples of Σₖ qₖ log pₖ, where p = softmax(y).

    dL/dy = (p Σₖ qₖ − q) / N. The outputs y are logits, any finite numbers, so the network does not
    end in a Softmax. q is the target distribution: 1 at the right class, or the given row. Label
    smoothing ε mixes it with the uniform distribution, q ← (1 − ε) q + ε / K. A logit of −∞
    excludes a class: where q is 0, q log p is 0, and otherwise the loss is infinite.

    The mean, over the N examples and not over N K elements, and the smoothing are those of PyTorch
    and Keras. The largest logit is subtracted first, so that e^y does not overflow.

    With class weights w, q ← w q, element by element. The mean is then PyTorch's: the sum is
    divided by Σₙ w[tₙ], the weights of the right classes, in place of N, if the targets are class
    indices; rows of probabilities are divided by N. A class index that is `ignore_index` counts
    neither in the sum nor in what divides it. If nothing counts, L and dL/dy are 0 (PyTorch: NaN).

    Shapes: y (N, K); t class indices (N,) of an integer type, or rows of probabilities (N, K). For
    sequences y (N, steps, K) and t (N, steps) or (N, steps, K), and so for more axes: every step
    counts as an example. The classes are the last axis, as in Keras; PyTorch has them second.

    Args:
        label_smoothing: ε, the share of each target that is spread evenly over all classes.
        weight: w, a number of at least 0 for each class, for example larger for rare classes; None
            stands for 1.
        ignore_index: a number that marks class indices that are to be left out, such as −100 for
            the steps that fill a sequence up; None if every target counts. It has no meaning for
            rows of probabilities.

    Raises:
        ValueError: `label_smoothing` outside [0, 1), weights that are negative or not one for each
            class, a class outside 0 to K − 1, or a row of probabilities with a negative one or
            whose sum is not 1.
        TypeError: classes that are not integers.

    References:
        J. S. Bridle, "Probabilistic interpretation of feedforward classification network outputs"
        (1990). C. Szegedy et al., "Rethinking the Inception architecture for computer vision"
        (2016), section 7, for label smoothing.

    Example:
        >>> loss = CrossEntropyLoss()
        >>> loss.forward(np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([1, 1]))  # log 2 and 1000
        500.3465...
        >>> loss.backward()
        array([[ 0.25, -0.25],
               [ 0.5 , -0.5 ]])
        >>> loss.forward(np.zeros((1, 2)), np.array([2]))
        Traceback (most recent call last):
        ValueError: CrossEntropyLoss() got t[0] = 2: class indices go from 0 to 1.
        >>> loss = CrossEntropyLoss(weight=[1.0, 3.0], ignore_index=-100)
        >>> loss.forward(np.array([[0.0, 0.0], [4.0, 0.0], [9.0, 9.0]]), np.array([0, 1, -100]))
        3.1868...
    """

    activation = "Softmax"

    label_smoothing = Option(fraction)
    weight = Option(optional(_class_weights))
    ignore_index = Option(optional(integer))

    def __init__(
        self,
        label_smoothing: float = 0.0,
        *,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
    ) -> None:
        self.label_smoothing = label_smoothing
        self.weight, self.ignore_index = weight, ignore_index

    def check(self, y: Array, t: Array) -> None:
        got = f"{type(self).__name__} got y of shape {y.shape}"
        if y.ndim < 2 or y.shape[-1] < 2:
            raise ValueError(
                f"{got}: it must be (N, K), a row of K ≥ 2 logits for each example, or "
                f"(N, ..., K). For a single output, yes or no, use BCEWithLogitsLoss."
            )
        if not y.size:
            raise ValueError(f"{got}: a mean of nothing is undefined.")
        classes = y.shape[-1]
        if self.weight is not None and len(self.weight) != classes:
            raise ValueError(
                f"{self!r} has weights for {len(self.weight)} classes and got y of shape "
                f"{y.shape}: they must be one for each of the {classes} classes."
            )
        if t.shape == y.shape:
            super().check(y, t)
            check_distributions(self, t)
        elif t.shape == y.shape[:-1]:
            self._check_classes(t, classes)
        else:
            hint = ""
            if t.shape == (len(y), *y.shape[2:]):  # where PyTorch has the classes
                hint = " Are the classes the second axis? np.moveaxis(y, 1, -1) puts them last."
            raise ValueError(
                f"{got} and t of shape {t.shape}: t must be {y.shape[:-1]}, a class index for each "
                f"row, or {y.shape}, a row of probabilities.{hint}"
            )

    def forward(self, y: Array, t: Array) -> float:
        self._shape = y.shape
        logs, counts = self._logs(y, t)
        self.batch_weight = float(counts.sum())
        return weighted_sum(self._q, logs) / (self.batch_weight or 1)

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        own = copy.copy(self)
        logs, counts = own._logs(y, t)
        losses = (own._q * np.where(own._q, logs, 0)).reshape(len(y), -1).sum(axis=1)
        return losses, counts.reshape(len(y), -1).sum(axis=1)

    def _logs(self, y: Array, t: Array) -> tuple[Array, Array]:
        """−log p and, of each row, how much it counts; keeps p and q."""
        shape = y.shape
        y = y.reshape(-1, y.shape[-1])
        if t.ndim == len(shape):
            q, counts = t.reshape(y.shape).astype(y.dtype, copy=False), np.ones(len(y))
        else:
            q, counts = self._one_hot(t.ravel(), y)
        if self.label_smoothing:
            share = self.label_smoothing * q.sum(axis=1, keepdims=True) / y.shape[1]
            q = (1 - self.label_smoothing) * q + share
        if self.weight is not None:
            q = q * self.weight.astype(y.dtype)
        z = y - y.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        self._p, self._q = e / total, q
        return np.log(total) - z, counts

    def backward(self) -> Array:
        p, q = self._p, self._q
        dy = (p * q.sum(axis=1, keepdims=True) - q) / (self.batch_weight or 1)
        return dy.reshape(self._shape)

    def _one_hot(self, t: Array, y: Array) -> tuple[Array, Array]:
        """The distributions that class indices stand for, 0 where ignored; how much each counts."""
        q, counts = np.zeros(y.shape, y.dtype), np.zeros(len(y))
        rows = np.arange(len(t))
        if self.ignore_index is not None:
            rows = np.flatnonzero(t != self.ignore_index)
            t = t[rows]
        q[rows, t] = 1
        counts[rows] = 1 if self.weight is None else self.weight[t]
        return q, counts

    def _check_classes(self, t: Array, classes: int) -> None:
        what, given = "class indices", t
        if t.dtype.kind in "iu" and self.ignore_index is not None:
            what = f"class indices, unless they are ignore_index={self.ignore_index},"
            given = np.where(t == self.ignore_index, 0, t)
        elif t.dtype.kind == "i" and (t == -100).any():
            what = "without ignore_index=-100, class indices"
        check_indices("t", given, classes, what, self)


class KLDivLoss(Loss):
    """L = mean over the examples of Σₖ tₖ (log tₖ − yₖ), the Kullback-Leibler divergence.

    dL/dy = −t / N. The outputs y are log-probabilities, as LogSoftmax returns them, and t are
    probabilities; where tₖ is 0, the term is 0, also if yₖ is −∞. The arguments and the mean over
    the N examples are PyTorch's with `reduction="batchmean"`; its default divides by N K, which is
    not the divergence. Shapes: y and t (N, K).

    Raises:
        ValueError: an output above 0, because outputs are logarithms of probabilities; or a row of
            targets with a negative one or whose sum is not 1.

    References:
        S. Kullback and R. A. Leibler, "On information and sufficiency" (1951).

    Example:
        >>> loss = KLDivLoss()
        >>> loss.forward(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]))  # log 2
        0.6931...
        >>> loss.backward()
        array([[-1., -0.]])
    """

    def check(self, y: Array, t: Array) -> None:
        super().check(y, t)
        me = type(self).__name__
        if y.ndim != 2:
            raise ValueError(f"{me} got y of shape {y.shape}: it must be (N, K).")
        if y.max() > rounding(y):
            place = divmod(int(y.argmax()), y.shape[1])
            raise ValueError(
                f"{me} needs log-probabilities, which are at most 0; y{list(place)} is "
                f"{y.max():g}. Is LogSoftmax() the last layer?"
            )
        check_distributions(self, t)

    def forward(self, y: Array, t: Array) -> float:
        self._t = t.astype(y.dtype, copy=False)
        return (float(xlogy(t, t).sum()) - weighted_sum(t, y)) / len(y)

    def backward(self) -> Array:
        return -self._t / len(self._t)

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        t = t.astype(y.dtype, copy=False)
        losses = xlogy(t, t).sum(axis=1) - (t * np.where(t, y, 0)).sum(axis=1)
        return losses, np.ones(len(y))
