"""What decides what an object computes, besides its arrays: its class, options and attributes."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from tinynet.declared import attributes, is_declared
from tinynet.held import held
from tinynet.initializers import INITIAL
from tinynet.kept import PASSES, set_by
from tinynet.layers import Layer


def settings(thing: object) -> dict[str, Any]:
    """The settings of a network, a loss or an optimizer, by place, as values of JSON.

    A class is its name, an array its checksum, a part its class. Not among them are parameters,
    buffers, random states, and what steps change, such as the learning rate.

    Example:
        >>> from tinynet import Dropout, Sequential
        >>> settings(Sequential(Dropout(0.2)))["0.rate"]
        0.2
    """
    if not isinstance(thing, Layer):
        names = "state", "buffers"
        changing = {"net", "lr", "steps", *(n for each in names for n in getattr(thing, each, ()))}
        changing |= set_by(thing.__class__, "step", *PASSES)
        return dict(_values("", thing, changing))
    found: dict[str, Any] = {}
    for place, layer in _layers("", thing):
        changing = {*INITIAL, *layer.buffers, *set_by(layer.__class__, *PASSES)}
        changing |= {name for name in attributes(layer) if is_declared(layer, name)}
        found |= dict(_values(place, layer, changing))
    return found


def differences(
    theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """The places where settings differ, and both values; None where there is no such place."""
    for place in {**theirs, **ours}:
        if theirs.get(place) != ours.get(place):
            yield place, theirs.get(place), ours.get(place)


def _layers(place: str, layer: Layer) -> Iterator[tuple[str, Layer]]:
    yield place, layer
    for name, part in layer._parts():
        yield from _layers(f"{place}.{name}" if place else name, part)


def _values(place: str, thing: object, changing: set[str]) -> Iterator[tuple[str, Any]]:
    yield place or "class", _name(thing.__class__)  # which `detect_anomaly` does not change
    for name, value in attributes(thing).items():
        if name not in changing and name not in ("_arguments", "_owner", "_declared"):
            path = f"{place}.{name}" if place else name
            for inner, one in held((value,), lambda one: not isinstance(one, Layer)):
                yield path + inner.removeprefix("[0]"), _plain(one)


def _plain(value: Any) -> Any:
    """A value of JSON that is equal for equal values."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"array of {value.dtype}, {value.shape}, {digest[:16]}"
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return f"dtype {np.dtype(value).name}"
    if isinstance(value, bytes | complex):
        return repr(value)
    if isinstance(value, FunctionType) and value.__name__ == "<lambda>":
        code = value.__code__
        parts = code.co_code, code.co_names, code.co_consts
        return f"lambda {hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"
    return _name(value if hasattr(value, "__qualname__") else type(value))


def _name(thing: Any) -> str:
    module = thing.__module__ or ""
    own = "tinynet" if module.startswith("tinynet.") else module
    return f"{own}.{thing.__qualname__}"
