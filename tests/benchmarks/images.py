"""Convolution, recurrence and attention beside PyTorch, step by step, in one process.

`python -m tests.benchmarks.images [ROUNDS [THREADS]]` trains the same networks, from the same
weights and on the same batches, in turns: LeNet-5, an LSTM over 28 rows, and a block of a
transformer, all in float32 by plain SGD on the cross-entropy. It compares the parameters after some
steps, and prints the best time of a step of each, their ratio (above 1, tinynet is faster), and
the peak memory of a step with 1,024 images, each in a process of its own.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

import tinynet as tn

THREADS = sys.argv[2] if sys.argv[2:] else "1"
RATE = 0.05
STEPS = 3  # of the comparison; each step multiplies what rounding makes different
CASES = [
    *(("LeNet-5", batch) for batch in (1, 8, 32, 128, 1024)),
    *(("LSTM", batch) for batch in (1, 32, 128)),
    *(("GRU", batch) for batch in (1, 32)),
    *(("transformer", batch) for batch in (1, 32)),
]


def lenet(rng):
    ours = tn.Sequential(
        tn.Conv2D(1, 6, 5, padding=2, rng=rng),
        tn.ReLU(),
        tn.MaxPool2D(2),
        tn.Conv2D(6, 16, 5, rng=rng),
        tn.ReLU(),
        tn.MaxPool2D(2),
        tn.Flatten(),
        tn.Dense(400, 120, rng=rng),
        tn.ReLU(),
        tn.Dense(120, 84, rng=rng),
        tn.ReLU(),
        tn.Dense(84, 10, rng=rng),
        dtype=np.float32,
    )
    first = nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)
    second = nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    dense = nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
    return ours, nn.Sequential(*first, *second, *dense), (1, 28, 28)


class Last(nn.Module):
    """The last state of a recurrent layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        counts = torch.zeros(len(layer.bias_hh_l0))  # what is added to the other bias moves once
        if isinstance(layer, nn.GRU):
            counts[2 * len(counts) // 3 :] = 1
        layer.bias_hh_l0.register_hook(lambda gradient: gradient * counts)

    def forward(self, x):
        return self.layer(x)[0][:, -1]


def recurrent(ours, theirs):
    def make(rng):
        net = tn.Sequential(ours(28, 128, rng=rng), tn.Dense(128, 10, rng=rng), dtype=np.float32)
        layer = Last(theirs(28, 128, batch_first=True))
        return net, nn.Sequential(layer, nn.Linear(128, 10)), (28, 28)

    return make


class Mean(nn.Module):
    """The mean over the steps."""

    def forward(self, x):
        return x.mean(1)


def transformer(rng):
    dense = tn.Dense(64, 128, rng=rng), tn.GELU(), tn.Dense(128, 64, rng=rng)
    ours = tn.Sequential(
        tn.Residual(tn.Sequential(tn.LayerNorm(64), tn.SelfAttention(64, 4, rng=rng))),
        tn.Residual(tn.Sequential(tn.LayerNorm(64), *dense)),
        tn.AverageSteps(),
        tn.Dense(64, 10, rng=rng),
        dtype=np.float32,
    )
    options = {"dropout": 0, "activation": "gelu", "batch_first": True, "norm_first": True}
    block = nn.TransformerEncoderLayer(64, 4, 128, **options)
    return ours, nn.Sequential(block, Mean(), nn.Linear(64, 10)), (28, 64)


NETWORKS = {
    "LeNet-5": lenet,
    "LSTM": recurrent(tn.LSTM, nn.LSTM),
    "GRU": recurrent(tn.GRU, nn.GRU),
    "transformer": transformer,
}
NAMES = {  # of PyTorch's modules in place of ours
    "LSTM": {"0.": "0.layer."},
    "GRU": {"0.": "0.layer."},
    "transformer": {
        "0.inner.0.": "0.norm1.",
        "0.inner.1.": "0.self_attn.",
        "1.inner.0.": "0.norm2.",
        "1.inner.1.": "0.linear1.",
        "1.inner.3.": "0.linear2.",
        "3.": "2.",
    },
}


def steps(name, batch):
    """A step of ours, one of PyTorch's, and what compares the parameters of both."""
    rng = np.random.default_rng(0)
    net, model, shape = NETWORKS[name](rng)

    def named():
        renamed = {}
        for key, array in tn.to_state_dict(net).items():
            begins = ((old, new) for old, new in NAMES.get(name, {}).items() if key.startswith(old))
            old, new = next(begins, ("", ""))
            renamed[new + key.removeprefix(old)] = torch.from_numpy(array)
        return renamed

    model.load_state_dict(named())
    x, t = rng.random((batch, *shape), np.float32), rng.integers(0, 10, batch)
    loss, optimizer = tn.CrossEntropyLoss(), tn.SGD(net, lr=RATE)
    their_loss, their_optimizer = nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), RATE)
    their_x, their_t = torch.from_numpy(x), torch.from_numpy(t)

    def ours():
        loss.forward(net.forward(x), t)
        net.parameter_gradients(loss.backward())
        optimizer.step()

    def theirs():
        their_optimizer.zero_grad()
        their_loss(model(their_x), their_t).backward()
        their_optimizer.step()

    def compare():
        for key, array in named().items():
            other = model.state_dict()[key].numpy()
            np.testing.assert_allclose(array.numpy(), other, rtol=1e-3, atol=1e-4, err_msg=key)

    return ours, theirs, compare


def best_times(name, batch, rounds):
    """The best wall times of a step, ours and theirs."""
    ours, theirs, compare = steps(name, batch)
    for _ in range(STEPS):
        ours()
        theirs()
    compare()
    count = max(2, 256 // batch)
    best = {ours: np.inf, theirs: np.inf}
    for _ in range(rounds):
        for step in best:
            start = time.perf_counter()
            for _ in range(count):
                step()
            best[step] = min(best[step], (time.perf_counter() - start) / count)
    return best[ours], best[theirs]


def memory(what):
    """A line of the system's report on this process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s*(\d+)", status)[1]) / 1024


def peak(which):
    """The most memory, in MB, that steps with 1,024 images take in a process of their own."""
    command = [sys.executable, "-m", __spec__.name, "peak", THREADS, which]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def main(rounds):
    print(f"{'':24}{'tinynet':>10}{'PyTorch':>10}{'ratio':>8}   best wall time, us a step")
    for name, batch in CASES:
        ours, theirs = (seconds * 1e6 for seconds in best_times(name, batch, rounds))
        print(f"{f'{name}, {batch}':24}{ours:10.0f}{theirs:10.0f}{theirs / ours:8.2f}", flush=True)
    ours, theirs = peak("ours"), peak("theirs")
    print(f"{'LeNet-5, 1024, peak':24}{ours:10.0f}{theirs:10.0f}{theirs / ours:8.2f}   MB")


if __name__ == "__main__":
    torch.set_num_threads(int(THREADS))
    threadpool_limits(int(THREADS))
    if sys.argv[1:2] == ["peak"]:
        ours, theirs, _ = steps("LeNet-5", 1024)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far (Linux)
        before = memory("VmRSS")
        for _ in range(5):
            (ours if sys.argv[3] == "ours" else theirs)()
        print(memory("VmHWM") - before)
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 20)
