"""A gradient never reaches the flat vector from which an optimizer reads it."""

import numpy as np

from tinynet import Layer

from ...plain.layers import Affine
from ...tables import wrong


@wrong("overwrite", "gradient", hint="db", input_shape=(4, 3))
class NoBiasGradient(Affine):
    """db is never computed."""

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy
        return dy @ self.W.T


@wrong("gradient", "overwrite", hint="parameter_gradients", input_shape=(4, 3))
class ShortcutForgetsBias(Affine):
    """parameter_gradients, the shortcut that training takes, leaves db out."""

    def parameter_gradients(self, dy):
        self.dW[...] = self._x.T @ dy


@wrong("gradient", "overwrite", "copy", hint="[...]", input_shape=(4, 3))
class Assigned(Affine):
    """self.dW = ... leaves the flat vector behind."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW = self._x.T @ dy
        self.grads[: self.W.size] = 0
        return dx


@wrong("gradient", hint="declare", input_shape=(4, 3))
class GainNeverDeclared(Layer):
    """Keeps its gain and the gradient of it to itself, where no optimizer finds them."""

    def __init__(self):
        self.gain = np.ones(3)

    def forward(self, x):
        self._x = x
        return x * self.gain.astype(x.dtype)

    def backward(self, dy):
        self.dgain = (dy * self._x).sum(axis=0)
        return dy * self.gain.astype(dy.dtype)


@wrong("copy", "gradient", "overwrite", "pickle", "update", hint="declare", input_shape=(4, 3))
class Undeclared(Layer):
    """The part that learns is not declared, so nothing ever moves it."""

    def __init__(self):
        self.inner = Affine()

    def forward(self, x):
        return self.inner.forward(x)

    def backward(self, dy):
        return self.inner.backward(dy)
