"""Layers that bring their inputs to mean 0 and variance 1."""

import numpy as np
from numpy.typing import DTypeLike

from tinynet.checks import fraction, positive, positive_int
from tinynet.layers.base import Layer
from tinynet.types import Array

__all__ = ["BatchNorm", "LayerNorm"]


class BatchNorm(Layer):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), where μ and σ² are the batch's, by feature.

    Shapes: x and y (N, features), gain and bias (features,). σ² is the mean of (x − μ)².

    Inference takes running statistics for μ and σ². Each `forward` moves them towards its batch,

        running ← running + momentum (batch − running),

    by PyTorch's conventions: `momentum` is the weight of the new batch (Keras's 0.99 is that of the
    old), and what goes into `running_var` is the unbiased variance, N / (N − 1) σ². (The paper
    averages over batches instead.) They start at 0 and 1.

    In a `Frozen` it stands still: `forward` takes the running statistics and leaves them alone.

    Args:
        features: number of features.
        momentum: weight of the new batch, 0 ≤ momentum < 1.
        eps: ε > 0, which keeps a constant feature from dividing by zero.
        dtype: float type of the parameters and statistics.

    Attributes:
        gain: γ of the paper, starts at 1.
        bias: β of the paper, starts at 0.
        running_mean: a buffer, saved with the parameters.
        running_var: the same.

    Raises:
        ValueError: a number outside its range, an x of another width, or a `forward` of fewer than
            two rows, whose variance is 0 whatever they hold.
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

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        dtype: DTypeLike = np.float64,
    ) -> None:
        positive_int(features, "features")
        rule = "the weight of the new batch, 0 <= momentum < 1"
        self.momentum, self.eps = fraction(momentum, "momentum", rule), positive(eps, "eps")
        super().__init__(gain=np.ones(features), bias=np.zeros(features), dtype=dtype)
        self.running_mean, self.running_var = np.zeros(features, dtype), np.ones(features, dtype)
        self.input_shape = (features,)

    def forward(self, x: Array) -> Array:
        """y = gain x̂ + bias; moves the running statistics, unless frozen."""
        x = _checked(self, x, axes="(N, features)")
        frozen = self.is_frozen()
        if frozen:
            centred, variance = x - self.running_mean, self.running_var
        else:
            self._check_rows(x)
            mean = x.mean(axis=0)
            centred = x - mean
            variance = (centred * centred).mean(axis=0)
            unbiased = variance * (len(x) / (len(x) - 1))
            self.running_mean += self.momentum * (mean - self.running_mean)
            self.running_var += self.momentum * (unbiased - self.running_var)
        self._deviation = np.sqrt(variance + self.eps)
        self._normalized, self._frozen = centred / self._deviation, frozen
        return self.gain * self._normalized + self.bias

    def predict(self, x: Array) -> Array:
        """y = gain x̂ + bias by the running statistics."""
        x = _checked(self, x, axes="(N, features)")
        deviation = np.sqrt(self.running_var + self.eps)
        return (x - self.running_mean) * (self.gain / deviation) + self.bias

    def backward(self, dy: Array) -> Array:
        """dx = gain (dy − mean(dy) − x̂ mean(dy x̂)) / √(σ² + ε), means over the batch.

        μ and σ² depend on every row, which is where the means come from; if frozen they are
        constants, and dx = gain dy / √(σ² + ε).
        """
        BatchNorm.parameter_gradients(self, dy)
        if self._frozen:
            return dy * (self.gain / self._deviation)
        mean, slope = self.dbias / len(dy), self.dgain / len(dy)
        return (dy - mean - self._normalized * slope) * (self.gain / self._deviation)

    def parameter_gradients(self, dy: Array) -> None:
        """Overwrite dgain = Σ dy x̂ and dbias = Σ dy over the batch."""
        _check_gradient(self, dy, self._normalized)
        (dy * self._normalized).sum(axis=0, out=self.dgain)
        dy.sum(axis=0, out=self.dbias)

    def _check_rows(self, x: Array) -> None:
        if len(x) < 2:
            raise ValueError(
                f"{self!r} got a batch of {len(x)} in training: it needs at least 2 examples, as "
                f"the variance of one is 0. Use a larger batch_size, and one that leaves no single "
                f"example over at the end of an epoch. For inference call predict."
            )


