"""Pictures of data, of training, and of what a network learned.

Every function draws on the Axes it is given and returns them. Without `ax` it makes a new figure
with `matplotlib.pyplot`: a notebook shows it below the cell and closes it, a script shows it with
`plt.show()`, and one that draws many figures closes each with `plt.close(ax.figure)` or passes its
own `ax`. Arguments are checked before a figure is made, so an error leaves none behind. Nothing
here calls `show()`.

All colours are safe for colour-blind readers, and hold in print.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["array_to_image", "confusion", "image_grid", "learning_curve", "weights"]

_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
_MOST_TILES = 1000  # more cannot be told apart
_MOST_NUMBERS = 20  # classes up to which a confusion matrix has room for its counts


def array_to_image(
    images: ArrayLike, labels: ArrayLike, index: int, *, ax: Axes | None = None
) -> Axes:
    """Draw one example, with its label as the title; ink is dark, as on paper.

    Args:
        images: `(N, height, width)`, or `(N, pixels)` where the images are square.
        labels: `(N,)`.
        index: which example, from 0; negative from the end.
        ax: where to draw; by default in a new figure.

    Raises:
        IndexError: no such example.
        ValueError: shapes that are not images, or not one label for each.
        ImportError: Matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> ax = array_to_image(np.zeros((2, 784)), [5, 0], 1, ax=Figure().subplots())
        >>> ax.get_title()
        'Label 0 (example 1)'
    """
    images, labels = _images(images), np.asarray(labels)
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{len(images)} images need labels of shape ({len(images)},), got {labels.shape}."
        )
    index = _index(index, len(images), "example")
    ax = _axes(ax, (3.2, 3.4))
    _draw_image(ax, images[index])
    ax.set_title(f"Label {labels[index]} (example {index})")
    return ax


def image_grid(
    images: ArrayLike,
    *,
    titles: Sequence[object] | Array | None = None,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw images side by side, row by row, each with a title above it if there are titles.

    Args:
        images: `(N, height, width)`, or `(N, pixels)` where the images are square.
        titles: N things to print, for instance labels.
        columns: images in a row; by default about as many as there are rows.
        ax: where to draw; by default in a new figure.

    Raises:
        ValueError: no images or over 1000, not one title for each, or `columns` below 1.
        ImportError: Matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> ax = image_grid(np.zeros((3, 28, 28)), titles=[5, 0, 4], ax=Figure().subplots())
        >>> [text.get_text() for text in ax.texts]
        ['5', '0', '4']
    """
    images = _images(images)
    count, height, width = images.shape
    _count("image_grid", count, "images")
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} images need {count} titles, got {len(titles)}.")
    columns = min(count, math.ceil(math.sqrt(count)) if columns is None else columns)
    if operator.index(columns) < 1:
        raise ValueError(f"columns must be at least 1, got {columns}.")
    gap = max(1, width // 10)
    band = gap if titles is None else max(2, round(0.3 * height))  # room above each row
    grid = _mosaic(images, columns, gap, band)
    scale = 0.9 if columns > 1 else 2.4  # inches for each image
    ax = _axes(ax, (scale * columns, scale * grid.shape[0] / (gap + width)))
    _draw_image(ax, grid, images.dtype)
    for number, title in enumerate(() if titles is None else titles):
        top = number // columns * (band + height) + band
        centre = number % columns * (gap + width) + (width - 1) / 2
        ax.text(centre, top - 1, str(title), ha="center", va="bottom", fontsize="small")
    return ax


def learning_curve(
    loss: ArrayLike,
    *,
    accuracy: ArrayLike | None = None,
    ax: Axes | None = None,
    **more: ArrayLike,
) -> Axes:
    """Draw the loss of each epoch, and the accuracy on a second scale at the right.

    Args:
        loss: one number for each epoch.
        accuracy: shares from 0 to 1, one for each epoch.
        ax: where to draw; by default in a new figure.
        more: further losses by name, for instance `validation_loss=...`.

    Raises:
        ValueError: no epochs, series of different lengths, or an accuracy outside 0 to 1.
        ImportError: Matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = learning_curve([0.04, 0.02], accuracy=[0.9, 0.95], ax=Figure().subplots())
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('Epoch', 'Loss')
    """
    losses = {"loss": _series("loss", loss)}
    losses |= {name: _series(name, values, len(losses["loss"])) for name, values in more.items()}
    epochs = np.arange(1, len(losses["loss"]) + 1)
    shares = None if accuracy is None else _series("accuracy", accuracy, len(epochs))
    if shares is not None and ((shares < 0) | (shares > 1)).any():
        raise ValueError(
            f"accuracy must be 0 to 1, got {shares.min():g} to {shares.max():g}. Divide percent "
            "by 100."
        )
    ax = _axes(ax, (6.4, 4.0))
    from matplotlib.ticker import MaxNLocator

    colors, markers = (_BLUE, _GREEN, _PURPLE, _ORANGE), "osv^"
    lines = [
        ax.plot(
            epochs,
            values,
            color=colors[number % 4],
            marker=markers[number % 4],
            markersize=4,
            label=name.replace("_", " ").capitalize(),
        )[0]
        for number, (name, values) in enumerate(losses.items())
    ]
    ax.set(title="Learning curve", xlabel="Epoch", ylabel="Loss")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y", alpha=0.3)
    ax.spines["top"].set_visible(False)
    if shares is not None:
        right = ax.twinx()
        lines += right.plot(
            epochs, shares, color=_VERMILION, marker="D", markersize=4, ls="--", label="Accuracy"
        )
        right.set_ylabel("Accuracy")
        right.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
        right.spines["top"].set_visible(False)
    if len(lines) > 1:
        # below the title and above the curves, where it can hide none of them
        ax.legend(handles=lines, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(lines))
        ax.set_title(ax.get_title(), pad=30)
    return ax


def confusion(matrix: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw a confusion matrix: true classes down, predicted classes across.

    The shade is the share of the true class, on a square-root scale, so that rare mistakes show
    beside a full diagonal. Up to 20 classes the counts are printed, and 0 is left blank.

    Args:
        matrix: counts `(classes, classes)`, as `tinynet.metrics.confusion_matrix` makes them.
        ax: where to draw; by default in a new figure.

    Raises:
        ValueError: not square, empty, or with a negative count.
        ImportError: Matplotlib is not installed.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = confusion([[8, 2], [1, 9]], ax=Figure().subplots())
        >>> ax.get_title()
        'Confusion matrix: 85.0 % right'
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"A confusion matrix is (classes, classes), got {counts.shape}.")
    if not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise ValueError("A confusion matrix counts examples: no negative count, not all zero.")
    classes = len(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    ax = _axes(ax, (6.0, 5.6))
    picture = ax.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    if classes <= _MOST_NUMBERS:
        for true, predicted in np.argwhere(counts):
            dark = share[true, predicted] > 0.3
            ax.text(
                *(predicted, true, f"{counts[true, predicted]:g}"),
                ha="center",
                va="center",
                fontsize=8 if classes <= 12 else 6,
                color="white" if dark else "black",
            )
        ax.set_xticks(range(classes))
        ax.set_yticks(range(classes))
    else:
        bar = ax.figure.colorbar(picture, ax=ax, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.3, 1]))
        bar.ax.set_yticklabels(["0 %", "1 %", "10 %", "30 %", "100 %"])
        bar.set_label("Share of the true class")
    right = 100 * np.trace(counts) / counts.sum()
    ax.set(
        title=f"Confusion matrix: {right:.1f} % right",
        xlabel="Predicted class",
        ylabel="True class",
    )
    return ax


