"""What the example programs share: options, checks of options, reports and output files."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import numpy as np
from matplotlib.figure import Figure

from tinynet.text import escaped
from tinynet.types import Array

DATA = Path(__file__).parent / "data" / "mnist"


def start(main: Callable[[], object]) -> None:
    """Run a program; it ends silently if the reader of its output has left, as `head` does.

    A character that the console cannot show, for example in the name of a file, is shown as "?".
    """
    if hasattr(signal, "SIGPIPE"):  # not on Windows
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        main()
    except KeyboardInterrupt:  # from the second Ctrl-C
        sys.exit("stopped")


def add_training_options(
    parser: argparse.ArgumentParser, *, epochs: int, batch_size: int, output: str
) -> None:
    """The options of every program that trains on MNIST."""
    add = parser.add_argument
    add("--data", type=Path, default=DATA, metavar="FOLDER", help="folder with MNIST's files")
    add("--limit", type=positive_int, metavar="N", help="use only the first N training examples")
    for name, default, meaning in (
        ("--epochs", epochs, "passes over the training data"),
        ("--batch-size", batch_size, "examples in a training step"),
    ):
        add(name, type=positive_int, default=default, metavar="N", help=f"{meaning} ({default})")
    add_output_options(parser, output)


def add_output_options(parser: argparse.ArgumentParser, output: str) -> None:
    """The options of every program that trains."""
    add = parser.add_argument
    add("--seed", type=natural, default=0, metavar="N", help="seed of all random numbers (0)")
    picture_help = f"file for the picture ({output})"
    add("--output", type=Path, default=Path(output), metavar="FILE", help=picture_help)
    add("--quiet", action="store_true", help="print only the test accuracy")


def natural(text: str) -> int:
    """An argument as a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 0; got {text}")
    return int(text)


def positive_int(text: str) -> int:
    """An argument as a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive whole number; got {text}")
    return int(text)


def positive(text: str) -> float:
    """An argument as a positive finite number."""
    with contextlib.suppress(ValueError):
        if 0 < (number := float(text)) < math.inf:
            return number
    raise argparse.ArgumentTypeError(f"must be a positive number; got {text}")


def check_output(path: Path | None, option: str = "--output") -> None:
    """Refuse a file that cannot be written, before any work is done."""
    if path is None:
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{option}: there is no folder {path.parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{option}: {path} is a folder; add the name of a file in it")
    formats = Figure().canvas.get_supported_filetypes()
    if option == "--output" and path.suffix and path.suffix[1:].lower() not in formats:
        raise ValueError(
            f"{option}: {path.suffix} is not a format of pictures; use one of {', '.join(formats)}"
        )


def check_distinct(**files: Path | None) -> None:
    """Refuse options that name the same file, which one of them would overwrite."""
    places: dict[Path, str] = {}
    for option, path in files.items():
        if path is not None and (other := places.setdefault(path.resolve(), option)) != option:
            raise ValueError(f"--{option} and --{other} are the same file, {path}: use two names")


def stop(parser: argparse.ArgumentParser, error: Exception) -> NoReturn:
    """End a program with an error in one line; the name of a file in it may hold anything."""
    parser.exit(2, f"{parser.prog}: error: {escaped(str(error))}\n")


def save_picture(figure: Figure, path: Path) -> None:
    """Write the picture; if that fails, an older picture is left as it was."""
    unfinished = path.with_name(f".{path.name}.part")
    figure.savefig(unfinished, format=path.suffix[1:] or "png", dpi=110)
    os.replace(unfinished, path)


class Report:
    """What a program prints while it trains: one line for each epoch, and a bar on a terminal."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.bar = sys.stdout.isatty() and not quiet
        self.seconds = 0.0

    def line(self, text: str = "") -> None:
        """Print one line, unless the program is quiet."""
        if not self.quiet:
            print(("\r\x1b[K" if self.bar else "") + text, flush=True)

    def begin(self) -> None:
        """Print the heading of the table of epochs."""
        self.line("epoch      loss  test accuracy   seconds")
        self.draw_bar(0)

    def epoch(self, number: int, row: Mapping[str, float]) -> None:
        """Print the line of one epoch; `fit` calls it as its `progress`."""
        loss, accuracy, seconds = row["loss"], row["validation_accuracy"], row["seconds"]
        self.line(f"{number:5}   {loss:.5f}{accuracy:15.2%}{seconds:10.1f}")
        self.seconds += seconds
        self.draw_bar(number)

    def draw_bar(self, done: int) -> None:
        """Show how many epochs are done, on a terminal."""
        if self.bar and done < self.epochs:
            filled = 30 * done // self.epochs
            left = self.seconds / done * (self.epochs - done) if done else 0
            text = f"{done}/{self.epochs} epochs" + (f", about {left:.0f} s left" if done else "")
            print(f"[{'#' * filled}{'.' * (30 - filled)}] {text}", end="", flush=True)

    def result(self, test_accuracy: float, confusions: Array, remark: str = "") -> None:
        """Print the test accuracy, also if the program is quiet, and the most frequent mistakes."""
        self.line()
        print(f"test accuracy {test_accuracy:.2%}{remark}")
        mistakes = confusions - np.diag(np.diag(confusions))
        worst = [divmod(int(n), 10) for n in np.argsort(-mistakes, axis=None)[:5]]
        pairs = [f"{a} as {b} ({mistakes[a, b]} times)" for a, b in worst if mistakes[a, b]]
        self.line(f"most frequent mistakes: {', '.join(pairs)}")
