"""Opening files that are plain or compressed with gzip."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

from tinynet.checks import file_path
from tinynet.types import FilePath


@contextmanager
def open_unpacked(path: FilePath) -> Iterator[BufferedIOBase]:
    """The unpacked content of a file.

    A gzip file is recognized by its first two bytes and not by its name, because browsers unpack
    downloads and keep the `.gz`.

    Raises:
        ValueError: the gzip data is damaged, which is found while the caller reads.
    """
    with Path(file_path(path)).open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            yield file
            return
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield unpacked
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path} is a damaged gzip file ({error}): download or copy it again."
            ) from error
