"""Optimizers: θ moves along the gradient."""

import numpy as np
import pytest
from layers import one_weight

from tinynet import SGD, Adagrad, Adam, AdamW, Dense, Optimizer, RMSprop, Sequential, Sigmoid


def test_sgd_subtracts_the_rate_times_the_gradient():
    net = Dense(3, 2, rng=0)
    before = net.params.copy()
    net.grads[...] = np.arange(8)
    optimizer = SGD(net, lr=0.5)
    for steps in (1, 2, 3):
        optimizer.step()
        assert optimizer.steps == steps
    np.testing.assert_allclose(net.params, before - 1.5 * np.arange(8))
    np.testing.assert_array_equal(net.grads, np.arange(8))


def test_the_rate_may_be_a_function_of_the_steps_taken():
    net = one_weight(dtype=np.float32)
    optimizer = SGD(net, lr=lambda step: np.float64([1.0, 0.1, 0.01][step]))
    net.grads[...] = 1
    rates = []
    for _ in range(3):
        rates.append(optimizer.rate())
        optimizer.step()
    assert rates == [1.0, 0.1, 0.01]
    assert all(type(rate) is float for rate in rates)
    assert pytest.approx(-1.11) == net.W
    assert net.params.dtype == np.float32


@pytest.mark.parametrize("lr", [0, 0.0, -0.1, np.nan, np.inf])
def test_a_rate_that_is_not_positive_and_finite_is_refused(lr):
    with pytest.raises(ValueError, match="lr must be a positive"):
        SGD(Dense(2, 2), lr=lr)


@pytest.mark.parametrize("lr", ["0.1", None, True])
def test_a_rate_that_is_no_number_is_refused(lr):
    with pytest.raises(TypeError, match="lr must be a positive"):
        SGD(Dense(2, 2), lr=lr)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_a_schedule_that_returns_nonsense_is_refused_before_anything_moves(value):
    net = Dense(2, 2, rng=0)
    optimizer = SGD(net, lr=lambda step: value)
    before = net.params.copy()
    with pytest.raises(ValueError, match=r"lr\(0\) must be a finite number of at least 0"):
        optimizer.step()
    np.testing.assert_array_equal(net.params, before)
    assert optimizer.steps == 0


def test_a_network_with_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="no parameters to learn"):
        SGD(Sequential(Sigmoid()), lr=0.1)


def test_an_optimizer_follows_a_part_into_a_larger_network():
    layer = Dense(2, 2, rng=0)
    optimizer = SGD(layer, lr=0.1)
    net = Sequential(layer, Sigmoid(), dtype=np.float32)
    net.grads[...] = 1
    before = net.params.copy()
    optimizer.step()
    np.testing.assert_allclose(net.params, before - np.float32(0.1))


def test_an_optimizer_that_defines_no_update_says_so():
    with pytest.raises(NotImplementedError, match="Optimizer must define update"):
        Optimizer(Dense(2, 2), lr=0.1).step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda net: SGD(net, 0.1, momentum=1.0),
            r"momentum must be a number in \[0, 1\); got 1.0",
        ),
        (lambda net: SGD(net, 0.1, momentum=-0.1), r"momentum must be a number in \[0, 1\)"),
        (lambda net: SGD(net, 0.1, nesterov=True), "nesterov=True needs momentum above 0"),
        (lambda net: SGD(net, 0.1, weight_decay=-1), "weight_decay must be a finite number of at"),
        (lambda net: SGD(net, 0.1, clip_norm=0), "clip_norm must be a positive finite number"),
        (lambda net: SGD(net, 0.1, clip_value=-1), "clip_value must be a positive finite number"),
        (lambda net: SGD(net, 0.1, clip_norm=np.inf), "clip_norm must be a positive finite number"),
        (lambda net: RMSprop(net, alpha=1), r"alpha must be a number in \[0, 1\)"),
        (lambda net: RMSprop(net, eps=0), "eps must be a positive finite number; got 0"),
        (lambda net: RMSprop(net, momentum=2), r"momentum must be a number in \[0, 1\)"),
        (lambda net: RMSprop(net, weight_decay=np.nan), "weight_decay must be"),
        (lambda net: Adagrad(net, eps=-1e-8), "eps must be a positive finite number"),
        (lambda net: Adagrad(net, weight_decay=-1), "weight_decay must be"),
        (lambda net: Adam(net, betas=(0.9, 1.0)), r"betas\[1\] must be a number in \[0, 1\)"),
        (lambda net: Adam(net, betas=(-0.1, 0.9)), r"betas\[0\] must be a number in \[0, 1\)"),
        (lambda net: Adam(net, eps=0.0), "eps must be a positive"),
        (lambda net: AdamW(net, weight_decay=-0.1), "weight_decay must be"),
        (lambda net: Adam(net, lr=0), "lr must be a positive finite number"),
    ],
)
def test_an_option_outside_its_range_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(Dense(2, 2))


@pytest.mark.parametrize("betas", [0.9, (0.9,), "ab", (0.9, "0.99"), None])
def test_betas_that_are_not_two_numbers_are_refused(betas):
    with pytest.raises(TypeError, match="betas"):
        Adam(Dense(2, 2), betas=betas)


def test_parameters_in_place_of_their_network_are_refused():
    with pytest.raises(TypeError, match=r"takes the network, not its parameters"):
        SGD(Dense(2, 2).params, lr=0.1)
