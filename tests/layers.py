"""Small layers and networks that several test files use."""

import copy
import itertools
import pickle

import numpy as np

from tinynet import SGD, Dense, Layer, MSELoss, Sequential, Sigmoid, fit
from tinynet.initializers import zeros

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
}


def network(*widths, last=None, rng=0, dtype=float):
    """Dense layers of these widths with a Sigmoid between them, and then `last`, if it is given."""
    rng = np.random.default_rng(rng)
    layers = [Dense(widths[0], widths[1], rng=rng)]
    for inputs, outputs in itertools.pairwise(widths[1:]):
        layers += [Sigmoid(), Dense(inputs, outputs, rng=rng)]
    return Sequential(*layers, *([last] if last else []), dtype=dtype)


def one_weight(value=0.0, dtype=float):
    """A Dense layer that holds a single weight."""
    net = Dense(1, 1, bias=False, init=zeros, dtype=dtype)
    net.params[...] = value
    return net


class Scale(Layer):
    """y = gain x, one gain for each feature."""

    def __init__(self, features, start=1.0):
        super().__init__(gain=np.full(features, start))

    def forward(self, x):
        self._x = x
        return self.gain * x

    def backward(self, dy):
        self.dgain[...] = (dy * self._x).sum(axis=0)
        return dy * self.gain


class Parallel(Layer):
    """y = left(x) + offset + right(x), with a parameter of its own between its parts."""

    def __init__(self, left, right):
        super().__init__(left=left, offset=np.zeros(1), right=right)

    def forward(self, x):
        return self.left.forward(x) + self.offset + self.right.forward(x)

    def backward(self, dy):
        self.doffset[...] = dy.sum()
        return self.left.backward(dy) + self.right.backward(dy)


class Run:
    """A small network, its data, and a call of fit."""

    def __init__(self, seed=0, lr=0.5, loss=None):
        self.net = network(3, 4, 2, rng=seed)
        self.loss, self.optimizer = loss or MSELoss(), SGD(self.net, lr=lr)
        data = np.random.default_rng(9)
        self.x = data.normal(size=(40, 3))
        self.t = np.stack([self.x[:, 0] > 0, self.x[:, 0] <= 0], axis=1) * 1.0
        self.validation = data.normal(size=(10, 3)), data.uniform(size=(10, 2))

    def fit(self, **options):
        defaults = {"epochs": 3, "batch_size": 4, "progress": "off", "rng": 0}
        arguments = self.net, self.loss, self.optimizer, self.x, self.t
        return fit(*arguments, **{**defaults, **options})
