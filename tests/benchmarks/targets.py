"""The speed that tinynet aims at, as ratios of times from one run."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from tests.benchmarks.contestants import OTHER
from tests.benchmarks.measure import Measurement
from tests.benchmarks.processes import Run

LEVEL = 0.95  # "level" and "no worse" leave this much to noise
IMPORT = 0.030  # seconds that `import tinynet` may add


@dataclass(frozen=True)
class Target:
    """A ratio, and the bound that it must keep.

    Attributes:
        best: the ratio of the best times; None where something was not measured.
        median: of the ratios round by round, which were measured side by side; of whole processes
            the ratio of the medians.
        least: whether `bound` is a lower bound.
    """

    text: str
    best: float | None
    median: float | None
    bound: float
    least: bool
    unit: str = "×"

    @property
    def holds(self) -> bool | None:
        """Whether the ratio of the best times is within the bound."""
        if self.best is None:
            return None
        return self.best >= self.bound if self.least else self.best <= self.bound

    def line(self) -> str:
        sign = "≥" if self.least else "≤"
        limit = f"{sign} {self.bound:.4g} {self.unit}"
        if self.best is None or self.median is None:
            return f"{'?':5}{self.text:58}{limit:>12}   not measured"
        mark = "holds" if self.holds else "FAILS"
        return f"{mark} {self.text:58}{limit:>10}{self.best:9.2f}{self.median:9.2f}"


def targets(
    measured: Measurement, imports: dict[str, tuple[float, float]], runs: list[Run]
) -> list[Target]:
    """All of them; with another checkout of tinynet also that this one is no slower."""

    def ratio(rival: str, workload: str, threads: int) -> tuple[float | None, float | None]:
        """The rival's time divided by tinynet's: of the best times, and the median over rounds."""
        ours = measured.find("tinynet", workload, threads)
        theirs = measured.find(rival, workload, threads)
        if ours is None or theirs is None:
            return None, None
        rounds = zip(theirs.seconds, ours.seconds, strict=True)
        return theirs.best / ours.best, statistics.median(a / b for a, b in rounds)

    def faster(rival: str, workload: str, bound: float, threads: int = 1) -> Target:
        text = f"{workload}: time of {rival} / tinynet"
        text += "" if threads == 1 else f", {threads} threads"
        best, median = ratio(rival, workload, threads)
        return Target(text, best, median, bound, least=True)

    def at_most(rival: str, workload: str, bound: float, threads: int = 1) -> Target:
        text = f"{workload}: time of tinynet / {rival}"
        text += "" if threads == 1 else f", {threads} threads"
        best, median = (None if r is None else 1 / r for r in ratio(rival, workload, threads))
        return Target(text, best, median, bound, least=False)

    epoch, step, torch = "JAX, compiled epoch", "JAX, jit per step", "PyTorch"
    found = [
        faster("C loop", "train 1", 1.15),  # with Numba, as all ratios to JAX's compiled epoch
        faster(epoch, "train 1", 1.5),
        faster(torch, "train 1", 15),
        faster(step, "train 1", 6),
        faster("JAX, jit, NumPy data", "train 1", 6),
        faster("NumPy script", "train 1", 3.5),
        faster(epoch, "train 8", 1.25),
        faster(torch, "train 32", 2.5),
        faster(epoch, "train 32", 1),
        faster(torch, "train 128", 1.5),
        faster(epoch, "train 128", 1),
        faster(torch, "train 1024", LEVEL),
        faster(epoch, "train 1024", 1),
        faster(epoch, "deep 128", 0.95),
        faster(torch, "small 1", 20),
        faster(torch, "small 32", 20),
        faster(epoch, "small 1", 1),
        faster(epoch, "small 32", 1),
    ]
    for workload in dict.fromkeys(f.workload.name for f in measured.figures):
        ratios = (*ratio(torch, workload, 1), *ratio(torch, workload, 2))
        if workload.startswith("train") and None not in ratios:
            best1, median1, best2, median2 = (r or math.nan for r in ratios)
            text = f"{workload}: ratio to {torch}, 2 threads / 1 thread"
            found.append(Target(text, best2 / best1, median2 / median1, LEVEL, least=True))
    for threads in sorted({f.setting.threads for f in measured.figures}):
        found += [
            at_most(torch, "predict 1", 0.5, threads),
            faster(torch, "predict 10000", 1, threads),
        ]
    found += [
        faster(OTHER, f.workload.name, LEVEL, f.setting.threads)
        for f in measured.figures
        if f.contestant == OTHER
    ]

    by_name = {run.name.partition(",")[0]: run for run in runs}
    best = median = None
    if {"tinynet", "C loop"} <= by_name.keys():
        ours, theirs = by_name["tinynet"], by_name["C loop"]
        best, median = ours.best / theirs.best, ours.median / theirs.median
    text = "examples/mnist.py / mnist.c, 10 epochs"
    found.append(Target(text, best, median, 1.3, least=False))
    best = median = None
    if "tinynet" in imports:
        best, median = (1000 * seconds for seconds in imports["tinynet"])
    text = "import tinynet, after NumPy and SciPy"
    return [*found, Target(text, best, median, 1000 * IMPORT, least=False, unit="ms")]
