"""Loading MNIST from whichever files a folder holds."""

import contextlib
import errno
import gzip
import io
import os
import re
import shutil
import struct
import tracemalloc
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinynet.data import MNIST, load_mnist

SHIPPED = Path(__file__).parents[1] / "examples" / "data" / "mnist"
NAMES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]
KEYS = ["x_train", "y_train", "x_test", "y_test"]
RNG = np.random.default_rng(0)
ARRAYS = [
    RNG.integers(0, 256, (5, 28, 28), np.uint8),
    np.array([5, 0, 4, 1, 9], np.uint8),
    RNG.integers(0, 256, (2, 28, 28), np.uint8),
    np.array([7, 2], np.uint8),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mnist")


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def write_idx(folder, arrays=ARRAYS, packed=()):
    for name, array in zip(NAMES, arrays, strict=True):
        content = idx(np.ascontiguousarray(array))
        if name in packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


def write_csv(folder, arrays=ARRAYS, packed=False):
    for name, images, labels in zip(("train", "test"), arrays[::2], arrays[1::2], strict=True):
        table = np.column_stack([labels, images.reshape(len(labels), -1)])
        content = "".join(",".join(map(str, row)) + "\n" for row in table.tolist()).encode()
        if packed:
            (folder / f"mnist_{name}.csv.gz").write_bytes(gzip.compress(content))
        else:
            (folder / f"mnist_{name}.csv").write_bytes(content)


def write_npz(folder, arrays=ARRAYS, save=np.savez, **more):
    save(folder / "mnist.npz", **dict(zip(KEYS, arrays, strict=True)), **more)


def changed(place, array):
    return [array if number == place else old for number, old in enumerate(ARRAYS)]


def test_the_shipped_files_are_the_official_ones():
    mnist = load_mnist(SHIPPED, verify=True)
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_images.shape == (10_000, 28, 28)
    assert {array.dtype for array in mnist} == {np.dtype(np.uint8)}
    assert np.bincount(mnist.train_labels).min() == 5421  # of the fives
    assert mnist.test_labels[:3].tolist() == [7, 2, 1]


@pytest.mark.parametrize("packed", [(), NAMES, NAMES[:2]], ids=["plain", "gzip", "mixed"])
def test_idx_files_are_read(tmp_path, packed):
    write_idx(tmp_path, packed=packed)
    for read, written in zip(load_mnist(tmp_path), ARRAYS, strict=True):
        np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_csv_files_are_read(tmp_path, packed):
    write_csv(tmp_path, packed=packed)
    for read, written in zip(load_mnist(str(tmp_path)), ARRAYS, strict=True):
        np.testing.assert_array_equal(read, written)


def test_idx_comes_before_csv_and_plain_before_gzip(tmp_path):
    write_csv(tmp_path, changed(1, np.zeros(5, np.uint8)))
    write_idx(tmp_path, changed(1, np.ones(5, np.uint8)), packed=NAMES)
    write_idx(tmp_path)
    np.testing.assert_array_equal(load_mnist(tmp_path).train_labels, ARRAYS[1])


def test_csv_is_read_where_idx_is_incomplete(tmp_path):
    write_idx(tmp_path)
    (tmp_path / NAMES[3]).unlink()
    write_csv(tmp_path)
    np.testing.assert_array_equal(load_mnist(tmp_path).test_labels, ARRAYS[3])


def test_missing_files_are_named_with_their_folder(tmp_path):
    write_idx(tmp_path)
    (tmp_path / NAMES[2]).unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist(tmp_path)
    message = str(caught.value)
    assert str(tmp_path) in message
    for name in [*NAMES, "mnist_train.csv", "mnist_test.csv", ".gz"]:
        assert name in message
    assert f"Missing: {NAMES[2]}" in message


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (lambda path: None, "There is no such folder or file"),
        (lambda path: path.mkdir(), "It holds none of them"),
        (lambda path: path.write_text(""), "That is a file, but no .npz; pass the folder"),
    ],
)
def test_what_is_no_folder_of_data_is_told_apart(tmp_path, make, state):
    make(tmp_path / "data")
    with pytest.raises(FileNotFoundError, match=state):
        load_mnist(tmp_path / "data")


