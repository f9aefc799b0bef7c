"""Reading MNIST as CSV: every row comes back, every fault is named with its line."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import mnist_csv, read_mnist_csv


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


def read(folder, content, pixels=3):
    path = folder / "digits.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_mnist_csv(path, pixels=pixels)


def rows(table):
    return [",".join(map(str, row)) for row in table.tolist()]


@given(
    table=hnp.arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(2, 6))),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.sampled_from(["", "\n", "\r\n", "\n\n\n"]),
    packed=st.booleans(),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    lines_at_once=st.integers(1, 9),
)
def test_what_was_written_is_read(folder, table, header, end, last, packed, mark, lines_at_once):
    pixels = table.shape[1] - 1
    names = [",".join(["label", *(f"1x{i}" for i in range(pixels))])] if header else []
    content = mark + (end.join(names + rows(table)) + last).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mnist_csv, "_LINES_AT_ONCE", lines_at_once)
        images, labels = read(folder, gzip.compress(content) if packed else content, pixels)
    assert images.dtype == labels.dtype == np.uint8
    assert images.flags.c_contiguous
    assert images.flags.writeable
    np.testing.assert_array_equal(images, table[:, 1:])
    np.testing.assert_array_equal(labels, table[:, 0])


CELLS = st.one_of(
    st.integers(-2, 300).map(str),
    st.text("0123456789 \t,.-+eE_x#\"'\r\x0b\x1c२", max_size=5),
)


@given(table=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_the_fast_and_the_careful_way_agree(table):
    lines = [(number, ",".join(row).encode()) for number, row in enumerate(table, start=1)]

    def outcome(parse):
        try:
            return parse(lines, "file", 2).tolist()
        except ValueError as error:
            return str(error)

    assert outcome(mnist_csv._parse) == outcome(mnist_csv._parse_carefully)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file has no rows"),
        ("\n\n", "line 1: the file has no rows"),
        ("label,a,b,c\n", "line 1: the file has no rows"),
        ("label,a,b\n1,2,3,4\n", "line 1 has 3 columns.*Is the label column missing"),
        (
            "1,2,3,4\n1,2,3,4,5\n",
            "line 2 has 5 columns; each line must hold 4",
        ),
        ("1,2,3,4\n1\n", "line 2 has 1 column;"),
        ("1,2,3,4\n\n1,2,3,4\n", "line 2 has 1 column;"),
        (
            "1,2,3\n",
            "line 1 has 3 columns; each .*Is the label column missing",
        ),
        ("1,2,3,4\n1,2,3,256\n", "line 2, column 4: '256' is not an integer from 0 to 255"),
        ("label,a,b,c\n1,2,3,4\n1,-1,3,4\n", "line 3, column 2: '-1' is not"),
        ("1,2,3.0,4\n", "line 1, column 3: '3.0' is not"),
        ("1,,3,4\n", "line 1, column 2: '' is not"),
        ("1,2 2,3,4\n", "line 1, column 2: '2 2' is not"),
        ("1,2,3,4\n1,2,२,4\n", "line 2, column 3: '२' is not .* plain digits"),
        (b"1,2,\xff,4\n", r"line 1, column 3: '\\\\xff' is not"),
        ('1,"2",3,4\n', "line 1, column 2: '\"2\"' is not"),
        ("1,2,3,4\r1,2,3,4\n", "line 1 has 7 columns"),
        ("digit,a,b,c\n", "line 1, column 1: 'digit' is not"),
        ("1,2,3," + "9" * 100, "line 1, column 4: '9{40}' is not"),
    ],
)
def test_the_error_names_the_line_and_the_value(folder, content, message):
    with pytest.raises(ValueError, match=rf"(?s)digits\.csv, {message}"):
        read(folder, content)


def test_a_line_without_end_is_refused_early(folder):
    with pytest.raises(ValueError, match="line 2 is longer than 1048576 bytes"):
        read(folder, "1,2,3,4\n" + "1," * (1 << 20))


def test_many_leading_zeros_are_a_number_still(folder):
    images, labels = read(folder, "1,2,3," + "0" * 5000 + "4\n")
    assert (images.tolist(), labels.tolist()) == ([[2, 3, 4]], [1])


def test_a_fault_far_down_is_found_with_its_line(folder):
    content = "1,2,3,4\n" * 200_000 + "1,2,x,4\n"
    with pytest.raises(ValueError, match="line 200001, column 3: 'x'"):
        read(folder, content)


def test_a_damaged_gzip_file_is_named(folder):
    with pytest.raises(ValueError, match=r"digits.csv is a damaged gzip file"):
        read(folder, gzip.compress(b"1,2,3,4\n" * 100)[:-9])


def test_an_image_needs_a_pixel(folder):
    with pytest.raises(ValueError, match="pixels must be a positive int; got 0"):
        read(folder, "1\n", pixels=0)


def test_a_good_file_is_never_read_value_by_value(folder, monkeypatch):
    row = "5," + ",".join(["0", "128"] * 392) + "\n"
    monkeypatch.setattr("tinynet.data.mnist_csv._parse_carefully", None)  # it takes far longer
    images, _ = read(folder, row * 2_000, pixels=784)
    assert images.shape == (2_000, 784)


def test_a_label_in_the_last_column_is_refused(tmp_path):
    path = tmp_path / "last.csv"
    path.write_text("0,255,7\n0,128,2\n0,3,0\n")
    with pytest.raises(ValueError, match="label seems to be last"):
        read_mnist_csv(path, pixels=2)
