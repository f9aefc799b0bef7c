"""The caller's arrays, which nobody writes into: layers, losses and metrics get views of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from tinynet.types import Array


def read_only(array: Array) -> Array:
    """A view of the array that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


@contextmanager
def reading(function: str, name: str) -> Iterator[None]:
    """Have the error of a function that writes into such a view say so."""
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):  # as in all of NumPy's messages of such a write
            raise
        raise ValueError(
            f"{function} writes into {name}, which belongs to its caller: it must compute a new "
            f"array, or work on a copy."
        ) from error
