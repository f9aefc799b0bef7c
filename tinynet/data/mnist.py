"""The MNIST database of handwritten digits."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinynet.checks import boolean, check_indices, file_path
from tinynet.data.compressed import open_unpacked
from tinynet.data.idx import read_idx
from tinynet.data.mnist_csv import read_mnist_csv
from tinynet.types import Array, FilePath

_IDX = {  # SHA-256 of the unpacked content, the same for every official copy
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_CSV = ("mnist_train.csv", "mnist_test.csv")


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

    The folder holds either the four IDX files under their official names
    (`train-images-idx3-ubyte`, ..., or `train-images.idx3-ubyte` as on Kaggle), or
    `mnist_train.csv` and `mnist_test.csv`; each plain or with `.gz`. They may lie in its `raw` or
    `MNIST/raw`, as torchvision stores them. IDX is preferred to CSV, and a plain file to a
    compressed one.

    Args:
        verify: compare the SHA-256 of each IDX file with that of the official copy.

    Raises:
        FileNotFoundError: files are missing; the error names them and the folder.
        ValueError: a file is damaged or is not MNIST, images and labels differ in number, or a
            label is outside 0 to 9. With `verify` also: the content differs from the official
            copy, or the files are CSV, of which there is no official copy.

    Example:
        >>> mnist = load_mnist("examples/data/mnist", verify=True)
        >>> mnist.train_images.shape, mnist.test_images.shape
        ((60000, 28, 28), (10000, 28, 28))
        >>> mnist.train_labels[:5]
        array([5, 0, 4, 1, 9], dtype=uint8)
    """
    folder, verify = Path(file_path(folder, "folder")), boolean(verify, "verify")
    places = (folder, folder / "raw", folder / "MNIST" / "raw")  # the last two as in torchvision
    folder = next((p for p in places if any(_find(p, name) for name in (*_IDX, *_CSV))), folder)
    idx = [path for name in _IDX if (path := _find(folder, name))]
    csv = [path for name in _CSV if (path := _find(folder, name))]
    if len(idx) == len(_IDX):
        if verify:
            _verify(idx)
        return MNIST(*_read_idx(*idx[:2]), *_read_idx(*idx[2:]))
    if len(csv) == len(_CSV):
        if verify:
            raise ValueError(
                f"verify=True needs the IDX files, because there is no official CSV to compare "
                f"{csv[0]} with. Use verify=False."
            )
        return MNIST(*_read_csv(csv[0]), *_read_csv(csv[1]))
    raise FileNotFoundError(_missing(folder, idx + csv))


def _find(folder: Path, name: str) -> Path | None:
    names = (name, name.replace("-idx", ".idx"))  # the second as on Kaggle
    candidates = (folder / (n + end) for n in names for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _missing(folder: Path, found: list[Path]) -> str:
    if not folder.exists():
        reason = "There is no such folder."
    elif not folder.is_dir():
        reason = "That is a file; pass the folder that it is in."
    elif not found:
        reason = "It holds none of them."
    else:
        held = {path.name.removesuffix(".gz").replace(".idx", "-idx") for path in found}
        reason = f"Missing: {', '.join(name for name in (*_IDX, *_CSV) if name not in held)}."
    return (
        f"No MNIST in {folder.absolute()}: it must hold {', '.join(_IDX)}; "
        f"or {' and '.join(_CSV)}; each plain or with .gz. {reason}"
    )


def _verify(paths: list[Path]) -> None:
    for path, expected in zip(paths, _IDX.values(), strict=True):
        with open_unpacked(path) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                f"The unpacked content of {path} differs from the official copy, as its SHA-256 is "
                f"{found}. Download it again, or use verify=False for other data."
            )


def _read_idx(images_path: Path, labels_path: Path) -> tuple[Array, Array]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise ValueError(
            f"{images_path} holds {images.dtype} {images.shape}: images are uint8 (N, 28, 28)."
        )
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(
            f"{labels_path} holds {labels.dtype} {labels.shape}: labels are uint8 (N,)."
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_path} holds {len(images)} images and {labels_path} {len(labels)} labels: "
            "each image needs one label. Do the two files belong together?"
        )
    _check_labels(labels, labels_path)
    return images, labels


def _read_csv(path: Path) -> tuple[Array, Array]:
    pixels, labels = read_mnist_csv(path)
    _check_labels(labels, path)
    return pixels.reshape(-1, 28, 28), labels


def _check_labels(labels: Array, path: Path) -> None:
    if not labels.size:
        raise ValueError(f"{path} holds no examples.")
    check_indices(f"{path}: labels", labels, 10, "classes")
