"""Activations and rectifiers: known values, extremes, shapes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from tinynet import (
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

ELEMENTWISE = [
    Sigmoid(),
    Tanh(),
    ReLU(),
    LeakyReLU(),
    ELU(),
    ELU(2.5),
    GELU(),
    SiLU(),
    GELU("tanh"),
    Mish(),
    Softplus(),
    Identity(),
]
EVERY = [*ELEMENTWISE, Softmax(), LogSoftmax()]

each = pytest.mark.parametrize("layer", EVERY, ids=repr)
e = math.e


@pytest.mark.parametrize(
    ("layer", "x", "y"),
    [
        (Sigmoid(), math.log(3), 3 / 4),
        (Tanh(), math.log(2), 3 / 5),
        (ReLU(), 2.0, 2.0),
        (ReLU(), -2.0, 0.0),
        (LeakyReLU(), -2.0, -0.02),
        (LeakyReLU(0.25), -2.0, -0.5),
        (LeakyReLU(0.25), 2.0, 2.0),
        (LeakyReLU(-1), -2.0, 2.0),
        (ELU(), -1.0, 1 / e - 1),
        (ELU(2.0), -1.0, 2 / e - 2),
        (ELU(2.0), 3.0, 3.0),
        (GELU(), 1.0, 0.8413447460685429),  # Φ(1)
        (GELU(), -1.0, -(1 - 0.8413447460685429)),
        (GELU(), -6.0, -6 * 9.865876450376981e-10),
        (SiLU(), math.log(3), 0.75 * math.log(3)),
        (Softplus(), math.log(3), math.log(4)),
        (Identity(), -3.0, -3.0),
    ],
)
def test_values_worked_by_hand(layer, x, y):
    assert layer.forward(np.array([[x]])).item() == pytest.approx(y, rel=1e-14, abs=1e-16)


def test_softmax_worked_by_hand():
    x, y = np.log([[1.0, 2.0, 5.0]]), np.array([[1, 2, 5]]) / 8
    np.testing.assert_allclose(Softmax().forward(x), y, rtol=1e-14)
    np.testing.assert_allclose(LogSoftmax().forward(x), np.log(y), rtol=1e-14)


@each
def test_finite_at_a_thousand_without_a_warning(layer):
    for dtype in (np.float64, np.float32):
        x = np.array([[-1000, -100, -1e-30, 0, 1e-30, 100, 1000], [1000.0] * 7], dtype)
        y = layer.forward(x)
        dx = layer.backward(np.ones_like(x))
        assert np.isfinite(y).all()
        assert np.isfinite(dx).all()
        np.testing.assert_array_equal(layer.predict(x), y)


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [
        (Sigmoid(), 0, 1),
        (Tanh(), -1, 1),
        (ReLU(), 0, 1000),
        (LeakyReLU(), -10, 1000),
        (ELU(), -1, 1000),
        (GELU(), 0, 1000),
        (SiLU(), 0, 1000),
        (Softplus(), 0, 1000),
    ],
    ids=repr,
)
def test_limits(layer, low, high):
    np.testing.assert_allclose(layer.forward(np.array([[-1000.0, 1000.0]])), [[low, high]])


@pytest.mark.parametrize("layer", ELEMENTWISE, ids=repr)
def test_any_shape_and_no_examples(layer):
    for shape in ((3,), (2, 3), (2, 3, 4, 5), (0, 3)):
        x = np.random.default_rng(0).normal(size=shape)
        assert layer.forward(x).shape == layer.predict(x).shape == layer.backward(x).shape == shape


@pytest.mark.parametrize("layer", [Softmax(), LogSoftmax()], ids=repr)
def test_rows_are_the_last_axis_whatever_stands_before(layer):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(
        layer.forward(x).reshape(6, 4), layer.forward(x.reshape(6, 4)), rtol=1e-14
    )
    assert layer.forward(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("layer", [Softmax(), LogSoftmax()], ids=repr)
@pytest.mark.parametrize("shape", [(), (4,), (3, 0)])
def test_softmax_refuses_what_has_no_rows(layer, shape):
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=r"must be \(N, \.\.\., classes\)"):
            method(np.zeros(shape))


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=6))
def test_softmax_sums_to_one_and_does_not_see_a_shift(row):
    x = np.array([row])
    y = Softmax().forward(x)
    assert y.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(Softmax().forward(x + 7), y, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(np.exp(LogSoftmax().forward(x)), y, rtol=1e-12, atol=1e-300)


@given(st.floats(-700, 700))
def test_identities_between_activations(x):
    def at(layer, x):
        return layer.predict(np.array([[x]])).item()

    close = {"rel": 1e-12, "abs": 1e-12}
    assert at(Tanh(), x) == pytest.approx(2 * at(Sigmoid(), 2 * x) - 1, **close)
    assert at(Softplus(), x) - at(Softplus(), -x) == pytest.approx(x, **close)
    assert at(GELU(), x) - at(GELU(), -x) == pytest.approx(x, **close)
    assert at(SiLU(), x) - at(SiLU(), -x) == pytest.approx(x, **close)
    assert at(ReLU(), x) - at(ReLU(), -x) == x


def test_identity_hands_on_the_very_array():
    layer, x = Identity(), np.ones((2, 3))
    assert layer.forward(x) is layer.predict(x) is layer.backward(x) is x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_of_many_elements_is_that_of_each(dtype):
    x = np.concatenate([np.linspace(-1000, 1000, 2000), np.linspace(-30, 30, 2000)]).astype(dtype)
    for y in (Sigmoid().forward(x[np.newaxis])[0], Sigmoid().predict(x[np.newaxis])[0]):
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expit(x), rtol=8 * np.finfo(dtype).eps, atol=1e-37)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
@each
def test_ints_are_computed_as_the_same_numbers_in_float64(layer, dtype):
    x = np.array([[100, 3, 0], [5, 120, 1]]).astype(dtype)
    if not isinstance(layer, Identity):
        for method in ("forward", "predict"):
            y = getattr(layer, method)(x)
            assert y.dtype == np.float64
            np.testing.assert_array_equal(y, getattr(layer, method)(x.astype(float)))
