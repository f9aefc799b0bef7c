"""Train a deeper network on MNIST, with methods that are newer than the textbook, to 98.8 %.

The network has two hidden layers of ReLUs with batch normalisation and dropout. It is trained in
float32 on the cross-entropy with label smoothing, by AdamW, whose learning rate first rises and
then falls along a cosine. This takes about a minute.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from program import (
    Report,
    add_training_options,
    check_distinct,
    check_output,
    positive,
    save_picture,
    start,
    stop,
)

from tinynet import (
    AdamW,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    History,
    ReLU,
    Sequential,
    fit,
    he_normal,
    plot,
    predict,
    save,
)
from tinynet.data import MNIST, load_mnist, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix, precision_recall_f1, top_k_accuracy
from tinynet.schedules import Schedule, cosine, linear_warmup, steps_in_epochs
from tinynet.types import Array


def network(rng: np.random.Generator) -> Sequential:
    """784-512-256-10; a Dense before a BatchNorm needs no bias, because BatchNorm has one."""
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
    """A linear rise in the first fortieth of the steps, then a cosine that falls to 0."""
    warmup = math.ceil(steps / 40)
    return linear_warmup(cosine(lr, steps=max(1, steps - warmup)), steps=warmup)


def run(data: MNIST, options: argparse.Namespace) -> float:
    """Train a network, print how it goes, and draw the result; returns the test accuracy."""
    x = scale_pixels(data.train_images[: options.limit], dtype=np.float32).reshape(-1, 784)
    t = data.train_labels[: options.limit]
    x_test = scale_pixels(data.test_images, dtype=np.float32).reshape(-1, 784)

    rng = np.random.default_rng(options.seed)
    net, loss = network(rng), CrossEntropyLoss(label_smoothing=0.1)
    steps = steps_in_epochs(options.epochs, examples=len(x), batch_size=options.batch_size)
    rates = schedule(options.lr, steps)
    optimizer = AdamW(net, lr=rates, weight_decay=0.02)

    report = Report(options.epochs, options.quiet)
    report.line(
        f"784-512-256-10, ReLU, batch normalisation, dropout, {loss!r}, AdamW, "
        f"learning rate up to {options.lr:g}, batch size {options.batch_size}, float32, "
        f"seed {options.seed}"
    )
    report.line(f"{len(x):,} training and {len(x_test):,} test images from {options.data}\n")
    report.begin()
    history = fit(
        net,
        loss,
        optimizer,
        x,
        t,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation=(x_test, data.test_labels),  # measured after each epoch, never trained on
        metrics=[accuracy],
        progress=report.epoch,
        rng=rng,
    )
    if not history.epochs:
        raise ValueError("stopped before the end of the first epoch, so there is no result")

    scores = predict(net, x_test)
    test_accuracy = accuracy(scores, data.test_labels)
    top_2 = top_k_accuracy(scores, data.test_labels, k=2)
    confusions = confusion_matrix(scores, data.test_labels)
    report.result(test_accuracy, confusions, f" ({top_2:.2%} among the best two guesses)")
    figure = picture(data, history, scores, [rates(step) for step in range(steps)])
    if options.save is not None:
        save(net, options.save)
        report.line(f"network: {options.save}")
    save_picture(figure, options.output)
    report.line(f"picture: {options.output}")
    return test_accuracy


def picture(data: MNIST, history: History, scores: Array, rates: list[float]) -> Figure:
    """Learning curve, learning rate, F1 of each digit, mistakes and the confusion matrix."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    rows: Any = [["curve", "mistakes"], ["rates", "confusion"], ["digits", "confusion"]]
    axes = figure.subplot_mosaic(rows, height_ratios=[5, 3, 3])
    figure.suptitle(
        f"MNIST, deeper network, test accuracy {accuracy(scores, data.test_labels):.2%}",
        fontsize="x-large",
    )
    plot.learning_curve(history["loss"], accuracy=history["validation_accuracy"], ax=axes["curve"])
    draw_rates(rates, history.epochs, axes["rates"])
    draw_f1(precision_recall_f1(scores, data.test_labels).f1, axes["digits"])
    plot.misclassified(data.test_images, scores, data.test_labels, ax=axes["mistakes"])
    axes["mistakes"].set_title("Mistakes: true digit as predicted digit")
    plot.confusion(confusion_matrix(scores, data.test_labels), ax=axes["confusion"])
    return figure


def draw_rates(rates: list[float], epochs: int, ax: Axes) -> None:
    """The learning rate of each step."""
    ax.plot(np.linspace(0, epochs, len(rates)), rates, color="#0072B2")
    ax.set(title="Learning rate", xlabel="Epoch", xlim=(0, epochs), ylim=(0, None))
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def draw_f1(f1: Array, ax: Axes) -> None:
    """The F1 score of each digit."""
    lowest = f1.min() - 0.1 * (1 - f1.min())
    ax.vlines(range(10), lowest, f1, color="#D55E00", alpha=0.4)
    ax.plot(f1, "D", color="#D55E00", markersize=5)
    ax.set(title="F1 score of each digit", xticks=range(10), ylim=(lowest, 1))
    ax.grid(axis="y", alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the test accuracy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_training_options(parser, epochs=20, batch_size=128, output="mnist_deep.png")
    lr_help = "highest learning rate (0.003)"
    parser.add_argument("--lr", type=positive, default=0.003, metavar="RATE", help=lr_help)
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the trained network")
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        check_output(options.save, "--save")
        check_distinct(output=options.output, save=options.save)
        return run(load_mnist(options.data), options)
    except (OSError, ValueError, DivergenceError) as error:
        stop(parser, error)


if __name__ == "__main__":
    start(main)
