"""State dicts: parameters under PyTorch's names and in its orientation."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import BatchNorm, Dense, Embedding, Frozen, Layer, LayerNorm
from tinynet.persistence.archive import refuse
from tinynet.persistence.models import named_arrays, wholly_finite
from tinynet.types import Array

__all__ = ["fill_from", "from_state_dict", "to_state_dict"]

_NAMES: dict[type[Layer], dict[str, str]] = {
    Dense: {"W": "weight", "b": "bias"},
    Embedding: {"W": "weight"},
    BatchNorm: {"gain": "weight"},  # bias, running_mean and running_var are named as in PyTorch
    LayerNorm: {"gain": "weight"},
}
_TRANSPOSED = {(Dense, "W")}  # (in, out) here, (out, in) there
_UNUSED = "num_batches_tracked"  # PyTorch counts batches in a BatchNorm, for another kind of mean


class _Entry(NamedTuple):
    """One of the network's arrays as PyTorch sees it, a view: writing into it writes into ours."""

    name: str
    there: Array


def to_state_dict(net: Layer) -> dict[str, Array]:
    """Copies of all parameters and running statistics, as `torch.nn.Module.state_dict` has them.

    A `torch.nn.Sequential` of the same layers loads them unchanged and then gives the same outputs:

        model.load_state_dict({k: torch.from_numpy(v) for k, v in to_state_dict(net).items()})

    The names are PyTorch's, `"0.weight"` for a Dense, (out, in) as there. A `Frozen`, which is a
    flag in PyTorch, has no place in the names. The part of a `Residual` is `inner`, and a layer of
    your own keeps its names and its orientation.

    Example:
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(784, 100), Sigmoid(), Dense(100, 10))
        >>> {name: array.shape for name, array in to_state_dict(net).items()}
        {'0.weight': (100, 784), '0.bias': (100,), '2.weight': (10, 100), '2.bias': (10,)}
    """
    return {entry.name: entry.there.copy() for entry in _entries(net)}


def from_state_dict(net: Layer, state_dict: Mapping[str, Any]) -> None:
    """Fill a network from what `torch.nn.Module.state_dict` gives, tensors or arrays.

    The network is unchanged unless names, shapes and float types are exactly its own and all values
    finite. `num_batches_tracked` of a BatchNorm is left aside.

    Raises:
        LoadError: something does not fit; all of it is listed.
        TypeError: no mapping, but for instance the module itself.

    Example:
        >>> from tinynet import Dense
        >>> from_state_dict(Dense(3, 2), {"weight": np.zeros((3, 2)), "bias": np.zeros(2)})
        Traceback (most recent call last):
        tinynet.errors.LoadError: the state dict cannot be loaded: weight is (3, 2), must be (2, 3)
    """
    fill_from(net, state_dict, "the state dict")


def fill_from(net: Layer, state_dict: Mapping[str, Any], source: str | os.PathLike[str]) -> None:
    """Do the work of `from_state_dict`; an error calls the state dict by the name of its source."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"a state dict is arrays by name, as model.state_dict() gives them; got "
            f"{type(state_dict).__name__}"
        )
    entries = {entry.name: entry.there for entry in _entries(net)}
    given: dict[str, Array] = {}
    problems = [f"{name} is missing" for name in entries if name not in state_dict]
    for name, value in state_dict.items():
        if name not in entries:
            if str(name).rpartition(".")[2] != _UNUSED:
                problems.append(f"{name} has no place in the network")
            continue
        array, there = _array(value), entries[name]
        if array is None:
            problems.append(f"{name} is {getattr(value, 'dtype', type(value).__name__)}, no array")
        elif array.shape != there.shape:
            problems.append(f"{name} is {array.shape}, must be {there.shape}")
        elif array.dtype != there.dtype:
            problems.append(f"{name} is {array.dtype}, must be {there.dtype}")
        elif not wholly_finite(array):
            problems.append(f"{name} holds NaN or infinity")
        else:
            given[name] = array
    if problems:
        refuse(source, problems)
    for name, there in entries.items():
        there[...] = given[name]


def _array(value: Any) -> Array | None:
    """A tensor, on whichever device, or an array as an array; None for what has no such form."""
    try:
        if not isinstance(value, np.ndarray):
            value = value.detach().cpu().numpy()
    except (AttributeError, TypeError, RuntimeError):  # no tensor, or bfloat16, or on no memory
        return None
    return value


def _entries(net: Layer, prefix: str = "") -> Iterator[_Entry]:
    """Each array once, parameters before state, in the order of the layers."""
    own = {name: array for name, array in named_arrays(net).items() if "." not in name}
    for name, array in own.items():
        kinds = [kind for kind in _NAMES if isinstance(net, kind)]
        translated = _NAMES[kinds[0]].get(name, name) if kinds else name
        transposed = bool(kinds) and (kinds[0], name) in _TRANSPOSED
        yield _Entry(prefix + translated, array.T if transposed else array)
    for name, part in net._parts():
        yield from _entries(part, prefix if isinstance(net, Frozen) else f"{prefix}{name}.")
