"""Zip archives from anywhere: opened without more memory than the limits allow."""

import zipfile
from typing import Any, BinaryIO, cast

from tinynet.errors import LoadError

MOST_MEMBERS = 100_000
"""Limit of a file: ten arrays for each of the most layers, of which a BatchNorm needs eight."""

LARGEST_CONTENTS = 1 << 24
"""Limit of a table of contents in bytes: 167 for each member, names included."""

_ENTRY_SIGN = b"PK\1\2"  # the first bytes of each entry


class _Contents:
    """A file whose table of contents zipfile may read if it is not too long.

    zipfile makes an object of about 600 bytes of each entry before it returns anything.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.opened = file, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes, in which there may be the whole table."""
        if not self.opened and size > LARGEST_CONTENTS:
            raise LoadError(
                f"its table of contents has {size:,} bytes and may have {LARGEST_CONTENTS:,}: "
                f"get the file from somewhere else"
            )
        content = self._file.read(size)
        if not self.opened and (count := content.count(_ENTRY_SIGN)) > MOST_MEMBERS:
            raise LoadError(
                f"it has {count:,} members and may have {MOST_MEMBERS:,}: get the file from "
                f"somewhere else"
            )
        return content


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open an archive for reading; a table of contents beyond the limits is not parsed."""
    contents = _Contents(file)
    archive = zipfile.ZipFile(cast(BinaryIO, contents))
    contents.opened = True
    return archive
