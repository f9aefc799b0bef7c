"""A network's arrays under the names of another project: what all formats have in common."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from tinynet.layers import Frozen, Layer, Masked
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


def renamed_arrays(net: Layer, naming: Naming) -> dict[str, Array]:
    """Views on a network's arrays by their names there; writing into them changes the network.

    A name is the places that lead to the layer, with dots, and then the array's: "2.weight".
    """
    arrays = {}
    for prefix, layer in prefixes(net):
        kind = next((kind for kind in naming.names if isinstance(layer, kind)), type(layer))
        for name, array in named_arrays(layer).items():
            if "." not in name:  # those of the parts come with these
                there = naming.names.get(kind, {}).get(name, name)
                arrays[prefix + there] = array.T if (kind, name) in naming.transposed else array
    return arrays


def prefixes(net: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """A network and all layers in it, each with what its arrays' names begin with there.

    A `Frozen` or `Masked` has no place in it, because other projects mark frozen parameters by a
    flag, and pass a mask from layer to layer.
    """
    yield prefix, net
    for name, part in net._parts():
        below = prefix if isinstance(net, Frozen | Masked) else f"{prefix}{name}."
        yield from prefixes(part, below)
