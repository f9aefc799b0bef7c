"""Networks in files: `save`, `load` and `load_parameters`."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinynet.checks import random_generator
from tinynet.layers import Layer
from tinynet.persistence.architecture import OWN_LAYERS, build, describe, described_layers
from tinynet.persistence.archive import read_archive, refuse, write_archive
from tinynet.persistence.arrays import check_finite, fill, misfits, named_arrays
from tinynet.persistence.settings import differences, settings
from tinynet.text import escaped, shown
from tinynet.types import Array, FilePath, Rng

_FOLDERS = "arguments/", "optimizer/", "loss/", "best/", "history/"  # not the network's


def save(net: Layer, path: FilePath) -> None:
    """Write a network into one `.npz` file: its architecture, parameters and buffers.

    The architecture is each layer's class and the arguments it was made with. Generators are not in
    the file: a loaded layer gets a new one. `save` checks that the file can be loaded again, and
    that no other attribute was changed since, such as `eps`; it then writes the file completely or
    not at all.

    Raises:
        OSError: the file cannot be written; an old one is then as it was.
        TypeError: a layer was made with something that cannot be written down.
        ValueError: a parameter is NaN or infinite, or a loaded layer would differ.

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
    check_network("save", net)
    header, arrays = contents(net)
    custom: dict[str, type[Layer]] = {}
    for layer in net.walk():
        cls = layer.__class__
        if cls not in OWN_LAYERS.values() and custom.setdefault(cls.__name__, cls) is not cls:
            raise ValueError(f"there are two layer classes named {cls.__name__}: rename one")
    try:
        again = _rebuild(header, arrays, custom)
        problems = misfits(_of_the_network(arrays), named_arrays(again))
        problems += [
            f"{place} is {now!r} now, and {made!r} in a layer made with the same arguments; make "
            f"the layer with this value"
            for place, made, now in differences(settings(again), settings(net))
        ]
    except ValueError as error:
        problems = [str(error)]
    if problems:
        raise ValueError(
            "a loaded network would differ, because a layer made with the same arguments "
            "differs:\n  - " + "\n  - ".join(problems)
        )
    write_archive(path, header, arrays)


