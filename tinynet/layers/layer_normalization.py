"""Layers that normalize the features of each example by itself."""

import math

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import (
    boolean,
    check_input,
    check_numbers,
    check_width,
    positive,
    positive_int,
)
from tinynet.layers.normalization import Normalization
from tinynet.option import Option
from tinynet.types import Array


class LayerNorm(Normalization):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), where μ and σ² are each example's own.

    Shapes: x and y (N, ..., features), gain and bias (features,), which start at 1 and 0. μ and σ²
    are taken over the last axis, σ² as the mean of (x − μ)². With g = gain dy,

        dgain = Σ dy x̂,  dbias = Σ dy,  dx = (g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε),

    with sums over all axes but the last, means over the last. Training and inference are the same.
    PyTorch calls gain `weight`.

    Args:
        features: length of the last axis.
        eps: ε > 0, which avoids a division by zero if an example is constant.
        affine: whether there are gain and bias; without them, y = x̂. PyTorch calls it
            `elementwise_affine`.
        bias: whether there is a bias beside the gain.
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

    eps = Option(positive)
    _axis = -1

    def __init__(
        self,
        features: int,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        features, self.eps = positive_int(features, "features"), eps
        affine, bias = boolean(affine, "affine"), boolean(bias, "bias")
        super().__init__(features, gain=affine, bias=affine and bias, dtype=dtype)

    def forward(self, x: Array) -> Array:
        x = _checked(self, x)
        mean = x.mean(axis=-1, keepdims=True, dtype=np.float64)  # as in BatchNorm
        centred = x - mean.astype(x.dtype, copy=False)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        self._deviation = np.sqrt(variance + self.eps)
        self._normalized = centred / self._deviation
        return self._y()

    def backward(self, dy: Array) -> Array:
        LayerNorm.parameter_gradients(self, dy)
        g = self._times_gain(dy)
        mean = g.mean(axis=-1, keepdims=True)
        slope = (g * self._normalized).mean(axis=-1, keepdims=True)
        return (g - mean - self._normalized * slope) / self._deviation

    def parameter_gradients(self, dy: Array) -> None:
        self._add_up(dy)


class RMSNorm(Normalization):
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
        affine: whether there is a gain; without it, y = x̂.
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

    eps = Option(positive)
    _axis = -1

    def __init__(
        self,
        features: int,
        *,
        eps: float = 1e-6,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        features, affine = positive_int(features, "features"), boolean(affine, "affine")
        self.eps = eps
        super().__init__(features, gain=affine, bias=False, dtype=dtype)

    def forward(self, x: Array) -> Array:
        x = _checked(self, x)
        self._r = np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)
        self._normalized = x / self._r
        return self._y()

    def backward(self, dy: Array) -> Array:
        RMSNorm.parameter_gradients(self, dy)
        g = self._times_gain(dy)
        slope = (g * self._normalized).mean(axis=-1, keepdims=True)
        return (g - self._normalized * slope) / self._r

    def parameter_gradients(self, dy: Array) -> None:
        self._add_up(dy)


class GroupNorm(Normalization):
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
        affine: whether there are gain and bias; without them, y = x̂.
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

    eps = Option(positive)

    def __init__(
        self,
        groups: int,
        channels: int,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        groups, channels = positive_int(groups, "groups"), positive_int(channels, "channels")
        if channels % groups:
            raise ValueError(f"groups must divide channels; got {groups} and {channels}")
        self.eps, self._groups, affine = eps, groups, boolean(affine, "affine")
        super().__init__(channels, gain=affine, bias=affine, dtype=dtype)

    def forward(self, x: Array) -> Array:
        check_numbers("x", x)
        channels, dtype = self._features, self.params.dtype
        if x.ndim < 2 or x.shape[1] != channels or not math.prod(x.shape[1:]):
            last = x.ndim > 2 and x.shape[-1] == channels
            hint = " Are the channels last? np.moveaxis(x, -1, 1) puts them second." * last
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {channels}, ...), with "
                f"the channels second.{hint}"
            )
        check_width(self, x, dtype)
        x = x.astype(dtype, copy=False)
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
        return self._y()

    def backward(self, dy: Array) -> Array:
        GroupNorm.parameter_gradients(self, dy)
        g, normalized = self._by_group(self._times_gain(dy)), self._normalized
        normalized = self._by_group(normalized)
        mean, slope = _group_mean(g), _group_mean(g * normalized)
        return ((g - mean - normalized * slope) / self._deviation).reshape(dy.shape)

    def parameter_gradients(self, dy: Array) -> None:
        self._add_up(dy)

    def _by_group(self, x: Array) -> Array:
        """(N, channels, ...) as (N, groups, channels of a group, ...)."""
        channels = x.shape[1] // self._groups
        return x.reshape(len(x), self._groups, channels, *x.shape[2:])


def _checked(layer: Normalization, x: Array) -> Array:
    """x in the float type of the layer, in which the means are to be computed."""
    check_input(layer, x, "(N, ..., features)", layer._features, layer.params.dtype)
    return x.astype(layer.params.dtype, copy=False)


def _group_mean(x: Array) -> Array:
    """The mean of each group of x (N, groups, channels of a group, ...), with the axes of x.

    It is computed in float64, because where examples lie innermost in memory, as behind a
    convolution, float32 numbers are added one by one, and a sum of many loses digits.
    """
    axes = tuple(range(2, x.ndim))
    return x.mean(axis=axes, keepdims=True, dtype=np.float64).astype(x.dtype, copy=False)
