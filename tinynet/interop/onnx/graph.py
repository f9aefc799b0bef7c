"""A graph of ONNX's operators while it is being built, without the package `onnx`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tinynet.layers import Layer
from tinynet.types import Array

TYPES = {"float32": 1, "int32": 6, "int64": 7, "float64": 11}
"""ONNX's numbers for NumPy's types."""


class Value(NamedTuple):
    """What comes to a layer: its name in the graph, and an example of it, a batch of one."""

    name: str
    example: Array

    @property
    def axes(self) -> int:
        """The number of axes, that of the examples included."""
        return self.example.ndim


Input: TypeAlias = Value | str | Array | float | list[int] | None
"""A value by its name, or a constant: an array, a number of the float type, or sizes and axes."""


class Node(NamedTuple):
    """An operator, and the names of what it takes and gives."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class Graph:
    """Operators in the order in which they compute, and the constants that they take.

    Names begin with the place of the layer, as those of its parameters do: `0.W` is taken by the
    operator `0.Gemm`, whose output has the same name.

    Attributes:
        dtype: the float type of the network.
        opset: the version of ONNX's operators.
        nodes: the operators.
        constants: the parameters and other arrays, by name.
        counting: the mask (N, steps) of the `Masked` around the present layer.
    """

    def __init__(self, dtype: DTypeLike, opset: int) -> None:
        self.dtype, self.opset = np.dtype(dtype), opset
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self.counting: Value | None = None
        self._place, self._used = "", Counter[str]()

    @property
    def float32(self) -> bool:
        """Whether it is float32, as the attributes of operators are, and all their kernels."""
        return self.dtype == np.float32

    @contextmanager
    def inside(self, part: str) -> Iterator[str]:
        """While a part of the present layer is added; gives the place of the part."""
        before = self._place
        self._place = f"{before}{part}."
        try:
            yield self._place[:-1]
        finally:
            self._place = before

    @contextmanager
    def masked(self, counting: Value) -> Iterator[None]:
        """While layers are added for which this mask says which steps count."""
        before, self.counting = self.counting, counting
        try:
            yield
        finally:
            self.counting = before

    def add(self, operator: str, *inputs: Input, **attributes: Any) -> str:
        """Add an operator with one output; returns the name of that."""
        return self.add_several(operator, 1, *inputs, **attributes)[0]

    def add_several(
        self, operator: str, count: int, *inputs: Input, **attributes: Any
    ) -> Sequence[str]:
        """Add an operator with so many outputs; returns their names."""
        name = self._new(operator)
        names = [self._name_of(name, value) for value in inputs]
        while names[-1] == "":  # what is left out at the end needs no mark
            del names[-1]
        outputs = [name, *(f"{name}.{number}" for number in range(1, count))]
        self.nodes.append(Node(operator, names, outputs, attributes))
        return outputs

    def parameter(self, name: str, array: Array | None) -> str | None:
        """A parameter of the present layer, in the layout that the operator takes; None stays."""
        if array is None:
            return None
        self.constants[self._place + name] = np.ascontiguousarray(array, self.dtype)
        return self._place + name

    def cast(self, x: Input, dtype: DTypeLike) -> str:
        """The same numbers in another type."""
        return self.add("Cast", x, to=TYPES[np.dtype(dtype).name])

    def mean(self, x: Input, axes: list[int], *, keepdims: bool = True) -> str:
        """The mean over some axes."""
        if self.opset < 18:  # where the axes were an attribute
            return self.add("ReduceMean", x, axes=axes, keepdims=int(keepdims))
        return self.add("ReduceMean", x, axes, keepdims=int(keepdims))

    def total(self, x: Input, axes: list[int], *, keepdims: bool = False) -> str:
        """The sum over some axes."""
        return self.add("ReduceSum", x, axes, keepdims=int(keepdims))

    def _new(self, name: str) -> str:
        """A name that is not used yet."""
        name = self._place + name
        self._used[name] += 1
        return name if self._used[name] == 1 else f"{name}_{self._used[name]}"

    def _name_of(self, owner: str, value: Input) -> str:
        if value is None:
            return ""  # as ONNX marks an input that is left out
        if isinstance(value, Value):
            return value.name
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            array = np.array(value, np.int64)
        elif isinstance(value, np.ndarray):
            array = value
        else:
            array = np.array(value, self.dtype)
        name = f"{owner}.constant"
        self._used[name] += 1
        name += "" if self._used[name] == 1 else f"_{self._used[name]}"
        self.constants[name] = array
        return name


def named(layer: Layer, graph: Graph, *names: str) -> list[str | None]:
    """Parameters or buffers of a layer as they are, under their own names."""
    return [graph.parameter(name, getattr(layer, name)) for name in names]
