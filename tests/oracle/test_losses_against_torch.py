"""Losses against PyTorch's, in float64: values and gradients agree to 1e-10."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from tinynet import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
)

SHAPES = [(1, 2), (2, 3), (7, 5), (32, 10), (64, 100)]


def compare(ours, theirs, y, t):
    """Value and dL/dy, to 1e-10 of the larger of both and of 1."""
    value = ours.forward(y, t)
    logits = torch.tensor(y, requires_grad=True)
    target = torch.tensor(t.astype(np.int64) if t.dtype.kind == "i" else t)
    expected = theirs(logits, target)
    expected.backward()
    assert value == pytest.approx(expected.item(), rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(ours.backward(), logits.grad.numpy(), rtol=1e-10, atol=1e-10)


def numbers(shape, scale, seed=0):
    return scale * np.random.default_rng([seed, *shape]).normal(size=shape)


@pytest.mark.parametrize("shape", [*SHAPES, (5,), (2, 3, 4)])
@pytest.mark.parametrize("scale", [0.1, 1, 100])
class TestNumbers:
    def test_mse(self, shape, scale):
        compare(MSELoss(), torch.nn.MSELoss(), numbers(shape, scale), numbers(shape, scale, 1))

    def test_l1(self, shape, scale):
        compare(L1Loss(), torch.nn.L1Loss(), numbers(shape, scale), numbers(shape, scale, 1))

    @pytest.mark.parametrize("delta", [0.05, 1.0, 30.0])
    def test_huber(self, shape, scale, delta):
        theirs = torch.nn.HuberLoss(delta=delta)
        compare(HuberLoss(delta), theirs, numbers(shape, scale), numbers(shape, scale, 1))

    def test_bce_with_logits(self, shape, scale):
        for t in (expit(numbers(shape, 2, 1)), (numbers(shape, 1, 2) > 0).astype(float)):
            compare(BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss(), numbers(shape, scale), t)

    def test_bce(self, shape, scale):
        y = expit(np.clip(numbers(shape, scale), -20, 20))
        for t in (expit(numbers(shape, 2, 1)), (numbers(shape, 1, 2) > 0).astype(float)):
            compare(BCELoss(), torch.nn.BCELoss(), y, t)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [0.1, 1, 100])
class TestClasses:
    @pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
    def test_cross_entropy_with_class_indices(self, shape, scale, smoothing):
        t = np.random.default_rng(1).integers(0, shape[1], shape[0])
        theirs = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        compare(CrossEntropyLoss(smoothing), theirs, numbers(shape, scale), t)

    @pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
    def test_cross_entropy_with_rows_of_probabilities(self, shape, scale, smoothing):
        t = softmax(numbers(shape, 2, 1), axis=1)
        theirs = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        compare(CrossEntropyLoss(smoothing), theirs, numbers(shape, scale), t)

    def test_kl_divergence(self, shape, scale):
        """Ours is PyTorch's reduction="batchmean"; its default divides by K as well."""
        y, t = log_softmax(numbers(shape, scale), axis=1), softmax(numbers(shape, 2, 1), axis=1)
        t[0] = np.eye(shape[1])[0]
        compare(KLDivLoss(), torch.nn.KLDivLoss(reduction="batchmean"), y, t)
        mean = torch.nn.KLDivLoss(reduction="mean")
        with pytest.warns(UserWarning, match="batchmean"):
            value = mean(torch.tensor(y), torch.tensor(t)).item()
        assert KLDivLoss().forward(y, t) == pytest.approx(value * shape[1], rel=1e-10)


