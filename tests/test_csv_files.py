"""Reading MNIST as CSV: every row comes back from any form, every fault is named with its line."""

import codecs
import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import csv_form, mnist_csv, read_mnist_csv

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",  # these three write a mark themselves
    "utf-16": b"",
    "utf-32": b"",
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-16-le": b"",
    "utf-32-le": b"",
}
BAD_VALUES = [
    "",
    "NaN",
    "NA",
    "0.5",
    "1e2",
    "0x1F",
    "٣",
    "-1",
    "+1",
    "256",
    "1000",
    "3.5",
    "255.01",
]
BAD_VALUES += ["x", "1 2", "1_0", "½", "inf", "1.0.0", ".", "1..", "−1", "1-2", "\\", "'1'", "\x0b"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


def read(folder, content, pixels=3, **options):
    path = folder / "digits.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_mnist_csv(path, pixels=pixels, **options)


def check_read(result, images, labels):
    for read, written in zip(result, (images, labels), strict=True):
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        assert read.flags.writeable
        np.testing.assert_array_equal(read, written)


FORMS = st.fixed_dictionaries(
    {
        "place": st.integers(0, 7),  # of the label, from the left
        "delimiter": st.sampled_from([",", ";", "\t", ", ", " ;\t"]),
        "quotes": st.sampled_from(["none", "all", "label"]),
        "header": st.sampled_from(["", "label", "Class", " TARGET", "y"]),
        "numbered": st.booleans(),  # the names of the pixels
        "index": st.sampled_from([None, "", "Unnamed: 0"]),
        "end": st.sampled_from(["\n", "\r\n", "\r\r\n", "\r"]),
        "zeros": st.sampled_from(["", ".", ".0", ".00"]),
        "blank": st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["", " ", "\t "]))),
        "last": st.booleans(),  # whether the last line has an end
    }
)


def written(cells, labels, form):
    """The text of a file in some form, from cells and labels as text; and the line of each row."""
    place = form["place"] % (1 + len(cells[0]))
    names = [str(n) if form["numbered"] else f"1x{n}" for n in range(len(cells[0]))]
    rows = [[*row[:place], label, *row[place:]] for row, label in zip(cells, labels, strict=True)]
    if form["index"] is not None and form["header"]:
        rows = [[str(995 + n), *row] for n, row in enumerate(rows)]
        place += 1
        names = [form["index"], *names]
    if form["header"]:
        rows = [[*names[:place], form["header"], *names[place:]], *rows]
    quoted = {"none": [], "all": range(len(rows[0])), "label": [place]}[form["quotes"]]
    strict = form["delimiter"] if len(form["delimiter"]) < 3 else ";"  # no blank after a quote
    delimiter = form["delimiter"] if not quoted else strict
    blanks = [(n, blank.strip("\t" * (delimiter == "\t"))) for n, blank in form["blank"]]
    lines = [
        delimiter.join(f'"{cell}"' if n in quoted else cell for n, cell in enumerate(row))
        for row in rows
    ]
    numbers = [*range(1, 1 + len(lines))]
    for number, blank in blanks:
        if number <= len(lines) and not (lines[number - 1 : number] == [""] and not blank):
            lines.insert(number, blank)
            numbers = [old + (old > number) for old in numbers]
    text = form["end"].join(lines) + form["end"] * form["last"]
    return text, numbers[bool(form["header"]) :], place


def label_column(form, pixels):
    return None if form["header"] else form["place"] % (1 + pixels)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(
    table=hnp.arrays(np.uint8, st.tuples(st.integers(1, 8), st.integers(2, 6))),
    form=FORMS,
    packed=st.booleans(),
    chunk=st.integers(1, 40),
    lines_at_once=st.integers(1, 9),
)
def test_what_was_written_is_read(folder, encoding, table, form, packed, chunk, lines_at_once):
    images, labels = table[:, 1:], table[:, 0]
    if form["zeros"] and images.max() == 1:  # which is refused, see below
        images[images == 1] = 255
    cells = [[f"{pixel}{form['zeros']}" for pixel in row] for row in images.tolist()]
    text, _, _ = written(cells, list(map(str, labels.tolist())), form)
    content = ENCODINGS[encoding] + text.encode(encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_form, "_CHUNK", chunk)
        patch.setattr(mnist_csv, "_LINES_AT_ONCE", lines_at_once)
        result = read(
            folder,
            gzip.compress(content) if packed else content,
            images.shape[1],
            label_column=label_column(form, images.shape[1]),
        )
    check_read(result, images, labels)


