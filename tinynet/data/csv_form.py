"""The form of a CSV file: encoding, line ends, delimiter, quotes, header and index column."""

import codecs
import csv
import itertools
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from typing import NamedTuple, TypeAlias

from tinynet.types import FilePath

DELIMITERS = (";", "\t", ",")  # of two that fit, the first: "7;0,5" has a decimal comma
LABEL_NAMES = ("label", "class", "target", "y")
_INDEX_NAMES = ("", "unnamed: 0")  # of pandas' index: in its file, and read and written again
_FEWEST_TO_COUNT = 10  # numbers in order beside one name: of so many, the name is no wrong value
_MISSING = {"", "na", "n/a", "nan", "null", "none"}  # without the signs around them
_MARKS = {  # of UTF-32 before UTF-16, because one of them begins with one of UTF-16
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ZEROS: dict[
    tuple[bool, ...], str
] = {  # which of the first four bytes are zero where there is no mark, but plain characters
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
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


def read_form(file: BufferedIOBase, path: FilePath, columns: int, longest: int) -> CsvForm:
    """Find the form of a file in its first bytes and its first line, and read the rest while used.

    A row has so many `columns`; the first line may have others, and is told from a header by that.

    Raises:
        ValueError: the file is no text, or a line has more than `longest` characters.
    """
    lines = _lines(file, path, longest)
    above, first = _first_filled(lines)
    if first is None:
        return CsvForm(lines, ",", 0, (), 0)
    number, line = first
    if "\0" in line:
        raise ValueError(
            f"{path}, line {number} holds the character NUL, so the file is no CSV. Export a table "
            "of a spreadsheet program as CSV."
        )
    delimiter = max(DELIMITERS, key=lambda delimiter: _fit(line, delimiter))
    lines = _without_blank(lines, delimiter)
    if above and delimiter in above[1]:  # a row of missing cells, and so the first one
        lines = itertools.chain([first], lines)
        first = number, line = above
    names = _cells(line, delimiter)
    names[0] = names[0].lstrip("# ")  # np.savetxt writes its header as a comment
    if not _is_header(names, columns):
        rest = itertools.chain([first], lines)
        return CsvForm(_uniform(rest, delimiter, 0), delimiter, 0, (), 0)
    index = int(names[0].lower() in _INDEX_NAMES)
    return CsvForm(_uniform(lines, delimiter, index), delimiter, number, names[index:], index)


def _lines(file: BufferedIOBase, path: FilePath, longest: int) -> Iterator[Line]:
    r"""All lines but the empty ones, which may end with \n, \r\n, \r\r\n or \r."""
    start = file.read(4)
    # Bytes that are wrong become "\xff", which is no number.
    decoder = codecs.getincrementaldecoder(_encoding(start))("backslashreplace")
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
            if line.strip(" "):
                yield number, line
        done += len(lines)
        if not chunk:
            return
        if len(rest) > longest:
            raise _too_long(path, done + 1, longest)
        chunk = file.read(_CHUNK)


def _encoding(start: bytes) -> str:
    """UTF-8, UTF-16 or UTF-32, by the mark at the start or by the zeros in plain characters."""
    marked = (name for mark, name in _MARKS.items() if start.startswith(mark))
    zeros = tuple(byte == 0 for byte in start)
    return next(marked, _ZEROS.get(zeros, "utf-8"))


def _first_filled(lines: Iterator[Line]) -> tuple[Line | None, Line | None]:
    """The first line of tabs alone, if any, and the first line with something else.

    Tabs are missing cells where tabs are the delimiter, which only the second line tells.
    """
    above = None
    for line in lines:
        if line[1].strip(" \t"):
            return above, line
        above = above or line
    return None, above


def _without_blank(lines: Iterator[Line], delimiter: str) -> Iterator[Line]:
    """The lines that hold cells, which may be missing ones."""
    return (line for line in lines if delimiter in line[1] or line[1].strip(" \t"))


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


def _is_header(cells: Sequence[str], columns: int) -> bool:
    """Whether the cells of the first line are names, and not a row with some wrong values."""
    if any(cell.lower() in LABEL_NAMES for cell in cells):
        return True
    index = int(cells[0].lower() in _INDEX_NAMES)
    if any(is_missing(cell) for cell in cells[index:]):
        return False
    numbers = [cell for cell in cells[index:] if _is_number(cell)]
    names = len(cells) - index - len(numbers)
    if names > len(cells) / 2 and len(set(cells)) == len(cells):
        return True
    if not any(numbers == [*map(str, range(s, s + len(numbers)))] for s in (0, 1)):
        return False
    # Columns that are numbered. An image may hold these numbers too, if nothing else is there.
    too_large = bool(numbers) and int(numbers[-1]) > 255
    beside_index = bool(index) and len(cells) > columns
    beside_name = names == 1 and len(numbers) >= _FEWEST_TO_COUNT
    return too_large or beside_index or beside_name


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value, as `NA`, `#N/A`, `NaN`, `<NA>` and `?` do."""
    return cell.strip("#<>?-. ").lower() in _MISSING


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
