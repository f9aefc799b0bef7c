"""Losses: the mean that the docstring states, the gradient of that mean, and clear refusals."""

import math

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax

from tinynet import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
)
from tinynet.losses import binary

LOSSES = {
    "mse": MSELoss(),
    "l1": L1Loss(),
    "huber": HuberLoss(0.7),
    "bce": BCELoss(),
    "logits": BCEWithLogitsLoss(),
    "classes": CrossEntropyLoss(),
    "rows": CrossEntropyLoss(),
    "smoothed": CrossEntropyLoss(label_smoothing=0.2),
    "kl": KLDivLoss(),
}


def arguments(name, dtype=np.float64, shape=(6, 4)):
    """Outputs and targets that the loss of that name takes."""
    rng = np.random.default_rng(7)
    y = rng.normal(size=shape)
    rows = softmax(rng.normal(size=shape), axis=1)
    match name:
        case "bce":
            y, t = expit(y), rng.uniform(size=shape)
        case "logits":
            t = rng.uniform(size=shape)
        case "classes" | "smoothed":
            return y.astype(dtype), rng.integers(0, shape[1], shape[0])
        case "rows":
            t = rows
        case "kl":
            y, t = log_softmax(y, axis=1), rows
        case _:
            t = rng.normal(size=shape)
    return y.astype(dtype), t.astype(dtype)


@pytest.mark.parametrize("name", LOSSES)
def test_the_value_is_a_python_float_in_both_float_types(name):
    for dtype in (np.float32, np.float64):
        assert type(LOSSES[name].forward(*arguments(name, dtype))) is float


@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_does_not_depend_on_the_number_of_examples(name):
    loss, (y, t) = LOSSES[name], arguments(name)
    value = loss.forward(y, t)
    gradient = loss.backward()
    assert loss.forward(np.tile(y, (3, 1)), np.concatenate([t] * 3)) == pytest.approx(value)
    np.testing.assert_allclose(loss.backward()[:6], gradient / 3)


def test_a_loss_prints_as_it_was_made():
    assert repr(HuberLoss(0.7)) == "HuberLoss(0.7)"
    assert repr(CrossEntropyLoss(label_smoothing=0.1)) == "CrossEntropyLoss(label_smoothing=0.1)"


def test_known_values():
    y, t = np.array([[0.0, 3.0]]), np.array([[2.0, 2.0]])
    assert MSELoss().forward(y, t) == 2.5
    assert L1Loss().forward(y, t) == 1.5
    assert HuberLoss(1.0).forward(y, t) == (1.5 + 0.5) / 2
    assert HuberLoss(1e9).forward(y, t) == MSELoss().forward(y, t) / 2
    half = np.full((3, 2), 0.5)
    assert BCELoss().forward(half, np.eye(3)[:, :2]) == pytest.approx(math.log(2))
    assert BCEWithLogitsLoss().forward(0 * half, np.eye(3)[:, :2]) == pytest.approx(math.log(2))
    # K equal logits: log K, whatever the target and the smoothing
    for smoothing in (0, 0.1, 0.9):
        loss = CrossEntropyLoss(label_smoothing=smoothing)
        assert loss.forward(np.full((2, 10), 3.0), np.array([0, 9])) == pytest.approx(math.log(10))
    # Goodfellow et al., "Deep Learning", equation 3.50: the divergence of equals is 0
    rows = np.array([[0.25, 0.75], [0.0, 1.0]])
    assert KLDivLoss().forward(np.log(np.maximum(rows, 1e-300)), rows) == pytest.approx(0)
    # Cover and Thomas, "Elements of Information Theory", example 2.3.1, with r = 1/2, s = 1/4
    divergence = KLDivLoss().forward(np.log([[0.75, 0.25]]), np.array([[0.5, 0.5]]))
    assert divergence / math.log(2) == pytest.approx(1 - math.log2(3) / 2)


def test_bce_with_logits_is_bce_after_the_sigmoid():
    y, t = arguments("logits")
    expected = BCELoss().forward(expit(y), t)
    assert BCEWithLogitsLoss().forward(y, t) == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_of_a_class_is_that_of_its_row_and_the_divergence_from_it():
    y, t = arguments("classes")
    rows = np.eye(4)[t]
    expected = CrossEntropyLoss().forward(y, t)
    assert CrossEntropyLoss().forward(y, rows) == pytest.approx(expected, rel=1e-14)
    assert KLDivLoss().forward(log_softmax(y, axis=1), rows) == pytest.approx(expected, rel=1e-14)
    for dtype in (np.uint8, np.int8, np.uint64):
        assert CrossEntropyLoss().forward(y, t.astype(dtype)) == expected
    assert CrossEntropyLoss().forward(y, rows.astype(bool)) == pytest.approx(expected, rel=1e-14)


