"""A crash, a full disk or a folder without permission: the old file or the new one, whole."""

import contextlib
import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tinynet import Dense, load, save
from tinynet.persistence import archive, write_atomically

PROGRAM = Path(__file__).with_name("killed.py")


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parents[1])},
    )


@pytest.mark.parametrize("what", ["save", "train"])
def test_sigkill_leaves_the_old_file_or_the_new_one(tmp_path, thorough, what, capsys):
    kills = 250 if thorough else 20
    done = run(PROGRAM, what, str(kills), tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    with capsys.disabled() if thorough else contextlib.nullcontext():
        print(f"\nSIGKILL while {what}: {result}")
    assert result["kills"] == kills
    assert result["unreadable"] == 0
    assert result.get("differing", 0) == 0


@pytest.fixture
def old(tmp_path):
    """A file that is there already, and its content."""
    path = tmp_path / "net.npz"
    save(Dense(2, 2, rng=0), path)
    return path, path.read_bytes()


def is_whole(path, content):
    assert path.read_bytes() == content
    assert [each.name for each in path.parent.iterdir()] == [path.name], "no litter"
    load(path)


def test_a_full_disk_leaves_the_old_file(old):
    """The limit on the size of a file acts as a disk that is full after 50 KiB."""
    path, content = old
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50 << 10, limits[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write .*net\.npz.*the old file is as it was"):
            save(Dense(100, 100, rng=0), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    is_whole(path, content)


def test_a_folder_in_which_no_file_can_be_made_says_so():
    """/proc takes no new files, not even from the administrator."""
    with pytest.raises(OSError, match=r"cannot write /proc/net\.npz.*nothing was written"):
        save(Dense(2, 2, rng=0), "/proc/net.npz")


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_whatever_call_fails_the_old_file_is_whole(old, monkeypatch, call, code):
    path, content = old

    def failing(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(
            *((archive.zipfile.ZipFile, "open") if call == "write" else (os, call)), failing
        )
        with pytest.raises(OSError, match=r"cannot write .*the old file is as it was") as caught:
            save(Dense(3, 3, rng=1), path)
    assert caught.value.errno == code
    assert isinstance(caught.value, PermissionError) == (code == errno.EACCES)
    assert os.strerror(code) in str(caught.value)
    is_whole(path, content)


def test_a_folder_that_cannot_be_flushed_keeps_the_new_file(old, monkeypatch):
    path, _ = old
    real = os.fsync

    def failing(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    save(Dense(3, 3, rng=1), path)
    is_whole(path, path.read_bytes())
    assert load(path).params.size == 12


def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is a device or a pipe"):
        save(Dense(2, 2, rng=0), tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_an_interrupt_while_writing_leaves_the_old_file(old):
    path, content = old

    def interrupted(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, interrupted)
    is_whole(path, content)


@pytest.mark.parametrize(
    "call",
    [
        "save(net, sys.argv[1])",
        "fit(net, MSELoss(), SGD(net, lr=0.1), x, x, epochs=10**6, checkpoint=sys.argv[1] + '2')",
    ],
)
def test_a_read_only_folder_says_so(call):
    """Permissions do not bind the administrator, so the program gives his rights up."""
    program = f"""
import os, sys
import numpy as np
from tinynet import SGD, Dense, MSELoss, fit, save
if os.getuid() == 0:
    os.setuid(65534)
net, x = Dense(3, 3, rng=0), np.eye(3)
{call}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.npz")
        save(Dense(2, 2, rng=0), path)
        content = path.read_bytes()
        os.chmod(folder, 0o555)
        done = run("-c", program, path)
        is_whole(path, content)
    assert done.returncode == 1
    assert "PermissionError" in done.stderr
    assert ("old file is as it was" if "save" in call else "nothing was written") in done.stderr
    assert not done.stdout


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a"

    def slow(file):
        file.write(b"first")
        write_atomically(path, lambda other: other.write(b"second"))

    write_atomically(path, slow)
    assert path.read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1
