"""Every layer, loss and optimizer of tinynet goes through the full check."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinynet
from tinynet import SGD, Dense, Layer, Loss, MSELoss, Optimizer, Sequential, Sigmoid
from tinynet.testing import check_layer, check_loss, check_optimizer
from tinynet.testing.strategies import batches

ANY = batches()


@dataclass
class LayerRow:
    make: Callable[..., Layer]  # from the shape of one example
    x: st.SearchStrategy[np.ndarray] = ANY
    skip: tuple[str, ...] = ()


@dataclass
class LossRow:
    make: Callable[[], Loss]
    y: st.SearchStrategy[np.ndarray] = ANY
    target: Callable[..., np.ndarray] = lambda y, rng: rng.normal(size=y.shape)  # from y and rng


@dataclass
class OptimizerRow:
    make: Callable[[Layer], Optimizer]
    reference: Callable[..., np.ndarray]  # from params, grads and a dict for what it remembers


LAYERS = {
    "Dense": LayerRow(lambda shape: Dense(shape[0], 3, rng=0)),
    "Dense without bias": LayerRow(lambda shape: Dense(shape[0], 2, bias=False, rng=0)),
    "Sequential": LayerRow(lambda shape: Sequential(Dense(*shape, 2, rng=0), Sigmoid())),
    "Sigmoid": LayerRow(lambda shape: Sigmoid()),
}

LOSSES = {
    "MSELoss": LossRow(MSELoss),
}

OPTIMIZERS = {
    "SGD": OptimizerRow(lambda net: SGD(net, lr=0.1), lambda p, g, state: p - 0.1 * g),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    row = LAYERS[name]

    @given(row.x)
    def property_(x):
        check_layer(row.make(x.shape[1:]), x, skip=row.skip)

    property_()


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    row = LOSSES[name]

    @given(row.y, st.integers(0, 2**16))
    def property_(y, seed):
        check_loss(row.make(), y, row.target(y, np.random.default_rng(seed)))

    property_()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    check_optimizer(OPTIMIZERS[name].make, OPTIMIZERS[name].reference)


@pytest.mark.parametrize(
    ("base", "table"), [(Layer, LAYERS), (Loss, LOSSES), (Optimizer, OPTIMIZERS)]
)
def test_table_holds_everything_exported(base, table):
    exported = {name: getattr(tinynet, name) for name in tinynet.__all__}
    classes = {
        name
        for name, value in exported.items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }
    listed = {name.split(" ")[0] for name in table}
    assert not classes - listed, "exported, but without a row in the table above"
