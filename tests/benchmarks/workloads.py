"""What the contestants compute: the networks, the data and the workloads."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DATA = Path(__file__).parents[2] / "examples" / "data" / "mnist"
RATE = 0.5  # for the mean over ten outputs; the textbook's 0.1
WIDTHS = (784, 100, 10)

# The network of examples/mnist_deep.py: dropout, Dense, batch normalisation and ReLU, twice, then
# dropout and Dense. Only the last Dense has a bias.
DEEP_WIDTHS = (784, 512, 256, 10)
DEEP_DROPOUT = (0.1, 0.2, 0.2)  # of what goes into each Dense
DEEP_RATE = 0.001  # of Adam
SMOOTHING = 0.1  # of the labels in the cross-entropy

SMALL_WIDTHS = (4, 32, 16, 4)  # a regression with tanh and Adam, in which nothing is large


class Job(NamedTuple):
    """A workload that a contestant has prepared."""

    run: Callable[[], float | None]  # once through the examples; the mean loss, where there is one
    result: Callable[[], Any]  # parameters after training, or outputs


class Unfit(Exception):
    """A contestant cannot do this workload; the message says why."""


@dataclass(frozen=True)
class Workload:
    """`steps` steps of `batch` examples each.

    Attributes:
        kind: "train", "deep" or "small" (train that network) or "predict".
        batch: examples in a step or in a call.
        steps: steps in one pass; the next pass begins again with the first example.
        check_steps: how many steps the verification takes.
    """

    kind: str
    batch: int
    steps: int
    check_steps: int = 6

    @property
    def name(self) -> str:
        return f"{self.kind} {self.batch}"


WORKLOADS = (
    Workload("train", 1, 1024, 150),  # the verification is longer than two of tinynet's runs
    Workload("train", 8, 256, 20),
    Workload("train", 32, 128),
    Workload("train", 128, 48),
    Workload("train", 1024, 8),
    Workload("predict", 1, 512, 1),
    Workload("predict", 10_000, 1, 1),
    Workload("deep", 128, 24),
    Workload("small", 1, 2048),
    Workload("small", 32, 256),
)


@dataclass(frozen=True)
class Task:
    """A workload with its data, for one contestant.

    Attributes:
        start: initial parameters, W1, b1, W2, b2, ..., or W1, W2, W3, b3 for the deep network; a W
            is (inputs, outputs).
        dropout: rates in the deep network; 0 in the verification, for the masks are random.
        epsilon: Adam's; large in the verification. Adam divides each gradient by its own size, and
            some are zero but for rounding, such as those of a constant pixel.
        folder: where compiled files may be kept.
    """

    workload: Workload
    x: np.ndarray
    t: np.ndarray
    start: list[np.ndarray]
    dropout: tuple[float, ...]
    epsilon: float
    folder: Path

    @property
    def batches(self) -> range:
        """The first row of each batch."""
        return range(0, len(self.x), self.workload.batch)


def prepare_data(folder: Path) -> None:
    """Write the examples into the folder, as plain files that every contestant can map."""
    from tinynet.data import load_mnist, one_hot, scale_pixels

    examples = max(w.batch * w.steps for w in WORKLOADS if w.kind != "small")
    data = load_mnist(DATA)
    labels = data.train_labels[:examples]
    x = scale_pixels(data.train_images[:examples], dtype=np.float32).reshape(-1, WIDTHS[0])
    np.save(folder / "x.npy", x)
    np.save(folder / "t.npy", one_hot(labels, WIDTHS[-1], low=0.01, high=0.99, dtype=np.float32))
    np.save(folder / "labels.npy", labels.astype(np.int64))


def start(widths: tuple[int, ...], *, deep: bool) -> list[np.ndarray]:
    """Weights, normal with standard deviation fan_in^−½, and biases, zero."""
    rng = np.random.default_rng(0)
    parameters = []
    for inputs, outputs in itertools.pairwise(widths):
        parameters.append(rng.normal(size=(inputs, outputs)) * inputs**-0.5)
        if not deep or outputs == widths[-1]:
            parameters.append(np.zeros(outputs))
    return parameters


def task(workload: Workload, folder: Path, *, check: bool, dtype: str = "float32") -> Task:
    """The workload on the first examples of the data that `prepare_data` has written."""
    steps = workload.check_steps if check else workload.steps
    deep, small = workload.kind == "deep", workload.kind == "small"
    rows = steps * workload.batch if workload.kind != "predict" else workload.batch
    x, t = (
        np.array(np.load(folder / f"{name}.npy", mmap_mode="r")[:rows], kind)
        for name, kind in (("x", dtype), ("labels", None) if deep else ("t", dtype))
    )
    widths = DEEP_WIDTHS if deep else SMALL_WIDTHS if small else WIDTHS
    if small:
        x = np.random.default_rng(1).normal(size=(rows, widths[0])).astype(dtype)
        t = np.sin(3 * x)
    parameters = [a.astype(dtype) for a in start(widths, deep=deep)]
    dropout, epsilon = ((0.0, 0.0, 0.0), 1e-3) if check else (DEEP_DROPOUT, 1e-8)
    return Task(workload, x, t, parameters, dropout, epsilon, folder)
