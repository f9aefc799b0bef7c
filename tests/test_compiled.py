"""The choice of the engine, which needs no Numba: what has a compiled form, and what is said."""

import copy

import numpy as np
import pytest

from tinynet import (
    SGD,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Flatten,
    Frozen,
    Layer,
    MSELoss,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Softmax,
    detect_anomaly,
    fit,
    train,
)
from tinynet.training.compiled import engine
from tinynet.training.compiled.program import NotCompiled, program

X, T = np.random.default_rng(0).normal(size=(8, 6)), np.ones((8, 2))


def dense(*more, **options):
    return Sequential(Dense(6, 2, rng=0, **options), *more)


def test_the_table_names_places_on_the_flat_vector():
    rng = np.random.default_rng(0)
    inner = Sequential(ReLU(), Dense(4, 3, bias=False, rng=rng))
    net = Sequential(Flatten(), Dense(6, 4, rng=rng), inner, Dense(3, 2, rng=rng))
    plan = program(net, MSELoss(), X.reshape(8, 2, 3), T)
    np.testing.assert_array_equal(
        plan.table,
        [[0, 6, 4, 0, 24, 0], [3, 4, 4, -1, -1, 4], [0, 4, 3, 28, -1, 8], [0, 3, 2, 40, 46, 11]],
    )
    assert plan.width == 13
    for row in plan.table[[0, 2, 3]]:
        W = net.params[row[3] : row[3] + row[1] * row[2]].reshape(row[1], row[2])
        assert any(np.shares_memory(W, layer.W) for layer in net.walk() if isinstance(layer, Dense))


class Own(ReLU):
    pass


def replaced():
    layer = ReLU()
    layer.forward = lambda x: x
    return layer


@pytest.mark.parametrize(
    ("net", "loss", "x", "t", "what"),
    [
        (dense(Dropout(0.5), Dropout(0.5)), MSELoss(), X, T, "Dropouts with several generators"),
        (dense(Residual(ReLU())), MSELoss(), X, T, r"Residual\(ReLU\(\)\)"),
        (dense(Own()), MSELoss(), X, T, r"Own\(\), which is not one of tinynet's own"),
        (dense(replaced()), MSELoss(), X, T, r"ReLU\(\), which is not one of tinynet's own"),
        (Sequential(Frozen(Dense(6, 4)), Dense(4, 2)), MSELoss(), X, T, "Frozen"),
        (dense(dtype=np.float32), MSELoss(), X, T, "x of float64 for a network of float32"),
        (
            Sequential(Reshape((3, 2)), Dense(2, 2)),
            MSELoss(),
            X,
            np.ones((8, 3, 2)),
            r"Dense\(2, 2\) on sequences",
        ),
        (
            Sequential(Dense(6, 4), Reshape((2, 2)), Softmax(), Flatten(), Dense(4, 2)),
            MSELoss(),
            X,
            T,
            r"Softmax\(\) on sequences",
        ),
        (dense(), MSELoss(), X, T.astype(np.float32), r"targets of shape \(8, 2\) and float32"),
        (dense(), CrossEntropyLoss(), X, T / 2, "of rows of probabilities"),
        (dense(), CrossEntropyLoss(weight=[1, 2]), X, np.ones(8, int), "with weights"),
        (dense(), type("Mine", (MSELoss,), {})(), X, T, r"Mine\(\)"),
        (Sequential(ReLU()), MSELoss(), X, X, "a network without parameters"),
    ],
)
def test_what_has_no_compiled_form_is_named(net, loss, x, t, what):
    with pytest.raises(NotCompiled, match=what):
        program(net, loss, x, t)


def test_a_watched_network_is_not_compiled():
    net = dense(ReLU())
    with detect_anomaly(net), pytest.raises(NotCompiled):
        program(net, MSELoss(), X, T)
    program(net, MSELoss(), X, T)


def test_without_numba_the_numpy_path_is_taken_and_compiled_is_refused(monkeypatch):
    monkeypatch.setattr(engine, "_kernels", lambda: None)
    monkeypatch.setattr(engine, "FEWEST_STEPS", 1)
    nets = [dense() for _ in range(2)]
    for net, name in zip(nets, ("auto", "numpy"), strict=True):
        list(train(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=2, rng=0, engine=name))
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
    for run in (train, fit):
        before = nets[0].params.copy()
        with pytest.raises(ValueError, match=r"Numba, which is not installed: pip install"):
            run(nets[0], MSELoss(), SGD(nets[0], lr=0.1), X, T, epochs=2, engine="compiled")
        np.testing.assert_array_equal(nets[0].params, before)


def test_a_numba_that_does_not_work_is_one_warning(monkeypatch):
    def broken(name):
        raise ImportError("Numba needs another NumPy")

    engine._kernels.cache_clear()
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(engine.importlib, "import_module", broken)
    with pytest.warns(UserWarning, match="nothing is compiled: Numba needs another NumPy"):
        assert engine._kernels() is None
    assert engine._kernels() is None
    engine._kernels.cache_clear()


@pytest.mark.parametrize("name", ["Compiled", "", None, 1, np.ones(3), ["auto"]])
def test_an_engine_that_is_none_is_refused(name):
    net = dense()
    for run in (train, fit):
        with pytest.raises((ValueError, TypeError), match=r"engine must be one of .*'numpy'\)"):
            run(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, engine=name)


def test_an_optimizer_of_a_part_is_named(monkeypatch):
    monkeypatch.setattr(engine, "_kernels", lambda: object())
    net = Sequential(Dense(6, 2, rng=0), ReLU())
    with pytest.raises(ValueError, match="an optimizer of a part of the network"):
        train(net, MSELoss(), SGD(net[0], lr=0.1), X, T, epochs=1, engine="compiled")


def test_a_layer_of_ones_own_stays_on_the_numpy_path(monkeypatch):
    class Half(Layer):
        def forward(self, x):
            return x / 2

        def backward(self, dy):
            return dy / 2

    monkeypatch.setattr(engine, "FEWEST_STEPS", 1)
    nets = [dense(Half()) for _ in range(2)]
    for net, name in zip(nets, ("auto", "numpy"), strict=True):
        loss, optimizer = copy.copy(MSELoss()), SGD(net, lr=0.1)
        list(train(net, loss, optimizer, X, T, epochs=2, rng=0, engine=name, blocked=False))
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
