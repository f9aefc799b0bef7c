"""What a training run reported after each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tinynet.checks import as_numbers, check_instance
from tinynet.text import shown, table
from tinynet.types import Array

_MOST_ROWS = 20  # of a printed table; a longer one leaves out the middle


def sign_of(mode: object) -> int:
    """1 where less is better, −1 where more is."""
    if not isinstance(mode, str) or mode not in ("min", "max"):
        raise ValueError(f"mode must be 'min' or 'max'; got {shown(mode)}")
    return 1 if mode == "min" else -1


class History(Mapping[str, Array]):
    """Columns of numbers, one for each epoch: `history["loss"]`. Printed, it is a table.

    It is a mapping, so `dict(history)` gives the columns by name, and it does not change.

    Args:
        columns: numbers for each epoch, by name.
        monitor: the column by which the best epoch is found; None stands for "validation_loss", or
            where there is none, for "loss" or the first column.
        mode: "min" if less is better, as of a loss, or "max", as of an accuracy.

    Example:
        >>> history = History({"loss": [0.5, 0.25], "seconds": [1.0, 0.9]})
        >>> history["loss"]
        array([0.5 , 0.25])
        >>> history.epochs, history.names, "accuracy" in history
        (2, ('loss', 'seconds'), False)
        >>> history
        epoch  loss  seconds
        --------------------
            1   0.5        1
            2  0.25      0.9
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[float] | Array],
        *,
        monitor: str | None = None,
        mode: str = "min",
    ) -> None:
        check_instance("columns", columns, Mapping, "a dict of lists of numbers by name")
        arrays = {name: as_numbers(v, f"columns[{name!r}]") for name, v in columns.items()}
        for name, array in arrays.items():
            check_instance("a name in columns", name, str, "a string")
            if array.ndim != 1:
                raise ValueError(
                    f"columns[{name!r}] must hold one number for each epoch; got {shown(array)}"
                )
        lengths = {name: len(array) for name, array in arrays.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise ValueError(f"a History has columns of equal lengths; got {lengths}")
        self._monitor, self._sign = self._monitored(monitor, columns), sign_of(mode)
        # what `plus` makes shares the lists, which hold its epochs and perhaps more
        self._columns = {name: array.astype(float).tolist() for name, array in arrays.items()}
        self._epochs, self._best = 0, 0
        for self._epochs in range(1, 1 + next(iter(lengths.values()))):
            self._note_best()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return self._epochs

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, that is the best by the monitored column; by default the least loss.

        Raises:
            ValueError: no epochs yet.
        """
        if not self.epochs:
            raise ValueError("there is no best epoch, because there are no epochs yet")
        return self._best

    def plus(self, row: Mapping[str, float]) -> History:
        """A history with one more epoch, in a time that does not depend on the number of epochs."""
        check_instance("row", row, Mapping, "a dict of numbers by name")
        if row.keys() != self._columns.keys():
            names = ", ".join(self.names)
            raise ValueError(f"row must have the columns {names}; got {shown(row)}")
        for name, value in row.items():
            if type(value) is not float:
                check_instance(f"row[{name!r}]", value, (int, float, np.number), "a number")
        longer = object.__new__(type(self))  # copy.copy would take as long as a short epoch's step
        longer.__dict__ |= self.__dict__
        if max(map(len, self._columns.values())) > self._epochs:
            longer._columns = {name: v[: self._epochs] for name, v in self._columns.items()}
        for name, values in longer._columns.items():
            values.append(float(row[name]))
        longer._epochs += 1
        longer._note_best()
        return longer

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            raise KeyError(f"there is no {name!r}; there are {', '.join(self.names)}")
        return np.array(self._columns[name][: self._epochs])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    __hash__ = object.__hash__
    __eq__ = object.__eq__  # two histories are equal if they are one

    @staticmethod
    def _monitored(monitor: str | None, columns: Mapping[str, object]) -> str:
        if monitor is None:
            return next(
                (n for n in ("validation_loss", "loss") if n in columns), next(iter(columns))
            )
        if not isinstance(monitor, str) or monitor not in columns:
            raise ValueError(
                f"monitor must be one of the columns {', '.join(columns)}; got {shown(monitor)}"
            )
        return monitor

    def _note_best(self) -> None:
        """Compare the last epoch with the best one; NaN is never better."""
        values = self._columns[self._monitor]
        last, best = self._sign * values[self._epochs - 1], self._sign * values[self._best - 1]
        if self._epochs == 1 or last < best or (math.isnan(best) and not math.isnan(last)):
            self._best = self._epochs

    def __repr__(self) -> str:
        rows = [
            (str(number), *(f"{values[number - 1]:.5g}" for values in self._columns.values()))
            for number in range(1, 1 + self.epochs)
        ]
        if len(rows) > _MOST_ROWS:
            rows[5:-5] = [("...",) * (1 + len(self.names))]
        return table([("epoch", *self.names), *rows], right=range(1 + len(self.names)))
