"""Errors about parameters: what may be declared and optimized, and what has left its vector."""

from __future__ import annotations

import copyreg
import weakref
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import check_numbers, float_dtype, is_array
from tinynet.declared import Declared
from tinynet.errors import NotCopiedError
from tinynet.foreign_names import KEYWORDS
from tinynet.held import held
from tinynet.text import one_line, shown
from tinynet.types import Array

_WITH_COPIES = (type, FunctionType, MethodType, np.ndarray, str, bytes, int, float, weakref.ref)

if TYPE_CHECKING:
    from tinynet.parameters import Parameterized


def check_declaration(whole: Parameterized, declared: Mapping[str, Any]) -> None:
    """Require names that are free, arrays of floats, and parts that have no place yet."""
    me = type(whole).__name__
    one_place = "A layer has one place; copy.deepcopy makes a second one."
    places: dict[int, str] = {}
    for name, value in declared.items():
        if _is_taken(whole, name) or _is_taken(whole, f"d{name}") or f"d{name}" in declared:
            raise ValueError(
                f"{me} cannot declare {name!r}: this name, or d{name} for its gradient, is taken. "
                f"Choose another name."
            )
        if _is_part(value):
            if (first := places.setdefault(id(value), name)) != name:
                raise ValueError(
                    f"{me} got the same {one_line(value)} as {first} and as {name}. {one_place}"
                )
            if (owner := value._owner()) is not None:
                home = type(owner).__name__
                raise ValueError(
                    f"{me} got {one_line(value)}, which already lives in a {home}. {one_place}"
                )
        elif not is_array(value) or value.dtype.kind != "f":
            if name in KEYWORDS:
                raise TypeError(f"{me} takes no {name!r}: {KEYWORDS[name]}")
            got = f"an array of {value.dtype}" if is_array(value) else shown(value)
            raise TypeError(
                f"{me} declares {name!r} as {got}; a parameter is an array of floats, such as "
                f"np.zeros(3), and a part is a Layer."
            )


def float_type(whole: Parameterized, dtype: DTypeLike | None) -> np.dtype[Any]:
    """The given dtype, or the one that all declared parameters have."""
    me = type(whole).__name__
    types = {name: _float_types(value) for name, value in whole._declared.items()}
    found = set().union(*types.values())
    if dtype is None and len(found) > 1:
        listed = [f"{name} is {' and '.join(sorted(map(str, t)))}" for name, t in types.items()]
        raise TypeError(
            f"{me} got parts of different float types: {', '.join(listed)}. "
            f"Pass dtype= to cast them all, or give them the same type."
        )
    if dtype is not None:
        return float_dtype(dtype)
    common = np.dtype(next(iter(found), np.float64))
    if common not in (np.float32, np.float64):
        raise TypeError(
            f"{me} got parameters of {common}: they are float32 or float64, so pass "
            f"dtype=np.float32 or dtype=np.float64."
        )
    return common


def check_views(whole: Parameterized) -> None:
    """Require that every view lies on its flat vector, and that every part was declared."""
    me = type(whole).__name__
    for name, value in whole._declared.items():
        if not _is_part(value):
            _check_memory(me, name, value, whole.params)
            continue
        value.check_views()
        if whole.params.size:  # a Frozen has none
            _check_memory(f"{me}.{name}", "params", value.params, whole.params)
            _check_memory(f"{me}.{name}", "grads", value.grads, whole.grads)
    closed = whole._arguments if hasattr(whole, "_arguments") else None  # not what it computes with
    for where, value in held(whole, lambda value: value is not closed and not _is_part(value)):
        if _is_part(value) and value.params.size and value._owner() is None:
            raise ValueError(
                f"{me}{where} holds a layer that learns, {one_line(value)}, but {me} never "
                f"declared it, so it would be neither trained nor saved. Pass it to "
                f"super().__init__(name=layer), or one by one: super().__init__(**layers)."
            )


def check_vectors(params: Array, grads: Array, size: int | None) -> None:
    """Require two flat vectors of one float type, and of that size, for parameters to move to."""
    for name, vector in (("params", params), ("grads", grads)):
        check_numbers(name, vector)
        float_dtype(vector.dtype, f"the type of {name}")
        fits = vector.ndim == 1 and size in (None, vector.size)
        if not fits or vector.dtype != params.dtype:
            wanted = "one float type and one axis" if size is None else f"shape ({size},)"
            raise ValueError(f"{name} must be of {wanted}; got {shown(vector)}")


def check_copies(whole: Parameterized) -> None:
    """Refuse to copy or pickle what holds a lock, an open file, or another thing without copies."""
    # a mapped file is inside an array, which is copied without it
    for place, value in held(whole, lambda v: not _is_part(v) and not isinstance(v, np.memmap)):
        kind = type(value)
        known = hasattr(kind, "__deepcopy__") or kind in copyreg.dispatch_table  # as of a ufunc
        if known or _is_part(value) or isinstance(value, _WITH_COPIES):
            continue
        try:
            value.__reduce_ex__(4)
        except Exception as error:
            me = type(whole).__name__
            raise NotCopiedError(
                f"{me}{place}, a {kind.__name__}, cannot be copied or pickled ({error}), so "
                f"neither can {me}, which training copies. Make it in forward, or "
                f"leave it out of the state: define __getstate__ and __setstate__"
            ) from error


def check_has_parameters(me: str, net: object) -> None:
    """Require an object that has parameters, for an optimizer to change; `me` is what takes it."""
    if isinstance(net, type):
        hint = f"did you mean {net.__name__}(...)?"
        raise TypeError(f"{me} takes a network as net, not a class; {hint}")
    if not _is_part(net):
        raise TypeError(
            f"{me} takes the network, not its parameters: {me}(net, ...); got {shown(net)}"
        )
    net.check_views()
    if not net.params.size:
        raise ValueError(f"{me} got {one_line(net)}, which has no parameters to learn")


def _check_memory(me: str, name: str, view: Array, vector: Array) -> None:
    if view.size and not np.may_share_memory(view, vector):
        raise ValueError(
            f"{me}.{name} does not lie on the flat vector of the whole, so the optimizer and the "
            f"layer see different numbers. Was bind called for a part? Call it for the whole "
            f"network, or build the network again."
        )


def _is_taken(whole: Parameterized, name: str) -> bool:
    """Whether the class uses the name for something that is not a declared one."""
    return name in ("params", "grads") or (
        hasattr(type(whole), name) and not isinstance(getattr(type(whole), name), Declared)
    )


def _is_part(value: object) -> TypeGuard[Parameterized]:
    """Whether it is a Parameterized, which this module cannot import."""
    return hasattr(type(value), "check_views")


def _float_types(value: Any) -> set[np.dtype[Any]]:
    if _is_part(value):
        return set().union(*map(_float_types, value._declared.values()))
    return {value.dtype}
