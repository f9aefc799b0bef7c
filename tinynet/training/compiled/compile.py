"""How the functions here are compiled."""

from numba import njit

_OPTIONS = {"error_model": "numpy", "fastmath": {"reassoc", "contract"}}


def compiled(function):
    """Compile it when it is first called, and keep the result on the disk where that can be.

    Numba compiles a function anew if its own file has changed, not if a function of another file
    that it calls has. So whoever works on `equations` or `rules` removes the files
    *.nbi beside them afterwards.

    Sums may be computed in another order, which vectors of the processor need; nothing assumes that
    numbers are finite.
    """
    try:
        return njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # there is no folder to write it into
        return njit(**_OPTIONS)(function)
