"""With the same weights and batches, the losses are those of MLPClassifier and MLPRegressor."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import scale

from tinynet import SGD, Adam, Dense, Identity, ReLU, Sequential, Sigmoid, Tanh
from tinynet.interop.sklearn import NeuralClassifier, NeuralRegressor

EPOCHS = 20
ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "logistic": Sigmoid, "identity": Identity}


def initial(sizes, activation):
    """The weights that MLPClassifier draws from random_state=0, layer by layer."""
    random = np.random.RandomState(0)
    for fan_in, fan_out in itertools.pairwise(sizes):
        bound = np.sqrt((2 if activation == "logistic" else 6) / (fan_in + fan_out))
        W = random.uniform(-bound, bound, (fan_in, fan_out))
        yield W, random.uniform(-bound, bound, fan_out)


def network(hidden, activation):
    """A function that makes a network with these weights."""

    def make(inputs, outputs, rng):
        layers = []
        for W, b in initial([inputs, *hidden, outputs], activation):
            dense = Dense(*W.shape)
            dense.W, dense.b = W, b
            layers += [dense, ACTIVATIONS[activation]()]
        return Sequential(*layers[:-1])

    return make


def theirs(kind, hidden, activation, **options):
    return kind(
        hidden_layer_sizes=hidden,
        activation=activation,
        alpha=0,  # the penalty on the weights, which has no counterpart
        shuffle=False,
        tol=0,
        n_iter_no_change=EPOCHS,
        max_iter=EPOCHS,
        random_state=0,
        **options,
    )


def ours(kind, hidden, activation, **options):
    return kind(network=network(hidden, activation), shuffle=False, epochs=EPOCHS, **options)


def table(load):
    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return scale(X)[order], y[order]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("batch_size", [50, "auto"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])  # three classes, and two
def test_losses_and_probabilities_of_a_classifier(load, activation, batch_size):
    X, y = table(load)
    mlp = theirs(
        MLPClassifier, (12, 7), activation, solver="sgd", learning_rate_init=0.1, momentum=0.9,
        nesterovs_momentum=True, batch_size=batch_size,
    ).fit(X, y)  # fmt: skip
    model = ours(
        NeuralClassifier, (12, 7), activation, batch_size=batch_size, lr=0.1,
        optimizer=lambda net, lr: SGD(net, lr, momentum=0.9, nesterov=True),
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.history_["loss"], mlp.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(model.predict_proba(X), mlp.predict_proba(X), rtol=0, atol=1e-10)
    assert model.history_["loss"][-1] < 0.95 * model.history_["loss"][0]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_adam_is_the_same_where_epsilon_does_not_count():
    """They add ε to √v, and Adam's authors and tinynet to √v̂, which is larger in early steps."""
    X, y = table(load_iris)
    mlp = theirs(MLPClassifier, (10,), "tanh", epsilon=1e-30, batch_size=32).fit(X, y)
    model = ours(
        NeuralClassifier, (10,), "tanh", batch_size=32,
        optimizer=lambda net, lr: Adam(net, lr, eps=1e-30),
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.history_["loss"], mlp.loss_curve_, rtol=1e-10)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("batch_size", [64, "auto"])
def test_losses_of_a_regressor_are_twice_theirs(batch_size):
    """Theirs is half of the mean squared error, so half of their learning rate is the same step."""
    X, y = table(load_diabetes)
    y = scale(y)
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.02}
    mlp = theirs(MLPRegressor, (9,), "relu", batch_size=batch_size, **options).fit(X, y)
    model = ours(
        NeuralRegressor, (9,), "relu", batch_size=batch_size, lr=0.01, optimizer=SGD
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.history_["loss"], 2 * np.array(mlp.loss_curve_), rtol=1e-10)
    np.testing.assert_allclose(model.predict(X), mlp.predict(X), rtol=0, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_targets_share_the_mean_of_the_loss_but_add_up_in_their_gradient():
    """So with two targets a quarter of their learning rate is the same step."""
    X, y = table(load_diabetes)
    y = scale(np.column_stack([y, X[:, 0] * X[:, 2]]))
    options = {"solver": "sgd", "momentum": 0, "learning_rate_init": 0.01}
    mlp = theirs(MLPRegressor, (9,), "tanh", batch_size=64, **options).fit(X, y)
    model = ours(NeuralRegressor, (9,), "tanh", batch_size=64, lr=0.01, optimizer=SGD).fit(X, y)
    np.testing.assert_allclose(model.predict(X), mlp.predict(X), rtol=0, atol=1e-10)
