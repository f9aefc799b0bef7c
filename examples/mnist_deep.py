"""Train a deeper network on MNIST, with what was learnt since the textbook, to 98.8 %.

Two hidden layers of rectifiers with batch normalisation and dropout, cross-entropy with label
smoothing, and AdamW at a rate that warms up and then falls along a cosine; float32. It takes
about a minute.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from typing import Any

# Batches this small are little work for two threads, which wait for each other, and for long where
# other programs are running. One is also sure to repeat its result. Set the variable to differ.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from program import (
    Report,
    add_common_options,
    check_output,
    draw_surest_mistakes,
    rate,
    save,
    start,
)

from tinynet import (
    AdamW,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    ReLU,
    Sequential,
    he_normal,
    plot,
    train,
)
from tinynet.data import MNIST, load_mnist, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix, precision_recall_f1, top_k_accuracy
from tinynet.schedules import Schedule, cosine, linear_warmup
from tinynet.types import Array


def network(rng: np.random.Generator) -> Sequential:
    """784-512-256-10; a Dense before BatchNorm has no bias, which would be subtracted again."""
    return Sequential(
        Dropout(0.1, rng=rng),
        Dense(784, 512, bias=False, init=he_normal, rng=rng),
        BatchNorm(512),
        ReLU(),
        Dropout(0.2, rng=rng),
        Dense(512, 256, bias=False, init=he_normal, rng=rng),
        BatchNorm(256),
        ReLU(),
        Dropout(0.2, rng=rng),
        Dense(256, 10, rng=rng),
        dtype=np.float32,
    )


def schedule(lr: float, steps: int) -> Schedule:
    """Up in a line for the first fortieth of the steps, and down along a cosine to 0."""
    warmup = math.ceil(steps / 40)
    return linear_warmup(cosine(lr, steps=max(1, steps - warmup)), steps=warmup)


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the test accuracy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_options(parser, epochs=20, batch_size=128, output="mnist_deep.png")
    lr_help = "highest learning rate (0.003)"
    parser.add_argument("--lr", type=rate, default=0.003, metavar="RATE", help=lr_help)
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        return _run(load_mnist(options.data), options)
    except (OSError, ValueError, DivergenceError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def _run(data: MNIST, options: argparse.Namespace) -> float:
    x = scale_pixels(data.train_images[: options.limit], dtype=np.float32).reshape(-1, 784)
    t = data.train_labels[: options.limit]
    x_test = scale_pixels(data.test_images, dtype=np.float32).reshape(-1, 784)
    rng = np.random.default_rng(options.seed)
    net, loss = network(rng), CrossEntropyLoss(label_smoothing=0.1)
    steps = options.epochs * math.ceil(len(x) / options.batch_size)
    rates = schedule(options.lr, steps)
    optimizer = AdamW(net, lr=rates, weight_decay=0.02)

    epochs = train(
        net, loss, optimizer, x, t, epochs=options.epochs, batch_size=options.batch_size, rng=rng
    )

    report = Report(options.epochs, options.quiet)
    report.say(
        f"784-512-256-10, ReLU, batch normalisation, dropout, {loss!r}, AdamW at rates up to "
        f"{options.lr:g}, batch size {options.batch_size}, float32, seed {options.seed}"
    )
    report.say(f"{len(x):,} training and {len(x_test):,} test images from {options.data}\n")
    report.begin()
    losses, accuracies = [], []
    for epoch in epochs:
        scores = net.predict(x_test)
        losses.append(epoch.loss)
        accuracies.append(accuracy(scores, data.test_labels))
        report.epoch(epoch.number, epoch.loss, accuracies[-1], epoch.seconds)

    second = top_k_accuracy(scores, data.test_labels, k=2)
    report.result(
        accuracies[-1],
        confusion_matrix(scores, data.test_labels, 10),
        f" ({second:.2%} with a second guess)",
    )
    figure = _picture(data, losses, accuracies, scores, [rates(step) for step in range(steps)])
    save(figure, options.output)
    report.say(f"picture: {options.output}")
    return accuracies[-1]


def _picture(
    data: MNIST, losses: list[float], accuracies: list[float], scores: Array, rates: list[float]
) -> Figure:
    """Learning curve, schedule, F1 of each digit, confusion matrix and mistakes."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    rows: Any = [["curve", "wrong"], ["rates", "confusion"], ["digits", "confusion"]]
    axes = figure.subplot_mosaic(rows, height_ratios=[5, 3, 3])
    figure.suptitle(f"MNIST, deeper, test accuracy {accuracies[-1]:.2%}", fontsize="x-large")
    plot.learning_curve(losses, accuracy=accuracies, ax=axes["curve"])
    _draw_rates(rates, len(losses), axes["rates"])
    _draw_digits(precision_recall_f1(scores, data.test_labels).f1, axes["digits"])
    plot.confusion(confusion_matrix(scores, data.test_labels, 10), ax=axes["confusion"])
    draw_surest_mistakes(data, scores, axes["wrong"], rows=4, columns=8)
    return figure


def _draw_rates(rates: list[float], epochs: int, ax: Axes) -> None:
    ax.plot(np.linspace(0, epochs, len(rates)), rates, color="#0072B2")
    ax.set(title="Learning rate", xlabel="Epoch", xlim=(0, epochs), ylim=(0, None))
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def _draw_digits(f1: Array, ax: Axes) -> None:
    lowest = f1.min() - 0.1 * (1 - f1.min())
    ax.vlines(range(10), lowest, f1, color="#D55E00", alpha=0.4)
    ax.plot(f1, "D", color="#D55E00", markersize=5)
    ax.set(title="F1 score of each digit", xticks=range(10), ylim=(lowest, 1))
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    start(main)
