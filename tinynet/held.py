"""What an object holds, at any depth: in containers, in other objects and in functions."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinynet.declared import attributes

_LEAVES = (type, ModuleType, str, bytes, int, float, complex, np.generic, np.dtype)


def held(
    thing: object, enter: Callable[[Any], bool] = lambda value: True
) -> Iterator[tuple[str, Any]]:
    """Each value that the object holds, once, with its place: ".left", ".blocks[0].rate".

    Looks into containers, arrays of objects, attributes, bound methods, partial functions and what
    a function has closed over; and into none of what `enter` refuses.

    Example:
        >>> from types import SimpleNamespace
        >>> for place, value in held(SimpleNamespace(rates=[0.1, 0.2], name="a")):
        ...     print(place, value)
        .rates [0.1, 0.2]
        .rates[0] 0.1
        .rates[1] 0.2
        .name a
    """
    seen = {id(thing): thing}  # the objects too: while they live, no other has the same id
    waiting = [*_inside("", thing)][::-1]
    while waiting:
        place, value = waiting.pop()
        if value is not None and not isinstance(value, _LEAVES):
            if id(value) in seen:
                continue
            seen[id(value)] = value
            if enter(value):
                waiting += [*_inside(place, value)][::-1]
        yield place, value


def _inside(place: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds itself."""
    if isinstance(thing, Mapping):
        yield from ((f"{place}[{name!r}]", value) for name, value in thing.items())
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        yield from ((f"{place}[{number}]", value) for number, value in enumerate(thing))
    elif isinstance(thing, np.ndarray):
        values = thing.ravel().tolist() if thing.dtype.kind == "O" else ()
        yield from ((f"{place}[{number}]", value) for number, value in enumerate(values))
    elif isinstance(thing, functools.partial):
        for name, value in (
            ("func", thing.func),
            ("args", thing.args),
            ("keywords", thing.keywords),
        ):
            yield f"{place}.{name}", value
    elif isinstance(thing, MethodType):
        yield f"{place}.__self__", thing.__self__
    elif isinstance(thing, FunctionType):
        for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
            if cell != CellType():  # which is still empty
                yield f"{place}.{name}", cell.cell_contents
    if hasattr(thing, "__dict__"):
        yield from ((f"{place}.{name}", value) for name, value in attributes(thing).items())
    for cls in type(thing).__mro__:
        for name in _slots(cls):
            if hasattr(thing, name):
                yield f"{place}.{name}", getattr(thing, name)


def _slots(cls: type) -> tuple[str, ...]:
    names = vars(cls).get("__slots__", ())
    found = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in found if not name.startswith("__"))
