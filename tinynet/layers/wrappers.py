"""Layers that hold one other layer."""

from collections.abc import Iterator

import numpy as np

from tinynet.checks import same_shape
from tinynet.layers.base import Layer
from tinynet.text import written
from tinynet.types import Array

__all__ = ["Frozen", "Residual"]


class Residual(Layer):
    """y = x + f(x): the layer f, here `inner`, learns what to add to its input.

    dx = dy + (∂f/∂x)ᵀ dy. Shapes: f must give the shape that it gets.

    Raises:
        TypeError: f is no Layer.
        ValueError: f already has a place, or f(x) has another shape than x.

    References:
        K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2016).

    Example:
        >>> from tinynet import Dense
        >>> from tinynet.initializers import zeros
        >>> Residual(Dense(2, 2, init=zeros)).forward(np.array([[3.0, 4.0]]))
        array([[3., 4.]])
    """

    inner: Layer

    def __init__(self, layer: Layer) -> None:
        super().__init__(inner=_a_layer(self, layer))
        self.input_shape, self.input_dtype = layer.input_shape, layer.input_dtype

    def forward(self, x: Array) -> Array:
        """y = x + f(x)."""
        y = self.inner.forward(x)
        self._check_shape(x, y)
        self._shape = y.shape
        return x + y

    def predict(self, x: Array) -> Array:
        """y = x + f(x), f predicting."""
        y = self.inner.predict(x)
        self._check_shape(x, y)
        return x + y

    def backward(self, dy: Array) -> Array:
        """dx = dy + what f's `backward` gives."""
        same_shape(self, dy, self._shape)
        return dy + self.inner.backward(dy)

    def parameter_gradients(self, dy: Array) -> None:
        """Those of f."""
        self.inner.parameter_gradients(dy)

    def _check_shape(self, x: Array, y: Array) -> None:
        if x.shape != y.shape:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}, of which its layer made {y.shape}: "
                f"they are added, so they must be equal. End the layer with one of the right size."
            )


class Frozen(Layer):
    """y = f(x) with a layer f, here `inner`, that does not learn. The gradient passes through.

    f's parameters are not among this layer's: they lie on vectors that belong to f, so no
    optimizer sees them, neither momentum nor weight decay moves them, and they count as 0 in a
    summary. They are buffers instead, `inner.W`, and so are saved. A `BatchNorm` in f stands
    still as well: it normalises with its running statistics and does not move them (in PyTorch
    that takes `eval`, in Keras `trainable = False`). A `Dropout` in f goes on dropping.

    To let f learn again, build the network anew around `copy.deepcopy(frozen.inner)`.

    Raises:
        TypeError: f is no Layer.
        ValueError: f already has a place.

    Example:
        >>> from tinynet import Dense, Sequential
        >>> net = Sequential(Frozen(Dense(784, 100, rng=0)), Dense(100, 10, rng=1))
        >>> net.params.size, [name for name, view in net.named_parameters()]
        (1010, ['1.W', '1.b'])
        >>> [name for name, array in net.named_buffers()]
        ['0.inner.W', '0.inner.b']
    """

    inner: Layer

    def __init__(self, layer: Layer) -> None:
        super().__init__(inner=_a_layer(self, layer))
        self.input_shape, self.input_dtype = layer.input_shape, layer.input_dtype

    def forward(self, x: Array) -> Array:
        """y = f(x)."""
        return self.inner.forward(x)

    def predict(self, x: Array) -> Array:
        """y = f(x), f predicting."""
        return self.inner.predict(x)

    def backward(self, dy: Array) -> Array:
        """dx, as f gives it."""
        return self.inner.backward(dy)

    def parameter_gradients(self, dy: Array) -> None:
        """None are owed."""

    def is_frozen(self) -> bool:
        """Yes, and so is all that it holds."""
        return True

    def bind(self, params: Array, grads: Array) -> None:
        """Take on the float type, and leave f on vectors of its own."""
        inner, dtype = self._declared["inner"], params.dtype
        size = inner.params.size
        inner.bind(np.empty(size, dtype), np.empty(size, dtype))
        self.inner, self.params, self.grads = inner, params[:0], grads[:0]

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """None."""
        return iter(())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """f's parameters and f's buffers."""
        for name, view in self.inner.named_parameters():
            yield f"inner.{name}", view
        yield from super().named_buffers()


def _a_layer(whole: Layer, layer: Layer) -> Layer:
    if not isinstance(layer, Layer):
        hint = f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else ""
        raise TypeError(f"{type(whole).__name__} takes a layer; got {written(layer)}.{hint}")
    return layer
