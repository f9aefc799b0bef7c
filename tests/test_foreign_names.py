"""Names and calls that people bring from other frameworks say what to write here."""

import copy
import pickle
import pkgutil
import re

import numpy as np
import pytest

import tinynet
from tinynet import (
    SGD,
    Adam,
    BatchNorm,
    CrossEntropyLoss,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LeakyReLU,
    Loss,
    MSELoss,
    Optimizer,
    ReLU,
    RMSprop,
    Sequential,
    Sigmoid,
    Softmax,
    train,
)
from tinynet.foreign_names import _OF_OBJECTS, ATTRIBUTES, ForeignName

X, T = np.ones((4, 3)), np.ones((4, 2))
OF_OPTIMIZERS = [name for name, value in vars(Optimizer).items() if type(value) is ForeignName]


def network():
    return Sequential(Dense(3, 2, rng=0), Sigmoid())


def test_a_network_is_not_called_and_says_which_of_two_methods_to_call():
    with pytest.raises(TypeError, match=r"^Sequential cannot be called: .*net\.forward\(") as info:
        network()(np.ones((1, 3)))
    assert "net.predict(x)" in str(info.value)
    assert "\n" not in str(info.value)


def test_a_loss_is_not_called_and_says_which_methods_to_call():
    with pytest.raises(TypeError, match=r"loss\.forward\(y, t\) .*loss\.backward\(\)"):
        MSELoss()(np.ones((1, 3)), np.ones((1, 3)))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (network, _OF_OBJECTS),
        (lambda: Dense(3, 2), _OF_OBJECTS),
        (MSELoss, _OF_OBJECTS),
        (lambda: SGD(network(), lr=0.1), OF_OPTIMIZERS),
    ],
    ids=["Sequential", "Dense", "MSELoss", "SGD"],
)
def test_every_foreign_attribute_is_missing_and_says_what_to_write(make, names):
    owner = make()
    for name in names:
        if name in {*vars(owner), *dir(type(owner))}:  # as `params` of a layer
            continue
        assert not hasattr(owner, name)
        advice = f"no attribute {name!r}: {ATTRIBUTES[name]}"
        with pytest.raises(AttributeError, match=re.escape(advice)):
            getattr(owner, name)
        with pytest.raises(
            AttributeError, match=re.escape(f"not use {name!r}: {ATTRIBUTES[name]}")
        ):
            setattr(owner, name, 0.1)
        with pytest.raises(AttributeError, match=re.escape(advice)):
            delattr(owner, name)
        assert not hasattr(owner, name)
        assert name not in dir(owner)


def test_what_is_recommended_exists():
    advice = " ".join(ATTRIBUTES.values())
    for path in re.findall(r"tinynet\.[\w.]*\w", advice):
        assert pkgutil.resolve_name(path)
    for owner, names in (
        (network(), re.findall(r"net\.(\w+)", advice)),
        (SGD(network(), 0.1), re.findall(r"optimizer\.(\w+)", advice)),
    ):
        assert names
        assert all(hasattr(owner, name) for name in set(names) - set(dir(tinynet)))


def test_a_name_that_a_layer_really_has_is_not_foreign():
    assert BatchNorm(3).bias.shape == (3,)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Dense(784, 100, activation="relu"), r"Dense takes no 'activation'.*ReLU\(\)"),
        (
            lambda: Dense(units=100, input_dim=784),
            r"Dense takes no 'units'.*Dense\(inputs, outputs\)",
        ),
        (
            lambda: Dense(in_features=784, out_features=100),
            r"'in_features'.*Dense\(inputs, outputs\)",
        ),
        (lambda: Dense(3, 2, use_bias=False), "'use_bias': write bias="),
        (lambda: Dense(3, 2, seed=0), "'seed': write rng="),
        (lambda: Dropout(p=0.5), "Dropout takes no 'p': write rate="),
        (lambda: BatchNorm(num_features=3), "'num_features': write features="),
        (lambda: Embedding(count=10, features=3), r"Embedding\(num_embeddings, features\)"),
        (lambda: ReLU(inplace=True), "ReLU takes no 'inplace'"),
        (lambda: Softmax(dim=1), "Softmax takes no 'dim': leave it out: the docstring says over"),
        (lambda: LeakyReLU(inplace=True), "LeakyReLU takes no 'inplace'"),
        (lambda: Adam(network(), learning_rate=0.1), "Adam takes no 'learning_rate': write lr="),
        (lambda: Adam(network(), beta_1=0.8), "'beta_1': write betas="),
        (lambda: RMSprop(network(), rho=0.9), "'rho': write alpha="),
        (lambda: SGD(params=network(), lr=0.1), r"'params'.*SGD\(net, lr=0.1\)"),
        (lambda: MSELoss(reduction="sum"), "MSELoss takes no 'reduction'"),
        (lambda: CrossEntropyLoss(reduction="sum"), "CrossEntropyLoss takes no 'reduction'"),
    ],
)
def test_a_foreign_keyword_says_what_to_write(make, words):
    with pytest.raises(TypeError, match=words):
        make()


def test_a_class_may_take_a_keyword_of_that_name_itself():
    class Mine(Layer):
        def __init__(self, units, *, activation):
            super().__init__(gain=np.ones(units))
            self.activation = activation

    class Options(Loss):
        def __init__(self, **options):
            self.options = options

    class Rate(Optimizer):
        def __init__(self, net, learning_rate):
            super().__init__(net, learning_rate)

    assert Mine(units=3, activation="relu").activation == "relu"
    assert Options(reduction="sum").options == {"reduction": "sum"}
    assert Rate(network(), learning_rate=0.1).lr == 0.1
    assert Layer(units=np.ones(3)).units.shape == (3,)


