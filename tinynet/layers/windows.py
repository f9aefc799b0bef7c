"""The places of a small window on an image, which convolution and pooling share.

Inside these layers the axes of images are (channels, height, width, examples). So a slice for each
element of the window, with all examples, is a few long pieces of memory, and the rows of a matrix
product are contiguous. For the caller the arrays are views with the axes (N, C, H, W).
"""

import math
import threading
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinynet.checks import check_numbers, check_width, positive_int, sizes
from tinynet.types import Array

Pair: TypeAlias = int | tuple[int, int]
"""One number for height and width, or a tuple of both."""


def pair(value: Any, name: str, least: int = 1) -> tuple[int, int]:
    """The value for height and for width."""
    if isinstance(value, tuple | list):
        height, width = sizes(value, name, least, axes=2)
        return height, width
    number = positive_int(value, name, least)
    return number, number


class Windows(NamedTuple):
    """Places of a window: for output i along an axis, i · stride + j · dilation, j = 0, 1, ...

    Attributes:
        kernel: height and width of the window.
        stride: from one window to the next.
        dilation: from one element of a window to the next.
        padding: added above and below, and left and right.
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def check(self, layer: object, x: Array, channels: int | None, dtype: Any = None) -> None:
        """Refuse what is no batch of images with these channels, or is smaller than a window."""
        check_numbers("x", x)
        wanted = f"(N, {channels or 'C'}, H, W)"
        if x.ndim != 4 or channels not in (None, x.shape[1]):
            hint = ""
            if x.ndim == 4 and x.shape[-1] == channels:
                hint = " Are the channels last? x.transpose(0, 3, 1, 2) puts them first."
            elif x.ndim == 3 and channels in (None, 1):
                hint = " Images of one channel: x[:, np.newaxis]."
            elif x.ndim == 2:
                hint = " Rows of pixels become images with Reshape((channels, height, width))."
            raise ValueError(f"{layer!r} got x of shape {x.shape}: it must be {wanted}.{hint}")
        if any(self._count(x.shape[2 + n] + sum(self.padding[n]), n) < 1 for n in range(2)):
            raise ValueError(
                f"{layer!r} got x of shape {x.shape}: no window fits into {x.shape[2]} × "
                f"{x.shape[3]} pixels, padding included."
            )
        if dtype is not None:
            check_width(layer, x, dtype)

    def padded(self, images: Array, dtype: Any, value: float = 0) -> Array:
        """The images (C, H, W, N) with a border of that value, contiguous in memory."""
        if self.padding == ((0, 0), (0, 0)):
            return np.ascontiguousarray(images, dtype)
        channels, height, width, examples = images.shape
        (above, below), (left, right) = self.padding
        shape = channels, above + height + below, left + width + right, examples
        out = np.full(shape, value, dtype)
        self.inside(out)[...] = images
        return out

    def inside(self, padded: Array) -> Array:
        """The view on padded images without the border."""
        (above, below), (left, right) = self.padding
        _, height, width, _ = padded.shape
        return padded[:, above : height - below, left : width - right]

    def each(self, padded: Array, first: int = 0, last: int | None = None) -> list[Array]:
        """The views on each element of all windows, for the outputs in the rows first to last − 1.

        The elements are in the order of the window, row by row.
        """
        height, width = self.shape(padded)
        rows = self._slices(0, first, height if last is None else last)
        columns = self._slices(1, 0, width)
        return [padded[:, row, column] for row in rows for column in columns]

    def all(self, padded: Array, first: int, last: int) -> Array:
        """The view (C, kH, kW, rows, columns, N) on all elements of all windows in these rows."""
        channels, _, _, examples = padded.shape
        along = padded.strides[1:3]
        start = padded[:, first * self.stride[0] :]
        return np.lib.stride_tricks.as_strided(
            start,
            (channels, *self.kernel, last - first, self.shape(padded)[1], examples),
            (
                padded.strides[0],
                *(each * d for each, d in zip(along, self.dilation, strict=True)),
                *(each * s for each, s in zip(along, self.stride, strict=True)),
                padded.strides[3],
            ),
            writeable=False,
        )

    def apart(self) -> bool:
        """Whether no two windows share an element."""
        return self.stride[0] >= self.kernel[0] and self.stride[1] >= self.kernel[1]

    def shape(self, padded: Array) -> tuple[int, int]:
        """Rows and columns of outputs; what is left over at the end is not covered."""
        height, width = padded.shape[1:3]
        return self._count(height, 0), self._count(width, 1)

    def _slices(self, axis: int, start: int, stop: int) -> list[slice]:
        """For each element of the window along an axis, where it lies for these outputs."""
        stride, dilation = self.stride[axis], self.dilation[axis]
        start, stop = start * stride, (stop - 1) * stride + 1
        elements = range(0, self.kernel[axis] * dilation, dilation)
        return [slice(start + element, stop + element, stride) for element in elements]

    def _count(self, size: int, axis: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size - reach) // self.stride[axis] + 1


def inner(x: Array) -> Array:
    """(N, C, H, W) as a view (C, H, W, N)."""
    return x.transpose(1, 2, 3, 0)


def outer(images: Array) -> Array:
    """(C, H, W, N) as a view (N, C, H, W)."""
    return images.transpose(3, 0, 1, 2)


_memory = threading.local()


def scratch(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array to compute in; the next call in the same thread takes its memory again.

    Without it, large arrays would be made and given back in every step, and the system would have
    to clear their memory each time.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if getattr(_memory, "bytes", np.empty(0)).size < size:
        _memory.bytes = np.empty(size, np.uint8)
    array: Array = _memory.bytes[:size].view(dtype).reshape(shape)
    return array
