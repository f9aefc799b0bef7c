"""How `fit` shows what it does: a bar, lines, or nothing."""

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeAlias

from tinynet.checks import is_function
from tinynet.text import shown

Report: TypeAlias = Callable[[int, Mapping[str, float]], object]
"""Takes the number of an epoch, from 1, and its row of the history."""

Progress: TypeAlias = Literal["auto", "bar", "lines", "off"] | Report
"""A bar, lines, nothing, "auto" (a bar where a person watches, lines elsewhere), or a function."""


@contextmanager
def reporting(progress: Progress, epochs: int, done: int) -> Iterator[Report]:
    """The function to call after each epoch; `done` epochs have passed before."""
    kinds = "'auto', 'bar', 'lines', 'off'"
    if not isinstance(progress, str) and not is_function(progress):
        raise TypeError(f"progress must be one of {kinds} or a function; got {shown(progress)}")
    if progress == "auto":  # a person watches on a terminal or in a notebook
        watched = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
        progress = "bar" if watched and importlib.util.find_spec("tqdm") else "lines"
    if callable(progress):
        yield progress
    elif progress == "off":
        yield lambda epoch, row: None
    elif progress == "lines":
        yield lambda epoch, row: print(f"epoch {epoch}/{epochs}  {_line(row)}", flush=True)
    elif progress == "bar":
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            advice = 'pip install tqdm, or progress="lines"'
            raise ImportError(f"the progress bar needs tqdm: {advice}") from error
        with tqdm(total=epochs, initial=done, unit="epoch") as bar:

            def show(epoch: int, row: Mapping[str, float]) -> None:
                bar.set_postfix_str(_line(row), refresh=False)
                bar.update()

            yield show
    else:
        raise ValueError(f"progress must be one of {kinds} or a function; got {progress!r}")


def _line(row: Mapping[str, float]) -> str:
    shown = [f"{name.replace('_', ' ')} {v:.4g}" for name, v in row.items() if name != "seconds"]
    return "  ".join([*shown, f"{row['seconds']:.1f} s"])
