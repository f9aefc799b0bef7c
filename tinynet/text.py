"""How layers, networks and results are written for a reader."""

import sys
from collections.abc import Mapping, Sequence

import numpy as np


def call(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """`name(1, key=2)`, as typed in Python, without random generators.

    Example:
        >>> call("Dense", (784, 100), {"bias": False})
        'Dense(784, 100, bias=False)'
    """
    shown = [("", value) for value in args] + [(f"{key}=", value) for key, value in kwargs.items()]
    inside = [key + written(v) for key, v in shown if not isinstance(v, np.random.Generator)]
    return f"{name}({', '.join(inside)})"


def written(value: object) -> str:
    """The value as typed in Python.

    Example:
        >>> written(np.float32), written(len), written("text")
        ('np.float32', 'len', "'text'")
    """
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, np.dtype):
        return f"np.{value.name}"
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"<{value.dtype} array of shape {value.shape}>"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    return repr(value)


def one_line(value: object) -> str:
    """The repr of a value, such as a Sequential, without its line breaks."""
    return " ".join(repr(value).split()).replace("( ", "(").replace(", )", ")")


def shown(value: object) -> str:
    """What an error says that it got: the value in one line of at most 80 characters.

    Example:
        >>> shown(int), shown([0] * 1000)[-9:]
        ('the class int', ', 0, 0...')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, np.ndarray):
        kind = "an array" if type(value) is np.ndarray else type(value).__name__
        return f"{kind} of {value.dtype} and shape {value.shape}"
    if isinstance(shape := getattr(value, "shape", None), tuple) and shape:  # as of a DataFrame
        return f"a {type(value).__name__} of shape {shape}"
    try:
        text = " ".join(written(value).split())
    except Exception:  # the value may be a broken object
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def shown_call(args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """What an error says that a class was called with."""
    each = [*map(shown, args), *(f"{name}={shown(value)}" for name, value in kwargs.items())]
    return f"({', '.join(each)})"


class Table(str):
    """A text of several lines that Python's prompt and notebooks show as such, without print."""

    def __repr__(self) -> str:
        return str(self)


def escaped(text: str) -> str:
    r"""The text with escapes for what a terminal would act on, as a name in a file may hold it.

    Example:
        >>> print(escaped("a\x1b[31m\ud800"))
        a\x1b[31m\ud800
    """
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


def printable(text: str) -> str:
    """The text with "?" for each character that the console cannot show."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Columns as wide as their widest entry, with a rule below the heading.

    The columns whose numbers are in `right` are aligned to the right.

    Example:
        >>> print(table([("layer", "size"), ("Dense", "12")], right=[1]))
        layer  size
        -----------
        Dense    12
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            entry.rjust(width) if column in right else entry.ljust(width)
            for column, (entry, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)
