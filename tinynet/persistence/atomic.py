"""Files that are replaced completely or not at all."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tinynet.checks import file_path
from tinynet.types import FilePath

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


def write_atomically(path: FilePath, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill a new file, then put it in the place of the old one.

    The new content goes to a temporary file in the same folder, is flushed to the disk, and takes
    the name over in one step. So a crash at any moment leaves the old file or the new one, whole.
    What a process that was killed has left behind is deleted by the next one that writes the file.
    The permissions are those of the old file, or those that the umask gives a new one. A symbolic
    link keeps pointing where it did.

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
    # short, because the name of the target may be as long as names can be
    prefix = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}."
    temporary = target.parent / f"{prefix}{secrets.token_hex(4)}.tmp"
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    must_be_new = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        try:
            # never more than the old file's: who may open it once may read what is written later
            handle = os.open(temporary, must_be_new, 0o666 if mode is None else mode)
            with os.fdopen(handle, "wb") as file:
                _lock(file)
                _delete_abandoned(target.parent, prefix, temporary)
                if mode is not None:  # of which the umask may have taken something
                    with contextlib.suppress(OSError):  # a file system may know no permissions
                        temporary.chmod(mode)
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


def _lock(file: BinaryIO) -> bool:
    """Mark a file as one that a process is writing; whether no other one is."""
    if fcntl is None:  # on Windows, which deletes no file that is open
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _delete_abandoned(folder: Path, prefix: str, own: Path) -> None:
    """Delete temporary files of the same target that no process is writing any more."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(prefix) and name.endswith(".tmp") and name != own.name:
                with contextlib.suppress(OSError), open(folder / name, "rb") as file:
                    if _lock(file):
                        os.unlink(folder / name)


def check_target(path: FilePath) -> Path:
    """The place to which a path leads, if a file can be written there."""
    target = Path(os.path.realpath(file_path(path)))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: add the name of a file in it, {path}/net.npz")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {target.parent}. Make it")
    if not os.access(target.parent, os.W_OK):
        state = "the old file is as it was" if target.exists() else "nothing was written"
        raise PermissionError(f"cannot write {path}: {target.parent} is read-only; {state}")
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{path} is a device or a pipe: pass the path of a file")
    return target


def open_regular(path: FilePath) -> BinaryIO:
    """Open a file for reading; an error says what the path leads to instead of a file."""
    place = file_path(path)
    if place.is_dir():
        raise IsADirectoryError(f"{path} is a folder: pass the path of a file in it")
    if not place.exists():
        raise FileNotFoundError(f"there is no file {path} (looked in {place.absolute().parent})")
    if not place.is_file():
        raise ValueError(f"{path} is a device or a pipe: pass the path of a file")
    return place.open("rb")
