"""BatchNorm and LayerNorm: values worked by hand, running statistics, what they refuse."""

import copy
import math
import pickle

import numpy as np
import pytest
from layers import COPIES

from tinynet import (
    SGD,
    BatchNorm,
    Dense,
    Frozen,
    GroupNorm,
    LayerNorm,
    MSELoss,
    RMSNorm,
    Sequential,
    load,
    save,
    train,
)

X = np.array([[1.0, 10.0], [3.0, 50.0]])  # by column: means 2 and 30, variances 1 and 400

both = pytest.mark.parametrize("make", [BatchNorm, LayerNorm])


def randomised(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.params[...] = rng.normal(size=layer.params.shape)
    return layer


def test_batch_norm_worked_by_hand():
    layer = BatchNorm(2, eps=1e-300)
    layer.gain[...], layer.bias[...] = [2, 3], [10, 20]
    np.testing.assert_allclose(layer.forward(X), [[8, 17], [12, 23]])


def test_layer_norm_worked_by_hand():
    layer = LayerNorm(2, eps=1e-300)
    layer.gain[...], layer.bias[...] = [2, 3], [10, 20]
    np.testing.assert_allclose(layer.forward(X), [[8, 23], [8, 23]])
    np.testing.assert_allclose(layer.predict(X), [[8, 23], [8, 23]])


def test_training_normalises_each_feature_of_the_batch():
    x = np.random.default_rng(0).normal(5, [1, 10, 100], size=(50, 3))
    y = BatchNorm(3).forward(x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=0), 1, rtol=2e-5)


def test_running_statistics_follow_pytorchs_convention():
    """momentum is the weight of the new batch; the variance that goes in is the unbiased one."""
    layer = BatchNorm(2, momentum=0.25)
    layer.forward(X)
    np.testing.assert_allclose(layer.running_mean, [0.25 * 2, 0.25 * 30])
    np.testing.assert_allclose(layer.running_var, [0.75 + 0.25 * 2, 0.75 + 0.25 * 800])
    layer.forward(X)
    np.testing.assert_allclose(layer.running_mean, [0.4375 * 2, 0.4375 * 30])


def test_inference_uses_the_running_statistics_and_leaves_them():
    layer = randomised(BatchNorm(2, eps=1e-300))
    layer.running_mean[...], layer.running_var[...] = [1, 2], [4, 9]
    x = np.array([[3.0, 5.0]])
    np.testing.assert_allclose(layer.predict(x), [layer.gain + layer.bias])
    np.testing.assert_array_equal(layer.running_mean, [1, 2])
    np.testing.assert_array_equal(layer.running_var, [4, 9])
    assert layer.predict(np.zeros((0, 2))).shape == (0, 2)


def test_running_statistics_converge_to_those_of_the_data():
    layer, rng = BatchNorm(2, momentum=0.01), np.random.default_rng(0)
    for _ in range(2000):
        layer.forward(rng.normal([3, -2], [1, 5], size=(4, 2)))
    # 0.01 averages about 200 batches of 4: standard errors of 0.035 σ and, of σ², 6 %
    np.testing.assert_allclose(layer.running_mean, [3, -2], atol=0.9)
    np.testing.assert_allclose(layer.running_var, [1, 25], rtol=0.35)


def test_momentum_zero_keeps_the_statistics():
    layer = BatchNorm(2, momentum=0)
    layer.forward(X)
    np.testing.assert_array_equal(layer.running_mean, 0)
    np.testing.assert_array_equal(layer.running_var, 1)


@pytest.mark.parametrize("rows", [0, 1])
def test_batch_norm_refuses_a_batch_without_a_variance_and_changes_nothing(rows):
    layer = BatchNorm(2)
    layer.forward(X)
    before, dx = layer.running_mean.copy(), layer.backward(X)
    with pytest.raises(ValueError, match=f"batch of {rows} in training.*larger batch_size"):
        layer.forward(X[:rows])
    np.testing.assert_array_equal(layer.running_mean, before)
    np.testing.assert_array_equal(layer.backward(X), dx)


