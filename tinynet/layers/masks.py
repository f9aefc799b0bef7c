"""Which steps of a sequence count, where sequences of several lengths are filled up to one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tinynet.checks import check_array, check_numbers, real
from tinynet.kept import used_names
from tinynet.layers.base import Layer
from tinynet.layers.wrappers import Wrapper
from tinynet.option import Option
from tinynet.text import one_line
from tinynet.types import Array

# a context variable, so that each thread has its own
_COUNTING: ContextVar[Array | None] = ContextVar("counting", default=None)


class Masked(Wrapper):
    """y = f(x), where the layers in f, `inner`, leave out the steps of x that are padding.

    Sequences of several lengths are filled up to one length with `padding`. Shapes: x (N, steps),
    ids, or (N, steps, features); a step is padding if it is equal to `padding`, in all its
    features. Then, anywhere in f,

    * `SelfAttention` attends to no such step;
    * `RNN`, `LSTM` and `GRU` keep their state in such a step, so that the last state is that of the
      last step that counts;
    * `AverageSteps` takes the mean of the other steps.

    All other layers compute the padding like other steps, and what comes out there means nothing:
    `CrossEntropyLoss(ignore_index=...)` leaves it out. That does no harm where steps are computed
    one by one, as by `Dense`, `LayerNorm` and activations. `BatchNorm` and `Conv1D` mix them with
    the steps that count.

    The mask reaches every layer that is called, in the same thread, while `forward` or `predict`
    of f runs, and no other: `SelfAttention.weights`, called later by hand, needs it as an argument.
    In between the first two axes must stay those of x, examples and steps. A `Masked` compares what
    comes to it, so it belongs where padding still is what it was filled with, not behind a layer.

    Args:
        layer: f, usually a Sequential that begins with an `Embedding`.
        padding: the id, or the value of all features, of a step that does not count.

    Raises:
        ValueError: a sequence of padding alone, or an x of another number of axes.

    Warns:
        UserWarning: no layer in f leaves out padding.

    Example:
        >>> import numpy as np
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
        if not any("counting_steps" in used_names(type(part)) for part in layer.walk()):
            warnings.warn(
                f"no layer in {one_line(self)} leaves out padding: RNN, LSTM, GRU, SelfAttention "
                f"and AverageSteps do, and a layer of your own that calls counting_steps",
                stacklevel=3,
            )

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
        outside = _COUNTING.get()
        if outside is not None and outside.shape == mask.shape:
            mask = mask & outside
        _check_rows(mask, f"x of shape {x.shape} has only padding, {self.padding:g},")
        token = _COUNTING.set(mask)
        try:
            yield
        finally:
            _COUNTING.reset(token)


def counting_steps(layer: Layer, x: Array, mask: Array | None = None) -> Array | None:
    """The mask (N, steps) of x in a layer: the given one, or that of the `Masked` around it.

    It is True where a step counts; None if all count. A layer of your own asks this in `forward`,
    and keeps the answer for `backward`.

    Raises:
        ValueError: a mask of another shape, or one in which no step of a sequence counts.
        TypeError: a mask that does not hold bools.

    Example:
        >>> import numpy as np
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
        whose = "" if given else " (the Masked around it has made it)"
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