@pytest.mark.parametrize("value", BAD_VALUES)
@given(
    # 2 and above, because ",0,1" is a header of pandas
    table=hnp.arrays(
        np.uint8, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements={"min_value": 2}
    ),
    form=FORMS,
    row=st.integers(0, 4),
    column=st.integers(0, 5),  # 0 is the label
)
def test_one_bad_value_is_refused_by_line_and_column(folder, value, table, form, row, column):
    pixels = table.shape[1] - 1
    row, column = row % len(table), column % (1 + pixels)
    cells = [[f"{number}{form['zeros']}" for number in row] for row in table.tolist()]
    cells[row][column] = value
    text, lines, place = written([row[1:] for row in cells], [row[0] for row in cells], form)
    if column == 0:
        column = place + 1
    else:
        column += form["index"] is not None and form["header"] != ""
        column += column > place
    with pytest.raises(ValueError, match=f"line {lines[row]}, column {column}: "):
        read(folder, text, pixels, label_column=label_column(form, pixels))


CELLS = st.one_of(
    st.integers(-2, 300).map(str),
    st.integers(-2, 300).map("{}.0".format),
    st.text("0123456789. \t,;.-+eE_x#\"'\r\x0b\x1c२", max_size=5),
)


@given(
    table=st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=4),
    delimiter=st.sampled_from(",;\t"),
)
def test_the_fast_and_the_careful_way_agree(table, delimiter):
    lines = [(number, delimiter.join(row)) for number, row in enumerate(table, start=1)]
    form = csv_form.CsvForm(iter(()), delimiter, 0, (), 0)

    def outcome(parse):
        try:
            return parse(lines, form, "file", 2).tolist()
        except ValueError as error:
            return str(error)

    assert outcome(mnist_csv._parse) == outcome(mnist_csv._parse_carefully)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: the file has no rows"),
        ("\n\n", "line 1: the file has no rows"),
        ("label,a,b,c\n", "line 1: the file has no rows"),
        ("digit,a,b,c\n", "line 1: the file has no rows"),
        ("label,a,b\n1,2,3,4\n", "line 1 has 3 columns.*Is the label column missing"),
        (",a,b,c\n0,2,3,4\n", "line 1 has 3 columns after the index.*Is the label column missing"),
        ("1,2,3,4\n1,2,3,4,5\n", "line 2 has 5 columns; each line must hold 4"),
        ("1,2,3,4\n1\n", "line 2 has 1 column;"),
        ("1,2,3,4\n\n1,2,3,4,\n", "line 3 has 5 columns;"),
        ("1,2,3\n", "line 1 has 3 columns; each .*Is the label column missing"),
        ("1,2,3,4\n\x1c\n", "line 2 has 1 column;"),
        ("1 2 3 4\n", "line 1 has 1 column;.* Write commas, semicolons or tabs"),
        ("0,1,2,3,4\n1,1,2,3,4\n", r"line 1 has 5 columns;.*to_csv\(path, index=False\)"),
        ("a,label,b,c,d\n1,1,2,3,4\n", r"line 1 has 5 columns;.*to_csv\(path, index=False\)"),
        ("1,2,3,4\n1;2;3;4\n", "line 2 has 1 column;.* Write ',' between numbers.* not ';'"),
        ("1;2;3;4\n\n1\t2\t3\t4\n", r"line 3 has 1 column;.* Write ';' .* not '\\t'"),
        ("1,2,3,4\n1,2;3,4\n", "line 2 has 3 columns"),
        ("1,2,3,4\n1,2,3,256\n", "line 2, column 4: '256' is not an integer from 0 to 255"),
        ("label,a,b,c\n1,2,3,4\n1,-1,3,4\n", "line 3, column 2: '-1' is not"),
        ("1,2,3.5,4\n", "line 1, column 3: '3.5' is not .* Correct the value"),
        ("1,,3,4\n", "line 1, column 2: '' is not .* A value is missing"),
        ("NA,NA,NA,NA\n", "line 1, column 1: 'NA' is not"),
        (",,,\n", "line 1, column 1: '' is not"),
        ("1,2,nan,4\n", "line 1, column 3: 'nan' is not .* A value is missing"),
        ("1,0.5,0,1\n", "line 1, column 2: '0.5' is not .* scaled to 0 to 1. Multiply"),
        ("1,1e2,0,1\n", "line 1, column 2: '1e2' is not .* fmt='%d'"),
        ("1,2 2,3,4\n", "line 1, column 2: '2 2' is not"),
        ("1,2,3,4\n1,2,२,4\n", "line 2, column 3: '२' is not .* plain digits"),
        (b"1,2,\xff,4\n", r"line 1, column 3: '\\\\xff' is not"),
        ("1,2,3,4\n".encode("utf-16")[:-3], r"line 1, column 4: '\\\\x34' is not"),
        ("1;2;0,5;4\n", "line 1, column 3: '0,5' is not"),
        ('1,2,3,4\n1,"2,3",4,5\n', "line 2 has 5 columns"),
        ('1,2,3,4\n1,"2,3",4\n', "line 2, column 2: '\"2' is not"),
        ('1,2,"3"",4\n', 'line 1, column 3: \'"3""\' is not'),
        ('1,2,3,"4\n', "line 1, column 4: '\"4' is not"),
        ('1,2,3,4\n1,"2"3,4,4\n', "line 2, column 2: '\"2\"3' is not"),
        ('"1","2","3","x"\n', "line 1, column 4: 'x' is not"),
        ("1,2,3," + "9" * 100, "line 1, column 4: '9{40}' is not"),
        (b"7,1,2\x00,3\n", "line 1 holds the character NUL.*Export"),
        ("NA,nan,x,y2\n1,2,3,4\n", "line 1, column 1: 'NA' is not .* A value is missing"),
        ("NA,b,c,d\n1,2,3,4\n", "line 1, column 1: 'NA' is not .* A value is missing"),
        ("<NA>,#N/A,null,None\n1,2,3,4\n", "line 1, column 1: '<NA>' is not .* is missing"),
        (",0,1,2\n", "line 1, column 1: '' is not .* A value is missing"),
        ("x,0,1,2\n", "line 1, column 1: 'x' is not"),
        ("1\t2\t3\t4\n\t\t\t\n", "line 2, column 1: '' is not .* A value is missing"),
        ("\n\t\t\t\n1\t2\t3\t4\n", "line 2, column 1: '' is not .* A value is missing"),
        ("\t\t\t\n", "line 1, column 1: '' is not .* A value is missing"),
        ("1\t2\t3\t4\n \t \n", "line 2 has 2 columns"),
        ("1,2,3,4,\n", "line 1 has 5 columns;.* Each line ends in a delimiter, ',': remove it"),
        ("label;a;b;c;\n", "line 1 has 5 columns;.* Each line ends in a delimiter, ';': remove"),
        ("a,b,c\n1,2,3\n", r"line 1 has 3 columns;.*loadtxt\(.*delimiter=',', skiprows=1\)"),
    ],
)
def test_the_error_names_the_line_and_the_value(folder, content, message):
    with pytest.raises(ValueError, match=rf"(?s)digits\.csv, {message}"):
        read(folder, content)


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ("label,a,b,c\n7,1,2,3\n", [7]),
        ('"digit","a","b","c"\n"7","1","2","3"\n', [7]),  # without a known name
        ("# label,a,b,c\n7,1,2,3\n", [7]),  # as numpy.savetxt writes it
        ("label,0,1,2\n7,1,2,3\n", [7]),
        (",0,1,2,3\n0,7,1,2,3\n1,8,1,2,3\n", [7, 8]),  # as pandas writes an array
        ("Unnamed: 0,0,1,2,3\n5,7,1,2,3\n", [7]),  # and when it was read and written again
        ('"","label","V1","V2","V3"\n"1",7,1,2,3\n', [7]),  # as R writes it
        ("a,b,label,c\n1,2,7,3\n", [7]),
        ("0,1,2,3\n7,1,2,3\n", [0, 7]),  # which may be an image
        ("7,1,2,3\r\r\n\r\r\n8,1,2,3", [7, 8]),
    ],
)
def test_headers_and_indexes_of_other_programs_are_left_out(folder, content, labels):
    images, read_labels = read(folder, content)
    assert read_labels.tolist() == labels
    assert images[-1].tolist() == [1, 2, 3]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("pixels", [3, 10, 254, 255, 256, 784])
