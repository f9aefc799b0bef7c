"""Loss: the contract that all losses keep."""

import copy
import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers, check_array, check_targets, floats
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

    # after a `forward_weighted`: factors of the rows of dL/dy, and what `forward` had counted
    _weighting: tuple[Array, float | None] | None = None
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

    def forward_weighted(self, y: Array, t: Array, weights: ArrayLike) -> float:
        """L = Σₙ wₙ lₙ / Σₙ wₙ cₙ with a weight w for each example; `backward` gives its gradient.

        l is what `per_example` gives, and c how much an example counts: 1, or with class weights
        PyTorch's wₜ. So a weight of 2 is the same as an example that comes twice, and a weight of 0
        the same as one that is left out. If nothing counts, L and dL/dy are 0.

        Args:
            weights: (N,), finite numbers of at least 0.

        Raises:
            ValueError: weights that are not one for each example, or negative.

        Example:
            >>> import numpy as np
            >>> from tinynet import MSELoss
            >>> loss = MSELoss()
            >>> loss.forward_weighted(np.array([[1.0], [4.0]]), np.zeros((2, 1)), [3.0, 1.0])
            4.75
            >>> loss.backward()
            array([[1.5],
                   [2. ]])
        """
        y = _checked_arrays(self, y, t)
        weights = check_weights("weights", weights, len(y))
        value = self.forward(y, t)
        counted = self.batch_weight
        whole = len(y) if counted is None else counted
        losses, counts = self._examples(y, t)
        mean = losses.sum() / (counts.sum() or 1)
        if not self.buffers and math.isfinite(value) and abs(mean - value) > 1e-4 * abs(value):
            raise ValueError(
                f"weights need a loss that is a mean over the examples; got {self!r}, which is "
                f"{value:g}, and {mean:g} as the mean of the losses of single examples"
            )
        self.batch_weight = count = float(weights @ counts)
        divisor = count or 1.0
        factors = weights * ((whole or 1.0) / divisor if count else 0)
        self._weighting = factors.astype(y.dtype, copy=False), counted
        return weighted_sum(weights, losses) / divisor if count else 0.0

    def per_example(self, y: Array, t: Array) -> Array:
        """The losses l of single examples (N,), whose mean is L (PyTorch's `reduction="none"`).

        Over the elements of an example, it is the mean or the sum that L takes. With class weights,
        an ignored index or steps, their sum is divided not by N but by what counts; see the loss.

        Example:
            >>> import numpy as np
            >>> from tinynet import MSELoss
            >>> MSELoss().per_example(np.array([[1.0, 3.0], [4.0, 0.0]]), np.zeros((2, 2)))
            array([5., 8.])
        """
        y = _checked_arrays(self, y, t)
        return self._examples(y, t)[0]

    def _examples(self, y: Array, t: Array) -> tuple[Array, Array]:
        """The loss of each example, and how much it counts: here by `forward` of each alone."""
        losses, counts = np.empty(len(y), y.dtype), np.empty(len(y))
        for n in range(len(y)):
            own = copy.deepcopy(self) if self.buffers else copy.copy(self)
            value = own.forward(y[n : n + 1], t[n : n + 1])
            counts[n] = 1 if own.batch_weight is None else own.batch_weight
            losses[n] = value * counts[n]
        return losses, counts

    def check(self, y: Array, t: Array) -> None:
        """Refuse targets that do not fit the outputs."""
        if y.shape != t.shape or not y.size or y.dtype != t.dtype:
            check_targets(self, y, t)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have every `forward` start with `check` and return a Python float."""
        super().__init_subclass__(**kwargs)
        expect_kept(cls)
        if "forward" in cls.__dict__ and "_examples" not in cls.__dict__:
            cls._examples = Loss._examples  # type: ignore[method-assign]  # not that of the parent
        if "forward" in cls.__dict__:
            cls.forward = _checked(cls.forward)  # type: ignore[method-assign]
        if "backward" in cls.__dict__:
            cls.backward = _weighted(cls.backward)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what `forward` keeps for `backward`."""
        kept = {*kept_names(self.__class__), "_weighting"}
        if self._weighting is not None:  # which is what the last `forward_weighted` counted
            kept.add("batch_weight")
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __repr__(self) -> str:
        return call(type(self).__name__, *self._arguments)

    if not TYPE_CHECKING:  # a type checker should report such calls and names itself

        def __call__(self, *args: object, **kwargs: object) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be called: write loss.forward(y, t) for the value, "
                f"then loss.backward() for its gradient dL/dy"
            )


def forward(loss: Loss, y: Array, t: Array, weights: Array | None = None) -> float:
    """`forward`, or with weights `forward_weighted`."""
    return loss.forward(y, t) if weights is None else loss.forward_weighted(y, t, weights)


def check_weights(name: str, weights: ArrayLike, examples: int) -> Array:
    """The weights of examples as float64, of which each must be finite and at least 0."""
    array = as_numbers(weights, name)
    if array.shape != (examples,):
        raise ValueError(
            f"{name} must hold one number for each example, ({examples},); got the shape "
            f"{array.shape}"
        )
    wrong = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if wrong.size:
        raise ValueError(
            f"{name} must be finite and at least 0; got {array[wrong[0]]} for example {wrong[0]}"
        )
    return array.astype(np.float64, copy=False)


def mean_of_each(values: Array) -> tuple[Array, Array]:
    """The mean over the elements of each example, which all count the same."""
    return values.reshape(len(values), -1).mean(axis=1), np.ones(len(values))


def weighted_sum(weights: Array, values: Array) -> float:
    """Σ weights · values over all elements; a weight of 0 adds 0, even if the value is infinite."""
    if values.size < 100_000:  # of more float32 numbers, the running sum of `vdot` loses digits
        total = float(np.vdot(weights, values))  # which does not warn of 0 · ∞
        if not math.isnan(total):
            return total
    return float((weights * np.where(weights, values, 0)).sum())


def _checked_arrays(loss: Loss, y: Array, t: Array) -> Array:
    """y, as floats; an error if it or t cannot be taken."""
    if type(y) is not np.ndarray or type(t) is not np.ndarray or y.dtype.kind != "f":
        y = floats(y, "y")
        check_array("t", t)
    loss.check(y, t)
    return y


def _weighted(backward: Callable[..., Array]) -> Callable[..., Array]:
    """The `backward` of a loss, whose rows have the factors of the last weighted pass."""

    @functools.wraps(backward)
    def weighted(self: Loss) -> Array:
        if self._weighting is None:
            return backward(self)
        weighting, weight = self._weighting, self.batch_weight
        factors, counted = weighting
        # as after `forward` alone, also for a backward of the parent class that this one calls
        self._weighting, self.batch_weight = None, counted
        try:
            dy = backward(self)
        finally:
            self._weighting, self.batch_weight = weighting, weight
        rows = factors.reshape(-1, *(1,) * (dy.ndim - 1))
        return np.where(rows, dy * rows, 0)  # an example without weight may have a slope of ∞

    return weighted


def _checked(forward: Callable[..., float]) -> Callable[..., float]:
    @functools.wraps(forward)
    def checked(self: Loss, y: Array, t: Array) -> float:
        y = _checked_arrays(self, y, t)
        if self._weighting is not None:  # of a weighted pass before
            self._weighting = None
            vars(self).pop("batch_weight", None)
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
