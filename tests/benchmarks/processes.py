"""Whole processes: how long an import takes, and examples/mnist.py beside the same in C."""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.contestants import OTHER, with_c
from tests.benchmarks.setting import Setting
from tests.benchmarks.workloads import DATA

ROOT = Path(__file__).parents[2]
BASE = "numpy, scipy.special"  # what tinynet itself imports
IMPORTS = ("tinynet", "torch", "jax", "sklearn.neural_network")


@dataclass(frozen=True)
class Run:
    """Runs of one whole process.

    Attributes:
        seconds: of each run.
        peak: the largest memory of a run, bytes.
        accuracy: on the test images.
    """

    name: str
    seconds: list[float]
    peak: int
    accuracy: float

    @property
    def best(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def import_times(
    repeat: int, other: Path | None, say: Callable[[str], None]
) -> dict[str, tuple[float, float]]:
    """Best and median seconds that each import takes after BASE, and BASE itself."""
    pieces = {name: (name, ROOT) for name in (BASE, *IMPORTS)}
    if other is not None:
        pieces[OTHER] = "tinynet", other
    seconds: dict[str, list[float]] = {}
    for number in range(repeat):
        for name, (imported, root) in pieces.items():
            say(f"imports, round {number + 1} of {repeat}")
            first = "pass" if name == BASE else f"import {BASE}"
            program = (
                f"import time\n{first}\nt = time.perf_counter()\nimport {imported}\n"
                "print(time.perf_counter() - t)"
            )
            command = [sys.executable, "-c", program]
            with _process_in(root) as where:
                done = subprocess.run(command, **where, capture_output=True, text=True)
            if not done.returncode:
                seconds.setdefault(name, []).append(float(done.stdout))
    return {name: (min(s), statistics.median(s)) for name, s in seconds.items()}


def main_job(
    folder: Path, epochs: int, repeat: int, other: Path | None, say: Callable[[str], None]
) -> tuple[list[Run], str]:
    """examples/mnist.py and mnist.c in turn, on one core; and why the latter is missing."""
    example = [sys.executable, "examples/mnist.py", "--epochs", str(epochs)]
    example += ["--output", str(folder / "mnist.png")]
    commands = {"tinynet, examples/mnist.py": (example, ROOT)}
    if other is not None:
        commands[f"{OTHER}, examples/mnist.py"] = example, other
    left_out = ""
    try:
        with_c.version()
        program = with_c.build("mnist.c", folder / "mnist")
        _unpack(folder)
        commands["C loop, mnist.c"] = [str(program), str(folder), str(epochs)], ROOT
    except (ImportError, subprocess.CalledProcessError) as error:
        left_out = str(error)
    results: dict[str, list[tuple[float, int, float]]] = {name: [] for name in commands}
    for number in range(repeat):
        for name, (command, root) in commands.items():
            say(f"{name}, {epochs} epochs, run {number + 1} of {repeat}")
            results[name].append(_run(command, root, folder))
    runs = [
        Run(name, [r[0] for r in rows], max(r[1] for r in rows), rows[0][2])
        for name, rows in results.items()
    ]
    return runs, left_out


@contextmanager
def _process_in(root: Path) -> Iterator[dict[str, Any]]:
    """Arguments for a process on one core that imports tinynet from that checkout."""
    with Setting(1).for_children():
        yield {"cwd": root, "env": {**os.environ, "PYTHONPATH": str(root)}}


def _run(command: Sequence[str], root: Path, folder: Path) -> tuple[float, int, float]:
    """Seconds, peak memory and test accuracy of one process."""
    output = folder / "output.txt"
    with _process_in(root) as where, output.open("w") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, **where, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[:2]} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return seconds, usage.ru_maxrss * unit, _accuracy(output.read_text())


def _accuracy(text: str) -> float:
    """The last test accuracy that a program printed."""
    for line in reversed(text.splitlines()):
        if line.startswith("test accuracy"):
            return float(line.split()[2].rstrip("%")) / 100
        if line and line[0].isdigit():
            return float(line.split()[-1])
    raise RuntimeError(f"no accuracy in {text!r}")


def _unpack(folder: Path) -> None:
    for packed in DATA.glob("*-ubyte.gz"):
        with gzip.open(packed) as source, (folder / packed.stem).open("wb") as target:
            shutil.copyfileobj(source, target)
