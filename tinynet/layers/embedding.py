"""Embedding: a learned vector for each id."""

import numpy as np
import scipy  # loads scipy.sparse when it is first used
from numpy.typing import DTypeLike

from tinynet.checks import check_gradient, check_indices, float_dtype, positive_int
from tinynet.initializers import Initializer, initial_weights, standard_normal
from tinynet.layers.base import Layer
from tinynet.types import Array, Rng


class Embedding(Layer):
    """y = W[x]: row x of a table W for each id x. dW[i] = Σ dy over the places where x is i.

    Shapes: x (N,) or (N, length), ints from 0 to num_embeddings − 1; W (num_embeddings, features);
    y (N, features) or (N, length, features).

    It computes the same as a `Dense` without bias on one-hot rows. Ids have no gradient, so
    `backward` returns zeros of the shape of x. Each step writes all of dW: the rows of ids that did
    not occur become zero.

    Args:
        num_embeddings: number of ids.
        features: length of each id's vector.
        init: initial W, a function of shape and generator; N(0, 1) as in PyTorch.
        rng: random numbers for the initial W.
        dtype: float type of W.

    Raises:
        ValueError: a size that is not positive; ids out of range, or not (N,) or (N, length).
        TypeError: ids that are not ints.

    References:
        Y. Bengio et al., "A neural probabilistic language model" (2003).

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
        num_embeddings: int,
        features: int,
        *,
        init: Initializer = standard_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        rows = positive_int(num_embeddings, "num_embeddings")
        shape = rows, positive_int(features, "features")
        dtype = float_dtype(dtype)
        super().__init__(W=initial_weights(init, shape, rng), dtype=dtype)

    def forward(self, x: Array) -> Array:
        check_indices("x", x, len(self.W), "ids", self)
        if x.ndim not in (1, 2):
            raise ValueError(f"{self!r} got ids of shape {x.shape}: it must be (N,) or (N, length)")
        self._ids = x
        return self.W[x]

    def backward(self, dy: Array) -> Array:
        ids, (rows, features) = self._ids, self.W.shape
        check_gradient(self, dy, (*ids.shape, features), self.W.dtype)
        # dW = Sᵀ dy with the one-hot rows S of the ids: sparse, and adds up ids that repeat
        ones, columns = np.ones(ids.size, dy.dtype), np.arange(ids.size + 1)
        transposed = scipy.sparse.csc_array((ones, ids.ravel(), columns), shape=(rows, ids.size))
        self.dW[...] = transposed @ dy.reshape(ids.size, features)
        return np.zeros(ids.shape, self.W.dtype)
