"""Read digits from image files with a trained network.

    python examples/mnist.py --save mnist.npz
    python examples/predict.py examples/data/digits/*.png --model mnist.npz

Each file is an image of one digit, of any size, dark on light or light on dark; of a folder, all
images in it are read. The program prepares them as the training images were, and draws both in
predict.png. It goes on after an image that it cannot read, and ends with status 1 then.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
from matplotlib.figure import Figure
from program import check_output, save_picture, start, stop
from scipy.special import softmax

import tinynet
from tinynet import Layer
from tinynet.data import prepare_digit, scale_pixels
from tinynet.text import escaped
from tinynet.types import Array

FORMATS = "PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"
"""Formats of pictures; others, such as EPS, are programs that an interpreter would run."""

SUFFIXES = ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"
"""Of the files that are read in a folder."""

MOST_PIXELS = 50_000_000
"""More than most cameras have; a file of a few kilobytes may claim any number."""

TIFF_BITS = 258  # the tag that holds the number of bits


def shares_of_digits(net: Layer, digit: Array) -> Array:
    """The share of each digit in the sum of the outputs, after a softmax if they are logits.

    The shares estimate probabilities only if the network was trained with a cross-entropy.

    Args:
        net: a network that takes 784 pixels scaled by `scale_pixels`.
        digit: uint8 (28, 28), from `prepare_digit`.
    """
    shape = net.input_shape or (digit.size,)
    if math.prod(shape) != digit.size:
        raise ValueError(
            f"the model takes inputs of shape {shape}, but an image has {digit.size} pixels. "
            f"Train a model with examples/mnist.py --save FILE"
        )
    x = scale_pixels(digit, dtype=net.params.dtype).reshape(1, *shape)
    y = net.predict(x)
    if y.shape != (1, 10):
        raise ValueError(f"the model gives outputs of shape {y.shape[1:]}, but there are 10 digits")
    outputs = y[0].astype(float)
    if outputs.min() < 0 or outputs.max() > 1 or not outputs.any():
        return softmax(outputs)
    return outputs / outputs.sum()


def read(path: Path) -> Array:
    """The pixels of an image file, upright; the first image if there are several in it.

    The format is told from the content of the file, and its size before anything is decoded.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged remarks, and of sizes, which are checked
            with PIL.Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise ValueError(f"it has {image.width:,} × {image.height:,} pixels")
                return pixels(image)
    except Exception as error:  # each format has errors of its own
        raise ValueError(
            f"{path} is not an image that can be read ({str(error) or type(error).__name__}); "
            f"save it as PNG or JPEG, with at most {MOST_PIXELS:,} pixels"
        ) from error


def pixels(image: PIL.Image.Image) -> Array:
    """The pixels as `prepare_digit` takes them, turned as the camera was held."""
    PIL.ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "F":
        return np.asarray(image)
    if image.mode.startswith("I"):  # grey of more than 8 bits, which RGBA would cut off
        bits = getattr(image, "tag_v2", {}).get(TIFF_BITS, (16,))[0]
        return np.asarray(image) / (2**bits - 1)
    return np.asarray(image.convert("RGBA"))


def prepared(path: Path, image: Array) -> Array:
    """The digit on the image as MNIST's are; an error names the file."""
    try:
        return prepare_digit(image)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def report(path: Path, share: Array) -> None:
    """Print the digit, and the next three by their shares."""
    order = np.argsort(-share)
    others = ", ".join(f"{n} {share[n]:.1%}" for n in order[1:4])
    print(f"{escaped(str(path))}: {order[0]} with {share[order[0]]:.1%} (then {others})")


def picture(
    files: Sequence[Path],
    images: Sequence[Array],
    seen: Sequence[Array],
    shares: Sequence[Array],
) -> Figure:
    """One row for each file: the image, what the network sees, and the share of each digit."""
    figure = Figure(figsize=(8, 2.2 * len(files) + 0.4), layout="constrained")
    axes = figure.subplots(len(files), 3, squeeze=False)
    for row, path, image, digit, share in zip(axes, files, images, seen, shares, strict=True):
        row[0].imshow(image, cmap="gray")
        row[0].set_title(escaped(path.name), fontsize="medium", parse_math=False)
        row[1].imshow(digit, cmap="gray_r", vmin=0, vmax=255)
        row[1].set_title("as the network sees it", fontsize="medium")
        for ax in row[:2]:
            ax.set_axis_off()
        best = int(share.argmax())
        bars = row[2].bar(range(10), 100 * share, color="#BBBBBB")
        bars[best].set_color("#0072B2")
        row[2].set(ylim=(0, 100), xticks=range(10), ylabel="Share (%)")
        row[2].set_title(f"read as {best} ({share[best]:.1%})", fontsize="medium")
        row[2].spines[["top", "right"]].set_visible(False)
    axes[-1][2].set_xlabel("Digit")
    return figure


def images_in(paths: Sequence[Path]) -> list[Path]:
    """The files, and in the place of each folder the images in it by name."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
        elif inside := sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES):
            files += inside
        else:
            raise ValueError(f"there are no images in the folder {path}")
    return files


def main(arguments: Sequence[str] | None = None) -> list[int]:
    """Run the program; returns the digits that it has read."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        check_output(options.output)
        given = images_in(options.files)
        if options.output.resolve() in [path.resolve() for path in (*given, options.model)]:
            raise ValueError(
                f"--output: {options.output} is one of the files to read and would be replaced; "
                f"use another name"
            )
        net = tinynet.load(options.model)
        files, images, seen, shares = [], [], [], []
        for path in given:
            try:
                image = read(path)
                digit = prepared(path, image)
            except (OSError, ValueError, TypeError) as error:
                if len(given) == 1:
                    raise
                print(escaped(str(error)), file=sys.stderr)
                continue
            share = shares_of_digits(net, digit)
            report(path, share)
            files.append(path)
            images.append(image)
            seen.append(digit)
            shares.append(share)
        if files:
            save_picture(picture(files, images, seen, shares), options.output)
            print(f"picture: {escaped(str(options.output))}")
    except (OSError, ValueError, TypeError) as error:
        stop(parser, error)
    if len(files) < len(given):
        raise SystemExit(1)
    return [int(share.argmax()) for share in shares]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="IMAGE", help="images of one digit each, or folders")
    add(
        "--model",
        type=Path,
        required=True,
        metavar="FILE",
        help="network that mnist.py --save has written",
    )
    add(
        "--output",
        type=Path,
        default=Path("predict.png"),
        metavar="FILE",
        help="file for the picture (predict.png)",
    )
    return parser


if __name__ == "__main__":
    start(main)
