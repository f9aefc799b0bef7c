"""train: one step for each batch, one Epoch for each pass."""

import copy
import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import Scale, network

from tinynet import (
    SGD,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    DivergenceError,
    Embedding,
    Identity,
    KLDivLoss,
    LogSoftmax,
    Loss,
    MSELoss,
    Optimizer,
    Residual,
    Sequential,
    Sigmoid,
    Softmax,
    evaluate,
    train,
)


def problem(examples=20, dtype=float, rng=0):
    """A small network, and data of its shape."""
    rng = np.random.default_rng(rng)
    net = network(3, 5, 2, last=Sigmoid(), rng=rng, dtype=dtype)
    x = rng.uniform(0.01, 1, (examples, 3)).astype(dtype)
    t = rng.uniform(0.01, 0.99, (examples, 2)).astype(dtype)
    return net, x, t


def test_a_small_network_learns_exclusive_or():
    rng = np.random.default_rng(1)
    net = network(2, 4, 1, last=Sigmoid(), rng=rng)
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    t = np.array([[0.0], [1], [1], [0]])
    epochs = list(train(net, MSELoss(), SGD(net, lr=2.0), x, t, epochs=2000, rng=rng))
    assert epochs[-1].loss < 0.01 < 0.2 < epochs[0].loss
    np.testing.assert_array_equal(net.predict(x).round(), t)


