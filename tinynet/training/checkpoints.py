"""Checkpoints: all that decides how a training run goes on, in memory and in a file.

A run that was stopped after any epoch and goes on from its checkpoint makes the same steps, to the
bit, as one that was never stopped. So a checkpoint holds the parameters and buffers, the
optimizer's state, its number of steps, and the state of every random generator.
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
from tinynet.persistence.arrays import check_finite, misfits, named_arrays
from tinynet.persistence.models import contents
from tinynet.training.history import History
from tinynet.training.random_states import (
    Generators,
    check_states,
    find_generators,
    get_states,
    set_states,
)
from tinynet.types import Array

__all__ = ["Checkpoint", "TrainingRun", "TrainingState"]


class TrainingState(NamedTuple):
    """What a run changes, as it is between two epochs: copies of arrays, steps, random states."""

    net: dict[str, Array]
    optimizer: dict[str, Array]
    steps: int
    random: list[dict[str, Any]]


class Checkpoint(NamedTuple):
    """A run after some epochs; `best` is the network of its best epoch, if that is kept."""

    state: TrainingState
    history: History
    best: dict[str, Array] | None


@dataclass(frozen=True)
class TrainingRun:
    """The objects that a run changes, and the settings that must not differ when it goes on."""

    net: Layer
    loss: Loss
    optimizer: Optimizer
    rng: np.random.Generator
    settings: Mapping[str, Any]

    def state(self) -> TrainingState:
        """Copy the state of the objects."""
        return TrainingState(
            {name: array.copy() for name, array in named_arrays(self.net).items()},
            {name: array.copy() for name, array in self._optimizer_arrays().items()},
            self.optimizer.steps,
            get_states(self._generators()),
        )

    def restore(self, state: TrainingState) -> None:
        """Write a state back into the objects."""
        self.restore_net(state.net)
        for name, array in self._optimizer_arrays().items():
            array[...] = state.optimizer[name]
        self.optimizer.steps = state.steps
        set_states(self._generators(), state.random)

    def restore_net(self, arrays: Mapping[str, Array]) -> None:
        """Write parameters and buffers back."""
        for name, array in named_arrays(self.net).items():
            array[...] = arrays[name]

    def write(self, path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
        """Write a checkpoint, which `tinynet.load` reads too.

        Raises:
            OSError: the file cannot be written; an old one is then as it was.
            ValueError: a parameter, or the optimizer's state, is NaN or infinite.
        """
        state, history, best = checkpoint
        header, arrays = contents(self.net, architecture=False)
        optimizer = _in_folder("optimizer/", state.optimizer)
        check_finite(optimizer)
        arrays |= optimizer | _in_folder("best/", best or {})
        arrays |= _in_folder("history/", {name: history[name] for name in history.names})
        header["run"] = {"settings": self.settings, "steps": state.steps, "random": state.random}
        write_archive(path, header, arrays)

    def read(self, path: str | os.PathLike[str]) -> Checkpoint:
        """Read a checkpoint and check that all of it fits; nothing is changed yet.

        Raises:
            OSError: no such file.
            LoadError: it is damaged, no checkpoint, or of another run; all problems are listed.
        """
        header, arrays = read_archive(path)
        run: Any = header.get("run")
        if not isinstance(run, dict):
            refuse(path, ["it is no checkpoint, only a network, for load_parameters(net, path)"])
        history, best = _from_folder("history/", arrays), _from_folder("best/", arrays)
        problems = [
            *self._array_problems(arrays, with_best=bool(best)),
            *self._settings_problems(run.get("settings"), run.get("steps")),
            *self._history_problems(history, with_best=bool(best)),
            *check_states(self._generators(), run.get("random")),
        ]
        if problems:
            refuse(path, problems)
        net = {name: arrays[name] for name in named_arrays(self.net)}
        optimizer = _from_folder("optimizer/", arrays)
        state = TrainingState(net, optimizer, run["steps"], run["random"])
        return Checkpoint(state, History(history), best or None)

    def _optimizer_arrays(self) -> dict[str, Array]:
        """The vectors that the optimizer remembers, by name."""
        names = getattr(self.optimizer, "state", ())
        return {name: getattr(self.optimizer, name) for name in names}

    def _generators(self) -> Generators:
        return find_generators(self.net, self.loss, self.optimizer, self.rng)

    def _array_problems(self, arrays: Mapping[str, Array], with_best: bool) -> list[str]:
        net = named_arrays(self.net)
        dtype = self.optimizer.net.params.dtype  # the optimizer's first step converts its vectors
        optimizer = {name: array.astype(dtype) for name, array in self._optimizer_arrays().items()}
        own = net | _in_folder("optimizer/", optimizer)
        if with_best:
            own |= _in_folder("best/", net)
        others = "arguments/", "history/"
        return misfits({n: array for n, array in arrays.items() if not n.startswith(others)}, own)

    def _settings_problems(self, settings: Any, steps: Any) -> Iterator[str]:
        if not isinstance(settings, dict):
            settings = {}
        for name, value in self.settings.items():
            if settings.get(name) != value:
                yield f"{name} is {settings.get(name)!r} in the file, {value!r} here"
        if type(steps) is not int or not 0 <= steps < 1 << 63:
            yield f"the number of steps is {steps!r}"

    def _history_problems(self, history: Mapping[str, Array], with_best: bool) -> Iterator[str]:
        shapes = {array.shape for array in history.values()}
        if [*history] != self.settings["columns"]:
            yield "the history is not complete"
        elif len(shapes) != 1 or len(shape := shapes.pop()) != 1:
            yield "the history has columns of different lengths"
        elif self.settings["keeps_best"] and shape[0] and not with_best:
            yield "the parameters of the best epoch are missing"


def _in_folder(folder: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays by the names that they have in a folder of the file."""
    return {folder + name: array for name, array in arrays.items()}


def _from_folder(folder: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays in a folder of the file, by their names without it."""
    return {n.removeprefix(folder): array for n, array in arrays.items() if n.startswith(folder)}
