"""Where the microseconds of a step go, call by call: `python -m tests.benchmarks.profile`.

Arrays that record what is done with them pass through the public `train`, so the list follows the
code by itself. Each call is then timed alone, many times, on copies of the same arrays. The rest of
a step is Python between the calls: methods, attributes, checks.
"""

from __future__ import annotations

import argparse
import inspect
import linecache
import multiprocessing
import sys
import tempfile
import timeit
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.recording import Place, Recorded
from tests.benchmarks.setting import Setting
from tests.benchmarks.workloads import RATE, WIDTHS, Task, Workload, prepare_data, task
from tinynet import SGD, Dense, MSELoss, Sequential, Sigmoid, train

STEPS, EXAMPLES = 256, 2048  # at most, in an epoch; a short epoch is less often interrupted
FEW = 4  # shapes at one place, listed one by one; more are added up
SMALL = 0.003  # parts of a step below this are added up
EPOCHS = 40  # of which the best is the time of a step


@dataclass
class Line:
    """One NumPy call in the code.

    Attributes:
        count: how often it is made in a step.
        seconds: what it takes in a step, all of them.
        shapes: of the arrays in its last call.
    """

    place: Place
    count: float = 0.0
    seconds: float = 0.0
    shapes: str = ""


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="examples a step (1)")
    batch = parser.parse_args().batch
    with Setting(1).for_children():  # BLAS looks at it when it is loaded, so in a new process
        process = multiprocessing.get_context("spawn").Process(target=_report, args=(batch,))
        process.start()
    process.join()
    sys.exit(process.exitcode)


def _report(batch: int) -> None:
    """Print the list of each path."""
    with tempfile.TemporaryDirectory() as folder:
        prepare_data(Path(folder))
        workload = Workload("train", batch, min(STEPS, max(8, EXAMPLES // batch)))
        given = task(workload, Path(folder), check=False)
    for title, options in _paths().items():
        print("\n".join(_account(title, given, options)))


def _paths() -> dict[str, dict[str, Any]]:
    """The ways that `train` can go."""
    if "blocked" not in inspect.signature(train).parameters:
        return {"train": {}}
    return {"plain path": {"blocked": False}, "fast path, where it applies": {"blocked": True}}


def _account(title: str, given: Task, options: dict[str, Any]) -> Iterator[str]:
    """The list of one path."""
    epochs = _epochs(given, options, recorded=False)
    step = min(_timed(epochs) for _ in range(EPOCHS)) / len(given.batches)
    lines = _lines(given, options)
    inside = sum(line.seconds for line in lines)
    yield f"\n== {title}, batch {given.workload.batch}: {1e6 * step:.2f} µs a step"
    yield f"{'calls':>7}{'µs each':>9}{'µs a step':>11}  call"
    large = [line for line in lines if line.seconds >= SMALL * step]
    for line in sorted(large, key=lambda line: -line.seconds):
        each = line.seconds / line.count
        here = f"{Path(line.place.file).name}:{line.place.line}"
        yield (
            f"{line.count:7.3g}{1e6 * each:9.2f}{1e6 * line.seconds:11.2f}  {line.place.call:17}"
            f"{here:19}{_source(line.place):43}{line.shapes}"
        )
    small = [line for line in lines if line.seconds < SMALL * step]
    rest = sum(line.seconds for line in small)
    yield f"{sum(line.count for line in small):7.3g}{'':9}{1e6 * rest:11.2f}  smaller ones"
    yield f"{sum(line.count for line in lines):7.3g}{'':9}{1e6 * inside:11.2f}  NumPy calls"
    yield f"{'':16}{1e6 * (step - inside):11.2f}  Python between them"


def _lines(given: Task, options: dict[str, Any]) -> list[Line]:
    """Every call of an epoch, recorded and then timed."""
    epochs = _epochs(given, options, recorded=True)
    next(epochs)
    Recorded.calls = {}
    next(epochs)
    calls, Recorded.calls = Recorded.calls, None
    variety = Counter(place for place, _ in calls)
    lines: dict[tuple[Place, str], Line] = {}
    for (place, shapes), (again, count) in calls.items():
        one = shapes if variety[place] <= FEW else ""
        line = lines.setdefault((place, one), Line(place))
        line.count += count / len(given.batches)
        line.seconds += count / len(given.batches) * _alone(again)
        line.shapes = shapes
    return list(lines.values())


def _epochs(given: Task, options: dict[str, Any], *, recorded: bool) -> Iterator[Any]:
    """Training of the 784-100-10 network, an epoch at a time."""
    inputs, hidden, outputs = WIDTHS
    net = Sequential(
        Dense(inputs, hidden, rng=0), Sigmoid(), Dense(hidden, outputs, rng=1), Sigmoid(),
        dtype=np.float32,
    )  # fmt: skip
    x, t = given.x, given.t
    if recorded:
        net.bind(net.params.view(Recorded), net.grads.view(Recorded))
        x, t = x.view(Recorded), t.view(Recorded)
    return train(
        net, MSELoss(), SGD(net, lr=RATE), x, t,
        epochs=2 * EPOCHS, batch_size=given.workload.batch, shuffle=False, **options,
    )  # fmt: skip


def _timed(epochs: Iterator[Any]) -> float:
    return next(epochs).seconds


def _alone(again: Callable[[], Any]) -> float:
    """Seconds of one call, the best of several series of about a millisecond."""
    timer = timeit.Timer(again)
    once = timer.timeit(20) / 20
    number = max(5, min(2000, int(1e-3 / once)))
    return min(timer.repeat(7, number)) / number


def _source(place: Place) -> str:
    return linecache.getline(place.file, place.line).strip()[:42]


if __name__ == "__main__":
    main()
