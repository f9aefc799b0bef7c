"""detect_anomaly names the first value that is not finite."""

import threading

import numpy as np
import pytest
from layers import COPIES, network

from tinynet import (
    SGD,
    Dense,
    DivergenceError,
    Layer,
    Loss,
    MSELoss,
    Residual,
    Sequential,
    Sigmoid,
    detect_anomaly,
    fit,
    load,
    save,
    train,
)


class Root(Layer):
    """y = √x: NaN below 0, and an infinite slope at 0."""

    def forward(self, x):
        self._y = np.sqrt(x)
        return self._y

    def backward(self, dy):
        return dy / (2 * self._y)


class BadGradient(Layer):
    """y = x + w, with an infinite gradient of w."""

    def __init__(self):
        super().__init__(w=np.zeros(1))

    def forward(self, x):
        return x + self.w

    def backward(self, dy):
        self.dw[...] = np.inf
        return dy


class BadLoss(Loss):
    """Finite forward, NaN backward."""

    def forward(self, y, t):
        return 1.0

    def backward(self):
        return np.full(1, np.nan)


def message(work, *watched):
    """What the error says that `work` raises while these objects are watched."""
    with pytest.raises(DivergenceError) as caught, detect_anomaly(*watched):
        work()
    return str(caught.value)


def test_the_layer_and_the_forward_direction_are_named():
    net = Sequential(Dense(2, 2, rng=0), Sequential(Sigmoid(), Residual(Root())))
    x = np.ones((3, 2))
    with detect_anomaly(net):
        net.forward(x)
    flat = Sequential(Dense(1, 1), Root())
    text = message(lambda: flat.forward(np.array([[np.nan]])), flat)
    assert text.startswith("nan x came to forward of layer Sequential")
    deep = Sequential(Sequential(Residual(Root())))
    text = message(lambda: deep.forward(-x), deep)
    assert text == (
        "nan appeared in forward of layer 0.0.inner, Root(), from finite values, the largest 1"
    )
    text = message(lambda: deep.predict(-x), deep)
    assert text.startswith("nan appeared in predict of layer 0.0.inner")


def test_the_backward_direction_is_named():
    net = Sequential(Dense(1, 1, init=lambda shape, rng: np.ones(shape)), Root())
    with detect_anomaly(net):
        net.forward(np.zeros((1, 1)))
    text = message(lambda: net.backward(np.ones((1, 1))), net)
    assert text.startswith("inf appeared in dx, backward of layer 1, Root()")
    text = message(lambda: net.backward(np.full((1, 1), np.nan)), net)
    assert text.startswith("nan dy came to")


def test_a_gradient_of_a_parameter_is_named():
    net = Sequential(BadGradient())
    net.forward(np.ones((1, 1)))
    expected = "inf appeared in dw, backward of layer 0, BadGradient()"
    assert message(lambda: net.backward(np.ones((1, 1))), net).startswith(expected)
    assert "in dw" in message(lambda: net.parameter_gradients(np.ones((1, 1))), net)


def test_a_parameter_that_is_not_finite_is_named():
    net = Sequential(Dense(2, 2, rng=0))
    net[0].b[1] = np.inf
    text = message(lambda: net.forward(np.ones((1, 2))), net)
    assert text == "inf was in b, forward of layer 0, Dense(2, 2, rng=0), before it ran"


def test_the_loss_is_named():
    y, loss, bad = np.array([[1e200]]), MSELoss(), BadLoss()
    text = message(lambda: loss.forward(y, -y), loss)
    assert text.startswith("inf appeared in forward of MSELoss")
    text = message(lambda: loss.forward(y, y * np.nan), loss)
    assert text.startswith("nan t came to MSELoss()")
    text = message(lambda: loss.forward(y * np.inf, y), loss)
    assert text.startswith("inf y came to MSELoss()")
    assert message(lambda: bad.backward(), bad).startswith("nan appeared in backward of BadLoss()")


def test_the_step_of_the_optimizer_is_named():
    net = Sequential(Dense(1, 1, rng=0))
    optimizer = SGD(net, lr=10.0)
    net.grads[...] = [0, 1e308]
    text = message(lambda: optimizer.step(), optimizer)
    assert text.startswith("-inf appeared in 0.b, step 1 of SGD(Sequential, lr=10.0), from finite")
    assert "smaller learning rate" in text
    net.params[...] = 1
    net.grads[...] = np.nan
    assert "from gradients that are not finite" in message(lambda: optimizer.step(), optimizer)


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_training_that_diverges_is_explained(batch_size):
    rng = np.random.default_rng(0)
    net = network(3, 4, 2, rng=rng)
    x, t = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    loss, optimizer = MSELoss(), SGD(net, lr=1e5)

    def work():
        options = {"epochs": 500, "batch_size": batch_size, "progress": "off"}
        fit(net, loss, optimizer, x, t, **options)

    assert "appeared in" in message(work, net, loss, optimizer)


def test_what_is_finite_computes_the_same_in_it():
    def work(watched):
        rng = np.random.default_rng(0)
        net = network(3, 4, 2, rng=rng)
        x, t = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
        loss, optimizer = MSELoss(), SGD(net, lr=0.1)
        if watched:
            with detect_anomaly(net, loss, optimizer):
                list(train(net, loss, optimizer, x, t, epochs=2, batch_size=4, rng=0))
        else:
            list(train(net, loss, optimizer, x, t, epochs=2, batch_size=4, rng=0, blocked=False))
        return net.params

    assert np.array_equal(work(True), work(False))


