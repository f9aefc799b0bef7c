"""A network's arrays by name, and whether other arrays may take their place."""

from collections.abc import Mapping

import numpy as np

from tinynet.checks import is_array
from tinynet.layers import Layer
from tinynet.persistence.archive import refuse
from tinynet.text import shown
from tinynet.types import Array, FilePath


def named_arrays(net: Layer) -> dict[str, Array]:
    """A network's parameters and buffers by name; writing into them changes the network."""
    arrays = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    for name, array in arrays.items():
        if "/" in name:
            raise ValueError(f"{name!r} cannot be saved: a name must not contain /")
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"{name} is {array!r}, and what a layer names in `buffers` must be an array. "
                f"Add np.array(...) where it is set."
            )
    return arrays


def check_finite(arrays: Mapping[str, Array]) -> None:
    """Refuse to write arrays that could not be loaded again, by a ValueError that names them."""
    if wrong := [name for name, array in arrays.items() if not _is_finite(array)]:
        raise ValueError(
            f"{', '.join(wrong)}: NaN or infinite, so the network is of no use and would not be "
            f"loaded again. Train a new one at a smaller learning rate."
        )


def misfits(given: Mapping[str, object], own: Mapping[str, Array]) -> list[str]:
    """Why the given arrays cannot take the place of a network's own; empty where they can.

    Names, shapes and float types must be equal and all values finite.
    """
    problems = [f"{name} is missing" for name in own if name not in given]
    for name, array in given.items():
        if name not in own:
            problems.append(f"{name} is not expected")
        elif not is_array(array):
            kind = getattr(array, "dtype", shown(array))
            kind = type(array).__name__ if isinstance(array, np.ndarray) else kind
            problems.append(f"{name} is {kind}, not an array")
        elif array.shape != own[name].shape:
            problems.append(f"{name} has shape {array.shape} and must have {own[name].shape}")
        elif array.dtype != own[name].dtype:
            problems.append(f"{name} is {array.dtype} and must be {own[name].dtype}")
        elif not _is_finite(array):
            problems.append(f"{name} holds NaN or infinity")
        elif name.rpartition(".")[2] == "running_var" and array.min(initial=0) < 0:
            problems.append(f"{name} is a variance and holds a negative number")
    return problems


def fill(own: Mapping[str, Array], given: Mapping[str, Array], source: FilePath) -> None:
    """Write the given arrays into a network's own, or raise a LoadError that names their source."""
    if problems := misfits(given, own):
        refuse(source, problems)
    for name, array in own.items():
        array[...] = given[name]


def _is_finite(array: Array) -> bool:
    """Whether there is no NaN and no infinity, found without a copy."""
    return not array.size or bool(np.isfinite(array.max()) and np.isfinite(array.min()))
