"""Layers that hold one other layer."""

from collections.abc import Iterator

import numpy as np

from tinynet.checks import check_gradient, check_numbers
from tinynet.declared import place
from tinynet.layers.base import Layer
from tinynet.parameter_checks import check_vectors
from tinynet.text import written
from tinynet.types import Array


class Wrapper(Layer):
    """Abstract: a layer with one part, `inner`."""

    inner: Layer

    def __init__(self, layer: Layer) -> None:
        if not isinstance(layer, Layer):
            hint = f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else ""
            raise TypeError(f"{type(self).__name__} takes a layer; got {written(layer)}.{hint}")
        super().__init__(inner=layer)
        self.input_shape, self.input_dtype = layer.input_shape, layer.input_dtype


class Residual(Wrapper):
    """y = x + f(x), dx = dy + (∂f/∂x)ᵀ dy: the layer f, `inner`, learns what to add to its input.

    Shapes: f(x) must have the shape of x.

    References:
        K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition" (2016).

    Example:
        >>> from tinynet import Dense
        >>> from tinynet.initializers import zeros
        >>> Residual(Dense(2, 2, init=zeros)).forward(np.array([[3.0, 4.0]]))
        array([[3., 4.]])
    """

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        y = self._sum(x, self.inner.forward(x))
        self._shape = x.shape
        return y

    def predict(self, x: Array) -> Array:
        check_numbers("x", x)
        return self._sum(x, self.inner.predict(x))

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        return dy + self.inner.backward(dy)

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._shape)
        self.inner.parameter_gradients(dy)

    def _sum(self, x: Array, y: Array) -> Array:
        if x.shape != y.shape:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}, and its layer returned {y.shape}: the two are "
                f"added, so they must be equal. Let the layer return the shape of its input."
            )
        return x + y


class Frozen(Wrapper):
    """y = f(x) with a layer f, `inner`, that does not learn; the gradient passes through f.

    The parameters of f lie on vectors of their own, not on those of the network. So no optimizer
    changes them, not even by momentum or weight decay, and a summary counts them as 0. They are
    buffers instead, `inner.W`, and saved as such. A `BatchNorm` in f normalizes with its running
    statistics and does not change them (PyTorch needs `eval` for that, Keras `trainable = False`).
    A `Dropout` in f still drops elements. To let f learn again, build a network with
    `copy.deepcopy(frozen.inner)`.

    Example:
        >>> from tinynet import Dense, Sequential
        >>> net = Sequential(Frozen(Dense(784, 100, rng=0)), Dense(100, 10, rng=1))
        >>> net.params.size, [name for name, view in net.named_parameters()]
        (1010, ['1.W', '1.b'])
        >>> [name for name, array in net.named_buffers()]
        ['0.inner.W', '0.inner.b']
    """

    def forward(self, x: Array) -> Array:
        return self.inner.forward(x)

    def predict(self, x: Array) -> Array:
        return self.inner.predict(x)

    def backward(self, dy: Array) -> Array:
        return self.inner.backward(dy)

    def parameter_gradients(self, dy: Array) -> None:
        """Do nothing, because there are no parameters."""
        check_numbers("dy", dy)

    def is_frozen(self) -> bool:
        """Always True; the layers inside ask this."""
        return True

    def bind(self, params: Array, grads: Array) -> None:
        """Take the float type only: f stays on vectors of its own."""
        check_vectors(params, grads, size=None)
        inner, dtype = self._declared["inner"], params.dtype
        size = inner.params.size
        inner.bind(np.empty(size, dtype), np.empty(size, dtype))
        place(self, "inner", inner)
        self._set_vectors(params[:0], grads[:0])

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """No parameters."""
        return iter(())

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The parameters and buffers of f."""
        for name, view in self.inner.named_parameters():
            yield f"inner.{name}", view
        yield from super().named_buffers()
