"""Which steps of a sequence count, where sequences of several lengths are filled up to one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from tinynet.checks import check_array, check_gradient, check_numbers, floats, real
from tinynet.layers.base import Layer
from tinynet.layers.steps import check_steps
from tinynet.layers.wrappers import Wrapper
from tinynet.option import Option
from tinynet.types import Array

_COUNTING: ContextVar[Array | None] = ContextVar("counting", default=None)  # of this thread


class Masked(Wrapper):
    """y = f(x), where the layers in f, `inner`, leave out the steps of x that are padding.

    Sequences of several lengths are filled up to one length with `padding`. Shapes: x (N, steps),
    ids, or (N, steps, features); a step is padding if it is equal to `padding`, in all its
    features. Then, anywhere in f,

    * `SelfAttention` attends to no such step;
    * `RNN`, `LSTM` and `GRU` keep their state in such a step, so that the last state is that of the
      last step that counts;
    * `AverageSteps` takes the mean of the other steps.

    All other layers compute each step by itself and compute these steps, too. What comes out of
    them there means nothing: `CrossEntropyLoss(ignore_index=...)` leaves it out.

    Args:
        layer: f, usually a Sequential that begins with an `Embedding`.
        padding: the id, or the value of all features, of a step that does not count.

    Raises:
        ValueError: a sequence of padding alone, or an x of another number of axes.

    Example:
        >>> from tinynet import AverageSteps, Embedding, Sequential
        >>> net = Masked(Sequential(Embedding(100, 1, rng=0), AverageSteps()))
        >>> short, long = net.predict(np.array([[7, 5, 0, 0], [7, 5, 7, 5]]))
        >>> short == long
        array([ True])
    """

    padding = Option(real)

    def __init__(self, layer: Layer, padding: float = 0) -> None:
        self.padding = padding
        super().__init__(layer)

    def forward(self, x: Array) -> Array:
        with self._counting(x):
            return self.inner.forward(x)

    def predict(self, x: Array) -> Array:
        with self._counting(x):
            return self.inner.predict(x)

    def backward(self, dy: Array) -> Array:
        return self.inner.backward(dy)

    def parameter_gradients(self, dy: Array) -> None:
        self.inner.parameter_gradients(dy)

    @contextmanager
    def _counting(self, x: Array) -> Iterator[None]:
        check_numbers("x", x)
        if x.ndim not in (2, 3):
            raise ValueError(
                f"Masked got x of shape {x.shape}: it must be (N, steps), ids, or "
                f"(N, steps, features)."
            )
        mask = x != self.padding
        mask = mask.any(axis=2) if x.ndim == 3 else mask
        _check_rows(mask, f"x of shape {x.shape} has only padding, {self.padding:g},")
        before = _COUNTING.set(mask)
        try:
            yield
        finally:
            _COUNTING.reset(before)


def counting_steps(layer: Layer, x: Array, mask: Array | None = None) -> Array | None:
    """The mask (N, steps) of x in a layer: the given one, or that of the `Masked` around it.

    It is True where a step counts; None if all count. A layer of your own asks this in `forward`,
    and keeps the answer for `backward`.

    Raises:
        ValueError: a mask of another shape, or one in which no step of a sequence counts.
        TypeError: a mask that does not hold bools.

    Example:
        >>> from tinynet import Identity
        >>> counting_steps(Identity(), np.ones((2, 3, 4))) is None
        True
    """
    given = mask is not None
    mask = _COUNTING.get() if mask is None else mask
    if mask is None:
        return None
    check_array("mask", mask)
    if mask.dtype != bool:
        raise TypeError(
            f"mask must hold bools, True where a step counts; got {mask.dtype}. Compare: ids != 0."
        )
    if mask.shape != x.shape[:2]:
        whose = "" if given else ", which the Masked around it has made,"
        raise ValueError(
            f"{layer!r} got x of shape {x.shape} and a mask of shape {mask.shape}{whose}: it must "
            f"be {x.shape[:2]}, one bool for each step."
        )
    _check_rows(mask, f"mask of shape {mask.shape} has no True")
    return mask


def _check_rows(mask: Array, what: str) -> None:
    if not (some := mask.any(axis=1)).all():
        raise ValueError(
            f"{what} in row {int(some.argmin())}: in each sequence at least one step must count. "
            f"Leave out empty sequences."
        )


class AverageSteps(Layer):
    """y[n] = the mean of x[n, t] over the steps t that count; dx[n, t] = dy[n] / their number.

    Shapes: x (N, steps, features), y (N, features). All steps count, unless a `Masked` around this
    layer, or the argument `mask` of `forward` and `predict`, says which do: mask (N, steps), True
    for a step that counts. In Keras it is `GlobalAveragePooling1D`.

    Raises:
        ValueError: an x of other axes or without steps.

    Example:
        >>> AverageSteps().forward(np.array([[[1.0, 10.0], [3.0, 30.0]]]))
        array([[ 2., 20.]])
    """

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        y, self._share = self._mean(x, mask)
        self._shape = x.shape
        return y

    def predict(self, x: Array, mask: Array | None = None) -> Array:
        return self._mean(x, mask)[0]

    def backward(self, dy: Array) -> Array:
        examples, _, features = self._shape
        check_gradient(self, dy, (examples, features))
        return self._share * dy[:, None]

    def _mean(self, x: Array, mask: Array | None) -> tuple[Array, Array]:
        """The mean, and by what each step is multiplied in it, (N, steps, 1)."""
        check_steps(self, x)
        x = floats(x, "x")
        counting = counting_steps(self, x, mask)
        if counting is None:
            counting = np.ones(x.shape[:2], bool)
        share = (counting / counting.sum(axis=1, keepdims=True)).astype(x.dtype)[:, :, None]
        return np.where(share, share * x, 0).sum(axis=1), share
