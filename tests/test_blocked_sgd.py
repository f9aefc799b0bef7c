"""Blocked SGD takes the same steps as the plain loop."""

import copy
import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import (
    SGD,
    Dense,
    DivergenceError,
    Identity,
    Loss,
    MSELoss,
    Sequential,
    Sigmoid,
    detect_anomaly,
    train,
)
from tinynet.training import blocked_sgd

BATCH_SIZES = [1, 2, 3, 7, 8, 9, 16, 31, 32, 33]


def network(shape, rng, bias=True, dtype=float):
    """Two dense layers; flat, with the first in a Sequential of its own, or one dense layer."""
    rng = np.random.default_rng(rng)
    first, second = Dense(4, 5, bias=bias, rng=rng), Dense(5, 2, bias=bias, rng=rng)
    if shape == "flat":
        return Sequential(first, Sigmoid(), second, Sigmoid(), dtype=dtype)
    if shape == "nested":
        return Sequential(Sequential(Sequential(first), Sigmoid()), Sequential(second), dtype=dtype)
    return Sequential(Dense(4, 2, bias=bias, rng=rng), dtype=dtype)


def both(net, x, t, lr, **options):
    """The same training blocked and plain: networks, optimizers and epochs of each."""
    results = []
    for blocked in (True, False):
        twin = copy.deepcopy(net)
        optimizer = SGD(twin, lr=lr)
        epochs = list(train(twin, MSELoss(), optimizer, x, t, rng=5, blocked=blocked, **options))
        results.append((twin, optimizer, epochs))
    return results


