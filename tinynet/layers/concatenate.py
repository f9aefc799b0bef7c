"""Concatenate: several layers on one input, their outputs side by side."""

import itertools

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import check_gradient, check_numbers, integer, returned
from tinynet.layers.base import Layer
from tinynet.text import written
from tinynet.types import Array


class Concatenate(Layer):
    """y = [f₁(x), f₂(x), ...], the outputs of the layers side by side; dx = Σᵢ (∂fᵢ/∂x)ᵀ dyᵢ.

    dyᵢ is the part of dy that belongs to fᵢ. Shapes: the outputs are equal but for one axis, along
    which they lie side by side. Two recurrent layers, one of which reads in reverse, are what other
    frameworks call bidirectional.

    Args:
        layers: at least one Layer; all get the same x.
        axis: along which the outputs lie; the last by default, 1 for the channels of images. It is
            not 0, the axis of examples.
        dtype: float type to cast all layers to; needed only if they differ.

    Raises:
        ValueError: no layers, a layer that already has a place, or outputs of other shapes.
        TypeError: something that is not a Layer.

    References:
        M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural networks" (1997).

    Example:
        >>> from tinynet import LSTM
        >>> both = Concatenate(LSTM(3, 4, rng=0), LSTM(3, 4, reverse=True, rng=1))
        >>> both.forward(np.ones((2, 5, 3))).shape
        (2, 8)
    """

    def __init__(self, *layers: Layer, axis: int = -1, dtype: DTypeLike | None = None) -> None:
        if not layers:
            raise ValueError("Concatenate needs at least one layer; got none")
        for place, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                hint = " Unpack a list: Concatenate(*layers)." if isinstance(layer, list) else ""
                hint = f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else hint
                raise TypeError(
                    f"Concatenate takes layers; number {place} is {written(layer)}.{hint}"
                )
        self.axis = integer(axis, "axis")
        if self.axis == 0:
            raise ValueError("axis must not be 0, the axis of examples")
        self._layers = layers
        super().__init__(dtype=dtype, **{str(place): layer for place, layer in enumerate(layers)})
        self.input_shape, self.input_dtype = layers[0].input_shape, layers[0].input_dtype

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, which stay those that it was made of."""
        return self._layers

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        parts = [returned(layer, "forward", layer.forward(x)) for layer in self._layers]
        y = self._joined(parts)
        ends = itertools.accumulate(part.shape[self.axis] for part in parts)
        self._shape, self._ends = y.shape, list(ends)
        return y

    def predict(self, x: Array) -> Array:
        check_numbers("x", x)
        return self._joined([layer.predict(x) for layer in self._layers])

    def backward(self, dy: Array) -> Array:
        gradients = [
            layer.backward(part) for layer, part in zip(self._layers, self._split(dy), strict=True)
        ]
        return sum(gradients[1:], start=gradients[0])

    def parameter_gradients(self, dy: Array) -> None:
        for layer, part in zip(self._layers, self._split(dy), strict=True):
            layer.parameter_gradients(part)

    def _split(self, dy: Array) -> list[Array]:
        check_gradient(self, dy, self._shape)
        return np.split(dy, self._ends[:-1], axis=self.axis)

    def _joined(self, parts: list[Array]) -> Array:
        first, axis = parts[0], self.axis
        if not -first.ndim <= axis < first.ndim or axis % first.ndim == 0:
            raise ValueError(
                f"Concatenate has axis={axis}, and its layers return {first.ndim} axes, of which "
                f"the first counts the examples."
            )
        others = [np.delete(part.shape, axis).tolist() for part in parts if part.ndim == first.ndim]
        if len(others) < len(parts) or any(other != others[0] for other in others):
            shapes = " and ".join(str(part.shape) for part in parts)
            raise ValueError(
                f"the layers of Concatenate returned {shapes}: they must be equal but for axis "
                f"{axis}."
            )
        return np.concatenate(parts, axis=axis)
