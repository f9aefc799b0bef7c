"""The file format: a `.npz` of named arrays and one JSON header, all checked before use.

The file is a zip archive whose members are stored uncompressed: `tinynet.json`, and `NAME.npy` for
each array. `numpy.load` opens it too. Nothing in it is ever unpickled.
"""

import errno
import json
import math
import os
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, NoReturn

import numpy as np

from tinynet.errors import LoadError
from tinynet.persistence.atomic import open_regular, write_atomically
from tinynet.text import escaped, shown
from tinynet.types import Array, FilePath
from tinynet.zip_files import LARGEST_CONTENTS, MOST_MEMBERS, open_zip

VERSION = 1
"""The version of the format; a reader refuses newer ones."""

_HEADER = "tinynet.json"
_LARGEST_HEADER = 1 << 22  # parsed JSON takes about twenty times its length in memory

_ENTRY = 46 + 28  # at most so many bytes of the table besides the name
_END, _END_SIGN = 22, b"PK\5\6"  # of the table
_LONGEST_NAME = 10_000  # zip files count the bytes of a name in 16 bits
_SIDE = rb"(?:0|[1-9]\d*)"
_ARRAY_HEADER = re.compile(  # of version 1.0; the others are for arrays of records
    rb"\x93NUMPY\x01\x00..\{'descr': '([<|][biuf]\d+)', 'fortran_order': False, "
    rb"'shape': \((|%b,|%b(?:, %b)+)\), \} *\n" % (_SIDE, _SIDE, _SIDE),
    re.DOTALL,
)
_MOST_PROBLEMS = 20
_ALLOWED = "files hold arrays of bool, integers, float16, float32 and float64"
_BEFORE_ZIP_BEGAN = (1980, 1, 1, 0, 0, 0)  # no clock: equal networks make equal files


def write_archive(path: FilePath, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a header and named arrays into one file, as `write_atomically` does."""
    text = json.dumps({"format": "tinynet", "version": VERSION, **header}, allow_nan=False)
    if len(text) > _LARGEST_HEADER:
        raise ValueError(
            f"what describes the network and its training may have {_LARGEST_HEADER:,} bytes of "
            f"JSON and is too long: {len(text):,} bytes. Shorten the arguments or names in it"
        )
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or not _storable(array.dtype):
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{name} is {kind}; {_ALLOWED}")
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            raise ValueError(
                f"the name of an array in a file must have at most {_LONGEST_NAME:,} characters, "
                f"all printable; got {shown(name)} of {len(name):,}. Rename it in its layer"
            )
    entries = [len(f"{name}.npy".encode()) + _ENTRY for name in (_HEADER, *arrays)]
    if len(entries) > MOST_MEMBERS or sum(entries) > LARGEST_CONTENTS:
        raise ValueError(
            f"a file holds at most {MOST_MEMBERS - 1:,} arrays, with a table of contents of at "
            f"most {LARGEST_CONTENTS:,} bytes; got {len(arrays):,} arrays and up to "
            f"{sum(entries):,} bytes. Save parts of the network in files of their own"
        )

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(_HEADER, _BEFORE_ZIP_BEGAN), text)
            for name, array in arrays.items():
                info = zipfile.ZipInfo(f"{name}.npy", _BEFORE_ZIP_BEGAN)
                info.file_size = array.nbytes + 1024  # tells zipfile whether it needs zip64
                little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                with archive.open(info, "w") as member:
                    np.lib.format.write_array(
                        member, little.reshape(array.shape), allow_pickle=False
                    )

    write_atomically(path, write)


def read_archive(path: FilePath) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays of a file that `write_archive` made.

    Before memory is allocated for an array, its declared shape and type are compared with the bytes
    that are there, so a file takes no more memory than a few times its own size.
    """
    with open_regular(path) as file:
        try:
            with open_zip(file) as archive:
                _check_members(archive.infolist(), file)
                return _read_header(archive), _read_arrays(archive)
        except MemoryError:
            raise
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):  # that of an impossible place in the file
                raise
            refuse(path, [f"it is damaged or is not a tinynet file ({error})"], error)
        except LoadError as error:
            refuse(path, error.args)
        except Exception as error:  # zipfile and NumPy raise many kinds for a damaged file
            refuse(path, [f"it is damaged or is not a tinynet file ({error})"], error)


