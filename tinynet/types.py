"""The two words that every signature uses."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Rng"]

Array: TypeAlias = NDArray[Any]
"""A NumPy array; the docstring says which shape, and floats unless it says otherwise."""

Rng: TypeAlias = np.random.Generator | int | None
"""Where random numbers come from: a Generator to share, an int to repeat, None for fresh ones."""
