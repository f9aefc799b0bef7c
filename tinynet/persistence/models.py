"""Networks in files."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinynet.checks import random_generator
from tinynet.layers import Layer
from tinynet.persistence.architecture import OWN_LAYERS, build, describe
from tinynet.persistence.archive import read_archive, refuse, write_archive
from tinynet.text import written
from tinynet.types import Array, Rng

__all__ = [
    "check_order",
    "load",
    "load_parameters",
    "named_arrays",
    "save",
    "unfit",
    "wholly_finite",
]


_FOLDERS = ("arguments/", "optimizer/", "best/", "history/")  # arrays that are not the network's


def save(net: Layer, path: str | os.PathLike[str]) -> None:
    """Write a network into one `.npz` file: its architecture, parameters and running statistics.

    The architecture is each layer's class and the arguments it was made with, so attributes that
    were changed later are not in the file. A Generator is not either: a loaded layer gets a new
    one. Whether the file can be loaded again is tried before it is written.

    The file is written as a whole or not at all; see `tinynet.persistence.write_atomically`.

    Raises:
        OSError: the file cannot be written; an old one is then as it was.
        TypeError: a layer was made with something that cannot be written down.
        ValueError: a parameter is NaN or infinite, or a layer would not come back as it is.

    Example:
        >>> import tempfile
        >>> from tinynet import Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(3, 2, rng=0), Sigmoid())
        >>> path = tempfile.mkdtemp() + "/net.npz"
        >>> save(net, path)
        >>> load(path)
        Sequential(
            Dense(3, 2, rng=0),
            Sigmoid(),
        )
        >>> np.array_equal(load(path).params, net.params)
        True
    """
    check_order("save", net)
    header, arrays = contents(net)
    foreign: dict[str, type[Layer]] = {}
    for layer in net.walk():
        cls = layer.__class__
        if cls not in OWN_LAYERS.values() and foreign.setdefault(cls.__name__, cls) is not cls:
            raise ValueError(f"there are two layer classes named {cls.__name__}: rename one")
    try:
        problems = unfit(_rebuild(header, arrays, foreign), arrays)
    except ValueError as error:
        problems = [str(error)]
    if problems:
        raise ValueError(
            "the network would not come back as it is, because a layer made with the same "
            "arguments differs:\n  - " + "\n  - ".join(problems)
        )
    write_archive(path, header, arrays)


def load(
    path: str | os.PathLike[str],
    *,
    layers: Mapping[str, type[Layer]] | None = None,
    rng: Rng = None,
) -> Layer:
    """The network in a file that `save`, or `fit` as a checkpoint, wrote.

    Layers of tinynet are found by their names. A class of your own has to be passed; its
    constructor is called with the arguments from the file, whatever they are.

    Args:
        path: the file.
        layers: classes of your own by name, `{"Scale": Scale}`.
        rng: for layers that were made with a Generator, as `Dropout(0.5, rng=rng)`.

    Raises:
        OSError: no such file, or a folder.
        LoadError: the file is damaged, hostile, of another program or of a newer tinynet, or names
            a class that is not known.
        TypeError: `layers` are not classes by name.
    """
    if isinstance(path, Layer):
        raise TypeError(
            f"load makes a network of a file, net = load(path); got {type(path).__name__} as path. "
            f"To fill one that there is, write load_parameters(net, path)."
        )
    generator, layers = random_generator(rng), {} if layers is None else layers
    if not isinstance(layers, Mapping) or not all(map(_is_layer_class, layers.values())):
        raise TypeError(
            f'layers must be a dict of classes by name, such as {{"Scale": Scale}}; got {layers!r}'
        )
    header, arrays = read_archive(path)
    if header.get("network") is None:
        mend = "Build the network and use load_parameters(net, path)"
        refuse(path, [f"it holds no architecture ({header.get('reason', '')}). {mend}"])
    try:
        net = _rebuild(header, arrays, layers, generator)
    except RecursionError as error:
        refuse(path, ["its layers are nested too deeply"], error)
    except (TypeError, ValueError) as error:
        refuse(path, [str(error)], error)
    _fill(net, path, arrays)
    return net


def load_parameters(net: Layer, path: str | os.PathLike[str]) -> None:
    """Fill a network with the parameters and running statistics in a file.

    Names, shapes and float types must be those of the network. It is unchanged unless all fits.

    Raises:
        OSError: no such file, or a folder.
        LoadError: the file is damaged or does not fit; all that is wrong is listed.

    Example:
        >>> import tempfile
        >>> from tinynet import Dense
        >>> path = tempfile.mkdtemp() + "/net.npz"
        >>> save(Dense(3, 2, rng=0), path)
        >>> load_parameters(Dense(3, 4), path)
        Traceback (most recent call last):
        tinynet.errors.LoadError: ...net.npz cannot be loaded:
          - W is (3, 2) in the file, (3, 4) in the network
          - b is (2,) in the file, (4,) in the network
    """
    check_order("load_parameters", net)
    _fill(net, path, read_archive(path)[1])


def check_order(function: str, net: object) -> None:
    """Refuse what is no network, such as the path that belongs in the second place."""
    if not isinstance(net, Layer):
        raise TypeError(
            f"{function} takes the network first, {function}(net, path); got {written(net)} as net"
        )


def contents(net: Layer, *, architecture: bool = True) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays that `load` needs.

    Without `architecture`, an argument that cannot be written down is no error: `load` will then
    give the reason, and `load_parameters` works.

    Raises:
        TypeError, ValueError: as `save`.
    """
    arrays = named_arrays(net)
    if not_finite := [name for name, array in arrays.items() if not wholly_finite(array)]:
        raise ValueError(
            f"{', '.join(not_finite)}: NaN or infinite, so the network is of no use and would not "
            f"be loaded again. Train anew at a smaller learning rate."
        )
    header: dict[str, Any] = {"dtype": net.params.dtype.name}
    try:
        header["network"], arguments = describe(net)
    except TypeError as error:
        if architecture:
            raise
        return {**header, "network": None, "reason": str(error)}, arrays
    return header, {**arrays, **arguments}


