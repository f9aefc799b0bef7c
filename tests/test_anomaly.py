"""detect_anomaly names the first value that is not finite."""

import threading

import numpy as np
import pytest

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


def message(work):
    with pytest.raises(DivergenceError) as caught, detect_anomaly():
        work()
    return str(caught.value)


def test_the_layer_and_the_forward_direction_are_named():
    net = Sequential(Dense(2, 2, rng=0), Sequential(Sigmoid(), Residual(Root())))
    x = np.ones((3, 2))
    with detect_anomaly():
        net.forward(x)
    text = message(lambda: Sequential(Dense(1, 1), Root()).forward(np.array([[np.nan]])))
    assert text.startswith("nan x came to forward of layer Sequential")
    deep = Sequential(Sequential(Residual(Root())))
    text = message(lambda: deep.forward(-x))
    assert text == (
        "nan appeared in forward of layer 0.0.inner, Root(), from finite values, the largest 1"
    )
    text = message(lambda: deep.predict(-x))
    assert text.startswith("nan appeared in predict of layer 0.0.inner")


def test_the_backward_direction_is_named():
    net = Sequential(Dense(1, 1, init=lambda shape, rng: np.ones(shape)), Root())
    with detect_anomaly():
        net.forward(np.zeros((1, 1)))
    text = message(lambda: net.backward(np.ones((1, 1))))
    assert text.startswith("inf appeared in dx, backward of layer 1, Root()")
    assert message(lambda: net.backward(np.full((1, 1), np.nan))).startswith("nan dy came to")


def test_a_gradient_of_a_parameter_is_named():
    net = Sequential(BadGradient())
    net.forward(np.ones((1, 1)))
    expected = "inf appeared in dw, backward of layer 0, BadGradient()"
    assert message(lambda: net.backward(np.ones((1, 1)))).startswith(expected)
    assert "in dw" in message(lambda: net.parameter_gradients(np.ones((1, 1))))


def test_a_parameter_that_is_not_finite_is_named():
    net = Sequential(Dense(2, 2, rng=0))
    net[0].b[1] = np.inf
    text = message(lambda: net.forward(np.ones((1, 2))))
    assert text == "inf was in b, forward of layer 0, Dense(2, 2, rng=0), before it ran"


def test_the_loss_is_named():
    y = np.array([[1e200]])
    text = message(lambda: MSELoss().forward(y, -y))
    assert text.startswith("inf appeared in forward of MSELoss")
    assert message(lambda: MSELoss().forward(y, y * np.nan)).startswith("nan t came to MSELoss()")
    assert message(lambda: MSELoss().forward(y * np.inf, y)).startswith("inf y came to MSELoss()")
    assert message(lambda: BadLoss().backward()).startswith("nan appeared in backward of BadLoss()")


def test_the_step_of_the_optimizer_is_named():
    net = Sequential(Dense(1, 1, rng=0))
    optimizer = SGD(net, lr=10.0)
    net.grads[...] = [0, 1e308]
    text = message(lambda: optimizer.step())
    assert text.startswith("-inf appeared in 0.b, step 1 of SGD(Sequential, lr=10.0), from finite")
    assert "smaller learning rate" in text
    net.params[...] = 1
    net.grads[...] = np.nan
    assert "from gradients that are not finite" in message(lambda: optimizer.step())


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_training_that_diverges_is_explained(batch_size):
    rng = np.random.default_rng(0)
    net = Sequential(Dense(3, 4, rng=rng), Sigmoid(), Dense(4, 2, rng=rng))
    x, t = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
    loss, optimizer = MSELoss(), SGD(net, lr=1e5)

    def work():
        options = {"epochs": 500, "batch_size": batch_size, "progress": "off"}
        fit(net, loss, optimizer, x, t, **options)

    assert "appeared in" in message(work)


def test_what_is_finite_computes_the_same_in_it():
    def work(watched):
        rng = np.random.default_rng(0)
        net = Sequential(Dense(3, 4, rng=rng), Sigmoid(), Dense(4, 2, rng=rng))
        x, t = rng.normal(size=(64, 3)), rng.normal(size=(64, 2))
        arguments = net, MSELoss(), SGD(net, lr=0.1), x, t
        if watched:
            with detect_anomaly():
                list(train(*arguments, epochs=2, batch_size=4, rng=0))
        else:
            list(train(*arguments, epochs=2, batch_size=4, rng=0, blocked=False))
        return net.params

    assert np.array_equal(work(True), work(False))


def test_it_leaves_no_trace_and_nests():
    classes = Layer, Dense, Root, Sequential, Loss, MSELoss, SGD
    before = [dict(vars(cls)) for cls in classes]
    with detect_anomaly(), detect_anomaly():
        assert Dense.forward is not before[1]["forward"]
    with pytest.raises(KeyError), detect_anomaly():
        raise KeyError
    assert [dict(vars(cls)) for cls in classes] == before


def test_a_class_made_within_is_left_without_a_trace_too():
    with detect_anomaly():

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
    original = Dense.forward
    inside, leave = threading.Event(), threading.Event()

    def work():
        with detect_anomaly():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    with detect_anomaly():
        pass
    assert Dense.forward is not original
    leave.set()
    thread.join()
    assert Dense.forward is original
