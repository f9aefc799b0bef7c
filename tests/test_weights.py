"""Weights of examples: what they mean for each loss, and on the way through training."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinynet
from tinynet import (
    SGD,
    Adam,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
    Sequential,
    Tanh,
    evaluate,
    fit,
    train,
)
from tinynet.losses.base import Loss as Base


class Own(Loss):
    """Mean of |y − t|³ over all elements, which knows nothing of weights."""

    def forward(self, y, t):
        self._d = y - t
        return (np.abs(self._d) ** 3).mean()

    def backward(self):
        return 3 * self._d * np.abs(self._d) / self._d.size


class OwnOfCross(CrossEntropyLoss):
    """A subclass that calls the methods of its parent."""

    def forward(self, y, t):
        return super().forward(y, t)

    def backward(self):
        return super().backward()


LOSSES = {
    "mse": MSELoss(),
    "l1": L1Loss(),
    "huber": HuberLoss(0.4),
    "bce": BCELoss(),
    "logits": BCEWithLogitsLoss(),
    "pos_weight": BCEWithLogitsLoss(pos_weight=[0.5, 2.0, 3.0]),
    "kl": KLDivLoss(),
    "classes": CrossEntropyLoss(),
    "smooth": CrossEntropyLoss(0.2),
    "weighted": CrossEntropyLoss(0.2, weight=[0.5, 2, 0]),
    "ignored": CrossEntropyLoss(weight=[0.5, 2, 1], ignore_index=1),
    "rows": CrossEntropyLoss(0.1, weight=[0.5, 2, 1]),
    "sequences": CrossEntropyLoss(ignore_index=-100),
    "own": Own(),
    "subclass": OwnOfCross(0.1, weight=[0.5, 2, 1]),
}


def example(name, n=6, seed=0):
    rng = np.random.default_rng(seed)
    y, t = rng.normal(size=(n, 3)), rng.uniform(size=(n, 3))
    if name == "bce":
        y = rng.uniform(0.05, 0.95, size=y.shape)
    elif name in ("kl", "rows"):
        t = rng.dirichlet(np.ones(3), n)
        y = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    elif name == "sequences":
        y, t = rng.normal(size=(n, 4, 3)), rng.integers(0, 3, (n, 4))
        t[0, 2:] = t[1] = -100
    elif isinstance(LOSSES[name], CrossEntropyLoss):
        t = rng.integers(0, 3, n)
    return y, t


def numerical(f, y):
    slope = np.empty_like(y)
    for place in np.ndindex(y.shape):
        values = []
        for step in (1e-6, -1e-6):
            moved = y.copy()
            moved[place] += step
            values.append(f(moved))
        slope[place] = (values[0] - values[1]) / 2e-6
    return slope


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_the_weighted_loss(name):
    loss, (y, t) = copy.copy(LOSSES[name]), example(name)
    weights = np.array([0.5, 0, 3, 1, 0.25, 2])
    loss.forward_weighted(y, t, weights)
    dy = loss.backward()
    np.testing.assert_array_equal(dy, loss.backward())
    expected = numerical(lambda y: copy.copy(loss).forward_weighted(y, t, weights), y)
    np.testing.assert_allclose(dy, expected, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
@given(weights=st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(any))
def test_a_weight_of_k_is_an_example_that_comes_k_times(name, weights):
    loss, (y, t) = copy.copy(LOSSES[name]), example(name)
    rows = np.repeat(np.arange(6), weights)
    value = loss.forward_weighted(y, t, weights)
    dy, count = loss.backward(), loss.batch_weight
    again = copy.copy(LOSSES[name])
    assert value == pytest.approx(again.forward(y[rows], t[rows]), rel=1e-12, abs=1e-14)
    summed = np.zeros_like(dy)
    np.add.at(summed, rows, again.backward())
    np.testing.assert_allclose(dy, summed, rtol=1e-10, atol=1e-14)
    assert count == pytest.approx(len(rows) if again.batch_weight is None else again.batch_weight)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_weights_change_nothing_and_are_forgotten(name):
    loss, (y, t) = copy.copy(LOSSES[name]), example(name)
    value, dy, count = loss.forward(y, t), loss.backward(), loss.batch_weight
    assert loss.forward_weighted(y, t, np.full(6, 2.5)) == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(loss.backward(), dy, rtol=1e-12)
    assert loss.forward(y, t) == value
    np.testing.assert_array_equal(loss.backward(), dy)
    assert loss.batch_weight == count


@pytest.mark.parametrize("name", LOSSES)
def test_per_example_is_what_the_general_form_computes_row_by_row(name):
    loss, (y, t) = copy.copy(LOSSES[name]), example(name)
    losses = loss.per_example(y, t)
    assert losses.shape == (6,)
    expected, counts = Base._examples(loss, y, t)
    counts = counts > 0  # with a class weight of 0, an example alone is divided by nothing
    assert counts.sum() >= 3
    np.testing.assert_allclose(losses[counts], expected[counts], rtol=1e-12, atol=1e-15)
    loss.forward(y, t)
    counted = 6 if loss.batch_weight is None else loss.batch_weight
    assert losses.sum() / counted == pytest.approx(loss.forward(y, t), rel=1e-12)


def test_a_subclass_that_changes_the_loss_is_weighed_as_it_is():
    class Twice(MSELoss):
        def forward(self, y, t):
            return 2 * super().forward(y, t)

        def backward(self):
            return 2 * super().backward()

    y, t = example("mse")
    weights = [0.5, 0, 3, 1, 0.25, 2]
    value = MSELoss().forward_weighted(y, t, weights)
    assert Twice().forward_weighted(y, t, weights) == pytest.approx(2 * value, rel=1e-12)
    np.testing.assert_allclose(Twice().per_example(y, t), 2 * MSELoss().per_example(y, t))


class Counting(Loss):
    """Remembers in a buffer how often it has run."""

    buffers = ("passes",)

    def __init__(self):
        self.passes = np.zeros(1)

    def forward(self, y, t):
        self.passes += 1
        self._d = y - t
        return (self._d**2).mean()

    def backward(self):
        return 2 * self._d / self._d.size


def test_looking_at_single_examples_moves_no_buffer():
    loss, (y, t) = Counting(), example("mse")
    loss.per_example(y, t)
    assert loss.passes == 0
    loss.forward_weighted(y, t, np.ones(6))
    assert loss.passes == 1
    evaluate(Dense(3, 3, rng=0), loss, y, t, sample_weight=np.ones(6))
    assert loss.passes == 1


def test_a_loss_that_is_no_mean_cannot_be_weighed():
    class RMSE(Loss):
        def forward(self, y, t):
            self._d = y - t
            self._value = np.sqrt((self._d**2).mean())
            return self._value

        def backward(self):
            return self._d / self._d.size / self._value

    y, t = example("mse")
    with pytest.raises(ValueError, match="weights need a loss that is a mean over the examples"):
        RMSE().forward_weighted(y, t, np.ones(6))


def test_an_infinite_loss_without_weight_counts_as_nothing():
    loss = CrossEntropyLoss()
    y = np.array([[-np.inf, 0.0], [1.0, 2.0]])
    assert loss.forward_weighted(y, np.array([0, 1]), [0, 1]) == pytest.approx(np.log1p(np.exp(-1)))
    assert np.isfinite(loss.backward()).all()


def test_where_nothing_counts_the_loss_is_zero():
    loss = MSELoss()
    assert loss.forward_weighted(np.ones((2, 1)), np.zeros((2, 1)), [0, 0]) == 0
    np.testing.assert_array_equal(loss.backward(), np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([1, 2, 3], r"one number for each example, \(2,\); got the shape \(3,\)"),
        ([[1], [2]], r"got the shape \(2, 1\)"),
        ([1, -2], r"at least 0; got -2 for example 1"),
        ([np.nan, 1], "got nan for example 0"),
        ([1, np.inf], "got inf for example 1"),
    ],
)
def test_bad_weights_are_refused(weights, text):
    with pytest.raises(ValueError, match=text):
        MSELoss().forward_weighted(np.ones((2, 1)), np.ones((2, 1)), weights)


@pytest.mark.parametrize("value", [0, -1, [1, 0], np.nan, [], "two"])
def test_bad_pos_weights_are_refused(value):
    with pytest.raises((ValueError, TypeError), match="pos_weight must"):
        BCEWithLogitsLoss(pos_weight=value)
    with pytest.raises(ValueError, match="pos_weight must be a number, or one for each output"):
        BCEWithLogitsLoss(pos_weight=[1, 2]).forward(np.ones((2, 3)), np.ones((2, 3)))


@pytest.mark.parametrize("y", [-1000.0, -1.0, 0.0, 1.0, 1000.0])
def test_pos_weight_is_stable(y):
    loss = BCEWithLogitsLoss(pos_weight=3)
    for t in (0.0, 1.0, 0.25):
        value = loss.forward(np.array([[y]]), np.array([[t]]))
        p = np.logaddexp(0, -y), np.logaddexp(0, y)
        assert value == pytest.approx(3 * t * p[0] + (1 - t) * p[1], rel=1e-12, abs=1e-300)
        assert np.isfinite(loss.backward()).all()


# Training


def problem(n=40):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def network():
    return Sequential(Dense(3, 4, rng=0), Tanh(), Dense(4, 2, rng=1))


@pytest.mark.parametrize("batch_size", [1, 40])
@pytest.mark.parametrize("blocked", [True, False])
def test_weights_of_one_change_no_step(batch_size, blocked):
    ends, (x, t) = [], problem(130)
    for weight in (None, np.ones(130)):
        net = network()
        training = train(
            net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=2, rng=0, batch_size=batch_size,
            sample_weight=weight, blocked=blocked,
        )  # fmt: skip
        ends.append((net.params, [epoch.loss for epoch in training]))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_a_full_batch_with_weights_is_one_with_repeated_rows():
    (x, t), ends = problem(), []
    weights = np.random.default_rng(1).integers(0, 4, 40)
    rows = np.repeat(np.arange(40), weights)
    for arrays, weight in (((x, t), weights), ((x[rows], t[rows]), None)):
        net = network()
        training = train(
            net, MSELoss(), Adam(net), *arrays, epochs=5, batch_size=len(arrays[0]), rng=0,
            sample_weight=weight,
        )  # fmt: skip
        ends.append((net.params, [epoch.loss for epoch in training]))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_fast_and_plain_path_agree_with_weights(batch_size):
    ends, (x, t) = [], problem(200)
    weights = np.random.default_rng(1).uniform(0, 2, 200)
    weights[:3] = 0
    for blocked in (True, False):
        net = network()
        options = {"epochs": 2, "batch_size": batch_size, "rng": 0, "sample_weight": weights}
        training = train(net, MSELoss(), SGD(net, lr=0.1), x, t, blocked=blocked, **options)
        ends.append((net.params, [epoch.loss for epoch in training]))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_evaluate_and_fit_weigh_the_validation_data():
    (x, t), net = problem(), network()
    weights = np.arange(40.0)
    loss = MSELoss()
    expected = loss.forward_weighted(net.predict(x), t, weights)
    assert evaluate(net, MSELoss(), x, t, sample_weight=weights)["loss"] == pytest.approx(expected)
    history = fit(
        net, MSELoss(), SGD(net, lr=1e-300), x, t, epochs=1, batch_size=40, progress="off",
        validation=(x, t, weights), sample_weight=weights,
    )  # fmt: skip
    assert history["validation_loss"][0] == pytest.approx(expected)
    assert history["loss"][0] == pytest.approx(expected)


def test_a_resumed_run_has_the_same_bytes_and_needs_its_weights(tmp_path):
    (x, t), ends = problem(), []
    options = {"batch_size": 4, "rng": 0, "progress": "off"}
    weights = np.random.default_rng(1).uniform(size=40)
    for stops in ((4,), (2, 4)):
        path = tmp_path / f"{len(stops)}.npz"
        for epochs in stops:
            net = network()
            fit(
                net, MSELoss(), Adam(net), x, t, epochs=epochs, checkpoint=path,
                resume=path.exists(), sample_weight=weights, **options,
            )  # fmt: skip
        ends.append(net.params.tobytes())
    assert ends[0] == ends[1]
    net = network()
    with pytest.raises(tinynet.LoadError, match="weighted"):
        fit(net, MSELoss(), Adam(net), x, t, epochs=6, checkpoint=path, resume=True, **options)


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (np.ones(39), r"sample_weight must hold one number for each example, \(40,\)"),
        (np.zeros(40), "must have an example above 0; got only 0.0"),
        (np.full(40, -1.0), "got -1.0 for example 0"),
    ],
)
@pytest.mark.parametrize("run", [train, fit])
def test_bad_weights_are_refused_before_training(run, weight, text):
    (x, t), net = problem(), network()
    with pytest.raises(ValueError, match=text):
        run(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=1, sample_weight=weight)


def test_the_compiled_engine_names_the_weights(monkeypatch):
    monkeypatch.setattr("tinynet.training.compiled.engine.kernels", lambda: object())
    (x, t), net = problem(), network()
    options = {"epochs": 1, "sample_weight": np.ones(40), "engine": "compiled"}
    with pytest.raises(ValueError, match="no compiled form of sample_weight"):
        train(net, MSELoss(), SGD(net, lr=0.1), x, t, **options)
