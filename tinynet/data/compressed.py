"""Opening files that are plain or compressed with gzip."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from tinynet.checks import file_path
from tinynet.types import FilePath

_OTHERS = {  # how files of other kinds begin
    b"PK\3\4": "zip archive",
    b"PK\5\6": "zip archive",  # without content
    b"\xfd7zXZ\0": "xz file",
    b"BZh91AY&SY": "bzip2 file",
    b"7z\xbc\xaf\x27\x1c": "7z archive",
}


@contextmanager
def open_unpacked(path: FilePath) -> Iterator[BufferedIOBase]:
    """The unpacked content of a file.

    A gzip file is recognized by its first two bytes and not by its name, because browsers unpack
    downloads and keep the `.gz`.

    Raises:
        ValueError: the gzip data is damaged, which is found while the caller reads; or the file is
            an archive of another kind.
    """
    with Path(file_path(path)).open("rb") as file:
        start = file.peek(16)
        if other := next((kind for sign, kind in _OTHERS.items() if start.startswith(sign)), ""):
            table = " If it is a table of a spreadsheet program, export it as CSV." * (
                "zip" in other
            )
            raise ValueError(
                f"{path} must be plain or compressed with gzip, and this is a {other}: unpack it, "
                f"and pass the file that was in it.{table}"
            )
        if start[:2] != b"\x1f\x8b":
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} is a damaged gzip file ({error}): download or copy it again."
            ) from error
