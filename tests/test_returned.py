"""What forward and backward return is checked, and the error names the class and the method."""

import numpy as np
import pytest

from tinynet import (
    SGD,
    CrossEntropyLoss,
    Dense,
    Embedding,
    Flatten,
    Frozen,
    Layer,
    Loss,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    train,
)
from tinynet.testing import GradientError, check_layer, check_loss

X, T = np.ones((4, 3)), np.zeros((4, 2))


def mine(forward=lambda x: 2 * x, backward=lambda dy: 2 * dy):
    class Mine(Layer):
        pass

    Mine.forward = lambda self, x: forward(x)
    Mine.backward = lambda self, dy: backward(dy)
    return Mine()


def places(layer):
    """Networks with the layer first, last, in the middle, and deep inside."""
    yield [layer, Dense(3, 2, rng=0)]
    yield [Dense(3, 2, rng=0), layer]
    yield [Dense(3, 3, rng=0), layer, ReLU(), Dense(3, 2, rng=1)]
    yield [Dense(3, 3, rng=0), Residual(Sequential(layer, ReLU())), Dense(3, 2, rng=1)]


def start(net, loss=None, x=X, t=T):
    for _ in train(net, loss or MSELoss(), SGD(net, lr=0.1), x, t, epochs=1, batch_size=4):
        pass


WRONG = {
    "None": (lambda array: None, "returned None: it must end in return"),
    "tuple": (lambda array: (array, 1), "must return one NumPy array of real numbers.*got tuple"),
    "list": (lambda array: array.tolist(), "must .*got list"),
    "number": (lambda array: 0.5, "must .*got float"),
    "objects": (lambda array: array.astype(object), "must .*got an array of object"),
    "complex": (lambda array: array + 0j, "must .*got an array of complex128"),
    "masked": (np.ma.MaskedArray, "must .*got MaskedArray"),
}


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
def test_train_names_the_layer_whose_forward_returns_no_array(wrong, words, place):
    net = Sequential(*[*places(mine(forward=wrong))][place])
    with pytest.raises(TypeError, match=rf"Mine\.forward {words}"):
        start(net)


@pytest.mark.parametrize("place", range(1, 4))
@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
def test_train_names_the_layer_whose_backward_returns_no_array(wrong, words, place):
    net = Sequential(*[*places(mine(backward=wrong))][place])
    with pytest.raises(TypeError, match=rf"Mine\.backward {words}"):
        start(net)


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_train_names_the_layer_that_returns_a_wider_type_or_a_gradient_of_another_shape(method):
    layer = mine(**{method: lambda array: array * np.ones(1)})
    net = Sequential(Dense(3, 2, rng=0, dtype=np.float32), layer)
    with pytest.raises(TypeError, match=rf"Mine\.{method} must .*float32; got an array of float64"):
        start(net, x=X.astype(np.float32), t=T.astype(np.float32))
    net = Sequential(Dense(3, 2, rng=0), mine(backward=lambda dy: dy.sum(axis=0)))
    with pytest.raises(TypeError, match=r"Mine\.backward must .*shape \(4, 2\).*shape \(2,\)"):
        start(net)


def test_layers_that_mix_types_rightly_are_trained():
    ids, labels = np.arange(4).reshape(2, 2), np.array([0, 1])
    dense = Frozen(Dense(4, 2, rng=1)), Dense(2, 2, rng=2)
    net = Sequential(Embedding(4, 2, rng=0), mine(), Flatten(), *dense)
    start(net, CrossEntropyLoss(), ids, labels)
    wide = Sequential(Frozen(Dense(3, 3, rng=0)), Dense(3, 2, rng=1))
    start(wide, CrossEntropyLoss(), X[:2].astype(np.float32), labels)
    assert "forward" not in vars(net[1])


def test_a_loop_by_hand_names_the_layer_too():
    for method, wrong in (("forward", WRONG["None"][0]), ("predict", WRONG["list"][0])):
        for net in (
            Sequential(mine(forward=wrong), Dense(3, 2, rng=0)),
            Sequential(mine(forward=wrong)),
        ):
            with pytest.raises(TypeError, match=rf"Mine\.{method} "):
                getattr(net, method)(X)
    net = Sequential(Dense(3, 3, rng=0), mine(backward=lambda dy: None))
    net.forward(X)
    with pytest.raises(TypeError, match=r"Mine\.backward returned None"):
        net.backward(X)


def custom_loss(value=lambda d: (d**2).mean(), gradient=lambda d: 2 * d / d.size):
    class Mine(Loss):
        def forward(self, y, t):
            self._d = y - t
            return value(self._d)

        def backward(self):
            return gradient(self._d)

    return Mine()


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            custom_loss(lambda d: None),
            r"Mine\.forward must return one.*None.*end in return",
        ),
        (custom_loss(lambda d: "high"), r"Mine\.forward must return one number; .*'high'"),
        (custom_loss(lambda d: d), r"Mine\.forward must return one number; .*forget \.mean"),
        (custom_loss(gradient=lambda d: None), r"Mine\.backward returned None"),
        (custom_loss(gradient=lambda d: (d, d)), r"Mine\.backward must return .*got tuple"),
        (custom_loss(gradient=lambda d: d.sum()), r"Mine\.backward must return .*got float64"),
        (custom_loss(gradient=lambda d: d[0]), r"Mine\.backward must .*\(4, 2\).*got .*\(2,\)"),
    ],
)
def test_what_a_loss_returns_is_named(loss, words):
    with pytest.raises(TypeError, match=words):
        start(Sequential(Dense(3, 2, rng=0)), loss)
    with pytest.raises((TypeError, ValueError, GradientError), match=r"Mine\.?|forward"):
        check_loss(loss, shape=(4, 2))


@pytest.mark.parametrize(("wrong", "words"), WRONG.values(), ids=WRONG)
def test_the_checker_names_the_method(wrong, words):
    if wrong is not WRONG["objects"][0]:
        with pytest.raises((GradientError, ValueError), match=rf"Mine\.forward {words}"):
            check_layer(mine(forward=wrong), X)
    with pytest.raises(GradientError, match=rf"Mine\.backward {words}"):
        check_layer(mine(backward=wrong), X)


def test_a_softmax_is_still_a_right_last_layer():
    start(Sequential(Dense(3, 2, rng=0), Softmax()))
