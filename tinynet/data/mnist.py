"""The MNIST database of handwritten digits."""

import hashlib
import os
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinynet.checks import boolean, check_indices, file_path
from tinynet.data.idx import read_idx
from tinynet.data.mnist_csv import read_mnist_csv
from tinynet.data.mnist_npz import NAMES, images_rule, labels_rule, read_mnist_npz
from tinynet.types import Array, FilePath

_IDX = {  # SHA-256 of the unpacked IDX file, the same for every official copy
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_NPZ = "mnist.npz"
_CSV = ("mnist_train.csv", "mnist_test.csv")
_SOURCES = (
    "tinynet installs no data. Pass examples/data/mnist of tinynet's repository, MNIST/raw as "
    "torchvision.datasets.MNIST downloads it, or the mnist.npz that keras.datasets.mnist downloads "
    "into ~/.keras/datasets."
)


class MNIST(NamedTuple):
    """Images `uint8 (N, 28, 28)`, 0 for paper and 255 for ink, and labels 0 to 9, `uint8 (N,)`."""

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array

    def __repr__(self) -> str:
        rows = (f"{name}={a.dtype} {a.shape}" for name, a in self._asdict().items())
        return f"MNIST({', '.join(rows)})"


def load_mnist(folder: FilePath, *, verify: bool = False) -> MNIST:
    """Read the training and test images of MNIST, with their labels, from the files in a folder.

    The folder holds one of these:

    - the four IDX files under their official names (`train-images-idx3-ubyte`, ..., or
      `train-images.idx3-ubyte` as on Kaggle), each plain or with `.gz`;
    - `mnist.npz` of Keras, with the arrays `x_train`, `y_train`, `x_test` and `y_test`;
    - `mnist_train.csv` and `mnist_test.csv`, each plain or with `.gz`, as `read_mnist_csv` reads
      them.

    They may lie in its `raw` or `MNIST/raw`, as torchvision stores them. If several are there, the
    first of the list is read, and a plain file rather than a compressed one.

    tinynet installs no data. The IDX files are in `examples/data/mnist` of its repository.
    `torchvision.datasets.MNIST` downloads them into `MNIST/raw`, and `keras.datasets.mnist`
    downloads `mnist.npz` into `~/.keras/datasets`.

    Args:
        folder: the path of the folder, or of an `.npz` file itself; `~` is the home directory.
        verify: compare the images and labels with the official copy, by the SHA-256 of their IDX
            files.

    Raises:
        FileNotFoundError: files are missing; the error names them and the folder.
        ValueError: a file is damaged or is not MNIST, images and labels differ in number, or a
            label is outside 0 to 9. With `verify` also: the content differs from the official
            copy.

    Example:
        >>> mnist = load_mnist("examples/data/mnist", verify=True)
        >>> mnist.train_images.shape, mnist.test_images.shape
        ((60000, 28, 28), (10000, 28, 28))
        >>> mnist.train_labels[:5]
        array([5, 0, 4, 1, 9], dtype=uint8)
    """
    file_path(folder, "folder")
    folder, verify = Path(os.path.expanduser(folder)), boolean(verify, "verify")
    names, arrays = _read(folder)
    for n in (0, 2):
        _check(arrays[n], arrays[n + 1], names[n], names[n + 1])
    mnist = MNIST(*(array.astype(np.uint8, copy=False) for array in arrays))
    if verify:
        _verify(mnist, names)
    return mnist


def _read(folder: Path) -> tuple[list[str], list[Array]]:
    """The four arrays from the files that are there, and how an error calls each."""
    if folder.is_file() and (folder.suffix == ".npz" or zipfile.is_zipfile(folder)):
        return [f"{folder}, {name}" for name in NAMES], read_mnist_npz(folder)
    places = (folder, folder / "raw", folder / "MNIST" / "raw")  # the last two as in torchvision
    names = (*_IDX, _NPZ, *_CSV)
    folder = next((p for p in places if any(_find(p, name) for name in names)), folder)
    idx = [path for name in _IDX if (path := _find(folder, name))]
    csv = [path for name in _CSV if (path := _find(folder, name))]
    if len(idx) == len(_IDX):
        return [*map(str, idx)], [read_idx(path) for path in idx]
    if (folder / _NPZ).is_file():
        return [f"{folder / _NPZ}, {name}" for name in NAMES], read_mnist_npz(folder / _NPZ)
    if len(csv) == len(_CSV):
        arrays = [array for path in csv for array in read_mnist_csv(path)]
        arrays[::2] = [pixels.reshape(-1, 28, 28) for pixels in arrays[::2]]
        return [str(path) for path in csv for _ in range(2)], arrays
    raise FileNotFoundError(_missing(folder, idx + csv))


def _find(folder: Path, name: str) -> Path | None:
    names = (name, name.replace("-idx", ".idx"))  # the second as on Kaggle
    candidates = (folder / (n + end) for n in names for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _missing(folder: Path, found: list[Path]) -> str:
    if not folder.exists():
        reason = "There is no such folder or file."
    elif not folder.is_dir():
        reason = "That is a file, but no .npz; pass the folder that it is in."
    elif not found:
        reason = "It holds none of them."
    else:
        held = {path.name.removesuffix(".gz").replace(".idx", "-idx") for path in found}
        reason = f"Missing: {', '.join(name for name in (*_IDX, *_CSV) if name not in held)}."
    return (
        f"No MNIST in {folder.absolute()}: it must hold {', '.join(_IDX)}; "
        f"or {' and '.join(_CSV)}; each plain or with .gz; or {_NPZ}. {reason} {_SOURCES}"
    )


def _check(images: Array, labels: Array, images_name: str, labels_name: str) -> None:
    for array, name, rule in (
        (images, images_name, images_rule),
        (labels, labels_name, labels_rule),
    ):
        if problem := rule(array.dtype, array.shape):
            raise ValueError(f"{name} holds {array.dtype} {array.shape}: {problem}.")
    if len(images) != len(labels):
        raise ValueError(
            f"{images_name} holds {len(images)} images and {labels_name} {len(labels)} labels: "
            "each image needs one label. Do the two belong together?"
        )
    if not labels.size:
        raise ValueError(f"{labels_name} holds no examples.")
    check_indices(f"{labels_name}: labels", labels, 10, "classes")


def _verify(mnist: MNIST, names: list[str]) -> None:
    for array, name, (file, expected) in zip(mnist, names, _IDX.items(), strict=True):
        digest = hashlib.sha256(struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape))
        digest.update(array.data)
        if digest.hexdigest() != expected:
            raise ValueError(
                f"{name} differs from the official copy: the SHA-256 of {file} with its content is "
                f"{digest.hexdigest()}. Download it again, or use verify=False for other data."
            )
