"""Train a convolutional network on MNIST, LeNet-5 with newer parts, to 99.2 %.

Two convolutions with ReLU and max-pooling find strokes and their combinations, wherever they lie;
three dense layers tell the digit from them. It is trained in float32 on the cross-entropy, by Adam,
whose learning rate falls along a cosine. This takes about a minute.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
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
    Adam,
    Conv2D,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Dropout,
    Flatten,
    History,
    MaxPool2D,
    ReLU,
    Reshape,
    Sequential,
    fit,
    he_normal,
    plot,
    predict,
    save,
)
from tinynet.data import MNIST, load_mnist, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix
from tinynet.schedules import cosine, steps_in_epochs
from tinynet.types import Array


def network(rng: np.random.Generator) -> Sequential:
    """The layers of LeNet-5 (LeCun et al., 1998), with ReLU, max-pooling and dropout."""
    return Sequential(
        Reshape((1, 28, 28)),  # from rows of pixels, as all programs here have them
        Conv2D(1, 6, 5, padding=2, init=he_normal, rng=rng),
        ReLU(),
        MaxPool2D(2),  # (N, 6, 14, 14)
        Conv2D(6, 16, 5, init=he_normal, rng=rng),
        ReLU(),
        MaxPool2D(2),  # (N, 16, 5, 5)
        Flatten(),
        Dense(400, 120, init=he_normal, rng=rng),
        ReLU(),
        Dropout(0.3, rng=rng),
        Dense(120, 84, init=he_normal, rng=rng),
        ReLU(),
        Dense(84, 10, rng=rng),
        dtype=np.float32,
    )


def run(data: MNIST, options: argparse.Namespace) -> float:
    """Train the network, print how it goes, and draw the result; returns the test accuracy."""
    x = scale_pixels(data.train_images[: options.limit], dtype=np.float32).reshape(-1, 784)
    t = data.train_labels[: options.limit]
    x_test = scale_pixels(data.test_images, dtype=np.float32).reshape(-1, 784)

    rng = np.random.default_rng(options.seed)
    net, loss = network(rng), CrossEntropyLoss()
    steps = steps_in_epochs(options.epochs, examples=len(x), batch_size=options.batch_size)
    optimizer = Adam(net, lr=cosine(options.lr, steps=steps))

    report = Report(options.epochs, options.quiet)
    report.line(
        f"LeNet-5, ReLU, dropout, {loss!r}, Adam, learning rate {options.lr:g}, "
        f"batch size {options.batch_size}, float32, seed {options.seed}"
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
    report.result(test_accuracy, confusion_matrix(scores, data.test_labels))
    if options.save is not None:
        save(net, options.save)
        report.line(f"network: {options.save}")
    save_picture(picture(data, history, net, x_test[0], scores), options.output)
    report.line(f"picture: {options.output}")
    return test_accuracy


def picture(data: MNIST, history: History, net: Sequential, digit: Array, scores: Array) -> Figure:
    """Learning curve, kernels and feature maps of a digit, mistakes and the confusion matrix."""
    figure = Figure(figsize=(15, 10), layout="constrained")
    axes = figure.subplot_mosaic(
        [
            ["curve", "curve", "kernels", "kernels", "maps", "maps"],
            ["mistakes", "mistakes", "mistakes", "confusion", "confusion", "confusion"],
        ]
    )
    figure.suptitle(
        f"MNIST, convolutional network, test accuracy {accuracy(scores, data.test_labels):.2%}",
        fontsize="x-large",
    )
    plot.learning_curve(history["loss"], accuracy=history["validation_accuracy"], ax=axes["curve"])
    plot.misclassified(data.test_images, scores, data.test_labels, ax=axes["mistakes"])
    axes["mistakes"].set_title("Mistakes: true digit as predicted digit")
    plot.confusion(confusion_matrix(scores, data.test_labels), ax=axes["confusion"])
    plot.filters(net[1], ax=axes["kernels"])
    axes["kernels"].set_title("Kernels of the first convolution")
    plot.feature_maps(net, digit, 3, ax=axes["maps"])
    axes["maps"].set_title("The first test digit after the first pooling")
    return figure


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the test accuracy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_training_options(parser, epochs=8, batch_size=32, output="mnist_conv.png")
    lr_help = "learning rate at the start (0.001)"
    parser.add_argument("--lr", type=positive, default=0.001, metavar="RATE", help=lr_help)
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
