"""Adam, and Adam with decoupled weight decay."""

import math

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import fraction, positive
from tinynet.optimizers.base import LearningRate, Optimizer
from tinynet.optimizers.per_parameter import Factors, number_or_vector
from tinynet.option import Option
from tinynet.parameters import Parameterized
from tinynet.types import Array


def _betas(value: object, name: str) -> tuple[float, float]:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(
            f"{name} must be two numbers in [0, 1), such as (0.9, 0.999); got {value!r}"
        )
    return fraction(value[0], f"{name}[0]"), fraction(value[1], f"{name}[1]")


class Adam(Optimizer):
    """θ ← θ − η m̂ / (√v̂ + ε), with running means m̂ of the gradients and v̂ of their squares.

    In step t = 1, 2, ...

        m ← β₁ m + (1 − β₁) g
        v ← β₂ v + (1 − β₂) g²
        m̂ = m / (1 − β₁ᵗ)
        v̂ = v / (1 − β₂ᵗ).

    m and v start at zero; the divisions correct for that. Defaults and ε outside the root are the
    paper's and PyTorch's. Weight decay λ makes g = ∇L + λ θ, which the division by √v̂ then mostly
    cancels; `AdamW` keeps the two apart.

    Args:
        net, lr, clip_norm, clip_value, rates: as for `Optimizer`.
        betas: β₁ and β₂, each at least 0 and below 1.
        eps: ε, positive.
        weight_decay: λ, at least 0: a number, or a vector with one for each parameter, such as
            0.01 * tinynet.per_parameter(net, {"*.b": 0.0}).

    References:
        D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = Adam(net, lr=0.1)
        >>> for net.grads[...] in (5.0, 5.0):  # a constant gradient of any size gives steps of lr
        ...     optimizer.step()
        >>> net.params.round(6)
        array([-0.2])
    """

    state = ("mean", "squares")

    mean: Array
    squares: Array

    betas = Option(_betas)
    eps = Option(positive)
    weight_decay = Factors(number_or_vector)

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | ArrayLike = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        self.betas, self.eps = betas, eps
        super().__init__(net, lr, clip_norm=clip_norm, clip_value=clip_value, rates=rates)
        self.weight_decay = weight_decay

    def update(self, params: Array, grads: Array, rate: float) -> None:
        self._move(params, self.decayed(params, grads, self.weight_decay), rate)

    def _move(self, params: Array, g: Array, rate: float) -> None:
        """A step along the gradient g."""
        (beta1, beta2), m, v, work = self.betas, self.mean, self.squares, self.work
        t = self.steps + 1
        m *= beta1  # m ← β₁ m + (1 − β₁) g
        m += np.multiply(g, 1 - beta1, out=work)
        v *= beta2  # v ← β₂ v + (1 − β₂) g²
        np.multiply(g, g, out=work)
        work *= 1 - beta2
        v += work
        # With r = √(1 − β₂ᵗ), m̂ / (√v̂ + ε) = m / (√v + ε r) · r / (1 − β₁ᵗ). The right-hand side
        # needs no vectors m̂ and v̂, which would make a step 20 % slower.
        r = math.sqrt(1 - beta2**t)
        np.sqrt(v, out=work)
        work += self.eps * r
        np.divide(m, work, out=work)
        work *= rate * r / (1 - beta1**t)
        params -= work


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − η λ θ, then a step of Adam with g = ∇L.

    So all weights shrink by the same fraction, whatever the size of their gradients. The product
    η λ and the default λ are PyTorch's; the paper has λ alone.

    Args:
        net, lr, clip_norm, clip_value, rates, betas, eps: as for `Adam`.
        weight_decay: λ, at least 0: a number, or a vector with one for each parameter, such as
            0.01 * tinynet.per_parameter(net, {"*.b": 0.0}).

    References:
        I. Loshchilov and F. Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.ones(shape))
        >>> optimizer = AdamW(net, lr=0.1, weight_decay=0.5)
        >>> optimizer.step()  # the gradient is zero; the weight shrinks by 5 %
        >>> net.params
        array([0.95])
    """

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | ArrayLike = 0.01,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        clipping = {"clip_norm": clip_norm, "clip_value": clip_value}
        super().__init__(
            net, lr, betas=betas, eps=eps, weight_decay=weight_decay, **clipping, rates=rates
        )

    def update(self, params: Array, grads: Array, rate: float) -> None:
        if isinstance(self.weight_decay, np.ndarray):
            np.multiply(params, self.weight_decay, out=self.work)
            self.work *= rate
            params -= self.work
        else:
            params *= 1 - rate * self.weight_decay
        self._move(params, grads, rate)
