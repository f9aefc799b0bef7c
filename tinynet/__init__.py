"""Neural networks from layers that read as their equations, with every gradient checked."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from tinynet import (
    data,
    errors,
    initializers,
    interop,
    layers,
    losses,
    metrics,
    optimizers,
    schedules,
    training,
)
from tinynet.errors import *
from tinynet.initializers import glorot_uniform, he_normal, lecun_normal
from tinynet.interop import *
from tinynet.layers import *
from tinynet.losses import *
from tinynet.optimizers import *
from tinynet.persistence import load, load_parameters, save
from tinynet.training import *

__version__ = "0.1.0"

__all__ = [
    "data",
    "glorot_uniform",
    "he_normal",
    "initializers",
    "interop",
    "lecun_normal",
    "load",
    "load_parameters",
    "metrics",
    "save",
    "schedules",
]
__all__ += errors.__all__
__all__ += interop.__all__
__all__ += layers.__all__
__all__ += losses.__all__
__all__ += optimizers.__all__
__all__ += training.__all__

if TYPE_CHECKING:  # a type checker then finds misspelt names
    from tinynet import plot as plot
    from tinynet import testing as testing
else:

    def __getattr__(name: str) -> ModuleType:
        """Import `tinynet.plot` and `tinynet.testing` when they are first used."""
        if name in ("plot", "testing"):
            return importlib.import_module(f"tinynet.{name}")
        from tinynet.foreign_names import missing_name

        # `from tinynet import name` asks here first, and would put other words on the error
        caller = sys._getframe(1).f_globals.get("__name__")
        raise missing_name(name, imported=caller == "importlib._bootstrap")
