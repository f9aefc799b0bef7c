"""Files that are replaced completely or not at all."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tinynet.checks import file_path
from tinynet.types import FilePath


def write_atomically(path: FilePath, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill a new file, then put it in the place of the old one.

    The new content goes to a temporary file in the same folder, is flushed to the disk, and takes
    the name over in one step. So a crash at any moment leaves the old file or the new one, whole. A
    process that is killed may leave the temporary file behind, `.NAME.*.tmp`, which can be deleted.
    The umask decides the permissions, and a symbolic link keeps pointing where it did.

    Raises:
        OSError: the folder is missing or cannot be written to, the path is a folder or a device,
            the disk is full; an old file is then as it was.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_atomically(folder / "greeting", lambda file: print(file.write(b"hello")))
        5
        >>> (folder / "greeting").read_bytes(), len(list(folder.iterdir()))
        (b'hello', 1)
    """
    target = check_target(path)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    must_be_new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            with os.fdopen(os.open(temporary, must_be_new, 0o666), "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        state = "the old file is as it was" if target.exists() else "nothing was written"
        raise OSError(
            error.errno, f"cannot write {path} ({error.strerror or error}); {state}"
        ) from error
    # The new file is in its place; its name is flushed to the disk too. Some folders cannot be
    # flushed, for instance because they may not be listed; as in SQLite, that is not an error.
    if os.name == "posix":  # Windows cannot open folders
        with contextlib.suppress(OSError):
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def check_target(path: FilePath) -> Path:
    """The place to which a path leads, if a file can be written there."""
    target = Path(os.path.realpath(file_path(path)))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: add the name of a file in it, {path}/net.npz")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {target.parent}. Make it")
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is a device or a pipe: pass the path of a file")
    return target


def open_regular(path: FilePath) -> BinaryIO:
    """Open a file for reading; an error says what the path leads to instead of a file."""
    place = Path(file_path(path))
    if place.is_dir():
        raise IsADirectoryError(f"{path} is a folder: pass the path of a file in it")
    if not place.exists():
        raise FileNotFoundError(f"there is no file {path} (looked in {place.absolute().parent})")
    if not place.is_file():
        raise ValueError(f"{path} is a device or a pipe: pass the path of a file")
    return place.open("rb")
