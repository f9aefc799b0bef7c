"""Standardize: the equation, constants from data, and what is refused."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinynet import (
    SGD,
    Dense,
    MSELoss,
    Sequential,
    Standardize,
    from_state_dict,
    load,
    save,
    to_state_dict,
    train,
)
from tinynet.layers import standardize

X = np.array([[1.0, 10.0], [3.0, 50.0]])


def test_the_equation_and_its_gradient():
    layer = Standardize([2.0, 30.0], [1.0, 20.0])
    np.testing.assert_array_equal(layer.forward(X), [[-1, -1], [1, 1]])
    np.testing.assert_array_equal(layer.predict(X), [[-1, -1], [1, 1]])
    np.testing.assert_array_equal(layer.backward(np.ones((2, 2))), [[1, 0.05], [1, 0.05]])
    assert layer.params.size == 0


def test_the_constants_are_buffers_that_have_the_float_type_of_the_network():
    net = Sequential(Standardize([2.0, 30.0], [1.0, 20.0]), Dense(2, 1, rng=0), dtype=np.float32)
    assert {name: array.dtype for name, array in net.named_buffers()} == {
        "0.mean": np.float32,
        "0.std": np.float32,
    }
    assert net.forward(X.astype(np.float32)).dtype == np.float32
    with pytest.raises(TypeError, match=r"got x of float64: convert it once with x.astype"):
        net.forward(X)


def test_ints_are_computed_as_floats():
    y = Standardize([200.0], [2.0]).forward(np.array([[100], [250]], np.uint8))
    np.testing.assert_array_equal(y, [[-50], [25]])


def test_given_arrays_are_copied():
    mean, std = np.zeros(2), np.ones(2)
    layer = Standardize(mean, std)
    mean[...] = std[...] = 7
    np.testing.assert_array_equal(layer.forward(X), X)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        (None, (0,)),
        ((3, 4, 5), (0,)),
        ((3, 1, 1), (0, 2, 3)),
        ((1, 4, 5), (0, 1)),
        ((5,), (0, 1, 2)),
        ((), (0, 1, 2, 3)),
    ],
)
def test_the_data_then_have_mean_0_and_deviation_1(shape, axes):
    x = np.random.default_rng(0).normal(5, 3, size=(50, 3, 4, 5))
    layer = Standardize.from_data(x, shape=shape)
    assert layer.mean.shape == layer.std.shape == ((3, 4, 5) if shape is None else shape)
    y = layer.forward(x)
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=axes), 1)


@settings(max_examples=50)
@given(
    x=arrays(
        np.float64,
        st.tuples(st.integers(1, 9), st.integers(1, 3)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    at_once=st.integers(1, 12),
)
def test_the_statistics_are_those_of_numpy_however_many_rows_are_read(x, at_once):
    before, standardize._AT_ONCE = standardize._AT_ONCE, at_once
    try:
        layer = Standardize.from_data(x, allow_constant=True)
    finally:
        standardize._AT_ONCE = before
    size = np.abs(x).max(initial=1)
    np.testing.assert_allclose(layer.mean, x.mean(axis=0), rtol=1e-12, atol=1e-14 * size)
    constant = x.min(axis=0) == x.max(axis=0)
    wanted = np.where(constant, 1, x.std(axis=0))
    np.testing.assert_allclose(layer.std, wanted, rtol=1e-9, atol=1e-13 * size)
    assert (layer.forward(x)[:, constant] == 0).all()


def test_a_large_mean_loses_no_digits():
    x = np.random.default_rng(0).normal(size=(200_000, 1))
    layer = Standardize.from_data(x + 1e9)
    np.testing.assert_allclose(layer.std, x.std(), rtol=1e-6)
    single = Standardize.from_data((x + 1e4).astype(np.float32))
    np.testing.assert_allclose(single.mean, 1e4 + x.mean(), rtol=1e-7)
    assert single.mean.dtype == np.float64


def test_data_mapped_from_a_file_are_read_in_parts(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).normal(3, 2, size=(200_000, 10)))  # 16 MB
    x = np.load(path, mmap_mode="r")
    tracemalloc.start()
    try:
        layer = Standardize.from_data(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12e6
    np.testing.assert_allclose(layer.mean, np.asarray(x).mean(axis=0))
    np.testing.assert_allclose(layer.std, np.asarray(x).std(axis=0))


def test_a_constant_feature_is_named_or_gets_the_deviation_1():
    x = np.random.default_rng(0).normal(size=(30, 20))
    x[:, 3] = 0.1  # whose sum is not 30 · 0.1 to the bit
    with pytest.raises(ValueError, match=r"\(30, 20\), in which feature 3 is constant \(1 of 20\)"):
        Standardize.from_data(x)
    layer = Standardize.from_data(x, allow_constant=True)
    assert layer.std[3] == 1
    assert layer.mean[3] == 0.1
    assert (layer.forward(x)[:, 3] == 0).all()
    x[:, 5:17] = 2
    with pytest.raises(
        ValueError,
        match=r"features 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, \.\.\. are constant \(13 of 20\)",
    ):
        Standardize.from_data(x)
    with pytest.raises(ValueError, match=r"feature \(0, 1\) is constant \(1 of 4\)"):
        Standardize.from_data(np.array([[[1, 7], [1, 2]], [[2, 7], [3, 4]]]))
    with pytest.raises(ValueError, match="in which feature 0 is constant"):
        Standardize.from_data(np.array([[5.0]]))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Standardize([1.0], [0.0]), ValueError, "std must hold positive numbers; got"),
        (lambda: Standardize([1.0, 2.0], [1.0, -2.0]), ValueError, r"with -2 at 1"),
        (lambda: Standardize([1.0, np.nan], [1.0, 1.0]), ValueError, "mean must hold finite"),
        (lambda: Standardize([1.0], [np.inf]), ValueError, "std must hold finite"),
        (lambda: Standardize([1e200], [1.0], dtype=np.float32), ValueError, "with 1e.200 at 0"),
        (lambda: Standardize([1.0], [1.0, 2.0]), ValueError, r"one shape; got \(1,\) and \(2,\)"),
        (lambda: Standardize(["a"], [1.0]), TypeError, "mean must hold real numbers"),
        (lambda: Standardize.from_data(np.ones((0, 3))), ValueError, "x must have examples"),
        (lambda: Standardize.from_data(np.ones((4, 0))), ValueError, "x must have examples"),
        (lambda: Standardize.from_data([[1.0]]), TypeError, "x must be a NumPy array"),
        (
            lambda: Standardize.from_data(np.array([[1.0], [np.nan]])),
            ValueError,
            "x must hold finite numbers; got nan in row 1",
        ),
        (
            lambda: Standardize.from_data(np.ones((5, 3)), shape=(2,)),
            ValueError,
            r"shape must broadcast over the examples, of shape \(3,\); got \(2,\)",
        ),
        (
            lambda: Standardize.from_data(np.ones((5, 3)), shape=(1, 3)),
            ValueError,
            r"got \(1, 3\)",
        ),
        (
            lambda: Standardize([1.0, 2.0], [1.0, 1.0]).forward(np.ones(2)),
            ValueError,
            r"got x of shape \(2,\).* Is the batch axis missing\?",
        ),
        (
            lambda: Standardize([1.0, 2.0], [1.0, 1.0]).forward(np.ones((3, 1))),
            ValueError,
            r"got x of shape \(3, 1\)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("shape", [None, (), (1,)])
def test_it_is_saved_copied_and_exchanged_with_the_network(shape, tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.normal(100, 20, size=(40, 3)), rng.normal(size=(40, 1))
    net = Sequential(Standardize.from_data(x, shape=shape), Dense(3, 1, rng=0))
    before = net.predict(x)
    list(train(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=2, rng=0, batch_size=4))
    y = net.predict(x)
    assert (y != before).any()
    save(net, tmp_path / "net.npz")
    twins = [load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    constants = np.zeros_like(net[0].mean), np.ones_like(net[0].std)
    twins.append(Sequential(Standardize(*constants), Dense(3, 1, rng=5)))
    state = to_state_dict(net)
    assert set(state) == {"0.mean", "0.std", "1.weight", "1.bias"}
    from_state_dict(twins[-1], state)
    for twin in twins:
        np.testing.assert_array_equal(twin.predict(x), y)


def test_the_gradients_of_a_network_pass_through_it():
    net = Sequential(Dense(3, 2, rng=0), Standardize([0.5, -0.5], [2.0, 4.0]))
    x, dy = np.random.default_rng(0).normal(size=(5, 3)), np.ones((5, 2))
    net.forward(x)
    np.testing.assert_allclose(net.backward(dy), dy / [2, 4] @ net[0].W.T)
    np.testing.assert_allclose(net[0].db, [2.5, 1.25])


def test_single_numbers_are_standardized():
    x = np.array([1.0, 2.0, 3.0])
    layer = Standardize.from_data(x)
    np.testing.assert_allclose(layer.forward(x), (x - 2) / np.sqrt(2 / 3))
    with pytest.raises(ValueError, match="must vary"):
        Standardize.from_data(np.ones(3))
    assert Standardize.from_data(np.ones(3), allow_constant=True).std == 1
