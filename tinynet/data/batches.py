"""A data set in batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from numpy.typing import ArrayLike

from tinynet.checks import as_array, boolean, check_lengths, positive_int, random_generator
from tinynet.types import Array, Rng


def batches(
    x: ArrayLike, t: ArrayLike, *, batch_size: int = 1, shuffle: bool = True, rng: Rng = None
) -> Iterator[tuple[Array, Array]]:
    """Pairs `(x_batch, t_batch)` of `batch_size` examples each, in one pass over the data.

    Every example comes exactly once; the last batch may be shorter. Batches in file order, and
    batches of one example, are views of x and t; others are copies.

    Args:
        x, t: inputs `(N, ...)`, and their targets or labels `(N, ...)`.
        shuffle: whether the order is random, as in `train` and `fit`; otherwise it is file order.
        rng: random numbers for the order: with a Generator, each call has another order; with an
            int, all calls have the same.

    Raises:
        ValueError: x and t have different lengths or no axis, or `batch_size` is below 1; raised
            by the call itself, before the first batch.

    Example:
        >>> import numpy as np
        >>> x, t = np.arange(10).reshape(5, 2), np.arange(5)
        >>> for x_batch, t_batch in batches(x, t, batch_size=2, shuffle=False):
        ...     print(x_batch.tolist(), t_batch.tolist())
        [[0, 1], [2, 3]] [0, 1]
        [[4, 5], [6, 7]] [2, 3]
        [[8, 9]] [4]
        >>> [t_batch.tolist() for _, t_batch in batches(x, t, batch_size=2, rng=0)]
        [[2, 4], [3, 0], [1]]
    """
    x, t = as_array(x, "x"), as_array(t, "t")
    if x.ndim == 0 or t.ndim == 0:
        raise ValueError(
            f"batches needs x and t with one row for each example; got shapes {x.shape} and "
            f"{t.shape}."
        )
    check_lengths(x, t)
    positive_int(batch_size, "batch_size")
    generator, shuffle = random_generator(rng), boolean(shuffle, "shuffle")
    order = generator.permutation(len(x)) if shuffle else None
    pairs = in_order((x, t), batch_size, order)
    return cast(Iterator[tuple[Array, Array]], pairs)


def in_order(
    arrays: tuple[Array, ...], batch_size: int, order: Array | None, start: int = 0
) -> Iterator[tuple[Array, ...]]:
    """The batches from place `start` on, with the rows in that order, or in file order for None."""
    places = range(start, len(arrays[0]), batch_size)
    if order is None:
        for first in places:
            yield tuple([array[first : first + batch_size] for array in arrays])
    elif batch_size == 1:
        for row in order[start:].tolist():
            yield tuple([array[row : row + 1] for array in arrays])
    else:
        for first in places:
            rows = order[first : first + batch_size]
            yield tuple([array[rows] for array in arrays])
