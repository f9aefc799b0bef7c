"""Outputs of another rank or of no dependence, and integers as input."""

import numpy as np

from tinynet import Layer

from ..inputs import IDS
from ..plain.images_and_sequences import Recurrent
from ..plain.layers import Affine, Embedding
from ..tables import right


@right(input_shape=(4, 3))
class OuterProduct(Layer):
    """y = x xᵀ of each row: an output of higher rank."""

    def forward(self, x):
        self._x = x
        return x[:, :, np.newaxis] * x[:, np.newaxis, :]

    def backward(self, dy):
        return np.einsum("nij,nj->ni", dy + dy.swapaxes(1, 2), self._x)


@right(input_shape=(4, 3))
class Constant(Layer):
    """y = 1: every gradient is zero."""

    def forward(self, x):
        return np.ones_like(x)

    def backward(self, dy):
        return np.zeros_like(dy)


@right(input_shape=(4, 3))
class ConvertsIntegers(Affine):
    """Takes integers too, which it casts to the type of W."""

    def forward(self, x):
        return super().forward(x.astype(self.W.dtype, copy=False))


@right(x=IDS)
class EmbeddingSum(Embedding):
    """The sum over the words of an example, (N, features)."""

    def forward(self, x):
        return super().forward(x).sum(axis=1)

    def backward(self, dy):
        return super().backward(np.repeat(dy[:, np.newaxis], self._ids.shape[1], axis=1))


@right(input_shape=(2, 4, 3))
class LastState(Recurrent):
    """Only the last state comes out."""

    def forward(self, x):
        return super().forward(x)[:, -1]

    def backward(self, dy):
        every = np.zeros((*self._x.shape[:2], dy.shape[1]), dy.dtype)
        every[:, -1] = dy
        return super().backward(every)
