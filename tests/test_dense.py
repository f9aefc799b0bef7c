"""Dense, the fully connected layer."""

import numpy as np
import pytest

from tinynet import Dense, Sequential, Sigmoid
from tinynet.initializers import lecun_normal


def test_forward_is_the_equation():
    layer = Dense(2, 3, init=lambda shape, rng: np.arange(6.0).reshape(shape))
    layer.b[...] = [10, 20, 30]
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 2.0]])), [[16, 29, 42]])


def test_initial_weights_are_scaled_by_fan_in_and_biases_zero():
    layer = Dense(400, 300, rng=0)
    assert layer.W.std() == pytest.approx(1 / 20, rel=0.01)
    assert abs(layer.W.mean()) < 0.001
    assert not layer.b.any()


def test_the_same_seed_gives_the_same_weights_in_both_float_types():
    wide, narrow = Dense(5, 4, rng=3), Dense(5, 4, rng=3, dtype=np.float32)
    assert narrow.params.dtype == narrow.grads.dtype == np.float32
    np.testing.assert_array_equal(narrow.W, wide.W.astype(np.float32))
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(wide.W, lecun_normal((5, 4), generator))


def test_without_bias_there_is_no_b():
    layer = Dense(3, 2, bias=False, rng=0)
    assert [name for name, _ in layer.named_parameters()] == ["W"]
    assert layer.b is None
    assert not layer.predict(np.zeros((1, 3))).any()


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("which", ["inputs", "outputs"])
def test_a_size_that_is_not_positive_is_refused(size, which):
    with pytest.raises(ValueError, match=f"{which} must be a positive int; got {size}"):
        Dense(**{"inputs": 3, "outputs": 3, which: size})


@pytest.mark.parametrize("size", [3.0, "3", None])
def test_a_size_that_is_no_int_is_refused(size):
    with pytest.raises(TypeError, match="inputs must be a positive int"):
        Dense(size, 2)


def test_initial_weights_of_another_shape_are_refused():
    with pytest.raises(TypeError, match=r"init must be a function such as .*; got 'he_normal'"):
        Dense(3, 2, init="he_normal")
    with pytest.raises(ValueError, match=r"init must return an array of shape \(3, 2\)"):
        Dense(3, 2, init=lambda shape, rng: np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [int, np.float16, "float16", np.longdouble, ">f4", complex])
def test_parameters_are_of_float32_or_float64(dtype):
    for make in (lambda: Dense(3, 2, dtype=dtype), lambda: Sequential(Sigmoid(), dtype=dtype)):
        with pytest.raises(TypeError, match=r"dtype must be np.float32 or np.float64; got"):
            make()


@pytest.mark.parametrize(
    ("shape", "mend"),
    [
        ((4,), r"x\[np.newaxis\]"),
        ((2, 5), "label still in the first column"),
        ((2, 3), r"must be \(N, 4\)"),
        ((2, 2, 2), r"reshape\(len\(x\), -1\)"),
    ],
)
def test_an_input_of_the_wrong_shape_is_refused_with_a_mend(shape, mend):
    layer = Dense(4, 2)
    for method in (layer.forward, layer.predict):
        with pytest.raises(ValueError, match=mend):
            method(np.ones(shape))


def test_a_wider_float_type_is_refused_where_it_would_spread():
    layer = Dense(3, 2, dtype=np.float32)
    with pytest.raises(TypeError, match=r"x\.astype\(np\.float32\)"):
        layer.forward(np.ones((1, 3)))
    layer.forward(np.ones((1, 3), np.uint8))  # exact in float32
    with pytest.raises(ValueError, match=r"dy of shape \(1, 2\) and float64"):
        layer.backward(np.ones((1, 2)))


def test_every_step_of_a_sequence_is_a_row():
    layer, rng = Dense(3, 2, rng=0), np.random.default_rng(0)
    x, dy = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    y, dx = layer.forward(x), layer.backward(dy)
    dW, db = layer.dW.copy(), layer.db.copy()
    np.testing.assert_array_equal(y.reshape(20, 2), layer.forward(x.reshape(20, 3)))
    np.testing.assert_array_equal(dx.reshape(20, 3), layer.backward(dy.reshape(20, 2)))
    np.testing.assert_array_equal(layer.dW, dW)
    np.testing.assert_array_equal(layer.db, db)
    np.testing.assert_array_equal(layer.predict(x[:, ::-1]), y[:, ::-1])


def test_a_gradient_of_rows_that_are_otherwise_arranged_is_refused():
    layer = Dense(3, 2)
    layer.forward(np.ones((4, 5, 3)))
    for shape in [(20, 2), (5, 4, 2), (4, 5, 1)]:
        with pytest.raises(ValueError, match=r"it must be \(4, 5, 2\)"):
            layer.backward(np.ones(shape))
