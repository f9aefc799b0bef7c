"""What forward keeps for backward: the error says whether it did not run or did not keep it."""

import numpy as np
import pytest

from tinynet import (
    SGD,
    BackwardBeforeForwardError,
    Dense,
    Layer,
    Loss,
    MSELoss,
    Sequential,
    train,
)

X = np.ones((2, 3))


class Square(Layer):
    def forward(self, x):
        self._x = x
        return x * x

    def backward(self, dy):
        return 2 * dy * self._x


class Forgot(Square):
    def forward(self, x):
        return x * x


class Forgets(Layer):
    def forward(self, x):
        return x * x

    def backward(self, dy):
        return 2 * dy * self._x


class Misspelt(Layer):
    def forward(self, x):
        self._imput = x
        return x * x

    def backward(self, dy):
        return sum(2 * dy * self._input for _ in range(1))


class LossThatForgets(Loss):
    def forward(self, y, t):
        return ((y - t) ** 2).mean()

    def backward(self):
        return self._d


@pytest.mark.parametrize("make", [Square, lambda: Dense(3, 3, rng=0), lambda: Sequential(Square())])
def test_backward_before_forward_says_so(make):
    layer = make()
    with pytest.raises(
        BackwardBeforeForwardError, match=f"{type(layer).__name__} has no _.*call f"
    ):
        layer.backward(X)
    with pytest.raises(BackwardBeforeForwardError, match="MSELoss has no _d yet"):
        MSELoss().backward()


def test_a_forward_that_keeps_it_on_some_paths_only_is_not_said_never_to_have_run():
    class Sometimes(Square):
        def forward(self, x):
            if x[0, 0] > 5:
                self._x = x
            return x * x

    layer = Sometimes()
    layer.forward(X)
    with pytest.raises(BackwardBeforeForwardError, match=r"must set self\._x on every path"):
        layer.backward(X)


@pytest.mark.parametrize("layer", [Forgets(), Sequential(Dense(3, 3, rng=0), Forgets())])
def test_a_forward_that_never_keeps_it_is_told_to(layer):
    layer.forward(X)
    with pytest.raises(
        AttributeError, match=r"Forgets has no _x: no method sets it; write sel"
    ) as info:
        layer.backward(X)
    assert "call forward" not in str(info.value)


def test_a_name_that_is_spelt_otherwise_is_recommended():
    with pytest.raises(AttributeError, match=r"did you mean self\._imput\?"):
        Misspelt().backward(X)


def test_a_loss_that_never_keeps_it_is_told_to():
    loss = LossThatForgets()
    loss.forward(X, X)
    with pytest.raises(AttributeError, match=r"write self\._d = \.\.\. in forward"):
        loss.backward()


def test_a_constructor_that_was_not_called_is_named():
    class Base(Layer):
        def __init__(self):
            self._scale = 2.0

        def forward(self, x):
            return self._scale * x

    class Derived(Base):
        def __init__(self):
            pass

    with pytest.raises(AttributeError, match=r"no _scale: __init__ sets it, .*super"):
        Derived().forward(X)


def test_what_a_class_further_on_defines_is_found():
    class Mixin:
        _factor = 3.0

        def _slope(self, x):
            return 2 * x

        @property
        def _half(self):
            return 0.5

    class Uses(Layer):
        def forward(self, x):
            return self._factor * self._half * self._slope(x)

    class Mixed(Uses, Mixin):
        pass

    np.testing.assert_array_equal(Mixed().forward(X), 3 * X)
    assert getattr(Uses(), "_factor", None) is None
    assert not hasattr(Uses, "_slope")


def test_a_public_name_that_was_never_kept_is_explained_once_in_a_note():
    class Masked(Layer):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return dy * self.mask

    net = Sequential(Dense(3, 3, rng=0), Masked())
    with pytest.raises(AttributeError, match="mask") as info:
        train(net, MSELoss(), SGD(net, lr=0.1), X, X, epochs=1)
    advice = "no method sets it; write self.mask = ... in forward, which keeps it"
    assert info.value.__notes__.count(advice) == 1
