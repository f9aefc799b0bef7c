"""Pictures of what a network has learned and what it computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers, check_instance, sizes
from tinynet.layers import Layer, Sequential
from tinynet.plot.drawing import (
    BLUE,
    Axes,
    axes_for,
    check_count,
    checked_index,
    short,
    square,
    tiled,
    weights_of,
)
from tinynet.types import Array

_WIDEST = 10.0  # of the strip that shows a layer, in heights
_SMALLEST_IMAGE = 16  # side in pixels; fewer values can be seen better in a strip


def weights(
    layer_or_W: Any,
    units: ArrayLike,
    *,
    shape: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the incoming weights of units as images: red is positive, blue negative, white 0.

    All units share one scale.

    Args:
        layer_or_W: a layer with weights `W`, or the array, `(in, out)`.
        units: which unit or units, from 0; negative from the end.
        shape: height and width of the image that the inputs are, if it is not a square.

    Raises:
        IndexError: there is no such unit.
        ValueError: the weights are not `(in, out)`, not finite, or do not fill the shape.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = weights(np.ones((784, 100)), 7, ax=Figure().subplots())
        >>> ax.get_title()
        'Incoming weights of unit 7'
    """
    W = weights_of(layer_or_W)
    if W.ndim != 2:
        raise ValueError(
            "weights needs a layer with W of shape (in, out), or that array; got "
            f"{W.shape or layer_or_W!r}."
        )
    each = np.atleast_1d(as_numbers(units, "units"))
    chosen = [checked_index(unit, W.shape[1], "unit", "units") for unit in each]
    if shape is None:
        shape = square(len(W), "Pass shape=(height, width).")
    height, width = sizes(shape, "shape", axes=2)
    if height * width != len(W):
        raise ValueError(f"The {len(W)} weights of a unit do not fill the shape {shape}.")
    images = W[:, chosen].T.reshape(-1, height, width)
    check_count("weights", len(images), "units")
    if not np.isfinite(images).all():
        raise ValueError("The weights of these units are not all finite. Did training diverge?")
    gap = max(1, width // 10) if len(images) > 1 else 0
    mosaic = tiled(images, math.ceil(math.sqrt(len(images))), gap, band=gap)
    ax = axes_for(ax, (4.2, 3.6))
    limit = float(np.abs(images).max()) or 1.0
    picture = ax.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.figure.colorbar(picture, ax=ax, label="Weight")
    title = f"unit {np.asarray(units)}" if np.ndim(units) == 0 else f"{len(images)} units"
    ax.set(title=f"Incoming weights of {title}")
    ax.set_axis_off()
    return ax


def activations(net: Layer, x: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw the output of each layer for one input, from the input at the top to the last output.

    Red is positive, blue negative, white 0. Each layer has its own colour scale, and its range is
    printed beside it. Values that fill a square of at least 16 × 16 are drawn as an image.

    Args:
        net: a network, or one layer.
        x: one example, without the batch axis or with one of length 1.

    Raises:
        ValueError: x does not fit the network, or a value is not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(4, 3, rng=0), Sigmoid())
        >>> ax = activations(net, np.ones(4), ax=Figure().subplots())
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['Input', '0 Dense(4, 3, rng=0)', '1 Sigmoid()']
    """
    check_instance("net", net, Layer, "a layer or network")
    values = as_numbers(x, "x")
    is_batch = values.shape[:1] == (1,) and values.shape != net.input_shape
    y = values if is_batch else values[np.newaxis]
    stages = [("Input", y[0])]
    for name, layer in _layers(net):
        y = layer.predict(y)
        stages.append((name, y[0]))
    for name, stage in stages:
        if not np.isfinite(stage).all():
            raise ValueError(f"{name} has values that are not finite. Did training diverge?")
    ax = axes_for(ax, (7.0, 0.4 + 0.75 * len(stages)))
    for row, (_, stage) in enumerate(stages):
        image = _strip(stage.ravel().astype(float))
        limit = float(np.nanmax(np.abs(image))) or 1.0
        width = min(image.shape[1] / image.shape[0], _WIDEST)
        extent = (0, width, row + 0.42, row - 0.42)
        ax.imshow(
            image, cmap="RdBu_r", vmin=-limit, vmax=limit, extent=extent, interpolation="nearest"
        )
        text = f"{stage.min():.2g} to {stage.max():.2g}"
        ax.text(_WIDEST + 0.2, row, text, va="center", fontsize="small")
    ax.set(xlim=(0, _WIDEST), ylim=(len(stages) - 0.5, -0.5), aspect="auto", xticks=[])
    ax.set_yticks(range(len(stages)), [name for name, _ in stages])
    ax.set_title("Output of each layer for one input")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def gradient_norms(net: Layer, *, ax: Axes | None = None) -> Axes:
    """Draw the norm of the last gradient of each layer, on a logarithmic scale.

    If the bars differ by powers of ten, the gradient vanishes or explodes on its way back, and the
    layers learn at very different speeds.

    Args:
        net: a network, or one layer, after a `backward`.

    Raises:
        ValueError: the gradients are not finite, or are all 0, as they are before a `backward`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from tinynet import Dense, Sequential
        >>> net = Sequential(Dense(4, 3, rng=0), Dense(3, 2, rng=1))
        >>> net.grads[...] = 1
        >>> ax = gradient_norms(net, ax=Figure().subplots())
        >>> [text.get_text() for text in ax.texts]
        ['3.87', '2.83']
    """
    check_instance("net", net, Layer, "a layer or network")
    learning = [(name, layer) for name, layer in _layers(net) if layer.params.size]
    norms = [float(np.linalg.norm(layer.grads.astype(float))) for _, layer in learning]
    if not np.isfinite(norms).all():
        raise ValueError(
            "The gradients are not all finite; tinynet.detect_anomaly finds where that begins."
        )
    if not any(norms):
        raise ValueError("All gradients are 0: call forward and backward first.")
    ax = axes_for(ax, (6.4, 1.2 + 0.4 * len(norms)))
    # a whole power of ten, which the axis labels
    lowest = 10.0 ** math.floor(math.log10(min(norm for norm in norms if norm) / 1.5))
    rows = range(len(norms))
    ax.barh(rows, [max(norm, lowest) for norm in norms], color=BLUE, height=0.6)
    for row, norm in zip(rows, norms, strict=True):
        ax.text(max(norm, lowest) * 1.1, row, f"{norm:.3g}", va="center", fontsize="small")
    ax.set_yticks(rows, [name for name, _ in learning])
    ax.set(xscale="log", xlim=(lowest, 4 * max(norms)), xlabel="‖dL/dθ‖, Euclidean")
    ax.tick_params(axis="x", which="minor", labelbottom=False)  # these would overlap
    ax.set_title("Gradient of each layer")
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _layers(net: Layer) -> list[tuple[str, Layer]]:
    """The layers of a Sequential, named by place and repr; any other layer by itself."""
    if isinstance(net, Sequential):
        return [(f"{place} {short(layer)}", layer) for place, layer in enumerate(net.layers)]
    return [(short(net), net)]


def _strip(values: Array) -> Array:
    """Values as an image: square if they fill a square, otherwise about 8 times wider than high."""
    side = math.isqrt(values.size)
    square = side >= _SMALLEST_IMAGE and side * side == values.size
    rows = side if square else max(1, round(math.sqrt(values.size / 8)))
    columns = math.ceil(values.size / rows)
    return np.append(values, np.full(rows * columns - values.size, np.nan)).reshape(rows, columns)