def test_a_first_line_that_numbers_the_columns_is_a_header_where_it_is_no_image(
    folder, start, pixels
):
    numbers = [*range(start, start + 1 + pixels)]
    header = ",".join(map(str, numbers))
    images, labels = read(folder, header + "\n5" + ",9" * pixels, pixels)
    is_image = numbers[-1] <= 255
    assert labels.tolist() == [start, 5][not is_image :]
    assert images.tolist() == [numbers[1:], [9] * pixels][not is_image :]


@pytest.mark.parametrize("first", [",{}", "Unnamed: 0,{}", "{},digit", "digit,{}"])
def test_numbered_columns_beside_a_name_are_a_header(folder, first):
    of_label = "digit" in first
    header = first.format(",".join(map(str, range(11 - of_label))))
    column = "digit" if of_label else None
    images, labels = read(folder, f"{header}\n5" + ",9" * (11 - of_label), 10, label_column=column)
    assert (len(images), labels.tolist()) == (1, [5 if first == "digit,{}" else 9])


@pytest.mark.parametrize(
    ("start", "kind"),
    [(b"PK\3\4\x14\0", "zip archive"), (b"\xfd7zXZ\0\0", "xz file"), (b"PK\5\6", "zip archive")],
)
def test_an_archive_of_another_kind_is_to_be_unpacked(folder, start, kind):
    with pytest.raises(ValueError, match=rf"digits\.csv .*this is a {kind}: unpack it"):
        read(folder, start + b"1,2,3,4\n")


