"""Photos and drawings of digits in the form that MNIST has."""

from __future__ import annotations

import math
import os

import numpy as np
import scipy  # its parts load when they are first used: ndimage takes longer than all of tinynet
from numpy.typing import ArrayLike

from tinynet.types import Array

__all__ = ["prepare_digit"]

_SIDE, _BOX = 28, 20  # of the image, and of the box that the ink fills
_SMALLEST_CONTRAST = 0.1  # of the range from black to white
_WHITE = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue are to the eye


def prepare_digit(image: ArrayLike) -> Array:
    """One digit as MNIST has them, `uint8 (28, 28)`: 0 is paper, 255 is ink.

    The image is made grey and, where it is dark on light, inverted; uneven light is taken out, and
    so are specks; what is left is cropped, fitted into 20 × 20 pixels with its proportions kept,
    and placed with its centre of mass in the middle of 28 × 28. `scale_pixels` takes it from there.

    Args:
        image: `(height, width)`, or `(height, width, 3 or 4)` for colours (and opacity), of any
            size; integers from 0 to 255, or floats from 0 to 1 as `matplotlib.image.imread` gives
            for a PNG.

    Raises:
        TypeError: values that are neither, or the path of a file.
        ValueError: another shape, values outside their range, or nothing drawn on it.

    References:
        Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": the sizes, and
        the centre of mass.

    Example:
        >>> import numpy as np
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
            f"an image is an array of pixels; got {image!r}. "
            f"Read the file: matplotlib.image.imread({image!r})"
        )
    pixels = np.asarray(image)
    if pixels.dtype.kind not in "iuf":
        raise TypeError(f"an image holds integers or floats; got {pixels.dtype}")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(
            f"an image is (height, width) or (height, width, 3 or 4); got {pixels.shape}"
        )
    if min(pixels.shape[:2]) < 3:
        raise ValueError(f"an image of a digit is at least 3 × 3 pixels; got {pixels.shape}")
    whole = pixels.dtype.kind != "f"
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= (255 if whole else 1)):
        rule, mend = "0 to 1", "If they go to 255, pass image / 255."
        if whole:
            rule, mend = "0 to 255", "If they are of 16 bits, pass image / 65535."
        raise ValueError(
            f"an image of {pixels.dtype} has values from {rule}; got {low:g} to {high:g}. {mend}"
        )
    pixels = pixels / 255 if whole else pixels.astype(float)
    if pixels.ndim == 2:
        return pixels
    grey = pixels[..., :3] @ _WHITE
    if pixels.shape[2] == 4:  # what shows through is white paper, or black under white ink
        light = np.average(grey, weights=pixels[..., 3] + 1e-9) > 0.5
        through = 1 - pixels[..., 3]
        grey = grey * pixels[..., 3] + through * (not (light and np.median(through) > 0.5))
    return np.clip(grey, 0, 1)


def _ink(grey: Array) -> Array:
    """How much ink there is, 0 to 1: the paper is what most of the border shows."""
    smooth = scipy.ndimage.gaussian_filter(grey, max(grey.shape) / 400)
    border = np.concatenate([smooth[0], smooth[-1], smooth[:, 0], smooth[:, -1]])
    light = np.median(border) > (smooth.min() + smooth.max()) / 2
    ink = 1 - smooth if light else smooth
    if np.ptp(ink) < _SMALLEST_CONTRAST:
        raise ValueError("there is nothing on the image, or too faint to tell from the paper")
    ink = ink - _uneven_paper(ink)
    threshold = _threshold(ink)
    strokes = _without_specks(ink > threshold)
    full = np.median(ink[strokes])  # ink at the middle of a stroke
    ink = np.clip((ink - threshold / 2) / (full - threshold / 2), 0, 1)
    return np.where(scipy.ndimage.binary_dilation(strokes, iterations=2), ink, 0)


def _uneven_paper(ink: Array) -> Array:
    """The plane a + b x + c y that fits the paper best: light that falls from one side."""
    step = max(1, max(ink.shape) // 100)  # a plane does not need every pixel
    rows, columns = np.indices(ink.shape)[:, ::step, ::step].reshape(2, -1)
    terms, values = np.stack([np.ones(rows.size), rows, columns], axis=1), ink[rows, columns]
    paper = np.ones(values.size, bool)
    for _ in range(3):  # each time the ink stands out more clearly
        a, b, c = np.linalg.lstsq(terms[paper], values[paper], rcond=None)[0]
        rest = values - terms.dot([a, b, c])
        paper = rest <= _threshold(rest)
    height, width = ink.shape
    return a + b * np.arange(height)[:, np.newaxis] + c * np.arange(width)


def _threshold(values: Array) -> float:
    """The value that divides a histogram into two groups which vary least inside (Otsu, 1979)."""
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts)[:-1], counts.sum() - np.cumsum(counts)[:-1]
    sums = np.cumsum(counts * middles)
    means = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1:-1][np.argmax(below * above * (means[1] - means[0]) ** 2)])


def _without_specks(strokes: Array) -> Array:
    """Only connected regions of at least a twentieth of the largest, and no frame at the border."""
    regions, count = scipy.ndimage.label(strokes, np.ones((3, 3)))
    sizes = scipy.ndimage.sum_labels(strokes, regions, range(count + 1))
    return np.isin(regions, np.flatnonzero(sizes >= sizes.max() / 20))


def _fitted(ink: Array) -> Array:
    """The longer side made 20 pixels, each the mean of the area that it covers."""
    scale = max(ink.shape) / _BOX
    height, width = (max(1, round(side / scale)) for side in ink.shape)
    return _means(_means(ink, height).T, width).T


def _means(image: Array, rows: int) -> Array:
    """As many rows, each the mean of the rows, and parts of rows, that it covers."""
    sums = np.concatenate([np.zeros((1, image.shape[1])), np.cumsum(image, axis=0)])
    edges = np.linspace(0, len(image), rows + 1)
    whole = np.minimum(edges.astype(int), len(image) - 1)
    at_edges = sums[whole] + (edges - whole)[:, np.newaxis] * image[whole]
    return np.diff(at_edges, axis=0) * (rows / len(image))


def _centred(ink: Array) -> Array:
    """In 28 × 28, the centre of mass in the middle."""
    ink = ink / ink.max()
    image = np.zeros((_SIDE, _SIDE))
    place = []
    for side, centre in zip(ink.shape, scipy.ndimage.center_of_mass(ink), strict=True):
        start = math.ceil(_SIDE / 2 - centre - 0.52)  # pixel 14 is the middle, as in MNIST
        start = min(max(start, 0), _SIDE - side)
        place.append(slice(start, start + side))
    image[tuple(place)] = ink
    return np.round(255 * image).astype(np.uint8)
