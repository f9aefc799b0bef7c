"""Pictures of what an attention looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import as_numbers, listed
from tinynet.plot.drawing import Axes, axes_for, check_count
from tinynet.types import Array

_MOST_HEADS = 16
_ROUNDING = 0.02  # of a sum of weights, also of printed ones, such as 0.33, 0.33, 0.33
_GAP = 0.04  # between heads, in widths


def attention(
    weights: ArrayLike,
    *,
    labels: Sequence[object] | Array | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw attention weights: the step that looks down, the steps that it looks at across.

    The darker, the larger the weight, from 0 to the largest of all. Heads are drawn side by side,
    on one scale.

    Args:
        weights: `(T, T)`, or `(heads, T, T)`; each row holds the weights of one step, the softmax
            of its scores, and sums to 1; a row of zeros is that of a step that may look at none.
        labels: one for each of the T steps, for instance its word.

    Raises:
        ValueError: the weights have another shape, are negative or not finite, a row does not sum
            to 1, there are more than 16 heads, or not one label for each step.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = attention([[1, 0], [0.3, 0.7]], labels=["the", "cat"], ax=Figure().subplots())
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['the', 'cat']
    """
    values = _checked(weights)
    heads, steps, _ = values.shape
    names = None if labels is None else [str(label) for label in listed(labels, "labels")]
    if names is not None and len(names) != steps:
        raise ValueError(f"{steps} steps need {steps} labels, got {len(names)}.")
    apart = (1 + _GAP) * steps
    side = min(max(steps * (0.12 if names is None else 0.25), 2.2), 8.0, 16.0 / heads)
    ax = axes_for(ax, (max(side * (1 + _GAP) * heads + 1.8, 4.2), side + 1.4))
    limit = float(values.max())
    for head, image in enumerate(values):
        left = head * apart - 0.5
        extent = (left, left + steps, steps - 0.5, -0.5)
        picture = ax.imshow(
            image, cmap="Blues", vmin=0, vmax=limit, extent=extent, interpolation="nearest"
        )
        if np.ndim(weights) == 3:
            style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": "small"}
            place = (left + steps / 2, -0.5)
            ax.annotate(f"Head {head}", place, (0, 2), textcoords="offset points", **style)
    right = (heads - 1) * apart + steps - 0.5
    ax.set(xlim=(-0.5, right), ylim=(steps - 0.5, -0.5), xlabel="Looks at", ylabel="Step")
    ticks = range(0, steps, 1 if names else math.ceil(steps * min(heads, 4) / 16))
    texts = names or [str(step) for step in range(steps)]
    ax.set_yticks(ticks, [texts[step] for step in ticks])
    ax.set_xticks(
        [head * apart + step for head in range(heads) for step in ticks],
        [texts[step] for step in ticks] * heads,
        rotation=90 if names else 0,
    )
    ax.spines[:].set_visible(False)
    ax.set_facecolor("0.8")  # between heads
    ax.figure.colorbar(picture, ax=ax, label="Weight", shrink=0.8)
    if np.ndim(weights) == 3:
        ax.set_title(f"Attention weights of {heads} head{'s' * (heads > 1)}", pad=18)
    else:
        ax.set_title("Attention weights")
    return ax


def _checked(weights: ArrayLike) -> Array:
    """The weights as (heads, T, T), if they are such."""
    values = as_numbers(weights, "weights").astype(float)
    if values.ndim not in (2, 3) or values.shape[-1] != values.shape[-2] or not values.shape[-1]:
        hint = " Select one example, weights[0]." if values.ndim == 4 else ""
        raise ValueError(f"weights must be (T, T) or (heads, T, T), got {values.shape}.{hint}")
    values = values.reshape(-1, *values.shape[-2:])
    check_count(
        "attention", len(values), "heads", _MOST_HEADS, f"Select some, as in [:{_MOST_HEADS}]."
    )
    if not np.isfinite(values).all():
        raise ValueError("weights must be finite numbers; there is a NaN or an infinity.")
    if values.min() < -1e-6:  # which is no rounding
        raise ValueError(
            f"weights must not be negative, got {values.min():.3g}. Scores become weights by a "
            f"softmax over the last axis."
        )
    sums = values.sum(axis=2)
    nothing = (values == 0).all(axis=2)  # of a step that may look at none
    if (wrong := (np.abs(sums - 1) > _ROUNDING) & ~nothing).any():
        head, row = np.argwhere(wrong)[0]
        hint = "Scores become weights by a softmax over the last axis."
        if (np.abs(values.sum(axis=1) - 1) <= _ROUNDING).all():
            hint = "The columns do: pass weights.swapaxes(-1, -2)."
        where = f"row {row}" if np.ndim(weights) == 2 else f"row {row} of head {head}"
        raise ValueError(
            f"Each row of weights must sum to 1, got {sums[head, row]:.3g} in {where}. {hint}"
        )
    return values
