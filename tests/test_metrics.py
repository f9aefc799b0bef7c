"""Metrics: counted as by hand, and no silent broadcast."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import one_hot
from tinynet.metrics import (
    accuracy,
    confusion_matrix,
    from_sklearn,
    mean_absolute_error,
    precision_recall_f1,
    r2_score,
    top_k_accuracy,
)

CLASSES = 10
LABELS = hnp.arrays(
    st.sampled_from([np.uint8, np.int8, np.int64, np.uint64]),
    st.shared(st.integers(1, 30), key="examples"),
    elements=st.integers(0, CLASSES - 1),
)


@given(predicted=LABELS, labels=LABELS)
def test_accuracy_is_the_share_that_agrees_in_whichever_form(predicted, labels):
    expected = sum(map(int.__eq__, predicted.tolist(), labels.tolist())) / len(labels)
    for p in (predicted, one_hot(predicted, CLASSES)):
        for t in (labels, one_hot(labels, CLASSES)):
            assert accuracy(p, t) == pytest.approx(expected)
    assert type(accuracy(predicted, labels)) is float


@given(predicted=LABELS, labels=LABELS)
def test_confusion_counts_true_classes_down_and_predicted_across(predicted, labels):
    expected = np.zeros((CLASSES, CLASSES), int)
    for p, t in zip(predicted.tolist(), labels.tolist(), strict=True):
        expected[t, p] += 1
    for matrix in (
        confusion_matrix(predicted, labels, CLASSES),
        confusion_matrix(one_hot(predicted, CLASSES), labels),
        confusion_matrix(predicted, one_hot(labels, CLASSES)),
    ):
        np.testing.assert_array_equal(matrix, expected)
    assert np.trace(expected) / len(labels) == pytest.approx(accuracy(predicted, labels))


def test_small_label_types_do_not_overflow():
    labels = np.array([99, 0], np.uint8)
    assert confusion_matrix(labels, labels)[99, 99] == 1


def test_classes_default_to_the_largest_that_occurs():
    assert confusion_matrix([0, 3], [1, 0]).shape == (4, 4)


def test_the_first_of_equal_scores_counts():
    assert accuracy([[0.5, 0.5]], [0]) == 1.0


def test_infinite_scores_have_an_order():
    assert accuracy([[-np.inf, 0.0], [np.inf, 0.0]], [1, 0]) == 1.0


@pytest.mark.parametrize("metric", [accuracy, confusion_matrix, precision_recall_f1])
@pytest.mark.parametrize(
    ("predicted", "labels", "error", "message"),
    [
        ([0, 1], [0, 1, 2], ValueError, r"shape \(2,\) and labels \(3,\)"),
        ([0], [0, 1], ValueError, "one row for each example"),
        (np.eye(3), np.eye(4)[:3], ValueError, "need the same number of columns"),
        ([[0.2], [0.7]], [0, 1], ValueError, r"has one column, .*binary_accuracy"),
        ([[0, 1]], [[1]], ValueError, r"labels of shape \(1, 1\)"),
        (np.zeros((0, 3)), np.zeros(0, int), ValueError, "empty"),
        (np.zeros((1, 2, 2)), [0], ValueError, r"\(N, classes\), got the shape \(1, 2, 2\)"),
        (1, 1, ValueError, r"got the shape \(\)"),
        ([[0, 1], [np.nan, 1]], [1, 1], ValueError, "predicted is NaN in row 1"),
        ([0.5, 1], [0, 1], TypeError, "so integers; got float64. Scores have the shape"),
        ([0, 1], ["0", "1"], TypeError, "labels .* got <U1"),
        (np.eye(2), [0, 2], ValueError, r"labels\[1\] = 2: classes go from 0 to 1"),
        (np.eye(2), [0, -1], ValueError, r"labels\[1\] = -1: classes go from 0 to 1"),
    ],
)
def test_bad_input_is_refused(metric, predicted, labels, error, message):
    with pytest.raises(error, match=message):
        metric(predicted, labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 3], [0, 1], 3), r"predicted\[1\] = 3: classes go from 0 to 2"),
        (([0, 1], [0, -1]), r"labels\[1\] = -1: classes go from 0 to 1"),
        (([0], [0], 0), "classes must be a positive int; got 0"),
        (([-1], [-1]), r"predicted\[0\] = -1: classes go from 0 to 0"),
        (([0], [2**40]), f"pass classes={2**40 + 1}"),
    ],
)
def test_classes_outside_the_table_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(*arguments)


SCORES = st.shared(st.integers(1, 30), key="examples").flatmap(
    lambda examples: hnp.arrays(float, (examples, CLASSES), elements=st.integers(-3, 3))
)


@given(scores=SCORES, labels=LABELS)
def test_top_k_counts_the_classes_that_come_first_in_a_stable_sort(scores, labels):
    order = np.argsort(-scores, axis=1, kind="stable")
    for k in (1, 3, CLASSES):
        expected = np.mean([t in row[:k] for t, row in zip(labels, order, strict=True)])
        for t in (labels, one_hot(labels, CLASSES)):
            assert top_k_accuracy(scores, t, k) == pytest.approx(expected)
    assert top_k_accuracy(scores, labels, 1) == accuracy(scores, labels)
    assert top_k_accuracy(scores, labels, CLASSES) == 1.0


@given(predicted=LABELS, labels=LABELS)
def test_precision_recall_and_f1_are_counted_by_class(predicted, labels):
    scores = precision_recall_f1(predicted, labels, CLASSES)
    for k in range(CLASSES):
        hits = sum(p == t == k for p, t in zip(predicted, labels, strict=True))
        guessed, real = (predicted == k).sum(), (labels == k).sum()
        precision, recall = hits / guessed if guessed else 0, hits / real if real else 0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0
        found = scores.precision[k], scores.recall[k], scores.f1[k], scores.examples[k]
        assert found == pytest.approx((precision, recall, f1, real))


def test_precision_recall_and_f1_by_hand():
    """Van Rijsbergen's table: 3 right of 4 guessed, 3 found of 6."""
    predicted = [1, 1, 1, 1, 0, 0, 0, 0]
    labels = [1, 1, 1, 0, 1, 1, 1, 0]
    scores = precision_recall_f1(predicted, labels)
    assert scores.precision[1] == 0.75
    assert scores.recall[1] == 0.5
    assert scores.f1[1] == pytest.approx(0.6)
    assert scores.examples.tolist() == [2, 6]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0, 1], [0, 1]), ValueError, r"needs scores \(N, classes\), got the shape \(2,\)"),
        ((np.eye(3), [0, 1, 2], 0), ValueError, "k must be a positive int; got 0"),
        ((np.eye(3), [0, 1, 2], 4), ValueError, "k must be 1 to 3, the number of classes; got 4"),
        ((np.eye(3), [0, 1, 3], 1), ValueError, r"labels\[2\] = 3"),
        ((np.eye(3), [0, 1], 1), ValueError, "one row for each example"),
        ((np.eye(3), [0.0, 1.0, 2.0], 1), TypeError, "integers; got float64"),
        ((np.eye(3), [0, 1, 2], 1.5), TypeError, "k must be a positive int"),
    ],
)
def test_top_k_of_what_has_no_order_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        top_k_accuracy(*arguments)


