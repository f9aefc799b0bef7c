"""BatchNorm: features normalized over the batch; and what all layers that normalize share."""

from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import (
    boolean,
    check_gradient,
    check_input,
    check_numbers,
    float_dtype,
    fraction,
    positive,
    positive_int,
)
from tinynet.layers.base import Layer
from tinynet.option import Option
from tinynet.types import Array


class Normalization(Layer):
    """y = gain x̂ + bias, of which each layer that normalizes makes its own x̂, `_normalized`.

    Without gain and bias, which are None then, y = x̂.
    """

    gain: Array | None
    dgain: Array
    bias: Array | None
    dbias: Array

    _normalized: Array
    _axis: ClassVar[int] = 1  # of the features

    def __init__(self, features: int, *, gain: bool, bias: bool, dtype: DTypeLike) -> None:
        self._features = features
        declared = {"gain": np.ones(features)} if gain else {}
        declared |= {"bias": np.zeros(features)} if bias else {}
        super().__init__(**declared, dtype=float_dtype(dtype))
        if not gain:
            self.gain = None
        if not bias:
            self.bias = None

    def _y(self) -> Array:
        y = self._normalized
        if self.gain is not None:
            y = self._along(self.gain, y) * y
        return y if self.bias is None else y + self._along(self.bias, y)

    def _times_gain(self, dy: Array) -> Array:
        """g = gain dy, the gradient of x̂."""
        return dy if self.gain is None else dy * self._along(self.gain, dy)

    def _add_up(self, dy: Array) -> None:
        """Overwrite dgain = Σ dy x̂ and dbias = Σ dy, where there are gain and bias."""
        check_gradient(self, dy, self._normalized.shape, self.params.dtype)
        others = self._others(dy)
        if self.gain is not None:
            (dy * self._normalized).sum(axis=others, out=self.dgain)
        if self.bias is not None:
            dy.sum(axis=others, out=self.dbias)

    def _others(self, x: Array) -> tuple[int, ...]:
        """All axes but that of the features."""
        return tuple(axis for axis in range(x.ndim) if axis != self._axis % x.ndim)

    def _along(self, values: Array, x: Array) -> Array:
        """One value for each feature, in a shape in which it meets the features of x."""
        if x.ndim == 2 or self._axis == -1:
            return values
        return values.reshape(-1, *(1,) * (x.ndim - 2))


