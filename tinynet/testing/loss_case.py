"""Runs of the loss that is checked, always on copies."""

from __future__ import annotations

import copy

import numpy as np

from tinynet.losses import Loss
from tinynet.testing.runs import difference, read_only
from tinynet.types import Array

__all__ = ["LossCase"]


class LossCase:
    """A loss with outputs and targets that it takes."""

    def __init__(self, loss: Loss, y: Array, t: Array, rng: np.random.Generator) -> None:
        self.loss, self.y, self.t, self.rng = loss, y, t, rng

    def fresh(self) -> Loss:
        """A copy of the loss."""
        return copy.deepcopy(self.loss)

    def run(
        self, y: Array | None = None, t: Array | None = None, loss: Loss | None = None
    ) -> tuple[float, Array]:
        """The value and dL/dy."""
        loss = self.fresh() if loss is None else loss
        value = loss.forward(
            read_only(self.y if y is None else y), read_only(self.t if t is None else t)
        )
        return float(value), np.array(loss.backward())

    def other(self, rows: int) -> tuple[Array, Array]:
        """Other rows of the same kind."""
        pick = self.rng.integers(len(self.y), size=rows)
        share = self.rng.uniform(0.7, 0.95, size=(rows,) + (1,) * (self.y.ndim - 1))
        second = self.rng.integers(len(self.y), size=rows)
        y = self.y[pick] * share + self.y[second] * (1 - share)
        return y, self.t[pick]

    def apart(self, got: tuple[float, Array], wanted: tuple[float, Array]) -> str:
        """Which of the two differ; "" where neither does."""
        if difference(np.array(got[0]), np.array(wanted[0])) > 1e-10:
            return "the value"
        return "dL/dy" if difference(got[1], wanted[1]) > 1e-10 else ""
