"""Reading data sets and getting them ready for a network."""

from tinynet.data.batches import batches
from tinynet.data.csv_files import read_csv
from tinynet.data.digits import prepare_digit
from tinynet.data.idx import read_idx
from tinynet.data.mnist import MNIST, load_mnist
from tinynet.data.scaling import one_hot, scale_pixels

__all__ = [
    "MNIST",
    "batches",
    "load_mnist",
    "one_hot",
    "prepare_digit",
    "read_csv",
    "read_idx",
    "scale_pixels",
]
