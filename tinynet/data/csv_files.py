"""Images as lines of text: the label, then the pixels, separated by commas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BufferedIOBase

import numpy as np

from tinynet.data._content import CHUNK, open_content
from tinynet.types import Array

__all__ = ["read_csv"]

_PLAIN = b"0123456789, \t\n"  # what a good file consists of
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Excel's "CSV UTF-8" begins with it
_LONGEST_CELL = 64  # room for the names in a header


def read_csv(path: str | os.PathLike[str], *, pixels: int = 784) -> tuple[Array, Array]:
    r"""Read images and labels from a CSV file, plain or compressed with gzip.

    Each line is `label,pixel,...,pixel` with integers from 0 to 255. A first line that begins with
    `label`, as in `label,1x1,1x2,...`, is a header and left out. Spaces around numbers, Views
    line ends and empty lines at the end do no harm.

    Returns:
        The pixels, `uint8 (N, pixels)`, and the labels, `uint8 (N,)`.

    Raises:
        ValueError: no rows, a missing or extra column, or a value that is not an integer from 0 to
            255 in ASCII digits, each with the number of its line; or damaged gzip.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "two.csv")
        ...     _ = path.write_text("7,0,255\n2,128,0\n")
        ...     images, labels = read_csv(path, pixels=2)
        >>> images
        array([[  0, 255],
               [128,   0]], dtype=uint8)
        >>> labels
        array([7, 2], dtype=uint8)
    """
    if pixels < 1:
        raise ValueError(f"pixels is the number of pixels in an image, at least 1; got {pixels}.")
    # Buffers that grow in place: the whole data set never exists twice.
    values, labels = bytearray(), bytearray()
    line = 1
    with open_content(path) as (file, _):
        for block in _blocks(file, path, _LONGEST_CELL * (pixels + 1)):
            start = 0
            if line == 1:
                start = _header_length(block, path, pixels)
            rows = _parse(block[start:], path, line + (start > 0), pixels)
            labels += rows[:, 0].tobytes()
            values += rows[:, 1:].tobytes()
            line += block.count(b"\n")
    if not labels:
        raise ValueError(f"{path}, line 1: the file holds no rows; {_rule(pixels)}.")
    return (
        np.frombuffer(values, np.uint8).reshape(-1, pixels),
        np.frombuffer(labels, np.uint8),
    )


def _blocks(
    file: BufferedIOBase, path: str | os.PathLike[str], longest_line: int
) -> Iterator[bytes]:
    """Whole lines, about a megabyte at once, each ended by a bare newline.

    Empty lines are held back until something follows them, so those at the end are never seen.
    """
    rest, line = file.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK), 1
    while chunk := file.read(CHUNK):
        lines = (rest + chunk).replace(b"\r\n", b"\n")
        end = len(lines[: lines.rfind(b"\n") + 1].rstrip(b"\n"))
        end += end > 0  # the newline after the last line that is not empty
        block, rest = lines[:end], lines[end:]
        if block:
            yield block
        line += block.count(b"\n")
        if len(rest) > longest_line:
            raise ValueError(
                f"{path}, line {line} is longer than {longest_line} bytes: no row of an image is."
            )
    if rest := rest.rstrip(b"\r\n"):
        yield rest + b"\n"


def _header_length(block: bytes, path: str | os.PathLike[str], pixels: int) -> int:
    first = block[: block.index(b"\n") + 1]
    names = first.split(b",")
    if names[0].strip(b" \t\"'").lower() != b"label":
        return 0
    _check_columns(len(names), path, 1, pixels)
    return len(first)


def _parse(block: bytes, path: str | os.PathLike[str], line: int, pixels: int) -> Array:
    """The rows in a block of lines, `uint8 (rows, 1 + pixels)`."""
    # NumPy would read more than digits: "1.0", "-0", Indian and Arabic numerals.
    if b"," in block and not block.translate(None, _PLAIN):
        lines = block.decode("ascii").splitlines()
        try:
            rows = np.loadtxt(lines, dtype=np.uint8, delimiter=",", comments=None, ndmin=2)
        except ValueError:
            pass  # the careful way says which line it is
        else:
            if rows.shape == (len(lines), 1 + pixels):
                return rows
    return _parse_carefully(block, path, line, pixels)


def _parse_carefully(block: bytes, path: str | os.PathLike[str], line: int, pixels: int) -> Array:
    """What `_parse` does, slowly, one value at a time, with an error that says where."""
    rows = []
    for number, text in enumerate(block.split(b"\n")[:-1], start=line):
        cells = [cell.strip(b" \t") for cell in text.split(b",")]
        _check_columns(len(cells), path, number, pixels)
        for column, cell in enumerate(cells, start=1):
            digits = cell.lstrip(b"0")
            if not cell.isdigit() or len(digits) > 3 or int(digits or b"0") > 255:
                value = cell.decode("utf-8", "backslashreplace")
                raise ValueError(
                    f"{path}, line {number}, column {column}: {value[:40]!r} is not an integer "
                    f"from 0 to 255 in plain digits; {_rule(pixels)}."
                )
        rows.append([int(cell.lstrip(b"0") or b"0") for cell in cells])
    return np.array(rows, np.uint8).reshape(-1, 1 + pixels)


def _check_columns(columns: int, path: str | os.PathLike[str], line: int, pixels: int) -> None:
    if columns == pixels:
        raise ValueError(
            f"{path}, line {line} has {columns} columns, as many as pixels: the label column is "
            f"missing. Each line must be the label, then {pixels} pixels."
        )
    if columns != 1 + pixels:
        raise ValueError(
            f"{path}, line {line} has {columns} column{'s' * (columns != 1)}; {_rule(pixels)}."
        )


def _rule(pixels: int) -> str:
    return f"each line must hold {1 + pixels}: the label, then {pixels} pixels, between commas"
