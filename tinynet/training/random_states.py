"""The random generators of a training run, and their states as JSON."""

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer

Generators: TypeAlias = list[tuple[list[str], np.random.Generator]]
"""Each Generator with all the names by which it is reached."""


def find_generators(
    net: Layer, loss: Loss, optimizer: Optimizer, rng: np.random.Generator
) -> Generators:
    """Each Generator that a run draws from, once, even if several objects share it.

    It is found where it is an attribute of a layer, of the loss or of the optimizer, or lies there
    in a list, tuple or dict.
    """
    holders = {"rng of fit": rng, "loss": vars(loss), "optimizer": vars(optimizer)}
    found: dict[int, tuple[list[str], np.random.Generator]] = {}
    for holder, value in (*holders.items(), *_attributes("net", net)):
        for name, generator in _held(holder, value):
            found.setdefault(id(generator), ([], generator))[0].append(name)
    return list(found.values())


def get_states(generators: Generators) -> list[dict[str, Any]]:
    """Their names and states as JSON, in which an array is a list; NumPy takes that too."""
    states = [{"names": names, "state": each.bit_generator.state} for names, each in generators]
    return json.loads(json.dumps(states, default=lambda array: array.tolist()))


def set_states(generators: Generators, states: list[dict[str, Any]]) -> None:
    """Put the generators into these states."""
    for (_, generator), kept in zip(generators, states, strict=True):
        generator.bit_generator.state = kept["state"]


def check_states(generators: Generators, states: Any) -> Iterator[str]:
    """What is wrong with states from a file; nothing is changed."""
    try:
        theirs, ours = [kept["names"] for kept in states], [names for names, _ in generators]
        if theirs != ours:
            yield f"random generators are {theirs} in the file, {ours} here"
        else:
            for (_, generator), kept in zip(generators, states, strict=True):
                type(generator.bit_generator)().state = kept["state"]
    except Exception as error:  # a bit generator may raise anything
        yield f"the states of the random generators are not valid ({error})"


def _attributes(place: str, layer: Layer) -> Iterator[tuple[str, dict[str, Any]]]:
    yield place, vars(layer)
    for name, part in layer._parts():
        yield from _attributes(f"{place}.{name}", part)


def _held(place: str, value: Any) -> Iterator[tuple[str, np.random.Generator]]:
    """The Generators in a value, with the places where they lie."""
    match value:
        case np.random.Generator():
            yield place, value
        case list() | tuple():
            for number, inner in enumerate(value):
                yield from _held(f"{place}.{number}", inner)
        case dict():
            for name, inner in value.items():
                if name != "_arguments":  # of a constructor, which perhaps did not keep them
                    yield from _held(f"{place}.{name}", inner)