@both
def test_a_constant_and_extreme_values_stay_finite(make):
    for dtype in (np.float64, np.float32):
        layer = make(3, dtype=dtype)
        for x in (
            np.full((4, 3), 7.0),
            np.tile([-1000.0, 0, 1000], (4, 1)),
            1000 * np.eye(4)[:, 1:],
        ):
            y = layer.forward(x.astype(dtype))
            dx = layer.backward(np.ones_like(y))
            assert np.isfinite(y).all()
            assert np.isfinite(dx).all()
            assert np.isfinite(layer.grads).all()


@both
def test_a_large_mean_costs_no_precision(make):
    x = np.random.default_rng(0).normal(size=(8, 4))
    shifted = make(4).forward(x + 2.0**20)
    np.testing.assert_allclose(shifted, make(4).forward(x), rtol=1e-7, atol=1e-7)


def test_the_statistics_take_on_the_float_type_of_a_network():
    layer = BatchNorm(2)
    layer.forward(X)
    net = Sequential(layer, Dense(2, 1), dtype=np.float32)
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float32
    np.testing.assert_allclose(layer.running_mean, [0.2, 3], rtol=1e-6)
    assert net.forward(X.astype(np.float32)).dtype == np.float32
    assert layer.running_mean.dtype == np.float32


def test_statistics_are_named_buffers_and_copied_not_shared():
    net = Sequential(Dense(2, 2, rng=0), BatchNorm(2))
    assert [name for name, _ in net.named_buffers()] == ["1.running_mean", "1.running_var"]
    net.forward(X)
    for duplicate in COPIES.values():
        twin = duplicate(net)
        kept = net[1].running_mean.copy()
        np.testing.assert_array_equal(twin[1].running_mean, kept)
        twin.forward(X)
        np.testing.assert_array_equal(net[1].running_mean, kept)
        assert not np.array_equal(twin[1].running_mean, kept)
        twin.check_views()


def test_layer_norm_takes_any_number_of_axes_before_the_last():
    layer, x = randomised(LayerNorm(4)), np.random.default_rng(0).normal(size=(2, 3, 4))
    y, dx = layer.forward(x), layer.backward(x)
    grads = layer.grads.copy()
    np.testing.assert_allclose(layer.forward(x.reshape(6, 4)).reshape(2, 3, 4), y, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(x.reshape(6, 4)).reshape(2, 3, 4), dx, rtol=1e-14)
    np.testing.assert_allclose(layer.grads, grads, rtol=1e-12)
    assert layer.forward(np.zeros((0, 4))).shape == (0, 4)
    layer.backward(np.zeros((0, 4)))
    np.testing.assert_array_equal(layer.grads, 0)


@both
@pytest.mark.parametrize("shape", [(), (4,), (5, 3), (5, 5), (5, 1, 3)])
def test_an_x_of_another_width_is_refused(make, shape):
    layer = make(4)
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=r"got x of shape.*(with 4 features|must be \(N, 4\))"):
            method(np.zeros(shape))


@both
def test_a_wider_float_type_is_refused(make):
    layer = make(2, dtype=np.float32)
    for method in (layer.forward, layer.predict):
        with pytest.raises(TypeError, match=r"x\.astype\(np\.float32\)"):
            method(X)


@both
@pytest.mark.parametrize("narrow", [np.uint8, np.int8, np.float16, np.float32])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_narrower_type_is_computed_in_that_of_the_layer(make, narrow, dtype):
    x = np.array([[1, 120, 7], [100, 3, 5], [9, 80, 2]], narrow)
    if narrow == np.float16:
        x *= 400  # the square of 40,000 has no float16
    layer, twin = make(3, dtype=dtype), make(3, dtype=dtype)
    y = layer.forward(x)
    assert y.dtype == layer.predict(x).dtype == layer.backward(np.ones_like(y)).dtype == dtype
    np.testing.assert_array_equal(y, twin.forward(x.astype(dtype)))
    np.testing.assert_array_equal(layer.predict(x), twin.predict(x.astype(dtype)))


