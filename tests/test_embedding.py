"""Embedding: looking up, adding up what repeats, ids that are none."""

import copy

import numpy as np
import pytest

from tinynet import Dense, Embedding, Flatten, Frozen, Sequential


def table(shape, rng):
    return np.arange(float(np.prod(shape))).reshape(shape)


def test_rows_are_looked_up():
    layer = Embedding(3, 2, init=table)
    np.testing.assert_array_equal(layer.forward(np.array([2, 0, 2])), [[4, 5], [0, 1], [4, 5]])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64", "uint64"])
def test_any_int_type_of_ids(dtype):
    layer, ids = Embedding(200, 2, rng=0), np.array([[0, 127], [100, 3]])
    y = layer.forward(ids.astype(dtype))
    np.testing.assert_array_equal(y, layer.W[ids])
    layer.backward(np.ones_like(y))
    assert layer.dW.sum() == 8


@pytest.mark.parametrize("shape", [(4,), (4, 5), (0,), (0, 5), (4, 0)])
def test_shapes(shape):
    layer = Embedding(3, 2)
    ids = np.zeros(shape, int)
    y = layer.forward(ids)
    assert y.shape == layer.predict(ids).shape == (*shape, 2)
    dx = layer.backward(y)
    assert dx.shape == shape
    assert dx.dtype == float


def test_what_is_returned_is_no_view_on_the_table():
    layer = Embedding(3, 2, rng=0)
    y = layer.predict(np.array([0, 1]))
    assert not np.shares_memory(y, layer.params)


def test_the_same_seed_gives_the_same_table_in_both_float_types():
    narrow = Embedding(5, 3, rng=0, dtype=np.float32)
    assert narrow.params.dtype == narrow.grads.dtype == np.float32
    np.testing.assert_array_equal(narrow.W, Embedding(5, 3, rng=0).W.astype(np.float32))


def test_the_table_starts_standard_normal_or_as_told():
    W = Embedding(400, 300, rng=0).W
    assert W.std() == pytest.approx(1, rel=0.01)
    assert abs(W.mean()) < 0.015
    with pytest.raises(ValueError, match=r"init must return an array of shape \(3, 2\)"):
        Embedding(3, 2, init=lambda shape, rng: np.zeros(shape[::-1]))


@pytest.mark.parametrize(
    ("ids", "value", "place"),
    [
        ([0, 3, 7], 3, "1"),
        ([0, -1], -1, "1"),
        ([[0, 1], [2, 9]], 9, "1, 1"),
    ],
)
def test_an_id_out_of_range_is_named_with_its_place(ids, value, place):
    layer = Embedding(3, 2)
    layer.forward(np.array([1]))
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=rf"x\[{place}\] = {value}: ids go from 0 to 2"):
            method(np.array(ids))
    assert layer.backward(np.ones((1, 2))).shape == (1,)


@pytest.mark.parametrize(
    ("ids", "advice"),
    [
        (np.array([True, False]), r"x\.astype\(int\)"),
        (np.array([1.0]), r"x\.astype\(int\)"),
        (np.array(["cat"]), r"np\.unique\(x, return_inverse=True\)"),
    ],
)
def test_ids_that_are_no_ints(ids, advice):
    with pytest.raises(TypeError, match=rf"ids are ints.*{advice}"):
        Embedding(3, 2).forward(ids)


@pytest.mark.parametrize("shape", [(), (2, 2, 2)])
def test_ids_of_another_rank(shape):
    with pytest.raises(ValueError, match=r"must be \(N,\) or \(N, length\)"):
        Embedding(3, 2).forward(np.zeros(shape, int))


@pytest.mark.parametrize("dy", [np.ones((1, 2)), np.ones((3, 3)), np.ones((3, 2), np.float32)])
def test_a_gradient_that_does_not_fit(dy):
    layer = Embedding(3, 2)
    layer.forward(np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"must be \(3, 2\) and float64"):
        layer.backward(dy)


@pytest.mark.parametrize(("count", "features"), [(0, 2), (2, 0), (-1, 2)])
def test_sizes_must_be_positive(count, features):
    with pytest.raises(ValueError, match="must be a positive int"):
        Embedding(count, features)


def test_at_the_head_of_a_network_with_its_summary():
    rng = np.random.default_rng(0)
    net = Sequential(Embedding(10, 4, rng=rng), Flatten(), Dense(12, 2, rng=rng))
    ids = rng.integers(0, 10, (5, 3))
    y = net.forward(ids)
    dx = net.backward(y)
    grads = net.grads.copy()
    net.grads[...] = 7
    net.parameter_gradients(y)
    np.testing.assert_array_equal(net.grads, grads)
    np.testing.assert_array_equal(dx, np.zeros((5, 3)))
    twin = copy.deepcopy(net)
    np.testing.assert_array_equal(twin.predict(ids), net.predict(ids))
    lines = net.summary((3,)).splitlines()
    assert "(N, 3, 4)" in lines[2]
    assert "(N, 2)" in lines[4]
    assert "(N, 4)" in Sequential(Embedding(10, 4)).summary(()).splitlines()[2]
    assert "(N, 3, 4)" in Sequential(Frozen(Embedding(10, 4))).summary((3,)).splitlines()[2]
