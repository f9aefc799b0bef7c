"""Measures of outputs beside targets: how often a classifier is right, how near a regression."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, softmax

from tinynet.checks import as_numbers, check_indices, integer, is_function, positive_int, real
from tinynet.text import shown
from tinynet.types import Array

__all__ = [
    "ClassScores",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "from_sklearn",
    "mean_absolute_error",
    "precision_recall_f1",
    "r2_score",
    "top_k_accuracy",
]

_MOST_INFERRED_CLASSES = 1000


def accuracy(predicted: ArrayLike, labels: ArrayLike, *, ignore_index: int | None = None) -> float:
    """The share of examples whose predicted class is the true one, from 0 to 1.

    Args:
        predicted: scores `(N, classes)`, where the largest is the prediction (the first of equal
            ones), or classes `(N,)`. Of sequences, scores `(N, steps, classes)`: each step counts.
        labels: classes `(N,)` or `(N, steps)`, or targets as `one_hot` makes them.
        ignore_index: a number that marks labels that are to be left out, as in `CrossEntropyLoss`.
            In `fit`, write `metrics={"accuracy": functools.partial(accuracy, ignore_index=-100)}`.

    Raises:
        TypeError: classes are not integers.
        ValueError: shapes do not fit, there are no examples, a value is NaN, a row of targets has
            no single largest value, or a class has no column.

    Example:
        >>> accuracy([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]], [1, 2])
        0.5
    """
    predicted, labels = _steps_as_examples(predicted, labels)
    if ignore_index is not None:
        counts = labels != integer(ignore_index, "ignore_index")
        predicted, labels = predicted[counts], labels[counts]
    predicted, labels, _ = as_classes(predicted, labels)
    return float((predicted == labels).mean())


def binary_accuracy(
    predicted: ArrayLike, labels: ArrayLike, threshold: float | None = None
) -> float:
    """The share of yes-or-no decisions that are right: those where (predicted > threshold) = label.

    It is for a network with one output, and for one with several outputs, of which any number may
    be true of an example; then every output counts as a decision. The name is that of Keras.

    Args:
        predicted: probabilities, logits or decisions, `(N,)`, `(N, 1)` or `(N, outputs)`.
        labels: 0 or 1, of the same shape; `(N,)` and `(N, 1)` mean the same.
        threshold: 0.5 for probabilities, 0 for logits. It must be given if a prediction is
            outside 0 to 1.

    Raises:
        TypeError: values that are not numbers.
        ValueError: shapes that do not fit, no examples, NaN, a label other than 0 and 1, or
            predictions outside 0 to 1 without a `threshold`.

    Example:
        >>> binary_accuracy([[0.9], [0.2], [0.6]], [1, 0, 0])
        0.666...
        >>> binary_accuracy([[2.5], [-1.0], [0.3]], [1, 0, 0], threshold=0)
        0.666...
    """
    p, t = as_numbers(predicted, "predicted"), as_numbers(labels, "labels")
    shape, other = (a.shape[:1] if a.ndim == 2 and a.shape[1] == 1 else a.shape for a in (p, t))
    if shape != other or not p.size or p.ndim > 2:
        raise ValueError(
            f"predicted has the shape {p.shape} and labels {t.shape}: both must be (N,) or (N, 1), "
            f"or both (N, outputs), with at least one example. For one of several classes, use "
            f"accuracy."
        )
    if wrong := sorted(set(np.unique(t).tolist()) - {0, 1}):
        raise ValueError(f"labels must be 0 or 1; got {shown(wrong[0])}. Compare them: labels > 0.")
    if np.isnan(p).any():
        raise ValueError("predicted holds NaN. Did training diverge? Try a smaller learning rate.")
    if threshold is None and (p.min() < 0 or p.max() > 1):
        raise ValueError(
            f"predicted goes from {p.min():g} to {p.max():g}, so these are no probabilities: pass "
            f"threshold=0 for logits, or the number above which the answer is yes."
        )
    bound = 0.5 if threshold is None else real(threshold, "threshold")
    return float(((p > bound).reshape(shape) == t.reshape(shape)).mean())


def top_k_accuracy(scores: ArrayLike, labels: ArrayLike, k: int = 5) -> float:
    """The share of examples whose true class is among the k with the largest scores.

    With k = 1 it is `accuracy`. Of equal scores the first ones count, as there.

    Args:
        scores: `(N, classes)`.
        labels: classes `(N,)`, or targets `(N, classes)` as `one_hot` makes them.
        k: from 1 to the number of classes.

    Raises:
        TypeError, ValueError: as for `accuracy`; also for classes in place of scores, and for a
            `k` outside its range.

    Example:
        >>> top_k_accuracy([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]], [2, 2], k=2)
        0.5
    """
    scores = as_numbers(scores, "scores")
    if scores.ndim != 2:
        raise ValueError(
            f"top_k_accuracy needs scores (N, classes), got the shape {scores.shape}: classes do "
            "not tell which one is second."
        )
    _, labels, _ = as_classes(scores, labels)
    classes = scores.shape[1]
    if positive_int(k, "k") > classes:
        raise ValueError(f"k must be 1 to {classes}, the number of classes; got {k}.")
    own = np.take_along_axis(scores, labels[:, np.newaxis].astype(np.intp), axis=1)
    first = np.arange(classes) < labels[:, np.newaxis]
    ahead = (scores > own) | ((scores == own) & first)
    return float((ahead.sum(axis=1) < k).mean())


def confusion_matrix(predicted: ArrayLike, labels: ArrayLike, classes: int | None = None) -> Array:
    """How many examples of each true class (row) were predicted as each class (column).

    The orientation is scikit-learn's. The diagonal counts the correct predictions.

    Args:
        predicted, labels: as for `accuracy`.
        classes: number of rows and columns; by default the number of columns of the scores or
            targets, or one more than the largest class that occurs.

    Returns:
        Integers, `(classes, classes)`.

    Raises:
        TypeError, ValueError: as for `accuracy`, and for a class outside 0 to classes − 1.

    Example:
        >>> confusion_matrix(predicted=[0, 1, 1, 2], labels=[0, 1, 2, 2])
        array([[1, 0, 0],
               [0, 1, 0],
               [0, 1, 1]])
    """
    predicted, labels, columns = as_classes(predicted, labels)
    if classes is None:
        classes = columns or 1 + int(max(predicted.max(), labels.max(), 0))
        if columns is None and classes > _MOST_INFERRED_CLASSES:
            raise ValueError(
                f"The class {classes - 1} would make a table of {classes} × {classes}. If that is "
                f"intended, pass classes={classes}."
            )
    positive_int(classes, "classes")
    check_indices("predicted", predicted, classes, "classes")
    check_indices("labels", labels, classes, "classes")
    # Labels are often uint8, which cannot hold 25 * 10 + 9.
    cells = labels.astype(np.intp) * classes + predicted.astype(np.intp)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


class ClassScores(NamedTuple):
    """Scores of a classifier, one for each class: four arrays `(classes,)`.

    Attributes:
        precision: the share of the examples predicted as the class that belong to it.
        recall: the share of the examples of the class that are predicted as it.
        f1: the harmonic mean of both.
        examples: the number of examples of the class.
    """

    precision: Array
    recall: Array
    f1: Array
    examples: Array


def precision_recall_f1(
    predicted: ArrayLike, labels: ArrayLike, classes: int | None = None
) -> ClassScores:
    """Precision TP / (TP + FP), recall TP / (TP + FN) and F1 = 2 TP / (2 TP + FP + FN) by class.

    A share of nothing, such as the precision of a class that is never predicted, is 0, as in
    scikit-learn. Its "macro" average over the classes is `.f1.mean()`.

    Args:
        predicted, labels, classes: as for `confusion_matrix`.

    Raises:
        TypeError, ValueError: as for `confusion_matrix`.

    References:
        C. J. van Rijsbergen, "Information retrieval" (1979), chapter 7.

    Example:
        >>> scores = precision_recall_f1(predicted=[0, 1, 1, 1], labels=[0, 0, 1, 1])
        >>> scores.precision, scores.recall, scores.f1
        (array([1. , 0.66666667]), array([0.5, 1. ]), array([0.66666667, 0.8 ]))
    """
    matrix = confusion_matrix(predicted, labels, classes)
    right, guessed, examples = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    f1 = _share(2 * right, guessed + examples)
    return ClassScores(_share(right, guessed), _share(right, examples), f1, examples)


def _share(part: Array, whole: Array) -> Array:
    """part / whole, and 0 of nothing."""
    return part / np.maximum(whole, 1)


def r2_score(predicted: ArrayLike, targets: ArrayLike) -> float:
    """R² = 1 − Σ (t − y)² / Σ (t − mean t)², the share of the variance that is explained.

    1 is perfect, 0 as good as the mean of the targets, and worse is negative. Of several outputs it
    is the mean of their R², as in scikit-learn.

    Args:
        predicted, targets: (N,) or (N, outputs), N at least 2.

    Raises:
        ValueError: other shapes, or a target that is the same for all examples, for which R² has no
            meaning.

    Example:
        >>> r2_score([[1.0], [2.0], [4.0]], [[1.0], [2.0], [3.0]])
        0.5
    """
    y, t = _regression(predicted, targets)
    spread = ((t - t.mean(axis=0)) ** 2).sum(axis=0)
    if len(t) < 2 or not spread.all():
        raise ValueError(
            f"targets must differ between examples for R²; got {len(t)} examples, and a column "
            f"that is constant"
        )
    return float((1 - ((t - y) ** 2).sum(axis=0) / spread).mean())


def mean_absolute_error(predicted: ArrayLike, targets: ArrayLike) -> float:
    """The mean of |y − t| over all elements, in the unit of the targets.

    Example:
        >>> mean_absolute_error([1.0, 4.0], [2.0, 2.0])
        1.5
    """
    y, t = _regression(predicted, targets)
    return float(np.abs(y - t).mean())


def _regression(predicted: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    """Both as (N, outputs) in float64."""
    y, t = as_numbers(predicted, "predicted"), as_numbers(targets, "targets")
    if y.shape != t.shape or y.ndim not in (1, 2) or not y.size:
        raise ValueError(
            f"predicted has the shape {y.shape} and targets {t.shape}: both must be (N,) or (N, "
            f"outputs), with at least one example"
        )
    y, t = (array.reshape(len(array), -1).astype(np.float64) for array in (y, t))
    return y, t


_FORMS: dict[str, Callable[[Array], Array]] = {
    "values": lambda y: y,
    "classes": lambda y: y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else y > 0,
    "probabilities": lambda y: expit(y) if y.shape[-1] == 1 else softmax(y, axis=-1),
    "score": lambda y: y.reshape(len(y)),
}


def from_sklearn(
    metric: Callable[..., float], *, of: str = "values", **options: Any
) -> Callable[[Array, Array], float]:
    """A metric of scikit-learn, or any function of (targets, predicted), as a metric for `fit`.

    scikit-learn takes the targets first, and some metrics take classes or probabilities. So this
    exchanges the arguments, and makes what the metric needs of the outputs y:

    | `of` | the metric gets | for example |
    |---|---|---|
    | `"values"` | y as it is | `r2_score`, `median_absolute_error` |
    | `"classes"` | the largest output's place; of one logit, whether it is above 0 | `f1_score` |
    | `"probabilities"` | softmax of the logits y; of one logit, its sigmoid | `log_loss` |
    | `"score"` | the single output as (N,) | `roc_auc_score`, `average_precision_score` |

    Args:
        options: are passed to the metric, such as `average="macro"`.

    Raises:
        ValueError: `of` is none of these.
        TypeError: `metric` is not a function.

    Example:
        >>> def error_rate(targets, predicted):  # written as scikit-learn writes its metrics
        ...     return np.mean(targets != predicted)
        >>> metric = from_sklearn(error_rate, of="classes")
        >>> metric.__name__, metric(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        ('error_rate', 0.5)
    """
    if not is_function(metric):
        raise TypeError(
            f"metric must be a function of targets and predictions; got {shown(metric)}"
        )
    if not isinstance(of, str) or of not in _FORMS:
        raise ValueError(f"of must be one of {', '.join(map(repr, _FORMS))}; got {shown(of)}")

    def adapted(predicted: Array, targets: Array) -> float:
        return float(metric(targets, _FORMS[of](predicted), **options))

    return functools.update_wrapper(adapted, metric, assigned=("__name__", "__doc__"), updated=())


def as_classes(predicted: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, int | None]:
    """Both as classes `(N,)`, and the number of columns of the scores or targets."""
    p, p_columns = _classes(predicted, "predicted")
    t, t_columns = _classes(labels, "labels")
    if len(p) != len(t) or (p_columns and t_columns and p_columns != t_columns):
        raise ValueError(
            f"predicted has the shape {np.shape(predicted)} and labels {np.shape(labels)}: both "
            "need one row for each example, and scores and targets need the same number of columns."
        )
    if not len(t):
        raise ValueError("predicted and labels are empty: pass at least one example.")
    if t_columns:
        _check_one_class(np.asarray(labels))
    if columns := p_columns or t_columns:
        check_indices("predicted", p, columns, "classes")
        check_indices("labels", t, columns, "classes")
    return p, t, columns


def _steps_as_examples(predicted: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Scores (N, ..., classes) and their labels with all axes but that of the classes as one."""
    p, t = as_numbers(predicted, "predicted"), as_numbers(labels, "labels")
    if p.ndim < 3 or t.shape not in (p.shape, p.shape[:-1]):
        return p, t
    rows = p.reshape(-1, p.shape[-1])
    return rows, t.reshape(rows.shape if t.ndim == p.ndim else -1)


def _check_one_class(targets: Array) -> None:
    """Refuse rows of targets that mark several classes, or none, or that are classes of steps."""
    if targets.dtype.kind in "iu" and targets.max() > 1:
        raise ValueError(
            f"labels of shape {targets.shape} must mark one class in each row, by a 1; got "
            f"{targets.max()}. If they are the classes of steps, give scores (N, steps, classes), "
            f"or both as one row: accuracy(predicted.ravel(), labels.ravel())."
        )
    marked = (targets == targets.max(axis=1, keepdims=True)).sum(axis=1)
    if marked.max() > 1:
        row = int((marked > 1).argmax())
        raise ValueError(
            f"labels must mark one class in each row; row {row} has its largest value, "
            f"{targets[row].max():g}, in {marked[row]} columns. If several classes may apply to an "
            f"example, or none, use tinynet.metrics.binary_accuracy."
        )


def _classes(values: ArrayLike, name: str) -> tuple[Array, int | None]:
    """The classes, and the number of columns if the values are scores or targets."""
    array = as_numbers(values, name)
    if array.ndim == 1:
        if array.dtype.kind not in "iub":
            raise TypeError(
                f"{name} of shape {array.shape} must be classes, so integers; got "
                f"{array.dtype}. Scores have the shape (N, classes). For decisions between yes and "
                f"no, use tinynet.metrics.binary_accuracy; {name}.astype(int) converts classes."
            )
        return array.astype(np.uint8) if array.dtype == bool else array, None
    if array.ndim != 2:
        raise ValueError(f"{name} must be (N,) or (N, classes), got the shape {array.shape}.")
    if array.shape[1] < 2:
        classes = f" If these are several classes, write {name}[:, 0]." * (array.dtype.kind in "iu")
        raise ValueError(
            f"{name} of shape {array.shape} has one column, so there is no largest score. For two "
            f"classes, use tinynet.metrics.binary_accuracy.{classes}"
        )
    missing = np.isnan(array).any(axis=1)
    if missing.any():
        raise ValueError(
            f"{name} is NaN in row {int(missing.argmax())}, so there is no largest score. Did "
            "training diverge? Try a smaller learning rate."
        )
    return array.argmax(axis=1), array.shape[1]