@both
@pytest.mark.parametrize("dy", [np.ones((1, 2)), np.ones(2), np.ones((2, 2), np.float32)])
def test_a_gradient_that_does_not_fit_is_refused(make, dy):
    layer = make(2)
    layer.forward(X)
    for method in (layer.backward, layer.parameter_gradients):
        with pytest.raises(ValueError, match=r"must be \(2, 2\) and float64"):
            method(dy)


@both
@pytest.mark.parametrize("eps", [0, -1e-5, math.nan, math.inf])
def test_eps_must_be_positive(make, eps):
    with pytest.raises(ValueError, match="eps must be a positive finite number"):
        make(3, eps=eps)


@both
@pytest.mark.parametrize("features", [0, -1, True])
def test_features_must_be_positive(make, features):
    with pytest.raises((ValueError, TypeError), match="features must be a positive int"):
        make(features)


@both
def test_options_of_the_wrong_type(make):
    with pytest.raises(TypeError, match="features must be a positive int"):
        make(2.0)
    with pytest.raises(TypeError, match="eps must be a positive finite number"):
        make(2, eps="1e-5")
    with pytest.raises(TypeError, match=r"dtype must be np.float32 or np.float64; got"):
        make(2, dtype=int)


@pytest.mark.parametrize("momentum", [-0.1, 1, 1.5, math.nan])
def test_momentum_must_lie_in_its_range(momentum):
    with pytest.raises(ValueError, match="momentum must be the weight of the new batch"):
        BatchNorm(2, momentum=momentum)


def test_frozen_it_stands_still_and_takes_single_examples():
    layer = randomised(BatchNorm(2, eps=1e-300))
    layer.running_mean[...], layer.running_var[...] = [1, 2], [4, 9]
    frozen = Frozen(layer)
    x = np.array([[3.0, 5.0]])
    np.testing.assert_allclose(frozen.forward(x), [layer.gain + layer.bias])
    np.testing.assert_allclose(frozen.forward(x), frozen.predict(x))
    np.testing.assert_allclose(frozen.backward(np.ones((1, 2))), [layer.gain / [2, 3]])
    np.testing.assert_array_equal(layer.running_mean, [1, 2])
    np.testing.assert_array_equal(layer.running_var, [4, 9])


@pytest.mark.parametrize("shape", [(5, 3, 4, 2), (5, 3, 7)])
def test_a_channel_of_images_is_a_feature_of_all_pixels(shape):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(3, 2, shape), rng.normal(size=shape)
    images, rows = BatchNorm(3), BatchNorm(3)
    for layer in (images, rows):
        layer.params[...] = [2, 3, 4, 5, 6, 7]

    def as_rows(a):
        return np.moveaxis(a, 1, -1).reshape(-1, 3)

    for method, given in (("forward", x), ("backward", dy), ("predict", x)):
        y = getattr(images, method)(given)
        np.testing.assert_allclose(as_rows(y), getattr(rows, method)(as_rows(given)), rtol=1e-12)
    np.testing.assert_allclose(images.grads, rows.grads, rtol=1e-12)
    np.testing.assert_allclose(images.running_var, rows.running_var, rtol=1e-12)


def test_one_image_has_many_values_for_a_channel():
    assert BatchNorm(2).forward(np.ones((1, 2, 3, 3))).shape == (1, 2, 3, 3)
    with pytest.raises(ValueError, match=r"it must be \(N, 3\)"):
        BatchNorm(3).forward(np.ones((1, 2, 3, 3)))


def test_rms_norm_by_hand():
    layer = RMSNorm(2, eps=1e-300)
    layer.gain[...] = [1, 10]
    r = np.sqrt(12.5)  # of 3 and 4
    np.testing.assert_allclose(layer.forward(np.array([[3.0, 4.0]])), [[3 / r, 40 / r]])
    # g = (1, 10), x̂ = (3, 4)/r, mean(g x̂) = 21.5/r, dx = (g − x̂ · 21.5/r)/r
    wanted = [[(1 - 3 * 21.5 / 12.5) / r, (10 - 4 * 21.5 / 12.5) / r]]
    np.testing.assert_allclose(layer.backward(np.array([[1.0, 1.0]])), wanted)
    np.testing.assert_allclose(layer.dgain, [3 / r, 4 / r])


