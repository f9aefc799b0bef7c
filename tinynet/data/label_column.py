"""Which column of a CSV file is the label: what the caller, the header and the values say."""

import re

import numpy as np

from tinynet.checks import integer
from tinynet.data.csv_form import LABEL_NAMES, CsvForm
from tinynet.text import shown
from tinynet.types import Array, FilePath

_LARGEST_LABEL = 61  # of digits and letters, as EMNIST numbers them
_RULE = "None, the number of a column (0 is the first, -1 the last) or a name in the header"


def column_number(label_column: object, pixels: int) -> int | str | None:
    """The argument, with a number from 0 on for a column."""
    if label_column is None or isinstance(label_column, str):
        return label_column
    place = integer(label_column, "label_column", _RULE)
    if not -pixels - 1 <= place <= pixels:
        raise ValueError(
            f"label_column must be {_RULE}; got {shown(label_column)}, and there are "
            f"{1 + pixels} columns"
        )
    return place % (1 + pixels)


def find_label(place: int | str | None, form: CsvForm, path: FilePath) -> int:
    """The column of the label, from 0, that the argument and the header agree on."""
    if isinstance(place, str):
        found = [n for n, name in enumerate(form.names) if name == place]
        if len(found) != 1:
            has = f"it {len(found)} times in its header" if form.header else "no header"
            raise ValueError(
                f"label_column must be {_RULE}; got {shown(place)}, and {path} has {has}."
            )
        return found[0]
    named = named_label(form)
    if len(named) > 1:
        names = " and ".join(repr(form.names[column]) for column in named)
        raise ValueError(
            f"{path}, line {form.header}: {names} can each be the label. Pass the name of the "
            "right one as label_column."
        )
    if not named:
        if place is None:
            _check_names(form, path)
        return place or 0
    if place not in (None, named[0]):
        raise ValueError(
            f"label_column says that the label is in column {place}, but {path}, line "
            f"{form.header}, has the name {form.names[named[0]]!r} in column {named[0]}. Leave "
            "label_column out, or pass the name of a column."
        )
    return named[0]


def _check_names(form: CsvForm, path: FilePath) -> None:
    """Refuse a header such as pixel1,pixel2,...,digit, of which a later name is unlike the rest."""
    kinds = [re.sub("[0-9]", "", name) for name in form.names]  # "pixel" for "pixel10"
    unlike = [n for n, kind in enumerate(kinds) if kinds.count(kind) == 1]
    if len(set(kinds)) == 2 and len(kinds) > 2 and len(unlike) == 1 and unlike[0]:
        name, last = form.names[unlike[0]], unlike[0] == len(kinds) - 1
        raise ValueError(
            f"{path}, line {form.header}: the label seems to be in the column {name!r}"
            f"{', which is the last' * last}. Call read_mnist_csv with label_column={name!r} if it "
            "is, and with label_column=0 if the label is first."
        )


def check_order(form: CsvForm, label: int, path: FilePath) -> None:
    """Refuse a header whose names number the pixels in another order, as a sorted table has."""
    names = [name for n, name in enumerate(form.names) if n != label]
    numbers = [[int(part) for part in re.findall("[0-9]+", name)] for name in names]
    if len({re.sub("[0-9]+", "", name) for name in names}) > 1 or len(set(map(len, numbers))) > 1:
        return  # names of several kinds say nothing about the order
    for before, after, earlier, later in zip(numbers, numbers[1:], names, names[1:], strict=False):
        if before > after:
            raise ValueError(
                f"{path}, line {form.header}: the column {later!r} comes after {earlier!r}, so the "
                "pixels are not in order. Sort the columns by number before you write the file."
            )


def named_label(form: CsvForm) -> list[int]:
    """The columns that the header names as the label; beside a better name, y is a coordinate."""
    found = [n for n, name in enumerate(form.names) if name.lower() in LABEL_NAMES]
    return [n for n in found if form.names[n].lower() != "y"] or found


def check_label_first(labels: Array, images: Array, path: FilePath) -> None:
    """Refuse a file whose last column is like labels, and the first like a pixel at the edge.

    Such a pixel is mostly black or white, or has values that are too large for a label. A column
    like labels has several values, none of them in most rows, and its neighbour is not like it.
    """
    edge = max(np.mean(labels == 0), np.mean(labels == 255)) > 0.5 or labels.max() > _LARGEST_LABEL
    neighbours = images[:, -1:-3:-1].T
    if edge and [_is_like_labels(column) for column in neighbours] in ([True], [True, False]):
        raise ValueError(
            f"{path}: the first column holds {labels.min()} to {labels.max()}, as a pixel at the "
            f"edge does, and the last one several values up to {images[:, -1].max()}, so the label "
            "seems to be last. Call read_mnist_csv with label_column=-1 if it is, and with "
            "label_column=0 if not."
        )


def _is_like_labels(column: Array) -> bool:
    values, counts = np.unique(column, return_counts=True)
    return len(values) > 2 and values[-1] <= _LARGEST_LABEL and counts.max() <= len(column) / 2
