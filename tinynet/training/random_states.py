"""The random generators of a training run, and their states as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer

__all__ = ["NamedGenerator", "compare_states", "find_generators", "get_states", "set_states"]


class NamedGenerator(NamedTuple):
    """A Generator with all the names by which it is reached."""

    names: list[str]
    generator: np.random.Generator


def find_generators(
    net: Layer, loss: Loss, optimizer: Optimizer, rng: np.random.Generator
) -> list[NamedGenerator]:
    """Each Generator that decides how the run goes on, once, also where several objects share it.

    It is found where it is an attribute of a layer, of the loss or of the optimizer, or lies there
    in a list, tuple or dict.
    """
    found: dict[int, NamedGenerator] = {}
    places = [("rng of fit", rng), *_held("loss", _attributes(loss))]
    places += [*_held("optimizer", _attributes(optimizer)), *_held_by_layers("net", net)]
    for name, generator in places:
        found.setdefault(id(generator), NamedGenerator([], generator)).names.append(name)
    return list(found.values())


def get_states(generators: Sequence[NamedGenerator]) -> list[dict[str, Any]]:
    """Their names and states as JSON."""
    return [
        {"names": names, "state": _to_json(generator.bit_generator.state)}
        for names, generator in generators
    ]


def set_states(generators: Sequence[NamedGenerator], states: Sequence[dict[str, Any]]) -> None:
    """Put the generators into these states."""
    for (_, generator), kept in zip(generators, states, strict=True):
        generator.bit_generator.state = _from_json(kept["state"])


def compare_states(generators: Sequence[NamedGenerator], states: Any) -> Iterator[str]:
    """What is wrong with states that were read from a file; nothing is changed."""
    try:
        theirs, ours = [each["names"] for each in states], [each.names for each in generators]
        if theirs != ours:
            yield f"random generators are {theirs} in the file, {ours} here"
            return
        for (_, generator), kept in zip(generators, states, strict=True):
            type(generator.bit_generator)().state = _from_json(kept["state"])
    except Exception as error:  # a bit generator may raise anything
        yield f"the states of the random generators are not valid ({error})"


def _attributes(owner: object) -> dict[str, Any]:
    """Those of an object, without the arguments of its constructor, which it may not have kept."""
    return {name: value for name, value in vars(owner).items() if name != "_arguments"}


def _held(place: str, value: Any) -> Iterator[tuple[str, np.random.Generator]]:
    if isinstance(value, np.random.Generator):
        yield place, value
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _held(f"{place}.{name}", inner)


def _held_by_layers(place: str, layer: Layer) -> Iterator[tuple[str, np.random.Generator]]:
    yield from _held(place, _attributes(layer))
    for name, part in layer._parts():
        yield from _held_by_layers(f"{place}.{name}", part)


def _to_json(state: Any) -> Any:
    """The state of a bit generator as JSON; an array becomes a list with its type."""
    if isinstance(state, dict):
        return {name: _to_json(value) for name, value in state.items()}
    if isinstance(state, np.ndarray):
        return {"array": state.tolist(), "dtype": state.dtype.name}
    return state.item() if isinstance(state, np.generic) else state


def _from_json(state: Any) -> Any:
    """The inverse of `_to_json`; the arrays of bit generators hold unsigned integers."""
    if isinstance(state, dict) and state.keys() == {"array", "dtype"}:
        if state["dtype"] not in ("uint32", "uint64"):
            raise ValueError(f"an array of {state['dtype']!r}")
        return np.array(state["array"], state["dtype"])
    if isinstance(state, dict):
        return {name: _from_json(value) for name, value in state.items()}
    return state
