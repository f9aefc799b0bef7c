"""Optimizers: clipping, memory, and what they remember."""

import copy
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from layers import network, one_weight

from tinynet import SGD, Adagrad, Adam, AdamW, Dense, Optimizer, RMSprop, Sequential, Sigmoid
from tinynet.initializers import zeros

EVERY = {
    "sgd": lambda net, **more: SGD(net, 0.1, **more),
    "momentum": lambda net, **more: SGD(net, 0.1, momentum=0.9, **more),
    "nesterov": lambda net, **more: SGD(
        net, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1, **more
    ),
    "adagrad": lambda net, **more: Adagrad(net, 0.1, weight_decay=0.1, **more),
    "rmsprop": lambda net, **more: RMSprop(net, 0.1, momentum=0.5, weight_decay=0.1, **more),
    "adam": lambda net, **more: Adam(net, 0.1, weight_decay=0.1, **more),
    "adamw": lambda net, **more: AdamW(net, 0.1, weight_decay=0.1, **more),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def follow(optimizer, gradients):
    """Where the parameters are after a step along each of the gradients."""
    for gradient in gradients:
        optimizer.net.grads[...] = gradient
        optimizer.step()
    return optimizer.net.params


@pytest.mark.parametrize("gradient", [1e-3, 1.0, -1e6])
def test_the_first_step_of_adam_is_the_rate_whatever_the_size_of_the_gradient(gradient):
    """Kingma and Ba, section 2.1: the effective step is bounded by the rate."""
    theta = follow(Adam(one_weight(), lr=0.1, eps=1e-12), [gradient])
    assert theta == pytest.approx(-0.1 * np.sign(gradient))


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 1.0}, {"clip_value": 0.1, "clip_norm": 1.0}])
def test_a_step_leaves_the_gradients_alone_and_keeps_the_float_type(make, dtype, clip):
    net = Dense(20, 3, rng=0, dtype=dtype)
    optimizer, rng = make(net, **clip), np.random.default_rng(1)
    for _ in range(3):
        net.grads[...] = rng.normal(size=net.grads.size)
        gradients, before, where = net.grads.copy(), net.params.copy(), net.params
        optimizer.step()
        np.testing.assert_array_equal(net.grads, gradients)
        assert (net.params != before).all()
        assert net.params is where
        assert net.params.dtype == dtype
        assert all(vector.dtype == dtype for _, vector in optimizer.named_state())


@every
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 1.0}, {"clip_value": 0.1}])
def test_a_step_allocates_nothing_after_the_first(make, clip):
    net = Dense(200, 100, rng=0)  # 160 kB of parameters
    optimizer = make(net, **clip)
    net.grads[...] = np.random.default_rng(0).normal(size=net.grads.size)
    optimizer.step()
    tracemalloc.start()
    try:
        for _ in range(3):
            optimizer.step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000


@every
def test_every_optimizer_finds_the_bottom_of_a_bowl(make):
    net = Dense(5, 1, bias=False, rng=0)
    optimizer, curvature = make(net), np.arange(1.0, 6.0)
    optimizer.lr = lambda step: 0.1 / (1 + step / 20)
    for _ in range(500):
        net.grads[...] = curvature * net.params
        optimizer.step()
    assert np.abs(net.params).max() < 0.01


@every
def test_a_copy_of_network_and_optimizer_goes_on_alike_and_alone(make):
    net = network(3, 4, 2)
    optimizer = make(net, clip_norm=1.0)
    follow(optimizer, [1.0, -2.0])
    for twin_net, twin in (
        copy.deepcopy((net, optimizer)),
        pickle.loads(pickle.dumps((net, optimizer))),
    ):
        assert twin.net is twin_net
        assert twin.steps == 2
        here = net.params.copy()
        there = follow(twin, [0.5, 0.5]).copy()
        np.testing.assert_array_equal(net.params, here)
        expected = follow(copy.deepcopy(optimizer), [0.5, 0.5])
        np.testing.assert_array_equal(there, expected)


@every
def test_what_an_optimizer_remembers_can_be_put_into_another_one(make):
    nets = [Dense(3, 4, rng=0), Dense(3, 4, rng=1)]
    first, second = map(make, nets)
    follow(first, [1.0, -2.0])
    nets[1].params[...] = nets[0].params
    second.steps = first.steps
    for (name, vector), (same, other) in zip(
        first.named_state(), second.named_state(), strict=True
    ):
        assert name == same
        other[...] = vector
    np.testing.assert_array_equal(follow(first, [3.0]), follow(second, [3.0]))


@every
def test_an_optimizer_follows_its_part_into_a_network_of_another_float_type(make):
    layer = Dense(2, 2, rng=0)
    optimizer = make(layer)
    follow(optimizer, [1.0])
    net = Sequential(layer, Sigmoid(), dtype=np.float32)
    before = net.params.copy()
    follow(optimizer, [1.0])
    assert (net.params != before).all()
    assert all(vector.dtype == np.float32 for _, vector in optimizer.named_state())