class LayerNorm(Layer):
    """y = gain x̂ + bias with x̂ = (x − μ) / √(σ² + ε), where μ and σ² are each example's own.

    Shapes: x and y (N, ..., features), gain and bias (features,); μ and σ² are taken over the last
    axis, σ² as the mean of (x − μ)². Training and inference are the same, and so are they in
    PyTorch (whose `weight` is gain).

    Args:
        features: length of the last axis.
        eps: ε > 0, which keeps a constant example from dividing by zero.
        dtype: float type of the parameters.

    Attributes:
        gain: starts at 1.
        bias: starts at 0.

    Raises:
        ValueError: a number outside its range, or an x of another width.
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

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64) -> None:
        positive_int(features, "features")
        self.eps = positive(eps, "eps")
        super().__init__(gain=np.ones(features), bias=np.zeros(features), dtype=dtype)

    def forward(self, x: Array) -> Array:
        """y = gain x̂ + bias."""
        self._normalized, self._deviation = self._normalize(x)
        return self.gain * self._normalized + self.bias

    def predict(self, x: Array) -> Array:
        """y = gain x̂ + bias."""
        normalized, _ = self._normalize(x)
        return self.gain * normalized + self.bias

    def backward(self, dy: Array) -> Array:
        """dx = (g − mean(g) − x̂ mean(g x̂)) / √(σ² + ε), g = gain dy, means over the last axis."""
        LayerNorm.parameter_gradients(self, dy)
        g = dy * self.gain
        mean = g.mean(axis=-1, keepdims=True)
        slope = (g * self._normalized).mean(axis=-1, keepdims=True)
        return (g - mean - self._normalized * slope) / self._deviation

    def parameter_gradients(self, dy: Array) -> None:
        """Overwrite dgain = Σ dy x̂ and dbias = Σ dy, over all axes but the last."""
        _check_gradient(self, dy, self._normalized)
        others = tuple(range(dy.ndim - 1))
        (dy * self._normalized).sum(axis=others, out=self.dgain)
        dy.sum(axis=others, out=self.dbias)

    def _normalize(self, x: Array) -> tuple[Array, Array]:
        """x̂ and √(σ² + ε)."""
        x = _checked(self, x, axes="(N, ..., features)")
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self.eps)
        return centred / deviation, deviation


def _checked(layer: BatchNorm | LayerNorm, x: Array, *, axes: str) -> Array:
    """x in the float type of the layer, as a mean in its own would be too wide or too narrow."""
    features = len(layer.gain)
    fits = x.ndim >= 2 if "..." in axes else x.ndim == 2
    if not fits or x.shape[-1] != features:
        mend = "One example is a batch of one: x[np.newaxis]." if x.ndim == 1 else ""
        raise ValueError(
            f"{layer!r} got x of shape {x.shape}: it must be {axes}, with {features} "
            f"features. {mend}"
        )
    dtype = layer.gain.dtype
    if np.result_type(x, layer.gain) != dtype:
        raise TypeError(
            f"{layer!r} has {dtype} parameters and got x of {x.dtype}: "
            f"convert it once with x.astype(np.{dtype})."
        )
    return x.astype(dtype, copy=False)


def _check_gradient(layer: BatchNorm | LayerNorm, dy: Array, y: Array) -> None:
    if dy.shape != y.shape or dy.dtype != layer.gain.dtype:
        raise ValueError(
            f"{layer!r} got dy of shape {dy.shape} and {dy.dtype}: after its last forward it must "
            f"be {y.shape} and {layer.gain.dtype}."
        )
