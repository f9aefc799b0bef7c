"""All that decides how a training run goes on: in memory, in a file, and back.

A run that was stopped after any epoch and goes on from its checkpoint makes the same steps, to the
bit, as one that was never stopped. So a checkpoint holds the parameters and running statistics,
what the optimizer remembers, its number of steps, and the state of every random generator.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.persistence.archive import read_archive, refuse, write_archive
from tinynet.persistence.models import contents, named_arrays, unfit, wholly_finite
from tinynet.training.history import History
from tinynet.types import Array

__all__ = ["Reached", "Run", "Snapshot"]


class Snapshot(NamedTuple):
    """The state of a run between two epochs: copies of arrays, steps, and random states."""

    net: dict[str, Array]
    optimizer: dict[str, Array]
    steps: int
    random: list[dict[str, Any]]


class Reached(NamedTuple):
    """How far a run has come; `best` is the network of its best epoch, if that is kept."""

    now: Snapshot
    history: History
    best: dict[str, Array] | None


@dataclass(frozen=True)
class Run:
    """The objects that a run changes, and the settings that must not differ when it goes on.

    A Generator is found where it is an attribute of a layer, of the loss or of the optimizer, or
    lies there in a list, tuple or dict. One that several share is kept once, and stays shared.
    """

    net: Layer
    loss: Loss
    optimizer: Optimizer
    generator: np.random.Generator
    settings: Mapping[str, Any]

    def snapshot(self) -> Snapshot:
        """Copy the state."""
        return Snapshot(
            {name: array.copy() for name, array in named_arrays(self.net).items()},
            {name: getattr(self.optimizer, name).copy() for name in self._remembered()},
            self.optimizer.steps,
            [
                {"names": names, "state": _plain(generator.bit_generator.state)}
                for names, generator in self._generators()
            ],
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Write a state back into the objects."""
        self.restore_net(snapshot.net)
        for name, array in snapshot.optimizer.items():
            getattr(self.optimizer, name)[...] = array
        self.optimizer.steps = snapshot.steps
        for kept, (_, generator) in zip(snapshot.random, self._generators(), strict=True):
            generator.bit_generator.state = _lively(kept["state"])

    def restore_net(self, arrays: Mapping[str, Array]) -> None:
        """Write parameters and running statistics back."""
        for name, array in named_arrays(self.net).items():
            array[...] = arrays[name]

    def write(self, path: str | os.PathLike[str], reached: Reached) -> None:
        """Write a checkpoint, which `tinynet.load` reads too.

        Raises:
            OSError: the file cannot be written; an old one is then as it was.
            ValueError: a parameter, or what the optimizer remembers, is NaN or infinite.
        """
        header, arrays = contents(self.net, architecture=False)
        for name, array in reached.now.optimizer.items():
            if not wholly_finite(array):
                raise ValueError(f"{name} of the optimizer is NaN or infinite: training diverged")
            arrays[f"optimizer/{name}"] = array
        for name, array in (reached.best or {}).items():
            arrays[f"best/{name}"] = array
        for name in reached.history.names:
            arrays[f"history/{name}"] = reached.history[name]
        header["run"] = {
            "settings": self.settings,
            "steps": reached.now.steps,
            "random": reached.now.random,
            "columns": reached.history.names,
        }
        write_archive(path, header, arrays)

    def read(self, path: str | os.PathLike[str]) -> Reached:
        """Read a checkpoint and see that all of it fits; nothing is changed yet.

        Raises:
            OSError: no such file.
            LoadError: it is damaged, no checkpoint, or of another run; all problems are listed.
        """
        header, arrays = read_archive(path)
        kept: Any = header.get("run")
        if not isinstance(kept, dict):
            mend = "load_parameters(net, path) takes that over"
            refuse(path, [f"it is no checkpoint, only a network. {mend}"])
        there = named_arrays(self.net)
        optimizer, best = _below("optimizer/", arrays), _below("best/", arrays)
        history = _below("history/", arrays)
        problems = unfit(self.net, arrays)
        problems += [f"best/{problem}" for problem in (unfit(self.net, best) if best else ())]
        problems += self._other_settings(kept.get("settings"))
        problems += self._other_optimizer(optimizer)
        problems += self._other_random(kept.get("random"))
        if type(kept.get("steps")) is not int or not 0 <= kept["steps"] < 1 << 63:
            problems.append(f"the number of steps is {kept.get('steps')!r}")
        columns, shapes = kept.get("columns"), {array.shape for array in history.values()}
        if not isinstance(columns, list) or {*map(str, columns)} != history.keys():
            problems.append("the history is not whole")
        elif len(shapes) != 1 or len(shape := shapes.pop()) != 1:
            problems.append("the history has columns of different lengths")
        elif self.settings["keeps_best"] and shape[0] and not best:
            problems.append("the parameters of the best epoch are missing")
        if problems:
            refuse(path, problems)
        net = {name: arrays[name] for name in there}
        return Reached(
            Snapshot(net, optimizer, kept["steps"], kept["random"]),
            History({name: history[name] for name in kept["columns"]}),
            best or None,
        )

    def _remembered(self) -> tuple[str, ...]:
        """Names of the optimizer's vectors."""
        return getattr(self.optimizer, "state", ())

    def _generators(self) -> list[tuple[list[str], np.random.Generator]]:
        """Each distinct Generator with all the names by which it is reached."""
        found: dict[int, tuple[list[str], np.random.Generator]] = {}
        places = [("rng of fit", self.generator)]
        for owner, thing in (("loss", self.loss), ("optimizer", self.optimizer)):
            places += _held(vars(thing), owner)
        places += _held_by_layers(self.net, "net")
        for name, generator in places:
            found.setdefault(id(generator), ([], generator))[0].append(name)
        return list(found.values())

    def _other_settings(self, kept: Any) -> Iterator[str]:
        if not isinstance(kept, dict):
            yield "it has no settings"
            return
        for name, value in self.settings.items():
            if kept.get(name) != value:
                yield f"{name} is {kept.get(name)!r} in the file, {value!r} here"

    def _other_optimizer(self, kept: Mapping[str, Array]) -> Iterator[str]:
        there = {name: getattr(self.optimizer, name) for name in self._remembered()}
        if sorted(there) != sorted(kept):
            yield f"the optimizer remembers {sorted(kept)} in the file, {sorted(there)} here"
        for name in there.keys() & kept.keys():
            shape, theirs = there[name].shape, kept[name]
            dtype = self.optimizer.net.params.dtype  # what its first step makes of the vectors
            if (shape, dtype) != (theirs.shape, theirs.dtype):
                yield (
                    f"{name} of the optimizer is {theirs.dtype} {theirs.shape} in the file, "
                    f"{dtype} {shape} here"
                )
            elif not wholly_finite(theirs):
                yield f"{name} of the optimizer holds NaN or infinity"

    def _other_random(self, kept: Any) -> Iterator[str]:
        ours = self._generators()
        try:
            names = [each["names"] for each in kept]
            if names != [each for each, _ in ours]:
                yield f"random generators are {names} in the file, {[n for n, _ in ours]} here"
                return
            for each, (_, generator) in zip(kept, ours, strict=True):
                type(generator.bit_generator)().state = _lively(each["state"])
        except Exception as error:  # a bit generator may raise anything
            yield f"the states of the random generators make no sense ({error})"


