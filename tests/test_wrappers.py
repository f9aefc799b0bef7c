"""Residual, Frozen and Concatenate: what they compute, what they hide, and what stands still."""

import copy
import gc

import numpy as np
import pytest
from layers import COPIES

from tinynet import (
    GELU,
    LSTM,
    SGD,
    BatchNorm,
    Concatenate,
    Dense,
    Dropout,
    Frozen,
    Identity,
    Layer,
    LayerNorm,
    LogSoftmax,
    MSELoss,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    train,
)
from tinynet.initializers import zeros
from tinynet.testing import check_layer

X = np.random.default_rng(0).normal(size=(6, 3))


def dense(seed=0, **options):
    return Dense(3, 3, rng=seed, **options)


class Twice(Layer):
    """A layer of a user's own that holds another: y = 2 f(x)."""

    def __init__(self, layer):
        super().__init__(held=layer)

    def forward(self, x):
        return 2 * self.held.forward(x)

    def backward(self, dy):
        return self.held.backward(2 * dy)


# Residual


def test_residual_adds_its_input():
    layer, inner = Residual(dense()), dense()
    np.testing.assert_allclose(layer.forward(X), X + X @ inner.W)
    assert [name for name, _ in layer.named_parameters()] == ["inner.W", "inner.b"]


def test_residual_of_a_layer_of_zeros_is_the_identity():
    np.testing.assert_array_equal(Residual(dense(init=zeros)).forward(X), X)


def test_residual_predicts_with_the_inference_of_its_layer():
    layer = Residual(Dropout(0.5, rng=0))
    np.testing.assert_array_equal(layer.predict(X), 2 * X)
    assert not np.array_equal(layer.forward(X), 2 * X)


def test_residual_refuses_a_layer_that_changes_the_shape():
    layer = Residual(Dense(3, 1, rng=0))  # (6, 1) would broadcast
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=r"\(6, 3\).*\(6, 1\).*must be equal"):
            method(X)


def test_residual_of_residuals_in_float32():
    net = Sequential(Residual(Sequential(dense(0), Residual(dense(1)))), dtype=np.float32)
    x = X.astype(np.float32)
    assert net.forward(x).dtype == net.backward(x).dtype == np.float32
    net.check_views()
    assert "(N, 3)" in net.summary().splitlines()[2]


@pytest.mark.parametrize("wrap", [Residual, Frozen])
def test_only_a_layer_without_a_place_can_be_wrapped(wrap):
    with pytest.raises(TypeError, match=r"takes a layer; got Sigmoid.*Did you mean Sigmoid\(\)\?"):
        wrap(Sigmoid)
    with pytest.raises(TypeError, match="takes a layer; got <float64 array"):
        wrap(np.zeros(30))
    inner = dense()
    whole = Sequential(inner)
    with pytest.raises(ValueError, match="already lives in a Sequential"):
        wrap(inner)
    assert whole[0] is inner


def test_a_deep_network_of_everything_passes_the_check_as_one_layer():
    rng = np.random.default_rng(0)
    net = Sequential(
        Dense(2, 4, rng=rng),
        BatchNorm(4),
        GELU(),
        Dropout(0.3, rng=rng),
        Frozen(Sequential(Dense(4, 4, rng=rng), BatchNorm(4))),
        Residual(Sequential(Dense(4, 4, rng=rng), LayerNorm(4), SiLU())),
        Dense(4, 3, rng=rng),
        LogSoftmax(),
    )
    report = check_layer(net, input_shape=(4, 2))
    assert set(report.tensors) == {"x", *(name for name, _ in net.named_parameters())}


# Frozen


def test_frozen_computes_as_its_layer_does():
    layer, inner = Frozen(dense()), dense()
    np.testing.assert_array_equal(layer.forward(X), inner.forward(X))
    np.testing.assert_array_equal(layer.predict(X), inner.predict(X))
    np.testing.assert_array_equal(layer.backward(X), inner.backward(X))


