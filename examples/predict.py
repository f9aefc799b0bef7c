"""Have a trained network read digits of your own.

    python examples/mnist.py --save mnist.npz
    python examples/predict.py examples/data/digits/*.png --model mnist.npz

Each file is an image with one digit on it, of any size, dark on light or light on dark. It is put
into the form that the network was trained on, which `predict.png` shows beside the original.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure
from program import check_output, start
from scipy.special import softmax

import tinynet
from tinynet import Layer
from tinynet.data import prepare_digit, scale_pixels
from tinynet.types import Array


def main(arguments: Sequence[str] | None = None) -> list[int]:
    """Run the program; returns the digits."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        net = tinynet.load(options.model)
        images = [_read(path) for path in options.files]
        seen = [_prepared(path, image) for path, image in zip(options.files, images, strict=True)]
        shares = [shares_of_digits(net, digit) for digit in seen]
        for path, share in zip(options.files, shares, strict=True):
            _report(path, share)
        _picture(options.files, images, seen, shares).savefig(options.output, dpi=110)
        print(f"picture: {options.output}")
    except (OSError, ValueError, TypeError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    return [int(share.argmax()) for share in shares]


def shares_of_digits(net: Layer, digit: Array) -> Array:
    """The share of each digit in the outputs, after a softmax where those are logits.

    They sum to 1. Only those of a network trained with a cross-entropy estimate probabilities.

    Args:
        net: takes 784 pixels that `scale_pixels` has scaled.
        digit: uint8 (28, 28), from `prepare_digit`.
    """
    shape = net.input_shape or (digit.size,)
    if math.prod(shape) != digit.size:
        raise ValueError(
            f"the model takes {shape} numbers an example, and an image has {digit.size} pixels. "
            f"Train one with examples/mnist.py --save"
        )
    x = scale_pixels(digit, dtype=net.params.dtype).reshape(1, *shape)
    y = net.predict(x)
    if y.shape != (1, 10):
        raise ValueError(f"the model gives {y.shape[1:]} numbers an example, and digits have 10")
    outputs = y[0].astype(float)
    if outputs.min() < 0 or outputs.max() > 1 or not outputs.any():
        return softmax(outputs)
    return outputs / outputs.sum()


def _read(path: Path) -> Array:
    """The pixels of an image file."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return matplotlib.image.imread(path)
    except Exception as error:  # each format has errors of its own
        raise ValueError(
            f"{path} is no image that can be read ({error}); save it as PNG"
        ) from error


def _prepared(path: Path, image: Array) -> Array:
    try:
        return prepare_digit(image)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _report(path: Path, share: Array) -> None:
    """One line: the digit, and what else it might be."""
    order = np.argsort(-share)
    others = ", ".join(f"{n} {share[n]:.1%}" for n in order[1:4])
    print(f"{path}: {order[0]} with {share[order[0]]:.1%} (then {others})")


def _picture(
    files: Sequence[Path],
    images: Sequence[Array],
    seen: Sequence[Array],
    shares: Sequence[Array],
) -> Figure:
    """For each file a row: the image, what the network sees, and the share of each digit."""
    figure = Figure(figsize=(8, 2.2 * len(files) + 0.4), layout="constrained")
    axes = figure.subplots(len(files), 3, squeeze=False)
    for row, path, image, digit, share in zip(axes, files, images, seen, shares, strict=True):
        row[0].imshow(image, cmap="gray")
        row[0].set_title(path.name, fontsize="medium")
        row[1].imshow(digit, cmap="gray_r", vmin=0, vmax=255)
        row[1].set_title("as the network sees it", fontsize="medium")
        for ax in row[:2]:
            ax.set_axis_off()
        best = int(share.argmax())
        bars = row[2].bar(range(10), 100 * share, color="#BBBBBB")
        bars[best].set_color("#0072B2")
        row[2].set(ylim=(0, 100), xticks=range(10), ylabel="Share of outputs (%)")
        row[2].set_title(f"read as {best}, {share[best]:.1%}", fontsize="medium")
        row[2].spines[["top", "right"]].set_visible(False)
    axes[-1][2].set_xlabel("Digit")
    return figure


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE", help="images, one digit on each")
    add("--model", type=Path, required=True, metavar="PATH", help="a network from mnist.py --save")
    add("--output", type=Path, default=Path("predict.png"), metavar="FILE", help="the picture")
    return parser


if __name__ == "__main__":
    start(main)
