"""The contestants: one module for each library.

A module has `version() -> str` and `prepare(name, task) -> Job`, which may raise `Unfit`. It is
imported in the process of its contestant only.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["CONTESTANTS", "OTHER", "module"]

OTHER = "tinynet (other)"  # of the checkout that the option --other names

CONTESTANTS = {  # in the order of the table: name -> module
    "tinynet": "with_tinynet",
    "tinynet, NumPy": "with_tinynet",
    "tinynet, plain path": "with_tinynet",
    OTHER: "with_tinynet",
    "PyTorch": "with_torch",
    "torch.compile": "with_torch",
    "JAX, jit per step": "with_jax",
    "JAX, jit, NumPy data": "with_jax",
    "JAX, compiled epoch": "with_jax",
    "scikit-learn": "with_sklearn",
    "NumPy script": "with_numpy",
    "C loop": "with_c",
}


def module(name: str) -> ModuleType:
    """The module of a contestant; ImportError where its library is not installed."""
    return importlib.import_module(f"{__name__}.{CONTESTANTS[name]}")