def test_state_of_another_network_is_refused_before_anything_moves():
    net = Dense(2, 2, rng=0)
    optimizer, before = Adam(net), net.params.copy()
    optimizer.mean = np.zeros(5)
    with pytest.raises(ValueError, match=r"Adam.mean has the shape \(5,\) and the parameters \(6,"):
        optimizer.step()
    np.testing.assert_array_equal(net.params, before)
    assert optimizer.steps == 0


def test_plain_sgd_remembers_nothing():
    assert list(SGD(one_weight(), 0.1).named_state()) == []
    assert [name for name, _ in SGD(one_weight(), 0.1, momentum=0.9).named_state()] == ["velocity"]
    assert [name for name, _ in RMSprop(one_weight()).named_state()] == ["squares"]
    assert [name for name, _ in AdamW(one_weight()).named_state()] == ["mean", "squares"]


def step_of(gradient, **clip):
    """The gradient that a step really takes."""
    net = Dense(len(gradient), 1, bias=False, init=zeros)
    net.grads[...] = gradient
    SGD(net, 1.0, **clip).step()
    return (-net.params).tolist()


def test_the_norm_is_clipped_and_the_direction_kept():
    assert step_of([3.0, 4.0], clip_norm=1.0) == pytest.approx([0.6, 0.8])
    assert step_of([3.0, 4.0], clip_norm=5.0) == [3.0, 4.0]
    with pytest.warns(UserWarning, match="all gradients are 0"):
        assert step_of([0.0, 0.0], clip_norm=1.0) == [0.0, 0.0]
    assert step_of([3e200, 4e200], clip_norm=1.0) == pytest.approx([0.6, 0.8])
    assert step_of([3e-200, 4e-200], clip_norm=1e-200) == pytest.approx([6e-201, 8e-201])


def test_values_are_clipped_one_by_one_and_before_the_norm():
    assert step_of([3.0, -4.0, 0.5], clip_value=1.0) == [1.0, -1.0, 0.5]
    assert step_of([30.0, -40.0], clip_value=1.0, clip_norm=1.0) == pytest.approx(
        [math.sqrt(0.5), -math.sqrt(0.5)]
    )
    assert step_of([np.inf, -np.inf], clip_value=1.0) == [1.0, -1.0]


def test_the_norm_is_that_of_all_layers_together_and_weight_decay_comes_after():
    net = Sequential(one_weight(10.0), one_weight(10.0))
    net.grads[...] = 3.0, 4.0
    SGD(net, 1.0, clip_norm=1.0, weight_decay=0.1).step()
    np.testing.assert_allclose(net.params, [10 - 0.6 - 1, 10 - 0.8 - 1])


def test_a_float32_gradient_whose_square_overflows_is_clipped():
    net = Dense(2, 1, bias=False, init=zeros, dtype=np.float32)
    net.grads[...] = 3e30, 4e30
    SGD(net, 1.0, clip_norm=1.0).step()
    np.testing.assert_allclose(net.params, [-0.6, -0.8], rtol=1e-6)


def test_an_optimizer_of_ones_own_gets_state_clipping_and_a_buffer():
    class Momentum(Optimizer):
        state = ("velocity",)

        def update(self, params, grads, rate):
            self.velocity *= 0.5
            self.velocity += grads
            params -= np.multiply(rate, self.velocity, out=self.work)

    mine = Momentum(one_weight(), lr=0.1, clip_value=1.0)
    theirs = SGD(one_weight(), lr=0.1, momentum=0.5, clip_value=1.0)
    gradients = [0.5, 7.0, -3.0]
    np.testing.assert_allclose(follow(mine, gradients), follow(theirs, gradients), rtol=1e-15)
    assert repr(mine) == "Momentum(Dense, lr=0.1, clip_value=1.0)"


def test_an_optimizer_prints_its_rate_and_what_is_not_default():
    assert repr(SGD(one_weight(), 0.1)) == "SGD(Dense, lr=0.1)"
    assert repr(Adam(one_weight(), betas=(0.8, 0.99))) == "Adam(Dense, lr=0.001, betas=(0.8, 0.99))"
    assert repr(AdamW(one_weight(), clip_norm=1)) == "AdamW(Dense, lr=0.001, clip_norm=1.0)"


def test_the_rate_may_be_assigned_and_is_checked_again():
    optimizer = SGD(one_weight(), lr=0.1)
    optimizer.lr = 0.5
    assert optimizer.rate() == 0.5
    for wrong in (-1, 0, np.nan):
        with pytest.raises(ValueError, match="lr must be a positive"):
            optimizer.lr = wrong
    assert optimizer.lr == 0.5


def test_a_schedule_may_return_zero_and_nothing_moves():
    optimizer = Adam(one_weight(1.0), lr=lambda step: 0.0)
    assert follow(optimizer, [5.0]) == 1.0
    assert optimizer.steps == 1
