"""scikit-learn's MLPRegressor, its nearest model.

Its output layer is always linear, so it computes one sigmoid less, and no parameters can agree. Its
squared loss descends on ½ Σ over the outputs, hence another number for the same rate. One call of
`partial_fit` makes one pass in batches.
"""

from __future__ import annotations

from typing import Any

import sklearn
from sklearn.neural_network import MLPRegressor

from tests.benchmarks.workloads import RATE, WIDTHS, Job, Task, Unfit


def version() -> str:
    return f"scikit-learn {sklearn.__version__}"


def prepare(name: str, task: Task) -> Job:
    if task.workload.kind == "deep":
        raise Unfit("it has no batch normalisation")
    if task.workload.kind == "small":
        raise Unfit("it is timed with the one network only")
    batch = task.workload.batch
    model = MLPRegressor(
        hidden_layer_sizes=WIDTHS[1:-1],
        activation="logistic",
        solver="sgd",
        alpha=0.0,
        batch_size=min(batch, len(task.x)),
        learning_rate_init=RATE * 2 / WIDTHS[-1],
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    model.partial_fit(task.x, task.t)  # makes its arrays
    model.coefs_ = [W.copy() for W in task.start[::2]]
    model.intercepts_ = [b.copy() for b in task.start[1::2]]
    outputs: list[Any] = []

    def train() -> float:
        model.partial_fit(task.x, task.t)
        return 2 * model.loss_

    def predict() -> None:
        outputs[:] = [model.predict(task.x)]

    if task.workload.kind == "predict":
        return Job(predict, lambda: outputs[0])
    return Job(train, lambda: None)
