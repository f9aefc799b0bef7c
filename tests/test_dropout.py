"""Dropout: what is dropped, how often, and what is refused."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import Dropout, Sequential


@given(rate=st.floats(0, 0.99), seed=st.integers(0, 2**32))
def test_dropout_drops_or_scales(rate, seed):
    y = Dropout(rate, rng=seed).forward(np.full((8, 9), 3.0))
    np.testing.assert_allclose(y[y != 0], 3 / (1 - rate), rtol=1e-14)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rate_is_the_probability_of_dropping_and_the_mean_stays(rate, dtype):
    n = 100_000
    y = Dropout(rate, rng=0).forward(np.ones((n, 1), dtype))
    assert (y == 0).mean() == pytest.approx(rate, abs=5 * (rate * (1 - rate) / n) ** 0.5)
    assert y.mean(dtype=float) == pytest.approx(1, abs=5 * (rate / (1 - rate) / n) ** 0.5)


def test_each_forward_draws_anew_and_elements_are_independent():
    layer, x = Dropout(0.5, rng=0), np.ones((200, 200))
    first, second = layer.forward(x), layer.forward(x)
    assert (first != second).mean() == pytest.approx(0.5, abs=0.02)
    assert (first[1:] != first[:-1]).mean() == pytest.approx(0.5, abs=0.02)
    assert (first[:, 1:] != first[:, :-1]).mean() == pytest.approx(0.5, abs=0.02)


def test_predict_is_the_identity_and_draws_nothing():
    layer, x = Dropout(0.5, rng=0), np.ones((3, 4))
    layer.forward(x)
    before = layer.rng.bit_generator.state
    assert layer.predict(x) is x
    assert layer.rng.bit_generator.state == before


def test_rate_zero_drops_nothing():
    x = np.random.default_rng(0).normal(size=(50, 50))
    np.testing.assert_array_equal(Dropout(0).forward(x), x)


def test_both_float_types_drop_the_same_elements():
    x = np.ones((30, 40))
    wide, narrow = Dropout(0.3, rng=7), Dropout(0.3, rng=7)
    y, y32 = wide.forward(x), narrow.forward(x.astype(np.float32))
    np.testing.assert_array_equal(y == 0, y32 == 0)


def test_a_shared_generator_gives_two_layers_different_masks_also_in_a_copy():
    rng = np.random.default_rng(0)
    net = Sequential(Dropout(0.5, rng=rng), Dropout(0.5, rng=rng))
    for n in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert n[0].rng is n[1].rng
    twin = copy.deepcopy(net)
    x = np.ones((20, 20))
    np.testing.assert_array_equal(net.forward(x), twin.forward(x))
    assert (net.forward(x) != 0).mean() == pytest.approx(0.25, abs=0.15)  # not 0.5: masks differ


@pytest.mark.parametrize("rate", [1, 1.0, -0.1, 1.5, math.nan, math.inf])
def test_dropout_refuses_a_rate_outside_its_range(rate):
    with pytest.raises(ValueError, match=r"rate must be the probability of dropping.*got"):
        Dropout(rate)


@pytest.mark.parametrize("rate", ["0.5", None, True])
def test_dropout_refuses_a_rate_that_is_no_number(rate):
    with pytest.raises(TypeError, match="rate must be the probability of dropping"):
        Dropout(rate)


def test_whole_channels_of_each_example_are_dropped():
    layer, x = Dropout(0.5, channels=True, rng=0), np.ones((50, 8, 3, 4))
    y = layer.forward(x)
    kept = y[:, :, :1, :1]
    np.testing.assert_array_equal(y, np.broadcast_to(kept, y.shape))
    assert set(np.unique(y)) == {0, 2}
    assert 0.4 < kept.mean() / 2 < 0.6
    assert len(np.unique(kept.reshape(50, 8), axis=0)) > 20  # examples differ
    np.testing.assert_array_equal(layer.backward(x), y)
    np.testing.assert_array_equal(layer.predict(x), x)


def test_rows_of_features_have_no_channels_to_drop():
    layer = Dropout(0.5, channels=True)
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=r"\(N, channels, ...\). Leave out channels=True"):
            method(np.ones((4, 3)))