def weights(
    layer_or_W: Any,
    units: int | Sequence[int],
    *,
    shape: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the incoming weights of units as images: red pulls up, blue down, white is 0.

    Several units share one scale.

    Args:
        layer_or_W: a layer with weights `W`, or the array, `(in, out)`.
        units: which unit or units, from 0; negative from the end.
        shape: height and width of an image, where the inputs are not a square one.
        ax: where to draw; by default in a new figure.

    Raises:
        IndexError: no such unit.
        ValueError: weights that are not `(in, out)` and finite, or do not fill the shape.
        ImportError: Matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> ax = weights(np.ones((784, 100)), 7, ax=Figure().subplots())
        >>> ax.get_title()
        'Incoming weights of unit 7'
    """
    W = np.asarray(getattr(layer_or_W, "W", layer_or_W))
    if W.ndim != 2:
        raise ValueError(
            f"weights needs a layer with W of shape (in, out), or that array; got {layer_or_W!r}."
            if W.ndim == 0
            else f"weights needs W of shape (in, out), got {W.shape}."
        )
    several = [units] if isinstance(units, int) else units
    chosen = [_index(unit, W.shape[1], "unit") for unit in several]
    if shape is None:
        shape = _square(len(W), "Pass shape=(height, width).")
    if len(shape) != 2 or math.prod(shape) != len(W) or min(shape) < 1:
        raise ValueError(f"The {len(W)} weights of a unit do not fill the shape {shape}.")
    images = W[:, chosen].T.reshape(-1, *shape)
    _count("weights", len(images), "units")
    if not np.isfinite(images).all():
        raise ValueError("The weights of these units are not all finite. Did training diverge?")
    gap = max(1, shape[1] // 10) if len(images) > 1 else 0
    mosaic = _mosaic(images, math.ceil(math.sqrt(len(images))), gap)
    ax = _axes(ax, (4.2, 3.6))
    limit = float(np.abs(images).max()) or 1.0
    picture = ax.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.figure.colorbar(picture, ax=ax, label="Weight")
    title = f"unit {units}" if isinstance(units, int) else f"{len(images)} units"
    ax.set(title=f"Incoming weights of {title}")
    ax.set_axis_off()
    return ax


def _count(function: str, count: int, things: str) -> None:
    if not 1 <= count <= _MOST_TILES:
        raise ValueError(
            f"{function} draws 1 to {_MOST_TILES} {things}, got {count}. Choose some: [:25]."
        )


def _mosaic(images: Array, columns: int, gap: int, band: int | None = None) -> Array:
    """One picture of all, far faster than an Axes for each; NaN, which stays blank, between them.

    The band above each row is as high as the gap unless it needs room for titles.
    """
    count, height, width = images.shape
    band = gap if band is None else band
    rows = math.ceil(count / columns)
    grid = np.full((rows * (band + height), columns * (gap + width) - gap), np.nan)
    for number, image in enumerate(images):
        top = number // columns * (band + height) + band
        left = number % columns * (gap + width)
        grid[top : top + height, left : left + width] = image
    return grid


def _axes(ax: Axes | None, size: tuple[float, float]) -> Any:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'tinynet.plot draws with Matplotlib: pip install "tinynet[plot]"'
        ) from error
    return plt.subplots(figsize=size, layout="constrained")[1]


def _draw_image(ax: Any, image: Array, dtype: Any = None) -> None:
    """Grey from paper to ink: 0 to 255 for pixels, from 0 or the smallest value for floats."""
    pixels = (image.dtype if dtype is None else dtype) == np.uint8
    low, high = (0, 255) if pixels else (min(0, np.nanmin(image)), np.nanmax(image))
    ax.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    ax.set_axis_off()


def _images(images: ArrayLike) -> Array:
    array = np.asarray(images)
    if array.ndim == 2:
        side = _square(array.shape[1], "Reshape the images to (N, height, width).")
        array = array.reshape(-1, *side)
    if array.ndim != 3 or 0 in array.shape[1:]:
        raise ValueError(f"images must be (N, height, width) or (N, pixels), got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("images must be finite numbers; there is a NaN or an infinity.")
    return array


def _square(pixels: int, mend: str) -> tuple[int, int]:
    side = math.isqrt(pixels)
    if side**2 != pixels:
        raise ValueError(f"{pixels} pixels are no square image. {mend}")
    return side, side


def _index(index: int, count: int, kind: str) -> int:
    if not -count <= operator.index(index) < count:
        raise IndexError(f"There is no {kind} {index}: there are {count}, counted from 0.")
    return index % count


def _series(name: str, values: ArrayLike, epochs: int | None = None) -> Array:
    series = np.asarray(values, float)
    if series.ndim != 1 or not series.size:
        raise ValueError(f"{name} must hold one number for each epoch, got shape {series.shape}.")
    if epochs is not None and len(series) != epochs:
        raise ValueError(f"{name} has {len(series)} epochs and loss has {epochs}.")
    return series
