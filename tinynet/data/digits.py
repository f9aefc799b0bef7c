"""Photos and drawings of digits, prepared as those of MNIST are."""

from __future__ import annotations

import math
import os

import numpy as np
import scipy  # loads scipy.ndimage at first use, which takes longer than to import all of tinynet
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers
from tinynet.types import Array

_SIDE, _BOX = 28, 20  # pixels of the image, and of the box that the digit fills
_SMALLEST_CONTRAST = 0.1  # of the range from black to white
_BRIGHTNESS = np.array([0.299, 0.587, 0.114])  # of red, green and blue to the eye


def prepare_digit(image: ArrayLike) -> Array:
    """One digit in the form that MNIST's have, `uint8 (28, 28)`: 0 is paper, 255 is ink.

    The image is made grey, and inverted if it is dark on light. Uneven light and specks are
    removed. The digit is cropped, fitted into 20 × 20 pixels with its proportions kept, and placed
    with its centre of mass in the middle of 28 × 28. Then apply `scale_pixels`, as in training.

    Args:
        image: `(height, width)`, or `(height, width, 3 or 4)` for colours (and opacity), of any
            size; integers from 0 to 255, or floats from 0 to 1 as `matplotlib.image.imread` gives
            for a PNG.

    Raises:
        TypeError: the values are not numbers, or `image` is the path of a file.
        ValueError: another shape, values outside their range, or no digit on the image.

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
    ink = _ink(_grey(image))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cropped = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_fitted(cropped))


def _grey(image: ArrayLike) -> Array:
    """Brightness from 0 to 1, (height, width)."""
    if isinstance(image, str | os.PathLike):
        raise TypeError(
            f"image must be an array of pixels; got {image!r}. "
            f"Read the file with matplotlib.image.imread({image!r})."
        )
    pixels = as_numbers(image, "image")
    if pixels.dtype.kind not in "iuf":
        raise TypeError(f"image must hold integers or floats; got {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(
            f"image must be (height, width) or (height, width, 3 or 4); got {pixels.shape}"
        )
    if min(pixels.shape[:2]) < 3:
        raise ValueError(f"image must have at least 3 × 3 pixels; got {pixels.shape}")
    if pixels.dtype.kind == "f":
        largest, advice = 1, "If they go to 255, pass image / 255."
    else:
        largest, advice = 255, "If they have 16 bits, pass image / 65535."
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= largest):
        raise ValueError(
            f"image has {pixels.dtype} values, which must be 0 to {largest}; got {low:g} to "
            f"{high:g}. {advice}"
        )
    pixels = pixels.astype(float) / largest
    if pixels.ndim == 2:
        return pixels
    grey = pixels[..., :3] @ _BRIGHTNESS
    if pixels.shape[2] == 4:  # transparent pixels are white paper, or black paper under white ink
        light = np.average(grey, weights=pixels[..., 3] + 1e-9) > 0.5
        through = 1 - pixels[..., 3]
        grey = grey * pixels[..., 3] + through * (not (light and np.median(through) > 0.5))
    return np.clip(grey, 0, 1)


def _ink(grey: Array) -> Array:
    """How much ink there is, 0 to 1, where most of the border is paper."""
    smooth = scipy.ndimage.gaussian_filter(grey, max(grey.shape) / 400)
    border = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    light = np.median(border) > (smooth.min() + smooth.max()) / 2
    ink = 1 - smooth if light else smooth
    if np.ptp(ink) < _SMALLEST_CONTRAST:
        raise ValueError("there is nothing on the image, or it is too faint against the paper")
    ink = ink - _uneven_paper(ink)
    threshold = _threshold(ink)
    strokes = _without_specks(ink > threshold)
    full = np.median(ink[strokes])  # in the middle of a stroke
    ink = np.clip((ink - threshold / 2) / (full - threshold / 2), 0, 1)
    return np.where(scipy.ndimage.binary_dilation(strokes, iterations=2), ink, 0)


def _uneven_paper(ink: Array) -> Array:
    """The plane a + b x + c y that fits the paper best, as light from one side makes it."""
    step = max(1, max(ink.shape) // 100)  # a plane does not need every pixel
    rows, columns = np.indices(ink.shape)[:, ::step, ::step].reshape(2, -1)
    terms, values = np.stack([np.ones(rows.size), rows, columns], axis=1), ink[rows, columns]
    paper = np.ones(values.size, bool)
    for _ in range(3):  # each time the ink and the paper are told apart better
        a, b, c = np.linalg.lstsq(terms[paper], values[paper], rcond=None)[0]
        rest = values - terms.dot([a, b, c])
        paper = rest <= _threshold(rest)
    height, width = ink.shape
    return a + b * np.arange(height)[:, np.newaxis] + c * np.arange(width)


def _threshold(values: Array) -> float:
    """The value that splits a histogram into the two groups of least variance (Otsu, 1979)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], counts.sum() - np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * middles)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[1] - means[0]) ** 2)])


def _without_specks(strokes: Array) -> Array:
    """Only the connected regions that have at least a twentieth of the area of the largest."""
    regions, count = scipy.ndimage.label(strokes, np.ones((3, 3)))
    sizes = scipy.ndimage.sum_labels(strokes, regions, range(count + 1))
    return np.isin(regions, np.flatnonzero(sizes >= sizes.max() / 20))


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
