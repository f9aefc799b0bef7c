"""Pooling: known values, ties, borders, what is left over, refusals."""

import numpy as np
import pytest

from tinynet import AvgPool2D, GlobalAveragePool, MaxPool2D
from tinynet.testing import check_layer

X = np.array([[[[1.0, 5, 2, 0], [3, 4, 2, 2], [0, 0, 9, 1], [0, 0, 1, 1]]]])


def test_the_largest_and_the_mean_of_each_window():
    assert MaxPool2D(2).forward(X).tolist() == [[[[5, 2], [0, 9]]]]
    assert AvgPool2D(2).forward(X).tolist() == [[[[13 / 4, 6 / 4], [0, 12 / 4]]]]
    assert GlobalAveragePool().forward(X).tolist() == [[31 / 16]]


def test_the_first_of_equal_pixels_gets_the_gradient():
    layer = MaxPool2D(2)
    layer.forward(X)
    dx = layer.backward(np.array([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert dx.tolist() == [[[[0, 1, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]]]


def test_what_is_left_over_at_the_end_is_not_looked_at():
    for layer in (MaxPool2D(3), AvgPool2D(3)):
        x = X.copy()
        y = layer.forward(x)
        assert y.shape == (1, 1, 1, 1)
        x[:, :, 3], x[:, :, :, 3] = 100, 100
        np.testing.assert_array_equal(layer.forward(x), y)
        dx = layer.backward(np.ones((1, 1, 1, 1)))
        assert not dx[:, :, 3].any()
        assert not dx[..., 3].any()


def test_a_border_is_smaller_than_every_number_or_zero():
    assert MaxPool2D(2, padding=1).forward(-1 - X)[0, 0, 0, 0] == -2
    assert AvgPool2D(2, padding=1).forward(X)[0, 0, 0, 0] == 1 / 4


@pytest.mark.parametrize("cls", [MaxPool2D, AvgPool2D])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 3), "stride": 1},
        {"kernel_size": 1, "stride": 2},
    ],
    ids=str,
)
def test_the_gradients_are_right(cls, options):
    check_layer(cls(**options), input_shape=(2, 3, 6, 5))


@pytest.mark.parametrize("shape", [(3, 2, 4, 5), (3, 2, 7), (1, 1, 1, 1)])
def test_the_gradient_of_the_mean_over_all_pixels_is_right(shape):
    check_layer(GlobalAveragePool(), input_shape=shape)


@pytest.mark.parametrize("layer", [MaxPool2D(2), AvgPool2D(2), GlobalAveragePool()], ids=repr)
def test_forward_is_predict_and_float32_stays_float32(layer):
    x = np.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(np.float32)
    y = layer.forward(x)
    np.testing.assert_array_equal(layer.predict(x), y)
    assert y.dtype == layer.backward(y).dtype == np.float32
    ints = np.arange(64, dtype=np.uint8).reshape(2, 2, 4, 4)
    np.testing.assert_array_equal(layer.forward(ints), layer.forward(ints.astype(float)))


@pytest.mark.parametrize("cls", [MaxPool2D, AvgPool2D])
def test_wrong_sizes_are_refused(cls):
    with pytest.raises(ValueError, match="kernel_size must be a positive int; got 0"):
        cls(0)
    with pytest.raises(ValueError, match=r"padding must be at most half of kernel_size.*\(2, 2\)"):
        cls(3, padding=2)
    with pytest.raises(ValueError, match=r"no window fits into 4 × 4 pixels"):
        cls(5).forward(X)
    with pytest.raises(ValueError, match=r"it must be \(N, C, H, W\)"):
        cls(2).forward(X[0, 0])
    with pytest.raises(ValueError, match=r"it must be \(N, C, H, W\) or \(N, C, L\)"):
        GlobalAveragePool().forward(X[0, 0])
