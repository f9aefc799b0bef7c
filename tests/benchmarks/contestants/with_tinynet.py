"""tinynet's public `train` and `predict`; names must exist in other checkouts too."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import tinynet
from tests.benchmarks.workloads import DEEP_RATE, RATE, SMOOTHING, Job, Task, Unfit
from tinynet import SGD, Dense, MSELoss, Sequential, Sigmoid, train

EPOCHS = 10**9  # as many as are asked for


def version() -> str:
    return f"tinynet {tinynet.__version__}, numpy {np.__version__}"


def prepare(name: str, task: Task) -> Job:
    kind, batch = task.workload.kind, task.workload.batch
    outputs: list[Any] = []
    networks = {"deep": _deep, "small": _small}
    net = networks.get(kind, _network)(task)

    def predict() -> None:
        outputs[:] = [net.predict(task.x)]

    if kind == "predict":
        if "," in name:
            raise Unfit("predict has one path")
        return Job(predict, lambda: outputs[0])

    options: dict[str, Any] = {}
    has_engines = "engine" in inspect.signature(train).parameters
    if "," in name and has_engines:  # otherwise compiled, where Numba is installed
        options["engine"] = "numpy"
    elif "NumPy" in name:
        raise Unfit("this tinynet compiles nothing")
    if "plain" in name:
        if "blocked" not in inspect.signature(train).parameters:
            raise Unfit("this tinynet has one path only")
        if kind in networks:
            raise Unfit("Adam has one path only")
        options["blocked"] = False
    if kind == "deep":
        loss: tinynet.Loss = tinynet.CrossEntropyLoss(label_smoothing=SMOOTHING)
        optimizer: tinynet.Optimizer = tinynet.Adam(net, lr=DEEP_RATE, eps=task.epsilon)
    elif kind == "small":
        loss = MSELoss()
        optimizer = tinynet.Adam(net, lr=DEEP_RATE, eps=task.epsilon)
    else:
        loss, optimizer = MSELoss(), SGD(net, lr=RATE)
    epochs = train(
        net, loss, optimizer, task.x, task.t,
        epochs=EPOCHS, batch_size=batch, shuffle=False, **options,
    )  # fmt: skip
    return Job(lambda: next(epochs).loss, lambda: (net.params,))


def _network(task: Task) -> Sequential:
    W1, _, W2, _ = task.start
    net = Sequential(
        Dense(*W1.shape, dtype=np.float32),
        Sigmoid(),
        Dense(*W2.shape, dtype=np.float32),
        Sigmoid(),
    )
    net.params[...] = np.concatenate([a.ravel() for a in task.start])
    return net


def _small(task: Task) -> Sequential:
    layers: list[Any] = []
    for W in task.start[::2]:
        layers += [Dense(*W.shape, dtype=np.float32), tinynet.Tanh()]
    net = Sequential(*layers[:-1])
    net.params[...] = np.concatenate([a.ravel() for a in task.start])
    return net


def _deep(task: Task) -> Sequential:
    missing = [
        name
        for name in ("Adam", "BatchNorm", "CrossEntropyLoss", "Dropout", "ReLU")
        if not hasattr(tinynet, name)
    ]
    if missing:
        raise Unfit(f"this tinynet has no {', '.join(missing)}")
    *weights, b = task.start
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for W, rate in zip(weights, task.dropout, strict=True):
        last = W is weights[-1]
        if rate:
            layers.append(tinynet.Dropout(rate, rng=rng))
        layers.append(Dense(*W.shape, bias=last, rng=rng))
        layers[-1].W[...] = W
        if not last:
            layers += [tinynet.BatchNorm(W.shape[1]), tinynet.ReLU()]
    layers[-1].b[...] = b
    return Sequential(*layers, dtype=np.float32)
