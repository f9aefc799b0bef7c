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
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# One example at a time is too little work to share: a second thread would only wait for the first,
# and for long where other programs are running. Set the variable yourself for large batches.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tinynet import SGD, Dense, DivergenceError, Epoch, MSELoss, Sequential, Sigmoid, plot, train
from tinynet.data import MNIST, load_mnist, one_hot, scale_pixels
from tinynet.metrics import accuracy, confusion_matrix
from tinynet.types import Array

PUBLISHED = 0.9687  # test accuracy of the textbook's network
DATA = Path(__file__).parent / "data" / "mnist"


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
        if not options.output.parent.is_dir():
            raise FileNotFoundError(f"--output: there is no folder {options.output.parent}")
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
    report = _Report(options.epochs, options.quiet)
    report.say(
        f"{'-'.join(map(str, widths))}, sigmoid, {bias}mean squared error, SGD at rate "
        f"{options.lr:g}, batch size {options.batch_size}, {options.dtype}, seed {options.seed}"
    )
    report.say(f"{len(x):,} training and {len(x_test):,} test images from {options.data}\n")
    report.say("epoch      loss  test accuracy   seconds")
    report.draw_bar(0)
    losses, accuracies = [], []
    for epoch in train(
        net, loss, optimizer, x, t, epochs=options.epochs, batch_size=options.batch_size, rng=rng
    ):
        scores = net.predict(x_test)
        losses.append(epoch.loss)
        accuracies.append(accuracy(scores, data.test_labels))
        report.epoch(epoch, accuracies[-1])

    report.result(accuracies[-1], confusion_matrix(scores, data.test_labels, 10))
    _save(_picture(data, net, losses, accuracies, scores), options.output)
    report.say(f"picture: {options.output}")
    return accuracies[-1]


def _show(data: MNIST, options: argparse.Namespace) -> float:
    figure = Figure(figsize=(3, 3.4), layout="constrained")
    plot.array_to_image(data.train_images, data.train_labels, options.show, ax=figure.subplots())
    _save(figure, options.output)
    print(f"training example {options.show} is a {data.train_labels[options.show]}")
    print(f"picture: {options.output}")
    return 0.0


class _Report:
    """What the program prints: whole lines, and on a terminal a bar below them."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.bar = sys.stdout.isatty() and not quiet
        self.seconds = 0.0

    def say(self, line: str = "") -> None:
        """One line, unless the program is to be quiet."""
        if not self.quiet:
            print(("\r\x1b[K" if self.bar else "") + line, flush=True)

    def epoch(self, epoch: Epoch, test_accuracy: float) -> None:
        """One line for the epoch."""
        self.say(f"{epoch.number:5}   {epoch.loss:.5f}{test_accuracy:15.2%}{epoch.seconds:10.1f}")
        self.seconds += epoch.seconds
        self.draw_bar(epoch.number)

    def draw_bar(self, done: int) -> None:
        """How far the training is, on a terminal."""
        if self.bar and done < self.epochs:
            filled = 30 * done // self.epochs
            left = self.seconds / done * (self.epochs - done) if done else 0
            text = f"{done}/{self.epochs} epochs" + (f", about {left:.0f} s left" if done else "")
            print(f"[{'#' * filled}{'.' * (30 - filled)}] {text}", end="", flush=True)

    def result(self, test_accuracy: float, confusions: Array) -> None:
        """The figure that counts, and what is taken for what."""
        self.say()
        print(f"test accuracy {test_accuracy:.2%} (published for such a network: {PUBLISHED:.2%})")
        errors = confusions - np.diag(np.diag(confusions))
        worst = [divmod(int(n), 10) for n in np.argsort(-errors, axis=None)[:5]]
        pairs = [f"{a} taken for {b} ({errors[a, b]}×)" for a, b in worst if errors[a, b]]
        self.say(f"most confused: {', '.join(pairs)}")


def _picture(
    data: MNIST, net: Sequential, losses: list[float], accuracies: list[float], scores: Array
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
    taken = scores.argmax(axis=1)
    plot.confusion(confusion_matrix(scores, data.test_labels, 10), ax=axes["confusion"])

    # The mistakes that it was surest of.
    wrong = np.flatnonzero(taken != data.test_labels)
    wrong = wrong[np.argsort(-scores[wrong, taken[wrong]])][:25]
    if wrong.size:
        titles = [f"{data.test_labels[n]} as {taken[n]}" for n in wrong]
        plot.image_grid(data.test_images[wrong], titles=titles, ax=axes["wrong"])
    axes["wrong"].set_title("Surest mistakes: truth as guess")
    axes["wrong"].set_axis_off()
    W = dict(net.named_parameters())["0.W"]
    plot.weights(W, range(min(25, W.shape[1])), ax=axes["weights"])
    return figure


def _save(figure: Figure, path: Path) -> None:
    """Write the picture; a crash in between leaves an older one whole."""
    unfinished = path.with_name(f".{path.name}.part")
    figure.savefig(unfinished, format=path.suffix[1:] or "png", dpi=110)
    os.replace(unfinished, path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, default=DATA, metavar="FOLDER", help="IDX or CSV files of MNIST")
    add("--epochs", type=_positive_int, default=10, metavar="N", help="passes over the data (10)")
    add(
        "--hidden",
        type=_positive_int,
        nargs="+",
        default=[100],
        metavar="N",
        help="units of the hidden layer, or of several (100)",
    )
    add(
        "--lr",
        type=_rate,
        default=0.5,
        metavar="RATE",
        help="learning rate for the mean over 10 outputs (0.5, the textbook's 0.1 for the sum)",
    )
    add("--batch-size", type=_positive_int, default=1, metavar="N", help="examples in a step (1)")
    add("--seed", type=int, default=0, help="of initial weights and order (0)")
    add("--dtype", choices=["float32", "float64"], default="float32", help="float type (float32)")
    add("--limit", type=_positive_int, metavar="N", help="use the first N training examples only")
    add("--no-bias", action="store_true", help="leave out the biases, as the textbook does")
    add("--show", type=int, metavar="INDEX", help="draw that training example and stop")
    add("--output", type=Path, default=Path("mnist.png"), metavar="FILE", help="the picture")
    add("--quiet", action="store_true", help="print the final accuracy only")
    return parser


def _positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive whole number; got {text}")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number; got {text}")
    return number


if __name__ == "__main__":
    main()
