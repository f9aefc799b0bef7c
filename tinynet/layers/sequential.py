"""Sequential: layers in a row."""

import itertools
import warnings
from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy import ndarray  # the look-up np.ndarray in each forward would be measurable
from numpy.typing import DTypeLike

from tinynet.checks import check_gradient, check_numbers, returned, sizes
from tinynet.kept import explain
from tinynet.layers.base import Layer
from tinynet.layers.masks import Masked
from tinynet.text import Table, one_line, table, written
from tinynet.types import Array


class Sequential(Layer):
    """y = fₙ(... f₂(f₁(x))): each layer's output is the next one's input.

    A layer may be a Sequential itself. All parameters move to one vector, `net.params`, and keep
    their values. A layer has one place: the same layer twice, or one of another network, is refused
    (`copy.deepcopy` makes a second one).

    Args:
        layers: at least one Layer, in the order in which they compute.
        dtype: float type to cast all layers to; needed only if they differ.

    Raises:
        ValueError: no layers, or a layer that already has a place.
        TypeError: something that is not a Layer, or mixed float types without `dtype`.

    Warns:
        UserWarning: two layers start with equal weights, for example from the same int `rng`.

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

    def __init__(self, *layers: Layer, dtype: DTypeLike | None = None) -> None:
        check_layers("Sequential", layers)
        self._layers = layers
        # the first layer with parameters, which needs to compute no dL/dx in training
        self._first = next((n for n, layer in enumerate(layers) if layer.params.size), len(layers))
        super().__init__(dtype=dtype, **{str(place): layer for place, layer in enumerate(layers)})
        self.input_shape, self.input_dtype = layers[0].input_shape, layers[0].input_dtype
        warn_of_equal_weights(self)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, which stay those that the network was made of."""
        return self._layers

    @layers.setter
    def layers(self, layers: object) -> None:
        raise AttributeError(
            f"{type(self).__name__} keeps the layers that it was made of, because their parameters "
            f"lie on its vectors. Build another network from copies of layers: "
            f"Sequential(*copy.deepcopy(net.layers[:-1]))."
        )

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        y = self._each(self._layers, "forward", x)
        if type(y) is not ndarray:
            returned(self._layers[-1], "forward", y)
        self._shape = y.shape
        return y

    def predict(self, x: Array) -> Array:
        check_numbers("x", x)
        y = self._each(self._layers, "predict", x)
        return y if type(y) is ndarray else returned(self._layers[-1], "predict", y)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        return self._each(self._layers[::-1], "backward", dy)

    def parameter_gradients(self, dy: Array) -> None:
        """As `backward`, but only down to the first layer that has parameters."""
        check_gradient(self, dy, self._shape)
        dy = self._each(self._layers[: self._first : -1], "backward", dy)
        self._each(self._layers[self._first : self._first + 1], "parameter_gradients", dy)

    def summary(self, input_shape: tuple[int, ...] | None = None) -> str:
        """A table of the layers, the shapes of their outputs and their numbers of parameters.

        Args:
            input_shape: the shape of one example, without the batch axis; needed if the first
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
        given = None if input_shape is None else sizes(input_shape, "input_shape")
        shape = self.input_shape if given is None else given
        dtype = self.input_dtype or self.params.dtype
        padding = {part.padding for part in self.walk() if isinstance(part, Masked)}
        some = next(value for value in itertools.count() if value not in padding)
        x = None if shape is None else np.full((1, *shape), some, dtype)
        for place, layer in enumerate(self.layers):
            try:
                x = None if x is None else layer.predict(x)
            except Exception as error:
                error.add_note(f"for examples of input_shape={shape}")
                raise
            output = "?" if x is None else f"({', '.join(['N', *map(str, x.shape[1:])])})"
            rows.append((str(place), one_line(layer), output, f"{layer.params.size:,}"))
        rows.append(("", "total", "", f"{self.params.size:,}"))
        return Table(table(rows, right=[3]))

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, place: int) -> Layer: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Layer, ...]: ...
    def __getitem__(self, place: int | slice) -> Layer | tuple[Layer, ...]:
        return self.layers[place]

    def __setitem__(self, place: object, layer: object) -> None:
        self.layers = layer  # which says why not

    def __repr__(self) -> str:
        inside = [repr(layer) for layer in self.layers]
        if (dtype := self._arguments[1].get("dtype")) is not None:
            inside.append(f"dtype={written(dtype)}")
        lines = "".join(f"{text},\n" for text in inside).replace("\n", "\n    ").rstrip(" ")
        return f"{type(self).__name__}(\n    {lines})"

    def _each(self, layers: tuple[Layer, ...], method: str, x: Array) -> Any:
        """Pass x through a method of each layer; an error gets a note that says which layer."""
        layer: Layer = self
        try:
            for layer in layers:
                x = getattr(layer, method)(x)
        except Exception as error:
            for before, after in itertools.pairwise(layers):
                if after is layer and not isinstance(x, ndarray):  # which is the true cause
                    returned(before, method, x)
            place = next((str(n) for n, other in enumerate(self.layers) if other is layer), "?")
            error.add_note(f"in layer {place} of Sequential, {one_line(layer)}")
            if advice := explain(error):
                error.add_note(advice)
            raise
        return x


def check_layers(me: str, layers: tuple[object, ...]) -> None:
    """Refuse no layers, and what is none."""
    if not layers:
        raise ValueError(f"{me} needs at least one layer; got none")
    for place, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            hint = f" Unpack a list: {me}(*layers)." if isinstance(layer, list) else ""
            hint = f" Did you mean {layer.__name__}()?" if isinstance(layer, type) else hint
            raise TypeError(f"{me} takes layers; number {place} is {written(layer)}.{hint}")


def warn_of_equal_weights(net: Layer) -> None:
    """Warn if two parameters that seem to be drawn at random are equal."""
    named = [(n, w) for n, w in net.named_parameters() if w.size > 1 and np.ptp(w) > 0]
    # biases of whole numbers, such as those of an LSTM, were not drawn at random
    named = [(n, w) for n, w in named if w.ndim > 1 or (w % 1).any()]
    for (first, a), (second, b) in itertools.combinations(named, 2):
        if a.shape == b.shape and np.array_equal(a, b):
            warnings.warn(
                f"{first} and {second} start with equal weights. If they should be random, was "
                f"the same int given to both as rng? Make one Generator, "
                f"rng = np.random.default_rng(0), and pass it to every layer.",
                stacklevel=4,
            )
