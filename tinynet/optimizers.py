"""Optimizers: how the gradients move the parameters."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from tinynet.checks import real
from tinynet.text import written
from tinynet.types import Array

__all__ = ["SGD", "LearningRate", "Optimizer"]

LearningRate: TypeAlias = float | Callable[[int], float]
"""A positive number, or a function of the number of steps taken so far."""


class Learner(Protocol):
    """What an optimizer asks of a network: two flat vectors of the same length."""

    params: Array
    grads: Array

    def check_windows(self) -> None:
        """Refuse a layer whose windows have left the vectors."""


class Optimizer:
    """Moves `net.params` along `net.grads`: an optimizer of your own defines `update`.

    Args:
        net: a network or any part of one; only its parameters move.
        lr: the learning rate, a positive number or a function of the number of steps taken.

    Attributes:
        net: what it moves.
        lr: as given; may be assigned at any time.
        steps: number of steps taken.

    Raises:
        ValueError: a rate that is not positive and finite, or a network with nothing to learn.
    """

    def __init__(self, net: Learner, lr: LearningRate) -> None:
        net.check_windows()
        if not net.params.size:
            raise ValueError(f"{type(self).__name__} got {net!r}, which has no parameters to learn")
        if not callable(lr) and _rate(lr, "lr") == 0:
            raise ValueError("lr must be a positive number; got 0, which would learn nothing")
        self.net, self.lr, self.steps = net, lr, 0

    def rate(self) -> float:
        """The learning rate of the next step."""
        if callable(self.lr):
            return _rate(self.lr(self.steps), f"lr({self.steps})")
        return float(self.lr)

    def step(self) -> None:
        """Move the parameters once."""
        self.update(self.net.params, self.net.grads, self.rate())
        self.steps += 1

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """Overwrite params, flat, with their next values; grads are left as they are."""
        raise NotImplementedError(f"{type(self).__name__} must define update(params, grads, rate)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.net).__name__}, lr={written(self.lr)})"


class SGD(Optimizer):
    """θ ← θ − η ∇L, gradient descent.

    References:
        H. Robbins and S. Monro, "A stochastic approximation method" (1951).

    Example:
        >>> import numpy as np
        >>> from tinynet import Dense, MSELoss
        >>> net, loss = Dense(1, 1, rng=0), MSELoss()
        >>> optimizer = SGD(net, lr=0.1)
        >>> x, t = np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])
        >>> for _ in range(2000):
        ...     value = loss.forward(net.forward(x), t)
        ...     _ = net.backward(loss.backward())
        ...     optimizer.step()
        >>> net.params.round(3)  # W and b of 2 x + 1
        array([2., 1.])
    """

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """θ ← θ − η ∇L."""
        params -= rate * grads


def _rate(value: object, name: str) -> float:
    """A learning rate as a Python float: a NumPy scalar would make float32 parameters float64."""
    rate = real(value, name, "a positive finite number")
    if rate < 0:
        raise ValueError(f"{name} must be a positive finite number; got {value!r}")
    return rate
