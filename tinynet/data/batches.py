"""The data set in pieces."""

from __future__ import annotations

import operator
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import random_generator
from tinynet.types import Array, Rng

__all__ = ["batches"]


def batches(
    x: ArrayLike, t: ArrayLike, *, batch_size: int, shuffle: bool = False, rng: Rng = None
) -> Iterator[tuple[Array, Array]]:
    """Pairs `(x_batch, t_batch)` of `batch_size` examples each, once through the data.

    Every example comes exactly once; the last batch is shorter where the division leaves a rest.
    In file order, and one by one in any order, the batches are views and cost nothing. Larger ones
    in random order are gathered, so they are copies. The data set itself stays as it is.

    Args:
        x: inputs, `(N, ...)`.
        t: targets or labels, `(N, ...)`.
        batch_size: examples in a batch, at least 1.
        shuffle: in random order instead of file order.
        rng: a Generator, which gives another order at each call; or an int, for the same order.

    Raises:
        ValueError: lengths that differ, no axis to divide, or a `batch_size` below 1; at the call,
            not at the first batch.

    Example:
        >>> import numpy as np
        >>> x, t = np.arange(10).reshape(5, 2), np.arange(5)
        >>> for x_batch, t_batch in batches(x, t, batch_size=2):
        ...     print(x_batch.tolist(), t_batch.tolist())
        [[0, 1], [2, 3]] [0, 1]
        [[4, 5], [6, 7]] [2, 3]
        [[8, 9]] [4]
        >>> [t_batch.tolist() for _, t_batch in batches(x, t, batch_size=2, shuffle=True, rng=0)]
        [[2, 4], [3, 0], [1]]
    """
    x, t = np.asarray(x), np.asarray(t)
    if x.ndim == 0 or t.ndim == 0:
        raise ValueError(
            f"batches divides x and t along their first axis; got shapes {x.shape} and {t.shape}."
        )
    if len(x) != len(t):
        raise ValueError(
            f"batches got {len(x)} inputs and {len(t)} targets: each input needs one target."
        )
    if operator.index(batch_size) < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")
    order = random_generator(rng).permutation(len(x)) if shuffle else None
    return in_order(x, t, batch_size, order)


def in_order(
    x: Array, t: Array, batch_size: int, order: Array | None, start: int = 0
) -> Iterator[tuple[Array, Array]]:
    """The batches from place `start` on, of the rows in that order, or else in file order."""
    if order is None:
        for first in range(start, len(x), batch_size):
            yield x[first : first + batch_size], t[first : first + batch_size]
    elif batch_size == 1:
        for row in order[start:].tolist():
            yield x[row : row + 1], t[row : row + 1]
    else:
        for first in range(start, len(x), batch_size):
            rows = order[first : first + batch_size]
            yield x[rows], t[rows]