def test_verify_names_the_file_that_differs(tmp_path):
    for path in SHIPPED.glob("*.gz"):
        shutil.copy(path, tmp_path)
    (tmp_path / f"{NAMES[3]}.gz").unlink()
    (tmp_path / NAMES[3]).write_bytes(idx(np.zeros(10_000, np.uint8)))
    with pytest.raises(ValueError, match="differs from the official copy") as caught:
        load_mnist(tmp_path, verify=True)
    assert NAMES[3] in str(caught.value)
    assert NAMES[1] not in str(caught.value)


@pytest.mark.parametrize("write", [write_csv, write_npz])
def test_verify_compares_files_of_every_kind_with_the_official_copy(tmp_path, write, monkeypatch):
    sums = {n: sha256(idx(array)).hexdigest() for n, array in zip(NAMES, ARRAYS, strict=True)}
    monkeypatch.setattr("tinynet.data.mnist._IDX", sums)
    write(tmp_path, ARRAYS)
    load_mnist(tmp_path, verify=True)
    write(tmp_path, changed(3, np.array([7, 3], np.uint8)))
    with pytest.raises(ValueError, match=r"test.* differs from the official copy: the SHA-256"):
        load_mnist(tmp_path, verify=True)


def test_an_npz_of_the_shipped_files_is_the_official_copy(tmp_path):
    write_npz(tmp_path, load_mnist(SHIPPED))
    load_mnist(tmp_path, verify=True)


