"""What learns or is remembered without a declaration is found before training."""

from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import (
    SGD,
    BatchNorm,
    Dense,
    Dropout,
    Layer,
    MSELoss,
    Sequential,
    Sigmoid,
    fit,
    load_parameters,
    save,
    train,
)
from tinynet.interop.safetensors import save_safetensors
from tinynet.interop.torch import from_state_dict, to_state_dict
from tinynet.testing import GradientError, check_layer

X = np.random.default_rng(0).normal(size=(12, 3))


def starts_to_train(layer):
    net = Sequential(layer, Dense(3, 2, rng=0))
    return train(net, MSELoss(), SGD(net, lr=0.1), X, np.ones((12, 2)), epochs=1, batch_size=5)


class Hidden(Layer):
    """y = gain x, with a gain and a gradient that are kept somewhere else."""

    def forward(self, x):
        self._x = x
        return x * self.gain()

    def backward(self, dy):
        self.keep((dy * self._x).sum(axis=0))
        return dy * self.gain()


class Attributes(Hidden):
    def __init__(self):
        self.w = np.ones(3)

    def gain(self):
        return self.w

    def keep(self, gradient):
        self.dw = gradient


class OfTheClass(Hidden):
    """All its objects share one array."""

    w = np.ones(3)

    def gain(self):
        return self.w

    def keep(self, gradient):
        self.dw = gradient


class MadeInAdvance(Attributes):
    def __init__(self):
        self.w, self.dw = np.ones(3), np.zeros(3)

    def keep(self, gradient):
        self.dw[...] = gradient


class OtherWords(Attributes):
    def keep(self, gradient):
        self.grad_w = gradient


class Private(Hidden):
    def __init__(self):
        self._gain = np.ones(3)

    def gain(self):
        return self._gain

    def keep(self, gradient):
        self._dgain = gradient


class Dicts(Hidden):
    def __init__(self):
        self.weights, self.gradients = {"gain": np.ones(3)}, {}

    def gain(self):
        return self.weights["gain"]

    def keep(self, gradient):
        self.gradients["gain"] = gradient


class Lists(Hidden):
    def __init__(self):
        self.weights, self.gradients = [np.ones(3)], [np.zeros(3)]

    def gain(self):
        return self.weights[0]

    def keep(self, gradient):
        self.gradients[0] = gradient


class Objects(Hidden):
    def __init__(self):
        self.parameter = SimpleNamespace(data=np.ones(3, np.float32), grad=None)

    def gain(self):
        return self.parameter.data

    def keep(self, gradient):
        self.parameter.dgrad_of_data = gradient


class Matrix(Hidden):
    """A matrix, whose gradient has another name altogether."""

    def __init__(self):
        self.table = np.ones((3, 3))

    def gain(self):
        return self.table.sum(axis=0)

    def keep(self, gradient):
        self.slope = np.tile(gradient, (3, 1))


HIDDEN = [Attributes, OfTheClass, MadeInAdvance, OtherWords, Private, Dicts, Lists, Objects, Matrix]


class Lazy(Attributes):
    """Makes its gain in the first forward."""

    def __init__(self):
        self.w = None

    def forward(self, x):
        if self.w is None:
            self.w = np.ones(3)
        return super().forward(x)


@pytest.mark.parametrize("batch_size", [5, 6, 12])
def test_a_parameter_that_the_first_forward_makes_is_found_before_training(batch_size):
    net = Sequential(Lazy(), Dense(3, 2, rng=0))
    with pytest.raises(
        ValueError, match=r"^backward of Lazy makes self\.dw, a gradient for self\.w"
    ):
        train(net, MSELoss(), SGD(net, 0.1), X, np.ones((12, 2)), epochs=1, batch_size=batch_size)


class Scratch(Layer):
    """y = max(x, 0), computed in arrays that it keeps."""

    def __init__(self):
        self._mask = None

    def forward(self, x):
        if self._mask is None or self._mask.shape != x.shape:
            self._mask = np.empty_like(x)
        np.greater(x, 0, out=self._mask)
        return x * self._mask

    def backward(self, dy):
        self._dx = dy * self._mask
        return self._dx.copy()


@pytest.mark.parametrize("batch_size", [1, 5, 6, 12])
def test_an_array_to_compute_in_is_no_parameter(batch_size):
    net = Sequential(Scratch(), Dense(3, 2, rng=0))
    for _ in train(
        net, MSELoss(), SGD(net, 0.1), X, np.ones((12, 2)), epochs=1, batch_size=batch_size
    ):
        pass


@pytest.mark.parametrize("cls", HIDDEN)
def test_a_parameter_that_was_not_declared_is_found_before_training(cls):
    with pytest.raises(ValueError, match=rf"^backward of {cls.__name__} makes self.*super\(\)"):
        starts_to_train(cls())


@pytest.mark.parametrize("cls", HIDDEN)
def test_the_checker_names_a_parameter_that_was_not_declared(cls):
    with pytest.raises(GradientError, match="has not declared") as caught:
        check_layer(cls(), X)
    assert caught.value.check == "gradient"
    assert "Hint: Declare the array, super()" in str(caught.value)