def test_one_pixel_is_written_in_the_singular(folder):
    with pytest.raises(ValueError, match=r"2 columns, a label and 1 pixel\."):
        read(folder, "1,2,3\n", pixels=1)


@pytest.mark.parametrize(
    ("content", "column", "labels"),
    [
        ("1,2,3,4\n", None, [1]),
        ("1,2,3,4\n", 0, [1]),
        ("1,2,3,4\n", -1, [4]),
        ("1,2,3,4\n", np.int64(2), [3]),
        ("a,b,c,digit\n1,2,3,4\n", -1, [4]),
        ("a,b,c,digit\n1,2,3,4\n", "digit", [4]),
        ("a,b,c,class\n1,2,3,4\n", -1, [4]),
        ("x,y,c,digit\n1,2,3,4\n", "digit", [4]),
        ("label,class,c,d\n1,2,3,4\n", "label", [1]),
        (",a,b,c,digit\n0,1,2,3,4\n", -1, [4]),
        (",a,b,c,digit\n0,1,2,3,4\n", 0, [1]),
        ("0,0,0,7\n0,0,0,2\n0,0,0,0\n", 0, [0, 0, 0]),
    ],
)
def test_label_column_says_where_the_label_is(folder, content, column, labels):
    images, read_labels = read(folder, content, label_column=column)
    assert read_labels.tolist() == labels
    assert images.shape == (len(labels), 3)


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        (
            "a,b,c,label\n1,2,3,4\n",
            0,
            "the label is in column 0, but .*line 1, .*'label' in column 3",
        ),
        ("\nclass,b,c,d\n1,2,3,4\n", -1, "the label is in column 3, but .*line 2, .*'class'"),
        ("label,class,c,d\n1,2,3,4\n", None, "'label' and 'class' can each be .* as label_column"),
        ("label,class,c,d\n1,2,3,4\n", 0, "line 1: 'label' and 'class' can each be"),
        ("a,b,c,d\n1,2,3,4\n", "digit", "label_column must be .* 'digit', and .*0 times in its"),
        ("a,a,c,label\n1,2,3,4\n", "a", "label_column must be .* 'a', and .*2 times in its header"),
        ("1,2,3,4\n", "digit", "label_column must be .* 'digit', and .* no header"),
        ("1,2,3,4\n", 4, "label_column must be .* got 4, and there are 4 columns"),
        ("1,2,3,4\n", -5, "label_column must be .* got -5, and there are 4 columns"),
    ],
)
def test_a_label_column_that_does_not_fit_is_refused(folder, content, column, message):
    with pytest.raises(ValueError, match=message):
        read(folder, content, label_column=column)


@pytest.mark.parametrize("column", [True, 0.0, b"label", [0]])
def test_a_label_column_is_an_int_or_a_name(folder, column):
    with pytest.raises(TypeError, match="label_column must be None, the number of a column"):
        read(folder, "1,2,3,4\n", label_column=column)


def test_pixels_from_0_to_1_with_a_decimal_point_are_refused(folder):
    with pytest.raises(ValueError, match=r"the largest pixel is 1,.*scaled to 0 to 1\. Multiply"):
        read(folder, "7,0.0,1.0,0.0\n")
    images, _ = read(folder, "7,0,1,0\n")
    assert images.tolist() == [[0, 1, 0]]