def test_each_step_of_a_sequence_is_an_example():
    scores = np.random.default_rng(0).normal(size=(4, 5, 3))
    labels = np.random.default_rng(1).integers(0, 3, (4, 5))
    wanted = (scores.argmax(axis=2) == labels).mean()
    assert accuracy(scores, labels) == wanted
    assert accuracy(scores, np.eye(3)[labels]) == wanted
    counts = labels != 2
    wanted = (scores.argmax(axis=2) == labels)[counts].mean()
    assert accuracy(scores, labels, ignore_index=2) == wanted
    assert accuracy(scores, np.where(counts, labels, -100), ignore_index=-100) == wanted
    assert accuracy([0, 1, 1], [0, -1, 0], ignore_index=-1) == 0.5


def test_classes_of_steps_are_not_taken_for_scores():
    labels = np.random.default_rng(0).permuted(np.tile(np.arange(6), (20, 1)), axis=1)
    for metric in (accuracy, confusion_matrix, precision_recall_f1):
        with pytest.raises(ValueError, match=r"must mark one class in each row, by a 1; got 5"):
            metric(labels[::-1], labels)


def test_regression_metrics_against_their_definitions():
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    expected = [
        1 - ((t[:, k] - y[:, k]) ** 2).sum() / ((t[:, k] - t[:, k].mean()) ** 2).sum()
        for k in range(3)
    ]
    assert r2_score(y, t) == pytest.approx(np.mean(expected), rel=1e-12)
    assert r2_score(y[:, 0], t[:, 0]) == pytest.approx(expected[0], rel=1e-12)
    assert r2_score(t, t) == 1
    assert r2_score(np.full(4, 2.5), [1, 2, 3, 4]) == 0
    assert mean_absolute_error(y, t) == pytest.approx(abs(y - t).mean(), rel=1e-12)


@pytest.mark.parametrize("metric", [r2_score, mean_absolute_error])
@pytest.mark.parametrize(
    ("y", "t"), [([1.0, 2.0], [[1.0], [2.0]]), ([], []), ([[[1.0]]], [[[1.0]]])]
)
def test_regression_metrics_refuse_shapes_that_do_not_fit(metric, y, t):
    with pytest.raises(ValueError, match=r"both must be \(N,\) or \(N, outputs\)"):
        metric(y, t)


@pytest.mark.parametrize("t", [[3.0], [2.0, 2.0], [[1.0, 5.0], [2.0, 5.0]]])
def test_r2_of_constant_targets_has_no_meaning(t):
    with pytest.raises(ValueError, match="targets must differ between examples"):
        r2_score(t, t)


def test_metrics_of_scikit_learn_get_what_they_take():
    def record(targets, predicted, **options):
        record.seen = targets, predicted, options
        return np.float64(2)

    logits = np.array([[0.0, 1.0], [2.0, -1.0]])
    labels = np.array([1, 0])
    for of, expected in [
        ("values", logits),
        ("classes", [1, 0]),
        ("probabilities", np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)),
    ]:
        metric = from_sklearn(record, of=of, average="macro")
        assert metric.__name__ == "record"
        value = metric(logits, labels)
        assert type(value) is float
        assert value == 2
        targets, predicted, options = record.seen
        assert targets is labels
        np.testing.assert_allclose(predicted, expected)
        assert options == {"average": "macro"}
    from_sklearn(record, of="score")(np.array([[0.5], [-2.0]]), labels)
    np.testing.assert_array_equal(record.seen[1], [0.5, -2.0])
    from_sklearn(record, of="classes")(np.array([[0.5], [-2.0]]), labels)
    np.testing.assert_array_equal(record.seen[1].ravel(), [True, False])
    from_sklearn(record, of="probabilities")(np.array([[0.0], [1000.0]]), labels)
    np.testing.assert_array_equal(record.seen[1].ravel(), [0.5, 1])
    with pytest.raises(ValueError, match="of must be one of 'values', 'classes'"):
        from_sklearn(record, of="labels")
    with pytest.raises(TypeError, match="metric must be a function"):
        from_sklearn("f1")