def test_it_leaves_no_trace_and_nests():
    net = Sequential(Dense(2, 2, rng=0), Root())
    objects = net, net[0], net[1], MSELoss(), SGD(net, lr=0.1)
    before = [(type(each), dict(vars(each)), dict(vars(type(each)))) for each in objects]
    with detect_anomaly(*objects), detect_anomaly(net):
        assert type(net[0]).forward is not Dense.forward
        assert type(Dense(2, 2)) is Dense
    with pytest.raises(KeyError), detect_anomaly(*objects):
        raise KeyError
    with pytest.raises(DivergenceError), detect_anomaly(*objects):
        net.predict(np.full((1, 2), np.nan))
    assert [(type(each), vars(each), dict(vars(type(each)))) for each in objects] == before


def test_what_is_watched_must_be_given():
    expected = r"; got {}\. Write detect_anomaly\(net, loss, optimizer\)"
    with pytest.raises(TypeError, match=expected.format("none")), detect_anomaly():
        pass
    net = Dense(2, 2, rng=0)
    for wrong, shown in (
        (Dense, "the class Dense"),
        (3, "3"),
        ([net], r"\[Dense\(2, 2, rng=0\)\]"),
    ):
        with pytest.raises(TypeError, match=expected.format(shown)), detect_anomaly(net, wrong):
            pass
    assert type(net) is Dense


def test_a_part_that_is_watched_alone_is_named_by_its_place_in_the_whole():
    net = Sequential(Dense(1, 1, rng=0), Sequential(Residual(Root())))
    text = message(lambda: net[1].forward(np.full((1, 1), -1.0)), net[1][0])
    assert text.startswith("nan appeared in forward of layer 1.0.inner, Root()")


def test_a_predict_that_is_made_of_forward_still_leaves_no_trace():
    net = Sequential(Root(), Residual(Root()))
    net.forward(np.ones((2, 1)))
    before = [dict(vars(layer)) for layer in net.walk()]
    with detect_anomaly(net):
        net.predict(np.ones((3, 1)))
    for layer, attributes in zip(net.walk(), before, strict=True):
        assert all(vars(layer)[name] is value for name, value in attributes.items())


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_are_not_watched_and_change_nothing_in_the_original(duplicate):
    net = Sequential(Dense(2, 2, rng=0), Sequential(Sigmoid()))
    loss = MSELoss()
    with detect_anomaly(net, loss):
        twin, twin_loss = duplicate(net), duplicate(loss)
    assert [type(layer) for layer in twin.walk()] == [Sequential, Dense, Sequential, Sigmoid]
    assert type(twin_loss) is MSELoss
    assert vars(twin_loss) == vars(loss)
    kept, params = dict(vars(net[0])), net.params.copy()
    with detect_anomaly(net), np.errstate(invalid="ignore"):
        twin = duplicate(net)
        twin.params[...] = 0
        assert np.isnan(twin.forward(np.full((1, 2), np.inf))).any()
    assert vars(net[0]).keys() == kept.keys()
    assert np.array_equal(net.params, params)


def test_a_file_that_is_written_meanwhile_is_the_same(tmp_path):
    net, x = Sequential(Dense(2, 2, rng=0), Sigmoid()), np.eye(2)
    loss, optimizer = MSELoss(), SGD(net, lr=0.1)
    save(net, tmp_path / "plain.npz")
    with detect_anomaly(net, loss, optimizer):
        save(net, tmp_path / "watched.npz")
        path = tmp_path / "run.npz"
        fit(net, loss, optimizer, x, x, epochs=1, checkpoint=path, progress="off")
    assert (tmp_path / "watched.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    assert type(load(path)[0]) is Dense


def test_a_class_made_within_is_left_without_a_trace_too():
    net = Dense(2, 2, rng=0)
    with detect_anomaly(net):

        class Double(Dense):
            def forward(self, x):
                return 2 * super().forward(x)

            def backward(self, dy):
                return 2 * super().backward(dy)

    layer = Double(2, 2, rng=0)
    layer.W[...] = np.nan
    assert np.isnan(layer.predict(np.ones((1, 2)))).all()
    assert vars(Double)["predict"] is vars(Layer)["predict"]
    assert vars(Double)["parameter_gradients"] is vars(Layer)["parameter_gradients"]


def test_threads_may_enter_at_different_times():
    net = Dense(2, 2, rng=0)
    inside, leave = threading.Event(), threading.Event()

    def work():
        with detect_anomaly(net):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    with detect_anomaly(net):
        pass
    assert type(net).forward is not Dense.forward
    assert "nan x came to" in message(lambda: net.forward(np.full((1, 2), np.nan)), net)
    leave.set()
    thread.join()
    assert type(net) is Dense


def test_it_sees_what_other_threads_do():
    net, caught = Dense(2, 2, rng=0), []

    def work():
        try:
            net.predict(np.full((1, 2), np.nan))
        except DivergenceError as error:
            caught.append(error)

    with detect_anomaly(net):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(caught) == 1
