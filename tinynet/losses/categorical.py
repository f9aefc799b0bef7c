"""Losses for classification: one of K classes is right."""

import numpy as np
from scipy.special import xlogy

from tinynet.checks import check_distributions, check_indices, fraction, rounding
from tinynet.losses.base import Loss, weighted_sum
from tinynet.option import Option
from tinynet.types import Array


class CrossEntropyLoss(Loss):
    """L = −mean over the examples of Σₖ qₖ log pₖ, where p = softmax(y).

    dL/dy = (p Σₖ qₖ − q) / N. The outputs y are logits, any finite numbers, so the network does not
    end in a Softmax. q is the target distribution: 1 at the right class, or the given row. Label
    smoothing ε mixes it with the uniform distribution, q ← (1 − ε) q + ε / K. A logit of −∞
    excludes a class: where q is 0, q log p is 0, and otherwise the loss is infinite.

    The mean, over the N examples and not over N K elements, and the smoothing are those of PyTorch
    and Keras. The largest logit is subtracted first, so that e^y does not overflow.

    Shapes: y (N, K); t class indices (N,) of an integer type, or rows of probabilities (N, K).

    Args:
        label_smoothing: ε, the share of each target that is spread evenly over all classes.

    Raises:
        ValueError: `label_smoothing` outside [0, 1), a class outside 0 to K − 1, or a row of
            probabilities with a negative one or whose sum is not 1.
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
    """

    activation = "Softmax"

    label_smoothing = Option(fraction)

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def check(self, y: Array, t: Array) -> None:
        got = f"{type(self).__name__} got y of shape {y.shape}"
        if y.ndim != 2 or y.shape[1] < 2:
            raise ValueError(
                f"{got}: it must be (N, K), a row of K ≥ 2 logits for each example. "
                f"For a single output, yes or no, use BCEWithLogitsLoss."
            )
        if not len(y):
            raise ValueError(f"{got}: a mean of nothing is undefined.")
        if t.shape == y.shape:
            super().check(y, t)
            check_distributions(self, t)
        elif t.shape == y.shape[:1]:
            check_indices("t", t, y.shape[1], "class indices", self)
        else:
            raise ValueError(
                f"{got} and t of shape {t.shape}: t must be {y.shape[:1]}, a class index for each "
                f"row, or {y.shape}, a row of probabilities."
            )

    def forward(self, y: Array, t: Array) -> float:
        if t.ndim == 2:
            q = t.astype(y.dtype, copy=False)
        else:
            q = np.zeros(y.shape, y.dtype)
            q[np.arange(len(t)), t] = 1
        if self.label_smoothing:
            q = (1 - self.label_smoothing) * q + self.label_smoothing / y.shape[1]
        z = y - y.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        self._p, self._q = e / total, q
        return weighted_sum(q, np.log(total) - z) / len(y)  # Σ q (−log p)

    def backward(self) -> Array:
        p, q = self._p, self._q
        return (p * q.sum(axis=1, keepdims=True) - q) / len(p)


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
