"""Losses: outputs, targets and options that do not fit are refused, with what and where."""

import numpy as np
import pytest

from tinynet import (
    SGD,
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Dense,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    train,
)

REFUSALS = [
    (MSELoss(), np.zeros((3, 1)), np.zeros(3), ValueError, r"\(3, 1\) and t of shape \(3,\)"),
    (
        L1Loss(),
        np.zeros(3),
        np.zeros((3, 1)),
        ValueError,
        "must be equal and not empty. If they mean the same",
    ),
    (HuberLoss(), np.zeros((0, 2)), np.zeros((0, 2)), ValueError, "mean of nothing"),
    (L1Loss(), np.zeros(2, np.float32), np.zeros(2), TypeError, r"t.astype\(np.float32\)"),
    (
        BCELoss(),
        np.array([[0.5], [1.5]]),
        np.zeros((2, 1)),
        ValueError,
        r"y\[1, 0\] is 1.5. Is",
    ),
    (BCELoss(), np.array([-1e-9]), np.zeros(1), ValueError, r"y\[0\] is -1e-09"),
    (BCELoss(), np.array([0.5]), np.array([2.0]), ValueError, r"t\[0\] is 2. A target is"),
    (BCEWithLogitsLoss(), np.zeros(2), np.array([0.0, -1.0]), ValueError, r"t\[1\] is -1"),
    (CrossEntropyLoss(), np.zeros((2, 3)), np.array([0, 3]), ValueError, r"t\[1\] = 3: class ind"),
    (
        CrossEntropyLoss(),
        np.zeros((2, 3)),
        np.array([-1, 0]),
        ValueError,
        r"t\[0\] = -1: class ind",
    ),
    (
        CrossEntropyLoss(),
        np.zeros((2, 3)),
        np.array([0.0, 1.0]),
        TypeError,
        "t of float64: class indices are",
    ),
    (
        CrossEntropyLoss(),
        np.zeros((2, 3)),
        np.array([True, False]),
        TypeError,
        "t of bool: class indices are",
    ),
    (
        CrossEntropyLoss(),
        np.zeros((2, 3)),
        np.array(["0", "1"]),
        TypeError,
        "t of <U1: class indices are",
    ),
    (CrossEntropyLoss(), np.zeros((2, 3)), np.array([0, 1, 2]), ValueError, r"must be \(2,\)"),
    (CrossEntropyLoss(), np.zeros((2, 3)), np.array([[0], [1]]), ValueError, r"shape \(2, 1\)"),
    (CrossEntropyLoss(), np.zeros((2, 1)), np.array([0, 0]), ValueError, "BCEWithLogitsLoss"),
    (CrossEntropyLoss(), np.zeros(2), np.array([0, 1]), ValueError, r"it must be \(N, K\)"),
    (CrossEntropyLoss(), np.zeros((0, 2)), np.zeros(0, int), ValueError, "mean of nothing"),
    (
        CrossEntropyLoss(),
        *(np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, 0.6]]), ValueError),
        r"row 1 of t sums to 1.1, not 1. Divide",
    ),
    (
        CrossEntropyLoss(),
        *(np.zeros((2, 2)), np.array([[0.5, 0.5], [1.5, -0.5]]), ValueError),
        r"t\[1, 1\] = -0.5: probabilities are not negative",
    ),
    (
        CrossEntropyLoss(),
        *(np.zeros((2, 2)), np.array([[0.5, 0.5], [1.0, np.nan]]), ValueError),
        "row 1 of t sums to nan",
    ),
    (
        CrossEntropyLoss(),
        *(np.zeros((2, 2), np.float32), np.eye(2), TypeError),
        r"t.astype\(np.float32\)",
    ),
    (KLDivLoss(), np.full((2, 2), 0.5), np.eye(2), ValueError, r"y\[0, 0\] is 0.5. Is LogSoftmax"),
    (KLDivLoss(), np.zeros((2, 2)), np.ones((2, 2)), ValueError, "row 0 of t sums to 2"),
    (KLDivLoss(), np.zeros(2), np.ones(2), ValueError, r"it must be \(N, K\)"),
    (KLDivLoss(), np.zeros((2, 2)), np.array([0, 1]), ValueError, r"t of shape \(2,\)"),
]


@pytest.mark.parametrize(("loss", "y", "t", "error", "message"), REFUSALS)
def test_bad_targets_and_outputs_are_refused(loss, y, t, error, message):
    with pytest.raises(error, match=rf"{type(loss).__name__}(\(.*\))? .*{message}"):
        loss.forward(y, t)


def test_rows_may_be_off_by_the_rounding_of_their_float_type():
    for dtype, scale in ((np.float32, 1 + 5e-6), (np.float64, 1 + 5e-7)):
        t = np.full((2, 3), scale / 3, dtype)
        assert CrossEntropyLoss().forward(np.zeros((2, 3), dtype), t) > 0
        with pytest.raises(ValueError, match="row 0 of t sums to"):
            CrossEntropyLoss().forward(np.zeros((2, 3), dtype), t + dtype(1e-4))


@pytest.mark.parametrize("delta", [0, -1.0, np.nan, np.inf])
def test_a_delta_that_is_not_positive_is_refused(delta):
    with pytest.raises(ValueError, match="delta must be a positive finite number"):
        HuberLoss(delta)


@pytest.mark.parametrize("smoothing", [-0.1, 1, 1.5, np.nan])
def test_smoothing_outside_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be a number in \[0, 1\)"):
        CrossEntropyLoss(label_smoothing=smoothing)


@pytest.mark.parametrize(
    "make",
    [lambda: HuberLoss("1"), lambda: CrossEntropyLoss(True)],
    ids=["HuberLoss", "CrossEntropyLoss"],
)
def test_an_option_that_is_no_number_is_refused(make):
    with pytest.raises(TypeError, match=r"must be a .*number"):
        make()


def test_one_wrong_class_is_found_before_training_changes_anything():
    net, x, t = Dense(2, 3, rng=0), np.ones((5000, 2)), np.zeros(5000, int)
    t[4321] = 3
    before = net.params.copy()
    with pytest.raises(ValueError, match=r"t\[4321\] = 3: class ind"):
        train(net, CrossEntropyLoss(), SGD(net, lr=1.0), x, t, epochs=1)
    np.testing.assert_array_equal(net.params, before)
