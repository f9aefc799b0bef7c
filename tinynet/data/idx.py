"""Arrays in the IDX format, that of the MNIST files."""

import math
import struct
import sys
from io import BufferedIOBase
from typing import Any

import numpy as np

from tinynet.data.compressed import open_unpacked
from tinynet.types import Array, FilePath

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 1 << 20  # bytes to read at once
_MOST_AXES = 64  # NumPy's limit


def read_idx(path: FilePath) -> Array:
    """Read the array in an IDX file, plain or compressed with gzip.

    The file has a header and then the values, all big-endian. The header is two zero bytes, one
    byte for the type, one byte for the number of axes, and the length of each axis as a 32-bit
    integer. The array has that type and shape, in this machine's byte order. Memory is allocated
    only for values that the file really holds.

    Raises:
        ValueError: the file is not an IDX file, is longer or shorter than its header says, or is
            damaged gzip.

    References:
        Y. LeCun, C. Cortes, C.J.C. Burges, "The MNIST database", http://yann.lecun.com/exdb/mnist/

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "small-idx1-ubyte")
        ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
        ...     read_idx(path)
        array([5, 0, 4], dtype=uint8)
    """
    with open_unpacked(path) as file:
        dtype, shape = _read_header(file, path)
        # math.prod, because NumPy's wraps around: 2³¹ · 2³¹ · 4 would be 0
        size = math.prod(shape) * dtype.itemsize
        # In chunks, because the header may claim any size. One byte more than that is requested,
        # to find extra content and to let gzip compare its checksum at the end.
        content = bytearray()
        while chunk := file.read(min(_CHUNK, size + 1 - len(content))):
            content += chunk
    if len(content) != size:
        raise ValueError(
            f"{path}: the header says {dtype.newbyteorder('=').name} {shape}, which is {size} "
            f"bytes, but {len(content) if len(content) < size else 'more'} follow. Download or "
            f"copy it again."
        )
    array = np.frombuffer(content, dtype).reshape(shape)
    if not array.dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return array


def _read_header(file: BufferedIOBase, path: FilePath) -> tuple[np.dtype[Any], tuple[int, ...]]:
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(
            f"{path} is not an IDX file: it holds {len(magic)} bytes, and a header has at least 8."
        )
    if magic[:2] != b"\0\0":
        raise ValueError(
            f"{path} is not an IDX file: it must begin with two zero bytes and begins with "
            f"{magic.hex(' ')}. Is it the right file?"
        )
    code, axes = magic[2], magic[3]
    if code not in _DTYPES:
        known = ", ".join(f"0x{known:02x}" for known in _DTYPES)
        raise ValueError(f"{path}: the type must be one of {known}; got 0x{code:02x}.")
    if not 1 <= axes <= _MOST_AXES:
        raise ValueError(f"{path} claims {axes} axes; an array has 1 to {_MOST_AXES}.")
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise ValueError(f"{path} ends within its header: the lengths of {axes} axes are missing.")
    dtype, shape = np.dtype(_DTYPES[code]), struct.unpack(f">{axes}I", lengths)
    # As NumPy does, which also needs the other axes of an empty array to fit.
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"{path} claims the shape {shape}, which no computer can hold.")
    return dtype, shape