@given(
    examples=st.integers(1, 30),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    epochs=st.integers(1, 3),
)
def test_train_takes_the_steps_of_the_four_lines(examples, batch_size, shuffle, epochs):
    net, x, t = problem(examples)
    by_hand, loss = copy.deepcopy(net), MSELoss()
    optimizer = SGD(by_hand, lr=0.5)
    order = np.random.default_rng(7)
    means = []
    for _ in range(epochs):
        rows = order.permutation(examples) if shuffle else np.arange(examples)
        total = 0.0
        for start in range(0, examples, batch_size):
            batch = rows[start : start + batch_size]
            value = loss.forward(by_hand.forward(x[batch]), t[batch])
            by_hand.backward(loss.backward())
            optimizer.step()
            total += value * len(batch)
        means.append(total / examples)
    options = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle, "rng": 7}
    trained = list(train(net, MSELoss(), SGD(net, lr=0.5), x, t, **options))
    np.testing.assert_allclose(net.params, by_hand.params, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose([epoch.loss for epoch in trained], means, rtol=1e-12)
    assert [epoch.number for epoch in trained] == list(range(1, epochs + 1))
    assert {epoch.examples for epoch in trained} == {examples}
    assert all(epoch.seconds >= 0 for epoch in trained)


def test_the_same_rng_gives_the_same_training():
    results = []
    for rng in (3, 3, 4):
        net, x, t = problem()
        list(train(net, MSELoss(), SGD(net, lr=0.5), x, t, epochs=2, rng=rng))
        results.append(net.params)
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_an_epoch_tells_the_learning_rate_it_began_with():
    net, x, t = problem(4)
    optimizer = SGD(net, lr=lambda step: 1 / (1 + step))
    rates = [epoch.lr for epoch in train(net, MSELoss(), optimizer, x, t, epochs=3, rng=0)]
    assert rates == [1, 1 / 5, 1 / 9]


def test_the_caller_may_change_the_rate_and_stop_between_epochs():
    net, x, t = problem()
    optimizer = SGD(net, lr=0.5)
    for epoch in train(net, MSELoss(), optimizer, x, t, epochs=100, rng=0):
        optimizer.lr /= 2
        if epoch.number == 3:
            break
    assert optimizer.steps == 3 * len(x)


def test_an_optimizer_of_a_part_trains_that_part_alone():
    net, x, t = problem()
    before = net.params.copy()
    list(train(net, MSELoss(), SGD(net[2], lr=0.5), x, t, epochs=1, rng=0))
    np.testing.assert_array_equal(net.params[:20], before[:20])
    assert (net.params[20:] != before[20:]).all()


def test_float32_goes_in_and_no_other_float_type_appears_in_a_step():
    class Spy(Identity):
        def forward(self, x):
            seen.add(x.dtype)
            return x

        def backward(self, dy):
            seen.add(dy.dtype)
            return dy

    seen = set()
    net, x, t = problem(70, np.float32)
    first, _, second, _ = copy.deepcopy(net.layers)
    spied = Sequential(Spy(), first, Spy(), Sigmoid(), Spy(), second, Spy())
    loss = MSELoss()
    for batch_size in (1, 7):
        optimizer = SGD(spied, lr=lambda step: np.float64(0.1))
        list(train(spied, loss, optimizer, x, t, epochs=1, batch_size=batch_size, rng=0))
    assert seen == {np.dtype(np.float32)}
    arrays = [v for layer in spied.walk() for v in vars(layer).values()] + list(vars(loss).values())
    types = {a.dtype for a in arrays if isinstance(a, np.ndarray) and a.size}
    assert types == {np.dtype(np.float32)}


def test_batches_of_one_are_views_and_the_data_set_is_never_copied():
    class Recorder(Identity):
        def forward(self, x):
            views.append(np.shares_memory(x, data))
            return x

    rng = np.random.default_rng(0)
    data, t = rng.random((2000, 500)), rng.random((2000, 1))
    views: list[bool] = []
    net = Sequential(Recorder(), Dense(500, 1, rng=rng))
    training = train(net, MSELoss(), SGD(net, lr=1e-3), data, t, epochs=1, rng=0)
    tracemalloc.start()
    list(training)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(views)
    assert peak < data.nbytes / 10


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_loss_that_is_not_finite_stops_training_and_says_where_and_what_to_try(batch_size):
    net = Sequential(Dense(1, 1, rng=0))
    x = np.array([[1e3]] * 8)
    with pytest.raises(DivergenceError) as info:
        list(train(net, MSELoss(), SGD(net, lr=1e9), x, x, epochs=99, batch_size=batch_size, rng=0))
    message = str(info.value)
    for part in ("epoch ", "step ", "learning rate 1e+09", "ten times smaller"):
        assert part in message


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("blocked", [True, False])
def test_parameters_that_the_last_step_makes_infinite_stop_training_too(batch_size, blocked):
    net = Sequential(Dense(1, 1, rng=0))
    x = np.full((4, 1), 1e154)
    last = len(x) // batch_size - 1
    rates = [0.0] * last + [1e10]  # and none for a step after the last
    optimizer = SGD(net, lr=lambda step: rates[step])
    options = {"epochs": 1, "batch_size": batch_size, "shuffle": False, "blocked": blocked}
    training = train(net, MSELoss(), optimizer, x, np.ones((4, 1)), **options)
    with pytest.raises(DivergenceError, match=f"a parameter became NaN .* step {last + 1};"):
        list(training)
    assert optimizer.steps == last + 1


def test_the_error_state_of_numpy_does_not_leak_into_the_callers_loop():
    net, x, t = problem()
    before = np.geterr()
    for _ in train(net, MSELoss(), SGD(net, lr=0.5), x, t, epochs=2, rng=0):
        assert np.geterr() == before


def check_refused(match, error=ValueError, **changes):
    """Training is refused at the call, and nothing has changed."""
    net, x, t = problem()
    arguments = {"net": net, "loss": MSELoss(), "optimizer": SGD(net, lr=0.5), "x": x, "t": t}
    options = {"epochs": 1, "batch_size": 1, "rng": 0}
    for name, change in changes.items():
        target = arguments if name in arguments else options
        target[name] = change(target[name]) if callable(change) else change
    before = net.params.copy()
    with pytest.raises(error, match=match):
        train(*arguments.values(), **options)
    np.testing.assert_array_equal(net.params, before)
    assert arguments["optimizer"].steps == 0


def spoilt(value):
    def spoil(array):
        array = array.copy()
        array[7, 1] = value
        return array

    return spoil


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["x", "t"])
def test_data_that_is_not_finite_is_refused_by_row(name, value):
    check_refused(rf"{name}\[7\] holds NaN or infinity", **{name: spoilt(value)})


