"""A network's arrays under the names of another project: what all formats have in common."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from tinynet.layers import Frozen, Layer
from tinynet.persistence.arrays import named_arrays
from tinynet.types import Array


class Naming(NamedTuple):
    """How a project names and lays out the arrays of each kind of layer.

    Attributes:
        names: for a class of tinynet, the arrays that have another name there.
        transposed: pairs of class and tinynet's name, for the arrays that are transposed there.
    """

    names: Mapping[type[Layer], Mapping[str, str]]
    transposed: Collection[tuple[type[Layer], str]]


def renamed_arrays(net: Layer, naming: Naming, prefix: str = "") -> dict[str, Array]:
    """Views on a network's arrays by their names there; writing into them changes the network.

    A name is the places that lead to the layer, with dots, and then the array's: "2.weight". A
    `Frozen` has no place in it, because other projects mark frozen parameters by a flag.
    """
    arrays = {}
    kind = next((kind for kind in naming.names if isinstance(net, kind)), type(net))
    for name, array in named_arrays(net).items():
        if "." not in name:  # those of the parts come below
            there = naming.names.get(kind, {}).get(name, name)
            arrays[prefix + there] = array.T if (kind, name) in naming.transposed else array
    for name, part in net._parts():
        below = prefix if isinstance(net, Frozen) else f"{prefix}{name}."
        arrays.update(renamed_arrays(part, naming, below))
    return arrays
