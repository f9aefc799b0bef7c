"""Nobody writes into the caller's arrays, and what writes into them is named."""

import numpy as np
import pytest

from tinynet import (
    SGD,
    Dense,
    Identity,
    Layer,
    Loss,
    MSELoss,
    Sequential,
    evaluate,
    predict,
    train,
)


class Halves(Layer):
    """Writes into x."""

    def forward(self, x):
        x /= 2
        return x

    def backward(self, dy):
        return dy / 2


class HalvesGradients(Layer):
    """Writes into dy."""

    def forward(self, x):
        return x / 2

    def backward(self, dy):
        dy /= 2
        return dy


class InPlaceLoss(MSELoss):
    """Writes into y, or into t."""

    def __init__(self, which):
        self.which = which

    def forward(self, y, t):
        if self.which == "y":
            y -= t
        else:
            t -= y
        return super().forward(y, t)


X, T = np.random.default_rng(0).normal(size=(2, 8, 2))


def run(net, loss, **options):
    x, t = X.copy(), T.copy()
    try:
        for _ in train(net, loss, SGD(net, 0.1), x, t, epochs=1, batch_size=4, rng=0, **options):
            pass
    finally:
        assert np.array_equal(x, X)
        assert np.array_equal(t, T)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((Halves, lambda: Dense(2, 2, rng=0)), "forward of Halves writes into x"),
        ((lambda: Dense(2, 2, rng=0), Halves), "forward of Halves writes into x"),
        (
            (lambda: Dense(2, 2, rng=0), HalvesGradients),
            "backward of HalvesGradients writes into d",
        ),
    ],
    ids=["first", "last", "backward"],
)
def test_training_names_a_layer_that_writes_into_what_it_gets(layers, words, shuffle):
    with pytest.raises(ValueError, match=f"^{words}.* belongs to its caller"):
        run(Sequential(*(make() for make in layers)), MSELoss(), shuffle=shuffle)


@pytest.mark.parametrize("which", ["y", "t"])
def test_training_names_a_loss_that_writes_into_what_it_gets(which):
    with pytest.raises(ValueError, match=r"^forward of InPlaceLoss writes into y or t"):
        run(Dense(2, 2, rng=0), InPlaceLoss(which), shuffle=False)


def test_predict_and_evaluate_leave_the_data_alone():
    for rows in (None, 3):
        x = X.copy()
        with pytest.raises(ValueError, match=r"^predict of the network writes into x"):
            predict(Halves(), x, batch_size=rows)
        assert np.array_equal(x, X)
    x, t = X.copy(), T.copy()
    for which in ("y", "t"):
        with pytest.raises(ValueError, match=r"^forward of InPlaceLoss writes into y or t"):
            evaluate(Identity(), InPlaceLoss(which), x, t)
    with pytest.raises(ValueError, match=r"^the metric last writes into the outputs or targets"):
        evaluate(Identity(), MSELoss(), x, t, {"last": lambda y, t: t.sort()})
    assert np.array_equal(x, X)
    assert np.array_equal(t, T)


def test_outputs_can_be_written_into_and_are_no_view_of_the_data():
    x = X.copy()
    y = predict(Identity(), x)
    y += 1
    assert np.array_equal(x, X)


class Scaled(Loss):
    """Another error that happens to be a ValueError."""

    def forward(self, y, t):
        raise ValueError("the weights do not fit")


def test_other_errors_pass():
    with pytest.raises(ValueError, match=r"^the weights do not fit$"):
        evaluate(Identity(), Scaled(), X, T)