def _held(attributes: Mapping[str, Any], owner: str) -> Iterator[tuple[str, np.random.Generator]]:
    for name, value in attributes.items():
        place = f"{owner}.{name}"
        if name == "_arguments":  # what a constructor was given, perhaps not what it kept
            continue
        if isinstance(value, np.random.Generator):
            yield place, value
        elif isinstance(value, list | tuple):
            yield from _held({str(number): inner for number, inner in enumerate(value)}, place)
        elif isinstance(value, dict):
            yield from _held({str(key): inner for key, inner in value.items()}, place)


def _held_by_layers(layer: Layer, place: str) -> Iterator[tuple[str, np.random.Generator]]:
    yield from _held(vars(layer), place)
    for name, part in layer._parts():
        yield from _held_by_layers(part, f"{place}.{name}")


def _below(folder: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in a folder of the file, by the names they have there."""
    return {
        name.removeprefix(folder): array
        for name, array in arrays.items()
        if name.startswith(folder)
    }


def _plain(state: Any) -> Any:
    """The state of a bit generator as JSON; the arrays in some become lists with their type."""
    if isinstance(state, dict):
        return {name: _plain(value) for name, value in state.items()}
    if isinstance(state, np.ndarray):
        return {"array": state.tolist(), "dtype": state.dtype.name}
    return state.item() if isinstance(state, np.generic) else state


def _lively(state: Any) -> Any:
    """The inverse of `_plain`; bit generators keep unsigned integers alone."""
    if isinstance(state, dict) and state.keys() == {"array", "dtype"}:
        if state["dtype"] not in ("uint32", "uint64"):
            raise ValueError(f"an array of {state['dtype']!r}")
        return np.array(state["array"], state["dtype"])
    if isinstance(state, dict):
        return {name: _lively(value) for name, value in state.items()}
    return state
