"""Pictures of which classes are confused."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers
from tinynet.metrics import confusion_matrix
from tinynet.plot.drawing import Axes, axes_for

_MOST_NUMBERS = 20  # classes up to which a confusion matrix has room for its counts


def confusion(
    matrix: ArrayLike, labels: ArrayLike | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw a confusion matrix: true classes down, predicted classes across.

    The shade is the share of the true class, on a square-root scale, so that rare mistakes can be
    seen. Up to 20 classes the counts are printed, except 0.

    Args:
        matrix: counts `(classes, classes)`, as `tinynet.metrics.confusion_matrix` makes them; or,
            with `labels`, the scores or predicted classes that it is made of.
        labels: true classes `(N,)`, or targets `(N, classes)`.

    Raises:
        ValueError: the matrix is not square, or its counts are negative, not finite or all 0.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = confusion([[8, 2], [1, 9]], ax=Figure().subplots())
        >>> ax.get_title()
        'Confusion matrix: 85.0 % correct'
    """
    counts = as_numbers(matrix, "matrix")
    if labels is not None:
        counts = confusion_matrix(counts, labels)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(
            f"matrix must be (classes, classes), got {counts.shape}. If these are scores or "
            f"predicted classes, pass the labels too: confusion(scores, labels)."
        )
    if not np.isfinite(counts).all() or (counts < 0).any() or not counts.any():
        raise ValueError("matrix must hold counts: finite, none negative, not all zero.")
    classes = len(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    ax = axes_for(ax, (6.0, 5.6))
    picture = ax.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    if classes <= _MOST_NUMBERS:
        size = 8 if classes <= 12 else 6
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
        for true, predicted in np.argwhere(counts):
            color = "white" if share[true, predicted] > 0.3 else "black"
            ax.text(predicted, true, f"{counts[true, predicted]:g}", color=color, **style)
        ax.set_xticks(range(classes))
        ax.set_yticks(range(classes))
    else:
        bar = ax.figure.colorbar(picture, ax=ax, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.3, 1]))
        bar.ax.set_yticklabels(["0 %", "1 %", "10 %", "30 %", "100 %"])
        bar.set_label("Share of the true class")
    correct = 100 * np.trace(counts) / counts.sum()
    ax.set_title(f"Confusion matrix: {correct:.1f} % correct")
    ax.set(xlabel="Predicted class", ylabel="True class")
    return ax
