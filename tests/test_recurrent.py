"""RNN, LSTM and GRU: the equations step by step, order, masks, and what is refused."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from tinynet import (
    GRU,
    LSTM,
    RNN,
    SGD,
    Concatenate,
    Dense,
    MSELoss,
    Reshape,
    Sequential,
    fit,
    load,
    save,
)
from tinynet.initializers import zeros
from tinynet.kept import used_names

each = pytest.mark.parametrize("cls", [RNN, LSTM, GRU])


def randomised(layer, seed=0):
    layer.params[...] = np.random.default_rng(seed).normal(size=layer.params.size)
    return layer


def step(layer, x, h, c):
    """One step, as the docstrings state it."""
    units = layer.U.shape[0]
    if isinstance(layer, RNN):
        return np.tanh(x @ layer.W + layer.b + h @ layer.U), c
    if isinstance(layer, LSTM):
        z = x @ layer.W + layer.b + h @ layer.U
        i, f, g, o = (z[:, n * units : (n + 1) * units] for n in range(4))
        c = expit(f) * c + expit(i) * np.tanh(g)
        return expit(o) * np.tanh(c), c
    xr, xz, xn = np.split(x @ layer.W + layer.b, 3, axis=1)
    ar, az, an = np.split(h @ layer.U, 3, axis=1)
    r, z = expit(xr + ar), expit(xz + az)
    n = np.tanh(xn + r * (an + layer.c))
    return (1 - z) * n + z * h, c


@each
@pytest.mark.parametrize("reverse", [False, True])
def test_each_step_is_the_equation(cls, reverse):
    layer = randomised(cls(3, 4, reverse=reverse, return_sequences=True, learn_initial=True))
    last = cls(3, 4, reverse=reverse, learn_initial=True)
    last.params[...] = layer.params
    x = np.random.default_rng(1).normal(size=(5, 6, 3))
    y = layer.forward(x)
    h = np.tile(layer.h0, (5, 1))
    c = np.tile(layer.c0, (5, 1)) if cls is LSTM else None
    for t in reversed(range(6)) if reverse else range(6):
        h, c = step(layer, x[:, t], h, c)
        np.testing.assert_allclose(y[:, t], h, atol=1e-14)
    np.testing.assert_allclose(last.forward(x), h, atol=1e-14)
    np.testing.assert_allclose(last.predict(x), h, atol=1e-14)


@each
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"learn_initial": True}])
def test_layers_of_one_generator_are_built_and_trained_without_a_warning(cls, options):
    rng = np.random.default_rng(0)
    first = cls(3, 3, return_sequences=True, rng=rng, **options)
    net = Sequential(first, cls(3, 3, rng=rng, **options))
    x, t = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3))
    fit(net, MSELoss(), SGD(net, lr=0.1), x, t, epochs=1, progress="off")


@each
def test_an_initial_state_counts_as_used_also_where_it_is_not_learned(cls):
    """Training warns of attributes that are not; a layer that learns it would hide the warning."""
    assert {"h0", *cls._states} <= used_names(cls)


@each
@given(seed=st.integers(0, 1000))
def test_no_output_depends_on_a_later_step(cls, seed):
    rng = np.random.default_rng(seed)
    steps, changed = 6, int(rng.integers(6))
    x = rng.normal(size=(2, steps, 3))
    other = x.copy()
    other[:, changed:] += rng.normal(size=other[:, changed:].shape)
    layer = randomised(cls(3, 4, return_sequences=True), seed)
    y, y_other = layer.predict(x), layer.predict(other)
    np.testing.assert_array_equal(y[:, :changed], y_other[:, :changed])
    assert (y[:, changed:] != y_other[:, changed:]).any(axis=(0, 2)).all()
    dy = np.zeros_like(y)
    dy[:, changed] = rng.normal(size=dy[:, changed].shape)
    layer.forward(x)
    dx = layer.backward(dy)
    assert not dx[:, changed + 1 :].any()
    assert dx[:, : changed + 1].any(axis=(0, 2)).all()  # back to the first step


@each
@pytest.mark.parametrize("reverse", [False, True])
def test_padding_changes_nothing(cls, reverse):
    """Steps that do not count, wherever they lie, leave values and gradients as without them."""
    rng = np.random.default_rng(0)
    layer = randomised(cls(3, 4, reverse=reverse, learn_initial=True))
    x, dy = rng.normal(size=(1, 4, 3)), rng.normal(size=(1, 4))
    y, dx = layer.forward(x), layer.backward(dy)
    grads = layer.grads.copy()
    for mask in itertools.product([True, False], repeat=6):
        if sum(mask) == 4:
            padded = rng.normal(size=(1, 6, 3))
            padded[:, mask] = x
            np.testing.assert_allclose(layer.forward(padded, np.array([mask])), y, atol=1e-14)
            np.testing.assert_allclose(layer.backward(dy)[:, mask], dx, atol=1e-14)
            assert not layer.backward(dy)[:, ~np.array(mask)].any()
            np.testing.assert_allclose(layer.grads, grads, atol=1e-13)
            np.testing.assert_allclose(layer.predict(padded, np.array([mask])), y, atol=1e-14)


@each
def test_both_directions_side_by_side(cls):
    rng = np.random.default_rng(0)
    there = cls(3, 4, return_sequences=True, rng=rng)
    back = cls(3, 4, return_sequences=True, reverse=True, rng=rng)
    x = rng.normal(size=(2, 5, 3))
    alone = [there.predict(x), back.predict(x)]
    np.testing.assert_array_equal(Concatenate(there, back).predict(x), np.concatenate(alone, 2))
    turned = cls(3, 4, return_sequences=True)
    turned.params[...] = back.params
    np.testing.assert_allclose(turned.predict(x[:, ::-1])[:, ::-1], alone[1], atol=1e-14)


@each
def test_the_initial_recurrent_weights_are_orthogonal_for_each_gate(cls):
    layer = cls(3, 5, rng=0)
    for gate in np.split(layer.U, layer.U.shape[1] // 5, axis=1):
        np.testing.assert_allclose(gate @ gate.T, np.eye(5), atol=1e-12)
    assert not cls(3, 5, init=zeros, recurrent_init=zeros, bias=False).params.any()


@each
def test_what_is_left_out_is_none(cls):
    layer = cls(3, 4, bias=False)
    assert layer.b is None
    assert layer.h0 is None
    assert {name for name, _ in layer.named_parameters()} == {"W", "U"}
    assert "h0" in dict(cls(3, 4, learn_initial=True).named_parameters())


@each
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3), r"Reshape\(\(steps, features\)\)"),
        ((2, 3, 5), r"x.swapaxes\(1, 2\)"),
        ((2, 5, 4), r"it must be \(N, steps, 3\), with at least one step"),
        ((2, 0, 3), "There is no step"),
        ((2, 1, 4, 3), r"Reshape\(\(height, width\)\)"),
    ],
)
def test_an_input_of_other_axes_is_refused(cls, shape, message):
    for method in (cls(3, 4).forward, cls(3, 4).predict):
        with pytest.raises(ValueError, match=message):
            method(np.ones(shape))


@each
def test_a_wider_float_type_is_refused_and_a_narrower_one_computed_in_that_of_the_layer(cls):
    with pytest.raises(TypeError, match=r"x.astype\(np.float32\)"):
        cls(3, 4, dtype=np.float32).forward(np.ones((2, 5, 3)))
    assert cls(3, 4).forward(np.ones((2, 5, 3), np.float32)).dtype == np.float64


def test_stacked_layers_need_the_states_of_all_steps():
    x = np.ones((2, 6))
    net = Sequential(Reshape((3, 2)), LSTM(2, 4, rng=0), LSTM(4, 5, rng=0), Dense(5, 1))
    with pytest.raises(ValueError, match="that one needs return_sequences=True"):
        net.predict(x)
    net = Sequential(Reshape((3, 2)), GRU(2, 4, return_sequences=True), GRU(4, 5), Dense(5, 1))
    assert net.predict(x).shape == (2, 1)


@each
@pytest.mark.parametrize("size", [50.0, 1e4])
def test_saturated_gates_are_finite(cls, size):
    layer = randomised(cls(3, 4, return_sequences=True))
    layer.params[...] *= size
    x = np.random.default_rng(0).normal(size=(2, 6, 3)) * size
    assert np.isfinite(layer.forward(x)).all()
    assert np.isfinite(layer.backward(np.ones((2, 6, 4)))).all()
    assert np.isfinite(layer.grads).all()


@each
def test_options_are_checked_when_they_are_assigned_and_hold_from_the_next_forward(cls):
    layer = cls(3, 4, rng=0, return_sequences=True)
    for name in ("reverse", "return_sequences"):
        with pytest.raises(TypeError, match=f"{name} must be True or False; got 'no'"):
            setattr(layer, name, "no")
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    y = layer.forward(x)
    dx = layer.backward(y)
    layer.reverse, layer.return_sequences = True, False
    np.testing.assert_array_equal(layer.backward(y), dx)
    assert layer.forward(x).shape == (2, 4)


@each
def test_an_initial_function_of_ones_own_may_be_copied_and_saved(cls, tmp_path):
    own = {"init": lambda s, rng: np.ones(s), "recurrent_init": lambda s, rng: np.eye(4)}
    layer = cls(3, 4, **own)
    twin = pickle.loads(pickle.dumps(layer))
    np.testing.assert_array_equal(twin.params, layer.params)
    save(layer, tmp_path / "net.npz")
    np.testing.assert_array_equal(load(tmp_path / "net.npz").params, layer.params)


@each
def test_the_last_state_does_not_keep_all_states(cls):
    assert cls(3, 4).forward(np.ones((2, 50, 3))).base is None