@pytest.mark.parametrize("arguments", [(1,), ("mean",)])
def test_a_loss_without_options_takes_no_arguments(arguments):
    with pytest.raises(TypeError, match=r"MSELoss takes no arguments; got \("):
        MSELoss(*arguments)


def test_a_layer_without_options_takes_no_arguments():
    with pytest.raises(TypeError, match=r"ReLU takes no arguments; got \(True\)"):
        ReLU(True)


def test_what_is_passed_in_place_of_a_network_says_what_to_pass():
    with pytest.raises(AttributeError, match=r"an optimizer takes the network itself: SGD\(net"):
        SGD(network().parameters(), lr=0.1)
    for parameters in (network().params, network().named_parameters(), [np.ones(3)]):
        with pytest.raises(TypeError, match=r"takes the network, not its parameters: SGD\(net"):
            SGD(parameters, lr=0.1)
    with pytest.raises(TypeError, match=r"not a class; did you mean Dense\(...\)\?"):
        SGD(Dense, lr=0.1)


def test_a_class_in_place_of_a_loss_or_an_optimizer_says_what_to_write():
    net, x, t = network(), np.ones((4, 3)), np.ones((4, 2))
    with pytest.raises(TypeError, match=r"such as MSELoss\(\); got the class MSELoss\."):
        train(net, MSELoss, SGD(net, lr=0.1), x, t, epochs=1)
    with pytest.raises(TypeError, match=r"such as SGD\(net, lr=0.1\); got the class SGD\."):
        train(net, MSELoss(), SGD, x, t, epochs=1)


def test_a_class_may_define_a_foreign_name_and_its_methods_may_assign_one():
    class Renamed(SGD):
        learning_rate = 0.5

        def zero_grad(self):
            return "mine"

    class Conv(Layer):
        buffers = ("bias",)

        def __init__(self, bias):
            self.bias, self.trainable = np.ones(3), bias
            self.configure()

        def configure(self):
            setattr(self, *("kernel", 3))

        def forward(self, x):
            self.training = True
            return x

    optimizer, layer = Renamed(network(), lr=0.1), Conv(False)
    assert optimizer.zero_grad() == "mine"
    optimizer.learning_rate = 0.2
    assert optimizer.learning_rate == 0.2
    layer.forward(np.ones((1, 3)))
    assert (layer.trainable, layer.kernel, layer.training) == (False, 3, True)
    layer.trainable = True  # it is the layer's own now
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer.__getstate__()))):
        assert twin["trainable"] if isinstance(twin, dict) else twin.trainable
    assert {"trainable", "kernel", "bias"} <= set(dir(layer))
    del layer.trainable
    assert not hasattr(layer, "trainable")
    assert Sequential(Conv(True), Dense(3, 2), dtype=np.float32)[0].bias.dtype == np.float32


def test_a_function_of_the_caller_cannot_assign_a_foreign_name():
    def freeze(layer):
        layer.trainable = False

    with pytest.raises(AttributeError, match=r"Dense does not use 'trainable': .*Frozen\(layer\)"):
        freeze(Dense(3, 2))


def test_the_momentum_of_sgd_may_be_set_later():
    late, early = (SGD(network(), lr=0.1, momentum=momentum) for momentum in (0.0, 0.9))
    late.momentum = 0.9
    for optimizer in (late, early):
        optimizer.net.grads[...] = 1
        optimizer.step()
        optimizer.step()
    np.testing.assert_array_equal(late.net.params, early.net.params)
    assert [name for name, _ in late.named_state()] == ["velocity"]


def test_a_layer_that_still_declares_state_keeps_its_buffers_and_is_warned():
    with pytest.warns(FutureWarning, match=r"Centre.state is now called buffers: .*\('mean',\)"):

        class Centre(Layer):
            state = ("mean",)

            def __init__(self):
                self.mean = np.zeros(3)

    assert [name for name, _ in Sequential(Centre()).named_buffers()] == ["0.mean"]
    assert Sequential(Centre(), Dense(3, 2), dtype=np.float32)[0].mean.dtype == np.float32


def test_a_state_that_names_no_buffers_is_left_alone():
    class Cell(Layer):
        buffers = ("mean",)
        state = ("open", "shut")

    class Machine(Layer):
        state = None

    assert Cell.buffers == ("mean",)
    assert Machine.buffers == ()


@pytest.mark.parametrize("call", [tinynet.train, tinynet.fit])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("verbose", 'takes no .verbose.: write progress="off"'),
        ("validation_data", r"write validation=\(x, t\)"),
        ("callbacks", "for epoch in tinynet.train"),
        ("learning_rate", r"SGD\(net, lr=0.1\)"),
        ("n_epochs", "write epochs="),
        ("seed", "write rng="),
        ("X", "the order is network, loss, optimizer, x, t"),
    ],
)
def test_a_foreign_keyword_of_training_says_what_to_write(call, name, words):
    net = network()
    with pytest.raises(TypeError, match=words):
        call(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, **{name: 1})


def test_other_calls_answer_keywords_too_and_unknown_ones_are_ordinary_errors():
    net = network()
    with pytest.raises(TypeError, match=r"^predict takes no 'verbose'"):
        tinynet.predict(net, X, verbose=0)
    with pytest.raises(TypeError, match=r"^evaluate takes no 'y': the order is"):
        tinynet.evaluate(net, MSELoss(), X, y=T)
    with pytest.raises(TypeError, match=r"^train takes no 'patience': tinynet.fit takes it"):
        train(net, MSELoss(), SGD(net, lr=0.1), X, T, epochs=1, patience=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        tinynet.predict(net, X, nonsense=0)
