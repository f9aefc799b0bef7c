"""Checkpoints: all that decides how a training run goes on, in memory and in a file.

A run that was stopped after any epoch and goes on from its checkpoint makes the same steps, to the
bit, as one that was never stopped. So a checkpoint holds the parameters and buffers, the
optimizer's state, its number of steps, and the state of every random generator.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.persistence.archive import read_archive, refuse, write_archive
from tinynet.persistence.arrays import check_finite, misfits, named_arrays
from tinynet.persistence.models import contents
from tinynet.persistence.settings import differences
from tinynet.training.history import History
from tinynet.training.random_states import (
    Generators,
    as_json,
    check_states,
    find_generators,
    get_states,
    set_states,
)
from tinynet.types import Array, FilePath

_OPTIMIZER, _LOSS, _BEST = "optimizer/", "loss/", "best/"  # folders of the file
_HISTORY = "history/columns"  # one array, because metrics may have names that no file can have


class Checkpoint(NamedTuple):
    """What a run has changed after some epochs; `best` has the arrays of its best, if it is kept.

    All arrays are copies.
    """

    arrays: dict[str, Array]
    steps: int
    random: list[dict[str, Any]]
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
    in_a_file: bool  # whether generators that a layer makes later have to be found too

    def checkpoint(self, history: History, best: dict[str, Array] | None) -> Checkpoint:
        """Copy the state of the objects."""
        arrays = {name: array.copy() for name, array in self._arrays().items()}
        random = get_states(self._generators())
        return Checkpoint(arrays, self.optimizer.steps, random, history, best)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Write a state back into the objects."""
        for name, array in self._arrays().items():
            array[...] = checkpoint.arrays[name]
        self.optimizer.steps = checkpoint.steps
        set_states(self._generators(), checkpoint.random)

    def restore_net(self, arrays: Mapping[str, Array]) -> None:
        """Write the parameters and buffers among these arrays back."""
        for name, array in named_arrays(self.net).items():
            array[...] = arrays[name]

    def write(self, path: FilePath, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, which `tinynet.load` reads too."""
        own, steps, random, history, best = checkpoint
        header, arrays = contents(self.net, architecture=False)
        check_finite(own)
        arrays |= own
        arrays |= {_BEST + name: best[name] for name in named_arrays(self.net) if best}
        arrays[_HISTORY] = np.array([*history.values()])
        header["run"] = {"settings": self.settings, "steps": steps, "random": as_json(random)}
        write_archive(path, header, arrays)

    def read(self, path: FilePath) -> Checkpoint:
        """Read a checkpoint and check that all of it fits; nothing is changed yet."""
        header, arrays = read_archive(path)
        run: Any = header.get("run")
        if not isinstance(run, dict):
            refuse(path, ["it holds a network but no training run: use load_parameters(net, path)"])
        table, best = arrays.pop(_HISTORY, np.empty(0)), _folder(_BEST, arrays)
        given = {name: array for name, array in arrays.items() if not name.startswith("arguments/")}
        problems = [
            *misfits(given, self._expected_arrays(with_best=bool(best))),
            *self._compare_settings(run.get("settings"), run.get("steps")),
            *self._check_history(table, with_best=bool(best)),
            *check_states(self._generators(), run.get("random")),
        ]
        if problems:
            refuse(path, problems)
        history = self.history(dict(zip(self.settings["columns"], table, strict=True)))
        return Checkpoint(given, run["steps"], run["random"], history, best or None)

    def history(self, columns: Mapping[str, Any]) -> History:
        """A history whose best epoch is that of this run."""
        return History(columns, monitor=self.settings["monitor"], mode=self.settings["mode"])

    def _arrays(self) -> dict[str, Array]:
        """The arrays that a run changes, by their names in the file."""
        state = {_OPTIMIZER + name: vector for name, vector in self.optimizer.named_state()}
        state |= {_LOSS + name: getattr(self.loss, name) for name in self.loss.buffers}
        vector, arrays = self._parameters
        if self._has_buffers or self.net.params is not vector:  # moved, as into another Sequential
            arrays = named_arrays(self.net)
        return arrays | state

    @cached_property
    def _has_buffers(self) -> bool:
        return any(layer.buffers for layer in self.net.walk())

    @cached_property
    def _parameters(self) -> tuple[Array, dict[str, Array]]:
        return self.net.params, named_arrays(self.net)  # the same views as long as the vector stays

    def _expected_arrays(self, with_best: bool) -> dict[str, Array]:
        dtype = self.optimizer.net.params.dtype  # to which the first step converts the optimizer's
        expected = {
            name: array.astype(dtype) if name.startswith(_OPTIMIZER) else array
            for name, array in self._arrays().items()
        }
        if with_best:
            expected |= {_BEST + name: array for name, array in named_arrays(self.net).items()}
        return expected

    @cached_property
    def _first_generators(self) -> Generators:
        return find_generators(self.net, self.loss, self.optimizer, self.rng)

    def _generators(self) -> Generators:
        if not self.in_a_file:
            return self._first_generators
        return find_generators(self.net, self.loss, self.optimizer, self.rng)

    def _compare_settings(self, settings: Any, steps: Any) -> Iterator[str]:
        if not isinstance(settings, dict):
            settings = {}
        for name, value in json.loads(json.dumps(self.settings)).items():  # as JSON keeps strings
            if isinstance(value, dict):
                theirs = settings.get(name)
                for place, there, here in differences(
                    theirs if isinstance(theirs, dict) else {}, value
                ):
                    yield f"{name}: {place} is {there!r} in the file, {here!r} here"
            elif settings.get(name) != value:
                yield f"{name} is {settings.get(name)!r} in the file, {value!r} here"
        if type(steps) is not int or not 0 <= steps < 1 << 63:
            yield f"the number of steps is {steps!r}"

    def _check_history(self, table: Array, with_best: bool) -> Iterator[str]:
        columns = len(self.settings["columns"])
        if table.ndim != 2 or len(table) != columns:
            yield f"{_HISTORY} is missing or has another shape than ({columns}, epochs)"
        elif self.settings["keeps_best"] and table.size and not with_best:
            yield "the parameters of the best epoch are missing"


def _folder(folder: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {n.removeprefix(folder): array for n, array in arrays.items() if n.startswith(folder)}
