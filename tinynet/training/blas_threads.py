"""One BLAS thread while matrix products are too small to be shared by several.

NumPy leaves matrix products to a BLAS library, which by default shares each among all cores. Its
threads wait for each other, so a small product takes many times as long as with one thread. While
`train`, `fit` and `predict` work on small products, they set the number of threads to one; see
docs/performance.md for the measurements behind the two constants.
"""

import threading
from typing import Any

import numpy as np

from tinynet.layers import Conv2D, Layer
from tinynet.layers.convolution import WIDEST

SMALLEST_SHARED = 6_000_000  # multiplications in a product from which several threads are faster
WINDOWS = 64  # on an image, as of 8 × 8 pixels
LARGEST_ALONE = 9_000  # up to which OpenBLAS takes one thread by itself


class OneThread:
    """A context with one BLAS thread if a product of that many multiplications is a small one.

    A limit that is lower already stays, and so does one that somebody sets meanwhile. The number of
    threads is that of the whole process: of several contexts at a time, the first one sets it and
    the last one restores it.

    An interrupt may come at any moment, also inside these methods. So giving back may be repeated,
    and is where it was interrupted. Only the call of `__exit__` itself has a moment before its
    first line: where signals are not held back, write `with one, one:`, which calls it twice.
    """

    _lock = threading.RLock()  # a handler of signals may predict, too
    _holders: set[object] = set()  # noqa: RUF012  the class's own, under its lock
    _before: list[tuple[Any, int]] = []  # noqa: RUF012  to be restored when no holder is left
    _libraries: list[Any] | None = None  # found at the first use, which takes some milliseconds

    def __init__(self, multiplications: int) -> None:
        self._small = LARGEST_ALONE < multiplications < SMALLEST_SHARED

    def __enter__(self) -> None:
        if self._small:
            try:
                self._take()
            except BaseException:
                self._give_back()
                raise

    def __exit__(self, *exception: object) -> None:
        if self._small:
            try:
                self._give_back()
            except BaseException:
                self._give_back()
                raise

    def _take(self) -> None:
        with self._lock:
            if not OneThread._holders:
                if not OneThread._before:  # else another one is about to restore it
                    counts = [(library, library.get_num_threads()) for library in _libraries()]
                    OneThread._before = [(library, n) for library, n in counts if n and n > 1]
                OneThread._holders.add(self)
                for library, _ in OneThread._before:
                    library.set_num_threads(1)
            OneThread._holders.add(self)

    def _give_back(self) -> None:
        with self._lock:
            OneThread._holders.discard(self)
            if not OneThread._holders:
                for library, count in OneThread._before:
                    if library.get_num_threads() == 1:
                        library.set_num_threads(count)
                OneThread._before = []


def largest_product(net: Layer, rows: int) -> int:
    """The multiplications of the largest product of a batch of so many rows with a matrix of net.

    A lookup in an Embedding is no product. In a convolution each example is many rows, one for each
    window; the number of windows is not known here, and taken as `WINDOWS`.
    """
    largest = 0
    for layer in net.walk():
        for value in layer._declared.values():
            if isinstance(value, np.ndarray) and layer.input_dtype is None:
                if value.ndim == 2:
                    largest = max(largest, rows * value.size)
                elif isinstance(layer, Conv2D) and value.ndim > 2:
                    largest = max(largest, min(rows * WINDOWS, WIDEST) * value.size)
    return largest


def _libraries() -> list[Any]:
    if OneThread._libraries is None:
        from threadpoolctl import ThreadpoolController

        controller = ThreadpoolController().select(user_api="blas")
        OneThread._libraries = controller.lib_controllers
    return OneThread._libraries