@given(
    shape=st.sampled_from(["flat", "nested", "single"]),
    batch_size=st.sampled_from(BATCH_SIZES),
    examples=st.integers(1, 300),
    bias=st.booleans(),
    shuffle=st.booleans(),
    schedule=st.booleans(),
    rng=st.integers(0, 2**32 - 1),
)
def test_blocks_take_the_steps_of_the_plain_path(
    shape, batch_size, examples, bias, shuffle, schedule, rng
):
    net = network(shape, rng, bias)
    generator = np.random.default_rng(rng)
    x, t = generator.normal(size=(examples, 4)), generator.uniform(size=(examples, 2))
    lr = (lambda step: 0.3 / (1 + 0.01 * step)) if schedule else 0.3
    (fast, fast_optimizer, fast_epochs), (plain, plain_optimizer, plain_epochs) = both(
        net, x, t, lr, epochs=2, batch_size=batch_size, shuffle=shuffle
    )
    np.testing.assert_allclose(fast.params, plain.params, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(fast.grads, plain.grads, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(
        [epoch.loss for epoch in fast_epochs], [epoch.loss for epoch in plain_epochs], rtol=1e-10
    )
    assert fast_optimizer.steps == plain_optimizer.steps
    assert [epoch.lr for epoch in fast_epochs] == [epoch.lr for epoch in plain_epochs]


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_blocks_keep_float32_and_its_precision_over_many_blocks(batch_size):
    net = network("flat", 0, dtype=np.float32)
    generator = np.random.default_rng(1)
    x = generator.normal(size=(1500, 4)).astype(np.float32)
    t = generator.uniform(size=(1500, 2)).astype(np.float32)
    (fast, _, _), (plain, _, _) = both(net, x, t, 0.3, epochs=2, batch_size=batch_size)
    assert fast.params.dtype == np.float32
    np.testing.assert_allclose(fast.params, plain.params, rtol=1e-4, atol=1e-5)
    assert np.abs(plain.params - net.params).max() > 0.1


def test_the_correction_within_a_block_matters():
    """What the comparison above would miss if its data were too short, or its rate too small."""
    net = network("flat", 0)
    generator = np.random.default_rng(1)
    x, t = generator.normal(size=(64, 4)), generator.uniform(size=(64, 2))
    stale = copy.deepcopy(net)
    first, loss, optimizer = stale[0], MSELoss(), SGD(stale, lr=0.3)
    frozen_W, frozen_b = first.W.copy(), first.b.copy()
    for n in range(64):  # the first layer's outputs from its weights before the block
        moved = stale.params[: first.params.size].copy()
        first.W[...], first.b[...] = frozen_W, frozen_b
        loss.forward(stale.forward(x[n : n + 1]), t[n : n + 1])
        stale.params[: first.params.size] = moved
        stale.parameter_gradients(loss.backward())
        optimizer.step()
    (fast, _, _), (plain, _, _) = both(net, x, t, 0.3, epochs=1, shuffle=False)
    assert np.abs(stale.params - plain.params).max() > 1e-3
    np.testing.assert_allclose(fast.params, plain.params, rtol=1e-10, atol=1e-12)


def test_what_layers_keep_after_an_epoch_is_of_the_last_batch():
    net = network("flat", 0)
    x, t = np.random.default_rng(1).normal(size=(2, 150, 4))
    (fast, _, _), (plain, _, _) = both(net, x, t[:, :2], 0.3, epochs=1, batch_size=8)
    dy = np.ones((6, 2))
    np.testing.assert_allclose(fast.backward(dy), plain.backward(dy), rtol=1e-10)
    np.testing.assert_allclose(fast.grads, plain.grads, rtol=1e-10)


def test_an_option_that_changes_between_epochs_counts_from_the_next():
    results = []
    for blocked in (True, False):
        net = network("flat", 0)
        x, t = np.random.default_rng(1).uniform(size=(2, 150, 4))
        optimizer = SGD(net, lr=0.3)
        options = {"epochs": 2, "shuffle": False, "blocked": blocked}
        for _ in train(net, MSELoss(), optimizer, x, t[:, :2], **options):
            optimizer.weight_decay = 0.01
        results.append(net.params)
    np.testing.assert_allclose(*results, rtol=1e-10, atol=1e-12)


def test_an_anomaly_is_looked_for_in_every_layer_of_an_epoch_within(monkeypatch):
    net = network("flat", 0)
    x, t = np.random.default_rng(1).uniform(size=(2, 150, 4))
    training = train(net, MSELoss(), SGD(net, lr=0.3), x, t[:, :2], epochs=1)
    monkeypatch.setattr("tinynet.training.blocked_sgd.descend", None)  # never called
    with detect_anomaly(net):
        list(training)


def test_a_layer_of_ones_own_that_is_watched_is_still_ones_own():
    class Spy(Sigmoid):
        pass

    net = Sequential(Dense(4, 4, rng=0), Spy(), Dense(4, 2, rng=1))
    with detect_anomaly(net[1]):
        assert not blocked_sgd.applies(net, MSELoss(), SGD(net, lr=0.1), np.ones((3, 4)), 1)


@pytest.mark.parametrize("at", [0, 1, 5, 63, 64, 100, 149])
def test_a_divergence_within_a_block_leaves_the_steps_before_it(at):
    net = network("flat", 0)
    x, t = np.random.default_rng(1).normal(size=(2, 150, 4))
    t[at, 0] = 1e300  # its square is infinite
    results = []
    for blocked in (True, False):
        twin = copy.deepcopy(net)
        optimizer = SGD(twin, lr=0.3)
        options = {"epochs": 1, "shuffle": False, "blocked": blocked}
        training = train(twin, MSELoss(), optimizer, x, t[:, :2], **options)
        with pytest.raises(DivergenceError, match=rf"epoch 1, step {at + 1};") as info:
            list(training)
        results.append((twin.params, optimizer.steps, str(info.value)))
    (fast, fast_steps, fast_error), (plain, plain_steps, plain_error) = results
    assert fast_steps == plain_steps == at
    assert fast_error == plain_error
    np.testing.assert_allclose(fast, plain, rtol=1e-10, atol=1e-12)


def test_blocks_are_taken_only_where_nothing_else_looks_at_the_first_weights():
    class Spy(Identity):
        pass

    class OwnDense(Dense):
        pass

    class OwnSGD(SGD):
        pass

    class Penalty(Loss):
        def forward(self, y, t):
            return 0.0

    x = np.ones((64, 4))
    rng = np.random.default_rng(0)

    def applies(net, loss=None, optimizer=None, x=x, batch_size=1):
        return blocked_sgd.applies(
            net, loss or MSELoss(), (optimizer or (lambda n: SGD(n, lr=0.1)))(net), x, batch_size
        )

    for shape in ("flat", "nested", "single"):
        assert applies(network(shape, 0))
    assert applies(Dense(4, 2))
    assert applies(network("flat", 0), batch_size=blocked_sgd.LARGEST_BATCH)
    assert not applies(network("flat", 0), batch_size=blocked_sgd.LARGEST_BATCH + 1)
    assert not applies(network("flat", 0), x=x.astype(np.float32))
    assert not applies(network("flat", 0), loss=Penalty())
    assert not applies(network("flat", 0), optimizer=lambda n: OwnSGD(n, lr=0.1))
    assert not applies(network("flat", 0), optimizer=lambda n: SGD(n[2], lr=0.1))
    for option in ("momentum", "weight_decay", "clip_norm", "clip_value"):
        assert not applies(
            network("flat", 0), optimizer=functools.partial(SGD, lr=0.1, **{option: 0.5})
        )
    for option in ("rates", "weight_decay"):
        assert not applies(
            network("flat", 0),
            optimizer=lambda n, option=option: SGD(n, 0.1, **{option: np.ones(n.params.size)}),
        )
    assert not applies(Sequential(OwnDense(4, 2)))
    assert not applies(Sequential(Sigmoid(), Dense(4, 2)))
    hooked = network("flat", 0)
    hooked[0].forward = hooked[0].forward
    assert not applies(hooked)
    assert not applies(Sequential(Dense(4, 4, rng=rng), Spy(), Dense(4, 2, rng=rng)))
    assert not applies(Sequential(Dense(4, 4, rng=rng), Sequential(Sequential(Spy()))))
