"""Loading MNIST from whichever files a folder holds."""

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from tinynet.data import MNIST, load_mnist

SHIPPED = Path(__file__).parents[1] / "examples" / "data" / "mnist"
NAMES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]
RNG = np.random.default_rng(0)
ARRAYS = [
    RNG.integers(0, 256, (5, 28, 28), np.uint8),
    np.array([5, 0, 4, 1, 9], np.uint8),
    RNG.integers(0, 256, (2, 28, 28), np.uint8),
    np.array([7, 2], np.uint8),
]


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
        (lambda path: None, "There is no such folder"),
        (lambda path: path.mkdir(), "It holds none of them"),
        (lambda path: path.write_text(""), "That is a file; pass the folder that it is in"),
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


def test_verify_says_that_it_needs_idx(tmp_path):
    write_csv(tmp_path)
    with pytest.raises(ValueError, match="verify=True needs the IDX files"):
        load_mnist(tmp_path, verify=True)


@pytest.mark.parametrize("write", [write_idx, write_csv])
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
        (3, ARRAYS[2], r"t10k-labels.* holds uint8 \(2, 28, 28\): labels are uint8 \(N,\)"),
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


def test_repr_shows_shapes_and_no_pixels():
    assert repr(MNIST(*ARRAYS)) == (
        "MNIST(train_images=uint8 (5, 28, 28), train_labels=uint8 (5,), "
        "test_images=uint8 (2, 28, 28), test_labels=uint8 (2,))"
    )
