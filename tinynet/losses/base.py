"""Loss: the contract that all losses keep."""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np

from tinynet.checks import check_array, check_targets, floats
from tinynet.foreign_names import answering, check_keywords
from tinynet.kept import expect_kept, kept_names
from tinynet.text import call, shown, shown_call
from tinynet.types import Array


@answering()
class Loss:
    """A number L(y, t) to be minimized: `forward` computes it, `backward` gives dL/dy.

    A loss of your own defines these two. Before every `forward`, the base class calls `check`,
    which compares the shapes of y and t, so nothing is broadcast by accident. A loss whose targets
    have another form than its outputs redefines `check`.

    A loss is the mean that its docstring states, over all elements unless it says otherwise, and
    `backward` is the exact gradient of that mean.

    Attributes:
        buffers: names of arrays that a loss keeps from one `forward` to the next, such as a running
            mean, and overwrites in place. Checkpoints hold them.
        batch_weight: how much the last batch counts in the mean over an epoch; None stands for its
            number of examples. A `forward` whose mean divides by something else, such as a sum of
            class weights, sets it to that.
        activation: name of the activation that the loss applies to y itself, so that the network
            should not end in it; empty if there is none.

    Example:
        >>> import numpy as np
        >>> class L1Loss(Loss):
        ...     '''Mean of |y - t| over all elements.'''
        ...
        ...     def forward(self, y, t):
        ...         self._d = y - t
        ...         return np.abs(self._d).mean()
        ...
        ...     def backward(self):
        ...         return np.sign(self._d) / self._d.size
        >>> L1Loss().forward(np.array([[1.0, 4.0]]), np.array([[2.0, 2.0]]))
        1.5
        >>> L1Loss().forward(np.zeros(4), np.zeros((4, 1)))
        Traceback (most recent call last):
        ValueError: L1Loss got y of shape (4,) and t of shape (4, 1): they must be equal...
    """

    activation = ""
    buffers: ClassVar[tuple[str, ...]] = ()
    batch_weight: float | None = None

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # what the class was called with, for repr

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_keywords(cls, kwargs)
        if (args or kwargs) and cls.__init__ is object.__init__:  # which would ignore them
            raise TypeError(f"{cls.__name__} takes no arguments; got {shown_call(args, kwargs)}")
        self = super().__new__(cls)
        self._arguments = args, kwargs
        return self

    def forward(self, y: Array, t: Array) -> float:
        """L(y, t); keeps what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, y, t)")

    def backward(self) -> Array:
        """dL/dy of the last `forward`, of the shape of y."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self)")

    def check(self, y: Array, t: Array) -> None:
        """Refuse targets that do not fit the outputs."""
        if y.shape != t.shape or not y.size or y.dtype != t.dtype:
            check_targets(self, y, t)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have every `forward` start with `check` and return a Python float."""
        super().__init_subclass__(**kwargs)
        expect_kept(cls)
        if "forward" in cls.__dict__:
            cls.forward = _checked(cls.forward)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what `forward` keeps for `backward`."""
        kept = kept_names(self.__class__)
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __repr__(self) -> str:
        return call(type(self).__name__, *self._arguments)

    if not TYPE_CHECKING:  # a type checker should report such calls and names itself

        def __call__(self, *args: object, **kwargs: object) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be called: write loss.forward(y, t) for the value, "
                f"then loss.backward() for its gradient dL/dy"
            )


def weighted_sum(weights: Array, values: Array) -> float:
    """Σ weights · values over all elements; a weight of 0 adds 0, even if the value is infinite."""
    if values.size < 100_000:  # of more float32 numbers, the running sum of `vdot` loses digits
        total = float(np.vdot(weights, values))  # which does not warn of 0 · ∞
        if not math.isnan(total):
            return total
    return float((weights * np.where(weights, values, 0)).sum())


def _checked(forward: Callable[..., float]) -> Callable[..., float]:
    @functools.wraps(forward)
    def checked(self: Loss, y: Array, t: Array) -> float:
        if type(y) is not np.ndarray or type(t) is not np.ndarray or y.dtype.kind != "f":
            y = floats(y, "y")
            check_array("t", t)
        self.check(y, t)
        value = forward(self, y, t)
        if type(value) is float:  # np.ndim would take longer than some losses
            return value
        if np.ndim(value):
            raise TypeError(
                f"{type(self).__name__}.forward must return one number; it returned an array of "
                f"shape {np.shape(value)}. Did you forget .mean()?"
            )
        try:
            return float(value)
        except (TypeError, ValueError):
            missing = " Does it end in return?" if value is None else ""
            got = f"it returned {shown(value)}.{missing}"
        raise TypeError(f"{type(self).__name__}.forward must return one number; {got}")

    return checked
