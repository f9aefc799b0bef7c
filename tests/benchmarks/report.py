"""The results of a run, as text and as JSON."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Figure, Measurement
from tests.benchmarks.processes import BASE, Run
from tests.benchmarks.setting import tuning
from tests.benchmarks.targets import Target


def header(measured: Measurement, other: Path | None) -> dict[str, Any]:
    """Date, machine, versions, and the variables that are taken away from the contestants."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
        "system": platform.platform(),
        "python": platform.python_version(),
        "set aside": [f"{name}={value}" for name, value in tuning().items()],
        "other": str(other or ""),
        "versions": sorted({v for part in measured.versions.values() for v in part.split(", ")}),
    }


def lines(
    head: dict[str, Any],
    measured: Measurement,
    imports: dict[str, tuple[float, float]],
    runs: list[Run],
    found: list[Target],
) -> Iterator[str]:
    """The whole report."""
    for name, value in ((n, v) for n, v in head.items() if v):
        yield f"{name:11}{', '.join(value) if isinstance(value, list) else value}"
    for threads in sorted({f.setting.threads for f in measured.figures}):
        figures = [f for f in measured.figures if f.setting.threads == threads]
        yield ""
        yield f"== {figures[0].setting.name}; microseconds a step, over {_turns(figures)} turns"
        yield f"{'':24}{'best':>11}{'median':>11}{'examples/s':>13}{'× tinynet':>11}  differs by"
        for workload in dict.fromkeys(f.workload.name for f in figures):
            yield f"{workload}"
            ours = measured.find("tinynet", workload, threads)
            for figure in (f for f in figures if f.workload.name == workload):
                yield _row(figure, ours)
    if imports:
        yield ""
        yield "== imports; milliseconds, best and median, after NumPy and SciPy"
        for name, (best, median) in imports.items():
            alone = " (alone)" if name == BASE else ""
            yield f"  {name + alone:36}{1000 * best:9.1f}{1000 * median:9.1f}"
    if runs:
        yield ""
        yield "== the main job, whole process on 1 core; seconds, best and median, and peak memory"
        for run in runs:
            yield (
                f"  {run.name:36}{run.best:9.2f}{run.median:9.2f}"
                f"{run.peak / 2**20:9.0f} MiB   accuracy {run.accuracy:.2%}"
            )
    if measured.left_out:
        yield ""
        yield "== left out"
        for what, why in measured.left_out.items():
            yield f"  {what}: {why}"
    yield ""
    yield "== targets; ratio of the best times, and median of the ratios of the rounds"
    yield from (target.line() for target in found)


def to_json(
    head: dict[str, Any],
    measured: Measurement,
    imports: dict[str, tuple[float, float]],
    runs: list[Run],
    found: list[Target],
) -> dict[str, Any]:
    """The same, and the time of every single turn."""
    return {
        **head,
        "figures": [
            {
                "contestant": f.contestant,
                "workload": f.workload.name,
                "batch": f.workload.batch,
                "threads": f.setting.threads,
                "best": f.best,
                "median": f.median,
                "seconds": f.seconds,
                "deviation": f.deviation,
                "excused": f.excused,
            }
            for f in measured.figures
        ],
        "imports": {name: {"best": b, "median": m} for name, (b, m) in imports.items()},
        "main job": [asdict(run) for run in runs],
        "left out": measured.left_out,
        "thread pools": measured.pools,
        "targets": [{**asdict(target), "holds": target.holds} for target in found],
    }


def _row(figure: Figure, ours: Figure | None) -> str:
    ratio = f"{figure.best / ours.best:11.2f}" if ours else f"{'':11}"
    checked = figure.excused if figure.deviation is None else f"{figure.deviation:.0e}"
    if figure.deviation == 0:
        checked = "(reference)"
    return (
        f"  {figure.contestant:22}{1e6 * figure.best:11.1f}{1e6 * figure.median:11.1f}"
        f"{figure.workload.batch / figure.best:13,.0f}{ratio}  {checked}"
    )


def _turns(figures: list[Figure]) -> int:
    return min(len(f.seconds) for f in figures)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
