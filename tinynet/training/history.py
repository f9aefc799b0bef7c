"""What a training run reported after each epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tinynet.checks import as_numbers, check_instance
from tinynet.text import shown, table
from tinynet.types import Array

_MOST_ROWS = 20  # of a printed table; a longer one leaves out the middle


class History:
    """Columns of numbers, one for each epoch: `history["loss"]`. Printed, it is a table.

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

    def __init__(self, columns: Mapping[str, Sequence[float] | Array]) -> None:
        check_instance("columns", columns, Mapping, "a dict of lists of numbers by name")
        arrays = {name: as_numbers(v, f"columns[{name!r}]") for name, v in columns.items()}
        self._columns = {name: array.astype(float) for name, array in arrays.items()}
        for name, array in arrays.items():
            check_instance("a name in columns", name, str, "a string")
            if array.ndim != 1:
                raise ValueError(
                    f"columns[{name!r}] must hold one number for each epoch; got {shown(array)}"
                )
        lengths = {name: len(values) for name, values in self._columns.items()}
        if not lengths or len(set(lengths.values())) > 1:
            raise ValueError(f"a History has columns of equal lengths; got {lengths}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(next(iter(self._columns.values())))

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, of the least validation loss, or else of the least loss.

        Raises:
            ValueError: no epochs yet.
        """
        if not self.epochs:
            raise ValueError("there is no best epoch, because there are no epochs yet")
        column = self["validation_loss" if "validation_loss" in self else "loss"]
        return int(np.where(np.isnan(column), np.inf, column).argmin()) + 1

    def plus(self, row: Mapping[str, float]) -> History:
        """A copy with one more epoch."""
        check_instance("row", row, Mapping, "a dict of numbers by name")
        if row.keys() != self._columns.keys():
            names = ", ".join(self.names)
            raise ValueError(f"row must have the columns {names}; got {shown(row)}")
        for name, value in row.items():
            check_instance(f"row[{name!r}]", value, (int, float, np.number), "a number")
        return History({name: [*values, row[name]] for name, values in self._columns.items()})

    def __getitem__(self, name: str) -> Array:
        if name not in self._columns:
            raise KeyError(f"there is no {name!r}; there are {', '.join(self.names)}")
        return self._columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __repr__(self) -> str:
        rows = [
            (str(number + 1), *(f"{self[name][number]:.5g}" for name in self.names))
            for number in range(self.epochs)
        ]
        if len(rows) > _MOST_ROWS:
            rows[5:-5] = [("...",) * (1 + len(self.names))]
        return table([("epoch", *self.names), *rows], right=range(1 + len(self.names)))