def named_arrays(net: Layer) -> dict[str, Array]:
    """All that a network knows: its parameters and its running statistics, by name."""
    arrays = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    for name, array in arrays.items():
        if "/" in name:
            raise ValueError(f"{name!r} cannot be saved: a name holds no /")
        if not isinstance(array, np.ndarray):
            raise TypeError(
                f"{name} is {array!r}, and what a layer names in `buffers` must be an array. "
                f"Add np.array(...) where it is set."
            )
    return arrays


def unfit(net: Layer, arrays: Mapping[str, Array]) -> list[str]:
    """What stands against filling the network with these arrays."""
    there = named_arrays(net)
    problems = [f"{name} is missing" for name in there if name not in arrays]
    for name, array in arrays.items():
        if name.startswith(_FOLDERS):
            continue
        if name not in there:
            problems.append(f"{name} {array.shape} has no place in the network")
        elif array.shape != there[name].shape:
            problems.append(
                f"{name} is {array.shape} in the file, {there[name].shape} in the network"
            )
        elif array.dtype != there[name].dtype:
            problems.append(
                f"{name} is {array.dtype} in the file, {there[name].dtype} in the network"
            )
        elif not wholly_finite(array):
            problems.append(f"{name} holds NaN or infinity")
    return problems


def wholly_finite(array: Array) -> bool:
    """Whether there is no NaN and no infinity, told without a copy."""
    return not array.size or bool(np.isfinite(array.max()) and np.isfinite(array.min()))


def _is_layer_class(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, Layer)


def _fill(net: Layer, path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    if problems := unfit(net, arrays):
        refuse(path, problems)
    for name, view in named_arrays(net).items():
        view[...] = arrays[name]


def _rebuild(
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
    foreign: Mapping[str, type[Layer]],
    rng: Rng = None,
) -> Layer:
    """The network of that description, in its float type."""
    net = build(header["network"], arrays, foreign, rng)
    dtype = header.get("dtype")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"its float type is {dtype!r}; it must be float32 or float64")
    if net.params.dtype != dtype:
        net.bind(np.empty(net.params.size, dtype), np.empty(net.params.size, dtype))
    return net
