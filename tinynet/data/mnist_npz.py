"""MNIST in one file, `mnist.npz`, as Keras stores it."""

import contextlib
import errno
import math
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinynet.text import escaped, shown
from tinynet.types import Array
from tinynet.zip_files import open_zip

NAMES = ("x_train", "y_train", "x_test", "y_test")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those that NumPy writes
_MOST_BYTES = 1 << 28  # of an array; the largest of MNIST has 47 million


def read_mnist_npz(path: Path) -> list[Array]:
    """The arrays `x_train, y_train, x_test, y_test` in a file that `numpy.savez` wrote.

    Before memory is allocated for an array, its type and shape are those of MNIST, fit the size in
    the table of contents, and are within a limit. Nothing is unpickled.

    Raises:
        ValueError: an array is missing, has another type or shape or is too large, or the file is
            damaged.
    """
    with path.open("rb") as file, _damage_named(path):
        archive = open_zip(file)
        problem = _members_problem(archive.infolist())
        for name in () if problem else NAMES:
            with archive.open(f"{name}.npy") as member:
                info = archive.getinfo(f"{name}.npy")
                problem = problem or _array_problem(name, member, info.file_size)
        arrays = [] if problem else [_array(archive, name) for name in NAMES]
    if problem:
        raise ValueError(f"{path} is not Keras' mnist.npz: {escaped(problem)}.")
    return arrays


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk failed, not the file
        # zipfile, zlib and NumPy raise many kinds for a damaged file
        raise ValueError(
            f"{path} is damaged or is not a .npz file ({escaped(str(error))}): download or copy it "
            "again."
        ) from error


def _members_problem(members: Sequence[zipfile.ZipInfo]) -> str:
    """What is wrong in the table of contents, or nothing."""
    names = [info.filename for info in members]
    if any(names.count(f"{name}.npy") != 1 for name in NAMES):
        held = [name.removesuffix(".npy") for name in names]
        return f"it must hold each of {', '.join(NAMES)} once, and holds {shown(held)}"
    members = [info for info in members if info.filename.removesuffix(".npy") in NAMES]
    for info in members:
        if info.flag_bits & 1 or info.compress_type not in _COMPRESSIONS:
            return f"{info.filename} is not stored as numpy.savez and savez_compressed do"
    return ""


def _array_problem(name: str, member: IO[bytes], size: int) -> str:
    """What is wrong in the header of an array, or nothing."""
    version = np.lib.format.read_magic(member)
    if version != (1, 0):  # the others are for arrays of records
        return f"{name} has the .npy version {version}"
    try:
        with warnings.catch_warnings():  # NumPy reads it as Python, which may warn
            warnings.simplefilter("error")
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    except MemoryError as error:  # Python's parser says so of a text that is nested too deeply
        raise ValueError(f"the header of {name} cannot be read") from error
    declared, there = math.prod(shape) * dtype.itemsize, size - member.tell()
    rule = images_rule if name in NAMES[::2] else labels_rule
    if problem := rule(dtype, shape):
        return f"{name} holds {shown(dtype)} {shown(shape)}, but {problem}"
    if declared != there:
        return f"{name} declares {declared:,} bytes, and {there:,} are there"
    if there > _MOST_BYTES:
        return f"{name} has {there:,} bytes, and {_MOST_BYTES:,} is the limit"
    return ""


def _array(archive: zipfile.ZipFile, name: str) -> Array:
    with archive.open(f"{name}.npy") as member:  # which compares the checksum at its end
        array = np.lib.format.read_array(member, allow_pickle=False)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def images_rule(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """What images must be, if an array of that type and shape is not; otherwise nothing."""
    if dtype == np.uint8 and shape[1:] == (28, 28):
        return ""
    scaled = " and not scaled. Multiply them by 255 and round them" * (dtype.kind == "f")
    return f"images are uint8 (N, 28, 28){scaled}"


def labels_rule(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """The same for labels."""
    one_hot = ". Take the largest of each row, labels.argmax(axis=1)" * (len(shape) == 2)
    return "" if dtype.kind in "iu" and len(shape) == 1 else f"labels are integers (N,){one_hot}"
