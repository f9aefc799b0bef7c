"""A learning rate that becomes smaller where training no longer makes progress."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinynet.checks import not_negative, positive_int, real
from tinynet.optimizers.base import LearningRate
from tinynet.training.history import History, sign_of


@dataclass(frozen=True)
class ReduceOnPlateau:
    """The learning rate times a factor, each time a column of the history makes no progress.

    After `patience` epochs in a row that are not better than the best one before them, the rate is
    multiplied by `factor`, and the count begins again. It is computed from the history alone, so a
    resumed run has the same rates. `fit` multiplies the optimizer's `lr`, a number or a schedule.
    The rule is that of Keras' `ReduceLROnPlateau`; PyTorch's waits one epoch longer.

    Args:
        factor: between 0 and 1.
        patience: epochs without progress, at least 1.
        min_delta: how much better an epoch must be to count as progress, at least 0.
        min_lr: the rate does not become smaller than this, at least 0.

    Raises:
        ValueError, TypeError: an argument is out of its range.

    Example:
        >>> from tinynet import History
        >>> plateau = ReduceOnPlateau(factor=0.5, patience=2)
        >>> history = History({"validation_loss": [0.9, 0.5, 0.6, 0.5, 0.4]})
        >>> plateau.reduced(0.1, history)
        0.05
    """

    factor: float = 0.1
    patience: int = 10
    min_delta: float = 0.0
    min_lr: float = 0.0

    def __post_init__(self) -> None:
        real(self.factor, "factor", "a number between 0 and 1", lambda number: 0 < number < 1)
        positive_int(self.patience, "patience")
        not_negative(self.min_delta, "min_delta")
        not_negative(self.min_lr, "min_lr")

    def reduced(
        self, lr: LearningRate, history: History, monitor: str | None = None, mode: str = "min"
    ) -> LearningRate:
        """The rate after those epochs: a number, or a function of the step as `lr` is."""
        factor = self.factor ** self._plateaus(history, monitor, mode)
        if factor == 1:
            return lr
        least = max(self.min_lr, float(np.finfo(float).tiny))  # a rate of 0 would be none
        return _Scaled(lr, factor, least) if callable(lr) else max(lr * factor, least)

    def _plateaus(self, history: History, monitor: str | None, mode: str) -> int:
        """How often the column has stopped to make progress."""
        values = sign_of(mode) * history[monitor or "validation_loss"]
        best, waited, plateaus = np.inf, 0, 0
        for value in values.tolist():
            if value < best - self.min_delta:
                best, waited = value, 0
                continue
            waited += 1
            if waited == self.patience:
                plateaus, waited = plateaus + 1, 0
        return plateaus


@dataclass(frozen=True)
class _Scaled:
    """A schedule times a factor, but no less than a bound, unless it is 0 itself."""

    lr: Callable[[int], float]
    factor: float
    least: float

    def __call__(self, step: int) -> float:
        rate = self.lr(step)
        return max(rate * self.factor, self.least) if rate else rate
