"""Batches that do not come from arrays: an iterable of them, gone through once in each epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np

from tinynet.losses.base import check_weights
from tinynet.text import shown
from tinynet.training.arguments import check_data
from tinynet.training.read_only import read_only
from tinynet.types import Array

Batches = Iterable[tuple[Any, ...]] | Callable[[], Iterable[tuple[Any, ...]]]
"""Pairs (x, t) or triples (x, t, weights), or a function that begins them anew."""

_AGAIN = (
    "Pass what can be gone through again: a list, an object whose __iter__ begins anew, or a "
    "function without arguments that returns an iterator"
)


class Stream:
    """The batches of a training, checked as they come.

    Attributes:
        first: the first batch of the first epoch, which is taken at once and not lost.
        steps: the batches in an epoch, or 1 as long as nobody knows.
        examples: those in the last epoch.
    """

    def __init__(self, source: Batches) -> None:
        self._source, self._epochs, self.examples = source, 0, 0
        if isinstance(source, Iterator):
            raise TypeError(
                f"x must give its batches in every epoch; got {shown(source)}, which is used up "
                f"after one. {_AGAIN}."
            )
        self._begun = self._begin()
        first = next(self._begun, None)
        if first is None:
            raise ValueError(f"x must give at least one batch (x, t); got none. {_AGAIN}.")
        self.first = self._checked(first, 0)
        self.steps = max(1, len(source)) if isinstance(source, Sized) else 1

    def epoch(self) -> Iterator[tuple[Array, ...]]:
        """The batches of the next epoch."""
        first = () if self._epochs else (self.first,)
        rest = self._begin() if self._epochs else self._begun
        before, number, self.examples = self.steps if self._epochs else 0, 0, 0
        self._epochs += 1
        for number, batch in enumerate(itertools.chain(first, rest), 1):
            arrays = batch if number <= len(first) else self._checked(batch, number - 1)
            self.examples += len(arrays[0])
            yield arrays
        if number < before:
            raise ValueError(
                f"x must give its batches in every epoch; got {number} in epoch {self._epochs} and "
                f"{before} in the one before. {_AGAIN}."
            )
        self.steps = number

    def _begin(self) -> Iterator[tuple[Any, ...]]:
        source = self._source
        found = source() if callable(source) else source
        try:
            return iter(found)
        except TypeError:
            raise TypeError(
                f"x must be an array with t beside it, or give batches (x, t); got "
                f"{shown(source)}. {_AGAIN}."
            ) from None

    def _checked(self, batch: Any, number: int) -> tuple[Array, ...]:
        """A batch as read-only arrays that fit the first one."""
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise TypeError(
                f"batch {number} of x must be a pair (x, t) or (x, t, weights); got {shown(batch)}"
            )
        x, t, *weights = batch
        names = f"x of batch {number}", f"t of batch {number}"
        check_data(x, t, *names)
        arrays: tuple[Array, ...] = read_only(x), read_only(t)
        if weights:
            checked = check_weights(f"weights of batch {number}", weights[0], len(x))
            arrays = *arrays, read_only(checked)
        if number:
            self._check_like_first(arrays, number)
        return arrays

    def _check_like_first(self, arrays: tuple[Array, ...], number: int) -> None:
        if len(arrays) != len(self.first):
            raise ValueError(
                f"batch {number} of x must have {len(self.first)} parts as the first one has; got "
                f"{len(arrays)}"
            )
        for name, array, first in zip("xt", arrays, self.first, strict=False):
            if array.shape[1:] != first.shape[1:] or array.dtype != first.dtype:
                raise ValueError(
                    f"{name} of batch {number} must be as in the first one, {first.dtype} with "
                    f"examples of shape {first.shape[1:]}; got {array.dtype} and {array.shape[1:]}"
                )


def as_stream(x: Any, t: Any) -> Stream | None:
    """The batches, if x is not an array with targets beside it."""
    if isinstance(x, Stream):
        return x
    if t is not None:
        return None
    if isinstance(x, np.ndarray):
        raise TypeError("t must be an array beside the array x, the targets (N, ...); got None")
    return Stream(x)


def check_stream_options(batch_size: int, sample_weight: object, engine: str) -> None:
    """Refuse what a stream brings itself, or has no form for it."""
    if batch_size != 1:
        raise ValueError(
            f"batch_size={batch_size} needs arrays x and t: a stream has its own batches, so leave "
            f"it out"
        )
    if sample_weight is not None:
        raise ValueError(
            "sample_weight needs arrays x and t: let the stream give batches (x, t, weights)"
        )
    if engine == "compiled":
        raise ValueError('engine="compiled" has no compiled form of a stream; use engine="auto"')
