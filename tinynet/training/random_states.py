"""The random generators of a training run, and their states as JSON."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinynet.held import held
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer

Generator: TypeAlias = np.random.Generator | np.random.RandomState | random.Random
Generators: TypeAlias = list[tuple[str, Generator]]
"""Each generator, once, with the first place where it is found."""

_UINT32, _UINT64, _UINT128 = 1 << 32, 1 << 64, 1 << 128


def find_generators(
    net: Layer, loss: Loss, optimizer: Optimizer, rng: np.random.Generator
) -> Generators:
    """Each generator that a run draws from, wherever a layer, the loss or the optimizer holds it.

    What a constructor was given, and perhaps did not keep, does not count.
    """
    found: dict[int, tuple[str, Generator]] = {id(rng): ("rng of fit", rng)}
    closed = {id(loss._arguments), *(id(layer._arguments) for layer in net.walk())}
    for name, holder in (("net", net), ("loss", loss), ("optimizer", optimizer)):
        for place, value in held(holder, lambda value: id(value) not in closed):
            if isinstance(value, Generator):
                found.setdefault(id(value), (name + place, value))
    return list(found.values())


def get_states(generators: Generators) -> list[dict[str, Any]]:
    """Their places and states."""
    return [{"place": place, "state": _state(each)} for place, each in generators]


def as_json(states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """States in which an array or a tuple is a list."""
    return json.loads(json.dumps(states, default=lambda array: array.tolist()))


def set_states(generators: Generators, states: Sequence[Mapping[str, Any]]) -> None:
    """Put the generators into these states."""
    for (_, generator), kept in zip(generators, states, strict=True):
        _set_state(generator, kept["state"])


def check_states(generators: Generators, states: Any) -> Iterator[str]:
    """What is wrong with states from a file; nothing is changed."""
    try:
        theirs, ours = [kept["place"] for kept in states], [place for place, _ in generators]
        if theirs != ours:
            yield f"random generators are at {theirs} in the file, at {ours} here"
            return
        for (place, generator), kept in zip(generators, states, strict=True):
            if not _is_valid(generator, kept["state"]):
                yield f"the state of the random generator {place} is not valid"
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        yield f"the states of the random generators are not valid ({error})"


def _state(generator: Generator) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.getstate()


def _set_state(generator: Generator, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        version, numbers, gauss = state
        generator.setstate((version, tuple(numbers), gauss))


def _is_valid(generator: Generator, state: Any) -> bool:
    """Whether a state from a file is one that the definition of the generator knows.

    NumPy sets almost any numbers. With an even increment, PCG64 gives the same number for ever;
    with a position outside its buffer, MT19937 reads other memory.
    """
    if isinstance(generator, random.Random):
        version, numbers, gauss = state
        whole = _are_ints(numbers[:-1], 624, _UINT32) and _are_ints(numbers[-1:], 1, 625)
        return version == 3 and whole and any(numbers[:-1]) and _is_gauss(gauss)
    kind = state["bit_generator"]
    if isinstance(generator, np.random.RandomState):
        ours = generator.get_state(legacy=False)["bit_generator"]
        if not (_are_ints([state["has_gauss"]], 1, 2) and _is_gauss(state["gauss"])):
            return False
    else:
        ours = type(generator.bit_generator).__name__
    return kind == ours and kind in _VALID and _VALID[kind](state)


def _are_ints(values: Any, count: int, end: int) -> bool:
    """Whether it is a list of so many ints from 0 on, below the end."""
    return (
        isinstance(values, list | tuple)
        and len(values) == count
        and all(type(value) is int and 0 <= value < end for value in values)
    )


def _is_gauss(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and bool(np.isfinite(value)))


def _has_half(state: Any) -> bool:
    """Whether what is left of 64 bits, for the next 32, is valid."""
    return _are_ints([state["has_uint32"]], 1, 2) and _are_ints([state["uinteger"]], 1, _UINT32)


def _pcg64(state: Any) -> bool:
    inner = state["state"]
    return (
        _are_ints([inner["state"], inner["inc"]], 2, _UINT128)
        and inner["inc"] % 2 == 1
        and _has_half(state)
    )


def _mt19937(state: Any) -> bool:
    inner = state["state"]
    return (
        _are_ints(inner["key"], 624, _UINT32)
        and any(inner["key"])
        and _are_ints([inner["pos"]], 1, 625)
    )


def _philox(state: Any) -> bool:
    inner = state["state"]
    return (
        _are_ints(inner["counter"], 4, _UINT64)
        and _are_ints(inner["key"], 2, _UINT64)
        and _are_ints(state["buffer"], 4, _UINT64)
        and _are_ints([state["buffer_pos"]], 1, 5)
        and _has_half(state)
    )


def _sfc64(state: Any) -> bool:
    return _are_ints(state["state"]["state"], 4, _UINT64) and _has_half(state)


_VALID = {
    "PCG64": _pcg64,
    "PCG64DXSM": _pcg64,
    "MT19937": _mt19937,
    "Philox": _philox,
    "SFC64": _sfc64,
}
