"""How large arrays are, and how far apart: what the checker calls equal."""

import numpy as np

from tinynet.types import Array

EPS = float(np.finfo(float).eps)


def last_bits(array: Array, rng: np.random.Generator, eps: float = EPS) -> Array:
    """The array with its last bits changed at random; integers as they are."""
    if array.dtype.kind != "f":
        return array
    return array * (1 + eps * rng.integers(-2, 3, size=array.shape))


def rms(array: Array) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(array * array))) if array.size else 0.0


def largest(array: Array) -> float:
    """The largest finite magnitude."""
    return float(np.max(np.abs(array), initial=0, where=np.isfinite(array)))


def distance(got: Array, wanted: Array) -> float:
    """The largest difference; infinite where shapes differ, or only one is NaN or infinite."""
    if got.shape != wanted.shape:
        return np.inf
    same = (got == wanted) | ((got != got) & (wanted != wanted))
    if same.all():
        return 0.0
    apart = float(np.max(np.abs(np.where(same, 0.0, np.subtract(got, wanted, dtype=float)))))
    return apart if np.isfinite(apart) else np.inf


def agree(got: Array, wanted: Array, rtol: float) -> bool:
    """Whether the largest difference is a small part of the largest magnitude."""
    apart = distance(got, wanted)
    return apart == 0 or apart <= rtol * max(largest(got), largest(wanted))
