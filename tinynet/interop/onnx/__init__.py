"""Networks in files of ONNX, the format in which other programs run them."""

from tinynet.interop.onnx.model import export

__all__ = ["export"]
