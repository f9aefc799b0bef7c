"""What the pictures share: colours, axes, and checks of what is to be drawn."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers, check_instance, integer
from tinynet.text import one_line
from tinynet.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:
    Axes = Any  # so that Matplotlib is imported only to draw

BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
_MOST_TILES = 1000  # more would be too small to see
_LONGEST_NAME = 36  # of a layer, in characters


def axes_for(ax: Axes | None, size: tuple[float, float]) -> Any:
    """The given Axes, or those of a new figure of that size in inches."""
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
    except ImportError as error:
        raise ImportError("tinynet.plot draws with Matplotlib: pip install matplotlib") from error
    if ax is not None:
        check_instance("ax", ax, Axes, "the Axes of a figure, such as plt.subplots()[1]")
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]


def draw_image(ax: Any, image: Array, dtype: np.dtype[Any]) -> None:
    """Grey from paper to ink: 0 to 255 for uint8, from 0 or the smallest value for other types."""
    low, high = (0, 255) if dtype == np.uint8 else (min(0, np.nanmin(image)), np.nanmax(image))
    ax.imshow(image, cmap="gray_r", vmin=low, vmax=high)
    ax.set_axis_off()


def tiled(images: Array, columns: int, gap: int, band: int) -> Array:
    """One picture of all images in rows, which draws faster than many Axes.

    Between the images it is NaN, which stays blank: `gap` pixels wide, and above each row `band`
    pixels high.
    """
    count, height, width = images.shape
    rows = math.ceil(count / columns)
    grid = np.full((rows * (band + height), columns * (gap + width) - gap), np.nan)
    for number, image in enumerate(images):
        top = number // columns * (band + height) + band
        left = number % columns * (gap + width)
        grid[top : top + height, left : left + width] = image
    return grid


def as_images(images: ArrayLike) -> Array:
    """Images as (N, height, width), also from rows of square images."""
    array = as_numbers(images, "images")
    if array.ndim == 2:
        side = square(array.shape[1], "Reshape the images to (N, height, width).")
        array = array.reshape(-1, *side)
    if array.ndim != 3 or 0 in array.shape[1:]:
        raise ValueError(f"images must be (N, height, width) or (N, pixels), got {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("images must be finite numbers; there is a NaN or an infinity.")
    return array


def as_series(name: str, values: ArrayLike, epochs: int | None = None) -> Array:
    """One number for each epoch."""
    series = as_numbers(values, name).astype(float)
    if series.ndim != 1 or not series.size:
        raise ValueError(f"{name} must hold one number for each epoch, got shape {series.shape}.")
    if epochs is not None and len(series) != epochs:
        raise ValueError(f"{name} has {len(series)} epochs and loss has {epochs}.")
    return series


def square(pixels: int, advice: str) -> tuple[int, int]:
    """Height and width of a square image with that number of pixels."""
    side = math.isqrt(pixels)
    if side**2 != pixels:
        raise ValueError(f"{pixels} pixels are not a square image. {advice}")
    return side, side


def weights_of(layer_or_W: Any) -> Array:
    """The weights `W` of a layer, or the array itself."""
    has_W = not isinstance(layer_or_W, type) and hasattr(layer_or_W, "W")
    return as_numbers(layer_or_W.W if has_W else layer_or_W, "layer_or_W")


def short(layer: object) -> str:
    """The repr of a layer in one line that leaves room for a picture beside it."""
    text = one_line(layer)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def check_count(
    function: str,
    count: int,
    things: str,
    most: int = _MOST_TILES,
    advice: str = "Select some, as in [:25].",
) -> None:
    """Refuse to draw nothing, or so many tiles that none could be seen."""
    if not 1 <= count <= most:
        raise ValueError(f"{function} draws 1 to {most} {things}, got {count}. {advice}")


def checked_index(index: int, count: int, kind: str, name: str) -> int:
    """An index from 0, where negative ones count from the end."""
    if not -count <= (index := integer(index, name)) < count:
        raise IndexError(f"There is no {kind} {index}: there are {count}, counted from 0.")
    return index % count
