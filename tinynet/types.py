"""Type names that many signatures use."""

import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
"""A NumPy array; the docstring says which shape, and floats unless it says otherwise."""

FilePath: TypeAlias = str | os.PathLike[str]
"""The path of a file to read or to write."""

Rng: TypeAlias = np.random.Generator | int | None
"""Where random numbers come from: a Generator to share, an int to repeat, None for fresh ones."""
