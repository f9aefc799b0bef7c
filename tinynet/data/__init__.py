"""Read data sets and prepare them for a network."""

from tinynet.data.batches import batches
from tinynet.data.digits import prepare_digit
from tinynet.data.idx import read_idx
from tinynet.data.mnist import MNIST, load_mnist
from tinynet.data.mnist_csv import read_mnist_csv
from tinynet.data.scaling import one_hot, scale_pixels

__all__ = [
    "MNIST",
    "batches",
    "load_mnist",
    "one_hot",
    "prepare_digit",
    "read_idx",
    "read_mnist_csv",
    "scale_pixels",
]
