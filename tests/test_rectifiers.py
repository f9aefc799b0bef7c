"""ReLU and its variants: slopes at kinks and options; test_activations.py has their values."""

import math

import numpy as np
import pytest

from tinynet import ELU, GELU, LeakyReLU, ReLU, Sequential


@pytest.mark.parametrize(
    ("layer", "at_zero"),
    [(ReLU(), 0.0), (LeakyReLU(0.3), 0.3), (ELU(2.0), 2.0), (ELU(), 1.0)],
    ids=repr,
)
def test_slope_at_a_kink_is_the_one_documented(layer, at_zero):
    for zero in (0.0, -0.0):
        layer.forward(np.array([[zero]]))
        assert layer.backward(np.ones((1, 1))) == at_zero


@pytest.mark.parametrize("alpha", [0, -1.0, math.nan, math.inf])
def test_elu_refuses_an_alpha_that_is_not_positive(alpha):
    with pytest.raises(ValueError, match="alpha must be a positive finite number"):
        ELU(alpha)


@pytest.mark.parametrize("make", [ELU, LeakyReLU])
@pytest.mark.parametrize("value", ["0.1", None, True, [1.0]])
def test_slopes_that_are_no_numbers(make, value):
    with pytest.raises(TypeError, match="must be a"):
        make(value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_leaky_relu_refuses_a_slope_that_is_not_finite(value):
    with pytest.raises(ValueError, match="negative_slope must be a finite number"):
        LeakyReLU(value)


def test_a_numpy_scalar_as_option_does_not_widen_float32():
    x = np.array([[-1.0, 1.0]], np.float32)
    for layer in (ELU(np.float64(0.5)), LeakyReLU(np.float64(0.5))):
        assert layer.forward(x).dtype == layer.backward(x).dtype == np.float32


def test_repr_is_what_one_types():
    assert repr(Sequential(ELU(alpha=0.5), LeakyReLU(0.2), GELU())).split() == [
        "Sequential(",
        "ELU(alpha=0.5),",
        "LeakyReLU(0.2),",
        "GELU(),",
        ")",
    ]
