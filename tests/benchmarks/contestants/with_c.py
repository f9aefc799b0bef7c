"""The loop in C, sgd.c, compiled here and called once a pass."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

import numpy as np

from tests.benchmarks.workloads import RATE, Job, Task, Unfit

FLAGS = ["-O3", "-march=native"]
SOURCES = Path(__file__).parent


def compiler() -> str:
    return os.environ.get("CC", "cc")


def version() -> str:
    """The compiler's own words; ImportError where there is none."""
    try:
        answer = subprocess.run([compiler(), "--version"], capture_output=True, text=True)
    except OSError as error:
        raise ImportError(f"no C compiler: {error}") from None
    return answer.stdout.splitlines()[0]


def build(source: str, output: Path, *flags: str) -> Path:
    """Compile a file of this folder, unless that has been done."""
    if not output.exists():
        part = output.with_suffix(f".{os.getpid()}")
        command = [compiler(), *FLAGS, *flags, str(SOURCES / source), "-o", str(part), "-lm"]
        subprocess.run(command, check=True)
        part.replace(output)
    return output


def prepare(name: str, task: Task) -> Job:
    if task.workload.kind in ("deep", "small"):
        raise Unfit("it has the one network only")
    library = ctypes.CDLL(str(build("sgd.c", task.folder / "sgd.so", "-shared", "-fPIC")))
    library.train.restype = ctypes.c_double
    params = np.concatenate([a.ravel() for a in task.start])
    y = np.empty_like(task.t)
    x, t, p, out = (a.ctypes.data_as(ctypes.c_void_p) for a in (task.x, task.t, params, y))
    rows, batch = ctypes.c_long(len(task.x)), ctypes.c_long(task.workload.batch)
    rate = ctypes.c_float(RATE)

    def train() -> float:
        return library.train(x, t, None, rows, batch, rate, p)

    def predict() -> None:
        library.predict(x, rows, p, out)

    if task.workload.kind == "predict":
        return Job(predict, lambda: y)
    return Job(train, lambda: (params,))
