"""Files in the safetensors format, with PyTorch's names."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinynet.errors import LoadError
from tinynet.interop.torch import fill_from, to_state_dict
from tinynet.layers import Layer
from tinynet.persistence.archive import refuse
from tinynet.persistence.arrays import check_finite
from tinynet.persistence.atomic import open_regular, write_atomically
from tinynet.persistence.models import check_network
from tinynet.types import Array, FilePath

_METADATA, _CHECKSUM = "__metadata__", "tinynet.sha256"
_LARGEST_HEADER = 1 << 22  # as of tinynet's own files; about 80 bytes for each tensor
_ADVICE = (
    f"may have {_LARGEST_HEADER:,}, enough for about 50,000 arrays. If the file is right, call "
    f"from_state_dict(net, safetensors.numpy.load_file(path))"
)


def save_safetensors(net: Layer, path: FilePath) -> None:
    """Write `to_state_dict(net)` in the safetensors format, completely or not at all.

    Raises:
        ImportError: safetensors is not installed; it is the extra `safetensors`.
        OSError: the file cannot be written; an old one is then as it was.
        ValueError: a value is NaN or infinite, or the header would be longer than 4 MiB.
    """
    check_network("save_safetensors", net)
    arrays = to_state_dict(net)
    check_finite(arrays)
    data = _safetensors().save(arrays, metadata={_CHECKSUM: _checksum(arrays)})
    if (length := int.from_bytes(data[:8], "little")) > _LARGEST_HEADER:
        raise ValueError(
            f"the header of a safetensors file may have {_LARGEST_HEADER:,} bytes; that of "
            f"{len(arrays):,} arrays has {length:,}. Save parts of the network in other files"
        )
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
        try:
            start = file.read(8)
            length, size = int.from_bytes(start, "little"), os.fstat(file.fileno()).st_size
            if not 2 <= length <= size - 8:
                raise ValueError(f"its header would have {length:,} bytes in a file of {size:,}")
            if length > _LARGEST_HEADER:
                refuse(path, [f"its header has {length:,} bytes and {_ADVICE}"])
            text = file.read(length)
            header = json.loads(text)
            declared = [each["data_offsets"][1] for n, each in header.items() if n != _METADATA]
            if max(declared, default=0) != size - 8 - length:
                raise ValueError("its header declares another size than that of the file")
            state_dict = read(start + text + file.read())
        except (OSError, MemoryError, LoadError):
            raise
        except Exception as error:  # the package's errors have no common class
            refuse(path, [f"it is damaged or is not a safetensors file ({error})"], error)
    kept = header.get(_METADATA) or {}
    if _CHECKSUM in kept and kept[_CHECKSUM] != _checksum(state_dict):
        refuse(path, ["its arrays are not those that were written: the checksum differs"])
    fill_from(net, state_dict, path)


def _checksum(arrays: Mapping[str, Array]) -> str:
    """A checksum of names, types, shapes and values; the format itself has none."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError("safetensors files need a package: pip install safetensors") from error
    return safetensors.numpy
