"""Pooling: one number for each window of an image, for the whole image, or for all steps."""

import math

import numpy as np

from tinynet.checks import check_gradient, floats
from tinynet.layers.base import Layer
from tinynet.layers.masks import counting_steps
from tinynet.layers.steps import check_steps
from tinynet.layers.windows import Pair, Windows, inner, outer, pair
from tinynet.types import Array


class _Pool2D(Layer):
    """What both kinds of pooling share: the windows."""

    def __init__(self, kernel_size: Pair, *, stride: Pair | None = None, padding: Pair = 0) -> None:
        kernel, (above, left) = pair(kernel_size, "kernel_size"), pair(padding, "padding", 0)
        if 2 * above > kernel[0] or 2 * left > kernel[1]:
            raise ValueError(
                f"padding must be at most half of kernel_size, so that no window is empty; got "
                f"padding={(above, left)} for kernel_size={kernel}"
            )
        strides = kernel if stride is None else pair(stride, "stride")
        self.windows = Windows(kernel, strides, padding=((above, above), (left, left)))

    def _images(self, x: Array) -> Array:
        x = floats(x, "x")
        self.windows.check(self, x, None)
        return inner(x)


class MaxPool2D(_Pool2D):
    """y[n, c, i, j] = the largest x[n, c] in the window at (i, j); dx is dy where that one lies.

    Shapes: x (N, C, H, W), y (N, C, H', W') with H' = ⌊(H + 2 p − k) / s⌋ + 1. Rows and columns
    that are left over at the end are not looked at, as in PyTorch. If several are equally large,
    the first one of the window, row by row, gets the gradient: as one of them moves up, y follows,
    and as it moves down, y stays.

    Args:
        kernel_size: k, the height and width of a window, or one int for both.
        stride: s, from one window to the next; by default k, so that windows do not overlap.
        padding: p, a border that is smaller than every number.

    Raises:
        ValueError: a size that is not positive, a padding of more than half a window, or an x that
            is no batch of images or smaller than a window.

    Example:
        >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
        >>> MaxPool2D(2).forward(x)
        array([[[[ 5.,  7.],
                 [13., 15.]]]])
    """

    def forward(self, x: Array) -> Array:
        images = self._images(x)
        self._padded = self.windows.padded(images, images.dtype, -np.inf)
        self._y = self._largest(self._padded)
        return outer(self._y)

    def predict(self, x: Array) -> Array:
        images = self._images(x)
        return outer(self._largest(self.windows.padded(images, images.dtype, -np.inf)))

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, outer(self._y).shape)
        dy, dpadded = inner(dy), np.zeros_like(self._padded)
        free = np.ones(self._y.shape, bool)  # windows whose largest has not been met yet
        pairs = zip(self.windows.each(self._padded), self.windows.each(dpadded), strict=True)
        for values, gradients in pairs:
            here = values == self._y
            here &= free
            free ^= here
            if self.windows.apart():
                np.multiply(dy, here, out=gradients)
            else:
                gradients += dy * here
        return outer(self.windows.inside(dpadded))

    def _largest(self, padded: Array) -> Array:
        first, *others = self.windows.each(padded)
        y = first.copy()
        for values in others:
            np.maximum(y, values, out=y)
        return y


class AvgPool2D(_Pool2D):
    """y[n, c, i, j] = the mean of x[n, c] in the window at (i, j); dx = Σ dy / (kH kW).

    Shapes: as for `MaxPool2D`. The sum for dx is over the windows that hold the pixel. Padding
    counts as zeros, as in PyTorch; Keras leaves it out of the mean.

    Args:
        kernel_size, stride: as for `MaxPool2D`.
        padding: a border of zeros.

    Raises:
        ValueError: as for `MaxPool2D`.

    Example:
        >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
        >>> AvgPool2D(2).forward(x)
        array([[[[ 2.5,  4.5],
                 [10.5, 12.5]]]])
    """

    def forward(self, x: Array) -> Array:
        y = AvgPool2D.predict(self, x)
        self._x, self._shape = x, y.shape
        return y

    def predict(self, x: Array) -> Array:
        images = self._images(x)
        padded = self.windows.padded(images, images.dtype)
        first, *others = self.windows.each(padded)
        y = first.copy()
        for values in others:
            y += values
        y /= 1 + len(others)
        return outer(y)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape)
        share = inner(dy) / math.prod(self.windows.kernel)
        dpadded = self.windows.padded(np.zeros_like(inner(self._x), share.dtype), share.dtype)
        for gradients in self.windows.each(dpadded):
            gradients += share
        return outer(self.windows.inside(dpadded))


class GlobalAveragePool(Layer):
    """y[n, c] = the mean of x[n, c] over all pixels; dx = dy / (H W).

    Shapes: x (N, C, H, W) or (N, C, L), y (N, C).

    References:
        M. Lin, Q. Chen and S. Yan, "Network in network" (2014).

    Example:
        >>> GlobalAveragePool().forward(np.arange(8.0).reshape(1, 2, 2, 2))
        array([[1.5, 5.5]])
    """

    def forward(self, x: Array) -> Array:
        y = GlobalAveragePool.predict(self, x)
        self._shape = x.shape
        return y

    def predict(self, x: Array) -> Array:
        x = floats(x, "x")
        if x.ndim < 3 or 0 in x.shape[2:]:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, C, H, W) or (N, C, L), with at "
                f"least one pixel."
            )
        # in float64, because where examples lie innermost, float32 numbers are added one by one
        return x.mean(axis=tuple(range(2, x.ndim)), dtype=np.float64).astype(x.dtype, copy=False)

    def backward(self, dy: Array) -> Array:
        check_gradient(self, dy, self._shape[:2])
        examples, *others = self._shape
        dx = np.moveaxis(np.empty((*others, examples), dy.dtype), -1, 0)  # in the order of images
        share = dy / math.prod(others[1:])
        dx[...] = share.reshape(*dy.shape, *(1 for _ in others[1:]))
        return dx


class AverageSteps(Layer):
    """y[n] = the mean of x[n, t] over the steps t that count; dx[n, t] = dy[n] / their number.

    Shapes: x (N, steps, features), y (N, features). All steps count, unless a `Masked` around this
    layer, or the argument `mask` of `forward` and `predict`, says which do: mask (N, steps), True
    for a step that counts. In Keras it is `GlobalAveragePooling1D`.

    Raises:
        ValueError: an x of other axes or without steps.

    Example:
        >>> AverageSteps().forward(np.array([[[1.0, 10.0], [3.0, 30.0]]]))
        array([[ 2., 20.]])
    """

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        check_steps(self, x)
        counts = counting_steps(self, x, mask)
        y = AverageSteps.predict(self, x, counts)
        self._counts, self._shape = counts, x.shape
        return y

    def predict(self, x: Array, mask: Array | None = None) -> Array:
        check_steps(self, x)
        x, counts = floats(x, "x"), counting_steps(self, x, mask)
        if counts is None:
            return x.mean(axis=1)
        total = np.where(counts[:, :, None], x, 0).sum(axis=1)
        return total / counts.sum(axis=1, keepdims=True).astype(x.dtype)

    def backward(self, dy: Array) -> Array:
        examples, steps, features = self._shape
        check_gradient(self, dy, (examples, features))
        if self._counts is None:
            return np.repeat(dy[:, None] / steps, steps, axis=1)
        share = dy / self._counts.sum(axis=1, keepdims=True).astype(dy.dtype)
        return np.where(self._counts[:, :, None], share[:, None], 0)
