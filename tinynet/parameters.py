"""Parameters as views on two flat vectors."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from tinynet.foreign_names import KEYWORDS
from tinynet.types import Array

__all__ = ["Parameterized"]


class Parameterized:
    """Named arrays that lie one after another in a flat vector, `params`, and their gradients.

    `super().__init__(W=array)` makes the attributes `W` and `dW`: views on `params` and `grads`.
    A part, another `Parameterized`, is declared by name in the same way: its views move to the
    vectors of the whole. An optimizer, a gradient check or a checkpoint needs these two vectors
    only.

    `tinynet.Layer` adds the computation.
    """

    params: Array
    grads: Array
    buffers: ClassVar[tuple[str, ...]] = ()

    _declared: dict[str, Any]  # parameters and parts, in the order of the flat vectors
    _owner: Callable[[], Parameterized | None]  # a weak reference to the whole, if it is a part

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Start without parameters, so a class with none need not call `super().__init__`."""
        self = super().__new__(cls)
        self._declared = {}
        self._owner = _nobody
        self.params, self.grads = np.empty(0), np.empty(0)
        return self

    def __init__(
        self, *, dtype: DTypeLike | None = None, **declared: Array | Parameterized
    ) -> None:
        """Declare parameters and parts by name; `dtype` casts them all to one float type.

        Raises:
            TypeError: a value is neither a float array nor a Layer, or the float types differ, or
                the type is neither float32 nor float64.
            ValueError: a name is taken, or a part already has a place.
        """
        taken = {*dir(type(self)), "params", "grads"}
        places: dict[int, str] = {}
        for name, value in declared.items():
            self._check_name(name, taken, declared)
            if isinstance(value, Parameterized):
                self._check_free(name, value, places.setdefault(id(value), name))
            else:
                self._check_array(name, value)
        types = {t for value in declared.values() for t in _float_types(value)}
        if dtype is None and len(types) > 1:
            raise TypeError(
                f"{type(self).__name__} got parts of different float types: "
                + ", ".join(f"{name} is {_type_names(value)}" for name, value in declared.items())
                + ". Pass dtype= to cast them all, or give them the same type."
            )
        float_type = np.dtype(dtype or next(iter(types), np.float64))
        if float_type not in (np.float32, np.float64):
            raise TypeError(
                f"{type(self).__name__} got parameters of {float_type}: they are float32 or "
                f"float64, so pass dtype=np.float32 or dtype=np.float64."
            )
        self._declared = dict(declared)
        self._gather(float_type)

    def bind(self, params: Array, grads: Array) -> None:
        """Move into the given flat vectors, keeping the values.

        Vectors of another float type cast them: that is how a layer becomes float32.
        """
        start = 0
        for name, value in self._declared.items():
            size = value.params.size if isinstance(value, Parameterized) else value.size
            here = slice(start, start + size)
            if isinstance(value, Parameterized):
                value.bind(params[here], grads[here])
                setattr(self, name, value)
            else:
                gradient = self.__dict__.get(f"d{name}", np.zeros_like(value))
                self._declared[name] = _view(params[here], value)
                setattr(self, name, self._declared[name])
                setattr(self, f"d{name}", _view(grads[here], gradient))
            start += size
        for name in self.buffers:
            array = self.__dict__.get(name)
            if array is not None and array.dtype.kind == "f":
                setattr(self, name, array.astype(params.dtype, copy=False))
        self.params, self.grads = params, grads

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """("W", view), ("b", view), ...; a part's are prefixed by its name, "inner.W"."""
        for name, value in self._declared.items():
            if isinstance(value, Parameterized):
                for inner, view in value.named_parameters():
                    yield f"{name}.{inner}", view
            else:
                yield name, value

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The arrays that a layer keeps besides its parameters, named in the same way."""
        for name in self.buffers:
            yield name, getattr(self, name)
        for name, part in self._parts():
            for inner, array in part.named_buffers():
                yield f"{name}.{inner}", array

    def walk(self) -> Iterator[Self]:
        """Itself and every part, however deep."""
        yield self
        for _, part in self._parts():
            yield from part.walk()

    def check_views(self) -> None:
        """Check that every view still lies on its flat vector.

        Raises:
            ValueError: an attribute such as `dW` or `params` was replaced instead of overwritten,
                or a layer with parameters was never declared.
        """
        for name, value in self._declared.items():
            if isinstance(value, Parameterized):
                self._check_part(name, value)
            elif value.size:
                self._check_view(name, self.params)
                self._check_view(f"d{name}", self.grads)
        for name, value in self.__dict__.items():
            for held in value if isinstance(value, list | tuple) else (value,):
                if isinstance(held, Parameterized) and held.params.size and held._owner() is None:
                    me = type(self).__name__
                    raise ValueError(
                        f"{me}.{name} holds a layer that learns, {held!r}, but {me} never declared "
                        f"it, so it would stay as it is. Pass it to super().__init__(name=layer)."
                    )

    def __copy__(self) -> Self:
        """A deep copy, because two layers never share parameters."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the flat vectors, whose values the views hold, and the owner."""
        kept = self.__dict__.copy()
        for name in ("params", "grads", "_owner"):
            kept.pop(name, None)
        return {**kept, "_dtype": self.params.dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put the views on new vectors."""
        dtype = state.pop("_dtype")
        self.__dict__.update(state)
        self._gather(dtype)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        return ((n, part) for n, part in self._declared.items() if isinstance(part, Parameterized))

    def _gather(self, dtype: np.dtype[Any]) -> None:
        """Put parameters and parts on new flat vectors."""
        for _, part in self._parts():
            part._owner = weakref.ref(self)
        declared = self._declared.values()
        size = sum(v.params.size if isinstance(v, Parameterized) else v.size for v in declared)
        self.bind(np.empty(size, dtype), np.empty(size, dtype))

    def _check_name(self, name: str, taken: set[str], declared: dict[str, Any]) -> None:
        if name in taken or f"d{name}" in taken or f"d{name}" in declared:
            raise ValueError(
                f"{type(self).__name__} cannot declare {name!r}: this name, or d{name} for its "
                f"gradient, is taken. Choose another name."
            )

    def _check_free(self, name: str, part: Parameterized, first: str) -> None:
        me, mend = type(self).__name__, "A layer has one place; copy.deepcopy makes a second one."
        if first != name:
            raise ValueError(f"{me} got the same {part!r} as {first} and as {name}. {mend}")
        if (owner := part._owner()) is not None:
            whole = type(owner).__name__
            raise ValueError(f"{me} got {part!r}, which already lives in a {whole}. {mend}")

    def _check_array(self, name: str, value: object) -> None:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return
        if name in KEYWORDS:
            raise TypeError(f"{type(self).__name__} takes no {name!r}: {KEYWORDS[name]}")
        got = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
        raise TypeError(
            f"{type(self).__name__} declares {name!r} as {got}; a parameter is an array of "
            f"floats, such as np.zeros(3), and a part is a Layer."
        )

    def _check_part(self, name: str, part: Parameterized) -> None:
        me = type(self).__name__
        if getattr(self, name) is not part:
            raise ValueError(
                f"{me}.{name} was replaced after {part!r} had been declared there, so it computes "
                f"with other parameters than those that learn. Build a new network instead."
            )
        part.check_views()
        for mine, its in ((self.params, part.params), (self.grads, part.grads)):
            if mine.size and its.size and not np.may_share_memory(mine, its):
                raise ValueError(
                    f"{me}.params or {me}.grads is no longer the vector that {part!r} computes "
                    f"with: it was replaced by an assignment. Write params[...] = ... instead of "
                    f"params = ..., and the same for grads."
                )

    def _check_view(self, attribute: str, vector: Array) -> None:
        view = getattr(self, attribute)
        if not isinstance(view, np.ndarray) or not np.may_share_memory(view, vector):
            raise ValueError(
                f"{type(self).__name__}.{attribute} no longer lies on the layer's flat vector, so "
                f"the optimizer does not see it: one of them was replaced by an assignment. "
                f"Write self.{attribute}[...] = ... instead of self.{attribute} = ..."
            )


def _nobody() -> None:
    """The owner of a layer that is no part of another."""


def _view(vector: Array, values: Array) -> Array:
    """A view on the vector with the shape and the values of `values`."""
    view = vector.reshape(values.shape)
    view[...] = values
    return view


def _float_types(value: Array | Parameterized) -> Iterator[np.dtype[Any]]:
    if isinstance(value, Parameterized):
        for inner in value._declared.values():
            yield from _float_types(inner)
    else:
        yield value.dtype


def _type_names(value: Array | Parameterized) -> str:
    return " and ".join(sorted({str(t) for t in _float_types(value)})) or "of no float type"
