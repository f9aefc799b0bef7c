"""How often a classifier is right, and what it takes for what."""

from __future__ import annotations

import operator

import numpy as np
from numpy.typing import ArrayLike

from tinynet.types import Array

__all__ = ["accuracy", "confusion_matrix"]

_MOST_INFERRED_CLASSES = 1000


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """The share of examples whose predicted class is the true one, from 0 to 1.

    Args:
        predicted: scores `(N, classes)`, of which the largest counts (the first of equals), or
            classes `(N,)`.
        labels: classes `(N,)`, or targets `(N, classes)` as `one_hot` makes them.

    Raises:
        TypeError: classes that are not integers.
        ValueError: shapes that do not fit, no examples, NaN, or a class that has no column.

    Example:
        >>> accuracy([[0.1, 0.7, 0.2], [0.8, 0.1, 0.1]], [1, 2])
        0.5
    """
    predicted, labels, _ = _classes(predicted, labels)
    return float((predicted == labels).mean())


def confusion_matrix(predicted: ArrayLike, labels: ArrayLike, classes: int | None = None) -> Array:
    """How many examples of each true class (row) were taken for each class (column).

    The orientation is scikit-learn's. The diagonal counts what was right.

    Args:
        predicted: scores `(N, classes)` or classes `(N,)`, as for `accuracy`.
        labels: classes `(N,)` or targets `(N, classes)`.
        classes: number of rows and columns; by default that of the scores or targets, or one more
            than the largest class that occurs.

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
    predicted, labels, columns = _classes(predicted, labels)
    if classes is None:
        classes = columns or int(max(predicted.max(), labels.max())) + 1
        if columns is None and classes > _MOST_INFERRED_CLASSES:
            raise ValueError(
                f"A class of {classes - 1} would make a table of {classes} × {classes}: if it is "
                f"no mistake, pass classes={classes}."
            )
    if operator.index(classes) < 1:
        raise ValueError(f"confusion_matrix needs at least 1 class, got classes={classes}.")
    _check_range(predicted, "predicted", classes)
    _check_range(labels, "labels", classes)
    # wide integers first: 25 * 10 does not fit into the uint8 that labels often are
    cells = labels.astype(np.intp) * classes + predicted.astype(np.intp)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def _classes(predicted: ArrayLike, labels: ArrayLike) -> tuple[Array, Array, int | None]:
    """Both as classes `(N,)`, and the number of columns that scores or targets had."""
    p, t = np.asarray(predicted), np.asarray(labels)
    widths = {_width(p, "predicted"), _width(t, "labels")} - {None}
    if len(p) != len(t) or len(widths) > 1:
        raise ValueError(
            f"predicted has the shape {p.shape} and labels {t.shape}: both must have one row for "
            "each example, and scores as many columns as targets."
        )
    if not len(t):
        raise ValueError("predicted and labels are empty: there is nothing to count.")
    p = p.argmax(axis=1) if p.ndim == 2 else p
    t = t.argmax(axis=1) if t.ndim == 2 else t
    width = widths.pop() if widths else None
    if width is not None:
        _check_range(p, "predicted", width)
        _check_range(t, "labels", width)
    return p, t, width


def _width(array: Array, name: str) -> int | None:
    """The columns of scores, None for classes; what is neither is refused."""
    if array.ndim == 1:
        if array.dtype.kind not in "iub":
            raise TypeError(
                f"{name} of shape {array.shape} are classes, which are integers; got "
                f"{array.dtype}. Scores have the shape (N, classes)."
            )
        return None
    if array.ndim != 2:
        raise ValueError(f"{name} must be (N,) or (N, classes), got the shape {array.shape}.")
    if array.shape[1] < 2:
        raise ValueError(
            f"{name} of shape {array.shape}: one column has no largest score. For two classes "
            f"compare with a threshold first: ({name}[:, 0] > 0.5)."
        )
    missing = np.isnan(array).any(axis=1)
    if missing.any():
        raise ValueError(
            f"{name} is NaN in row {int(missing.argmax())}, so it has no largest score. Did "
            "training diverge? Try a smaller learning rate."
        )
    return int(array.shape[1])


def _check_range(array: Array, name: str, classes: int) -> None:
    wrong = (array < 0) | (array >= classes)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"With {classes} classes {name} must be 0 to {classes - 1}; row {row} is {array[row]}."
        )
