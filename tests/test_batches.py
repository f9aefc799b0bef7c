"""Batches: every example once, in pairs, without copies where that is possible."""

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import fit, train
from tinynet.data import batches


@given(count=st.integers(0, 50), batch_size=st.integers(1, 60), shuffle=st.booleans())
def test_every_example_comes_once_with_its_target(count, batch_size, shuffle):
    x = np.arange(count * 2).reshape(count, 2)
    t = -x[:, 0]
    pairs = list(batches(x, t, batch_size=batch_size, shuffle=shuffle, rng=0))
    assert [len(x_batch) for x_batch, _ in pairs[:-1]] == [batch_size] * (len(pairs) - 1)
    assert sum(len(x_batch) for x_batch, _ in pairs) == count
    assert all(len(x_batch) for x_batch, _ in pairs)
    seen = [row for x_batch, _ in pairs for row in x_batch.tolist()]
    assert sorted(seen) == x.tolist()
    if not shuffle:
        assert seen == x.tolist()
    for x_batch, t_batch in pairs:
        np.testing.assert_array_equal(t_batch, -x_batch[:, 0])


def test_batches_in_file_order_are_views():
    x, t = np.zeros((5, 3)), np.zeros(5)
    for x_batch, t_batch in batches(x, t, batch_size=2, shuffle=False):
        assert np.shares_memory(x_batch, x)
        assert np.shares_memory(t_batch, t)


def test_shuffling_copies_and_leaves_the_data_alone():
    x = np.arange(20)
    for x_batch, _ in batches(x, x, batch_size=3, rng=0):
        x_batch[...] = -1
    assert x.tolist() == list(range(20))


def test_an_int_repeats_the_order_and_a_generator_goes_on():
    x = np.arange(100)

    def order(rng):
        return [int(x_batch[0]) for x_batch, _ in batches(x, x, rng=rng)]

    assert order(3) == order(3) != order(4)
    rng = np.random.default_rng(3)
    assert order(rng) != order(rng)


@pytest.mark.parametrize(
    ("x", "t", "batch_size", "message"),
    [
        (np.zeros((3, 2)), np.zeros(4), 1, "x has 3 examples and t has 4"),
        (np.zeros(3), np.float64(1), 1, r"got shapes \(3,\) and \(\)"),
        (np.zeros(3), np.zeros(3), 0, "batch_size must be a positive int; got 0"),
        (np.zeros(3), np.zeros(3), -2, "positive int; got -2"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(x, t, batch_size, message):
    with pytest.raises(ValueError, match=message):
        batches(x, t, batch_size=batch_size)


def test_a_batch_size_is_whole():
    with pytest.raises(TypeError, match="batch_size must be a positive int"):
        batches([1], [1], batch_size=1.5)


def test_the_defaults_are_those_of_train_and_fit():
    for function in (train, fit):
        theirs = inspect.signature(function).parameters
        for name, parameter in inspect.signature(batches).parameters.items():
            if name != "t":  # which a stream does without
                assert parameter.default == theirs[name].default, (function.__name__, name)