def test_groups_of_channels_are_normalized_each_by_itself():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, size=(2, 6, 3, 4))
    y = GroupNorm(2, 6, eps=1e-300).forward(x)
    for group in (y[:, :3], y[:, 3:]):
        np.testing.assert_allclose(group.mean(axis=(1, 2, 3)), 0, atol=1e-12)
        np.testing.assert_allclose(group.var(axis=(1, 2, 3)), 1)
    one = LayerNorm(24, eps=1e-5).forward(x[:, :2].reshape(2, 24))
    np.testing.assert_allclose(GroupNorm(1, 2).forward(x[:, :2]).reshape(2, 24), one)


def test_group_norm_says_what_does_not_fit():
    with pytest.raises(ValueError, match="groups must divide channels; got 4 and 6"):
        GroupNorm(4, 6)
    with pytest.raises(ValueError, match=r"np.moveaxis\(x, -1, 1\)"):
        GroupNorm(2, 6).forward(np.ones((2, 4, 5, 6)))
    with pytest.raises(ValueError, match=r"it must be \(N, 6, ...\)"):
        GroupNorm(2, 6).forward(np.ones((2, 6, 0)))


BARE = [
    LayerNorm(4, affine=False),
    RMSNorm(4, affine=False),
    GroupNorm(2, 4, affine=False),
    BatchNorm(4, affine=False),
]


@pytest.mark.parametrize("layer", BARE, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_gain_and_bias_y_is_what_it_is_with_those_of_the_start(layer, dtype):
    net = Sequential(Dense(4, 4, rng=0), copy.deepcopy(layer), dtype=dtype)
    bare, arguments = net[1], layer._arguments[0]
    full = type(layer)(*arguments, dtype=dtype)
    assert bare.params.size == 0
    assert bare.gain is None
    assert bare.bias is None
    rng = np.random.default_rng(1)
    x, dy = (rng.normal(size=(6, 4)).astype(dtype) for _ in range(2))
    for one, other in [
        (bare.forward(x), full.forward(x)),
        (bare.backward(dy), full.backward(dy)),
        (bare.predict(x), full.predict(x)),
    ]:
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)
    for name, array in bare.named_buffers():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, getattr(full, name))


@pytest.mark.parametrize("layer", BARE, ids=repr)
def test_the_float_type_of_a_layer_without_parameters_is_that_of_its_network(layer):
    net = Sequential(Dense(4, 4, rng=0), copy.deepcopy(layer), dtype=np.float32)
    with pytest.raises(TypeError, match=r"got x of float64: convert it once with x.astype"):
        net[1].forward(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"got x of shape \(3, 5\)"):
        net[1].forward(np.ones((3, 5), np.float32))


def test_a_layer_norm_without_bias_learns_a_gain():
    layer = randomised(LayerNorm(4, bias=False))
    assert [name for name, _ in layer.named_parameters()] == ["gain"]
    x = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(layer.forward(x), layer.gain * LayerNorm(4).forward(x))
    assert LayerNorm(4, affine=False, bias=True).bias is None


@pytest.mark.parametrize("layer", [*BARE, LayerNorm(4, bias=False)], ids=repr)
def test_layers_without_gain_or_bias_are_saved_copied_and_trained(layer, tmp_path):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    net = Sequential(Dense(3, 4, rng=0), copy.deepcopy(layer), Dense(4, 2, rng=1))
    losses = [
        e.loss
        for e in train(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=20, batch_size=4, rng=0)
    ]
    assert losses[-1] < losses[0]
    save(net, tmp_path / "net.npz")
    twins = [load(tmp_path / "net.npz"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    y = net.predict(x)
    for twin in twins:
        assert repr(twin) == repr(net)
        np.testing.assert_array_equal(twin.predict(x), y)
        np.testing.assert_array_equal(twin.forward(x), net.forward(x))
