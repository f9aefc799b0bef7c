"""Layers in a row."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import overload

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import same_shape
from tinynet.layers.base import Layer
from tinynet.text import table, written
from tinynet.types import Array

__all__ = ["Sequential"]


class Sequential(Layer):
    """y = fₙ(... f₂(f₁(x))): each layer's output is the next one's input. It nests.

    All parameters become one vector, `net.params`; the layers' own move into it, keeping their
    values. A layer has one place: the same one twice, or one that lives in another network, is
    refused (`copy.deepcopy` makes a second one).

    Args:
        layers: at least one Layer, in the order in which they compute.
        dtype: float type to cast all layers to; needed only where they differ.

    Raises:
        ValueError: no layers, or a layer that already has a place.
        TypeError: something that is no Layer, or mixed float types without `dtype`.

    Warns:
        UserWarning: two layers start with equal weights, as from the same int `rng`.

    Example:
        >>> from tinynet import Dense, Sigmoid
        >>> rng = np.random.default_rng(0)
        >>> net = Sequential(Dense(784, 100, rng=rng), Sigmoid(), Dense(100, 10, rng=rng))
        >>> net.predict(np.zeros((5, 784))).shape
        (5, 10)
        >>> len(net), net[2], net.params.size
        (3, Dense(100, 10), 79510)
        >>> [name for name, view in net.named_parameters()]
        ['0.W', '0.b', '2.W', '2.b']
    """

    layers: tuple[Layer, ...]

    def __init__(self, *layers: Layer, dtype: DTypeLike | None = None) -> None:
        if not layers:
            raise ValueError("Sequential needs at least one layer; got none")
        for place, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                hint = " Unpack a list: Sequential(*layers)." if isinstance(layer, list) else ""
                hint = f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else hint
                raise TypeError(
                    f"Sequential takes layers; number {place} is {written(layer)}.{hint}"
                )
        self.layers = layers
        super().__init__(dtype=dtype, **{str(place): layer for place, layer in enumerate(layers)})
        self.input_shape, self.input_dtype = layers[0].input_shape, layers[0].input_dtype
        self._warn_of_twins()

    def forward(self, x: Array) -> Array:
        """Each layer's `forward` in turn."""
        layer: Layer = self
        try:
            for layer in self.layers:
                x = layer.forward(x)
        except Exception as error:
            self._add_place(error, layer, x)
            raise
        self._shape = x.shape
        return x

    def predict(self, x: Array) -> Array:
        """Each layer's `predict` in turn."""
        layer: Layer = self
        try:
            for layer in self.layers:
                x = layer.predict(x)
        except Exception as error:
            self._add_place(error, layer, x)
            raise
        return x

    def backward(self, dy: Array) -> Array:
        """Each layer's `backward`, from the last to the first."""
        return self._back(dy, self.layers)

    def parameter_gradients(self, dy: Array) -> None:
        """As `backward`, down to the first layer that learns; that one owes no dL/dx."""
        learning = (place for place, layer in enumerate(self.layers) if layer.params.size)
        first = next(learning, None)
        if first is not None:
            layer = self.layers[first]
            dy = self._back(dy, self.layers[first + 1 :])
            try:
                layer.parameter_gradients(dy)
            except Exception as error:
                self._add_place(error, layer, dy)
                raise

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table of the layers, the shapes of their outputs and their numbers of parameters.

        Args:
            input_shape: the shape of one example, without the batch axis; needed where the first
                layer does not prescribe it.

        Example:
            >>> from tinynet import Dense, Sigmoid
            >>> print(Sequential(Dense(4, 3), Sigmoid()).summary())
               layer        output  parameters
            ----------------------------------
            0  Dense(4, 3)  (N, 3)          15
            1  Sigmoid()    (N, 3)           0
               total                        15
        """
        rows = [("", "layer", "output", "parameters")]
        shape = self.input_shape if input_shape is None else input_shape
        dtype = self.input_dtype or self.params.dtype
        x = None if shape is None else np.zeros((1, *shape), dtype)
        for place, layer in enumerate(self.layers):
            x = None if x is None else layer.predict(x)
            output = "?" if x is None else f"({', '.join(['N', *map(str, x.shape[1:])])})"
            line = " ".join(repr(layer).split()).replace("( ", "(").replace(", )", ")")
            rows.append((str(place), line, output, f"{layer.params.size:,}"))
        rows.append(("", "total", "", f"{self.params.size:,}"))
        return table(rows, right=[3])

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, place: int) -> Layer: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Layer, ...]: ...
    def __getitem__(self, place: int | slice) -> Layer | tuple[Layer, ...]:
        """The layer at a place, or a tuple of several."""
        return self.layers[place]

    def __repr__(self) -> str:
        inside = [repr(layer) for layer in self.layers]
        if (dtype := self._arguments[1].get("dtype")) is not None:
            inside.append(f"dtype={written(dtype)}")
        lines = "".join(f"{text},\n" for text in inside).replace("\n", "\n    ").rstrip(" ")
        return f"{type(self).__name__}(\n    {lines})"

    def _back(self, dy: Array, layers: tuple[Layer, ...]) -> Array:
        same_shape(self, dy, self._shape)
        layer: Layer = self
        try:
            for layer in reversed(layers):
                dy = layer.backward(dy)
        except Exception as error:
            self._add_place(error, layer, dy)
            raise
        return dy

    def _add_place(self, error: Exception, layer: Layer, x: Array) -> None:
        """Tell where in the network an error arose; costs nothing where there is none."""
        if isinstance(error, AttributeError) and not isinstance(x, np.ndarray):
            error.add_note(f"x is a {type(x).__name__}; layers take NumPy arrays: np.asarray(x)")
        place = next((str(n) for n, other in enumerate(self.layers) if other is layer), "?")
        error.add_note(f"in layer {place} of Sequential, {layer!r}")

    def _warn_of_twins(self) -> None:
        named = [(n, w) for n, w in self.named_parameters() if w.size > 1 and np.ptp(w) > 0]
        for (first, a), (second, b) in itertools.combinations(named, 2):
            if a.shape == b.shape and np.array_equal(a, b):
                warnings.warn(
                    f"{first} and {second} start with equal weights. If they should be random, was "
                    f"the same int given to both as rng? Make one Generator, "
                    f"rng = np.random.default_rng(0), and give it to every layer.",
                    stacklevel=3,
                )
