"""BatchNorm: features normalized over the batch."""

from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import (
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


class BatchNorm(Layer):
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

    gain: Array
    dgain: Array
    bias: Array
    dbias: Array
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
        dtype: DTypeLike = np.float64,
    ) -> None:
        features, dtype = positive_int(features, "features"), float_dtype(dtype)
        self.momentum, self.eps = momentum, eps
        super().__init__(gain=np.ones(features), bias=np.zeros(features), dtype=dtype)
        self.running_mean, self.running_var = np.zeros(features, dtype), np.ones(features, dtype)
        self.input_shape = (features,)

    def forward(self, x: Array) -> Array:
        x = self._checked(x)
        axes, count = self._others(x), x.size // len(self.gain)
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
        return self._along(self.gain, x) * self._normalized + self._along(self.bias, x)

    def predict(self, x: Array) -> Array:
        x = self._checked(x)
        scale = self._along(self.gain / np.sqrt(self.running_var + self.eps), x)
        return (x - self._along(self.running_mean, x)) * scale + self._along(self.bias, x)

    def backward(self, dy: Array) -> Array:
        BatchNorm.parameter_gradients(self, dy)
        scale = self._along(self.gain / self._deviation, dy)
        if self._frozen:
            return dy * scale
        count = dy.size // len(self.gain)
        mean, slope = self._along(self.dbias / count, dy), self._along(self.dgain / count, dy)
        return (dy - mean - self._normalized * slope) * scale

    def parameter_gradients(self, dy: Array) -> None:
        check_gradient(self, dy, self._normalized.shape, self.gain.dtype)
        axes = self._others(dy)
        (dy * self._normalized).sum(axis=axes, out=self.dgain)
        dy.sum(axis=axes, out=self.dbias)

    def _checked(self, x: Array) -> Array:
        check_numbers("x", x)
        features = len(self.gain)
        if x.ndim > 2 and x.shape[1] != features:
            last = x.shape[-1] == features
            hint = " Are the features last? np.moveaxis(x, -1, 1) puts them second." * last
            raise ValueError(
                f"{self!r} got x of shape {x.shape}: it must be (N, {features}), "
                f"(N, {features}, L) or (N, {features}, H, W).{hint}"
            )
        rows = x if x.ndim < 3 else x.swapaxes(1, -1)
        check_input(self, rows, "(N, ..., features)", self.gain)
        return x.astype(self.gain.dtype, copy=False)

    def _others(self, x: Array) -> tuple[int, ...]:
        """All axes but that of the features."""
        return 0, *range(2, x.ndim)

    def _along(self, values: Array, x: Array) -> Array:
        """One value for each feature, in a shape in which it meets the features of x."""
        return values if x.ndim == 2 else values.reshape(-1, *(1,) * (x.ndim - 2))
