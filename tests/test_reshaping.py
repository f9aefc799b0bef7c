"""Flatten, Reshape and Permute: the order of elements, and shapes that are refused."""

import numpy as np
import pytest

from tinynet import (
    Dense,
    Dropout,
    Flatten,
    Permute,
    PositionalEncoding,
    Reshape,
    Sequential,
)


def test_flatten_makes_rows():
    layer, x = Flatten(), np.arange(24.0).reshape(2, 3, 2, 2)
    y = layer.forward(x)
    np.testing.assert_array_equal(y, np.arange(24.0).reshape(2, 12))
    np.testing.assert_array_equal(layer.predict(x[:1]), y[:1])


@pytest.mark.parametrize(
    ("before", "after"), [((5, 4), (5, 4)), ((5,), (5, 1)), ((0, 3, 2), (0, 6)), ((2, 0), (2, 0))]
)
def test_flatten_of_unusual_shapes(before, after):
    layer = Flatten()
    assert layer.forward(np.zeros(before)).shape == layer.predict(np.zeros(before)).shape == after
    assert layer.backward(np.zeros(after)).shape == before


def test_flatten_of_an_array_that_lies_in_pieces():
    x = np.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1)
    np.testing.assert_array_equal(Flatten().forward(x), x.copy().reshape(2, 12))


def test_reshape_keeps_the_order_of_a_row():
    layer, x = Reshape((3, 2)), np.arange(12.0).reshape(2, 6)
    y = layer.forward(x)
    np.testing.assert_array_equal(y[0], [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(layer.predict(x), y)
    assert Reshape([6]).forward(y).shape == (2, 6)
    assert Reshape(()).forward(np.zeros((4, 1))).shape == (4,)
    assert layer.forward(np.zeros((0, 6))).shape == (0, 3, 2)


@pytest.mark.parametrize("shape", [(2, 5), (6,), (12,), (2, 3), ()])
def test_reshape_refuses_examples_of_another_size(shape):
    layer = Reshape((3, 2))
    layer.forward(np.zeros((1, 6)))
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match="there must be 6 elements"):
            method(np.zeros(shape))
    assert layer.backward(np.zeros((1, 3, 2))).shape == (1, 6)


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((3, 0), ValueError, r"shape\[1\] must be a positive int; got 0"),
        ((-1,), ValueError, r"shape\[0\] must be a positive int; got -1"),
        ((2.0, 3), TypeError, r"shape\[0\] must be a positive int; got 2.0"),
        (6, TypeError, "shape must be a tuple"),
        ("12", TypeError, "shape must be a tuple"),
    ],
)
def test_reshape_refuses_a_shape_that_is_none(shape, error, message):
    with pytest.raises(error, match=message):
        Reshape(shape)


def test_a_network_of_images_in_a_table():
    net = Sequential(Reshape((1, 2, 2)), Flatten(), Dense(4, 3, rng=0), Dropout(0.5))
    lines = [line.split() for line in net.summary((4,)).splitlines()[2:]]
    assert [line[-5:-1] for line in lines[:1]] == [["(N,", "1,", "2,", "2)"]]
    assert [line[-1] for line in lines] == ["0", "0", "15", "0", "15"]


def test_axes_are_permuted_and_put_back():
    layer, x = Permute((3, 1, 2)), np.arange(120.0).reshape(2, 3, 4, 5)
    y = layer.forward(x)
    np.testing.assert_array_equal(y, x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(layer.predict(x), y)
    np.testing.assert_array_equal(layer.backward(y), x)
    for axes in [(0, 1), (1, 1), (1, 3), (2,), ()]:
        with pytest.raises(ValueError, match="axes"):
            Permute(axes)
    with pytest.raises(ValueError, match="it must have 4 axes"):
        layer.forward(x[0])


@pytest.mark.parametrize("cls", [Permute, PositionalEncoding])
def test_a_subclass_may_call_the_forward_that_it_redefines(cls):
    class Mine(cls):
        def forward(self, x):
            return super().forward(x)

    layer = Mine((2, 1)) if cls is Permute else Mine(3, 4)
    x = np.ones((2, 3, 4))
    np.testing.assert_array_equal(layer.forward(x), layer.predict(x))