def test_a_line_without_end_is_refused_early(folder):
    with pytest.raises(ValueError, match="line 2 is longer than 1048576 characters"):
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


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row,
        lambda row: row.replace(",", ", "),
        lambda row: row.replace(",", "\t"),
        lambda row: row.replace(",", ".0;") + ".0",
        lambda row: row.replace(",", ".00,"),
        lambda row: '"' + row.replace(",", '","') + '"',
    ],
    ids=["plain", "blanks", "tabs", "zeros", "more zeros", "quotes"],
)
def test_a_good_file_is_never_read_value_by_value(folder, monkeypatch, change):
    row = change("5," + ",".join(["0", "128"] * 392)) + "\n"
    monkeypatch.setattr("tinynet.data.mnist_csv._parse_carefully", None)  # it takes far longer
    images, _ = read(folder, row * 1_000, pixels=784)
    assert images.shape == (1_000, 784)


@pytest.mark.parametrize("form", ["plain", "zeros"])
def test_a_file_is_read_in_blocks(folder, form):
    row = ",".join(["5", *["0", "128"] * 392]) + "\n"
    content = (row if form == "plain" else row.replace(",", ".0,")) * 8_000
    path = folder / "large.csv"
    path.write_text(content)
    tracemalloc.start()
    try:
        images, _ = read_mnist_csv(path)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * images.nbytes + (10 << 20)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("edge", [[0, 0, 0], [255, 255, 255], [0, 100, 3]])
def test_a_label_in_the_last_column_is_refused(folder, edge):
    content = "{},255,7\n{},128,2\n{},3,0\n".format(*edge)
    with pytest.raises(ValueError, match=r"label seems to be last.*label_column=-1"):
        read(folder, content, pixels=2)
    images, labels = read(folder, content, pixels=2, label_column=-1)
    check_read((images, labels), np.column_stack([edge, [255, 128, 3]]), [7, 2, 0])


@pytest.mark.parametrize(
    "labels", [[3] * 6, [0] * 6, [1, 26, 13, 26, 2, 7], [61, 0, 35, 10, 9, 60], [0, 0, 0, 0, 1, 0]]
)
def test_labels_of_one_class_and_of_letters_are_labels(folder, labels):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4))
    pixels[:, -2:] = [[0, 1], [2, 0], [1, 3], [5, 2], [7, 4], [9, 6]]  # noise in a dark corner
    content = "".join(
        f"{','.join(map(str, [t, *row]))}\n" for t, row in zip(labels, pixels, strict=True)
    )
    check_read(read(folder, content, pixels=4), pixels, labels)


def test_y_is_not_the_label_beside_a_better_name(folder):
    images, labels = read(folder, "x,y,label\n1,2,7\n3,4,5\n", pixels=2)
    check_read((images, labels), [[1, 2], [3, 4]], [7, 5])


def test_a_header_whose_last_name_seems_to_be_the_label_is_refused(folder):
    content = "pixel1,pixel2,pixel3,digit\n1,2,3,7\n"
    with pytest.raises(ValueError, match=r"line 1: the label seems .* with label_column='digit'"):
        read(folder, content)
    assert read(folder, content, label_column="digit")[1] == [7]
    assert read(folder, content, label_column=0)[1] == [1]


@pytest.mark.parametrize(
    "names",
    [
        ["label", *(f"pixel{n}" for n in range(11, -1, -1))],
        ["label", *sorted(f"pixel{n}" for n in range(12))],
        ["label", *(f"{row}x{column}" for column in (1, 2, 3) for row in (1, 2, 3, 4))],
        [*(f"p{n}" for n in (1, 0)), "label", *(f"p{n}" for n in range(2, 12))],
    ],
)
def test_pixels_that_are_not_in_the_order_of_their_names_are_refused(names, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + ",".join(["1"] * 13) + "\n")
    with pytest.raises(ValueError, match=r"line 1: the column '.*' comes after .*not in order"):
        read_mnist_csv(path, pixels=12)


@pytest.mark.parametrize("place", [1, 5, 12])
def test_a_name_unlike_the_others_is_not_taken_for_a_pixel(place, tmp_path):
    names = [f"pixel{n}" for n in range(12)]
    names.insert(place, "digit")
    path = tmp_path / "a.csv"
    path.write_text(",".join(names) + "\n" + ",".join(["0"] * 13) + "\n")
    with pytest.raises(ValueError, match="label seems to be in the column 'digit'"):
        read_mnist_csv(path, pixels=12)
    assert read_mnist_csv(path, pixels=12, label_column="digit")[1].tolist() == [0]
