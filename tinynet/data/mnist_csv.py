"""Images in a CSV file: in each line a label and pixels, as MNIST is often published."""

import itertools
import math
import re
from collections.abc import Sequence

import numpy as np

from tinynet.checks import positive_int
from tinynet.data.compressed import open_unpacked
from tinynet.data.csv_form import DELIMITERS, CsvForm, Line, is_missing, read_form
from tinynet.data.label_column import (
    check_label_first,
    check_order,
    column_number,
    find_label,
    named_label,
)
from tinynet.types import Array, FilePath

_LINES_AT_ONCE = 500  # about a megabyte of MNIST
_LONGEST_LINE = 1 << 20  # or more, for images of very many pixels
_LONGEST_CELL = 64
_PLAIN = b"0123456789 \t\n"  # all that a correct row consists of, besides its delimiter
_NUMBER = re.compile(r"(?=\.?[0-9])0*([0-9]{0,3})(?:\.0*)?")  # "7", "007", "7.", "7.00", ".0"
_SCALED = (
    "Pixels must be integers from 0 to 255, and these seem to be scaled to 0 to 1. Multiply them "
    "by 255 and round them, or read the file with numpy.loadtxt."
)


def read_mnist_csv(
    path: FilePath, *, pixels: int = 784, label_column: int | str | None = None
) -> tuple[Array, Array]:
    r"""Read images and labels from a CSV file, plain or compressed with gzip.

    Each line is one image, `label,pixel,...,pixel`, with integers from 0 to 255, of which `255.0`
    is one too. The rest is found in the file:

    - The delimiter is a comma, a semicolon or a tab, the same in all lines.
    - A first line of names is a header. Its column `label`, `class`, `target` or `y`, in small or
      capital letters, is the label wherever it stands. A first line that numbers the columns,
      `0,1,2,...`, is a header if it cannot be an image: if a number is above 255, or if the place
      of the label or of an index has a name. Otherwise it is a row.
    - A first column whose name is empty or `Unnamed: 0` is the index of pandas, and is left out.
    - Cells may be quoted. Blanks around numbers, blank lines and all usual line ends are allowed.
    - The encoding is UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        pixels: number of pixels in an image.
        label_column: where the label is, if no header says it: 0 for the first column, -1 for the
            last, or the name of a column. An index is not counted. None is the column that the
            header names, or the first.

    Returns:
        The pixels, `uint8 (N, pixels)`, and the labels, `uint8 (N,)`.

    Raises:
        TypeError: `label_column` is neither None, an int nor a str.
        ValueError: the file has no rows or is damaged. A line has a missing or extra column,
            another delimiter, or a value that is not an integer from 0 to 255; the error has the
            number of the line. The pixels are scaled to 0 to 1. `label_column` contradicts the
            header or does not exist, or neither of them says where the label is and it seems to
            be last.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "two.csv")
        ...     _ = path.write_text("7,0,255\n2,128,0\n")
        ...     images, labels = read_mnist_csv(path, pixels=2)
        ...     _ = path.write_text('"a";"b";"class"\r\n"0";"255";"7"\r\n"128";"0";"2"\r\n')
        ...     same_images, same_labels = read_mnist_csv(path, pixels=2)
        >>> images
        array([[  0, 255],
               [128,   0]], dtype=uint8)
        >>> labels
        array([7, 2], dtype=uint8)
        >>> (same_images == images).all() and (same_labels == labels).all()
        np.True_
    """
    positive_int(pixels, "pixels")
    place = column_number(label_column, pixels)
    values, labels = bytearray(), bytearray()  # they grow in place, so no data is held twice
    has_points = False
    with open_unpacked(path) as file:
        form = read_form(file, path, 1 + pixels, max(_LONGEST_LINE, _LONGEST_CELL * (1 + pixels)))
        if form.header:
            _check_columns(form.names, form, path, form.header, pixels)
        column = find_label(place, form, path)
        check_order(form, column, path)
        while block := list(itertools.islice(form.lines, _LINES_AT_ONCE)):
            rows = _parse(block, form, path, pixels)
            labels += rows[:, column].tobytes()
            values += (np.delete(rows, column, axis=1) if column else rows[:, 1:]).tobytes()
            has_points = has_points or any("." in text for _, text in block)
    if not labels:
        raise ValueError(f"{path}, line 1: the file has no rows; {_rule(pixels)}.")
    images = np.frombuffer(values, np.uint8).reshape(-1, pixels)
    label = np.frombuffer(labels, np.uint8)
    if has_points and images.max() == 1:
        raise ValueError(
            f"{path}: the largest pixel is 1, and numbers have a decimal point. {_SCALED}"
        )
    if place is None and not named_label(form):
        check_label_first(label, images, path)
    return images, label