def test_frozen_has_nothing_to_learn_and_keeps_all_as_state():
    net = Sequential(dense(0), Frozen(Sequential(dense(1), BatchNorm(3))))
    assert net.params.size == net[0].params.size == 12
    assert net[1].params.size == net[1].grads.size == 0
    assert [name for name, _ in net.named_parameters()] == ["0.W", "0.b"]
    assert [name for name, _ in net.named_buffers()] == [
        "1.inner.0.W",
        "1.inner.0.b",
        "1.inner.1.gain",
        "1.inner.1.bias",
        "1.inner.1.running_mean",
        "1.inner.1.running_var",
    ]
    assert "0" in net.summary().splitlines()[3].split()[-1]
    net.check_views()


def test_state_of_a_frozen_layer_can_be_written_in_place():
    """That is how saved values come back."""
    net = Sequential(Frozen(Sequential(dense(), BatchNorm(3))), dense(1))
    for _, array in net.named_buffers():
        array[...] = 2
    inner = net[0].inner
    np.testing.assert_array_equal(inner.params, 2)
    np.testing.assert_array_equal(inner[1].running_var, 2)
    np.testing.assert_array_equal(inner[0].W, 2)


def test_only_what_is_not_frozen_moves_in_training():
    rng = np.random.default_rng(0)
    frozen = Frozen(Sequential(Dense(3, 4, rng=rng), BatchNorm(4), ReLU()))
    later = Frozen(Sequential(Dense(4, 4, rng=rng), LayerNorm(4)))
    net = Sequential(frozen, Dense(4, 4, rng=rng), later, Dense(4, 2, rng=rng))
    state = {name: array.copy() for name, array in net.named_buffers()}
    params, t = net.params.copy(), rng.normal(size=(6, 2))
    for _ in train(net, MSELoss(), SGD(net, lr=0.1), X, t, epochs=3, batch_size=2, rng=0):
        pass
    for name, array in net.named_buffers():
        np.testing.assert_array_equal(array, state[name])
    assert not np.array_equal(net[1].params, params[:20])
    assert not np.array_equal(net[3].params, params[20:])


def test_a_network_that_is_all_frozen_cannot_be_trained():
    net = Sequential(Frozen(dense()))
    net.forward(X)
    net.parameter_gradients(X)
    with pytest.raises(ValueError, match="no parameters to learn"):
        SGD(net, lr=0.1)


def test_an_optimizer_of_what_is_frozen_is_refused_by_training():
    net = Sequential(dense(0), Frozen(dense(1)))
    optimizer = SGD(net[1].inner, lr=0.1)
    for whole in (net, net[1].inner):
        with pytest.raises(ValueError, match="in a Frozen and must not"):
            train(whole, MSELoss(), optimizer, X, X, epochs=1)


def test_casting_reaches_into_a_frozen_layer():
    frozen = Frozen(Sequential(dense(1), BatchNorm(3), Frozen(dense(2))))
    with pytest.raises(TypeError, match="different float types"):
        Sequential(dense(0, dtype=np.float32), copy.deepcopy(frozen))
    net = Sequential(dense(0, dtype=np.float32), frozen, dtype=np.float32)
    assert {array.dtype for _, array in net.named_buffers()} == {np.dtype(np.float32)}
    x = X.astype(np.float32)
    assert net.forward(x).dtype == net.backward(x).dtype == net.predict(x).dtype == np.float32
    np.testing.assert_array_equal(frozen.inner[0].W, dense(1).W.astype(np.float32))
    net.check_views()


def test_frozen_in_frozen():
    net = Sequential(Frozen(Frozen(BatchNorm(3))), dense())
    net.forward(X)
    assert [name for name, _ in net.named_buffers()][:2] == [
        "0.inner.inner.gain",
        "0.inner.inner.bias",
    ]
    np.testing.assert_array_equal(net[0].inner.inner.running_mean, 0)
    assert net.params.size == 12
    net.check_views()


def test_an_assignment_inside_a_frozen_layer_is_saved_as_its_buffer():
    net = Sequential(Frozen(dense()), dense(1))
    net[0].inner.W = np.zeros((3, 3))
    assert dict(net.named_buffers())["0.inner.W"].tolist() == np.zeros((3, 3)).tolist()
    net.check_views()


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_copies_are_whole_and_stay_frozen(duplicate):
    net = Sequential(Frozen(Sequential(dense(), BatchNorm(3))), dense(1))
    twin = duplicate(net)
    twin.check_views()
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    twin.forward(X)
    np.testing.assert_array_equal(twin[0].inner[1].running_mean, 0)
    twin[0].inner.params[...] = 5
    np.testing.assert_array_equal(twin[0].inner[0].W, 5)
    assert not (net[0].inner.params == 5).any()


