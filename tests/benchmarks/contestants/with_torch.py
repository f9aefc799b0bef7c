"""PyTorch as its tutorial writes it, eager or compiled."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn

from tests.benchmarks.workloads import DEEP_RATE, RATE, SMOOTHING, Job, Task

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def version() -> str:
    return f"torch {torch.__version__}"


def prepare(name: str, task: Task) -> Job:
    kind, batch = task.workload.kind, task.workload.batch
    outputs: list[Any] = []
    net = _network(task)
    x, t = torch.from_numpy(task.x), torch.from_numpy(task.t)
    parameters = net.parameters()
    if kind == "deep":
        loss_function: nn.Module = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            parameters, lr=DEEP_RATE, eps=task.epsilon
        )
    elif kind == "small":
        loss_function = nn.MSELoss()
        optimizer = torch.optim.Adam(parameters, lr=DEEP_RATE, eps=task.epsilon)
    else:
        loss_function, optimizer = nn.MSELoss(), torch.optim.SGD(parameters, lr=RATE)

    def forward(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return loss_function(net(x), t)

    call, step = net, optimizer.step
    if name == "torch.compile":
        forward, call, step = (torch.compile(f) for f in (forward, net, step))

    def train() -> float:
        total = 0.0
        for first in task.batches:
            optimizer.zero_grad()
            loss = forward(x[first : first + batch], t[first : first + batch])
            loss.backward()
            step()
            total += loss.item()
        return total / len(task.batches)

    def predict() -> None:
        with torch.no_grad():
            outputs[:] = [call(x)]

    if kind == "predict":
        net.eval()
        return Job(predict, lambda: outputs[0].numpy())
    return Job(train, lambda: [_ours(p) for p in net.parameters()])


def _network(task: Task) -> nn.Sequential:
    layers: list[nn.Module] = []
    if task.workload.kind == "small":
        for W, b in zip(task.start[::2], task.start[1::2], strict=True):
            layers += [_linear(W, b), nn.Tanh()]
        return nn.Sequential(*layers[:-1])
    if task.workload.kind != "deep":
        W1, b1, W2, b2 = task.start
        return nn.Sequential(_linear(W1, b1), nn.Sigmoid(), _linear(W2, b2), nn.Sigmoid())
    *weights, last, b = task.start
    for W, rate in zip(weights, task.dropout, strict=False):
        layers += [nn.Dropout(rate), _linear(W), nn.BatchNorm1d(W.shape[1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.Dropout(task.dropout[-1]), _linear(last, b))


def _linear(W: np.ndarray, b: np.ndarray | None = None) -> nn.Linear:
    layer = nn.Linear(*W.shape, bias=b is not None)
    layer.weight.data.copy_(torch.from_numpy(W.T))
    if b is not None:
        layer.bias.data.copy_(torch.from_numpy(b))
    return layer


def _ours(parameter: torch.Tensor) -> object:
    """A copy in our layout: PyTorch's weights are (outputs, inputs)."""
    return parameter.detach().numpy().T.copy()
