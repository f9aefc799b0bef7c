"""Networks in files, and in the form that PyTorch reads."""

from tinynet.persistence.atomic import write_atomically
from tinynet.persistence.interchange import (
    from_state_dict,
    load_safetensors,
    save_safetensors,
    to_state_dict,
)
from tinynet.persistence.models import load, load_parameters, save

__all__ = [
    "from_state_dict",
    "load",
    "load_parameters",
    "load_safetensors",
    "save",
    "save_safetensors",
    "to_state_dict",
    "write_atomically",
]
