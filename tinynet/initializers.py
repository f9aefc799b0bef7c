"""Initial weights: functions of a shape and a random generator.

An initializer is any `f(shape, rng) -> array` of that shape; a weight matrix has the shape
`(fan_in, fan_out)`. Values are drawn in float64 and cast by the layer, so that a float32 network
starts from the same numbers, rounded.
"""

from typing import Protocol

import numpy as np

from tinynet.types import Array

__all__ = ["Initializer", "lecun_normal"]


class Initializer(Protocol):
    """What `Dense(..., init=)` takes."""

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator, /) -> Array:
        """Initial values of the given shape."""
        ...


def lecun_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """W ~ N(0, 1 / fan_in): a unit's input then varies as much as each of its inputs does.

    References:
        Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp" (1998), section 4.6.
        The normal distribution is cut nowhere (PyTorch has no such function; Keras cuts at 2σ).

    Example:
        >>> W = lecun_normal((784, 100), np.random.default_rng(0))
        >>> W.shape, bool(abs(W.std() * 28 - 1) < 0.01)
        ((784, 100), True)
    """
    return rng.normal(0.0, shape[0] ** -0.5, shape)
