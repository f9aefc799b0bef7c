"""The contract about copies."""

import copy
import io
import pickle
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.subject import Subject

__all__ = ["copying", "pickling"]


def copying(s: Subject) -> None:
    """A copy computes with its own parameters, which lie on its own vectors."""
    start = s.made_anew() or s.fresh()
    s.run(layer=start)
    for how in (copy.deepcopy, copy.copy):
        _own_views("copy", start, how(start))
    moved, twin = s.moved_params(), copy.deepcopy(start)
    kept = start.params.copy()
    twin.params[...] = moved
    if not np.array_equal(start.params, kept):
        raise Fault("copy", "a copy shares its parameters with the original.")
    got = s.run(layer=twin)
    start.params[...] = moved
    if name := s.apart(got, s.run(layer=start), s.x, s.dy):
        raise Fault(
            "copy",
            f"a copy whose parameters were changed gives another {name} than the original with the "
            f"same parameters: the copy computes with something of the original's.",
            "a view on a parameter, or a function that holds self, was kept in __init__; make it "
            "in forward.",
            tensor=name,
        )


def _own_views(check: str, layer: Layer, twin: Layer) -> None:
    try:
        twin.check_views()
    except ValueError as error:
        raise Fault(check, f"on a copy, {error}") from error
    same = twin.params.shape == layer.params.shape and np.array_equal(
        twin.params, layer.params, equal_nan=True
    )
    if not same or twin.params.dtype != layer.params.dtype:
        raise Fault(check, "a copy has other parameters than the original.")
    if layer.params.size and np.may_share_memory(twin.params, layer.params):
        raise Fault(check, "a copy shares its parameters with the original.")


class _Pickler(pickle.Pickler):
    """Writes classes, and functions given to the constructor, by reference, wherever defined."""

    def __init__(self, file: io.BytesIO, given: object) -> None:
        super().__init__(file)
        self.objects: list[object] = []
        self._given = _functions(given)

    def persistent_id(self, value: object) -> int | None:
        if isinstance(value, type) or id(value) in self._given:
            self.objects.append(value)
            return len(self.objects) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: list[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, place: Any) -> object:
        return self._objects[place]


def _functions(value: object) -> set[int]:
    """The ids of all functions inside the arguments of a constructor."""
    if isinstance(value, list | tuple):
        return {found for inner in value for found in _functions(inner)}
    if isinstance(value, dict):
        return _functions(list(value.values()))
    if isinstance(value, Layer):
        return _functions(value._arguments)
    return {id(value)} if callable(value) else set()


def pickling(s: Subject) -> None:
    """The same through pickle, which saving and other processes use."""
    layer = s.fresh()
    wanted = s.run(layer=copy.deepcopy(layer))
    file = io.BytesIO()
    try:
        pickler = _Pickler(file, layer._arguments)
        pickler.dump(layer)
        file.seek(0)
        twin = _Unpickler(file, pickler.objects).load()
    except Exception as error:
        raise Fault(
            "pickle",
            f"pickle raised {type(error).__name__}: {error}",
            "a lambda, a local function or an open file is kept in self; make it a method.",
        ) from error
    _own_views("pickle", layer, twin)
    if name := s.apart(s.run(layer=twin), wanted, s.x, s.dy):
        raise Fault("pickle", f"after pickling, {name} is another.", tensor=name)
