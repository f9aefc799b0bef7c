"""What all optimizers share: the rate, clipping, and memory that is allocated once."""

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np

from tinynet.checks import not_negative, positive
from tinynet.text import written
from tinynet.types import Array

__all__ = ["Learner", "LearningRate", "Optimizer"]

LearningRate: TypeAlias = float | Callable[[int], float]
"""A positive number, or a function of the number of steps taken so far."""


class Learner(Protocol):
    """What an optimizer asks of a network: two flat vectors of the same length."""

    params: Array
    grads: Array

    def check_views(self) -> None:
        """Refuse a layer whose views have left the vectors."""


class Optimizer:
    """Moves `net.params` along `net.grads`: an optimizer of your own defines `update`.

    What it remembers from step to step are flat vectors as long as the parameters; it names them
    in `state`, and they start at zero. `update` writes intermediate results into `self.work`, a
    vector that is there for that, so that no step allocates memory. The gradients themselves are
    never written into: a clipped gradient is a copy.

    Args:
        net: a network or any part of one; only its parameters move.
        lr: the learning rate η, a positive number or a function of the number of steps taken, see
            `tinynet.schedules`; a function may also return 0.
        clip_norm: scale a gradient whose Euclidean norm is larger down to this norm, all
            parameters together: g ← g min(1, c / ‖g‖).
        clip_value: clip each element of the gradient to [−c, c]; before `clip_norm`.

    Attributes:
        net: what it moves.
        lr: as given; may be assigned at any time.
        steps: number of steps taken.
        state: names of the vectors that it remembers.
        work: a vector as long as the parameters, for `update` to compute in.

    Raises:
        ValueError: a rate or clip that is not positive and finite, or a network with nothing to
            learn.

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

    _lr: LearningRate
    work = _gradient = np.empty(0)  # an instance gets its own with the first step

    def __init__(
        self,
        net: Learner,
        lr: LearningRate,
        *,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        if not hasattr(net, "check_views"):
            raise TypeError(
                f"{type(self).__name__} takes the network, not its parameters: "
                f"{type(self).__name__}(net, ...); got {type(net).__name__}"
            )
        net.check_views()
        if not net.params.size:
            raise ValueError(f"{type(self).__name__} got {net!r}, which has no parameters to learn")
        self.net, self.lr, self.steps = net, lr, 0
        self.clip_norm = None if clip_norm is None else positive(clip_norm, "clip_norm")
        self.clip_value = None if clip_value is None else positive(clip_value, "clip_value")
        for name in self.state:
            setattr(self, name, np.zeros_like(net.params))

    @property
    def lr(self) -> LearningRate:
        """The learning rate as given, a number or a function of the step."""
        return self._lr

    @lr.setter
    def lr(self, lr: LearningRate) -> None:
        # a Python float: a NumPy scalar would make float32 parameters float64
        self._lr = lr if callable(lr) else positive(lr, "lr")

    def rate(self) -> float:
        """The learning rate of the next step."""
        if callable(self._lr):
            return not_negative(self._lr(self.steps), f"lr({self.steps})")
        return self._lr

    def step(self) -> None:
        """Move the parameters once."""
        params, grads, rate = self.net.params, self.net.grads, self.rate()
        if self.work.dtype != params.dtype or self.work.size != params.size:
            self._fit(params)
        if self.clip_norm or self.clip_value:
            grads = self._clip(grads)
        self.update(params, grads, rate)
        self.steps += 1

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """Overwrite params, flat, with their next values; grads are left as they are."""
        raise NotImplementedError(f"{type(self).__name__} must define update(params, grads, rate)")

    def named_state(self) -> Iterator[tuple[str, Array]]:
        """("velocity", vector), ...: what a checkpoint holds besides the parameters and `steps`."""
        for name in self.state:
            yield name, getattr(self, name)

    def decayed(self, params: Array, grads: Array, weight_decay: float) -> Array:
        """∇L + λ θ, the gradient of L + ½ λ ‖θ‖²."""
        if not weight_decay:
            return grads
        np.multiply(weight_decay, params, out=self.work)
        return np.add(grads, self.work, out=self._second(params))

    def _clip(self, grads: Array) -> Array:
        """The gradient within its bounds, as a copy."""
        clipped = self._second(grads)
        if self.clip_value:
            grads = np.clip(grads, -self.clip_value, self.clip_value, out=clipped)
        if self.clip_norm and (norm := _norm(grads)) > self.clip_norm:
            grads = np.multiply(grads, self.clip_norm / norm, out=clipped)
        return grads

    def _second(self, like: Array) -> Array:
        """A second buffer, for a gradient that is not quite that of the network."""
        if self._gradient.dtype != like.dtype or self._gradient.size != like.size:
            self._gradient = np.empty_like(like)
        return self._gradient

    def _fit(self, params: Array) -> None:
        """Have a buffer and the state in the parameters' float type, which a bind may change."""
        for name, vector in self.named_state():
            if vector.shape != params.shape:
                raise ValueError(
                    f"{type(self).__name__}.{name} has the shape {vector.shape} and the parameters "
                    f"{params.shape}: is it of another network?"
                )
            setattr(self, name, vector.astype(params.dtype, copy=False))
        self.work = np.empty_like(params)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the buffers out: a copy makes its own."""
        return {name: value for name, value in vars(self).items() if name not in _BUFFERS}

    def __repr__(self) -> str:
        options = {"lr": self.lr}
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if name in vars(self) and name != "net" and getattr(self, name) != parameter.default:
                options[name] = getattr(self, name)
        shown = ", ".join(f"{name}={written(value)}" for name, value in options.items())
        return f"{type(self).__name__}({type(self.net).__name__}, {shown})"


_BUFFERS = ("work", "_gradient")


def _norm(vector: Array) -> float:
    """Euclidean norm, also where the sum of squares leaves the range of the float type."""
    with np.errstate(over="ignore"):
        squares = float(vector.dot(vector))
    if 0 < squares < math.inf:
        return math.sqrt(squares)
    largest = max(float(vector.max()), -float(vector.min()))
    if not 0 < largest < math.inf:
        return largest
    scaled = vector / largest
    return largest * math.sqrt(float(scaled.dot(scaled)))
