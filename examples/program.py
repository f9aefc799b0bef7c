"""What the example programs have in common: their options, reports and pictures."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinynet import plot
from tinynet.data import MNIST
from tinynet.types import Array

DATA = Path(__file__).parent / "data" / "mnist"


def start(main: Callable[[], object]) -> None:
    """Run a program; if the reader of its output leaves, as `head` does, it ends without a word."""
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main()


def add_common_options(
    parser: argparse.ArgumentParser, *, epochs: int, batch_size: int, output: str
) -> None:
    """The options of every program that trains on MNIST."""
    add = parser.add_argument
    add("--data", type=Path, default=DATA, metavar="FOLDER", help="IDX or CSV files of MNIST")
    add("--limit", type=positive_int, metavar="N", help="use the first N training examples only")
    for name, default, means in (
        ("--epochs", epochs, "passes over the data"),
        ("--batch-size", batch_size, "examples in a step"),
    ):
        add(name, type=positive_int, default=default, metavar="N", help=f"{means} ({default})")
    add_output_options(parser, output)


def add_output_options(parser: argparse.ArgumentParser, output: str) -> None:
    """The options of every program."""
    add = parser.add_argument
    add("--seed", type=natural, default=0, help="of all that is random (0)")
    add("--output", type=Path, default=Path(output), metavar="FILE", help="the picture")
    add("--quiet", action="store_true", help="print the final accuracy only")


def natural(text: str) -> int:
    """An argument as a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0; got {text}")
    return int(text)


def positive_int(text: str) -> int:
    """An argument as a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive whole number; got {text}")
    return int(text)


def rate(text: str) -> float:
    """An argument as a positive finite number."""
    with contextlib.suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"must be a positive number; got {text}")


def check_output(path: Path | None, option: str = "--output") -> None:
    """Refuse a file that cannot be written before any work is done."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{option}: {path} is a folder; add the name of a file in it")
    formats = Figure().canvas.get_supported_filetypes()
    if option == "--output" and path.suffix and path.suffix[1:].lower() not in formats:
        raise ValueError(f"{option}: {path.suffix} is no picture; take {', '.join(formats)}")


def save(figure: Figure, path: Path) -> None:
    """Write the picture; a crash in between leaves an older one whole."""
    unfinished = path.with_name(f".{path.name}.part")
    figure.savefig(unfinished, format=path.suffix[1:] or "png", dpi=110)
    os.replace(unfinished, path)


class Report:
    """What the program prints: whole lines, and on a terminal a bar below them."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.bar = sys.stdout.isatty() and not quiet
        self.seconds = 0.0

    def say(self, line: str = "") -> None:
        """One line, unless the program is to be quiet."""
        if not self.quiet:
            print(("\r\x1b[K" if self.bar else "") + line, flush=True)

    def begin(self) -> None:
        """The heading of the lines to come."""
        self.say("epoch      loss  test accuracy   seconds")
        self.draw_bar(0)

    def epoch(self, number: int, loss: float, test_accuracy: float, seconds: float) -> None:
        """One line for the epoch."""
        self.say(f"{number:5}   {loss:.5f}{test_accuracy:15.2%}{seconds:10.1f}")
        self.seconds += seconds
        self.draw_bar(number)

    def draw_bar(self, done: int) -> None:
        """How far the training is, on a terminal."""
        if self.bar and done < self.epochs:
            filled = 30 * done // self.epochs
            left = self.seconds / done * (self.epochs - done) if done else 0
            text = f"{done}/{self.epochs} epochs" + (f", about {left:.0f} s left" if done else "")
            print(f"[{'#' * filled}{'.' * (30 - filled)}] {text}", end="", flush=True)

    def result(self, test_accuracy: float, confusions: Array, remark: str = "") -> None:
        """The figure that counts, and what is taken for what."""
        self.say()
        print(f"test accuracy {test_accuracy:.2%}{remark}")
        errors = confusions - np.diag(np.diag(confusions))
        worst = [divmod(int(n), 10) for n in np.argsort(-errors, axis=None)[:5]]
        pairs = [f"{a} taken for {b} ({errors[a, b]}×)" for a, b in worst if errors[a, b]]
        self.say(f"most confused: {', '.join(pairs)}")


def draw_surest_mistakes(
    data: MNIST, scores: Array, ax: Axes, *, rows: int = 5, columns: int = 5
) -> None:
    """The test images taken for something else, those with the largest scores first."""
    taken = scores.argmax(axis=1)
    wrong = np.flatnonzero(taken != data.test_labels)
    wrong = wrong[np.argsort(-scores[wrong, taken[wrong]])][: rows * columns]
    if wrong.size:
        titles = [f"{data.test_labels[n]} as {taken[n]}" for n in wrong]
        plot.image_grid(data.test_images[wrong], titles=titles, columns=columns, ax=ax)
    ax.set_title("Surest mistakes: truth as guess")
    ax.set_axis_off()
