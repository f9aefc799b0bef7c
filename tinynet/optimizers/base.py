"""Optimizer: the learning rate, clipping, and memory that all optimizers share."""

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import not_negative, optional, positive, rate
from tinynet.declared import attributes
from tinynet.foreign_names import KEYWORDS, answering, check_keywords
from tinynet.optimizers.first_step import check_first_step
from tinynet.optimizers.per_parameter import Factors, none_or_vector
from tinynet.option import Option
from tinynet.parameter_checks import check_has_parameters
from tinynet.parameters import Parameterized
from tinynet.text import written
from tinynet.types import Array

LearningRate: TypeAlias = float | Callable[[int], float]
"""A positive number, or a function of the number of steps taken so far."""

_FACTORS = "rates", "weight_decay"  # the options that may be vectors
_FOREIGN = (
    "zero_grad param_groups learning_rate state_dict load_state_dict minimize apply_gradients"
)


@answering((*_FOREIGN.split(), *KEYWORDS))
class Optimizer:
    """Moves `net.params` by means of `net.grads`: an optimizer of your own defines `update`.

    `state` names the vectors that it remembers from step to step. They are as long as the
    parameters and start at zero. `update` may write intermediate results into the vector
    `self.work`, which is as long, so that no step allocates memory. It never writes into the
    gradients; a clipped gradient is a copy.

    Args:
        net: a network or any part of one; only its parameters move.
        lr: the learning rate η, a positive number or a function of the number of steps taken, see
            `tinynet.schedules`; a function may also return 0.
        clip_norm: c, the largest Euclidean norm of the gradient of all parameters together:
            g ← g min(1, c / ‖g‖).
        clip_value: clip each element of the gradient to [−c, c]; before `clip_norm`.
        rates: r, a factor of the learning rate for each element of `net.params`, at least 0, such
            as `tinynet.per_parameter` makes them; None for 1. What an update changes is multiplied
            by it, θ ← θ + r (update(θ) − θ); with 0, the parameter stays where it is.

    Attributes:
        net, lr: as given; lr may be assigned at any time.
        steps: number of steps taken.

    Raises:
        ValueError: a rate or clip that is not positive and finite, a net without parameters, or
            `rates` of another length, or with a number that is negative, infinite or NaN.

    References:
        R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
        networks" (2013), for `clip_norm`. PyTorch divides by ‖g‖ + 10⁻⁶.

    Example:
        >>> from tinynet import Dense
        >>> class Momentum(Optimizer):
        ...     '''v ← 0.9 v + ∇L, θ ← θ − η v.'''
        ...
        ...     state = ("velocity",)
        ...
        ...     def update(self, params, grads, rate):
        ...         self.velocity *= 0.9
        ...         self.velocity += grads
        ...         params -= np.multiply(rate, self.velocity, out=self.work)
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = Momentum(net, lr=0.1, clip_norm=1.0)
        >>> net.grads[...] = 4
        >>> for _ in range(2):
        ...     optimizer.step()
        >>> net.params.round(6), optimizer.velocity, net.grads
        (array([-0.29]), array([1.9]), array([4.]))
    """

    state: tuple[str, ...] = ()

    lr = Option(rate)
    clip_norm = Option(optional(positive))
    clip_value = Option(optional(positive))
    rates = Factors(none_or_vector)

    work = _changed = _start = np.empty(0)  # an instance allocates its own in the first step

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        check_keywords(cls, kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        check_has_parameters(type(self).__name__, net)
        if isinstance(self.state, str):
            me = type(self).__name__
            raise TypeError(f"{me}.state must be a tuple of names: write ({self.state!r},)")
        self.net, self.lr, self.steps = net, lr, 0
        self.clip_norm, self.clip_value, self.rates = clip_norm, clip_value, rates
        for name in self.state:
            setattr(self, name, np.zeros_like(net.params))

    def rate(self) -> float:
        """The learning rate of the next step."""
        lr: LearningRate = self.lr
        return not_negative(lr(self.steps), f"lr({self.steps})") if callable(lr) else lr

    def step(self) -> None:
        """Update the parameters once."""
        params, grads, rate = self.net.params, self.net.grads, self.rate()
        before = None
        if self.work.dtype != params.dtype or self.work.size != params.size:
            self.allocate()
            before = params.copy()
        if self.clip_norm or self.clip_value:
            grads = self._clip(grads)
        start = None if self.rates is None else self._copied(params)
        returned: object = self.update(params, grads, rate)  # type: ignore[func-returns-value]
        if start is not None:  # θ ← θ + r (update(θ) − θ)
            np.subtract(params, start, out=self.work)
            np.multiply(self.work, self.rates, out=self.work)
            np.add(start, self.work, out=params)
            np.copyto(params, start, where=self.rates == 0)  # 0 · ∞ would be NaN
        if before is not None:
            check_first_step(self, before, rate, returned)
        self.steps += 1

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """Overwrite the flat vector params with its next values, and leave grads unchanged."""
        raise NotImplementedError(f"{type(self).__name__} must define update(params, grads, rate)")

    def named_state(self) -> Iterator[tuple[str, Array]]:
        """("velocity", vector), ...: saved in checkpoints, with the parameters and `steps`."""
        for name in self.state:
            yield name, getattr(self, name)

    @property
    def has_vectors(self) -> bool:
        """Whether the rate or the weight decay differs from parameter to parameter."""
        return any(isinstance(getattr(self, name, None), np.ndarray) for name in _FACTORS)

    def decayed(self, params: Array, grads: Array, weight_decay: float | Array) -> Array:
        """∇L + λ θ, the gradient of L + ½ Σ λ θ², with one λ or one for each parameter."""
        if isinstance(weight_decay, float) and not weight_decay:
            return grads
        np.multiply(weight_decay, params, out=self.work)
        return np.add(grads, self.work, out=self._changed)

    def _clip(self, grads: Array) -> Array:
        """A copy of the gradient within the bounds."""
        if self.clip_value:
            grads = np.clip(grads, -self.clip_value, self.clip_value, out=self._changed)
        if self.clip_norm and (norm := _norm(grads)) > self.clip_norm:
            grads = np.multiply(grads, self.clip_norm / norm, out=self._changed)
        return grads

    def _copied(self, params: Array) -> Array:
        """The parameters as they are now, in a vector that each step overwrites."""
        if self._start.dtype != params.dtype or self._start.size != params.size:
            self._start = np.empty_like(params)
        np.copyto(self._start, params)
        return self._start

    def allocate(self) -> None:
        """Make the vectors to compute in; cast the others if the float type has changed."""
        params = self.net.params
        for name, vector in self.named_state():
            if vector.shape != params.shape:
                raise ValueError(
                    f"{type(self).__name__}.{name} has the shape {vector.shape} and the parameters "
                    f"{params.shape}: is it of another network?"
                )
            setattr(self, name, vector.astype(params.dtype, copy=False))
        for name in _FACTORS:
            if isinstance(value := getattr(self, name, None), np.ndarray):
                setattr(self, name, value)
        self.work, self._changed = np.empty_like(params), np.empty_like(params)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the vectors to compute in."""
        left_out = ("work", "_changed", "_start")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __repr__(self) -> str:
        own, options = attributes(self), {"lr": self.lr}
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if name in own and name != "net":
                value = getattr(self, name)
                if isinstance(value, np.ndarray) or value != parameter.default:
                    options[name] = value
        shown = ", ".join(f"{name}={written(value)}" for name, value in options.items())
        return f"{type(self).__name__}({type(self.net).__name__}, {shown})"


def _norm(vector: Array) -> float:
    """The Euclidean norm, also if the sum of squares is out of the range of the float type."""
    with np.errstate(over="ignore"):
        squares = float(vector.dot(vector))
    if 0 < squares < math.inf:
        return math.sqrt(squares)
    largest = max(float(vector.max()), -float(vector.min()))
    if not 0 < largest < math.inf:
        return largest
    scaled = vector / largest
    return largest * math.sqrt(float(scaled.dot(scaled)))
