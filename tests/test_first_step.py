"""An optimizer, or a loop, that changes nothing is found in its first step."""

import warnings

import numpy as np
import pytest

from tinynet import SGD, Dense, MSELoss, Optimizer, Sequential, train
from tinynet.testing import GradientError, check_optimizer

X, T = np.ones((4, 3)), np.zeros((4, 2))


class Rebinds(Optimizer):
    def update(self, params, grads, rate):
        params = params - rate * grads


class Returns(Optimizer):
    def update(self, params, grads, rate):
        return params - rate * grads


class RebindsLater(Optimizer):
    def update(self, params, grads, rate):
        move = rate * grads
        if move.any():
            params = np.subtract(params, move)


class EverySecond(Optimizer):
    """One that rightly changes nothing in its first step."""

    def update(self, params, grads, rate):
        if self.steps % 2:
            params -= rate * grads


class Casts(Optimizer):
    def update(self, params, grads, rate):
        params = np.asarray(params)
        params -= rate * grads


def network():
    return Sequential(Dense(3, 2, rng=0))


@pytest.mark.parametrize("cls", [Rebinds, Returns, RebindsLater])
def test_an_update_that_makes_new_parameters_is_refused_in_the_first_step(cls):
    net = network()
    before = net.params.copy()
    optimizer = cls(net, lr=0.1)
    words = rf"{cls.__name__}\.update changed no parameter.*params -= rate \* grads"
    with pytest.raises(ValueError, match=words):
        next(train(net, MSELoss(), optimizer, X, T, epochs=1))
    assert optimizer.steps == 0
    np.testing.assert_array_equal(net.params, before)
    with pytest.raises(GradientError, match=words):
        check_optimizer(lambda net: cls(net, lr=0.1), lambda p, g, state: p - 0.1 * g)


@pytest.mark.parametrize("cls", [EverySecond, Casts])
def test_an_update_that_overwrites_them_is_not(cls):
    net = network()
    next(train(net, MSELoss(), cls(net, lr=0.1), X, T, epochs=1))


def test_a_rate_too_small_to_change_anything_is_no_mistake():
    net = network()
    optimizer = SGD(net, lr=lambda step: 1e-30 * step)
    net.grads[...] = 1
    optimizer.step()
    optimizer.step()


def test_a_step_before_any_backward_warns_once():
    net, optimizer = network(), None
    optimizer = SGD(net, lr=0.1)
    MSELoss().forward(net.forward(X), T)
    with pytest.warns(UserWarning, match=r"all gradients are 0.*net\.backward\(loss\.b") as record:
        optimizer.step()
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        net.backward(np.ones((4, 2)))
        SGD(net, lr=0.1).step()


def test_a_gradient_of_zero_in_train_is_not_taken_for_a_missing_backward():
    net = network()
    net.params[...] = 0
    next(train(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, blocked=False))
