"""The choice of the engine, which needs no Numba: what has a compiled form, and what is said."""

import copy

import numpy as np
import pytest

from tinynet import (
    SGD,
    BatchNorm,
    Concatenate,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Flatten,
    Frozen,
    Layer,
    LayerNorm,
    MSELoss,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Softmax,
    Standardize,
    detect_anomaly,
    fit,
    train,
)
from tinynet.training import compiled
from tinynet.training.compiled import codes, engine, preparation
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
        [
            [codes.DENSE, 6, 4, 0, 24, 0, 0],
            [codes.RELU, 4, 4, -1, -1, 4, 0],
            [codes.DENSE, 4, 3, 28, -1, 8, 0],
            [codes.DENSE, 3, 2, 40, 46, 11, 0],
        ],
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
        (dense(Own()), MSELoss(), X, T, r"Own\(\), which is not one of tinynet's own"),
        (dense(replaced()), MSELoss(), X, T, r"ReLU\(\), which is not one of tinynet's own"),
        (Sequential(Frozen(Own()), Dense(6, 2)), MSELoss(), X, T, r"Own\(\), which is not"),
        (Sequential(Residual(Own()), Dense(6, 2)), MSELoss(), X, T, r"Own\(\), which is not"),
        (dense(Dropout(0.5, channels=True)), MSELoss(), X, T, r"Dropout\(0.5, channels=True\)"),
        (dense(Concatenate(ReLU(), ReLU())), MSELoss(), X, T, r"Concatenate\("),
        (dense(dtype=np.float32), MSELoss(), X, T, "x of float64 for a network of float32"),
        (
            Sequential(Reshape((3, 2)), Dense(2, 2)),
            MSELoss(),
            X,
            np.ones((8, 3, 2)),
            r"Dense\(2, 2\) on examples of shape \(3, 2\)",
        ),
        (
            Sequential(Dense(6, 4), Reshape((2, 2)), Softmax(), Flatten(), Dense(4, 2)),
            MSELoss(),
            X,
            T,
            r"Softmax\(\) on examples of shape \(2, 2\)",
        ),
        (dense(), MSELoss(), X, T.astype(np.float32), r"targets of shape \(8, 2\) and float32"),
        (
            Sequential(Reshape((3, 2))),
            CrossEntropyLoss(),
            X,
            np.ones((8, 3), int),
            "a network without parameters",
        ),
        (
            Sequential(Dense(6, 4), Reshape((2, 2))),
            CrossEntropyLoss(),
            X,
            np.ones((8, 2), int),
            r"CrossEntropyLoss\(\) of sequences",
        ),
        (dense(), type("Mine", (MSELoss,), {})(), X, T, r"Mine\(\)"),
        (Sequential(ReLU()), MSELoss(), X, X, "a network without parameters"),
        *(
            (Sequential(Dense(6, 2), layer), MSELoss(), X, T, what)
            for layer, what in [
                (BatchNorm(2, affine=False), r"BatchNorm\(2, affine=False\)"),
                (Frozen(BatchNorm(2, affine=False)), r"BatchNorm\(2, affine=False\)"),
                (Standardize(0.0, 2.0), r"Standardize\(0.0, 2.0\)"),
                (LayerNorm(2, affine=False), r"LayerNorm\(2, affine=False\)"),
                (LayerNorm(2, bias=False), r"LayerNorm\(2, bias=False\)"),
            ]
        ),
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
    monkeypatch.setattr(engine, "kernels", lambda: None)
    monkeypatch.setattr(engine, "LOADING", 0)
    monkeypatch.setattr(engine, "COMPILING", 0)
    nets = [dense() for _ in range(2)]
    for net, name in zip(nets, ("auto", "numpy"), strict=True):
        list(train(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=2, rng=0, engine=name))
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
    for run in (train, fit):
        before = nets[0].params.copy()
        with pytest.raises(ValueError, match=r"without a Numba that works: pip install"):
            run(nets[0], MSELoss(), SGD(nets[0], lr=0.1), X, T, epochs=2, engine="compiled")
        np.testing.assert_array_equal(nets[0].params, before)


def test_a_numba_that_does_not_work_is_one_warning(monkeypatch):
    def broken(name):
        raise ImportError("Numba needs another NumPy")

    preparation.kernels.cache_clear()
    monkeypatch.setattr(preparation.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(preparation.importlib, "import_module", broken)
    with pytest.warns(UserWarning, match="nothing is compiled: Numba needs another NumPy"):
        assert preparation.kernels() is None
    assert preparation.kernels() is None
    preparation.kernels.cache_clear()


@pytest.mark.parametrize(
    ("net", "batch_size", "steps", "prepared", "expected"),
    [
        (dense(ReLU()), 1, 199_999, True, False),  # 2 layers, 5 us each, take less than loading
        (dense(ReLU()), 1, 200_000, True, True),
        (dense(ReLU()), 1, 3_999_999, False, False),  # they take less than compiling
        (dense(ReLU()), 1, 4_000_000, False, True),
        (Sequential(dense(ReLU()), ReLU()), 1, 150_000, True, True),
        (Sequential(Dense(1024, 1024)), 64, 10**9, True, True),
        (Sequential(Dense(1024, 1024)), 65, 10**9, True, False),  # BLAS takes most of the time
    ],
)
def test_auto_compiles_where_the_steps_save_more_than_that_takes(
    monkeypatch, net, batch_size, steps, prepared, expected
):
    monkeypatch.setattr(engine, "is_prepared", lambda dtype: prepared)
    assert compiled.pays(net, batch_size, steps) == expected


@pytest.mark.parametrize("name", ["Compiled", "", None, 1, np.ones(3), ["auto"]])
def test_an_engine_that_is_none_is_refused(name):
    net = dense()
    for run in (train, fit):
        with pytest.raises((ValueError, TypeError), match=r"engine must be one of .*'numpy'\)"):
            run(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, engine=name)


def test_an_optimizer_of_a_part_is_named(monkeypatch):
    monkeypatch.setattr(engine, "kernels", lambda: object())
    net = Sequential(Dense(6, 2, rng=0), ReLU())
    with pytest.raises(ValueError, match="an optimizer of a part of the network"):
        train(net, MSELoss(), SGD(net[0], lr=0.1), X, T, epochs=1, engine="compiled")


def test_a_layer_of_ones_own_stays_on_the_numpy_path(monkeypatch):
    class Half(Layer):
        def forward(self, x):
            return x / 2

        def backward(self, dy):
            return dy / 2

    monkeypatch.setattr(engine, "LOADING", 0)
    monkeypatch.setattr(engine, "COMPILING", 0)
    nets = [dense(Half()) for _ in range(2)]
    for net, name in zip(nets, ("auto", "numpy"), strict=True):
        loss, optimizer = copy.copy(MSELoss()), SGD(net, lr=0.1)
        list(train(net, loss, optimizer, X, T, epochs=2, rng=0, engine=name, blocked=False))
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
