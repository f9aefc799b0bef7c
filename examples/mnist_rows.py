"""Read MNIST's digits row by row, with an LSTM to 98.9 %, or with a GRU or attention.

Each image is a sequence of 28 steps, its rows, of 28 features. An LSTM reads one row after the
other, and what it remembers after the last one tells the digit. With --layer attention, two blocks
of a transformer look at all rows at once; a positional encoding tells them which row is which. The
network is trained in float32 on the cross-entropy, by Adam, whose learning rate falls along a
cosine. This takes one to three minutes.
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
    GELU,
    GRU,
    LSTM,
    Adam,
    AverageSteps,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    History,
    Layer,
    LayerNorm,
    PositionalEncoding,
    Reshape,
    Residual,
    SelfAttention,
    Sequential,
    Softmax,
    fit,
    plot,
    predict,
    save,
)
from tinynet.data import MNIST, load_mnist, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix
from tinynet.plot.drawing import Axes
from tinynet.schedules import cosine, steps_in_epochs
from tinynet.types import Array


def recurrent(kind: type[LSTM | GRU], rng: np.random.Generator) -> Sequential:
    """A recurrent layer over the rows; its last state decides."""
    return Sequential(
        Reshape((28, 28)),  # from rows of pixels, as all programs here have them
        kind(28, 128, rng=rng),
        Dense(128, 10, rng=rng),
        dtype=np.float32,
    )


def transformer(rng: np.random.Generator) -> Sequential:
    """Two blocks in which every row looks at all rows; the mean of all rows decides."""

    def block() -> tuple[Layer, Layer]:
        widen, narrow = Dense(64, 128, rng=rng), Dense(128, 64, rng=rng)
        return (
            Residual(Sequential(LayerNorm(64), SelfAttention(64, 4, rng=rng))),
            Residual(Sequential(LayerNorm(64), widen, GELU("tanh"), narrow)),
        )

    return Sequential(
        Reshape((28, 28)),
        Dense(28, 64, rng=rng),
        PositionalEncoding(28, 64),
        *block(),
        *block(),
        LayerNorm(64),
        AverageSteps(),
        Dense(64, 10, rng=rng),
        dtype=np.float32,
    )


NETWORKS = {
    "lstm": lambda rng: recurrent(LSTM, rng),
    "gru": lambda rng: recurrent(GRU, rng),
    "attention": transformer,
}


def run(data: MNIST, options: argparse.Namespace) -> float:
    """Train the network, print how it goes, and draw the result; returns the test accuracy."""
    x = scale_pixels(data.train_images[: options.limit], dtype=np.float32).reshape(-1, 784)
    t = data.train_labels[: options.limit]
    x_test = scale_pixels(data.test_images, dtype=np.float32).reshape(-1, 784)

    rng = np.random.default_rng(options.seed)
    net, loss = NETWORKS[options.layer](rng), CrossEntropyLoss()
    steps = steps_in_epochs(options.epochs, examples=len(x), batch_size=options.batch_size)
    optimizer = Adam(net, lr=cosine(options.lr, steps=steps), clip_norm=1)

    report = Report(options.epochs, options.quiet)
    report.line(
        f"rows read by {options.layer}, {net.params.size:,} parameters, {loss!r}, Adam, learning "
        f"rate {options.lr:g}, batch size {options.batch_size}, float32, seed {options.seed}"
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
    save_picture(picture(data, history, net, x_test[:1], scores, options.layer), options.output)
    report.line(f"picture: {options.output}")
    return test_accuracy


def picture(
    data: MNIST, history: History, net: Sequential, digit: Array, scores: Array, name: str
) -> Figure:
    """Learning curve, how a digit is read, mistakes and the confusion matrix."""
    figure = Figure(figsize=(15, 10), layout="constrained")
    axes = figure.subplot_mosaic(
        [
            ["curve", "curve", "reading", "reading", "reading"],
            ["mistakes", "mistakes", "mistakes", "confusion", "confusion"],
        ]
    )
    figure.suptitle(
        f"MNIST, rows read by {name}, test accuracy {accuracy(scores, data.test_labels):.2%}",
        fontsize="x-large",
    )
    plot.learning_curve(history["loss"], accuracy=history["validation_accuracy"], ax=axes["curve"])
    plot.misclassified(data.test_images, scores, data.test_labels, ax=axes["mistakes"])
    axes["mistakes"].set_title("Mistakes: true digit as predicted digit")
    plot.confusion(confusion_matrix(scores, data.test_labels), ax=axes["confusion"])
    if name == "attention":
        plot.attention(first_attention(net, digit)[0], ax=axes["reading"])
        title = "Where each row of the first test digit looks, by head"
        axes["reading"].set_title(title, pad=20)  # above the numbers of the heads
    else:
        draw_reading(net, digit, axes["reading"])
    return figure


def first_attention(net: Sequential, digit: Array) -> Array:
    """The weights of the first attention (1, heads, rows, rows)."""
    x = digit
    for layer in net:
        if isinstance(layer, Residual) and isinstance(layer.inner, Sequential):
            norm, attention = layer.inner[0], layer.inner[1]
            if isinstance(attention, SelfAttention):
                return attention.weights(norm.predict(x))
        x = layer.predict(x)
    raise ValueError("this network has no attention")


def draw_reading(net: Sequential, digit: Array, ax: Axes) -> None:
    """The digit, and beside each row what the network would say if it were the last one."""
    to_rows, reader, decide = net
    rows = to_rows.predict(digit)
    # the reader returns the state after its last row only, so it reads every beginning anew
    states = np.concatenate([reader.predict(rows[:, : row + 1]) for row in range(28)])
    probabilities = Softmax().predict(decide.predict(states))
    gap, wide = np.full((28, 2), np.nan), np.repeat(probabilities, 3, axis=1)
    ax.imshow(np.hstack([rows[0], gap, wide]), cmap="Greys", vmin=0, vmax=1)
    ax.set_title("The first test digit, and what is believed after each row")
    ax.set_xticks([31 + 3 * n for n in range(10)], [str(n) for n in range(10)])
    ax.set_yticks([0, 27], ["row 1", "row 28"])
    ax.tick_params(length=0)


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the test accuracy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_training_options(parser, epochs=4, batch_size=64, output="mnist_rows.png")
    layer_help = "what reads the rows: lstm, gru or attention (lstm)"
    parser.add_argument("--layer", choices=NETWORKS, default="lstm", help=layer_help)
    lr_help = "learning rate at the start (0.003)"
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
