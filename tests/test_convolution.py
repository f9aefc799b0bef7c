"""Convolution: worked by hand, its sum of products, borders, groups, portions, refusals."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet import Conv1D, Conv2D, Dense, Flatten, Reshape, Sequential
from tinynet.initializers import zeros
from tinynet.testing import check_layer


def by_hand(layer, x, *, stride, padding, dilation, groups):
    """The equation in the docstring, one output after another."""
    (top, bottom), (left, right) = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    out, into, height, width = layer.W.shape
    rows = (x.shape[2] - dilation[0] * (height - 1) - 1) // stride[0] + 1
    columns = (x.shape[3] - dilation[1] * (width - 1) - 1) // stride[1] + 1
    y = np.zeros((len(x), out, rows, columns))
    for n, o, i, j in np.ndindex(y.shape):
        first = o // (out // groups) * into
        for c, u, v in np.ndindex(into, height, width):
            row, column = i * stride[0] + u * dilation[0], j * stride[1] + v * dilation[1]
            y[n, o, i, j] += layer.W[o, c, u, v] * x[n, first + c, row, column]
    return y + (0 if layer.b is None else layer.b[:, None, None])


def test_a_step_worked_by_hand():
    layer = Conv2D(1, 1, 2, init=zeros)
    layer.W[...], layer.b[...] = [[[[1, 2], [3, 4]]]], 10
    x = np.array([[[[1.0, 0, 2], [0, 1, 0]]]])
    # 1·1 + 2·0 + 3·0 + 4·1 + 10 and 1·0 + 2·2 + 3·1 + 4·0 + 10
    assert layer.forward(x).tolist() == [[[[15, 17]]]]
    dx = layer.backward(np.array([[[[1.0, 10.0]]]]))
    # the pixel in the middle is seen as the second of the first window and the first of the second
    assert dx.tolist() == [[[[1, 2 + 10, 20], [3, 4 + 30, 40]]]]
    assert layer.dW.tolist() == [[[[1, 20], [10, 1]]]]
    assert layer.db.tolist() == [11]


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(
    kernel=pairs,
    stride=pairs,
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=pairs,
    groups=st.sampled_from([(1, 1), (2, 2), (2, 1), (4, 4)]),
    bias=st.booleans(),
    size=st.tuples(st.integers(1, 3), st.integers(7, 9), st.integers(7, 9)),
)
def test_it_is_the_sum_of_products_in_its_docstring(
    kernel, stride, padding, dilation, groups, bias, size
):
    channels, parts = groups[0] * 2, groups[1]
    rng = np.random.default_rng(0)
    options = {"stride": stride, "dilation": dilation, "groups": parts}
    layer = Conv2D(channels, 4, kernel, padding=padding, bias=bias, rng=rng, **options)
    layer.params[...] = rng.normal(size=layer.params.size)
    x = rng.normal(size=(size[0], channels, *size[1:]))
    expected = by_hand(layer, x, padding=tuple((p, p) for p in padding), **options)
    np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(layer.predict(x), layer.forward(x))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"padding": 1},
        {"padding": "same"},
        {"padding": (0, 2), "stride": (1, 3)},
        {"dilation": 2, "padding": 2},
        {"groups": 2},
        {"groups": 4, "bias": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("kernel", [1, 3, (2, 3)])
def test_the_gradients_are_right(kernel, options):
    check_layer(Conv2D(4, 4, kernel, rng=0, **options), input_shape=(2, 4, 6, 5))


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": "same", "dilation": 2}])
def test_the_gradients_over_sequences_are_right(options):
    check_layer(Conv1D(2, 3, 3, rng=0, **options), input_shape=(3, 2, 7))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_keeps_the_size_and_puts_the_odd_pixel_at_the_end(kernel, dilation):
    layer = Conv2D(1, 1, kernel, padding="same", dilation=dilation, init=zeros)
    layer.W[0, 0, 0, 0] = 1  # y[i] = x[i - above]
    x = np.arange(1.0, 50).reshape(1, 1, 7, 7)
    y, above = layer.forward(x), dilation * (kernel - 1) // 2
    assert y.shape == x.shape
    np.testing.assert_array_equal(y[0, 0, above:, above:], x[0, 0, : 7 - above, : 7 - above])
    assert not y[0, 0, :above].any()


@pytest.mark.parametrize("portion", [1, 300, 700])
def test_large_batches_are_taken_in_portions(portion, monkeypatch):
    rng = np.random.default_rng(0)
    layer, x = Conv2D(3, 4, 3, padding=1, stride=2, rng=rng), rng.normal(size=(5, 3, 9, 8))
    y = layer.forward(x)
    dy = rng.normal(size=y.shape)
    dx, dW = layer.backward(dy), layer.dW.copy()
    monkeypatch.setattr("tinynet.layers.convolution._WHOLE", portion)
    monkeypatch.setattr("tinynet.layers.convolution._PORTION", portion)
    np.testing.assert_allclose(layer.forward(x), y, rtol=1e-13)
    np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(layer.dW, dW, rtol=1e-12)


def test_a_sequence_is_an_image_of_one_column():
    rng = np.random.default_rng(0)
    one, two = Conv1D(2, 3, 4, stride=2, rng=0), Conv2D(2, 3, (4, 1), stride=(2, 1), rng=0)
    x, dy = rng.normal(size=(5, 2, 9)), rng.normal(size=(5, 3, 3))
    assert one.W.shape == (3, 2, 4)
    np.testing.assert_array_equal(one.forward(x), two.forward(x[..., None])[..., 0])
    np.testing.assert_array_equal(one.backward(dy), two.backward(dy[..., None])[..., 0])
    np.testing.assert_array_equal(one.grads, two.grads)


def test_a_long_sequence_takes_little_memory():
    """The matrix of windows has nine times the size of x, so it is made in portions."""
    layer, x = Conv1D(16, 16, 9, rng=0, dtype=np.float32), np.ones((16, 16, 5000), np.float32)
    tracemalloc.start()
    try:
        layer.forward(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * x.nbytes


def test_any_layout_in_memory_gives_the_same():
    x = np.random.default_rng(0).normal(size=(4, 3, 6, 5))
    layer = Conv2D(3, 2, 3, padding=1, rng=0)
    y = layer.forward(x)
    innermost = np.ascontiguousarray(x.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for other in (innermost, last, np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2]):
        np.testing.assert_array_equal(layer.forward(other), y)


def test_float32_stays_float32():
    layer = Conv2D(2, 3, 3, padding=1, rng=0, dtype=np.float32)
    x = np.ones((2, 2, 5, 5), np.float32)
    y = layer.forward(x)
    assert y.dtype == layer.predict(x).dtype == layer.backward(y).dtype == np.float32
    with pytest.raises(TypeError, match=r"x\.astype\(np\.float32\)"):
        layer.forward(x.astype(float))


def test_it_starts_with_weights_scaled_by_the_fan_in():
    layer = Conv2D(16, 64, 5, rng=0)
    assert layer.W.std() == pytest.approx((16 * 25) ** -0.5, rel=0.02)
    depthwise = Conv2D(64, 64, 5, groups=64, rng=0)
    assert depthwise.W.std() == pytest.approx(25**-0.5, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((0, 1, 3), {}, "in_channels must be a positive int; got 0"),
        ((1, 1, (3, 0)), {}, r"kernel_size\[1\] must be a positive int"),
        ((1, 1, (3, 3, 3)), {}, "kernel_size must be a tuple of 2 sizes"),
        ((1, 1, 3), {"padding": -1}, "padding must be an int of at least 0"),
        ((1, 1, 3), {"padding": "full"}, 'padding must be an int, a pair of ints or "same"'),
        ((1, 1, 3), {"padding": "same", "stride": 2}, 'padding="same" needs stride=1'),
        ((4, 6, 3), {"groups": 4}, "groups must divide in_channels and out_channels"),
    ],
)
def test_a_wrong_size_is_refused(arguments, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Conv2D(*arguments, **options)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((5, 784), r"it must be \(N, 3, H, W\)\. Rows of pixels become images with Reshape"),
        ((5, 28, 28, 3), r"Are the channels last\? x\.transpose\(0, 3, 1, 2\)"),
        ((5, 1, 28, 28), r"it must be \(N, 3, H, W\)\.$"),
        ((5, 3, 2, 28), "no window fits into 2 × 28 pixels"),
    ],
)
def test_an_x_that_is_no_batch_of_such_images_is_refused(shape, words):
    for method in ("forward", "predict"):
        with pytest.raises(ValueError, match=words):
            getattr(Conv2D(3, 2, 3), method)(np.zeros(shape))


def test_grey_images_without_an_axis_for_the_channel_get_advice():
    with pytest.raises(ValueError, match=r"Images of one channel: x\[:, np\.newaxis\]"):
        Conv2D(1, 2, 3).forward(np.zeros((5, 28, 28)))
    with pytest.raises(ValueError, match=r"it must be \(N, 2, L\)"):
        Conv1D(2, 2, 3).forward(np.zeros((5, 28)))


def test_rows_of_pixels_pass_through_a_network_of_images():
    net = Sequential(Reshape((1, 6, 6)), Conv2D(1, 2, 3, rng=0), Flatten(), Dense(32, 2, rng=1))
    check_layer(net, input_shape=(3, 36))
