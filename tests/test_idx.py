"""Reading IDX: every array comes back, every damage is refused."""

import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
SMALL = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)


def idx(array):
    header = struct.pack(
        f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.str[1:]], array.ndim, *array.shape
    )
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def header(*shape, code=0x08):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)


def read_bytes(folder, content):
    path = folder / "file"
    path.write_bytes(content)
    return read_idx(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@given(
    array=hnp.arrays(
        st.sampled_from(list(CODES)), hnp.array_shapes(max_dims=5, min_side=0, max_side=5)
    ),
    packed=st.booleans(),
)
def test_what_was_written_is_read(folder, array, packed):
    content = idx(array)
    read = read_bytes(folder, gzip.compress(content) if packed else content)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_truncation_and_every_extra_byte_is_refused(folder, pack):
    content = pack(idx(SMALL))
    for length in range(len(content)):
        with pytest.raises(ValueError, match="file"):
            read_bytes(folder, content[:length])
    with pytest.raises(ValueError, match="file"):
        read_bytes(folder, content + b"\1")
    with pytest.raises(ValueError, match=r"(more|7) follow"):
        read_bytes(folder, pack(idx(SMALL) + b"\1"))


def test_every_flipped_bit_of_the_header_is_refused_or_harmless(folder):
    content = idx(SMALL)
    for position in range(16):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            try:
                read = read_bytes(folder, bytes(damaged))
            except ValueError:
                continue
            # uint8 and int8 are one bit apart, and no file can know which was meant
            assert (position, read.dtype) == (2, np.dtype(np.int8))
            np.testing.assert_array_equal(read, SMALL)


def test_every_flipped_bit_of_a_gzip_file_is_refused_or_harmless(folder):
    content = gzip.compress(idx(SMALL))
    for position in range(len(content)):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[position] ^= 1 << bit
            try:
                read = read_bytes(folder, bytes(damaged))
            except ValueError:
                continue
            # the time, the system and some padding: bits that nobody reads
            np.testing.assert_array_equal(read, SMALL)


def test_a_damaged_gzip_file_is_named(folder):
    with pytest.raises(ValueError, match=r"file is a damaged gzip file .*copy it again"):
        read_bytes(folder, gzip.compress(idx(SMALL))[:-4])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds 0 bytes"),
        (b"\x89PNG\r\n", "begin with two zero bytes and begins with 89 50 4e 47"),
        (header(1, code=0x07) + b"\0", "the type must be one of .* got 0x07"),
        (header() + b"\0", "claims 0 axes"),
        (header(*[1] * 65) + b"\0", "claims 65 axes"),
        (header(2, 3)[:-1], "ends within its header"),
        (header(2, 3) + bytes(5), r"uint8 \(2, 3\), which is 6 bytes, but 5 follow"),
        (header(2**31, 2**31, 4), "no computer can hold"),
        (header(0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "no computer can hold"),
    ],
)
def test_the_error_says_what_is_wrong(folder, content, message):
    with pytest.raises(ValueError, match=message):
        read_bytes(folder, content)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("shape", [(2**31, 2**31), (2**32 - 1, 1000), (2**30,)])
def test_a_header_that_lies_costs_no_memory(folder, pack, shape):
    assert math.prod(shape) >= 2**30
    content = pack(header(*shape) + bytes(100))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="but 100 follow"):
            read_bytes(folder, content)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_content_that_goes_on_for_ever_is_not_read_to_its_end(folder):
    content = gzip.compress(header(3) + bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more follow"):
            read_bytes(folder, content)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
