"""Networks in files."""

from tinynet.persistence.atomic import write_atomically
from tinynet.persistence.models import load, load_parameters, save

__all__ = ["load", "load_parameters", "save", "write_atomically"]