@pytest.mark.parametrize("write", [write_idx, write_csv, write_npz])
def test_a_label_outside_its_range_is_named(tmp_path, write):
    write(tmp_path, changed(1, np.array([5, 0, 10, 1, 11], np.uint8)))
    with pytest.raises(ValueError, match=r"train.*labels\[2\] = 10: classes go from 0 to 9"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("place", "array", "message"),
    [
        (1, ARRAYS[1][:4], "holds 5 images and .* 4 labels"),
        (0, ARRAYS[0][:, :27], r"holds uint8 \(5, 27, 28\): images are uint8 \(N, 28, 28\)"),
        (0, ARRAYS[1], r"train-images.* holds uint8 \(5,\)"),
        (3, ARRAYS[2], r"t10k-labels.* holds uint8 \(2, 28, 28\): labels are integers \(N,\)"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, place, array, message):
    write_idx(tmp_path, changed(place, array))
    with pytest.raises(ValueError, match=message):
        load_mnist(tmp_path)


def test_files_without_examples_are_refused(tmp_path):
    write_idx(tmp_path, [array[:0] for array in ARRAYS])
    with pytest.raises(ValueError, match="holds no examples"):
        load_mnist(tmp_path)


def test_a_damaged_file_is_named(tmp_path):
    write_idx(tmp_path, packed=NAMES)
    path = tmp_path / f"{NAMES[0]}.gz"
    path.write_bytes(path.read_bytes()[:-1])
    for verify in (False, True):
        with pytest.raises(ValueError, match=r"train-images-idx3-ubyte\.gz is a damaged gzip"):
            load_mnist(tmp_path, verify=verify)


@pytest.mark.parametrize("place", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("separator", ["-idx", ".idx"])
def test_names_of_kaggle_and_folders_of_torchvision_are_read(tmp_path, place, separator):
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder)
    for name in NAMES:
        (folder / name).rename(folder / name.replace("-idx", separator))
    for read, written in zip(load_mnist(tmp_path), ARRAYS, strict=True):
        np.testing.assert_array_equal(read, written)


def test_files_of_two_folders_are_not_mixed(tmp_path):
    (tmp_path / "raw").mkdir()
    write_idx(tmp_path / "raw")
    (tmp_path / "raw" / NAMES[0]).rename(tmp_path / NAMES[0])
    with pytest.raises(FileNotFoundError, match=NAMES[3]):
        load_mnist(tmp_path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("place", [".", "raw"])
def test_the_npz_of_keras_is_read_from_a_folder_or_by_its_path(tmp_path, save, place):
    (tmp_path / "raw").mkdir()
    write_npz(tmp_path / place, save=save, more=np.zeros(3))
    for path in (tmp_path, tmp_path / place / "mnist.npz"):
        for read, written in zip(load_mnist(path), ARRAYS, strict=True):
            np.testing.assert_array_equal(read, written)


def test_a_path_may_begin_at_the_home_directory(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):  # the second on Windows
        monkeypatch.setenv(variable, str(tmp_path))
    write_npz(tmp_path)
    for read, written in zip(load_mnist("~/mnist.npz"), ARRAYS, strict=True):
        np.testing.assert_array_equal(read, written)


def test_an_npz_comes_after_idx_and_before_csv(tmp_path):
    write_npz(tmp_path)
    write_csv(tmp_path, changed(1, np.zeros(5, np.uint8)))
    np.testing.assert_array_equal(load_mnist(tmp_path).train_labels, ARRAYS[1])
    write_idx(tmp_path, changed(1, np.ones(5, np.uint8)))
    np.testing.assert_array_equal(load_mnist(tmp_path).train_labels, np.ones(5))


@given(
    arrays=st.integers(1, 4).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.uint8, (n, 28, 28)),
            hnp.arrays(st.sampled_from([">i8", "<i4", "u1", "<u8"]), n, elements=st.integers(0, 9)),
        )
    ),
    order=st.sampled_from("CF"),
)
def test_labels_of_any_integers_and_images_in_any_order_become_uint8(folder, arrays, order):
    images, labels = arrays
    write_npz(folder, [np.asarray(images, order=order), labels] * 2)
    for read, written in zip(load_mnist(folder), [images, labels] * 2, strict=True):
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize(
    ("place", "array", "message"),
    [
        (
            0,
            ARRAYS[0] / 255,
            r"x_train holds .*float64 \(5, 28, 28\), but .* not scaled\. Multiply",
        ),
        (0, ARRAYS[0].reshape(5, 784), r"x_train holds .*uint8 \(5, 784\), but images are uint8"),
        (2, ARRAYS[2][:, None], r"x_test holds .*\(2, 1, 28, 28\), but images are uint8"),
        (2, ARRAYS[2].astype(int), "x_test holds .*int64 .*, but images are uint8"),
        (0, ARRAYS[0].astype(object), "x_train holds .*object .*, but images are uint8"),
        (1, ARRAYS[1].astype(float), "y_train holds .*float64 .*, but labels are integers"),
        (3, np.eye(10)[:2], r"y_test holds .*, but labels are integers \(N,\)\. .*argmax"),
        (3, ARRAYS[3].astype(object), "y_test holds .*object"),
        (1, ARRAYS[1][:4], "x_train holds 5 images and .*y_train 4 labels"),
        (1, ARRAYS[1].astype(int) - 1, r"y_train: labels\[1\] = -1: classes go from 0 to 9"),
        (1, np.zeros(5, [("\x1b[31m", "u1")]), "y_train holds .*void"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path, place, array, message):
    write_npz(tmp_path, changed(place, array))
    with pytest.raises(ValueError, match=rf"mnist\.npz.*{message}"):
        load_mnist(tmp_path / "mnist.npz")


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def write_zip(path, members, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def members(**other):
    return {f"{key}.npy": npy(array) for key, array in zip(KEYS, ARRAYS, strict=True)} | other


def header(shape):
    """The header of a .npy file of uint8 of any shape, without content."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


def written(size):
    """A .npy file of one axis of uint8 whose length is any text."""
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (" + size + b",)}\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"mnist_train.csv": b"1,2"},
            r"must hold each of x_train.*, and holds \['mnist_train.csv'\]",
        ),
        ({"\x1b[31m.npy": b""}, r"holds \['\\x1b\[31m'\]"),
        (members(**{"x_train.npy": b"no array"}), "is damaged or is not a .npz file"),
        (members(**{"x_train.npy": npy(ARRAYS[0])[:-1]}), "x_train declares 3,920 .* 3,919 are"),
        (members(**{"x_train.npy": npy(ARRAYS[0]) + b"1"}), "x_train declares 3,920 .* 3,921 are"),
        (members(**{"x_train.npy": header((1 << 40, 28, 28))}), "x_train declares .* and 0 are"),
        (members(**{"y_train.npy": header((-5,))}), "y_train declares -5 bytes"),
        (members(**{"y_test.npy": b"\x93NUMPY\2\0"}), r"y_test has the .npy version \(2, 0\)"),
        (members(**{"y_test.npy": header((2,)).replace(b"shape", b"(((((")}), "is damaged"),
        (members(**{"y_test.npy": written(b"-" * 9000 + b"5")}), "is damaged"),
        (members(**{"y_test.npy": written(b"5L")}), "is damaged"),
    ],
)
def test_a_zip_that_is_no_mnist_is_refused(tmp_path, content, message):
    write_zip(tmp_path / "mnist.npz", content)
    with pytest.raises(ValueError, match=rf"mnist\.npz .*{message}") as caught:
        load_mnist(tmp_path)
    assert str(caught.value).isprintable()


def test_a_zip_that_numpy_does_not_write_is_refused(tmp_path):
    write_zip(tmp_path / "mnist.npz", members(), zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match=r"x_train\.npy is not stored as numpy\.savez"):
        load_mnist(tmp_path)


def test_a_compressed_file_cannot_take_more_memory_than_the_limit(tmp_path):
    content = header(((1 << 28) // 784 + 1, 28, 28))
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, small in members().items():
            with archive.open(name, "w") as member:
                member.write(content if name == "x_train.npy" else small)
                if name == "x_train.npy":
                    for _ in range((1 << 28) // 784 + 1):
                        member.write(bytes(784))
    assert (tmp_path / "mnist.npz").stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="x_train has 268,436,112 bytes, and 268,435,456 is"):
            load_mnist(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_every_truncation_and_flipped_byte_of_an_npz_is_refused_or_harmless(folder):
    write_npz(folder, [array[:1] for array in ARRAYS], np.savez_compressed)
    path = folder / "mnist.npz"
    content = path.read_bytes()
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place])
        with pytest.raises(ValueError, match=r"mnist\.npz"):
            load_mnist(path)
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with contextlib.suppress(ValueError):
            for read, written in zip(load_mnist(path), ARRAYS, strict=True):
                np.testing.assert_array_equal(read, written[:1])


def test_an_error_about_missing_files_says_where_they_come_from(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist(tmp_path / "mnist.npz")
    for source in ("examples/data/mnist", "torchvision.datasets.MNIST", "keras.datasets.mnist"):
        assert source in str(caught.value)
        assert source in load_mnist.__doc__


def test_a_csv_with_the_label_last_is_read_by_its_header(tmp_path):
    header = ",".join([*(f"pixel{n}" for n in range(784)), "class"])
    for name, images, labels in zip(("train", "test"), ARRAYS[::2], ARRAYS[1::2], strict=True):
        table = np.column_stack([images.reshape(len(labels), -1), labels])
        np.savetxt(tmp_path / f"mnist_{name}.csv", table, "%d", ",", header=header, comments="")
    for read, written in zip(load_mnist(tmp_path), ARRAYS, strict=True):
        np.testing.assert_array_equal(read, written)


def test_repr_shows_shapes_and_no_pixels():
    assert repr(MNIST(*ARRAYS)) == (
        "MNIST(train_images=uint8 (5, 28, 28), train_labels=uint8 (5,), "
        "test_images=uint8 (2, 28, 28), test_labels=uint8 (2,))"
    )


def test_a_failure_of_the_disk_is_not_called_a_damaged_npz(folder, monkeypatch):
    write_npz(folder)

    def fail(*arguments, **options):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(np.lib.format, "read_array", fail)
    with pytest.raises(OSError, match=re.escape(os.strerror(errno.EIO))):
        load_mnist(folder)


def test_an_npz_with_more_members_than_the_limit_is_not_parsed(folder, monkeypatch):
    write_npz(folder)
    monkeypatch.setattr("tinynet.zip_files.MOST_MEMBERS", 3)
    with pytest.raises(ValueError, match="it has 4 members and may have 3"):
        load_mnist(folder)
