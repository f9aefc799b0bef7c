"""Errors about parameters: what may be declared, optimized, and left its flat vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import DTypeLike

from tinynet.foreign_names import KEYWORDS
from tinynet.text import one_line
from tinynet.types import Array

if TYPE_CHECKING:
    from tinynet.parameters import Parameterized


def check_declaration(whole: Parameterized, declared: Mapping[str, Any]) -> None:
    """Require names that are free, arrays of floats, and parts that have no place yet."""
    me = type(whole).__name__
    taken = {*dir(type(whole)), "params", "grads"}
    one_place = "A layer has one place; copy.deepcopy makes a second one."
    places: dict[int, str] = {}
    for name, value in declared.items():
        if name in taken or f"d{name}" in taken or f"d{name}" in declared:
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
        elif not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            if name in KEYWORDS:
                raise TypeError(f"{me} takes no {name!r}: {KEYWORDS[name]}")
            got = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
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
    common = np.dtype(dtype or next(iter(found), np.float64))
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
            if value.size:
                _check_view(me, name, getattr(whole, name), whole.params)
                _check_view(me, f"d{name}", getattr(whole, f"d{name}"), whole.grads)
            continue
        if getattr(whole, name) is not value:
            raise ValueError(
                f"{me}.{name} was replaced after {one_line(value)} had been declared there, "
                f"so the two do not share parameters. Build a new network instead."
            )
        value.check_views()
        if whole.params.size and value.params.size:  # a Frozen has none
            _check_view(me, "params", whole.params, value.params)
            _check_view(me, "grads", whole.grads, value.grads)
    for name, value in whole.__dict__.items():
        inside = [*value.values()] if isinstance(value, dict) else value
        for held in inside if isinstance(inside, list | tuple) else (inside,):
            if _is_part(held) and held.params.size and held._owner() is None:
                raise ValueError(
                    f"{me}.{name} holds a layer that learns, {one_line(held)}, but {me} never "
                    f"declared it, so it would not learn. Pass it to super().__init__(name=layer)."
                )


def check_has_parameters(optimizer: object, net: object) -> None:
    """Require an object that has parameters, for an optimizer to change."""
    me = type(optimizer).__name__
    if isinstance(net, type):
        raise TypeError(f"{me} takes a network, not a class; did you mean {net.__name__}(...)?")
    if not _is_part(net):
        got = type(net).__name__
        raise TypeError(f"{me} takes the network, not its parameters: {me}(net, ...); got {got}")
    net.check_views()
    if not net.params.size:
        raise ValueError(f"{me} got {one_line(net)}, which has no parameters to learn")


def _check_view(me: str, name: str, view: object, vector: Array) -> None:
    if not isinstance(view, np.ndarray) or not np.may_share_memory(view, vector):
        raise ValueError(
            f"{me}.{name} no longer lies in the memory of the flat vectors, so the optimizer and "
            f"the layer see different numbers: one of them was replaced by an assignment. "
            f"Write self.{name}[...] = ... instead of self.{name} = ..."
        )


def _is_part(value: object) -> TypeGuard[Parameterized]:
    """Whether it is a Parameterized, which this module cannot import."""
    return hasattr(type(value), "check_views")


def _float_types(value: Any) -> set[np.dtype[Any]]:
    if _is_part(value):
        return set().union(*map(_float_types, value._declared.values()))
    return {value.dtype}