def _parse(lines: Sequence[Line], form: CsvForm, path: FilePath, pixels: int) -> Array:
    """The rows in some lines, `uint8 (rows, 1 + pixels)`."""
    text = _without_zeros("\n".join(text for _, text in lines), form.delimiter)
    # NumPy would read more than digits: "1.0", "-0", Indian and Arabic numerals.
    if form.delimiter in text and not text.encode().translate(
        None, _PLAIN + form.delimiter.encode()
    ):
        try:
            rows = np.loadtxt(
                text.split("\n"), np.uint8, delimiter=form.delimiter, comments=None, ndmin=2
            )
        except ValueError:
            pass  # _parse_carefully finds out which line it is
        else:
            if rows.shape == (len(lines), 1 + pixels):
                return rows
    return _parse_carefully(lines, form, path, pixels)


def _without_zeros(text: str, delimiter: str) -> str:
    """Rows without the ".0" or ".00" that all their numbers end with, or with points left."""
    if "." not in text or " ." in text or "\t." in text:  # "1 .0" is no number
        return text
    zeros = re.search(r"\.0+", text)
    if not zeros:
        return text
    end = zeros.group()
    text = text.replace(end + delimiter, delimiter).replace(end + "\n", "\n")
    return text.removesuffix(end)


def _parse_carefully(lines: Sequence[Line], form: CsvForm, path: FilePath, pixels: int) -> Array:
    """What `_parse` does, one value at a time: slowly, with an error that says where."""
    rows = []
    for line, text in lines:
        cells = [cell.strip(" \t") for cell in text.split(form.delimiter)]
        _check_columns(cells, form, path, line, pixels)
        numbers = [_NUMBER.fullmatch(cell) for cell in cells]
        rows.append([int(number[1] or 0) if number else 256 for number in numbers])
        for column, (value, cell) in enumerate(zip(rows[-1], cells, strict=True), 1 + form.skipped):
            if value > 255:
                raise ValueError(
                    f"{path}, line {line}, column {column}: {cell[:40]!r} is not an integer from "
                    f"0 to 255 in plain digits. {_advice(cell)}"
                )
    return np.array(rows, np.uint8)


def _advice(cell: str) -> str:
    try:
        value = math.nan if is_missing(cell) else float(cell)
    except ValueError:
        return "Correct the value, or leave the line out."
    if math.isnan(value):
        return "A value is missing here: fill it in, or leave the line out."
    if 0 < value < 1:
        return _SCALED
    if value.is_integer() and "e" in cell.lower():
        return "Write it without an exponent; numpy.savetxt does so with fmt='%d'."
    return "Correct the value, or leave the line out."


def _check_columns(
    cells: Sequence[str], form: CsvForm, path: FilePath, line: int, pixels: int
) -> None:
    columns = len(cells)
    if columns != 1 + pixels:
        raise ValueError(
            f"{path}, line {line} has {columns} column{'s' * (columns != 1)}"
            f"{' after the index' * form.skipped}; {_rule(pixels)}."
            f"{_guess(cells, form, pixels)}"
        )


def _guess(cells: Sequence[str], form: CsvForm, pixels: int) -> str:
    """The likely cause of a wrong number of columns, and what to do."""
    columns, text = len(cells), form.delimiter.join(cells)
    others = [d for d in DELIMITERS if d != form.delimiter and text.count(d) == pixels]
    if others:
        return (
            f" Write {form.delimiter!r} between numbers, as in the first line, not {others[0]!r}."
        )
    if columns == 1:
        return " Write commas, semicolons or tabs between them."
    if columns == pixels + 2 and not cells[-1]:
        return f" Each line ends in a delimiter, {form.delimiter!r}: remove it."
    if columns == pixels:
        skipped = ", skiprows=1" * bool(form.header)
        return (
            " Is the label column missing? Images without labels, as in the test.csv of Kaggle, "
            f"are read by numpy.loadtxt(path, numpy.uint8, delimiter={form.delimiter!r}{skipped})."
        )
    if columns == pixels + 2:
        return " Is the first column an index? Write the file without, to_csv(path, index=False)."
    return ""


def _rule(pixels: int) -> str:
    images = f"{pixels} pixel{'s' * (pixels != 1)}"
    return f"each line must hold {1 + pixels} columns, a label and {images}"
