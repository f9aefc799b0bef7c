"""The textbook script: the equations written out with `@`, for one network and nothing else.

In float64 it is also what the others are verified against.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from tests.benchmarks.workloads import RATE, Job, Task, Unfit


def version() -> str:
    return f"numpy {np.__version__}"


def prepare(name: str, task: Task) -> Job:
    if task.workload.kind in ("deep", "small"):
        raise Unfit("it has the one network only")
    W1, b1, W2, b2 = (a.copy() for a in task.start)
    batch = task.workload.batch
    outputs: list[Any] = []

    def train() -> float:
        total = 0.0
        for first in task.batches:
            x, t = task.x[first : first + batch], task.t[first : first + batch]
            h = expit(x @ W1 + b1)
            y = expit(h @ W2 + b2)
            error = y - t
            total += np.mean(error**2)
            d2 = 2 / error.size * error * y * (1 - y)
            d1 = (d2 @ W2.T) * h * (1 - h)
            W2[...] -= RATE * (h.T @ d2)
            b2[...] -= RATE * d2.sum(axis=0)
            W1[...] -= RATE * (x.T @ d1)
            b1[...] -= RATE * d1.sum(axis=0)
        return float(total) / len(task.batches)

    def predict() -> None:
        outputs[:] = [expit(expit(task.x @ W1 + b1) @ W2 + b2)]

    if task.workload.kind == "predict":
        return Job(predict, lambda: outputs[0])
    return Job(train, lambda: (W1, b1, W2, b2))
