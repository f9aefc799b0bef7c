"""Convolution over images and over sequences."""

import math

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import boolean, check_gradient, check_numbers, float_dtype, positive_int
from tinynet.initializers import Initializer, initial_weights, lecun_normal
from tinynet.layers.base import Layer
from tinynet.layers.windows import Pair, Windows, inner, outer, pair, scratch
from tinynet.types import Array, Rng

WIDEST = 4096  # columns of a matrix product; BLAS takes twice as long for a few rows of 25,000
_WHOLE = 1 << 20  # elements of a matrix of windows that is made as one, and kept for `backward`
_PORTION = 1 << 17  # of the part of a larger one that is made at a time, to stay in the cache


class Conv2D(Layer):
    """y[n, o] = Σ_c W[o, c] ⋆ x[n, c] + b[o], the cross-correlation ⋆ of images with kernels.

    Shapes: x (N, in_channels, H, W), W (out_channels, in_channels / groups, kH, kW),
    b (out_channels,), y (N, out_channels, H', W') with, for stride s, padding p and dilation d,

        y[n, o, i, j] = b[o] + Σ_cuv W[o, c, u, v] x[n, c, s i + d u − p, s j + d v − p],

    where x is 0 outside of the image, and H' = ⌊(H + 2 p − d (kH − 1) − 1) / s⌋ + 1. As everywhere
    in the field it is called a convolution, though the kernel is not turned around.

    The sum is one matrix product. A column of the matrix X holds what one window sees, and a row of
    W all weights of one output, so with dY as a matrix in the same way

        Y = W X + b,  dW = dY Xᵀ,  db = Σ dY,  dX = Wᵀ dY,

    and dx adds up dX at each pixel that several windows see. The matrix X is made again in
    `backward`, and in portions, if it is large.

    Args:
        in_channels, out_channels: of x and y.
        kernel_size: kH and kW, or one int for both.
        stride: s, or a pair.
        padding: p, a pair, or "same": with stride 1, y is then as large as x. For an even kernel
            the one more pixel is added below and at the right, as in PyTorch.
        dilation: d, or a pair.
        groups: channels are divided into so many groups, each of which has kernels of its own;
            `groups=in_channels` is a depthwise convolution.
        bias: whether there is a b; it starts at zero.
        init: initial weights, a function of the shape (fan_in, out_channels) and generator, where
            fan_in = in_channels / groups · kH · kW; see `tinynet.initializers`.
        rng: random numbers for the initial W; give all layers of a network one Generator.
        dtype: float type of the parameters.

    Raises:
        ValueError: a size that is not positive, channels that groups do not divide, "same" with a
            stride, or an x of other channels or smaller than a kernel.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
        recognition" (1998).

    Example:
        >>> layer = Conv2D(1, 6, 5, padding=2, rng=0)
        >>> layer.forward(np.ones((4, 1, 28, 28))).shape
        (4, 6, 28, 28)
        >>> [(name, view.shape) for name, view in layer.named_parameters()]
        [('W', (6, 1, 5, 5)), ('b', (6,))]
    """

    W: Array
    dW: Array
    b: Array | None
    db: Array

    _axes = 2  # of an image

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        stride: Pair = 1,
        padding: Pair | str = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer = lecun_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        inputs, outputs, groups = _channels(in_channels, out_channels, groups)
        kernel, steps = pair(kernel_size, "kernel_size"), pair(dilation, "dilation")
        strides = pair(stride, "stride")
        border = _border(padding, kernel, strides, steps)
        self.windows, self.groups = Windows(kernel, strides, steps, border), groups
        dtype, bias = float_dtype(dtype), boolean(bias, "bias")
        fan_in = inputs // groups * math.prod(kernel)
        W = initial_weights(init, (fan_in, outputs), rng)
        W = W.T.reshape(outputs, -1, *kernel[: self._axes])
        if bias:
            super().__init__(W=W, b=np.zeros(outputs), dtype=dtype)
        else:
            super().__init__(W=W, dtype=dtype)
            self.b = None

    def forward(self, x: Array) -> Array:
        self._checked(x)
        self._padded = self.windows.padded(inner(x), self.W.dtype)
        y, self._columns = self._convolved(self._padded)
        self._shape = outer(y).shape
        return outer(y)

    def predict(self, x: Array) -> Array:
        self._checked(x)
        y, _ = self._convolved(self.windows.padded(inner(x), self.W.dtype))
        return outer(y)

    def backward(self, dy: Array) -> Array:
        Conv2D.parameter_gradients(self, dy)
        dy, dpadded = inner(dy), np.zeros_like(self._padded)
        kernels = self._by_group(self.W).transpose(0, 2, 1)
        for first, last in self._portions(self._padded, _WHOLE):
            part = self._by_group(dy[:, first:last])
            shape = *kernels.shape[:2], part.shape[2]
            dcolumns = np.matmul(kernels, part, out=scratch(shape, dy.dtype))
            seen = self.windows.each(dpadded, first, last)
            pieces = dcolumns.reshape(len(dpadded), len(seen), last - first, *dy.shape[2:])
            for number, gradients in enumerate(seen):
                gradients += pieces[:, number]
        return outer(self.windows.inside(dpadded))

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._shape, self.W.dtype)
        dy, dkernels = inner(dy), self._by_group(self.dW)
        dkernels[...] = 0
        for first, last in self._portions(self._padded):
            columns = self._columns
            if columns is None:
                columns = self._columns_of(self._padded, first, last)
            # the transpose of dY Xᵀ, which BLAS computes faster than the product itself
            dkernels += (columns @ self._by_group(dy[:, first:last]).transpose(0, 2, 1)).transpose(
                0, 2, 1
            )
        if self.b is not None:
            dy.sum(axis=(1, 2, 3), out=self.db)

    def _checked(self, x: Array) -> None:
        self.windows.check(self, x, self.W.shape[1] * self.groups, self.W.dtype)

    def _convolved(self, padded: Array) -> tuple[Array, Array | None]:
        """y, and the matrix of windows if it was made as one."""
        kernels, examples = self._by_group(self.W), padded.shape[-1]
        y = np.empty((len(self.W), *self.windows.shape(padded), examples), padded.dtype)
        portions = self._portions(padded)
        columns: Array | None = None
        for first, last in portions:
            columns = self._columns_of(padded, first, last)
            part = y if len(portions) == 1 else np.empty_like(y[:, first:last])
            products = self._by_group(part)
            for start in range(0, columns.shape[2], WIDEST):
                here = slice(start, start + WIDEST)
                products[..., here] = kernels @ columns[..., here]
            if part is not y:
                y[:, first:last] = part
        if self.b is not None:
            y += self.b[:, None, None, None]
        return y, columns if len(portions) == 1 else None

    def _by_group(self, array: Array) -> Array:
        """Weights, or outputs (C, rows, columns, N), as one matrix a group, a row an output."""
        return array.reshape(self.groups, len(array) // self.groups, -1)

    def _portions(self, padded: Array, most: int = _PORTION) -> list[tuple[int, int]]:
        """First and last rows of outputs whose windows are put into one matrix."""
        rows, columns = self.windows.shape(padded)
        row = len(padded) * math.prod(self.windows.kernel) * columns * padded.shape[-1]
        size = rows if rows * row <= _WHOLE else max(1, most // row)
        return [(first, min(first + size, rows)) for first in range(0, rows, size)]

    def _columns_of(self, padded: Array, first: int, last: int) -> Array:
        """What each window sees, as one matrix for each group, a column for each window."""
        seen = self.windows.all(padded, first, last)
        if last - first == self.windows.shape(padded)[0]:
            columns = np.ascontiguousarray(seen)
        else:
            columns = scratch(seen.shape, padded.dtype)
            columns[...] = seen
        inputs = len(padded) // self.groups * math.prod(self.windows.kernel)
        return columns.reshape(self.groups, inputs, -1)


class Conv1D(Conv2D):
    """y[n, o] = Σ_c W[o, c] ⋆ x[n, c] + b[o], the cross-correlation of sequences with kernels.

    Shapes: x (N, in_channels, L), W (out_channels, in_channels / groups, k), b (out_channels,),
    y (N, out_channels, L') with L' = ⌊(L + 2 p − d (k − 1) − 1) / s⌋ + 1. It is computed as the
    `Conv2D` of images of one column.

    Args:
        in_channels, out_channels, groups, bias, init, rng, dtype: as for `Conv2D`.
        kernel_size, stride, dilation: k, s and d, ints.
        padding: p, an int, or "same".

    Raises:
        ValueError, TypeError: as for `Conv2D`.

    Example:
        >>> Conv1D(3, 8, 5, padding="same", rng=0).forward(np.ones((4, 3, 20))).shape
        (4, 8, 20)
    """

    _axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        init: Initializer = lecun_normal,
        rng: Rng = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            (positive_int(kernel_size, "kernel_size"), 1),
            stride=(positive_int(stride, "stride"), 1),
            padding=padding
            if isinstance(padding, str)
            else (positive_int(padding, "padding", 0), 0),
            dilation=(positive_int(dilation, "dilation"), 1),
            groups=groups,
            bias=bias,
            init=init,
            rng=rng,
            dtype=dtype,
        )

    def forward(self, x: Array) -> Array:
        return super().forward(self._one_column(x))[..., 0]

    def predict(self, x: Array) -> Array:
        return super().predict(self._one_column(x))[..., 0]

    def backward(self, dy: Array) -> Array:
        return super().backward(self._gradient(dy))[..., 0]

    def parameter_gradients(self, dy: Array) -> None:
        super().parameter_gradients(self._gradient(dy))

    def _one_column(self, x: Array) -> Array:
        check_numbers("x", x)
        channels = self.W.shape[1] * self.groups
        if x.ndim != 3 or x.shape[1] != channels:
            hint = ""
            if x.ndim == 3 and x.shape[2] == channels:
                hint = " Are the features last? Permute((2, 1)) puts them second."
            elif x.ndim == 2:
                hint = " Sequences of one channel: x[:, np.newaxis]." * (channels == 1)
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {channels}, L).{hint}"
            )
        return x[..., np.newaxis]

    def _gradient(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape[:3], self.W.dtype)
        return dy[..., np.newaxis]


def _channels(inputs: object, outputs: object, groups: object) -> tuple[int, int, int]:
    into, out = positive_int(inputs, "in_channels"), positive_int(outputs, "out_channels")
    parts = positive_int(groups, "groups")
    if into % parts or out % parts:
        raise ValueError(
            f"groups must divide in_channels and out_channels; got groups={parts} for {into} and "
            f"{out} channels"
        )
    return into, out, parts


def _border(
    padding: object, kernel: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """What is added above and below, and left and right."""
    if not isinstance(padding, str):
        above, left = pair(padding, "padding", 0)
        return (above, above), (left, left)
    if padding != "same":
        raise ValueError(f'padding must be an int, a pair of ints or "same"; got {padding!r}')
    if stride != (1, 1):
        raise ValueError(f'padding="same" needs stride=1; got {stride}')
    height, width = (d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
    return (height // 2, height - height // 2), (width // 2, width - width // 2)
