"""Files of networks: their paths, those of others, and arrays of any layout."""

import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
from layers import Scale

from tinynet import Dense, LoadError, Sequential, Sigmoid
from tinynet.interop import load_safetensors, save_safetensors
from tinynet.persistence import load, load_parameters, save, write_atomically
from tinynet.persistence.archive import read_archive, write_archive

# Paths


@pytest.mark.parametrize(
    "read",
    [load, lambda path: load_parameters(Sigmoid(), path)],
    ids=["load", "load_parameters"],
)
def test_reading_from_no_file_says_so(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "missing.npz")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe"):
        read(tmp_path / "pipe")


@pytest.mark.parametrize("call", [save, load_parameters, save_safetensors, load_safetensors])
def test_a_path_in_the_place_of_the_network_is_told_the_order(tmp_path, call):
    for wrong, right in (("net.npz", Sigmoid()), (Sigmoid, tmp_path / "net.npz")):
        order = rf"{call.__name__} takes the network first, {call.__name__}\(net, path\); got "
        with pytest.raises(TypeError, match=order):
            call(wrong, right)


def test_a_network_in_the_place_of_the_path_is_told_what_fills_it():
    with pytest.raises(TypeError, match=r"net = load\(path\); got Sigmoid .*load_parameters\(net"):
        load(Sigmoid())


def test_writing_to_no_place_says_so(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder: add the name"):
        save(Sigmoid(), tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        save(Sigmoid(), tmp_path / "missing" / "net.npz")


def test_the_umask_decides_the_permissions_and_links_stay_links(tmp_path):
    target, link = tmp_path / "target.npz", tmp_path / "link.npz"
    link.symlink_to(target)
    old = os.umask(0o027)
    try:
        save(Sigmoid(), link)
    finally:
        os.umask(old)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.npz", "target.npz"]


@pytest.mark.parametrize("umask", [0, 0o077])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o604])
def test_nobody_may_read_the_new_content_who_could_not_read_the_old(
    tmp_path, monkeypatch, umask, mode
):
    """From the moment at which the temporary file is made: who has it open may read it later."""
    path, modes, create = tmp_path / "net.npz", [], os.open
    path.touch(mode)
    path.chmod(mode)

    def observed(*args, **kwargs):
        handle = create(*args, **kwargs)
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        return handle

    def write(file):
        modes.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))

    old = os.umask(umask)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", observed)
            write_atomically(path, write)
    finally:
        os.umask(old)
    at_creation, at_writing, *_ = modes
    assert at_creation == mode & ~umask
    assert at_writing == stat.S_IMODE(path.stat().st_mode) == mode


# Files of others


def test_another_programs_npz_is_named_as_such(tmp_path):
    np.savez(tmp_path / "other.npz", W=np.ones(3))
    with pytest.raises(LoadError, match=r"not written by tinynet.*numpy\.load"):
        load(tmp_path / "other.npz")


@pytest.mark.parametrize("data", [b"", b"PK", b"\x89PNG\r\n", pickle.dumps([1]), bytes(5000)])
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "net.npz").write_bytes(data)
    with pytest.raises(LoadError, match="damaged or is not a tinynet file"):
        load(tmp_path / "net.npz")


def test_a_newer_format_version_is_refused(tmp_path):
    write_archive(tmp_path / "net.npz", {"version": 2}, {})
    with pytest.raises(LoadError, match=r"format version 2, and this tinynet reads up to 1\. Upd"):
        load(tmp_path / "net.npz")


@pytest.mark.parametrize("version", [0, -1, "1", None, 1.5])
def test_a_version_that_is_none_is_refused(tmp_path, version):
    write_archive(tmp_path / "net.npz", {"version": version}, {})
    with pytest.raises(LoadError, match="must be a positive int"):
        load(tmp_path / "net.npz")


def test_an_unknown_class_is_named_with_how_to_pass_it(tmp_path):
    save(Sequential(Scale(2)), tmp_path / "net.npz")
    with pytest.raises(LoadError, match=r"not tinynet's own: Scale.*layers=\{'Scale': Scale\}"):
        load(tmp_path / "net.npz")


@pytest.mark.parametrize("layers", [[Scale], Scale, {"Scale": 3}, {"Scale": Scale(2)}, "Scale"])
def test_classes_of_ones_own_come_by_name(tmp_path, layers):
    save(Sequential(Scale(2)), tmp_path / "net.npz")
    with pytest.raises(TypeError, match=r'must be a dict .* such as \{"Scale": Scale\}; got '):
        load(tmp_path / "net.npz", layers=layers)


def test_a_file_without_architecture_leads_to_load_parameters(tmp_path):
    write_archive(tmp_path / "net.npz", {}, {"W": np.ones((2, 2))})
    with pytest.raises(LoadError, match=r"load_parameters\(net, path\)"):
        load(tmp_path / "net.npz")


def test_a_compressed_copy_is_refused(tmp_path):
    save(Dense(9, 9, rng=0), tmp_path / "net.npz")
    with (
        zipfile.ZipFile(tmp_path / "net.npz") as old,
        zipfile.ZipFile(tmp_path / "new.npz", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(LoadError, match=r"W\.npy is compressed"):
        load(tmp_path / "new.npz")


def test_arrays_of_other_types_are_not_written(tmp_path):
    for array in (np.array([1j]), np.array(["a"]), np.array([None]), np.ones(1, np.longdouble)):
        with pytest.raises(TypeError, match="files hold arrays"):
            write_archive(tmp_path / "net.npz", {}, {"a": array})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array",
    [np.array(3, np.float32), np.zeros((0, 3)), np.ones((2, 3), ">f8"), np.ones((3, 2)).T],
)
def test_arrays_of_any_layout_come_back(tmp_path, array):
    write_archive(tmp_path / "a.npz", {}, {"a": array})
    again = read_archive(tmp_path / "a.npz")[1]["a"]
    assert again.dtype == array.dtype.newbyteorder("=")
    assert again.shape == array.shape
    assert np.array_equal(again, array)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\nb", "a" * 10_001])
def test_names_that_would_not_come_back_are_not_written(tmp_path, name):
    with pytest.raises(ValueError, match=r"at most 10,000 characters, all printable; got '.*of \d"):
        write_archive(tmp_path / "net.npz", {}, {name: np.ones(1)})
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["größe", "a" * 10_000, "1", "null", "a b"])
def test_other_names_come_back(tmp_path, name):
    write_archive(tmp_path / "net.npz", {}, {name: np.ones(1)})
    assert [*read_archive(tmp_path / "net.npz")[1]] == [name]