def test_label_smoothing_mixes_the_target_with_the_uniform_distribution():
    y, t = arguments("smoothed")
    rows = 0.8 * np.eye(4)[t] + 0.2 / 4
    expected = CrossEntropyLoss().forward(y, rows)
    for target in (t, np.eye(4)[t]):
        value = CrossEntropyLoss(label_smoothing=0.2).forward(y, target)
        assert value == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("loss", "y", "t", "value", "gradient"),
    [
        (BCEWithLogitsLoss(), [[1000, -1000]], [[1.0, 0.0]], 0, [[0, 0]]),
        (BCEWithLogitsLoss(), [[1000, -1000]], [[0.0, 1.0]], 1000, [[0.5, -0.5]]),
        (CrossEntropyLoss(), [[1000, -1000]], [0], 0, [[0, 0]]),
        (CrossEntropyLoss(), [[1000, -1000]], [1], 2000, [[1, -1]]),
        (CrossEntropyLoss(), [[0, 0, -1e9]], [0], math.log(2), [[-0.5, 0.5, 0]]),
        (KLDivLoss(), [[0, -1000]], [[0.0, 1.0]], 1000, [[0, -1]]),
        (BCELoss(), [[1, 0]], [[1.0, 0.0]], 0, None),
        (BCELoss(), [[1, 0]], [[0.0, 1.0]], 1 - math.log(1e-12), [[5e11, -5e11]]),
        (HuberLoss(), [[1e6, -1e6]], [[0.0, 0.0]], 1e6 - 0.5, [[0.5, -0.5]]),
        (L1Loss(), [[1e6, -1e6]], [[0.0, 0.0]], 1e6, [[0.5, -0.5]]),
    ],
)
def test_saturated_outputs_have_finite_values_and_gradients(loss, y, t, value, gradient, dtype):
    t = np.asarray(t)
    t = t.astype(dtype) if t.dtype.kind == "f" else t
    assert loss.forward(np.asarray(y, dtype), t) == pytest.approx(value, rel=1e-6)
    assert np.isfinite(loss.backward()).all()
    if gradient is not None:
        np.testing.assert_allclose(loss.backward(), gradient, rtol=1e-6)


def test_small_losses_keep_their_digits():
    value = BCEWithLogitsLoss().forward(np.array([40.0]), np.array([1.0]))
    assert value == pytest.approx(math.exp(-40), rel=1e-12)
    value = CrossEntropyLoss().forward(np.array([[3.0, 0.0, -1.0]]), np.array([0]))
    assert value == pytest.approx(logsumexp([3.0, 0.0, -1.0]) - 3.0, rel=1e-12)


def test_the_gradient_of_bce_is_exact_where_the_logarithm_goes_on_as_its_tangent():
    loss, p = BCELoss(), binary._SMALLEST
    for y in (p / 4, p / 2):
        step, t = p / 8, np.ones(1)
        up, down = (loss.forward(np.array([y + sign * step]), t) for sign in (1, -1))
        loss.forward(np.array([y]), t)
        assert (up - down) / (2 * step) == pytest.approx(loss.backward()[0], rel=1e-3)


@pytest.mark.parametrize("name", ["bce", "logits", "classes", "rows", "kl"])
def test_nan_outputs_pass_as_a_loss_that_is_not_finite(name):
    """So that training reports divergence, and not a rule that the data broke."""
    y, t = arguments(name)
    y[1, 1] = np.nan
    assert math.isnan(LOSSES[name].forward(y, t))


@pytest.mark.parametrize("name", LOSSES)
def test_backward_before_forward_is_refused_by_name(name):
    loss = type(LOSSES[name])()
    with pytest.raises(RuntimeError, match=f"{type(loss).__name__} has no _"):
        loss.backward()


def test_a_loss_of_ones_own_is_checked_written_and_copied_like_the_others():
    class Pinball(Loss):
        """Mean of the quantile loss."""

        def __init__(self, quantile):
            self.quantile = quantile

        def forward(self, y, t):
            self._d = t - y
            return np.maximum(self.quantile * self._d, (self.quantile - 1) * self._d).mean()

        def backward(self):
            return np.where(self._d > 0, -self.quantile, 1 - self.quantile) / self._d.size

    loss = Pinball(0.9)
    assert repr(loss) == "Pinball(0.9)"
    assert loss.forward(np.array([0.0, 2.0]), np.array([1.0, 1.0])) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="Pinball got y of shape"):
        loss.forward(np.zeros(2), np.zeros(3))


def test_labels_where_targets_belong_get_the_mend():
    y, labels = np.ones((4, 10)), np.arange(4)
    for t in (labels, labels[:, np.newaxis]):
        with pytest.raises(ValueError, match=r"Are these labels\? tinynet\.data\.one_hot\(t, 10\)"):
            MSELoss().forward(y, t)


def test_a_loss_that_returns_an_array_is_told_so():
    class Forgetful(Loss):
        def forward(self, y, t):
            return (y - t) ** 2

    with pytest.raises(
        TypeError, match=r"must return one number.*\(4, 3\)\. Did you forget \.mean"
    ):
        Forgetful().forward(np.ones((4, 3)), np.zeros((4, 3)))


@pytest.mark.parametrize("loss", [MSELoss(), L1Loss(), HuberLoss()], ids=repr)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64])
def test_ints_do_not_wrap(loss, dtype):
    y, t = np.array([[3, 5]], dtype), np.array([[5, 100]], dtype)
    expected = loss.forward(y.astype(float), t.astype(float))
    gradient = loss.backward()
    assert loss.forward(y, t) == expected
    np.testing.assert_array_equal(loss.backward(), gradient)
    assert loss.forward(y.astype(float), t) == expected
