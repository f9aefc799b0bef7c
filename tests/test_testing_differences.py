"""Slopes by differences: exact where smooth, both sides at a kink, and honest about jumps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinynet.testing import numeric_jacobian
from tinynet.testing.differences import Line, Slope, nearby, slope, two_steps

NO_NOISE = np.array([1e-17])


def along(function, x):
    return Line(lambda theta: np.array([function(theta[0])]), np.array([float(x)]), 0)


def measured(function, x):
    line = along(function, x)
    return slope(line, line.at(0.0), NO_NOISE)


def widened(line, found):
    """By the slopes at points nearby, as many as are ever looked at."""
    normal = lambda rng: rng.normal(size=line.theta.shape)  # noqa: E731
    return list(nearby(line, normal, 1.0, found, NO_NOISE))[-1]


@pytest.mark.parametrize(
    ("function", "derivative"),
    [(np.sin, np.cos), (np.exp, np.exp), (np.tanh, lambda x: 1 - np.tanh(x) ** 2)],
)
@given(x=st.floats(-3, 3))
def test_smooth_slope_is_right_within_its_error(function, derivative, x):
    line = along(function, x)
    first = two_steps([line], line.at(0.0), NO_NOISE)
    for found in (measured(function, x), Slope(*(array[0] for array in first))):
        assert found.low == found.high
        assert abs(found.low[0] - derivative(x)) <= 4 * found.error[0] + 2e-8 * abs(derivative(x))


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [(abs, -1, 1), (lambda x: max(x, 0), 0, 1), (lambda x: max(x, 0.1 * x), 0.1, 1)],
)
def test_at_a_kink_both_one_sided_slopes_are_given(function, low, high):
    found = widened(along(function, 0.0), measured(function, 0.0))
    assert found.low[0] == pytest.approx(low, abs=1e-9)
    assert found.high[0] == pytest.approx(high, abs=1e-9)


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-8])
def test_near_a_kink_the_steps_shrink_until_it_is_out_of_reach(distance):
    found = measured(lambda x: max(x, 0), distance)
    assert found.low[0] == found.high[0] == pytest.approx(1)


def test_bend_without_kink_is_smooth():
    def huber(x):
        return x * x / 2 if abs(x) <= 0.5 else 0.5 * (abs(x) - 0.25)

    found = measured(huber, 0.5)
    assert found.settled
    assert found.low[0] == found.high[0] == pytest.approx(0.5, abs=1e-6)


def test_jump_is_not_settled():
    assert not measured(np.sign, 0.0).settled


def test_end_of_the_domain_is_not_settled():
    with np.errstate(invalid="ignore"):
        assert not measured(np.sqrt, 0.0).settled


def test_step_that_leaves_the_domain_is_taken_smaller():
    with np.errstate(invalid="ignore", divide="ignore"):
        found = measured(np.log, 1e-4)
    assert found.low[0] == pytest.approx(1e4, rel=1e-6)


def test_median_of_equal_numbers_has_the_slopes_of_every_order():
    line = Line(lambda theta: np.array([np.median(theta)]), np.ones(3), 0)
    alone = slope(line, np.ones(1), NO_NOISE)
    assert alone.low == alone.high == 0
    wider = widened(line, alone)
    assert (wider.low[0], wider.high[0]) == pytest.approx((0, 1), abs=1e-4)


def test_jacobian_of_a_matrix_product_is_the_matrix():
    matrix = np.random.default_rng(0).normal(size=(2, 3))
    jacobian = numeric_jacobian(lambda x: matrix @ x, np.array([1.0, -2.0, 1e3]))
    np.testing.assert_allclose(jacobian, matrix, rtol=1e-8)


def test_jacobian_has_the_shape_of_the_output_and_of_the_input():
    assert numeric_jacobian(lambda x: x.sum(axis=0), np.ones((2, 3))).shape == (3, 2, 3)
    assert numeric_jacobian(lambda x: x, np.ones((0, 3))).shape == (0, 3, 0, 3)


@pytest.mark.parametrize(
    ("function", "x", "error", "words"),
    [
        (np.sign, np.zeros(1), ValueError, "do not settle"),
        (lambda x: x, np.ones(2, int), TypeError, "array of floats"),
        (lambda x: x * np.nan, np.ones(2), ValueError, "not finite"),
    ],
)
def test_jacobian_refuses_what_has_no_slope(function, x, error, words):
    with pytest.raises(error, match=words):
        numeric_jacobian(function, x)