class Centre(Layer):
    """y = x − μ with a running mean μ, which the subclasses keep in a way of their own."""

    def forward(self, x):
        self.remember(0.9 * self.mean() + 0.1 * x.mean(axis=0))
        return x - self.mean()

    def backward(self, dy):
        return dy

    def predict(self, x):
        return x - self.mean()


class InAnArray(Centre):
    def __init__(self):
        self.running = np.zeros(3)

    def mean(self):
        return self.running

    def remember(self, mean):
        self.running = mean


class InPlace(InAnArray):
    def remember(self, mean):
        self.running[...] = mean


class InADict(Centre):
    def __init__(self):
        self.statistics = {}

    def mean(self):
        return self.statistics.get("mean", 0.0)

    def remember(self, mean):
        self.statistics["mean"] = mean


class InADeque(Centre):
    def __init__(self):
        self.last = deque([0.0], maxlen=1)

    def mean(self):
        return self.last[0]

    def remember(self, mean):
        self.last.append(mean)


class Counted(Layer):
    """Scales by a count of batches, a plain number."""

    def __init__(self):
        self.batches = 0

    def forward(self, x):
        self.batches += 1
        return x * self.predict(np.ones(()))

    def backward(self, dy):
        return dy * self.predict(np.ones(()))

    def predict(self, x):
        return x / (1 + self.batches)


class Warming(Layer):
    """Reads its count in training only."""

    def __init__(self):
        self.steps = 0

    def forward(self, x):
        self._scale = min(1.0, 0.1 + 0.2 * self.steps)
        self.steps += 1
        return x * self._scale

    def backward(self, dy):
        return dy * self._scale

    def predict(self, x):
        return x


REMEMBERING = {
    InAnArray: "running",
    InPlace: "running",
    InADict: "statistics",
    InADeque: "last",
    Counted: "batches",
    Warming: "steps",
}


@pytest.mark.parametrize(("cls", "name"), REMEMBERING.items())
def test_state_that_is_not_in_the_buffers_is_found_before_training(cls, name):
    with pytest.raises(ValueError, match=rf"^forward of {cls.__name__} changes self\.{name},.*buf"):
        starts_to_train(cls())


@pytest.mark.parametrize(("cls", "name"), REMEMBERING.items())
def test_the_checker_names_state_that_is_not_in_the_buffers(cls, name):
    with pytest.raises(GradientError, match=rf"changes self\.{name}") as caught:
        check_layer(cls(), X)
    assert caught.value.check == "forward_twice"
    assert "Hint: Write buffers = " in str(caught.value)


def test_the_checker_names_running_statistics_that_are_not_in_the_buffers():
    class Unsaved(BatchNorm):
        buffers = ()

    with pytest.raises(
        GradientError, match=r"changes self\.running_mean and self\.running_var"
    ) as e:
        check_layer(Unsaved(3), X)
    assert e.value.check == "buffers"


def test_state_in_the_buffers_is_right():
    class Declared(InAnArray):
        buffers = ("running",)

    for _ in starts_to_train(Declared()):
        pass


def test_what_forward_keeps_is_not_taken_for_state_or_for_parameters():
    class Keeping(Layer):
        """Keeps inputs, outputs and gradients under public names, and a constant matrix."""

        def __init__(self):
            self.projection, self.calls = np.eye(3), 0
            self.rng = np.random.default_rng(0)

        def forward(self, x):
            self.x, self.y, self.calls = x, x @ self.projection, self.calls + 1
            return self.y

        def backward(self, dy):
            self.dy, self.dx = dy, dy @ self.projection.T
            return self.dx

    net = Sequential(Keeping(), Sigmoid(), Dropout(0.5, rng=0), Dense(3, 2, rng=0))
    fit(net, MSELoss(), SGD(net, lr=0.1), X, np.ones((12, 2)), epochs=2, progress="off")


def test_a_layer_that_draws_from_an_unseen_generator_is_left_alone():
    rng = np.random.default_rng(0)

    class Noise(Layer):
        def forward(self, x):
            return x + rng.normal(size=x.shape)

        def backward(self, dy):
            return dy

    for _ in starts_to_train(Noise()):
        pass


@pytest.mark.parametrize("hold", [list, lambda parts: {"a": parts}, lambda parts: [[*parts]]])
def test_layers_that_are_held_without_a_declaration_are_neither_trained_nor_written(hold, tmp_path):
    class Branches(Layer):
        def __init__(self, *branches):
            self.branches = hold(branches)

        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    net = Sequential(Dense(3, 3, rng=0), Branches(Dense(3, 3, rng=1)))
    uses = [
        lambda: train(net, MSELoss(), SGD(net, lr=0.1), X, X, epochs=1),
        lambda: fit(net, MSELoss(), SGD(net, lr=0.1), X, X, epochs=1, progress="off"),
        lambda: SGD(net, lr=0.1),
        lambda: save(net, tmp_path / "net.npz"),
        lambda: load_parameters(net, tmp_path / "net.npz"),
        lambda: to_state_dict(net),
        lambda: from_state_dict(net, {}),
        lambda: save_safetensors(net, tmp_path / "net.safetensors"),
        lambda: check_layer(net, X),
    ]
    for use in uses:
        with pytest.raises((ValueError, GradientError), match=r"Branches\.branches.* never\s+decl"):
            use()
    assert not list(tmp_path.iterdir())
