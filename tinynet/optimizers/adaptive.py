"""Adagrad and RMSprop: optimizers that divide by the size of past gradients."""

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import fraction, positive
from tinynet.optimizers.base import LearningRate, Optimizer
from tinynet.optimizers.per_parameter import Factors, number_or_vector
from tinynet.option import Option
from tinynet.parameters import Parameterized
from tinynet.types import Array


class Adagrad(Optimizer):
    """s ← s + g², θ ← θ − η g / (√s + ε): parameters with large gradients so far move less.

    The default rate and ε are PyTorch's. Weight decay λ makes g = ∇L + λ θ.

    Args:
        net, lr, clip_norm, clip_value, rates: as for `Optimizer`.
        eps: ε, positive.
        weight_decay: λ, at least 0: a number, or a vector with one for each parameter, such as
            0.01 * tinynet.per_parameter(net, {"*.b": 0.0}).

    References:
        J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods" (2011).

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = Adagrad(net, lr=0.1)
        >>> for net.grads[...] in (3.0, 4.0):  # steps of 0.1 · 3/3 and 0.1 · 4/5
        ...     optimizer.step()
        >>> net.params
        array([-0.18])
    """

    state = ("squares",)

    squares: Array

    eps = Option(positive)
    weight_decay = Factors(number_or_vector)

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate = 0.01,
        *,
        eps: float = 1e-10,
        weight_decay: float | ArrayLike = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        self.eps = eps
        super().__init__(net, lr, clip_norm=clip_norm, clip_value=clip_value, rates=rates)
        self.weight_decay = weight_decay

    def update(self, params: Array, grads: Array, rate: float) -> None:
        g, s, work = self.decayed(params, grads, self.weight_decay), self.squares, self.work
        s += np.multiply(g, g, out=work)
        np.sqrt(s, out=work)
        work += self.eps
        np.divide(g, work, out=work)
        work *= rate
        params -= work


class RMSprop(Optimizer):
    """s ← α s + (1 − α) g², θ ← θ − η g / (√s + ε): Adagrad that forgets old gradients.

    With momentum μ, v ← μ v + g / (√s + ε) and θ ← θ − η v. The defaults, and ε outside the root,
    are PyTorch's; Keras calls α `rho` and takes 0.9. Weight decay λ makes g = ∇L + λ θ.

    Args:
        net, lr, clip_norm, clip_value, rates: as for `Optimizer`.
        alpha: α, at least 0 and below 1.
        eps: ε, positive.
        momentum: μ, at least 0 and below 1.
        weight_decay: λ, at least 0: a number, or a vector with one for each parameter, such as
            0.01 * tinynet.per_parameter(net, {"*.b": 0.0}).

    References:
        T. Tieleman and G. Hinton, "Neural networks for machine learning", lecture 6.5 (2012).

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = RMSprop(net, lr=0.1, alpha=0.75)
        >>> net.grads[...] = 3
        >>> optimizer.step()  # 0.1 · 3 / √(0.25 · 9)
        >>> net.params
        array([-0.2])
    """

    state: tuple[str, ...] = ("squares", "velocity")

    squares: Array
    velocity: Array

    alpha = Option(fraction)
    eps = Option(positive)
    momentum = Option(fraction)
    weight_decay = Factors(number_or_vector)

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float | ArrayLike = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        if not momentum:
            self.state = ("squares",)
        super().__init__(net, lr, clip_norm=clip_norm, clip_value=clip_value, rates=rates)
        self.weight_decay = weight_decay

    def update(self, params: Array, grads: Array, rate: float) -> None:
        g, s, work = self.decayed(params, grads, self.weight_decay), self.squares, self.work
        s *= self.alpha
        np.multiply(g, g, out=work)
        work *= 1 - self.alpha
        s += work
        np.sqrt(s, out=work)
        work += self.eps
        velocity = np.divide(g, work, out=work)
        if self.momentum:
            velocity = self.velocity
            velocity *= self.momentum
            velocity += work
        np.multiply(velocity, rate, out=work)
        params -= work
