"""Photos and drawings of digits, prepared as those of MNIST are."""

from __future__ import annotations

import math
import os

import numpy as np
import scipy  # loads scipy.ndimage at first use, which takes longer than to import all of tinynet
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers
from tinynet.data.strokes import find_strokes
from tinynet.types import Array

_SIDE, _BOX = 28, 20  # pixels of the image, and of the box that the digit fills
_LONGEST = 400  # pixels of a side to which a photo is reduced: a digit may fill a tenth of it
_BRIGHTNESS = np.array([0.299, 0.587, 0.114])  # of red, green and blue to the eye


def prepare_digit(image: ArrayLike) -> Array:
    """One digit in the form that MNIST's have, `uint8 (28, 28)`: 0 is paper, 255 is ink.

    The image is made grey, and the strokes are told from their ground, dark on light or light on
    dark. Uneven light, shadows, a dark edge or frame, faint ruled lines and specks are removed. The
    digit is cropped, fitted into 20 × 20 pixels with its proportions kept, and placed with its
    centre of mass in the middle of 28 × 28. Then apply `scale_pixels`, as in training.

    An image that does not show one digit on plain ground is refused: several shapes, strokes
    thicker than they are long, stripes or lines from side to side, a box or a pattern, or nothing
    at all. A letter is not told from a
    digit.

    Args:
        image: `(height, width)`, or `(height, width, channels)` with 1 channel of grey or 3 of
            colour, and one more for opacity; of any size. Integers are from 0 to 255; floats from
            0 to 1, as `matplotlib.image.imread` gives for a PNG; True is white.

    Raises:
        TypeError: the values are not numbers, or `image` is the path of a file.
        ValueError: another shape, values outside their range, no digit on the image, or not one
            digit on plain ground.

    References:
        Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": the sizes, and
        the centre of mass.

    Example:
        >>> photo = np.full((200, 150), 255, np.uint8)  # white paper
        >>> photo[30:120, 80:95] = 40  # a dark stroke
        >>> digit = prepare_digit(photo)
        >>> digit.shape, digit.dtype, int(digit.max())
        ((28, 28), dtype('uint8'), 255)
        >>> np.flatnonzero(digit.max(axis=1))[[0, -1]]  # 20 rows, in the middle
        array([ 4, 23])
    """
    return _centred(_fitted(find_strokes(_grey(image))))


def _grey(image: ArrayLike) -> Array:
    """Brightness from 0 to 1, with at most 400 pixels on the longer side."""
    pixels = _pixels(image)
    largest = 255 if pixels.dtype.kind in "iu" else 1
    step = math.ceil(max(pixels.shape[:2]) / _LONGEST)
    rows, columns = (side // step for side in pixels.shape[:2])
    grey, opacity = np.empty((2, rows, columns))
    for row in range(rows):  # a strip at a time, because photos are large
        strip = pixels[row * step : (row + 1) * step, : columns * step].clip(0, largest) / largest
        opaque = strip[..., -1] if strip.shape[2] in (2, 4) else np.ones(strip.shape[:2])
        seen = (strip[..., :3] @ _BRIGHTNESS if strip.shape[2] > 2 else strip[..., 0]) * opaque
        grey[row] = seen.reshape(step, columns, step).mean(axis=(0, 2))
        opacity[row] = opaque.reshape(step, columns, step).mean(axis=(0, 2))
    # transparent pixels are white paper, or black paper under white ink
    light = grey.sum() > 0.5 * opacity.sum()
    through = 1 - opacity
    return np.clip(grey + through * (not (light and np.median(through) > 0.5)), 0, 1)


def _pixels(image: ArrayLike) -> Array:
    """The image as `(height, width, channels)`, checked."""
    if isinstance(image, str | os.PathLike):
        raise TypeError(
            f"image must be an array of pixels; got {image!r}. "
            f"Read the file with matplotlib.image.imread({image!r})."
        )
    pixels = as_numbers(image, "image")
    if pixels.dtype.kind not in "iufb":
        raise TypeError(f"image must hold integers, floats or bool; got {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
        raise ValueError(
            "image must be (height, width), or (height, width, channels) with 1 to 4 channels; "
            f"got {np.shape(image)}"
        )
    if min(pixels.shape[:2]) < 3:
        raise ValueError(f"image must have at least 3 × 3 pixels; got {np.shape(image)}")
    if pixels.dtype.kind in "iu":
        largest, rounding, advice = 255, 0.0, "If they have 16 bits, pass image / 65535."
    else:
        largest, rounding, advice = 1, 1e-4, "If they go to 255, pass image / 255."
    low, high = pixels.min(), pixels.max()
    if not (low >= -rounding and high <= largest + rounding):
        raise ValueError(
            f"image has {pixels.dtype} values, which must be 0 to {largest}; got {low:g} to "
            f"{high:g}. {advice}"
        )
    return pixels


def _fitted(ink: Array) -> Array:
    """Scaled so that the longer side has 20 pixels."""
    scale = max(ink.shape) / _BOX
    height, width = (max(1, round(side / scale)) for side in ink.shape)
    return _means(_means(ink, height).T, width).T


def _means(image: Array, rows: int) -> Array:
    """The image with that many rows, each the mean of the part of the image that it covers."""
    sums = np.concatenate([np.zeros((1, image.shape[1])), np.cumsum(image, axis=0)])
    edges = np.linspace(0, len(image), rows + 1)
    whole = np.minimum(edges.astype(int), len(image) - 1)
    at_edges = sums[whole] + (edges - whole)[:, np.newaxis] * image[whole]
    return np.diff(at_edges, axis=0) * (rows / len(image))


def _centred(ink: Array) -> Array:
    """The digit in 28 × 28 pixels, with its centre of mass in the middle."""
    ink = ink / ink.max()
    image = np.zeros((_SIDE, _SIDE))
    place = []
    for side, centre in zip(ink.shape, scipy.ndimage.center_of_mass(ink), strict=True):
        start = math.ceil(_SIDE / 2 - centre - 0.52)  # pixel 14 is the middle, as in MNIST
        start = min(max(start, 0), _SIDE - side)
        place.append(slice(start, start + side))
    image[tuple(place)] = ink
    return np.round(255 * image).astype(np.uint8)
