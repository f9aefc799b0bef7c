"""Declared names as attributes: what is assigned to one is written into its view.

A layer that declares `W` gets the attributes `W` and `dW`, views on the flat vectors. If an
assignment replaced a view, the layer would compute with one array while the optimizer moved, and
`save` wrote, another. So each declared name is a property of the class. Reading it gives the view;
assigning to it overwrites the view, or is refused.

The properties of a class are made with its first instance that declares the names. An instance that
does not declare such a name, as `b` of `Dense(2, 1, bias=False)`, has a plain attribute there.
"""

from operator import attrgetter
from typing import Any

import numpy as np

from tinynet.checks import check_array

_PREFIX = "value of "  # of the entry in an instance's __dict__, whose own name the property hides


class Declared(property):
    """The property of one declared name."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, key(name)
        super().__init__(
            attrgetter(self.key), self._write, self._delete
        )  # read in C, without a call

    def _write(self, thing: Any, value: Any) -> None:
        held = vars(thing).get(self.key)
        if not is_declared(thing, self.name):
            vars(thing)[self.key] = value
        elif value is not held:  # as after `self.W += 1`
            overwrite(f"{type(thing).__name__}.{self.name}", held, value)

    def _delete(self, thing: Any) -> None:
        if is_declared(thing, self.name):
            raise AttributeError(
                f"{type(thing).__name__}.{self.name} is declared and cannot be deleted; build "
                f"a new layer without it"
            )
        vars(thing).pop(self.key, vars(thing).pop(self.name, None))


class Plain:
    """Finds an attribute that was set before its name became a property of the class."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, thing: object, cls: type) -> Any:
        try:
            return vars(thing)[self.name]
        except (KeyError, TypeError):
            raise AttributeError(f"{cls.__name__!r} has no attribute {self.name!r}") from None


def key(name: str) -> str:
    """The entry in an instance's `__dict__` that holds what it declared by that name."""
    return _PREFIX + name


def place(thing: object, name: str, value: object) -> None:
    """Set what a declared name gives, the view itself; names such as "0" get no property."""
    if not name.isidentifier():
        vars(thing)[name] = value
        return
    cls = type(thing)
    if not isinstance(getattr(cls, name, None), Declared):
        setattr(cls, key(name), Plain(name))
        setattr(cls, name, Declared(name))
    vars(thing).pop(name, None)
    vars(thing)[key(name)] = value


def is_declared(thing: Any, name: str) -> bool:
    """Whether the name is that of a flat vector, or of a parameter, gradient or part declared."""
    declared = getattr(thing, "_declared", {})  # a loss or an optimizer has none
    gradient = name[:1] == "d" and isinstance(declared.get(name[1:]), np.ndarray)
    return gradient or name in declared or name in ("params", "grads")


def attributes(thing: object) -> dict[str, Any]:
    """The attributes of an object by the names under which they are read."""
    found = dict(vars(thing))
    for name in [name for name in found if name.startswith(_PREFIX)]:
        found[name.removeprefix(_PREFIX)] = found.pop(name)
    return found


def overwrite(name: str, view: Any, value: Any) -> None:
    """Write a value of the same shape into a view, and refuse any other.

    Raises:
        ValueError: a value of another shape, or in place of a part.
        TypeError: what is not an array of real numbers.
    """
    if not isinstance(view, np.ndarray):
        raise ValueError(
            f"{name} is a declared part, and its parameters are the whole's; so nothing can take "
            f"its place. Build a new layer or network with the other part."
        )
    if not isinstance(value, int | float | np.generic):
        check_array(name, value)
    number = np.asarray(value)
    if number.shape != view.shape:
        raise ValueError(
            f"{name} has the shape {view.shape}, which stays; got a value of shape {number.shape}. "
            f"Give it the shape {view.shape}, or build a new layer of another size."
        )
    if number.dtype.kind not in "fiub":
        raise TypeError(f"{name} holds {view.dtype}; got an array of {number.dtype}")
    view[...] = number