class BatchNorm(Normalization):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), where μ and σ² are the batch's, by feature.

    Shapes: x and y (N, features), or (N, features, L) and (N, features, H, W), where the features
    are channels; gain and bias (features,), which start at 1 and 0 and are γ and β in the paper. σ²
    is the mean of (x − μ)². Because μ and σ² depend on every row,

        dgain = Σ dy x̂,  dbias = Σ dy,  dx = gain (dy − mean(dy) − x̂ mean(dy x̂)) / √(σ² + ε),

    with sums and means over the batch, and over the pixels of images. Inference uses the buffers
    `running_mean` and `running_var` for μ and σ². Each `forward` moves them towards its batch,

        running ← running + momentum (batch − running),

    by PyTorch's conventions: `momentum` is the weight of the new batch (Keras's 0.99 is that of the
    old), and what goes into `running_var` is the unbiased variance, n / (n − 1) σ² of n values.
    (The paper averages over batches instead.) They start at 0 and 1.

    Inside a `Frozen`, `forward` uses the running statistics and does not change them. They are
    constants then, so dx = gain dy / √(σ² + ε).

    Args:
        features: number of features.
        momentum: weight of the new batch, 0 ≤ momentum < 1.
        eps: ε > 0, which avoids a division by zero if a feature is constant.
        affine: whether there are gain and bias; without them, y = x̂. There are running statistics
            in any case.
        dtype: float type of the parameters and statistics.

    Raises:
        ValueError: a number outside its range, an x of other features, or a `forward` of fewer than
            two values for each feature, because the variance of one is 0.
        TypeError: an x whose float type is wider than that of the parameters.

    References:
        S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by
        reducing internal covariate shift" (2015).

    Example:
        >>> layer = BatchNorm(2)
        >>> layer.forward(np.array([[1.0, 10.0], [3.0, 50.0]])).round(4)
        array([[-1., -1.], [ 1., 1.]])
        >>> layer.running_mean, layer.running_var
        (array([0.2, 3. ]), array([ 1.1, 80.9]))
        >>> layer.predict(np.array([[0.2, 3.0]]))
        array([[0., 0.]])
    """

    running_mean: Array
    running_var: Array

    buffers = ("running_mean", "running_var")

    momentum = Option(partial(fraction, rule="the weight of the new batch, 0 <= momentum < 1"))
    eps = Option(positive)

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        features, affine = positive_int(features, "features"), boolean(affine, "affine")
        self.momentum, self.eps = momentum, eps
        super().__init__(features, gain=affine, bias=affine, dtype=dtype)
        dtype = self.params.dtype
        self.running_mean, self.running_var = np.zeros(features, dtype), np.ones(features, dtype)
        self.input_shape = (features,)

    def forward(self, x: Array) -> Array:
        x = self._checked(x)
        axes, count = self._others(x), x.size // self._features
        self._frozen = self.is_frozen()
        if self._frozen:
            mean, variance = self.running_mean, self.running_var
            centred = x - self._along(mean, x)
        else:
            if count < 2:
                raise ValueError(
                    f"{self!r} got a batch of {len(x)} in training: it needs at least 2 examples, "
                    f"because the variance of one is 0. Use a larger batch_size, which leaves no "
                    f"single example over at the end of an epoch. For inference call predict."
                )
            # float32 sums of 60,000 numbers near 10,000 would make the mean wrong by 3
            mean = x.mean(axis=axes, dtype=np.float64).astype(x.dtype, copy=False)
            centred = x - self._along(mean, x)
            variance = (centred * centred).mean(axis=axes, dtype=np.float64).astype(x.dtype)
            unbiased = variance * (count / (count - 1))
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (unbiased - self.running_var)
        self._deviation = np.sqrt(variance + self.eps)
        self._normalized = centred / self._along(self._deviation, x)
        return self._y()

    def predict(self, x: Array) -> Array:
        x = self._checked(x)
        gain = 1 if self.gain is None else self.gain
        scale = self._along(gain / np.sqrt(self.running_var + self.eps), x)
        y = (x - self._along(self.running_mean, x)) * scale
        return y if self.bias is None else y + self._along(self.bias, x)

    def backward(self, dy: Array) -> Array:
        BatchNorm.parameter_gradients(self, dy)
        gain = 1 if self.gain is None else self.gain
        scale = self._along(gain / self._deviation, dy)
        if self._frozen:
            return dy * scale
        if self.gain is None:
            axes = self._others(dy)
            sums = dy.sum(axis=axes), (dy * self._normalized).sum(axis=axes)
        else:
            sums = self.dbias, self.dgain
        count = dy.size // self._features
        mean, slope = (self._along(each / count, dy) for each in sums)
        return (dy - mean - self._normalized * slope) * scale

    def parameter_gradients(self, dy: Array) -> None:
        self._add_up(dy)

    def _checked(self, x: Array) -> Array:
        check_numbers("x", x)
        features, dtype = self._features, self.params.dtype
        if x.ndim > 2 and x.shape[1] != features:
            last = x.shape[-1] == features
            hint = " Are the features last? np.moveaxis(x, -1, 1) puts them second." * last
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {features}), "
                f"(N, {features}, L) or (N, {features}, H, W).{hint}"
            )
        rows = x if x.ndim < 3 else x.swapaxes(1, -1)
        check_input(self, rows, "(N, ..., features)", features, dtype)
        return x.astype(dtype, copy=False)
