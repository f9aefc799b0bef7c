"""What a check found: a report where all is right, a fault and its error where it is not."""

from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

from tinynet.kept import explain
from tinynet.text import table


@dataclass
class TensorResult:
    """How the gradient of one tensor, "x" or a parameter, agreed with differences."""

    name: str
    shape: tuple[int, ...]
    entries: int = 0  # comparisons made, over all points and upstream gradients
    coordinates: int = 0  # how many different coordinates were moved
    sampled: bool = False  # whether these were a sample, completed by random directions
    left_out: int = 0  # coordinates at which no slope could be measured
    worst: float = 0.0  # the largest error, as a part of the largest gradient of the tensor


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
        passed, skipped = len(self.passed), len(self.skipped)
        lines = [f"{self.subject}: {passed} checks passed, {skipped} left out"]
        if self.tensors:
            rows = [["tensor", "shape", "coordinates", "comparisons", "left out", "worst error"]]
            for row in self.tensors.values():
                moved = f"{row.coordinates}{', a sample' * row.sampled}"
                counts = (str(row.shape), moved, str(row.entries), str(row.left_out))
                rows.append([row.name, *counts, f"{row.worst:.1e}"])
            lines += ["", table(rows, right=[2, 3, 4, 5])]
        names = ", ".join(self.passed)
        lines += ["", fill(f"passed    {names}", 98, subsequent_indent=" " * 10)]
        if self.skipped:
            lines += ["", table([("left out", "because"), *self.skipped.items()])]
        return "\n".join(lines + self.notes)

    __repr__ = __str__


class Fault(Exception):
    """A broken rule, before the message around it is written; `details` go into that error."""

    def __init__(self, check: str, what: str, *hints: str, **details: Any) -> None:
        super().__init__(what)
        self.check, self.what, self.hints, self.details = check, what, hints, details


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

    def __init__(self, fault: Fault, subject: str, call: str, part: str | None = None) -> None:
        lines = [f'{subject} fails the check "{fault.check}":', f"  {fault.what}"]
        lines += [f"  At fault: {part}"] if part else []
        lines += [f"  Hint: {hint}" for hint in fault.hints]
        super().__init__("\n".join([*lines, f"  See it again: {call}"]))
        self.check, self.hints, self.part = fault.check, fault.hints, part
        found = map(fault.details.get, ("tensor", "index", "analytic", "numeric", "uncertainty"))
        self.tensor, self.index, self.analytic, self.numeric, self.uncertainty = found


def told(error: BaseException) -> str:
    """An exception with its notes, in one line."""
    notes = dict.fromkeys([*getattr(error, "__notes__", ()), *filter(None, [explain(error)])])
    return f"{type(error).__name__}: " + "; ".join([str(error), *notes])
