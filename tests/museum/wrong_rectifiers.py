"""Wrong rectifiers, and other activations with a corner."""

import numpy as np

from tinynet import Layer

from .tables import wrong

WIDE = {"x": np.array([[-2.1, -0.7, 0.05], [0.4, 1.3, -1.2], [0.9, 2.5, -0.3], [0.02, 0.6, -3.0]])}


@wrong("gradient", input_shape=(4, 3))
class EluPrecedence(Layer):
    """ELU's derivative is ReLU's mask: `x > 0.0 + (...)` is a precedence slip."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dy):
        x = self._x
        return dy * (x > 0.0 + (x <= 0) * np.exp(np.minimum(x, 0)))


@wrong("kinks", hint="kink", input_shape=(4, 3))
class ReluFiveAtZero(Layer):
    """The slope of ReLU at exactly 0 is 5."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return np.where(self._x == 0, 5 * dy, dy * (self._x > 0))


@wrong("gradient", input_shape=(4, 3))
class LeakForgotten(Layer):
    """Leaky ReLU whose backward is that of ReLU: wrong for negative x only."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy):
        return dy * (self._x > 0)


@wrong("gradient", **WIDE)
class HardTanhOpen(Layer):
    """Slope 1 everywhere: wrong for |x| > 1 only."""

    def forward(self, x):
        return np.clip(x, -1, 1)

    def backward(self, dy):
        return dy.copy()


@wrong("linear", input_shape=(4, 3))
class MasksByUpstream(Layer):
    """Guided ReLU: negative dy are dropped, a picture's trick and not the gradient."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self._x > 0) * (dy > 0)


@wrong("mutation", input_shape=(4, 3))
class MasksUpstreamInPlace(Layer):
    """backward zeroes entries of the caller's dy."""

    def forward(self, x):
        self._dead = x <= 0
        return np.maximum(x, 0)

    def backward(self, dy):
        dy[self._dead] = 0
        return dy


@wrong("mutation", input_shape=(4, 3))
class ReluInPlace(Layer):
    """forward rectifies the caller's x in place."""

    def forward(self, x):
        self._alive = x > 0
        return np.maximum(x, 0, out=x)

    def backward(self, dy):
        return dy * self._alive


@wrong("mutation", "predict_pure", input_shape=(4, 3))
class PredictsInPlace(Layer):
    """Only predict rectifies in place."""

    def forward(self, x):
        self._alive = x > 0
        return np.maximum(x, 0)

    def predict(self, x):
        return np.maximum(x, 0, out=x)

    def backward(self, dy):
        return dy * self._alive


@wrong("predict_equals_forward", hint="predict", input_shape=(4, 3))
class AnotherLeakInPredict(Layer):
    """predict has another leak than forward."""

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, 0.1 * x)

    def predict(self, x):
        return np.where(x > 0, x, 0.01 * x)

    def backward(self, dy):
        return dy * np.where(self._x > 0, 1, 0.1).astype(dy.dtype)


@wrong("gradient", hint="slope", input_shape=(4, 3))
class SlopeOfTheWrongSide(Layer):
    """PReLU whose learned slope collects the gradient of the positive side."""

    def __init__(self):
        super().__init__(slope=np.array(0.25))

    def forward(self, x):
        self._x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dy):
        self.dslope[...] = (dy * np.maximum(self._x, 0)).sum()
        return dy * np.where(self._x > 0, np.ones_like(self.slope), self.slope)


@wrong("gradient", **WIDE)
class ThresholdSlip(Layer):
    """ReLU whose mask starts at 0.1: wrong for a tenth of the inputs only."""

    def forward(self, x):
        self._x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self._x > 0.1)
