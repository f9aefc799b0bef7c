"""How `fit` shows what it does: a bar, lines, or nothing."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from tinynet.checks import is_function
from tinynet.text import escaped, printable, shown

Report: TypeAlias = Callable[[int, Mapping[str, float]], object]
"""Takes the number of an epoch, from 1, and its row of the history."""

Progress: TypeAlias = Literal["auto", "bar", "lines", "off"] | Report
"""A bar, lines, nothing, "auto" (a bar where a person watches, lines elsewhere), or a function."""


class Display:
    """What a run of some epochs shows, after each epoch and, in a bar, within it."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        kinds = "'auto', 'bar', 'lines', 'off'"
        if not isinstance(progress, str) and not is_function(progress):
            raise TypeError(f"progress must be one of {kinds} or a function; got {shown(progress)}")
        if progress == "auto":  # a person watches on a terminal or in a notebook
            watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
            progress = "bar" if watched and importlib.util.find_spec("tqdm") else "lines"
        if not callable(progress) and progress not in ("bar", "lines", "off"):
            raise ValueError(f"progress must be one of {kinds} or a function; got {progress!r}")
        self._progress, self._epochs, self._steps = progress, epochs, 1
        self._bar: Any = None

    @contextmanager
    def beginning_after(self, done: int, steps: int) -> Iterator[None]:
        """Show in this context the epochs, of so many steps, after those that are done."""
        self._steps = steps
        if self._progress != "bar":
            yield
            return
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            advice = 'pip install tqdm, or progress="lines"'
            raise ImportError(f"the progress bar needs tqdm: {advice}") from error
        count = {"total": self._epochs * self._steps, "initial": done * self._steps}
        with tqdm(**count, unit="batch", desc=f"epoch {done}/{self._epochs}") as self._bar:
            yield

    def batches(self, done: int) -> None:
        """Show how many batches of the epoch are done."""
        if self._bar is not None:
            before = self._bar.n // self._steps * self._steps
            self._bar.update(before + min(done, self._steps - 1) - self._bar.n)

    def epoch(self, number: int, row: Mapping[str, float]) -> None:
        """Show an epoch that is complete."""
        if callable(self._progress):
            self._progress(number, row)
        elif self._progress == "lines":
            print(f"epoch {number}/{self._epochs}  {_line(row)}", flush=True)
        elif self._bar is not None:
            self._bar.set_description_str(f"epoch {number}/{self._epochs}", refresh=False)
            self._bar.set_postfix_str(_line(row), refresh=False)
            self._bar.update(number * self._steps - self._bar.n)


def _line(row: Mapping[str, float]) -> str:
    shown = [f"{name.replace('_', ' ')} {v:.4g}" for name, v in row.items() if name != "seconds"]
    return printable(escaped("  ".join([*shown, f"{row['seconds']:.1f} s"])))