def test_batch_norm_stands_still_wherever_it_is_in_a_frozen_layer():
    """Also inside a layer of a user's own, which knows nothing of freezing."""
    norm = BatchNorm(3)
    net = Frozen(Sequential(Residual(Twice(Sequential(dense(), norm)))))
    y = net.forward(X)
    np.testing.assert_array_equal(norm.running_mean, 0)
    np.testing.assert_array_equal(norm.running_var, 1)
    np.testing.assert_allclose(y, net.predict(X))


def test_thawing_is_a_copy_or_letting_the_frozen_layer_go():
    frozen = Frozen(Sequential(BatchNorm(3)))
    thawed = copy.deepcopy(frozen.inner)
    thawed.forward(X)
    assert frozen.inner[0].is_frozen()
    assert not thawed[0].is_frozen()
    assert (thawed[0].running_mean != 0).all()
    inner = frozen.inner
    del frozen
    gc.collect()
    assert not inner.is_frozen()
    assert Sequential(inner).params.size == 6


def test_dropout_in_a_frozen_layer_goes_on_dropping():
    layer = Frozen(Dropout(0.5, rng=0))
    assert (layer.forward(np.ones((10, 10))) == 0).any()
    np.testing.assert_array_equal(layer.predict(X), X)


def test_repr():
    assert repr(Residual(Frozen(Dense(3, 3)))) == "Residual(Frozen(Dense(3, 3)))"


def test_layers_side_by_side():
    rng = np.random.default_rng(0)
    net = Concatenate(Dense(3, 2, rng=rng), Sequential(Tanh(), Dense(3, 4, rng=rng)))
    x = rng.normal(size=(5, 3))
    wanted = np.hstack([net[0].predict(x), net[1].predict(x)])
    np.testing.assert_array_equal(net.forward(x), wanted)
    np.testing.assert_array_equal(net.predict(x), wanted)
    assert len(net) == len([*net]) == 2
    dy = rng.normal(size=(5, 6))
    dx, grads = net.backward(dy), net.grads.copy()
    wanted = net[0].backward(dy[:, :2]) + net[1].backward(dy[:, 2:])
    np.testing.assert_array_equal(dx, wanted)
    net.grads[...] = 0
    net.parameter_gradients(dy)
    np.testing.assert_array_equal(net.grads, grads)


class Returning(Layer):
    def __init__(self, make):
        self.make = make
        super().__init__()

    def forward(self, x):
        return self.make(x)


@pytest.mark.parametrize(
    ("layers", "axis", "message"),
    [
        ([], -1, "Concatenate needs at least one layer"),
        ([Identity(), 3], -1, "Concatenate takes layers; number 1 is 3"),
        ([Identity()], 0, "axis must not be 0, the axis of examples"),
        ([Identity()], 2, "axis=2, and its layers return 2 axes"),
        ([Identity()], -2, "axis=-2, and its layers return 2 axes"),
        ([Identity(), Returning(lambda x: x[:3])], 1, r"returned \(5, 3\) and \(3, 3\)"),
        ([Identity(), Returning(lambda x: x[..., None])], 1, r"returned \(5, 3\) and \(5, 3, 1\)"),
        ([Identity(), Returning(lambda x: None)], 1, r"Returning.(forward|predict) returned None"),
    ],
)
def test_what_cannot_lie_side_by_side_is_refused(layers, axis, message):
    for method in ("forward", "predict"):
        with pytest.raises((TypeError, ValueError), match=message):
            getattr(Concatenate(*layers, axis=axis), method)(np.ones((5, 3)))


def test_an_error_in_a_branch_says_which():
    with pytest.raises(ValueError, match="got x of shape") as info:
        Concatenate(Identity(), Dense(4, 2)).forward(np.ones((5, 3)))
    assert "in layer 1 of Concatenate, Dense(4, 2)" in info.value.__notes__


def test_equal_weights_side_by_side_draw_a_warning():
    with pytest.warns(UserWarning, match="start with equal weights"):
        Concatenate(LSTM(3, 4, rng=0), LSTM(3, 4, reverse=True, rng=0))
