"""Layers that normalize the features of each example by itself."""

import math

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import (
    check_gradient,
    check_input,
    check_numbers,
    check_width,
    float_dtype,
    positive,
    positive_int,
)
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.types import Array


class LayerNorm(Layer):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), where μ and σ² are each example's own.

    Shapes: x and y (N, ..., features), gain and bias (features,), which start at 1 and 0. μ and σ²
    are taken over the last axis, σ² as the mean of (x − μ)². With g = gain dy,

        dgain = Σ dy x̂,  dbias = Σ dy,  dx = (g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε),

    with sums over all axes but the last, means over the last. Training and inference are the same.
    PyTorch calls gain `weight`.

    Args:
        features: length of the last axis.
        eps: ε > 0, which avoids a division by zero if an example is constant.
        dtype: float type of the parameters.

    Raises:
        ValueError: an x of another width.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        J. L. Ba, J. R. Kiros, G. Hinton, "Layer normalization" (2016).

    Example:
        >>> LayerNorm(2).forward(np.array([[1.0, 3.0], [10.0, 50.0]])).round(4)
        array([[-1., 1.], [-1., 1.]])
    """

    gain: Array
    dgain: Array
    bias: Array
    dbias: Array

    eps = Option(positive)

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64) -> None:
        features, dtype = positive_int(features, "features"), float_dtype(dtype)
        self.eps = eps
        super().__init__(gain=np.ones(features), bias=np.zeros(features), dtype=dtype)

    def forward(self, x: Array) -> Array:
        x = _checked(self, x, "(N, ..., features)")
        mean = x.mean(axis=-1, keepdims=True, dtype=np.float64)  # as in BatchNorm
        centred = x - mean.astype(x.dtype, copy=False)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        self._deviation = np.sqrt(variance + self.eps)
        self._normalized = centred / self._deviation
        return self.gain * self._normalized + self.bias

    def backward(self, dy: Array) -> Array:
        LayerNorm.parameter_gradients(self, dy)
        g = dy * self.gain
        mean = g.mean(axis=-1, keepdims=True)
        slope = (g * self._normalized).mean(axis=-1, keepdims=True)
        return (g - mean - self._normalized * slope) / self._deviation

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._normalized.shape, self.gain.dtype)
        others = tuple(range(dy.ndim - 1))
        (dy * self._normalized).sum(axis=others, out=self.dgain)
        dy.sum(axis=others, out=self.dbias)


class RMSNorm(Layer):
    """y = gain x̂ with x̂ = x / r, where r = √(mean(x²) + ε) is each example's own.

    Shapes: x and y (N, ..., features), gain (features,), which starts at 1. The mean is taken over
    the last axis. With g = gain dy,

        dgain = Σ dy x̂,  dx = (g − x̂ mean(g x̂)) / r,

    with the sum over all axes but the last, means over the last. It is `LayerNorm` without μ and
    bias. Training and inference are the same. PyTorch calls gain `weight`.

    Args:
        features: length of the last axis.
        eps: ε > 0, which avoids a division by zero; 10⁻⁶ as in Keras (PyTorch's is the machine
            epsilon, about 10⁻⁷ in float32).
        dtype: float type of gain.

    Raises:
        ValueError: an x of another width.
        TypeError: an x whose float type is wider than that of gain.

    References:
        B. Zhang and R. Sennrich, "Root mean square layer normalization" (2019).

    Example:
        >>> RMSNorm(2).forward(np.array([[3.0, 4.0], [30.0, 40.0]])).round(4)
        array([[0.8485, 1.1314], [0.8485, 1.1314]])
    """

    gain: Array
    dgain: Array

    eps = Option(positive)

    def __init__(self, features: int, *, eps: float = 1e-6, dtype: DTypeLike = np.float64) -> None:
        features, dtype = positive_int(features, "features"), float_dtype(dtype)
        self.eps = eps
        super().__init__(gain=np.ones(features), dtype=dtype)

    def forward(self, x: Array) -> Array:
        x = _checked(self, x, "(N, ..., features)")
        self._r = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)
        self._normalized = x / self._r
        return self.gain * self._normalized

    def backward(self, dy: Array) -> Array:
        RMSNorm.parameter_gradients(self, dy)
        g = dy * self.gain
        slope = (g * self._normalized).mean(axis=-1, keepdims=True)
        return (g - self._normalized * slope) / self._r

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._normalized.shape, self.gain.dtype)
        (dy * self._normalized).sum(axis=tuple(range(dy.ndim - 1)), out=self.dgain)


class GroupNorm(Layer):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), by groups of each example's channels.

    Shapes: x and y (N, channels, ...), for images (N, channels, H, W); gain and bias (channels,),
    which start at 1 and 0. The channels are divided into groups of neighbours, and μ and σ² are
    taken over all channels and pixels of a group, σ² as the mean of (x − μ)². With g = gain dy,

        dgain = Σ dy x̂,  dbias = Σ dy,  dx = (g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε),

    with sums over examples and pixels, means over the group. Training and inference are the same,
    whatever the batch size. One group normalizes the whole example; as many groups as channels are
    "instance normalization". PyTorch calls gain `weight`.

    Args:
        groups: number of groups, which divides the channels.
        channels: number of channels, the second axis of x.
        eps: ε > 0, which avoids a division by zero if a group is constant.
        dtype: float type of the parameters.

    Raises:
        ValueError: channels that groups do not divide, an x of other channels, or groups of one
            number.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        Y. Wu and K. He, "Group normalization" (2018).

    Example:
        >>> x = np.array([[[1.0, 3.0], [1.0, 3.0], [10.0, 50.0]]])  # three channels of two pixels
        >>> GroupNorm(3, 3).forward(x).round(4)
        array([[[-1., 1.], [-1., 1.], [-1., 1.]]])
    """

    gain: Array
    dgain: Array
    bias: Array
    dbias: Array

    eps = Option(positive)

    def __init__(
        self, groups: int, channels: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64
    ) -> None:
        groups, channels = positive_int(groups, "groups"), positive_int(channels, "channels")
        if channels % groups:
            raise ValueError(f"groups must divide channels; got {groups} and {channels}")
        self.eps, self._groups, dtype = eps, groups, float_dtype(dtype)
        super().__init__(gain=np.ones(channels), bias=np.zeros(channels), dtype=dtype)

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        if x.ndim < 2 or x.shape[1] != len(self.gain) or not math.prod(x.shape[1:]):
            last = x.ndim > 2 and x.shape[-1] == len(self.gain)
            hint = " Are the channels last? np.moveaxis(x, -1, 1) puts them second." * last
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {len(self.gain)}, ...), with "
                f"the channels second.{hint}"
            )
        check_width(self, x, self.gain.dtype)
        x = x.astype(self.gain.dtype, copy=False)
        in_groups = self._by_group(x)
        if math.prod(in_groups.shape[2:]) == 1:
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: each group is one number, and the variance of "
                f"one is 0, so y would be the bias for any x. Take fewer groups."
            )
        centred = in_groups - _group_mean(in_groups)
        variance = _group_mean(centred * centred)
        self._deviation = np.sqrt(variance + self.eps)
        self._normalized = (centred / self._deviation).reshape(x.shape)
        return self._along(self.gain, x) * self._normalized + self._along(self.bias, x)

    def backward(self, dy: Array) -> Array:
        GroupNorm.parameter_gradients(self, dy)
        g, normalized = self._by_group(dy * self._along(self.gain, dy)), self._normalized
        normalized = self._by_group(normalized)
        mean, slope = _group_mean(g), _group_mean(g * normalized)
        return ((g - mean - normalized * slope) / self._deviation).reshape(dy.shape)

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._normalized.shape, self.gain.dtype)
        others = (0, *range(2, dy.ndim))
        (dy * self._normalized).sum(axis=others, out=self.dgain)
        dy.sum(axis=others, out=self.dbias)

    def _by_group(self, x: Array) -> Array:
        """(N, channels, ...) as (N, groups, channels of a group, ...)."""
        channels = x.shape[1] // self._groups
        return x.reshape(len(x), self._groups, channels, *x.shape[2:])

    def _along(self, values: Array, x: Array) -> Array:
        """One value for each channel, in a shape in which it meets the channels of x."""
        return values.reshape(-1, *(1,) * (x.ndim - 2))


def _checked(layer: LayerNorm | RMSNorm | GroupNorm, x: Array, axes: str) -> Array:
    """x in the float type of the layer, in which the means are to be computed."""
    check_input(layer, x, axes, layer.gain)
    return x.astype(layer.gain.dtype, copy=False)


def _group_mean(x: Array) -> Array:
    """The mean of each group of x (N, groups, channels of a group, ...), with the axes of x.

    It is computed in float64, because where examples lie innermost in memory, as behind a
    convolution, float32 numbers are added one by one, and a sum of many loses digits.
    """
    axes = tuple(range(2, x.ndim))
    return x.mean(axis=axes, keepdims=True, dtype=np.float64).astype(x.dtype, copy=False)
