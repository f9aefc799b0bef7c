"""Options of layers, losses and optimizers keep their rules after construction."""

import copy
import pickle

import numpy as np
import pytest

import tinynet
from tinynet import (
    ELU,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    Dropout,
    GroupNorm,
    HuberLoss,
    LayerNorm,
    LeakyReLU,
    MSELoss,
    RMSNorm,
    RMSprop,
    Sequential,
    train,
)
from tinynet.declared import attributes
from tinynet.option import Option

NET = Dense(2, 2, rng=0)
OWNERS = [
    SGD(NET, 0.1),
    Adam(NET),
    AdamW(NET),
    RMSprop(NET),
    Adagrad(NET),
    ELU(),
    LeakyReLU(),
    Dropout(0.5),
    BatchNorm(2),
    LayerNorm(2),
    RMSNorm(2),
    GroupNorm(1, 2),
    HuberLoss(),
    CrossEntropyLoss(),
]
CASES = [
    (owner, name)
    for owner in OWNERS
    for name in dir(owner)
    if type(_o := getattr(type(owner), name, 0)) is Option
]


@pytest.mark.parametrize(("owner", "name"), CASES, ids=lambda each: str(each))
def test_an_option_is_checked_when_it_is_assigned(owner, name):
    before = getattr(owner, name)
    for wrong in ("0.1", np.nan, np.inf, [], {}, 1j, np.ones((2, 2))):
        with pytest.raises((TypeError, ValueError), match=rf"^{name}(\[\d\])? must (be|hold) "):
            setattr(owner, name, wrong)
        assert getattr(owner, name) is before
    setattr(owner, name, before)
    assert getattr(owner, name) == before


def test_every_number_that_a_constructor_takes_is_an_option():
    arrays = {"work", "_changed", "velocity", "mean", "squares", "running_mean", "running_var"}
    for owner in OWNERS:
        plain = {
            name
            for name, value in attributes(owner).items()
            if isinstance(value, int | float | tuple)
            and not isinstance(getattr(type(owner), name, 0), Option)
        }
        fixed = {"_arguments", "_groups", "_features", "steps", "state", "input_shape"}
        assert plain - arrays <= fixed, owner


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        (Dropout(0.5), "rate", 1.0),
        (Dropout(0.5), "rate", 2),
        (BatchNorm(2), "momentum", 7),
        (BatchNorm(2), "eps", -1e-5),
        (HuberLoss(), "delta", -1),
        (CrossEntropyLoss(), "label_smoothing", 1),
        (SGD(NET, 0.1), "clip_norm", -1),
        (SGD(NET, 0.1), "clip_value", 0),
        (SGD(NET, 0.1), "momentum", 1.5),
        (SGD(NET, 0.1), "weight_decay", -1),
        (SGD(NET, 0.1), "lr", 0),
        (Adam(NET), "betas", (0.9, 1)),
        (Adam(NET), "betas", 0.9),
        (Adam(NET), "eps", 0),
    ],
    ids=str,
)
def test_a_number_outside_the_range_is_refused(owner, name, value):
    with pytest.raises((TypeError, ValueError), match=rf"^{name}.* must be "):
        setattr(owner, name, value)


def test_options_are_copied_pickled_and_printed():
    optimizer = SGD(NET, 0.1, momentum=0.5, clip_norm=2)
    optimizer.momentum = 0.25
    assert repr(optimizer) == "SGD(Dense, lr=0.1, momentum=0.25, clip_norm=2.0)"
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert (twin.momentum, twin.clip_norm, twin.lr) == (0.25, 2.0, 0.1)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Dropout(0.5), "p"),
        (LeakyReLU(), "alpha"),
        (BatchNorm(2), "epsilon"),
        (SGD(NET, 0.1), "clipnorm"),
        (SGD(NET, 0.1), "max_norm"),
        (Adam(NET), "beta1"),
        (MSELoss(), "reduction"),
    ],
    ids=str,
)
def test_the_name_of_another_framework_is_refused(owner, name):
    with pytest.raises(AttributeError, match=rf"{type(owner).__name__} does not use '{name}': "):
        setattr(owner, name, 0.1)


class Mine(tinynet.Layer):
    """y = axis x, with a name that elsewhere means another thing."""

    def forward(self, x):
        self._axis = self.axis
        return self._axis * x

    def backward(self, dy):
        return self._axis * dy


def test_a_class_may_read_such_a_name_that_others_set():
    layer = Mine()
    layer.axis = 3
    assert layer.forward(np.ones((1, 2))).tolist() == [[3, 3]]


@pytest.mark.parametrize("which", ["layer", "loss", "optimizer"])
def test_training_warns_of_an_attribute_that_nothing_reads(which):
    layer, loss = Dense(2, 2, rng=0), MSELoss()
    net = Sequential(layer)
    optimizer = SGD(net, 0.1)
    owner = {"layer": layer, "loss": loss, "optimizer": optimizer}[which]
    owner.smoothing = 0.1
    x = np.ones((4, 2))
    with pytest.warns(UserWarning, match=r"does not use its attribute 'smoothing'"):
        [*train(net, loss, optimizer, x, x, epochs=1)]


def test_a_class_of_the_users_own_may_hold_notes():
    layer = Mine()
    layer.axis, layer.note = 1, "the first try"
    net = Sequential(layer, Dense(2, 2, rng=0))
    assert (
        len([*train(net, MSELoss(), SGD(net, 0.1), np.ones((4, 2)), np.ones((4, 2)), epochs=1)])
        == 1
    )