def test_arguments_that_do_not_fit_are_refused_at_once():
    check_refused("x has 20 examples and t has 19", t=lambda t: t[:-1])
    check_refused("at least one example", x=lambda x: x[:0])
    check_refused("at least one example", t=lambda t: t[:0])
    check_refused(r"x must be a NumPy array.*np\.asarray", TypeError, x=lambda x: x.tolist())
    check_refused(
        r"t must hold real numbers; got <U.*names, t = np.unique\(t, return_inverse=True\)",
        TypeError,
        t=lambda t: t.astype(str),
    )
    check_refused("such as MSELoss.*got str.* The order is network, loss", TypeError, loss="mse")
    check_refused("got SGD", TypeError, loss=lambda _: SGD(Dense(1, 1), lr=1))
    check_refused(r"y of shape \(20, 2\) and t of shape \(20,\)", t=lambda t: t[:, 0])
    check_refused("it must be .N, 3.", x=lambda x: x[:, :2])
    for name in ("epochs", "batch_size"):
        for value in (0, -1):
            check_refused(f"{name} must be a positive int; got {value}", **{name: value})
        check_refused(f"{name} must be a positive int", TypeError, **{name: 1.5})


def test_a_last_batch_that_the_network_refuses_is_found_at_once():
    class AtLeastTwo(Sigmoid):
        def forward(self, x):
            if len(x) < 2:
                raise ValueError(f"a batch of {len(x)} is too small")
            return super().forward(x)

    _, x, t = problem(17)
    net = Sequential(Dense(3, 2, rng=0), AtLeastTwo())
    list(train(net, MSELoss(), SGD(net, lr=0.5), x, t, epochs=1, batch_size=5))
    with pytest.raises(ValueError, match="batch of 1 is too small"):
        train(net, MSELoss(), SGD(net, lr=0.5), x, t, epochs=1, batch_size=4)


def test_an_optimizer_of_another_network_is_refused():
    other, _, _ = problem()
    check_refused("another network", optimizer=SGD(other, lr=0.5))


