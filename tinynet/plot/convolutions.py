"""Pictures of what a convolutional network has learned and what it computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers, check_instance, integer, returned
from tinynet.layers import Sequential
from tinynet.plot.drawing import (
    Axes,
    axes_for,
    check_count,
    checked_index,
    draw_image,
    short,
    tiled,
    weights_of,
)
from tinynet.text import shown
from tinynet.types import Array


def filters(layer_or_W: Any, *, channel: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the kernels of a convolution as images: red is positive, blue negative, white 0.

    All kernels share one scale. Those of one input channel fill the grid row by row. Those of
    several have one row for each output channel and one column for each input channel.

    Args:
        layer_or_W: a `Conv2D`, or its `W`, `(out, in, kH, kW)`; of a layer with groups, `in` counts
            the input channels of one group.
        channel: the one input channel whose kernels are drawn, from 0; negative from the end.

    Raises:
        IndexError: there is no such channel.
        ValueError: the weights are not `(out, in, kH, kW)`, not finite, or more than 1000 kernels.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = filters(np.ones((16, 6, 5, 5)), channel=2, ax=Figure().subplots())
        >>> ax.get_title()
        'Kernels of 16 outputs for input 2'
    """
    W = weights_of(layer_or_W)
    if W.ndim != 4 or 0 in W.shape[1:]:
        raise ValueError(
            f"filters needs a layer with W of shape (out, in, kH, kW), or that array; got W of "
            f"shape {W.shape} from {shown(layer_or_W)}."
        )
    outputs, inputs, height, width = W.shape
    title = f"Kernels of {_counted(outputs, 'output')}"
    if channel is not None:
        channel = checked_index(channel, inputs, "input channel", "channel")
        W, title = W[:, channel : channel + 1], f"{title} for input {channel}"
    elif inputs > 1:
        title = f"{title} and {inputs} inputs"
    images = W.reshape(-1, height, width)
    advice = "Select some, as in W[:25], or one input, as in channel=0."
    check_count("filters", len(images), "kernels", advice=advice)
    if not np.isfinite(images).all():
        raise ValueError("The weights of these kernels are not all finite. Did training diverge?")
    by_input = W.shape[1] > 1
    columns = W.shape[1] if by_input else math.ceil(math.sqrt(outputs))
    gap = max(1, width // 10) if len(images) > 1 else 0
    mosaic = tiled(images, columns, gap, band=gap)
    ax = axes_for(ax, _size(mosaic, math.ceil(len(images) / columns), columns, 0.45, least=4.8))
    limit = float(np.nanmax(np.abs(mosaic))) or 1.0
    picture = ax.imshow(mosaic, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.figure.colorbar(picture, ax=ax, label="Weight", aspect=30, shrink=0.8, panchor=(0.5, 0.5))
    ax.set(title=title, xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if by_input:
        ax.set(xlabel="Input channel", ylabel="Output channel")
    return ax


def feature_maps(
    net: Sequential, image: ArrayLike, layer: int | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw what the channels of a layer put out for one example, as images on one grey scale.

    The darker, the larger. The layers compute as in `predict`, so nothing changes in the network.

    Args:
        net: a network with outputs `(N, C, H, W)`, such as those of `Conv2D` and `MaxPool2D`.
        image: one example as the network takes it, without the batch axis or with one of length 1.
        layer: the place of the layer in the network, from 0; negative from the end. By default it
            is the last layer with such an output.

    Raises:
        IndexError: there is no such layer.
        ValueError: the image does not fit the network, the output of the layer is not
            `(N, C, H, W)`, has more than 1000 channels, or is not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from tinynet import Conv2D, ReLU
        >>> net = Sequential(Conv2D(1, 6, 5, rng=0), ReLU())
        >>> ax = feature_maps(net, np.ones((1, 28, 28)), 0, ax=Figure().subplots())
        >>> ax.get_title()
        'Output of layer 0, Conv2D(1, 6, 5, rng=0)'
    """
    check_instance("net", net, Sequential, "a Sequential")
    if layer is not None:
        integer(layer, "layer", "an int, the place of a layer in net")
        layer = checked_index(layer, len(net), "layer", "layer")
    outputs = _outputs(net, image, len(net) if layer is None else layer + 1)
    places = [place for place, y in enumerate(outputs) if y.ndim == 4 and y.size]
    if layer is None and not places:
        raise ValueError(
            "No layer of net has feature maps, an output of shape (N, C, H, W); "
            "plot.activations draws outputs of any shape."
        )
    place = places[-1] if layer is None else layer
    if place not in places:
        others = f"Layers that have them: {', '.join(map(str, places))}." if places else ""
        raise ValueError(
            f"layer={place}, {short(net[place])}, has no feature maps: its output must be "
            f"(N, C, H, W); got {outputs[place].shape}. {others}".rstrip()
        )
    maps = outputs[place][0].astype(float)
    check_count("feature_maps", len(maps), "channels", advice="Choose a layer with fewer.")
    if not np.isfinite(maps).all():
        raise ValueError(
            f"The output of layer {place}, {short(net[place])}, is not finite. "
            f"Did training diverge?"
        )
    columns = math.ceil(math.sqrt(len(maps)))
    gap = max(1, maps.shape[2] // 10) if len(maps) > 1 else 0
    mosaic = tiled(maps, columns, gap, band=gap)
    ax = axes_for(ax, _size(mosaic, math.ceil(len(maps) / columns), columns, 0.9, least=5.6))
    draw_image(ax, mosaic, mosaic.dtype)
    ax.figure.colorbar(ax.images[-1], ax=ax, label="Output", aspect=30, shrink=0.8)
    ax.set_title(f"Output of layer {place}, {short(net[place])}")
    return ax


def _outputs(net: Sequential, image: ArrayLike, count: int) -> list[Array]:
    """What the first layers put out for one example, as a batch of one."""
    values = as_numbers(image, "image")
    if not np.isfinite(values).all():
        raise ValueError(f"image must hold finite numbers; got {shown(image)}.")
    is_batch = values.shape[:1] == (1,) and (
        values.ndim == 4 or values.shape[1:] == net.input_shape
    )
    y, outputs = values if is_batch else values[np.newaxis], []
    if net.params.size and net.input_dtype is None:
        y = y.astype(net.params.dtype)
    for place, layer in enumerate(net.layers[:count]):
        try:
            y = returned(layer, "predict", layer.predict(y))
        except Exception as error:
            error.add_note(
                f"in layer {place} of net, for one image of shape {values.shape}; it must have the "
                f"form of an example of net, such as (C, H, W)"
            )
            raise
        outputs.append(y)
    return outputs


def _size(mosaic: Array, rows: int, columns: int, each: float, least: float) -> tuple[float, float]:
    """Inches of a figure for a mosaic, `each` for a tile; the title needs the `least` width."""
    height, width = mosaic.shape
    inches = max(rows * each, columns * each * height / width, 3.0)
    inches = min(inches, 12.0, 12.0 * height / width)
    return max(inches * width / height + 1.2, least), inches + 0.6


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
