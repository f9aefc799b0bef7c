"""Images in a CSV file: in each line the label, then the pixels, as MNIST is often published."""

import itertools
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import TypeAlias

import numpy as np

from tinynet.checks import positive_int
from tinynet.data.compressed import open_unpacked
from tinynet.types import Array, FilePath

_PLAIN = b"0123456789, \t\n"  # all that a correct row consists of
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # Excel's "CSV UTF-8" begins with it
_LINES_AT_ONCE = 500  # about a megabyte of MNIST
_LONGEST_LINE = 1 << 20  # or more, for images of very many pixels
_LONGEST_CELL = 64

_Line: TypeAlias = tuple[int, bytes]  # its number, from 1, and its text without the line end


def read_mnist_csv(path: FilePath, *, pixels: int = 784) -> tuple[Array, Array]:
    r"""Read images and labels from a CSV file, plain or compressed with gzip.

    Each line is `label,pixel,...,pixel`, the label first, with integers from 0 to 255. A first
    line that begins with `label`, as in `label,1x1,1x2,...`, is a header and is skipped. Spaces
    around numbers, Windows line ends, and empty lines at the end are allowed.

    Args:
        pixels: number of pixels in an image.

    Returns:
        The pixels, `uint8 (N, pixels)`, and the labels, `uint8 (N,)`.

    Raises:
        ValueError: the file has no rows or is damaged, the label seems to be last, or a line has
            a missing or extra column or
            a value that is not an integer from 0 to 255; the error has the number of the line.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "two.csv")
        ...     _ = path.write_text("7,0,255\n2,128,0\n")
        ...     images, labels = read_mnist_csv(path, pixels=2)
        >>> images
        array([[  0, 255],
               [128,   0]], dtype=uint8)
        >>> labels
        array([7, 2], dtype=uint8)
    """
    positive_int(pixels, "pixels")
    values, labels = bytearray(), bytearray()  # they grow in place, so no data is held twice
    with open_unpacked(path) as file:
        lines = _lines(file, path, pixels)
        while block := list(itertools.islice(lines, _LINES_AT_ONCE)):
            rows = _parse(block, path, pixels)
            labels += rows[:, 0].tobytes()
            values += rows[:, 1:].tobytes()
    if not labels:
        raise ValueError(f"{path}, line 1: the file has no rows; {_rule(pixels)}.")
    images = np.frombuffer(values, np.uint8).reshape(-1, pixels)
    label = np.frombuffer(labels, np.uint8)
    _check_label_first(label, images[:, -1], path)
    return images, label


def _check_label_first(labels: Array, last: Array, path: FilePath) -> None:
    """Refuse a file whose first column is always 0, as a corner of MNIST is, but not its last."""
    if not labels.any() and last.max() <= 9 and len(np.unique(last)) > 2:
        raise ValueError(
            f"{path}: the first column holds only 0 and the last one several values up to 9, so "
            "the label seems to be last. Write it into the first column."
        )


def _lines(file: BufferedIOBase, path: FilePath, pixels: int) -> Iterator[_Line]:
    """The rows as text; a header and the empty lines at the end are left out."""
    longest = max(_LONGEST_LINE, _LONGEST_CELL * (pixels + 1))
    empty = 0  # lines just before this one
    for number in itertools.count(1):
        line = file.readline(longest + 1)
        if len(line) > longest:
            raise ValueError(
                f"{path}, line {number} is longer than {longest} bytes; {_rule(pixels)}."
            )
        if not line:
            return
        text = line.rstrip(b"\r\n")
        if number == 1:
            text = text.removeprefix(_BYTE_ORDER_MARK)
            names = text.split(b",")
            if names[0].strip(b" \t\"'").lower() == b"label":
                _check_columns(len(names), path, 1, pixels)
                continue
        if text:
            yield from ((earlier, b"") for earlier in range(number - empty, number))
            yield number, text
            empty = 0
        else:
            empty += 1


def _parse(lines: Sequence[_Line], path: FilePath, pixels: int) -> Array:
    """The rows in some lines, `uint8 (rows, 1 + pixels)`."""
    text = b"\n".join(text for _, text in lines)
    # NumPy would read more than digits: "1.0", "-0", Indian and Arabic numerals.
    if b"," in text and not text.translate(None, _PLAIN):
        texts = text.decode("ascii").split("\n")
        try:
            rows = np.loadtxt(texts, dtype=np.uint8, delimiter=",", comments=None, ndmin=2)
        except ValueError:
            pass  # _parse_carefully finds out which line it is
        else:
            if rows.shape == (len(lines), 1 + pixels):
                return rows
    return _parse_carefully(lines, path, pixels)


def _parse_carefully(lines: Sequence[_Line], path: FilePath, pixels: int) -> Array:
    """What `_parse` does, one value at a time: slowly, with an error that says where."""
    rows = []
    for number, text in lines:
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
    return np.array(rows, np.uint8)


def _check_columns(columns: int, path: FilePath, line: int, pixels: int) -> None:
    if columns != 1 + pixels:
        guess = " Is the label column missing?" if columns == pixels else ""
        raise ValueError(
            f"{path}, line {line} has {columns} column{'s' * (columns != 1)}; "
            f"{_rule(pixels)}.{guess}"
        )


def _rule(pixels: int) -> str:
    return f"each line must hold {1 + pixels} columns: the label, then {pixels} pixels"
