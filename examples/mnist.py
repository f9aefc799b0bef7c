"""Train the classic 784-100-10 network on MNIST and show what it learned.

One hidden layer of 100 sigmoid units, mean squared error, one weight update after each example,
10 epochs. A textbook network of this kind is published with 96.87 % on the test images; this one,
which has biases, gets beyond 97 %.

For readers who come from the textbook, the same network by its names:

    from mnist import NeuralNetwork

    n = NeuralNetwork(input_nodes=784, hidden_nodes=100, output_nodes=10, learning_rate=0.1)
    n.train(inputs, targets)          # one example: 784 pixels 0.01..1.0, 10 targets 0.01 or 0.99
    label = n.query(inputs).argmax()  # its 10 outputs
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# One example at a time is too little work to share: a second thread would only wait for the first,
# and for long where other programs are running. Set the variable yourself for large batches.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from program import (
    Report,
    add_common_options,
    check_output,
    draw_surest_mistakes,
    natural,
    positive_int,
    rate,
    save,
    start,
)

from tinynet import SGD, Dense, DivergenceError, MSELoss, Sequential, Sigmoid, fit, plot, predict
from tinynet import save as save_network
from tinynet.data import MNIST, load_mnist, one_hot, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix
from tinynet.types import Array

PUBLISHED = 0.9687  # test accuracy of the textbook's network


class NeuralNetwork:
    """The textbook's network with one hidden layer, composed from tinynet's layers.

    Args:
        input_nodes: number of inputs.
        hidden_nodes: number of sigmoid units in the hidden layer.
        output_nodes: number of sigmoid outputs.
        learning_rate: the textbook's, which descends on ½ Σ (t − y)²; 0.1 suits MNIST.
        bias: whether the layers have biases; the textbook's have none.
        rng: where the initial weights come from, a Generator or an int.
    """

    def __init__(
        self,
        input_nodes: int,
        hidden_nodes: int,
        output_nodes: int,
        learning_rate: float,
        *,
        bias: bool = True,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        rng = np.random.default_rng(rng)
        self.net = Sequential(
            Dense(input_nodes, hidden_nodes, bias=bias, rng=rng),
            Sigmoid(),
            Dense(hidden_nodes, output_nodes, bias=bias, rng=rng),
            Sigmoid(),
        )
        self.loss = MSELoss()
        # The mean over the outputs has a gradient 2 / output_nodes times that of ½ Σ.
        self.optimizer = SGD(self.net, lr=learning_rate * output_nodes / 2)

    def train(self, inputs: ArrayLike, targets: ArrayLike) -> None:
        """Update the weights once, for one example or for a few in rows."""
        x, t = np.array(inputs, float, ndmin=2), np.array(targets, float, ndmin=2)
        self.loss.forward(self.net.forward(x), t)
        self.net.parameter_gradients(self.loss.backward())
        self.optimizer.step()

    def query(self, inputs: ArrayLike) -> Array:
        """The outputs for one example, or a row of them for each row of inputs."""
        x = np.asarray(inputs, float)
        y = self.net.predict(np.atleast_2d(x))
        return y[0] if x.ndim == 1 else y


def main(arguments: Sequence[str] | None = None) -> float:
    """Run the program; returns the test accuracy."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.output is None:
            options.output = Path("mnist.png" if options.show is None else "digit.png")
        check_output(options.output)
        check_output(options.save, "--save")
        check_output(options.checkpoint, "--checkpoint")
        if options.resume and options.checkpoint is None:
            raise ValueError("--resume needs the file to go on from: add --checkpoint PATH")
        if options.resume and not options.checkpoint.exists():
            raise FileNotFoundError(
                f"there is no file {options.checkpoint} to go on from: leave --resume out at first"
            )
        data = load_mnist(options.data)
        if options.show is not None:
            return _show(data, options)
        return _run(data, options)
    except (OSError, ValueError, IndexError, DivergenceError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def _run(data: MNIST, options: argparse.Namespace) -> float:
    x = scale_pixels(data.train_images[: options.limit], dtype=options.dtype).reshape(-1, 784)
    t = one_hot(data.train_labels[: options.limit], 10, dtype=options.dtype)
    x_test = scale_pixels(data.test_images, dtype=options.dtype).reshape(-1, 784)

    rng = np.random.default_rng(options.seed)
    layers: list[Dense | Sigmoid] = []
    widths = [784, *options.hidden, 10]
    for inputs, outputs in itertools.pairwise(widths):
        dense = Dense(inputs, outputs, bias=not options.no_bias, rng=rng, dtype=options.dtype)
        layers += [dense, Sigmoid()]
    net, loss = Sequential(*layers), MSELoss()
    optimizer = SGD(net, lr=options.lr)

    bias = "without biases, " if options.no_bias else ""
    report = Report(options.epochs, options.quiet)
    report.say(
        f"{'-'.join(map(str, widths))}, sigmoid, {bias}mean squared error, SGD at rate "
        f"{options.lr:g}, batch size {options.batch_size}, {options.dtype}, seed {options.seed}"
    )
    if options.resume:
        report.say(
            f"going on from {options.checkpoint}, in the order of the seed it was begun with"
        )
    report.say(f"{len(x):,} training and {len(x_test):,} test images from {options.data}\n")
    report.begin()
    t_test = one_hot(data.test_labels, 10, dtype=options.dtype)
    history = fit(
        *(net, loss, optimizer, x, t),
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation=(x_test, t_test),
        metrics=[accuracy],
        progress=lambda number, row: report.epoch(
            number, row["loss"], row["validation_accuracy"], row["seconds"]
        ),
        checkpoint=options.checkpoint,
        resume=options.resume,
        rng=rng,
    )
    if not history.epochs:
        raise ValueError("stopped in the first epoch: there is nothing to show")
    losses, accuracies = history["loss"], history["validation_accuracy"]
    scores = predict(net, x_test)

    confusions = confusion_matrix(scores, data.test_labels, 10)
    report.result(accuracies[-1], confusions, _published(options))
    save(_picture(data, net, losses, accuracies, scores), options.output)
    report.say(f"picture: {options.output}")
    if options.save is not None:
        save_network(net, options.save)
        report.say(f"network: {options.save}")
    return float(accuracies[-1])


def _published(options: argparse.Namespace) -> str:
    """What to compare the accuracy with, if the network and its training are the textbook's."""
    textbook = vars(_parser().parse_args([]))
    for name in ("data", "limit", "hidden", "lr", "batch_size", "epochs"):
        if vars(options)[name] != textbook[name]:
            return ""
    return f" (published for such a network: {PUBLISHED:.2%})"


def _show(data: MNIST, options: argparse.Namespace) -> float:
    figure = Figure(figsize=(3, 3.4), layout="constrained")
    plot.array_to_image(data.train_images, data.train_labels, options.show, ax=figure.subplots())
    save(figure, options.output)
    print(f"training example {options.show} is a {data.train_labels[options.show]}")
    print(f"picture: {options.output}")
    return 0.0


def _picture(
    data: MNIST, net: Sequential, losses: Array, accuracies: Array, scores: Array
) -> Figure:
    """Sample digits, the learning curve, the confusion matrix, mistakes and hidden weights."""
    figure = Figure(figsize=(12, 9), layout="constrained")
    rows: Any = [
        ["digits"] * 2 + ["wrong"] * 2 + ["weights"] * 2,
        ["curve"] * 3 + ["confusion"] * 3,
    ]
    axes = figure.subplot_mosaic(rows)
    figure.suptitle(f"MNIST, test accuracy {accuracies[-1]:.2%}", fontsize="x-large")

    plot.image_grid(data.train_images[:25], titles=data.train_labels[:25], ax=axes["digits"])
    axes["digits"].set_title("Training digits and their labels")
    plot.learning_curve(losses, accuracy=accuracies, ax=axes["curve"])
    plot.confusion(confusion_matrix(scores, data.test_labels, 10), ax=axes["confusion"])

    draw_surest_mistakes(data, scores, axes["wrong"])
    W = dict(net.named_parameters())["0.W"]
    plot.weights(W, range(min(25, W.shape[1])), ax=axes["weights"])
    return figure


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_options(parser, epochs=10, batch_size=1, output="mnist.png")
    parser.set_defaults(output=None)  # mnist.png, or digit.png for --show
    add = parser.add_argument
    add(
        "--hidden",
        type=positive_int,
        nargs="+",
        default=[100],
        metavar="N",
        help="units of the hidden layer, or of several (100)",
    )
    add(
        "--lr",
        type=rate,
        default=0.5,
        metavar="RATE",
        help="learning rate for the mean over 10 outputs (0.5, the textbook's 0.1 for the sum)",
    )
    add("--dtype", choices=["float32", "float64"], default="float32", help="float type (float32)")
    add("--no-bias", action="store_true", help="leave out the biases, as the textbook does")
    add("--save", type=Path, metavar="PATH", help="write the trained network, for predict.py")
    add("--checkpoint", type=Path, metavar="PATH", help="write all that --resume needs, each epoch")
    add("--resume", action="store_true", help="go on from the checkpoint, with the same options")
    add("--show", type=natural, metavar="INDEX", help="draw that training example and stop")
    return parser


if __name__ == "__main__":
    start(main)
