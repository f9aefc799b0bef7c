"""Learning rates and weight decay that differ from parameter to parameter."""

import copy
import pickle

import numpy as np
import pytest

import tinynet
from tinynet import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Dense,
    Frozen,
    MSELoss,
    Optimizer,
    RMSprop,
    Sequential,
    Sigmoid,
    per_parameter,
    train,
)

X = np.random.default_rng(0).normal(size=(40, 3))
T = np.random.default_rng(1).normal(size=(40, 2))


class Own(Optimizer):
    """An optimizer of one's own, which knows nothing of `rates`."""

    def update(self, params, grads, rate):
        params -= rate * grads


EVERY = {
    "sgd": lambda net, **more: SGD(net, 0.1, **more),
    "momentum": lambda net, **more: SGD(net, 0.1, momentum=0.9, **more),
    "nesterov": lambda net, **more: SGD(net, 0.1, momentum=0.9, nesterov=True, **more),
    "adagrad": lambda net, **more: Adagrad(net, 0.1, **more),
    "rmsprop": lambda net, **more: RMSprop(net, 0.1, momentum=0.5, **more),
    "adam": lambda net, **more: Adam(net, 0.1, **more),
    "adamw": lambda net, **more: AdamW(net, 0.1, **more),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
every_and_own = pytest.mark.parametrize(
    "make", [*EVERY.values(), lambda net, **more: Own(net, 0.1, **more)], ids=[*EVERY, "own"]
)


def network(dtype=np.float64):
    return Sequential(Dense(3, 4, rng=0), Sigmoid(), Dense(4, 2, rng=1), dtype=dtype)


def follow(optimizer, count=5, seed=2):
    """Take steps along drawn gradients, and return the parameters."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        optimizer.net.grads[...] = rng.normal(size=optimizer.net.grads.size)
        optimizer.step()
    return optimizer.net.params


# the vector by names


def test_patterns_give_their_factors_in_the_order_of_the_flat_vector():
    net = network()
    vector = per_parameter(net, {"*.b": 0.0, "0.W": 0.1})
    expected = np.concatenate([np.full(12, 0.1), np.zeros(4), np.ones(8), np.zeros(2)])
    np.testing.assert_array_equal(vector, expected)
    assert vector.size == net.params.size
    assert vector.dtype == np.float64


def test_the_vector_lies_along_the_parameters_whatever_their_nesting():
    net = Sequential(Sequential(Dense(2, 3), Frozen(Dense(3, 3))), tinynet.Residual(Dense(3, 3)))
    vector = per_parameter(net, {"1.inner.b": 5.0, "0.*": 2.0})
    start = 0
    for name, view in net.named_parameters():
        stop = start + view.size
        assert (vector[start:stop] == {"1.inner.b": 5.0, "1.inner.W": 1.0}.get(name, 2.0)).all()
        start = stop
    assert start == vector.size


def test_the_last_pattern_that_fits_counts():
    net = Dense(1, 1)
    assert per_parameter(net, {"*": 0.5, "b": 2}).tolist() == [0.5, 2.0]
    assert per_parameter(net, {"b": 2, "*": 0.5}).tolist() == [0.5, 0.5]
    assert per_parameter(net, {}).tolist() == [1.0, 1.0]
    assert per_parameter(net, {"[Wb]": 3}).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        ({"*.c": 0.0}, ValueError, r"'\*\.c' fits none of 0\.W, 0\.b, 2\.W, 2\.b"),
        ({"0.w": 0.0}, ValueError, "'0.w' fits none of"),
        ({"*.b": -1}, ValueError, r"factors\['\*\.b'\] must be a finite number of at least 0"),
        ({"*.b": np.nan}, ValueError, "must be a finite number of at least 0; got"),
        ({"*.b": "no"}, TypeError, "must be a finite number of at least 0; got 'no'"),
        ({3: 0.5}, TypeError, r'factors must have patterns such as "\*.b"; got 3'),
        ([("*.b", 0.0)], TypeError, "factors must be a dict of patterns and numbers"),
    ],
)
def test_factors_that_make_no_sense_are_refused(factors, error, message):
    with pytest.raises(error, match=message):
        per_parameter(network(), factors)


def test_what_is_no_network_with_parameters_is_refused():
    with pytest.raises(TypeError, match="per_parameter takes the network"):
        per_parameter(np.ones(3), {"*": 1.0})
    with pytest.raises(ValueError, match="has no parameters to learn"):
        per_parameter(Sigmoid(), {"*": 1.0})


# rates


@every_and_own
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_a_step_changes_is_multiplied(make, dtype):
    plain, scaled = network(dtype), network(dtype)
    rates = np.random.default_rng(3).uniform(0, 2, plain.params.size)
    start = plain.params.copy()
    moved = follow(make(plain), count=1) - start
    got = follow(make(scaled, rates=rates), count=1) - start
    np.testing.assert_allclose(
        got, rates * moved, rtol=1e-12, atol=1e-15 if dtype == np.float64 else 1e-6
    )
    assert scaled.params.dtype == dtype


@every_and_own
def test_a_parameter_with_the_rate_0_keeps_its_bits_and_the_others_move(make):
    net = network()
    start, rates = net.params.copy(), per_parameter(net, {"0.*": 0.0})
    end = follow(make(net, rates=rates), count=20)
    np.testing.assert_array_equal(end[rates == 0], start[rates == 0])
    assert (end[rates == 1] != start[rates == 1]).all()


@every
def test_the_memory_of_an_optimizer_is_that_without_rates(make):
    one, other = make(network()), make(network(), rates=np.full(26, 0.5))
    follow(one)
    follow(other)
    for (_, vector), (_, same) in zip(one.named_state(), other.named_state(), strict=True):
        np.testing.assert_array_equal(vector, same)


def test_all_rates_alike_are_another_learning_rate():
    ends = [
        follow(SGD(network(), 0.05, momentum=0.9)).copy(),
        follow(SGD(network(), 0.1, momentum=0.9, rates=np.full(26, 0.5))).copy(),
    ]
    np.testing.assert_allclose(*ends, rtol=1e-12)


def test_rates_multiply_a_schedule():
    net = Dense(1, 1, bias=False, init=lambda shape, rng: np.zeros(shape))
    optimizer = SGD(net, lr=lambda step: 1 / (1 + step), rates=[0.5])
    net.grads[...] = 1
    for _ in range(2):
        optimizer.step()
    assert net.params.tolist() == [-0.75]


# weight decay


@every
def test_a_vector_of_one_number_is_that_number(make):
    ends = [follow(make(network(), weight_decay=decay)).copy() for decay in (0.2, np.full(26, 0.2))]
    np.testing.assert_allclose(*ends, rtol=1e-12)


@every
def test_a_parameter_without_decay_moves_as_without_any(make):
    decay = 0.3 * per_parameter(network(), {"*.b": 0.0})
    none = follow(make(network(), weight_decay=0.0)).copy()
    some = follow(make(network(), weight_decay=decay)).copy()
    np.testing.assert_array_equal(some[decay == 0], none[decay == 0])
    assert (some[decay > 0] != none[decay > 0]).all()


# checks


@every
@pytest.mark.parametrize("name", ["rates", "weight_decay"])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.ones(25), ValueError, "must be a vector of 26 numbers, one for each parameter, as"),
        (np.ones((26, 1)), ValueError, r"got an array of float64 and shape \(26, 1\)"),
        (np.array(0.5), ValueError, r"got an array of float64 and shape \(\)"),
        ([], ValueError, r"got \[\]"),
        (-np.ones(26), ValueError, r"must hold finite numbers of at least 0; \w+\[0\] is -1"),
        (np.where(np.arange(26) == 7, np.nan, 1), ValueError, r"\[7\] is nan"),
        (np.full(26, np.inf), ValueError, r"\[0\] is inf"),
        (["a"] * 26, TypeError, "must hold real numbers"),
        (np.full(26, 1j), TypeError, "must hold real numbers; got complex"),
        ("no", TypeError, "got 'no'"),
    ],
    ids=str,
)
def test_a_vector_that_makes_no_sense_is_refused(make, name, value, error, message):
    with pytest.raises(error, match=f"^{name}.*{message}"):
        make(network(), **{name: value})
    optimizer = make(network())
    before = getattr(optimizer, name)
    with pytest.raises(error, match=f"^{name}.*{message}"):
        setattr(optimizer, name, value)
    assert getattr(optimizer, name) is before


def test_one_number_is_no_vector_of_rates():
    with pytest.raises(
        TypeError, match=r"^rates must be None or a vector, as tinynet\.per_parameter"
    ):
        SGD(network(), 0.1, rates=0.5)


def test_a_vector_is_a_copy_in_the_float_type_that_nobody_writes_into():
    given = np.ones(26)
    optimizer = SGD(network(np.float32), 0.1, rates=given, weight_decay=given)
    given[...] = 7
    for vector in (optimizer.rates, optimizer.weight_decay):
        assert vector.dtype == np.float32
        assert (vector == 1).all()
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 2


@every
def test_vectors_follow_the_network_to_another_float_type_and_into_copies(make):
    layer = Dense(2, 2, rng=0)
    optimizer = make(layer, rates=np.arange(6.0), weight_decay=np.full(6, 0.1))
    follow(optimizer)
    net = Sequential(layer, dtype=np.float32)
    follow(optimizer)
    assert optimizer.rates.dtype == optimizer.weight_decay.dtype == net.params.dtype == np.float32
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        np.testing.assert_array_equal(twin.rates, np.arange(6))
        assert twin.net is not optimizer.net
        np.testing.assert_array_equal(follow(twin), follow(copy.deepcopy(optimizer)))


@every
def test_the_text_stays_short(make):
    vectors = {"rates": np.ones(26), "weight_decay": np.ones(26)}
    text = repr(make(network(), **vectors))
    assert "rates=<float64 array of shape (26,)>" in text
    assert "weight_decay=<float64 array of shape (26,)>" in text
    assert "rates" not in repr(make(network()))


# training


def test_an_optimizer_with_vectors_takes_plain_steps_whatever_the_path():
    """The blocks of plain gradient descent know one rate only."""
    ends = []
    for blocked in (True, False):
        net = network()
        optimizer = SGD(net, lr=0.1, rates=per_parameter(net, {"0.*": 0.1}))
        assert not optimizer.plain
        assert optimizer.has_vectors
        start = net.params.copy()
        [*train(net, MSELoss(), optimizer, X, T, epochs=2, rng=0, blocked=blocked, batch_size=1)]
        ends.append(net.params - start)
    np.testing.assert_array_equal(*ends)
    net = network()
    start = net.params.copy()
    [*train(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=2, rng=0, batch_size=1)]
    assert np.abs(ends[0][:16]).mean() < 0.3 * np.abs((net.params - start)[:16]).mean()


def test_only_vectors_are_vectors():
    assert SGD(network(), 0.1).plain
    assert not SGD(network(), 0.1).has_vectors
    assert not SGD(network(), 0.1, weight_decay=0.1).has_vectors
    assert not SGD(network(), 0.1, weight_decay=np.zeros(26)).plain
    assert not SGD(network(), 0.1, rates=np.ones(26)).plain
    assert Own(network(), 0.1, rates=np.ones(26)).has_vectors
