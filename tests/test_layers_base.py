"""What the base class does for every layer: predict, shortcuts, errors, repr."""

import numpy as np
import pytest

from tinynet import (
    BackwardBeforeForwardError,
    Dense,
    Identity,
    Layer,
    Loss,
    MSELoss,
    Sequential,
    Sigmoid,
)


class Softplus(Layer):
    def forward(self, x):
        self._x = x
        return np.logaddexp(0, x)

    def backward(self, dy):
        return dy / (1 + np.exp(-self._x))


class Noise(Identity):
    """Adds one in training, nothing in inference."""

    def forward(self, x):
        return x + 1

    def predict(self, x):
        return x


class Branches(Layer):
    """Σ of its parts, which it keeps in a list and in a dict as well as by name."""

    def __init__(self, *parts):
        super().__init__(**{f"part{n}": part for n, part in enumerate(parts)})
        self.listed = list(parts)
        self.mapped = {"first": parts[0]}

    def forward(self, x):
        return sum(part.forward(x) for part in self.listed) + self.mapped["first"].forward(x)

    def backward(self, dy):
        return sum(part.backward(dy) for part in self.listed)


def test_default_predict_equals_forward_and_leaves_no_trace():
    layer, x = Softplus(), np.linspace(-2, 2, 6).reshape(2, 3)
    layer.forward(x)
    dx = layer.backward(np.ones((2, 3)))
    before = dict(vars(layer))
    np.testing.assert_array_equal(layer.predict(x + 5), np.logaddexp(0, x + 5))
    assert vars(layer) == before
    np.testing.assert_array_equal(layer.backward(np.ones((2, 3))), dx)


def test_default_predict_lets_the_parts_predict_wherever_they_are_kept():
    layer = Branches(Noise(), Sequential(Noise(), Noise()))
    x = np.ones((2, 3))
    np.testing.assert_array_equal(layer.forward(x), (x + 1) + (x + 2) + (x + 1))
    np.testing.assert_array_equal(layer.predict(x), 3 * x)
    np.testing.assert_array_equal(layer.forward(x), (x + 1) + (x + 2) + (x + 1))


def test_predict_before_any_forward_keeps_nothing_for_backward():
    layer = Softplus()
    layer.predict(np.ones((1, 2)))
    with pytest.raises(BackwardBeforeForwardError):
        layer.backward(np.ones((1, 2)))


@pytest.mark.parametrize(
    "layer", [Softplus(), Sigmoid(), Dense(3, 3), Sequential(Dense(3, 3), Sigmoid())]
)
def test_backward_before_forward_names_the_layer_and_the_mend(layer):
    with pytest.raises(BackwardBeforeForwardError, match=type(layer).__name__) as info:
        layer.backward(np.ones((2, 3)))
    assert "call forward" in str(info.value)
    assert isinstance(info.value, RuntimeError)
    assert isinstance(info.value, AttributeError)


def test_backward_of_a_loss_before_forward_names_the_loss():
    with pytest.raises(BackwardBeforeForwardError, match="MSELoss"):
        MSELoss().backward()


def test_an_attribute_that_does_not_exist_is_the_usual_error():
    assert not hasattr(Sigmoid(), "weights")
    with pytest.raises(AttributeError, match="Sigmoid has no attribute 'weights'"):
        Sigmoid().weights  # noqa: B018  the access is what is tested


def test_a_layer_or_loss_without_its_methods_says_which_are_missing():
    for call in (lambda: Layer().forward(1), lambda: Layer().backward(1)):
        with pytest.raises(NotImplementedError, match="Layer must define"):
            call()
    for call in (lambda: Loss().forward(1, 1), lambda: Loss().backward()):
        with pytest.raises(NotImplementedError, match="Loss must define"):
            call()


def test_a_subclass_that_redefines_backward_is_not_shortcut_past_it():
    class Halved(Dense):
        def backward(self, dy):
            return super().backward(dy / 2)

    plain, halved = Dense(3, 2, rng=0), Halved(3, 2, rng=0)
    x, dy = np.ones((4, 3)), np.ones((4, 2))
    for layer in (plain, halved):
        layer.forward(x)
        layer.parameter_gradients(dy)
    np.testing.assert_allclose(halved.grads, plain.grads / 2)


def test_a_subclass_that_redefines_forward_predicts_by_it():
    class Doubled(Dense):
        def forward(self, x):
            return super().forward(2 * x)

    x = np.ones((4, 3))
    np.testing.assert_allclose(Doubled(3, 2, rng=0).predict(x), Dense(3, 2, rng=0).predict(2 * x))


def test_a_mixin_that_redefines_a_method_counts_as_well():
    class Doubling:
        def forward(self, x):
            return super().forward(2 * x)

    class Doubled(Doubling, Dense):
        pass

    x = np.ones((4, 3))
    np.testing.assert_allclose(Doubled(3, 2, rng=0).predict(x), Dense(3, 2, rng=0).predict(2 * x))


def test_a_subclass_that_redefines_neither_keeps_the_shortcuts():
    class Named(Dense):
        pass

    assert Named.parameter_gradients is Dense.parameter_gradients
    assert Named.predict is Dense.predict


def test_repr_can_be_read_and_pasted():
    namespace = {"Dense": Dense, "Sequential": Sequential, "Sigmoid": Sigmoid, "np": np}
    net = Sequential(
        Dense(3, 4, bias=False, rng=np.random.default_rng(0), dtype=np.float32),
        Sequential(Sigmoid(), Dense(4, 2, rng=1)),
        dtype=np.float32,
    )
    assert repr(net) == (
        "Sequential(\n"
        "    Dense(3, 4, bias=False, dtype=np.float32),\n"
        "    Sequential(\n"
        "        Sigmoid(),\n"
        "        Dense(4, 2, rng=1),\n"
        "    ),\n"
        "    dtype=np.float32,\n"
        ")"
    )
    pasted = eval(repr(net), namespace)
    assert repr(pasted) == repr(net)
    assert pasted.params.dtype == np.float32
