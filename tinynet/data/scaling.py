"""From pixels and labels to inputs and targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinynet.checks import as_array, as_numbers, check_indices, float_dtype, positive_int, real
from tinynet.types import Array


def scale_pixels(images: ArrayLike, *, dtype: DTypeLike = np.float64) -> Array:
    """Scale pixels from 0 ... 255 to inputs from 0.01 to 1: y = x / 255 · 0.99 + 0.01.

    No input is 0, because a weight whose input is 0 does not learn. Scale the training and the
    test images in the same way.

    Args:
        images: integers from 0 to 255, any shape.
        dtype: float type of the result, which has the shape of `images`.

    Raises:
        TypeError: `images` are not integers, or `dtype` is neither float32 nor float64.
        ValueError: a value is outside 0 to 255.

    References:
        T. Rashid, "Make Your Own Neural Network", 2016, chapter 2.

    Example:
        >>> scale_pixels(np.array([[0, 51, 255]], np.uint8))
        array([[0.01 , 0.208, 1.   ]])
    """
    images, dtype = as_numbers(images, "images"), float_dtype(dtype)
    if images.dtype.kind not in "iu":
        hint = "Already scaled?"
        if (images > 1).any():
            hint = "Repair what is not a whole number, then write images.astype(np.uint8)."
        raise TypeError(
            f"scale_pixels needs images of integers from 0 to 255, got {images.dtype}. {hint}"
        )
    if images.dtype != np.uint8 and images.size:
        for extreme in (images.min(), images.max()):
            if not 0 <= extreme <= 255:
                raise ValueError(
                    f"scale_pixels needs images of integers from 0 to 255, got {extreme}."
                )
    # In place: 60,000 images are 376 MB in float64.
    y = np.asarray(np.divide(images, 255, dtype=dtype))
    y *= 0.99
    y += 0.01
    return y


def one_hot(
    labels: ArrayLike,
    classes: int,
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Targets `(N, classes)`: `high` in the column of the label, `low` in the others.

    A sigmoid never reaches 0 or 1. The textbook's targets for it are `low=0.01, high=0.99`.

    Args:
        labels: integers from 0 to classes − 1, `(N,)`.
        classes: number of columns.
        dtype: float type of the result.

    Raises:
        TypeError: `labels` are not integers, or `dtype` is neither float32 nor float64.
        ValueError: a label has no column, `labels` is not one-dimensional, or `classes` is below 1.

    References:
        T. Rashid, "Make Your Own Neural Network", 2016, chapter 2: the targets 0.01 and 0.99.

    Example:
        >>> one_hot([2, 0], 3)
        array([[0., 0., 1.],
               [1., 0., 0.]])
        >>> one_hot([2, 0], 3, low=0.01, high=0.99)
        array([[0.01, 0.01, 0.99],
               [0.99, 0.01, 0.01]])
    """
    labels, dtype = as_array(labels, "labels"), float_dtype(dtype)
    classes, low, high = positive_int(classes, "classes"), real(low, "low"), real(high, "high")
    if labels.ndim != 1:
        raise ValueError(f"one_hot needs labels of shape (N,), got {labels.shape}.")
    check_indices("labels", labels, classes, "classes")
    targets = np.full((len(labels), classes), low, dtype)
    targets[np.arange(len(labels)), labels] = high
    return targets
