"""What a check found: a report where all is right, an error that explains where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tinynet.text import table

__all__ = ["Fault", "GradientError", "Report", "TensorResult"]


@dataclass
class TensorResult:
    """How one tensor's gradient compared with differences.

    Attributes:
        name: "x", or the name of a parameter.
        shape: its shape.
        entries: comparisons made, over all points and upstream gradients.
        coordinates: how many different coordinates were moved.
        sampled: whether coordinates were a sample, completed by random directions.
        left_out: coordinates at which no slope could be measured.
        worst: the largest error, as a part of the largest gradient of the tensor.
    """

    name: str
    shape: tuple[int, ...]
    entries: int = 0
    coordinates: int = 0
    sampled: bool = False
    left_out: int = 0
    worst: float = 0.0


@dataclass
class Report:
    """What was checked; `str(report)` is a table.

    Attributes:
        subject: what was checked, as one would type it.
        tensors: one row for each tensor whose gradient was compared.
        passed: names of the checks that hold.
        skipped: names of those left out, and why.
        notes: anything else worth knowing, such as points outside the domain.
    """

    subject: str
    tensors: dict[str, TensorResult] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def sampled(self) -> bool:
        """Whether the gradient of any tensor was checked by a sample of its coordinates."""
        return any(row.sampled for row in self.tensors.values())

    @property
    def worst(self) -> dict[str, float]:
        """The worst relative error of each tensor."""
        return {name: row.worst for name, row in self.tensors.items()}

    def __str__(self) -> str:
        subject = " ".join(self.subject.split())
        lines = [f"{subject}: {len(self.passed)} checks passed, {len(self.skipped)} left out"]
        if self.tensors:
            rows = [("tensor", "shape", "coordinates", "comparisons", "left out", "worst error")]
            for row in self.tensors.values():
                how = f"{row.coordinates}, a sample" if row.sampled else str(row.coordinates)
                worst = f"{row.worst:.1e}"
                columns = (row.name, str(row.shape), how, str(row.entries), str(row.left_out))
                rows.append((*columns, worst))
            lines += ["", table(rows, right=[2, 3, 4, 5])]
        if self.sampled:
            lines.append("A sampled tensor was also moved as a whole, in random directions.")
        lines += ["", "passed    " + _wrapped(self.passed)]
        if self.skipped:
            reasons = [("left out", "because"), *self.skipped.items()]
            lines += ["", table(reasons)]
        lines += self.notes
        return "\n".join(lines)

    __repr__ = __str__


def _wrapped(words: list[str], width: int = 88) -> str:
    lines, line = [], ""
    for word in words:
        if line and len(line) + len(word) + 2 > width:
            lines.append(line)
            line = ""
        line += (", " if line else "") + word
    return (",\n" + " " * 10).join([*lines, line])


class GradientError(AssertionError):
    """A layer, loss or optimizer breaks its contract; the message says where and how.

    Attributes:
        check: name of the check that failed, a word for `skip`.
        tensor: "x" or the name of a parameter, where one tensor is at fault.
        index: place of the entry shown.
        analytic: what backward gives there.
        numeric: what differences give there.
        uncertainty: of `numeric`.
        hints: what may be the cause.
        part: the first part of a network that fails alone, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        check: str,
        tensor: str | None = None,
        index: tuple[int, ...] | None = None,
        analytic: float | None = None,
        numeric: float | None = None,
        uncertainty: float | None = None,
        hints: tuple[str, ...] = (),
        part: str | None = None,
    ) -> None:
        super().__init__(message)
        self.check, self.tensor, self.index = check, tensor, index
        self.analytic, self.numeric, self.uncertainty = analytic, numeric, uncertainty
        self.hints, self.part = hints, part


class Fault(Exception):
    """A broken rule, before the message around it is written.

    Args:
        check: name of the check.
        what: sentences that say what was found.
        hints: what may be the cause.
        details: the numbers that `GradientError` carries.
    """

    def __init__(self, check: str, what: str, *hints: str, **details: Any) -> None:
        super().__init__(what)
        self.check, self.what, self.hints, self.details = check, what, hints, details
