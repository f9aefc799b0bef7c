"""A network written down as JSON: each layer's class and the arguments it was made with.

JSON has no tuples, types or layers, so such a value is an object with one key that says what it
is: `{"tuple": [1, 2]}`, `{"dtype": "float32"}`, `{"layer": {...}}`.
"""

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinynet import initializers, layers
from tinynet.checks import random_generator
from tinynet.held import held
from tinynet.initializers import INITIAL
from tinynet.layers import Layer
from tinynet.types import Array, Rng

OWN_LAYERS: dict[str, type[Layer]] = {
    f"tinynet.{name}": cls for name in layers.__all__ if (cls := getattr(layers, name)) is not Layer
}
"""The layers that a file may name without being passed to `load`."""

_FUNCTIONS = {
    name: f for name in initializers.__all__ if inspect.isfunction(f := getattr(initializers, name))
}
_TYPE_NAMES = {np.dtype(code).name for code in "?bBhHiIlLqQefdFD"}  # int64 has two codes
_TYPES = {name: np.dtype(name).type for name in _TYPE_NAMES}
_ALWAYS_ALLOWED = {True: 1 << 16, False: 1 << 25}  # numbers in arguments of own and custom layers
MOST_LAYERS, DEEPEST_NESTING = 10_000, 50
"""Limits of a network in a file, so that refusing or building it takes seconds."""

_SEEDS = ("rng", "seed")  # numbers that are not sizes


def describe(net: Layer) -> tuple[dict[str, Any], dict[str, Array]]:
    """The architecture, and the arrays among the arguments, which JSON refers to by name.

    A Generator is left out: a rebuilt layer gets a new one. An `init` that is not in
    `tinynet.initializers` is left out too, because the parameters are stored themselves. Any other
    argument that cannot be written down is a TypeError.
    """
    arrays: dict[str, Array] = {}
    return _describe_layer(net, arrays), arrays


def build(
    description: dict[str, Any],
    arrays: Mapping[str, Array],
    custom: Mapping[str, type[Layer]],
    rng: Rng = None,
) -> Layer:
    """The network of that architecture; its parameters have the right shapes and no values yet.

    It may not have more parameters than there are numbers in the arrays of the file, so a file
    cannot ask for more memory than it takes itself. `custom` are the classes that are not
    tinynet's own, by name; `rng` is for layers that were made with a Generator.
    """
    _check_size(description)
    known = {*OWN_LAYERS, *custom}
    classes = (value for _, value in held(description) if isinstance(value, dict))
    kinds = (c["class"] for c in classes if {"class"} <= c.keys() <= {"class", "args", "kwargs"})
    names = {name for name in kinds if isinstance(name, str)}
    if missing := sorted(names - known):
        given = ", ".join(f"{name!r}: {name}" for name in missing)
        raise ValueError(
            f"it has layers of classes that are not tinynet's own: {', '.join(missing)}. "
            f"Pass the classes: load(path, layers={{{given}}})"
        )
    return _Builder(arrays, custom, random_generator(rng)).layer(description)


