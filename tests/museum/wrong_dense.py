"""Wrong dense layers."""

import numpy as np

from .plain import Affine
from .tables import wrong


@wrong("gradient", hint="transposed", args=(3, 3), input_shape=(4, 3))
class TransposedWeightGradient(Affine):
    """dW is dyᵀ x, its transpose, which only a square W lets through."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = dy.T @ self._x
        return dx


@wrong("gradient", args=(3, 3), input_shape=(4, 3))
class ForgottenTranspose(Affine):
    """dx is dy W in place of dy Wᵀ."""

    def backward(self, dy):
        super().backward(dy)
        return dy @ self.W


@wrong("overwrite", "gradient", hint="db", input_shape=(4, 3))
class NoBiasGradient(Affine):
    """db is never computed."""

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy
        return dy @ self.W.T


@wrong("gradient", "per_example", hint="mean", input_shape=(4, 3))
class MeanBiasGradient(Affine):
    """db is the mean over the batch, not the sum."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db /= max(len(dy), 1)
        return dx


@wrong("gradient", "per_example", hint="mean", input_shape=(4, 3))
class AveragedWeightGradient(Affine):
    """dW is divided by N, which the loss has already done."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW /= max(len(dy), 1)
        return dx


@wrong("gradient", hint="sign", input_shape=(4, 3))
class WrongSign(Affine):
    """dx has the wrong sign."""

    def backward(self, dy):
        return -super().backward(dy)


@wrong("gradient", hint="2", input_shape=(4, 3))
class TwiceTheGradient(Affine):
    """dW is twice what it should be."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW *= 2
        return dx


@wrong("gradient", input_shape=(4, 3))
class SlightlyOff(Affine):
    """dx is 0.1 % too large."""

    def backward(self, dy):
        return super().backward(dy) * 1.001


@wrong("gradient", input_shape=(4, 3))
class OneWeightOff(Affine):
    """One entry of dW out of fifteen is 1 % off."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[2, 3] *= 1.01
        return dx


@wrong("overwrite", "backward_twice", input_shape=(4, 3))
class Accumulates(Affine):
    """dW += where it should overwrite."""

    def backward(self, dy):
        self.dW += self._x.T @ dy
        self.db[...] = dy.sum(axis=0)
        return dy @ self.W.T


@wrong("gradient", "overwrite", "copy", hint="[...]", input_shape=(4, 3))
class Assigned(Affine):
    """self.dW = ... leaves the flat vector behind."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW = self._x.T @ dy
        self.grads[: self.W.size] = 0
        return dx


@wrong("gradient", "overwrite", "copy", hint="[...]", input_shape=(4, 3))
class BiasAssigned(Affine):
    """self.db = ... leaves the flat vector behind."""

    def backward(self, dy):
        self.dW[...] = self._x.T @ dy
        self.db = dy.sum(axis=0)
        return dy @ self.W.T


@wrong("gradient", "per_example", input_shape=(4, 3))
class FirstRowOnly(Affine):
    """dW is the outer product of the first example, the only one it was tried with."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW[...] = self._x[:1].T @ dy[:1]
        return dx


@wrong("gradient", "per_example", input_shape=(4, 3))
class SummedBiasOverEverything(Affine):
    """db is the sum over the features too, spread out again by broadcasting."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.sum()
        return dx


@wrong("linear", "overwrite", input_shape=(4, 3))
class DecayInside(Affine):
    """dW has weight decay mixed in, so it is not zero for dy = 0."""

    def backward(self, dy):
        dx = super().backward(dy)
        self.dW += 0.01 * self.W
        return dx


@wrong("linear", input_shape=(4, 3))
class Clipped(Affine):
    """dx is clipped to ±1, so it is no longer proportional to dy."""

    def backward(self, dy):
        return np.clip(super().backward(dy), -1, 1)