def test_pixels_that_were_never_scaled_draw_a_warning():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 3))
    for dtype in (np.uint8, np.int16, np.int64, np.uint32, np.float32, float):
        x = pixels.astype(dtype)
        net, _, t = problem()
        with pytest.warns(UserWarning, match="scale_pixels"):
            list(train(net, MSELoss(), SGD(net, lr=0.01), x, t, epochs=1, rng=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net, _, t = problem()
        list(train(net, MSELoss(), SGD(net, lr=0.5), pixels / 255, t, epochs=1, rng=0))


def test_ids_are_no_pixels():
    net = Sequential(Embedding(200, 2, rng=0), Dense(2, 2, rng=1))
    ids = np.arange(20, dtype=np.uint8) + 120
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(train(net, MSELoss(), SGD(net, lr=0.5), ids, np.zeros((20, 2)), epochs=1, rng=0))


def warnings_of(last, loss, t):
    """What training a network with that last layer warns of."""
    net = Sequential(Sequential(Dense(3, 2, rng=0), last))
    x = np.random.default_rng(0).normal(size=(20, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(train(net, loss, SGD(net, lr=0.5), x, t, epochs=1, rng=0))
    return [str(warning.message) for warning in caught]


def test_an_activation_that_the_loss_applies_itself_draws_a_warning():
    classes, shares = np.arange(20) % 2, np.full((20, 2), 0.5)
    for last, loss, t in (
        (Softmax(), CrossEntropyLoss(), classes),
        (Softmax(), CrossEntropyLoss(0.1), shares),
        (Sigmoid(), BCEWithLogitsLoss(), shares),
    ):
        (message,) = warnings_of(last, loss, t)
        assert f"the network ends in {last!r}, which {loss!r} applies itself" in message
        assert "Leave the layer out" in message
    for last, loss, t in (
        (LogSoftmax(), CrossEntropyLoss(), classes),  # which it leaves as it is
        (LogSoftmax(), KLDivLoss(), shares),
        (Sigmoid(), BCELoss(), shares),
        (Softmax(), MSELoss(), shares),
        (Residual(Softmax()), CrossEntropyLoss(), classes),
    ):
        assert warnings_of(last, loss, t) == []


def test_a_gradient_that_is_assigned_trains_as_one_that_is_written():
    class Assigned(Scale):
        def backward(self, dy):
            self.dgain = (dy * self._x).sum(axis=0)
            return dy * self.gain

    x = np.random.default_rng(0).normal(size=(6, 2))
    nets = Sequential(Assigned(2)), Sequential(Scale(2))
    for net in nets:
        for _ in train(net, MSELoss(), SGD(net, lr=0.1), x, 3 * x, epochs=2, rng=0):
            pass
    np.testing.assert_array_equal(nets[0].params, nets[1].params)
    assert (nets[0].params > 1).all()


def test_a_loss_and_an_optimizer_of_ones_own_are_a_few_lines():
    class L1Loss(Loss):
        def forward(self, y, t):
            self._d = y - t
            return np.abs(self._d).mean()

        def backward(self):
            return np.sign(self._d) / self._d.size

    class SignSGD(Optimizer):
        def update(self, params, grads, rate):
            params -= rate * np.sign(grads)

    net, x, _ = problem()
    t = x[:, :2]
    optimizer = SignSGD(net, lr=0.01)
    epochs = list(train(net, L1Loss(), optimizer, x, t, epochs=500, batch_size=20, rng=0))
    assert epochs[-1].loss < epochs[0].loss / 2
    assert type(epochs[0].loss) is float


def test_targets_of_a_wider_float_type_are_refused():
    net, x, t = problem(dtype=np.float32)
    with pytest.raises(TypeError, match=r"convert t once with t\.astype\(np\.float32\)"):
        train(net, MSELoss(), SGD(net, lr=0.5), x, t.astype(float), epochs=1)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (0, r"net must be a layer such as Sequential\(...\); got str\. The order is"),
        (1, r"loss must be a loss such as MSELoss\(\); got str\. The order is"),
        (2, r"optimizer must be an optimizer such as SGD\(net, lr=0.1\); got str\. The order"),
    ],
)
def test_a_name_in_place_of_an_object_is_refused(place, message):
    net, x, t = problem()
    arguments = [net, MSELoss(), SGD(net, lr=0.5), x, t]
    arguments[place] = "adam"
    with pytest.raises(TypeError, match=message):
        train(*arguments, epochs=1)


def test_the_class_of_a_loss_is_refused():
    check_refused("got the class MSELoss", TypeError, loss=lambda _: MSELoss)


def test_the_mean_of_an_epoch_is_weighted_as_the_loss_weights_its_batches():
    net, rng = network(3, 4, 3), np.random.default_rng(0)
    x, t = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    t[:9] = -100  # the first batch, of 8, counts nothing
    loss = CrossEntropyLoss(weight=[1.0, 5.0, 0.0], ignore_index=-100)
    whole = evaluate(net, loss, x, t)["loss"]
    for optimizer in (SGD(net, lr=1e-300), SGD(net, lr=1e-300, momentum=0.9)):  # blocked, and not
        (epoch,) = train(net, loss, optimizer, x, t, epochs=1, batch_size=8, shuffle=False)
        assert epoch.loss == pytest.approx(whole, rel=1e-12)
        assert epoch.examples == 50


def test_an_epoch_in_which_nothing_counts_moves_nothing_and_is_refused():
    net, x, t = network(3, 4, 3), np.ones((8, 3)), np.full(8, -1)
    before, loss = net.params.copy(), CrossEntropyLoss(ignore_index=-1)
    with pytest.raises(ValueError, match=r"no target counts for CrossEntropyLoss.* in epoch 1"):
        list(train(net, loss, SGD(net, lr=1), x, t, epochs=1, batch_size=3))
    np.testing.assert_array_equal(net.params, before)
    with pytest.raises(ValueError, match="no target counts"):
        evaluate(net, loss, x, t)
    t[0] = 1  # so that one batch counts, and the other two do not
    (epoch,) = train(net, loss, SGD(net, lr=1e-300), x, t, epochs=1, batch_size=3)
    assert epoch.loss == pytest.approx(evaluate(net, loss, x, t)["loss"])
