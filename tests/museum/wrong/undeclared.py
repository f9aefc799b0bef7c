"""State that a training pass changes and that is not named in buffers."""

import numpy as np

from tinynet import Layer

from ..plain.layers import BatchNorm
from ..tables import wrong


@wrong("buffers", hint="buffers = ('running_mean', 'running_variance')", input_shape=(6, 3))
class StatisticsNotNamed(BatchNorm):
    """Its running statistics are named nowhere."""

    buffers = ()


@wrong("buffers", hint="buffers = ('running_mean', 'running_variance')", input_shape=(6, 3))
class VarianceNotNamed(BatchNorm):
    """One of two running statistics is named."""

    buffers = ("running_mean",)


@wrong("buffers", hint="'statistics'", input_shape=(6, 3))
class RangeInADict(Layer):
    """predict clips to the range seen in training, which is kept in a dict."""

    def __init__(self):
        self.statistics = {"low": np.zeros(3), "high": np.zeros(3)}

    def forward(self, x):
        self.statistics["low"] = np.minimum(self.statistics["low"], x.min(axis=0))
        self.statistics["high"] = np.maximum(self.statistics["high"], x.max(axis=0))
        return x.copy()

    def backward(self, dy):
        return dy.copy()

    def predict(self, x):
        return np.clip(x, self.statistics["low"], self.statistics["high"])
