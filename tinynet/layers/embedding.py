"""Embedding: a learned vector for each of a number of things."""

import numpy as np
import scipy  # sparse loads when it is first used
from numpy.typing import DTypeLike

from tinynet.checks import positive_int
from tinynet.initializers import Initializer, initial, standard_normal
from tinynet.layers.base import Layer
from tinynet.types import Array, Rng

__all__ = ["Embedding"]


class Embedding(Layer):
    """y = W[x]: row x of a table W for each id x. dW[i] = Σ dy over the places where x is i.

    Shapes: x (N,) or (N, length) of ints from 0 to count − 1, W (count, features),
    y (N, features) or (N, length, features).

    It is a `Dense` without bias on one-hot rows that are never written out. Ids have no gradient:
    `backward` returns zeros of the shape of x. All of dW is written in each step, the rows of ids
    that did not occur with zeros.

    Args:
        count: number of ids.
        features: length of each id's vector.
        init: initial W, a function of shape and generator; N(0, 1) as in PyTorch.
        rng: where the initial W comes from.
        dtype: float type of W.

    Raises:
        ValueError: a size that is not positive; ids out of range, or not (N,) or (N, length).
        TypeError: ids that are not ints.

    References:
        Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model"
        (2003).

    Example:
        >>> layer = Embedding(3, 2, init=lambda shape, rng: np.arange(6.0).reshape(shape))
        >>> layer.forward(np.array([2, 0, 2]))
        array([[4., 5.], [0., 1.], [4., 5.]])
        >>> layer.backward(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))
        array([0., 0., 0.])
        >>> layer.dW
        array([[2., 2.], [0., 0.], [4., 4.]])
    """

    W: Array
    dW: Array
    input_dtype = np.intp

    def __init__(
        self,
        count: int,
        features: int,
        *,
        init: Initializer = standard_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = positive_int(count, "count"), positive_int(features, "features")
        W = initial(init, shape, rng)
        super().__init__(W=W, dtype=dtype)

    def forward(self, x: Array) -> Array:
        """y = W[x]."""
        y = Embedding.predict(self, x)
        self._ids = x
        return y

    def predict(self, x: Array) -> Array:
        """y = W[x]."""
        self._check_ids(x)
        return self.W[x]

    def backward(self, dy: Array) -> Array:
        """dW[i] = Σ dy over the places where x is i; dx = 0."""
        Embedding.parameter_gradients(self, dy)
        return np.zeros(self._ids.shape, self.W.dtype)

    def parameter_gradients(self, dy: Array) -> None:
        """dW[i] = Σ dy over the places where x is i, which is Sᵀ dy with one-hot rows S of x."""
        ids, (count, features) = self._ids, self.W.shape
        if dy.shape != (*ids.shape, features) or dy.dtype != self.W.dtype:
            raise ValueError(
                f"{self!r} got dy of shape {dy.shape} and {dy.dtype}: after its last forward it "
                f"must be {(*ids.shape, features)} and {self.W.dtype}."
            )
        ones, columns = np.ones(ids.size, dy.dtype), np.arange(ids.size + 1)
        # column by column: one 1 in each, in the row that the id says; adds up what repeats
        transposed = scipy.sparse.csc_array((ones, ids.ravel(), columns), shape=(count, ids.size))
        self.dW[...] = transposed @ dy.reshape(ids.size, features)

    def _check_ids(self, x: Array) -> None:
        if x.dtype.kind not in "iu":
            raise TypeError(
                f"{self!r} got x of {x.dtype}: ids must be ints. "
                f"If these are whole numbers, convert them once with x.astype(int)."
            )
        if x.ndim not in (1, 2):
            raise ValueError(f"{self!r} got ids of shape {x.shape}: it must be (N,) or (N, length)")
        if x.size and (x.min() < 0 or x.max() >= len(self.W)):
            place = tuple(map(int, np.argwhere((x < 0) | (x >= len(self.W)))[0]))
            raise ValueError(
                f"{self!r} got the id {x[place]} at x[{', '.join(map(str, place))}]: "
                f"ids go from 0 to {len(self.W) - 1}."
            )
