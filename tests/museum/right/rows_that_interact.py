"""Rows that see each other while training."""

import numpy as np

from tinynet import Layer

from ..plain.layers import BatchNorm
from ..tables import right


@right(
    input_shape=(6, 3),
    skip=("batch_of_one", "batch_of_none"),
    reason="the variance of one example is zero, which training refuses",
)
class BatchNormStrict(BatchNorm):
    """Batch normalisation that refuses a batch of fewer than two."""

    def statistics(self, x):
        if len(x) < 2:
            raise ValueError("batch normalisation trains on two examples or more")
        return super().statistics(x)


@right(input_shape=(6, 3))
class BatchNormCumulative(BatchNorm):
    """Running statistics as the plain mean over all batches so far."""

    buffers = ("running_mean", "running_variance", "batches")

    def __init__(self):
        super().__init__()
        self.batches = np.array(0)

    def statistics(self, x):
        self.batches = self.batches + 1
        self.momentum = 1 / float(self.batches)
        return super().statistics(x)


@right(input_shape=(4, 3))
class CentredByBatch(Layer):
    """x − mean of the batch, which predict replaces by a running mean."""

    buffers = ("mean",)

    def __init__(self):
        self.mean = np.zeros(3)

    def forward(self, x):
        rows = max(len(x), 1)
        mean = x.sum(axis=0) / rows
        self.mean = 0.9 * self.mean + 0.1 * mean
        return x - mean

    def predict(self, x):
        return x - self.mean.astype(x.dtype, copy=False)

    def backward(self, dy):
        return dy - dy.sum(axis=0) / max(len(dy), 1)


@right(input_shape=(3, 2, 4))
class NormOfPositions(Layer):
    """Subtracts the mean of rows and positions: one row will do, and none is refused."""

    buffers = ("mean",)

    def __init__(self):
        self.mean = np.zeros((2, 1))

    def forward(self, x):
        if not len(x):
            raise ValueError("a batch without rows has no mean")
        mean = x.mean(axis=(0, 2), keepdims=True)
        if not self.is_frozen():
            self.mean = 0.9 * self.mean + 0.1 * mean[0]
        return x - mean

    def predict(self, x):
        return x - self.mean

    def backward(self, dy):
        return dy - dy.mean(axis=(0, 2), keepdims=True)
