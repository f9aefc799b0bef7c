"""Pixels and labels become inputs and targets, or an error says why not."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import one_hot, scale_pixels

FLOATS = [np.float32, np.float64]


@given(
    images=hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int64, np.uint64]),
        hnp.array_shapes(min_dims=0, min_side=0, max_side=5),
        elements=st.integers(0, 255),
    )
)
def test_pixels_follow_the_equation_in_float64(images):
    scaled = scale_pixels(images)
    assert scaled.dtype == np.float64
    assert scaled.shape == images.shape
    np.testing.assert_array_equal(scaled, images / 255 * 0.99 + 0.01)


def test_float32_is_float64_to_rounding():
    pixels = np.arange(256, dtype=np.uint8)
    scaled = scale_pixels(pixels, dtype=np.float32)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, scale_pixels(pixels), rtol=2 * np.finfo(np.float32).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_range_is_one_hundredth_to_one(dtype):
    scaled = scale_pixels(np.array([0, 255], np.uint8), dtype=dtype)
    np.testing.assert_allclose(scaled, [0.01, 1], rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", FLOATS)
def test_scaling_allocates_the_result_and_nothing_else(dtype):
    images = np.zeros((1000, 28, 28), np.uint8)
    tracemalloc.start()
    try:
        scaled = scale_pixels(images, dtype=dtype)
        assert tracemalloc.get_traced_memory()[1] < scaled.nbytes * 1.1
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("images", [[0.5], np.ones(2, np.float32), [True]])
def test_what_is_not_integers_is_not_scaled_again(images):
    with pytest.raises(
        TypeError, match=r"needs images of integers from 0 to 255, got .* Already scaled\?"
    ):
        scale_pixels(images)


@pytest.mark.parametrize("images", [[0.5, 255.0], [np.nan, 3.0]])
def test_floats_up_to_255_are_to_be_converted_by_the_caller(images):
    with pytest.raises(TypeError, match=r"write images\.astype\(np\.uint8\)"):
        scale_pixels(images)


@pytest.mark.parametrize("value", [-1, 256])
def test_a_pixel_outside_its_range_is_named(value):
    with pytest.raises(ValueError, match=f"0 to 255, got {value}"):
        scale_pixels([[0, value]])


@given(data=st.data(), classes=st.integers(1, 12), dtype=st.sampled_from(FLOATS))
def test_targets_are_high_at_the_label_and_low_elsewhere(data, classes, dtype):
    labels = data.draw(
        hnp.arrays(
            st.sampled_from([np.uint8, np.int8, np.int64, np.uint64]),
            st.integers(0, 10),
            elements=st.integers(0, classes - 1),
        )
    )
    targets = one_hot(labels, classes, low=-1, high=2, dtype=dtype)
    assert targets.dtype == dtype
    assert targets.shape == (len(labels), classes)
    for row, label in zip(targets, labels, strict=True):
        assert row.tolist() == [2.0 if k == label else -1.0 for k in range(classes)]


def test_targets_are_zero_and_one_unless_asked_otherwise():
    assert one_hot([1, 0], 2).tolist() == [[0, 1], [1, 0]]
    assert one_hot([1], 2, low=0.01, high=0.99).tolist() == [[0.01, 0.99]]


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([1, 0, 3], 3, ValueError, r"labels\[2\] = 3: classes go from 0 to 2"),
        ([1, -1], 3, ValueError, r"labels\[1\] = -1: classes go from 0 to 2"),
        (
            np.array([2**64 - 1], np.uint64),
            3,
            ValueError,
            rf"labels\[0\] = {2**64 - 1}: classes go",
        ),
        ([1], 0, ValueError, "classes must be a positive int; got 0"),
        ([[1]], 3, ValueError, r"shape \(N,\), got \(1, 1\)"),
        (3, 3, ValueError, r"shape \(N,\), got \(\)"),
        ([1.0], 3, TypeError, "labels of float64: classes are ints"),
        ([True], 3, TypeError, "labels of bool: classes are ints"),
    ],
)
def test_labels_that_have_no_column_are_refused(labels, classes, error, message):
    with pytest.raises(error, match=message):
        one_hot(labels, classes)


@pytest.mark.parametrize("dtype", [int, np.uint8, bool, complex])
def test_only_floats_come_out(dtype):
    with pytest.raises(TypeError, match=r"dtype must be np.float32 or np.float64"):
        scale_pixels([1], dtype=dtype)
    with pytest.raises(TypeError, match=r"dtype must be np.float32 or np.float64"):
        one_hot([1], 3, dtype=dtype)
