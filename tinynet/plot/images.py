"""Pictures of examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_array, as_numbers, check_lengths, listed, positive_int
from tinynet.metrics import as_classes
from tinynet.plot.drawing import (
    Axes,
    as_images,
    axes_for,
    check_count,
    checked_index,
    draw_image,
    tiled,
)
from tinynet.types import Array


def array_to_image(
    images: ArrayLike, labels: ArrayLike, index: int, *, ax: Axes | None = None
) -> Axes:
    """Draw one example, dark on light, with its label in the title.

    Args:
        images: `(N, height, width)`, or `(N, pixels)` where the images are square.
        labels: `(N,)`.
        index: which example, from 0; negative from the end.

    Raises:
        IndexError: there is no such example.
        ValueError: the shapes are not those of images, or not those of one label for each.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = array_to_image(np.zeros((2, 784)), [5, 0], 1, ax=Figure().subplots())
        >>> ax.get_title()
        'Label 0 (example 1)'
    """
    images, labels = as_images(images), as_array(labels, "labels")
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{len(images)} images need labels of shape ({len(images)},), got {labels.shape}."
        )
    index = checked_index(index, len(images), "example", "index")
    ax = axes_for(ax, (3.2, 3.4))
    draw_image(ax, images[index], images.dtype)
    ax.set_title(f"Label {labels[index]} (example {index})")
    return ax


def image_grid(
    images: ArrayLike,
    *,
    titles: Sequence[object] | Array | None = None,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw images in rows, each with its title above it.

    Args:
        images: `(N, height, width)`, or `(N, pixels)` where the images are square.
        titles: one for each image, for instance its label.
        columns: images in a row; by default as many as make the grid about square.

    Raises:
        ValueError: there are no images, more than 1000, not one title for each, or `columns` is
            below 1.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = image_grid(np.zeros((3, 28, 28)), titles=[5, 0, 4], ax=Figure().subplots())
        >>> [text.get_text() for text in ax.texts]
        ['5', '0', '4']
    """
    images = as_images(images)
    count, height, width = images.shape
    check_count("image_grid", count, "images")
    titles = None if titles is None else listed(titles, "titles")
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} images need {count} titles, got {len(titles)}.")
    columns = math.ceil(math.sqrt(count)) if columns is None else positive_int(columns, "columns")
    columns = min(count, columns)
    gap = max(1, width // 10)
    band = gap if titles is None else max(2, round(0.3 * height))  # room above each row
    grid = tiled(images, columns, gap, band)
    scale = 0.9 if columns > 1 else 2.4  # inches for each image
    ax = axes_for(ax, (scale * columns, scale * grid.shape[0] / (gap + width)))
    draw_image(ax, grid, images.dtype)
    for number, title in enumerate(() if titles is None else titles):
        top = number // columns * (band + height) + band
        centre = number % columns * (gap + width) + (width - 1) / 2
        ax.text(centre, top - 1, str(title), ha="center", va="bottom", fontsize="small")
    return ax


def misclassified(
    images: ArrayLike,
    predicted: ArrayLike,
    labels: ArrayLike,
    *,
    most: int = 25,
    ax: Axes | None = None,
) -> Axes:
    """Draw misclassified examples, each titled "5 as 3" for a 5 that was predicted as a 3.

    Args:
        images: `(N, height, width)`, or `(N, pixels)` where the images are square.
        predicted: scores `(N, classes)`, where the mistakes with the largest scores are drawn
            first; or classes `(N,)`.
        labels: classes `(N,)`, or targets `(N, classes)`.
        most: how many to draw at most.

    Raises:
        TypeError, ValueError: as `tinynet.metrics.accuracy` raises them, or images of another
            number or shape, or `most` outside 1 to 1000.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = misclassified(np.eye(4), [3, 1, 1, 1], [3, 1, 2, 1], ax=Figure().subplots())
        >>> ax.get_title(), [text.get_text() for text in ax.texts]
        ('1 of 4 misclassified: true class as predicted', ['2 as 1'])
    """
    images, scores = as_images(images), as_numbers(predicted, "predicted")
    guesses, truth, _ = as_classes(predicted, labels)
    check_lengths(images, truth, "images", "labels")
    check_count("misclassified", positive_int(most, "most"), "mistakes")
    wrong = np.flatnonzero(guesses != truth)
    if scores.ndim == 2:
        wrong = wrong[np.argsort(-scores[wrong, guesses[wrong]], kind="stable")]
    if not len(wrong):
        ax = axes_for(ax, (4.2, 1.0))
        ax.set_axis_off()
        ax.set_title(f"None of {len(images):,} misclassified")
        return ax
    shown = wrong[:most]
    titles = [f"{truth[n]} as {guesses[n]}" for n in shown]
    own, ax = ax is None, image_grid(images[shown], titles=titles, ax=ax)
    if own:  # room for the title above few images
        figure: Any = ax.figure
        figure.set_size_inches(np.maximum(figure.get_size_inches(), (5.2, 1.8)))
    ax.set_title(f"{len(wrong):,} of {len(images):,} misclassified: true class as predicted")
    return ax
