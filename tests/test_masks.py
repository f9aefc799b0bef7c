"""Masked: what it reaches, and what reaches it."""

import threading
import warnings

import numpy as np
import pytest

from tinynet import (
    GRU,
    SGD,
    AverageSteps,
    CrossEntropyLoss,
    Dense,
    Embedding,
    Layer,
    Masked,
    MSELoss,
    Sequential,
    Softmax,
    detect_anomaly,
    train,
)
from tinynet.layers.masks import counting_steps


class Spy(Layer):
    """Passes x on and notes the mask."""

    def forward(self, x):
        self.seen = counting_steps(self, x)
        return x

    def backward(self, dy):
        return dy


def test_the_mask_is_that_of_the_thread_and_ends_with_the_pass():
    spy, x = Spy(), np.array([[[1.0], [0.0]]])
    net = Masked(spy)
    other = []

    class InBetween(Spy):
        def forward(self, x):
            thread = threading.Thread(target=lambda: other.append(spy.forward(x)))
            thread.start()
            thread.join()
            return super().forward(x)

    Masked(InBetween()).forward(x)
    assert spy.seen is None
    net.forward(x)
    np.testing.assert_array_equal(spy.seen, [[True, False]])
    spy.forward(x)
    assert spy.seen is None


def test_an_error_inside_ends_the_mask_too():
    spy = Spy()
    net = Masked(Sequential(Embedding(3, 2), spy))
    with pytest.raises(ValueError, match="ids go from 0 to 2"):
        net.forward(np.array([[1, 5]]))
    spy.forward(np.ones((1, 2, 2)))
    assert spy.seen is None


def test_a_mask_inside_another_leaves_out_what_either_does():
    spy = Spy()
    net = Masked(Masked(spy, padding=2))
    net.forward(np.array([[1, 2, 0, 3]]))
    np.testing.assert_array_equal(spy.seen, [[True, False, False, True]])


def test_a_mask_that_nothing_inside_reads_draws_a_warning():
    with pytest.warns(UserWarning, match=r"no layer in Masked\(Dense\(4, 2\)\) leaves out padding"):
        Masked(Dense(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Masked(Sequential(Embedding(3, 2), Spy()))


def test_a_summary_takes_no_padding():
    net = Sequential(Masked(Sequential(Embedding(5, 4), GRU(4, 3))), Dense(3, 2))
    assert "(N, 2)" in net.summary((6,))
    net = Sequential(Masked(Sequential(Embedding(5, 4), GRU(4, 3)), padding=1), Dense(3, 2))
    assert "(N, 2)" in net.summary((6,))


def test_a_softmax_in_it_is_the_last_layer_for_the_warning_of_train():
    net = Masked(Sequential(Embedding(5, 4, rng=0), GRU(4, 3, rng=1), Softmax()))
    x, t = np.ones((4, 2), int), np.array([0, 1, 2, 0])
    with pytest.warns(UserWarning, match="the network ends in Softmax"):
        list(train(net, CrossEntropyLoss(), SGD(net, lr=0.1), x, t, epochs=1, batch_size=2))


class WithMask(Layer):
    """A network that makes its mask itself."""

    def __init__(self):
        super().__init__(rnn=GRU(3, 4, rng=0), mean=AverageSteps(), out=Dense(4, 2, rng=1))

    def forward(self, x):
        return self.out.forward(self.rnn.forward(x, mask=(x != 0).any(axis=2)))

    def backward(self, dy):
        return self.rnn.backward(self.out.backward(dy))


def test_a_network_that_hands_a_mask_on_is_trained_and_watched():
    net, x = WithMask(), np.random.default_rng(0).normal(size=(6, 4, 3))
    x[:, 3] = 0
    optimizer = SGD(net, lr=0.1)
    with detect_anomaly(net):
        net.forward(x)
        net.predict(x)
    epochs = list(train(net, MSELoss(), optimizer, x, np.ones((6, 2)), epochs=9, batch_size=2))
    assert epochs[-1].loss < epochs[0].loss


def test_the_mean_of_steps_is_exact():
    x = np.full((2, 49, 3), 3, np.float32)
    mask = np.ones((2, 49), bool)
    np.testing.assert_array_equal(AverageSteps().forward(x), 3)
    mask[1, 11:] = False
    np.testing.assert_array_equal(AverageSteps().forward(x, mask), 3)
