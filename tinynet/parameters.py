"""Parameters as views on two flat vectors."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from tinynet.declared import Declared, attributes, key, place
from tinynet.kept import kept_names
from tinynet.parameter_checks import (
    check_copies,
    check_declaration,
    check_vectors,
    check_views,
    float_type,
)
from tinynet.types import Array


class Parameterized:
    """Named arrays that lie one after another in a flat vector, `params`, and their gradients.

    `super().__init__(W=array)` makes the attributes `W` and `dW`: views on `params` and `grads`.
    An assignment to one of these four writes into its memory, and is refused if the shape differs.
    A part, another `Parameterized`, is declared by name in the same way: its views move to the
    vectors of the whole. An optimizer, a gradient check or a checkpoint needs these two vectors
    only.

    `tinynet.Layer` adds the computation.
    """

    if TYPE_CHECKING:
        params: Array
        grads: Array
    else:
        params, grads = Declared("params"), Declared("grads")
    buffers: ClassVar[tuple[str, ...]] = ()

    _declared: dict[str, Any]  # parameters and parts, in the order of the flat vectors
    _owner: Callable[[], Parameterized | None]  # a weak reference to the whole, if it is a part

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Start without parameters, so a class with none need not call `super().__init__`."""
        self = super().__new__(cls)
        self._declared = {}
        self._owner = _nobody
        self._set_vectors(np.empty(0), np.empty(0))
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
        check_declaration(self, declared)
        self._declared = {**self._declared, **declared}  # a subclass may add to what it inherits
        self._gather(float_type(self, dtype))

    def bind(self, params: Array, grads: Array) -> None:
        """Move into the given flat vectors, keeping the values.

        Vectors of another float type cast them: that is how a layer becomes float32.
        """
        check_vectors(params, grads, sum(map(_size, self._declared.values())))
        start = 0
        for name, value in self._declared.items():
            here = slice(start, start + _size(value))
            if isinstance(value, Parameterized):
                value.bind(params[here], grads[here])
                place(self, name, value)
            else:
                gradient = self.__dict__.get(key(f"d{name}"), np.zeros_like(value))
                self._declared[name] = _view(params[here], value)
                place(self, name, self._declared[name])
                place(self, f"d{name}", _view(grads[here], gradient))
            start = here.stop
        kept = attributes(self)
        for name in self.buffers:
            array = kept.get(name)
            if array is not None and array.dtype.kind == "f":
                setattr(self, name, array.astype(params.dtype, copy=False))
        self._set_vectors(params, grads)

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
        """The object itself and all its parts, at any depth."""
        yield self
        for _, part in self._parts():
            yield from part.walk()

    def check_views(self) -> None:
        """Check that every view still lies on its flat vector.

        Raises:
            ValueError: a part was bound to other vectors by itself, or a layer with parameters
                was never declared.
        """
        check_views(self)

    def __copy__(self) -> Self:
        """A deep copy, because two layers never share parameters."""
        return copy.deepcopy(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What copies and pickles are made from; an error names an attribute that has none."""
        check_copies(self)
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the flat vectors, whose values the views hold, and what passes keep.

        `forward` keeps its input for `backward`. Copies and pickles leave it out, because it is
        large and may be private data; so a copy needs a `forward` before `backward`.
        """
        left_out = (
            key("params"),
            key("grads"),
            "_owner",
            *(kept_names(self.__class__) - {*self.buffers}),
        )
        kept = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return {**kept, "_dtype": self.params.dtype}

    def __setstate__(self, state: dict[str, Any]) -> None:
        dtype = state.pop("_dtype")
        self.__dict__.update(state)
        self._gather(dtype)

    def _parts(self) -> Iterator[tuple[str, Any]]:
        return ((n, part) for n, part in self._declared.items() if isinstance(part, Parameterized))

    def _set_vectors(self, params: Array, grads: Array) -> None:
        place(self, "params", params)
        place(self, "grads", grads)

    def _gather(self, dtype: np.dtype[Any]) -> None:
        for _, part in self._parts():
            part._owner = weakref.ref(self)
        size = sum(map(_size, self._declared.values()))
        self.bind(np.empty(size, dtype), np.empty(size, dtype))


def _nobody() -> None:
    """The owner of a layer that is not part of another."""


def _size(value: Array | Parameterized) -> int:
    return value.params.size if isinstance(value, Parameterized) else value.size


def _view(vector: Array, values: Array) -> Array:
    """A view on the vector with the shape and the values of `values`."""
    view = vector.reshape(values.shape)
    view[...] = values
    return view