def load(
    path: FilePath, *, layers: Mapping[str, type[Layer]] | None = None, rng: Rng = None
) -> Layer:
    """The network in a file that `save`, or `fit` as a checkpoint, wrote.

    Of a checkpoint of early stopping, with `patience`, it is the best network so far, as after fit.

    Layers of tinynet are found by their names. A class of your own has to be passed. Its
    constructor is called with the arguments that the file holds, whatever they are.

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
            f"load makes a network from a file, net = load(path); got {type(path).__name__} as "
            f"path. To fill an existing network, write load_parameters(net, path)."
        )
    generator, layers = random_generator(rng), {} if layers is None else layers
    if not isinstance(layers, Mapping) or not all(
        isinstance(cls, type) and issubclass(cls, Layer) for cls in layers.values()
    ):
        raise TypeError(
            f'layers must be a dict of classes by name, such as {{"Scale": Scale}}; got '
            f"{shown(layers)}"
        )
    header, arrays = read_archive(path)
    if header.get("network") is None:
        reason = header.get("reason", "")
        advice = "Build the network and use load_parameters(net, path)"
        refuse(path, [f"it holds no architecture ({reason}). {advice}"])
    try:
        net = _rebuild(header, arrays, layers, generator)
    except RecursionError as error:
        refuse(path, ["its layers are nested too deeply"], error)
    except (TypeError, ValueError) as error:
        refuse(path, [str(error)], error)
    best = {n.removeprefix("best/"): array for n, array in arrays.items() if n.startswith("best/")}
    fill(named_arrays(net), best or _of_the_network(arrays), path)
    return net


def load_parameters(net: Layer, path: FilePath) -> None:
    """Fill a network with the parameters and buffers in a file.

    Names, shapes, float types and the classes of the layers must be the network's own, and all
    values finite; otherwise the network stays as it is.

    Raises:
        OSError: no such file, or a folder.
        LoadError: the file is damaged or does not fit; all that is wrong is listed.

    Warns:
        UserWarning: a layer was made with other arguments than that in the file.

    Example:
        >>> import tempfile
        >>> from tinynet import Dense
        >>> path = tempfile.mkdtemp() + "/net.npz"
        >>> save(Dense(3, 2, rng=0), path)
        >>> load_parameters(Dense(3, 4), path)
        Traceback (most recent call last):
        tinynet.errors.LoadError: ...net.npz cannot be loaded:
          - W has shape (3, 2) and must have (3, 4)
          - b has shape (2,) and must have (4,)
    """
    check_network("load_parameters", net)
    header, arrays = read_archive(path)
    others = _other_arguments(net, header.get("network"), path)
    fill(named_arrays(net), _of_the_network(arrays), path)
    if others:
        warnings.warn(
            f"{path} was saved with other arguments of layers, so the loaded network may compute "
            f"something else: {'; '.join(others)}",
            stacklevel=2,
        )


def _other_arguments(net: Layer, description: Any, path: FilePath) -> list[str]:
    """The layers that were made with other arguments; other classes are refused."""
    try:
        ours, _ = describe(net)
    except TypeError:  # a network that has no description
        return []
    if description is None:  # the network in the file has none
        return []
    try:
        theirs, own = (dict(described_layers(each)) for each in (description, ours))
    except RecursionError as error:
        refuse(path, ["its layers are nested too deeply"], error)
    except ValueError as error:
        refuse(path, [str(error)], error)
    problems, others = [], []
    for place in own.keys() & theirs.keys():
        (class_there, there), (class_here, here) = theirs[place], own[place]
        if class_there != class_here:
            problems.append(f"layer {place or 'itself'} is {class_there} and must be {class_here}")
        elif there != here:
            saved, now = _call(class_there, there), _call(class_here, here)
            others.append(f"layer {place or 'itself'} is {saved} in the file and {now} here")
    if problems:
        refuse(path, sorted(problems))
    return sorted(others)


def _call(name: str, arguments: Mapping[str, Any]) -> str:
    """The call of a class, as `Dropout(0.5)`; arguments without a name have their place for one."""
    texts = (shown(v) if n.isdigit() else f"{n}={shown(v)}" for n, v in arguments.items())
    return escaped(f"{name}({', '.join(texts)})")


def check_network(function: str, net: object) -> None:
    """Refuse what is not a network, such as a path, and a network with layers that it hides."""
    if not isinstance(net, Layer):
        raise TypeError(
            f"{function} takes the network first, {function}(net, path); got {shown(net)} as net"
        )
    net.check_views()


def contents(net: Layer, *, architecture: bool = True) -> tuple[dict[str, Any], dict[str, Array]]:
    """The header and the arrays of a file, with the errors of `save`.

    Without `architecture`, an argument that cannot be written down is not an error: the header
    then holds the reason, which `load` reports, and `load_parameters` works.
    """
    arrays = {name: array.copy() for name, array in named_arrays(net).items()}
    check_finite(arrays)  # of the copies, which no other thread changes before they are written
    header: dict[str, Any] = {"dtype": net.params.dtype.name}
    try:
        header["network"], arguments = describe(net)
    except TypeError as error:
        if architecture:
            raise
        return {**header, "network": None, "reason": str(error)}, arrays
    return header, {**arrays, **arguments}


def _of_the_network(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a file without those in its folders."""
    return {name: array for name, array in arrays.items() if not name.startswith(_FOLDERS)}


def _rebuild(
    header: Mapping[str, Any],
    arrays: Mapping[str, Array],
    custom: Mapping[str, type[Layer]],
    rng: Rng = None,
) -> Layer:
    """The network of that description, in its float type."""
    net = build(header["network"], arrays, custom, rng)
    dtype = header.get("dtype")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"its float type is {dtype!r}; it must be float32 or float64")
    if net.params.dtype != dtype:
        net.bind(np.empty(net.params.size, dtype), np.empty(net.params.size, dtype))
    net.check_views()  # a file may give a layer to a class that does not declare it
    return net
