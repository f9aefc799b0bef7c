"""Adam, and Adam with decoupled weight decay."""

import math

import numpy as np

from tinynet.checks import fraction, not_negative, positive
from tinynet.optimizers.base import Learner, LearningRate, Optimizer
from tinynet.types import Array

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Steps by the mean of the gradients over the root of the mean of their squares.

    m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², both means that fade; with their bias towards
    the zero they start from taken out, θ ← θ − η m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and
    v̂ = v / (1 − β₂ᵗ) in step t = 1, 2, ...

    Defaults and ε outside the root are the paper's and PyTorch's. Weight decay λ makes
    g = ∇L + λ θ, which the root then evens out again; `AdamW` keeps it apart.

    Args:
        net, lr, clip_norm, clip_value: as for `Optimizer`.
        betas: β₁ and β₂, each at least 0 and below 1.
        eps: ε, positive.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: an option outside its range.

    References:
        D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = Adam(net, lr=0.1)
        >>> for net.grads[...] in (5.0, 5.0):  # as long as it is constant, its size is all one
        ...     optimizer.step()
        >>> net.params.round(6)
        array([-0.2])
    """

    state = ("mean", "squares")

    mean: Array
    squares: Array

    def __init__(
        self,
        net: Learner,
        lr: LearningRate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(
                f"betas must be two numbers in [0, 1), such as (0.9, 0.999); got {betas!r}"
            )
        self.betas = fraction(betas[0], "betas[0]"), fraction(betas[1], "betas[1]")
        self.eps = positive(eps, "eps")
        self.weight_decay = not_negative(weight_decay, "weight_decay")
        super().__init__(net, lr, clip_norm=clip_norm, clip_value=clip_value)

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """θ ← θ − η m̂ / (√v̂ + ε)."""
        self._follow(params, self.decayed(params, grads, self.weight_decay), rate)

    def _follow(self, params: Array, g: Array, rate: float) -> None:
        (beta1, beta2), m, v, work = self.betas, self.mean, self.squares, self.work
        t = self.steps + 1
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=work)
        v *= beta2
        np.multiply(g, g, out=work)
        work *= 1 - beta2
        v += work
        root = math.sqrt(1 - beta2**t)  # of v̂ = v / (1 − β₂ᵗ); ε and η take it, to spare v a pass
        np.sqrt(v, out=work)
        work += self.eps * root
        np.divide(m, work, out=work)
        work *= rate * root / (1 - beta1**t)
        params -= work


class AdamW(Adam):
    """Adam with decoupled weight decay: first θ ← θ − η λ θ, then as Adam with g = ∇L.

    So λ shrinks all weights at the same relative speed, however large their gradients are. The
    product η λ and the default λ are PyTorch's; in the paper λ stands alone.

    Args:
        net, lr, clip_norm, clip_value, betas, eps: as for `Adam`.
        weight_decay: λ, at least 0.

    Raises:
        ValueError: an option outside its range.

    References:
        I. Loshchilov and F. Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.ones(shape))
        >>> optimizer = AdamW(net, lr=0.1, weight_decay=0.5)
        >>> optimizer.step()  # no gradient, and a weight 5 % smaller
        >>> net.params
        array([0.95])
    """

    def __init__(
        self,
        net: Learner,
        lr: LearningRate = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            net,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )

    def update(self, params: Array, grads: Array, rate: float) -> None:
        """θ ← θ − η λ θ, θ ← θ − η m̂ / (√v̂ + ε)."""
        params *= 1 - rate * self.weight_decay
        self._follow(params, grads, rate)
