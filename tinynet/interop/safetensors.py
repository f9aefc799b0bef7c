"""Files in the safetensors format, with PyTorch's names."""

from typing import Any

from tinynet.interop.torch import fill_from, to_state_dict
from tinynet.layers import Layer
from tinynet.persistence.archive import refuse
from tinynet.persistence.arrays import check_finite
from tinynet.persistence.atomic import open_regular, write_atomically
from tinynet.persistence.models import check_network
from tinynet.types import FilePath


def save_safetensors(net: Layer, path: FilePath) -> None:
    """Write `to_state_dict(net)` in the safetensors format, completely or not at all.

    Raises:
        ImportError: safetensors is not installed; it is the extra `safetensors`.
        OSError: the file cannot be written; an old one is then as it was.
        ValueError: a value is NaN or infinite.
    """
    check_network("save_safetensors", net)
    arrays = to_state_dict(net)
    check_finite(arrays)
    data = _safetensors().save(arrays)
    write_atomically(path, lambda file: file.write(data))


def load_safetensors(net: Layer, path: FilePath) -> None:
    """Fill a network from a safetensors file with PyTorch's names, as `from_state_dict` does.

    Raises:
        ImportError: safetensors is not installed; it is the extra `safetensors`.
        OSError: no such file, or a folder.
        LoadError: the file is damaged or does not fit the network.
    """
    check_network("load_safetensors", net)
    read = _safetensors().load
    with open_regular(path) as file:
        data = file.read()
    try:
        state_dict = read(data)
    except Exception as error:  # the package's errors have no common class
        refuse(path, [f"it is damaged or is not a safetensors file ({error})"], error)
    fill_from(net, state_dict, path)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("safetensors files need a package: pip install safetensors") from error
    return safetensors.numpy
