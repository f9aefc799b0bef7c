"""Layers made of layers, and networks."""

import numpy as np

from tinynet import Dense, Layer, Sequential, Sigmoid

from ..plain.images_and_sequences import Attention, Conv, MaxPool, Recurrent
from ..plain.layers import Affine, BatchNorm, Dropout, Embedding, LayerNorm, Residual, Softmax
from ..tables import right, right_net
from .kinks import Rectifier
from .shapes_and_types import LastState


@right(input_shape=(4, 3))
class Branches(Layer):
    """[f(x), g(x)] side by side; dx is the sum of both."""

    def __init__(self):
        super().__init__(first=Affine(3, 2), second=Sequential(Affine(3, 4), Sigmoid()))

    def forward(self, x):
        return np.concatenate([self.first.forward(x), self.second.forward(x)], axis=1)

    def backward(self, dy):
        return self.first.backward(dy[:, :2]) + self.second.backward(dy[:, 2:])


@right(input_shape=(4, 3))
class AppliedTwice(Layer):
    """y = f(f(x)) with one f, done rightly: the first pass is run again before its backward."""

    def __init__(self):
        super().__init__(inner=Sequential(Affine(3, 3), Sigmoid()))

    def forward(self, x):
        self._x = x
        return self.inner.forward(self.inner.predict(x))

    def backward(self, dy):
        self.inner.forward(self.inner.predict(self._x))
        middle = self.inner.backward(dy)
        late = self.inner.grads.copy()
        self.inner.forward(self._x)
        dx = self.inner.backward(middle)
        self.inner.grads += late
        return dx


@right(input_shape=(4, 3))
class GradientReversed(Layer):
    """y = −f(x) through a part that it never tells of the sign."""

    def __init__(self):
        super().__init__(inner=Affine(3, 2))

    def forward(self, x):
        return -self.inner.forward(x)

    def backward(self, dy):
        return self.inner.backward(-dy)


@right_net("Residual of a network", input_shape=(4, 3))
def residual():
    return Residual(Sequential(Dense(3, 4, rng=0), Sigmoid(), Dense(4, 3, rng=1)))


@right_net("Residual of residuals", input_shape=(4, 3))
def residuals():
    return Sequential(Residual(Affine(3, 3)), Sigmoid(), Residual(LayerNorm()))


@right_net("Network in a network", input_shape=(4, 3))
def nested():
    inner = Sequential(Affine(4, 3), Sigmoid())
    return Sequential(Sequential(Affine(3, 4), Sigmoid()), inner, Sequential(Softmax()))


@right_net("Network of one", input_shape=(4, 3))
def one():
    return Sequential(Softmax())


@right_net("Network with nothing to learn", input_shape=(4, 3))
def nothing():
    return Sequential(Sigmoid(), Softmax(), Sigmoid())


@right_net("Network on integers", x=np.array([[0, 2], [4, 2], [1, 3]]))
def words():
    return Sequential(Embedding(), Attention(3, 4), LastState(4, 2))


@right_net("Network that draws and normalises", input_shape=(6, 3))
def draws():
    return Sequential(Affine(3, 4), BatchNorm(4), Dropout(), Dense(4, 2, rng=1), Softmax())


@right_net("Network on sentences", x=np.array([[0, 2, 1], [4, 2, 2]]))
def sentences():
    return Sequential(Embedding(), Recurrent(3, 4), Residual(Attention(4, 4)))


@right_net("Network on images", input_shape=(2, 2, 6, 6))
def images():
    return Sequential(Conv(), MaxPool(3, 3), Rectifier(0.0), FlatPixels(), Dense(3, 2, rng=0))


class FlatPixels(Layer):
    """(N, C, 1, 1) to (N, C)."""

    def forward(self, x):
        self._shape = x.shape
        return x[:, :, 0, 0]

    def backward(self, dy):
        return dy.reshape(self._shape)


@right(input_shape=(2, 3, 2))
class BothDirections(Layer):
    """One layer reads each sequence forwards and one backwards, side by side in y."""

    def __init__(self):
        super().__init__(onward=Recurrent(2, 2), back=Recurrent(2, 2))

    def forward(self, x):
        back = self.back.forward(x[:, ::-1])[:, ::-1]
        return np.concatenate([self.onward.forward(x), back], axis=2)

    def backward(self, dy):
        onward, back = np.split(dy, 2, axis=2)
        return self.onward.backward(onward) + self.back.backward(back[:, ::-1])[:, ::-1]