def refuse(path: FilePath, problems: Sequence[str], cause: Exception | None = None) -> NoReturn:
    """Raise one error that lists what is wrong with a file, shortened to what people read."""
    more = len(problems) - _MOST_PROBLEMS
    problems = problems[:_MOST_PROBLEMS]
    problems = [text if len(text) < 600 else f"{text[:600]} …" for text in problems]
    problems = [escaped(text) for text in problems] + [f"and {more:,} more"] * (more > 0)
    inside = problems[0] if len(problems) == 1 else "\n  - ".join(["", *problems])
    raise LoadError(f"{os.fspath(path)} cannot be loaded: {inside}") from cause


def _storable(dtype: np.dtype[Any]) -> bool:
    """Float16 to float64, integers and bool: the types that are alike on every machine."""
    return dtype.kind in "iub" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _check_members(members: Sequence[zipfile.ZipInfo], file: BinaryIO) -> None:
    """Refuse a table of contents that is not complete, or not possible in a file of this size."""
    size = file.seek(-_END, os.SEEK_END) + _END
    end = file.read()
    if not end.startswith(_END_SIGN):
        raise LoadError(
            "there are bytes behind the end of its archive, such as a comment. tinynet writes "
            "none, so something else has added them. Get the file again"
        )
    counted = int.from_bytes(end[10:12], "little")  # which zipfile does not read
    if counted != min(len(members), 0xFFFF):
        raise LoadError(
            f"its table of contents is damaged: {len(members):,} members are found, and its end "
            f"says {counted:,}. Get the file again"
        )
    names = [info.filename for info in members]
    if _HEADER not in names:
        raise LoadError("it was not written by tinynet. numpy.load may read it")
    problems = [f"{name} is there twice" for name, count in Counter(names).items() if count > 1]
    for info in members:
        name = info.filename
        if name != _HEADER and not name.endswith(".npy"):
            problems.append(f"tinynet does not write {name}")
        elif info.flag_bits & 1:
            problems.append(f"{name} is encrypted")
        elif info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            problems.append(f"{name} is compressed; tinynet stores arrays uncompressed")
        elif not 0 <= info.header_offset <= size - info.file_size:
            problems.append(f"{name} would reach beyond the end of the file")
    if not problems and sum(info.file_size for info in members) > size:
        problems.append("its members overlap")
    if problems:
        raise LoadError(*problems)


def _read_header(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(_HEADER).file_size > _LARGEST_HEADER:
        raise LoadError(f"{_HEADER} is larger than {_LARGEST_HEADER:,} bytes")
    try:
        header = json.loads(archive.read(_HEADER))
    except RecursionError as error:
        raise LoadError(f"{_HEADER} is nested too deeply") from error
    if not isinstance(header, dict) or header.get("format") != "tinynet":
        raise LoadError(f"{_HEADER} is not that of a tinynet file")
    version = header.get("version")
    if not isinstance(version, int) or version < 1:
        raise LoadError(f"its format version is {version!r}, but must be a positive int")
    if version > VERSION:
        raise LoadError(
            f"it has format version {version}, and this tinynet reads up to {VERSION}. Update it"
        )
    return header


def _read_arrays(archive: zipfile.ZipFile) -> dict[str, Array]:
    arrays = {}
    for info in archive.infolist():
        if info.filename != _HEADER:
            with archive.open(info) as member:
                _check_array(member, info)
            with archive.open(info) as member:  # which compares the checksum at its end
                array = np.lib.format.read_array(member, allow_pickle=False)
            native = array.astype(array.dtype.newbyteorder("="), copy=False)
            arrays[info.filename.removesuffix(".npy")] = native
    return arrays


def _check_array(member: Any, info: zipfile.ZipInfo) -> None:
    """Refuse an array that is not as large as its member, or of another kind than we write.

    NumPy reads a header as Python, also that of Python 2; so it gets only what NumPy writes.
    """
    start = member.read(10)
    start += member.read(int.from_bytes(start[8:], "little"))
    found = _ARRAY_HEADER.fullmatch(start)
    if not found:
        raise LoadError(
            f"{info.filename} has the header {start[:100]!r}, which is not as tinynet writes it"
        )
    dtype, sides = np.dtype(found[1].decode()), found[2].replace(b",", b" ").split()
    if not _storable(dtype):
        raise LoadError(f"{info.filename} holds {dtype}; {_ALLOWED}")
    shape = tuple(map(int, sides))
    there, declared = info.file_size - len(start), math.prod(shape) * dtype.itemsize
    if declared != there:
        raise LoadError(
            f"{info.filename} declares {dtype} {shape}, {declared:,} bytes, and {there:,} are there"
        )
