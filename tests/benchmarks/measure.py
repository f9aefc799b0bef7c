"""The measurement: every contestant in turn, round after round, each in its own process."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks.contestants import CONTESTANTS, OTHER, with_numpy
from tests.benchmarks.setting import Setting
from tests.benchmarks.worker import Absent, Worker
from tests.benchmarks.workloads import Workload, task

TOLERANCE = 1e-4  # of parameters, outputs and losses in float32 against float64
PAUSE = 0.02  # seconds, until the threads of the previous contestant sleep


@dataclass
class Figure:
    """What one contestant needed for one workload in one setting.

    Attributes:
        seconds: a step, for each turn.
        deviation: largest difference of a parameter, output or mean loss from the reference in
            float64; None where it computes something else.
        excused: why the result cannot be verified.
    """

    contestant: str
    workload: Workload
    setting: Setting
    seconds: list[float] = field(default_factory=list)
    deviation: float | None = None
    excused: str = ""

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass
class Measurement:
    """All figures of one run, and what was left out, each with the reason."""

    figures: list[Figure] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    pools: dict[str, list[str]] = field(default_factory=dict)

    def find(self, contestant: str, workload: str, threads: int) -> Figure | None:
        """The figure of that contestant, if there is one."""
        for f in self.figures:
            if (f.contestant, f.workload.name, f.setting.threads) == (
                contestant,
                workload,
                threads,
            ):
                return f
        return None


def measure(
    workloads: Sequence[Workload],
    names: Sequence[str],
    settings: Sequence[Setting],
    rounds: int,
    at_least: float,
    folder: Path,
    other: Path | None = None,
) -> Measurement:
    """Verify all contestants, then time them round-robin.

    Args:
        workloads: what they compute.
        names: who takes part, keys of `CONTESTANTS`.
        settings: cores and threads; one after the other.
        rounds: how many turns each contestant has.
        at_least: how many seconds a turn lasts.
        folder: where `prepare_data` has put the examples.
        other: the checkout of tinynet that the contestant `OTHER` imports.
    """
    result = Measurement()
    references: dict[str, tuple[float | None, np.ndarray]] = {}
    for setting in settings:
        if not setting.possible():
            result.left_out[setting.name] = "this machine has fewer cores"
            continue
        workers = _start(names, setting, folder, other, result)
        figures = []
        for workload in workloads:
            if workload.kind not in ("deep", "small"):  # there the first one is the reference
                references.setdefault(workload.name, _reference(workload, folder))
            for worker in workers:
                say(f"{setting.name}: verifying {worker.name}, {workload.name}")
                try:
                    figure = Figure(worker.name, workload, setting)
                    answer = worker.check(workload)
                    references.setdefault(workload.name, answer)
                    _verify(figure, answer, references[workload.name])
                    worker.warm(workload)
                    figures.append((worker, figure))
                except Absent as reason:
                    result.left_out[f"{worker.name}, {workload.name}"] = str(reason)
        for number in range(rounds):
            for worker, figure in figures:
                say(f"{setting.name}: round {number + 1} of {rounds}, {figure.workload.name}")
                time.sleep(PAUSE)
                try:
                    figure.seconds.append(worker.turn(figure.workload, at_least))
                except Absent as reason:
                    result.left_out[f"{worker.name}, {figure.workload.name}"] = str(reason)
        result.figures += [figure for _, figure in figures if len(figure.seconds) == rounds]
        for worker in workers:
            worker.close()
    say("")
    return result


def _start(
    names: Sequence[str],
    setting: Setting,
    folder: Path,
    other: Path | None,
    result: Measurement,
) -> list[Worker]:
    """A process for each contestant that is installed."""
    workers = []
    for name in names:
        say(f"{setting.name}: starting {name}")
        try:
            worker = Worker(name, setting, folder, other if name == OTHER else None)
        except Absent as reason:
            result.left_out[name] = str(reason)
            continue
        workers.append(worker)
        result.versions[CONTESTANTS[name]] = worker.version
        result.pools[f"{name}, {setting.name}"] = worker.pools
    return workers


def _reference(workload: Workload, folder: Path) -> tuple[float | None, np.ndarray]:
    """The NumPy script in float64."""
    job = with_numpy.prepare("NumPy script", task(workload, folder, check=True, dtype="float64"))
    value, result = job.run(), job.result()
    flat = result if workload.kind == "predict" else np.concatenate([a.ravel() for a in result])
    return value, flat


def _verify(
    figure: Figure,
    answer: tuple[float | None, np.ndarray | None],
    reference: tuple[float | None, np.ndarray],
) -> None:
    """Enter the deviation into the figure; raise Absent where it is too large."""
    if figure.contestant == "scikit-learn":
        figure.excused = "its output layer is linear"
        return
    (value, result), (expected_value, expected) = answer, reference
    assert result is not None
    figure.deviation = float(np.abs(result - expected).max())
    if value is not None and expected_value is not None:
        figure.deviation = max(figure.deviation, abs(value - expected_value))
    if not figure.deviation <= TOLERANCE:
        raise Absent(
            f"it computes something else: its result differs by {figure.deviation:.2g} from the "
            f"reference, more than {TOLERANCE:g}"
        )


def say(text: str) -> None:
    """Show the progress, if this is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
