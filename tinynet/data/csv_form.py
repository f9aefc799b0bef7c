"""The form of a CSV file: encoding, line ends, delimiter, quotes, header and index column."""

import codecs
import csv
import itertools
import json
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import NamedTuple, TypeAlias

from tinynet.types import FilePath

DELIMITERS = (";", "\t", ",")  # of two that fit, the first: "7;0,5" has a decimal comma
LABEL_NAMES = ("label", "class", "target", "y")
_INDEX_NAMES = ("", "unnamed: 0")  # of pandas' index: in its file, and read and written again
_FEWEST_TO_COUNT = 10  # a first line 0,1,2,... of so many columns numbers them, and is no image
_CHUNK = 1 << 18  # bytes to read at once

Line: TypeAlias = tuple[int, str]  # its number in the file, from 1, and its text


class CsvForm(NamedTuple):
    """How a CSV file is written, and its rows in one form: the delimiter, and no quotes.

    Attributes:
        lines: the rows, without the header, the index column, and blank lines.
        delimiter: between two cells.
        header: the number of the line with the names, or 0.
        names: of the columns, without that of the index; none if there is no header.
        skipped: 1 if the first column is an index and was left out, otherwise 0.
    """

    lines: Iterator[Line]
    delimiter: str
    header: int
    names: Sequence[str]
    skipped: int


def read_form(file: BufferedIOBase, path: FilePath, longest: int) -> CsvForm:
    """Find the form of a file in its first bytes and its first line, and read the rest while used.

    Raises:
        ValueError: the file is no text, or a line has more than `longest` characters.
    """
    lines = _lines(file, path, longest)
    first = next(lines, None)
    if first is None:
        return CsvForm(lines, ",", 0, (), 0)
    number, line = first
    if "\0" in line:
        raise ValueError(
            f"{path}, line {number} holds the character NUL, so the file is no CSV. Unpack a .zip "
            "file, and export a table of a spreadsheet program as CSV."
        )
    delimiter = max(DELIMITERS, key=lambda delimiter: _fit(line, delimiter))
    names = _cells(line, delimiter)
    names[0] = names[0].lstrip("# ")  # np.savetxt writes its header as a comment
    if not _is_header(names):
        rest = itertools.chain([first], lines)
        return CsvForm(_uniform(rest, delimiter, 0), delimiter, 0, (), 0)
    index = int(names[0].lower() in _INDEX_NAMES)
    return CsvForm(_uniform(lines, delimiter, index), delimiter, number, names[index:], index)


def _lines(file: BufferedIOBase, path: FilePath, longest: int) -> Iterator[Line]:
    r"""All lines but the blank ones, which may end with \n, \r\n, \r\r\n or \r."""
    start = file.read(4)
    # Of UTF-8, UTF-16 and UTF-32, each with or without a mark. Bytes that are wrong become "\xff".
    decoder = codecs.getincrementaldecoder(json.detect_encoding(start))("backslashreplace")
    chunk, rest, done = start, "", 0
    while True:
        text = rest + decoder.decode(chunk, final=not chunk)
        whole = text.rstrip("\r") if chunk else text  # a \r may go on in the next chunk
        lines = whole.split("\n")
        if "\r" in whole:
            lines = [part for line in lines for part in line.rstrip("\r").split("\r")]
        if chunk:
            rest = lines.pop() + text[len(whole) :]
        for number, line in enumerate(lines, done + 1):
            if len(line) > longest:
                raise _too_long(path, number, longest)
            if line.strip(" \t"):
                yield number, line
        done += len(lines)
        if not chunk:
            return
        if len(rest) > longest:
            raise _too_long(path, done + 1, longest)
        chunk = file.read(_CHUNK)


def _too_long(path: FilePath, number: int, longest: int) -> ValueError:
    return ValueError(
        f"{path}, line {number} is longer than {longest} characters. Each image must have its own "
        "line; is it the right file?"
    )


def _fit(line: str, delimiter: str) -> tuple[int, bool]:
    """How well a delimiter fits: into how many cells, and whether they hold no other one."""
    cells = _cells(line, delimiter)
    return len(cells), not any(other in cell for cell in cells for other in DELIMITERS)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells without their quotes; with the quotes, where these are not in order."""
    if '"' in line:
        try:
            rows = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
            return [cell.strip(" \t") for cell in next(rows)]
        except csv.Error:
            pass
    return [cell.strip(" \t") for cell in line.split(delimiter)]


def _uniform(lines: Iterator[Line], delimiter: str, index: int) -> Iterator[Line]:
    """The lines without quotes and index; with quotes, where a number would not stand in them."""
    for number, line in lines:
        if '"' in line:
            cells = _cells(line, delimiter)
            unquoted = delimiter.join(cells)
            if unquoted.count(delimiter) == len(cells) - 1:  # none was in a cell
                line = unquoted
        yield number, line.partition(delimiter)[2] if index else line


def _is_header(cells: Sequence[str]) -> bool:
    """Whether the cells of the first line are names, and not a row with some wrong values."""
    if any(cell.lower() in LABEL_NAMES for cell in cells):
        return True
    names = [cell for cell in cells if cell and not _is_number(cell)]
    if len(names) > len(cells) / 2 and len(set(cells)) == len(cells):
        return True
    index = cells[0].lower() in _INDEX_NAMES
    counted = [cell for cell in cells[index:] if cell not in names]
    counts = any(counted == [*map(str, range(s, s + len(counted)))] for s in (0, 1))
    return counts and (index or len(counted) >= _FEWEST_TO_COUNT)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
