"""Networks in the formats of other projects: one module for each format, on top of `naming`."""

from tinynet.interop.safetensors import load_safetensors, save_safetensors
from tinynet.interop.torch import from_state_dict, to_state_dict

__all__ = ["from_state_dict", "load_safetensors", "save_safetensors", "to_state_dict"]
