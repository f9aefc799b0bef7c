"""The number of BLAS threads that tinynet takes, against one thread and against all of them.

`python -m tests.benchmarks.threads [ROUNDS]` trains in new processes, in turns, and prints the best
wall time of a step: with one thread (OPENBLAS_NUM_THREADS=1), as tinynet does by default, and with
all threads (without tinynet's limit). The last column is the default's time over the better of the
other two.
"""

import os
import subprocess
import sys
import time

import numpy as np

from tinynet import SGD, Adam, Dense, MSELoss, ReLU, Sequential, Sigmoid, train
from tinynet.training.blas_threads import OneThread

WIDTHS = {"784-100-10": (784, 100, 10), "deep": (784, 512, 256, 10)}
OPTIMIZERS = {"fast path": SGD, "plain": SGD, "Adam": Adam}
CASES = [
    *(("784-100-10", kind, batch) for kind in OPTIMIZERS for batch in (1, 8, 32, 128, 1024)),
    *(("deep", "Adam", batch) for batch in (1, 8, 32, 128, 1024)),
]
CASES = [case for case in CASES if case[1] != "fast path" or case[2] <= 32]
WAYS = "one thread", "default", "all threads"


def microseconds(network, kind, batch):
    """The best wall time of a step over some epochs."""
    rng, layers = np.random.default_rng(0), []
    for inputs, outputs in zip(WIDTHS[network], WIDTHS[network][1:], strict=False):
        layers += [Dense(inputs, outputs, rng=rng, dtype=np.float32), ReLU()]
    net = Sequential(*layers[:-1], Sigmoid())
    examples = max(512, min(60 * batch, 8192))
    x, t = rng.random((examples, 784), np.float32), rng.random((examples, 10), np.float32)
    optimizer = OPTIMIZERS[kind](net, lr=1e-3)
    steps = -(-examples // batch)
    options = {"epochs": 7, "batch_size": batch, "rng": 0, "blocked": kind == "fast path"}
    epochs = iter(train(net, MSELoss(), optimizer, x, t, **options))
    next(epochs)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        next(epochs)
        times.append((time.perf_counter() - start) / steps * 1e6)
    return min(times)


def measured(way, case):
    """The time of one case in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    environment.pop("OPENBLAS_NUM_THREADS", None)
    if way == "one thread":
        environment["OPENBLAS_NUM_THREADS"] = "1"
    command = [sys.executable, "-m", __spec__.name, way, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def main(rounds):
    print(
        f"{'':28}{''.join(f'{way:>14}' for way in WAYS)}{'ratio':>8}   best of {rounds}, us a step"
    )
    for case in CASES:
        best = dict.fromkeys(WAYS, np.inf)
        for number in range(rounds):
            for way in WAYS if number % 2 else WAYS[::-1]:
                best[way] = min(best[way], measured(way, case))
        ratio = best["default"] / min(best["one thread"], best["all threads"])
        name = f"{case[0]}, {case[1]}, {case[2]}"
        print(f"{name:28}{''.join(f'{best[way]:14.1f}' for way in WAYS)}{ratio:8.2f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        if sys.argv[1] == "all threads":
            OneThread._libraries = []
        print(microseconds(*sys.argv[2:4], int(sys.argv[4])))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 5)
