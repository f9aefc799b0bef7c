"""Whole processes: how long an import takes, and the main job beside the same in C."""

from __future__ import annotations

import gzip
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contestants import with_c
from tests.benchmarks.setting import Setting
from tests.benchmarks.work import DATA

ROOT = Path(__file__).parents[2]
BASE = "numpy, scipy.special"  # what tinynet cannot do without
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


def import_times(repeat: int, say: Callable[[str], None]) -> dict[str, tuple[float, float]]:
    """Best and median seconds that each import takes after BASE, and BASE itself."""
    pieces = {BASE: f"import {BASE}"}
    pieces |= {name: f"import {name}" for name in IMPORTS}
    seconds: dict[str, list[float]] = {}
    for number in range(repeat):
        for name, statement in pieces.items():
            say(f"imports, round {number + 1} of {repeat}")
            first = "pass" if name == BASE else f"import {BASE}"
            program = (
                f"import time\n{first}\nt = time.perf_counter()\n{statement}\n"
                "print(time.perf_counter() - t)"
            )
            command = [sys.executable, "-c", program]
            with Setting(1).for_children():
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if not done.returncode:
                seconds.setdefault(name, []).append(float(done.stdout))
    return {name: (min(s), statistics.median(s)) for name, s in seconds.items()}


def main_job(
    folder: Path, epochs: int, repeat: int, say: Callable[[str], None]
) -> tuple[list[Run], str]:
    """examples/mnist.py and mnist.c in turn, on one core; and why one is missing."""
    picture = folder / "mnist.png"
    commands = {
        "tinynet, examples/mnist.py": [
            sys.executable, "examples/mnist.py", "--epochs", str(epochs), "--output", str(picture)
        ]
    }  # fmt: skip
    left_out = ""
    try:
        with_c.version()
        program = with_c.build("mnist.c", folder / "mnist")
        _unpack(folder)
        commands["C loop, mnist.c"] = [str(program), str(folder), str(epochs)]
    except (ImportError, subprocess.CalledProcessError) as error:
        left_out = str(error)
    results: dict[str, list[tuple[float, int, float]]] = {name: [] for name in commands}
    for number in range(repeat):
        for name, command in commands.items():
            say(f"{name}, {epochs} epochs, run {number + 1} of {repeat}")
            results[name].append(_run(command, folder))
    runs = [
        Run(name, [r[0] for r in rows], max(r[1] for r in rows), rows[0][2])
        for name, rows in results.items()
    ]
    return runs, left_out


def _run(command: Sequence[str], folder: Path) -> tuple[float, int, float]:
    """Seconds, peak memory and test accuracy of one process."""
    output = folder / "output.txt"
    with Setting(1).for_children(), output.open("w") as out:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out)
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
