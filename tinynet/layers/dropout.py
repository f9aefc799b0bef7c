"""Dropout: while training, a random part of the elements or of the channels is set to zero."""

from functools import partial

import numpy as np

from tinynet.checks import boolean, check_gradient, floats, fraction, random_generator
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
        channels: whether to drop whole channels of x (N, channels, ...), one m for each channel of
            each example. Neighbouring pixels are nearly equal, so a pixel dropped alone could be
            guessed from them. (PyTorch's `Dropout1d` and `Dropout2d`.) In sequences
            (N, steps, features) the second axis holds the steps; to drop whole features, put it
            between two `Permute((2, 1))`.
        rng: random numbers for m. Give all layers of a network one Generator: layers with the same
            int would drop the same elements.

    References:
        N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting"
        (2014). J. Tompson et al., "Efficient object localization using convolutional networks"
        (2015), for channels.

    Example:
        >>> layer = Dropout(0.5, rng=0)
        >>> layer.forward(np.ones((2, 4)))
        array([[2., 2., 2., 0.], [0., 0., 0., 0.]])
        >>> layer.predict(np.ones((1, 4)))
        array([[1., 1., 1., 1.]])
    """

    rate = Option(partial(fraction, rule="the probability of dropping an element, 0 <= rate < 1"))

    channels = Option(boolean)

    def __init__(self, rate: float, *, channels: bool = False, rng: Rng = None) -> None:
        self.rate, self.channels = rate, channels
        self.rng = random_generator(rng)

    def forward(self, x: Array) -> Array:
        x = self._checked(x)
        shape = x.shape
        if self.channels:
            shape = *shape[:2], *(1,) * (x.ndim - 2)
        # the same numbers for both float types, so that float32 drops the same elements as float64
        kept = self.rng.random(shape, dtype=np.float32) >= self.rate
        self._shape = x.shape
        self._scaled_mask = np.multiply(kept, 1 / (1 - self.rate), dtype=np.result_type(x, 1.0))
        return _product(x, self._scaled_mask)

    def predict(self, x: Array) -> Array:
        return self._checked(x)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        return _product(dy, self._scaled_mask)

    def _checked(self, x: Array) -> Array:
        x = floats(x, "x")
        if self.channels and x.ndim < 3:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: to drop whole channels it must be "
                f"(N, channels, ...). Leave out channels=True to drop elements."
            )
        return x


def _product(x: Array, mask: Array) -> Array:
    """x · mask in the memory order of x, so that the next convolution need not reorder it."""
    return np.multiply(x, mask, out=np.empty_like(x, np.result_type(x, mask)))
