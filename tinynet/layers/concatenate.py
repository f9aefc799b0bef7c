"""Concatenate: several layers on one input, their outputs side by side."""

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import check_gradient, check_numbers, integer, returned
from tinynet.layers.base import Layer
from tinynet.layers.sequential import check_layers, warn_of_equal_weights
from tinynet.text import one_line
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
        check_layers("Concatenate", layers)
        self.axis = integer(axis, "axis")
        if self.axis == 0:
            raise ValueError("axis must not be 0, the axis of examples")
        self._layers = layers
        super().__init__(dtype=dtype, **{str(place): layer for place, layer in enumerate(layers)})
        self.input_shape, self.input_dtype = layers[0].input_shape, layers[0].input_dtype
        warn_of_equal_weights(self)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, which stay those that it was made of."""
        return self._layers

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __getitem__(self, place: int) -> Layer:
        return self._layers[place]

    def forward(self, x: Array) -> Array:
        parts = self._each("forward", x)
        y = self._joined(parts)
        ends = itertools.accumulate(part.shape[self.axis] for part in parts)
        self._shape, self._ends = y.shape, list(ends)
        return y

    def predict(self, x: Array) -> Array:
        return self._joined(self._each("predict", x))

    def backward(self, dy: Array) -> Array:
        gradients = [
            layer.backward(part) for layer, part in zip(self._layers, self._split(dy), strict=True)
        ]
        return sum(gradients[1:], start=gradients[0])

    def parameter_gradients(self, dy: Array) -> None:
        for layer, part in zip(self._layers, self._split(dy), strict=True):
            layer.parameter_gradients(part)

    def _each(self, method: str, x: Array) -> list[Array]:
        """What a method of each layer returns; an error gets a note that says which layer."""
        check_numbers("x", x)
        outputs: list[Array] = []
        try:
            for layer in self._layers:
                outputs.append(returned(layer, method, getattr(layer, method)(x)))
        except Exception as error:
            place = len(outputs)
            error.add_note(f"in layer {place} of Concatenate, {one_line(self._layers[place])}")
            raise
        return outputs

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