WEIGHTS = np.array([0.5, 3.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize("ignore", [None, -100, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(40, 5), (6, 7, 5), (3, 4, 2, 5)])
def test_cross_entropy_of_steps_with_class_weights_and_an_ignored_index(
    shape, smoothing, ignore, weight
):
    rng = np.random.default_rng(0)
    t = rng.integers(0, 5, shape[:-1])
    if ignore is not None:
        t[rng.random(t.shape) < 0.3] = ignore
    ours = CrossEntropyLoss(smoothing, weight=weight, ignore_index=ignore)
    theirs = torch.nn.CrossEntropyLoss(
        None if weight is None else torch.tensor(weight),
        ignore_index=-100 if ignore is None else ignore,
        label_smoothing=smoothing,
    )
    compare(ours, lambda y, t: theirs(torch.movedim(y, -1, 1), t), numbers(shape, 3), t)
    if ignore == 3:  # which PyTorch refuses for rows
        return
    rows = softmax(numbers(shape, 2, 1), axis=-1)
    t = torch.movedim(torch.tensor(rows), -1, 1)
    compare(ours, lambda y, _: theirs(torch.movedim(y, -1, 1), t), numbers(shape, 3), rows)


@pytest.mark.parametrize("size", [1000.0, 1e6])
def test_logits_far_out(size):
    y = np.array([[size, -size, 0.0], [-size, size, size]])
    compare(CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), y, np.array([1, 2]))
    t = np.array([[1.0, 1.0, 0.5], [0.0, 0.25, 1.0]])
    compare(BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss(), y, t)


def test_saturated_bce_is_another_convention():
    """PyTorch stops the logarithm at −100, we go on along its tangent at 1e-12: both finite."""
    y, t = np.array([0.0]), np.array([1.0])
    assert torch.nn.BCELoss()(torch.tensor(y), torch.tensor(t)).item() == 100
    assert BCELoss().forward(y, t) == pytest.approx(1 + 12 * np.log(10))
    logits = torch.tensor(y, requires_grad=True)
    torch.nn.BCELoss()(logits, torch.tensor(t)).backward()
    loss = BCELoss()
    loss.forward(y, t)
    np.testing.assert_allclose(loss.backward(), logits.grad.numpy())


@pytest.mark.parametrize("weight", [3.0, [0.5, 2.0, 4.0]])
def test_pos_weight(weight):
    y, t = numbers((7, 3), 1), np.random.default_rng(1).uniform(size=(7, 3))
    theirs = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight, dtype=torch.float64))
    compare(BCEWithLogitsLoss(pos_weight=weight), theirs, y, t)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MSELoss(), torch.nn.MSELoss),
        (L1Loss(), torch.nn.L1Loss),
        (HuberLoss(1.0), torch.nn.HuberLoss),
        (BCEWithLogitsLoss(), torch.nn.BCEWithLogitsLoss),
    ],
    ids=repr,
)
def test_weights_of_examples(ours, theirs):
    y, t = numbers((7, 3), 1), np.random.default_rng(1).uniform(size=(7, 3))
    weights = np.random.default_rng(2).uniform(size=7)
    leaf = torch.tensor(y, requires_grad=True)
    each = theirs(reduction="none")(leaf, torch.tensor(t)).mean(dim=1)
    np.testing.assert_allclose(ours.per_example(y, t), each.detach().numpy(), rtol=1e-12)
    w = torch.tensor(weights)
    value = (w * each).sum() / w.sum()
    value.backward()
    assert ours.forward_weighted(y, t, weights) == pytest.approx(value.item(), rel=1e-12)
    np.testing.assert_allclose(ours.backward(), leaf.grad.numpy(), rtol=1e-10, atol=1e-15)


def test_losses_of_examples_with_class_weights():
    y, t = numbers((7, 3), 1), np.array([0, 1, 2, 2, 1, 0, -100])
    weight = [0.5, 2.0, 4.0]
    ours = CrossEntropyLoss(0.1, weight=weight, ignore_index=-100)
    theirs = torch.nn.CrossEntropyLoss(
        label_smoothing=0.1, weight=torch.tensor(weight, dtype=torch.float64), reduction="none"
    )
    expected = theirs(torch.tensor(y), torch.tensor(t)).numpy()
    np.testing.assert_allclose(ours.per_example(y, t), expected, rtol=1e-12)
