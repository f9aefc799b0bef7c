"""Gradient descent, plain and with momentum."""

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import boolean, fraction
from tinynet.optimizers.base import LearningRate, Optimizer
from tinynet.optimizers.per_parameter import Factors, number_or_vector
from tinynet.option import Option
from tinynet.parameters import Parameterized
from tinynet.types import Array


class SGD(Optimizer):
    """θ ← θ − η g, gradient descent with the gradient g = ∇L.

    With momentum μ:              v ← μ v + g,  θ ← θ − η v.
    With Nesterov's momentum:     v ← μ v + g,  θ ← θ − η (g + μ v).

    Weight decay λ makes g = ∇L + λ θ. The momentum is PyTorch's: v holds
    gradients, so a new η takes effect at once. Keras and Sutskever put η into v, which is the same
    if η is constant.

    Args:
        net, lr, clip_norm, clip_value, rates: as for `Optimizer`.
        momentum: μ, at least 0 and below 1.
        nesterov: whether the momentum is Nesterov's; needs `momentum`.
        weight_decay: λ, at least 0: a number, or a vector with one for each parameter, such as
            0.01 * tinynet.per_parameter(net, {"*.b": 0.0}).

    References:
        H. Robbins and S. Monro, "A stochastic approximation method" (1951).
        B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
        I. Sutskever et al., "On the importance of initialization and momentum in deep learning"
        (2013), for Nesterov's.

    Example:
        >>> from tinynet import Dense
        >>> net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
        >>> optimizer = SGD(net, lr=0.1, momentum=0.5)
        >>> for net.grads[...] in (2.0, 1.0):  # v = 2, then 0.5 · 2 + 1
        ...     optimizer.step()
        >>> net.params
        array([-0.4])
    """

    state: tuple[str, ...] = ("velocity",)

    velocity: Array

    momentum = Option(fraction)
    nesterov = Option(boolean)
    weight_decay = Factors(number_or_vector)

    def __init__(
        self,
        net: Parameterized,
        lr: LearningRate,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | ArrayLike = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        rates: ArrayLike | None = None,
    ) -> None:
        self.momentum, self.nesterov = momentum, nesterov
        if nesterov and not momentum:
            raise ValueError("nesterov=True needs momentum above 0, for instance momentum=0.9")
        if not momentum:
            self.state = ()
        super().__init__(net, lr, clip_norm=clip_norm, clip_value=clip_value, rates=rates)
        self.weight_decay = weight_decay

    @property
    def plain(self) -> bool:
        """Whether a step is θ ← θ − η ∇L and nothing else."""
        clips = self.clip_norm or self.clip_value
        return not (self.has_vectors or self.momentum or self.weight_decay or clips)

    def update(self, params: Array, grads: Array, rate: float) -> None:
        work = self.work
        grads = self.decayed(params, grads, self.weight_decay)
        if self.momentum:
            if not self.state:  # the momentum was set after construction
                self.state, self.velocity = SGD.state, np.zeros_like(params)
            self.velocity *= self.momentum
            self.velocity += grads
            if self.nesterov:  # η μ v now, η g below
                np.multiply(self.velocity, rate * self.momentum, work)
                params -= work
            else:
                grads = self.velocity
        np.multiply(grads, rate, work)
        params -= work