def _check_size(description: Any) -> None:
    """Refuse more layers, or deeper nesting, than a network has that somebody uses."""
    layers, waiting = 0, [(description, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict) and "class" in value:
            layers, depth = layers + 1, depth + 1
        if layers > MOST_LAYERS or depth > DEEPEST_NESTING:
            raise ValueError(
                f"it has more than {MOST_LAYERS:,} layers, or layers nested deeper than "
                f"{DEEPEST_NESTING}; build the network and use load_parameters"
            )
        if isinstance(value, dict | list):
            inside = value.values() if isinstance(value, dict) else value
            waiting += [(inner, depth) for inner in inside if isinstance(inner, dict | list)]


def described_layers(
    description: Any, place: str = ""
) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    """Place, class and other arguments of each layer of a description, sizes and seeds left out.

    What is no description is a ValueError.
    """
    cls, positional, named = _parts(description)
    options, arguments = {}, {str(n): v for n, v in enumerate(positional)} | named
    for name, value in arguments.items():
        if isinstance(value, dict) and isinstance(value.get("layer"), dict):
            yield from described_layers(value["layer"], f"{place}.{name}" if place else name)
        elif name not in (*_SEEDS, *INITIAL, "dtype") and not isinstance(value, dict):
            options[name] = value
    yield place, (cls.removeprefix("tinynet."), options)


def _parts(description: Any) -> tuple[str, list[Any], dict[str, Any]]:
    """The class, the positional and the named arguments of a layer that a file describes."""
    described = description
    if isinstance(description, dict):  # a file may leave out what is empty
        described = {"args": [], "kwargs": {}, **description}
    match described:
        case {"class": str(name), "args": list(positional), "kwargs": dict(named)}:
            return name, positional, named
    raise ValueError(f"a layer is described as {described!r}, which is not a description")


def _describe_layer(layer: Layer, arrays: dict[str, Array]) -> dict[str, Any]:
    cls = layer.__class__  # not its type, which `detect_anomaly` changes
    own = OWN_LAYERS.get(f"tinynet.{cls.__name__}") is cls
    args, kwargs = layer._arguments
    for name in INITIAL:
        if name in kwargs and not _known(kwargs[name]) and _has_default(cls, name):
            kwargs = {other: value for other, value in kwargs.items() if other != name}
    names = [*inspect.signature(cls.__init__).parameters][1:] + ["an argument"] * len(args)
    return {
        "class": f"tinynet.{cls.__name__}" if own else cls.__name__,
        "args": [
            _describe(value, cls, name, arrays) for name, value in zip(names, args, strict=False)
        ],
        "kwargs": {name: _describe(value, cls, name, arrays) for name, value in kwargs.items()},
    }


def _describe(value: Any, cls: type[Layer], name: str, arrays: dict[str, Array]) -> Any:
    match value:
        case None | bool() | str():
            return value
        case np.bool_():
            return bool(value)
        case int() | np.integer():
            return int(value)
        case float() | np.floating():
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        case list():
            return [_describe(inner, cls, name, arrays) for inner in value]
        case tuple():
            return {"tuple": [_describe(inner, cls, name, arrays) for inner in value]}
        case dict() if all(isinstance(key, str) for key in value):
            return {"dict": {k: _describe(inner, cls, name, arrays) for k, inner in value.items()}}
        case np.dtype() if value.name in _TYPES:
            return {"dtype": value.name}
        case type() if value is float or value in _TYPES.values():
            return {"dtype": np.dtype(value).name}
        case np.ndarray():
            key = f"arguments/{len(arrays)}"
            arrays[key] = value
            return {"array": key}
        case np.random.Generator():
            return {"generator": None}
        case Layer():
            return {"layer": _describe_layer(value, arrays)}
    if _known(value):
        return {"function": value.__name__}
    me = cls.__name__
    raise TypeError(
        f"{me} cannot be saved: it was made with {name}={value!r}, and a file holds numbers, "
        f"strings, arrays, tuples, lists, dicts, number types, layers and functions of "
        f"tinynet.initializers. Add a class that fills it in: class My{me}({me}): "
        f"def __init__(self): super().__init__({name}=...)"
    )


def _known(value: Any) -> bool:
    return inspect.isfunction(value) and _FUNCTIONS.get(value.__name__) is value


def _has_default(cls: type[Layer], name: str) -> bool:
    parameter = inspect.signature(cls.__init__).parameters.get(name)
    return parameter is not None and parameter.default is not parameter.empty


@dataclass
class _Builder:
    """Builds layers from their descriptions, and counts their parameters."""

    arrays: Mapping[str, Array]
    custom: Mapping[str, type[Layer]]
    rng: np.random.Generator

    def __post_init__(self) -> None:
        floats = (array.size for array in self.arrays.values() if array.dtype.kind == "f")
        self.most = self.left = sum(floats)  # a bool takes an eighth of what a parameter takes

    def layer(self, description: Any) -> Layer:
        name, positional, named = _parts(description)
        own = name in OWN_LAYERS
        cls = OWN_LAYERS[name] if own else self.custom.get(name)
        if cls is None:
            raise ValueError(f"it has a layer of class {name}, which is not tinynet's own")
        args = [self.value(value, own) for value in positional]
        kwargs = {
            key: value if key in _SEEDS and type(value) is int else self.value(value, own)
            for key, value in named.items()
        }
        takes = [name for name in INITIAL if own and _has_default(cls, name)]
        without_values = dict.fromkeys(takes, self._without_values)
        try:
            layer = cls(*args, **{**kwargs, **without_values})
        except (RecursionError, MemoryError):
            raise
        except Exception as error:  # a constructor may raise anything
            raise ValueError(f"{name} refuses the arguments it was saved with: {error}") from error
        layer._arguments = tuple(args), kwargs
        self._take(sum(v.size for v in layer._declared.values() if isinstance(v, np.ndarray)))
        return layer

    def value(self, described: Any, own: bool) -> Any:
        match described:
            case int() if abs(described) > max(self.most, _ALWAYS_ALLOWED[own]):
                raise ValueError(
                    f"a layer has the argument {described}, more than there are numbers in the "
                    f"file. If that is right, build the network and use load_parameters"
                )
            case list():
                return [self.value(inner, own) for inner in described]
            case {"tuple": list(inner)}:
                return tuple(self.value(each, own) for each in inner)
            case {"dict": dict(inner)}:
                return {key: self.value(each, own) for key, each in inner.items()}
            case {"float": "inf" | "-inf" | "nan" as text}:
                return float(text)
            case {"dtype": str(name)} if name in _TYPES:
                return _TYPES[name]
            case {"array": str(key)} if key.startswith("arguments/") and key in self.arrays:
                return self.arrays[key]
            case {"generator": None}:
                return self.rng
            case {"function": str(name)} if name in _FUNCTIONS:
                return _FUNCTIONS[name]
            case {"layer": dict(inner)}:
                return self.layer(inner)
            case None | bool() | int() | float() | str():
                return described
        raise ValueError(f"an argument is described as {described!r}, which is not a description")

    def _without_values(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Initial weights that take no memory and no time, because the file holds the weights."""
        if math.prod(shape) > self.left:
            self._take(math.prod(shape))
        return np.broadcast_to(np.zeros(()), shape)

    def _take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise ValueError("its layers have more parameters than there are numbers in it")
