"""Dropout: while training, a random part of the elements is set to zero."""

from functools import partial

import numpy as np

from tinynet.checks import check_gradient, floats, fraction, random_generator
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.types import Array, Rng


class Dropout(Layer):
    """y = x m / (1 − rate), where each m is 0 with probability `rate`, else 1; inference y = x.

    dx = dy m / (1 − rate). Each `forward` draws a new m. The division keeps the mean of y at x
    ("inverted" dropout), so `predict` needs no correction: it returns x itself, not a copy. Inside
    a `Frozen` it still drops elements, because it has nothing that could change.

    Args:
        rate: the probability of dropping an element (Keras's `rate`, PyTorch's `p`; in the paper
            p is the probability of keeping it), 0 ≤ rate < 1.
        rng: random numbers for m. Give all layers of a network one Generator: layers with the same
            int would drop the same elements.

    References:
        N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting"
        (2014).

    Example:
        >>> layer = Dropout(0.5, rng=0)
        >>> layer.forward(np.ones((2, 4)))
        array([[2., 2., 2., 0.], [0., 0., 0., 0.]])
        >>> layer.predict(np.ones((1, 4)))
        array([[1., 1., 1., 1.]])
    """

    rate = Option(partial(fraction, rule="the probability of dropping an element, 0 <= rate < 1"))

    def __init__(self, rate: float, *, rng: Rng = None) -> None:
        self.rate = rate
        self.rng = random_generator(rng)

    def forward(self, x: Array) -> Array:
        x = floats(x, "x")
        # the same numbers for both float types, so that float32 drops the same elements as float64
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.rate
        self._scaled_mask = np.multiply(kept, 1 / (1 - self.rate), dtype=np.result_type(x, 1.0))
        return x * self._scaled_mask

    def predict(self, x: Array) -> Array:
        return floats(x, "x")

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._scaled_mask.shape)
        return dy * self._scaled_mask
