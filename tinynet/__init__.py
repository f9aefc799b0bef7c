"""Neural networks from layers that read as their equations, with every gradient checked."""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

from tinynet import data, initializers, interop, metrics, schedules
from tinynet.errors import BackwardBeforeForwardError, DivergenceError, LoadError
from tinynet.initializers import glorot_uniform, he_normal, lecun_normal
from tinynet.interop import from_state_dict, load_safetensors, save_safetensors, to_state_dict
from tinynet.layers import *
from tinynet.losses import *
from tinynet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tinynet.persistence import load, load_parameters, save
from tinynet.training import Epoch, History, detect_anomaly, evaluate, fit, predict, train

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BackwardBeforeForwardError",
    "BatchNorm",
    "CrossEntropyLoss",
    "Dense",
    "DivergenceError",
    "Dropout",
    "Embedding",
    "Epoch",
    "Flatten",
    "Frozen",
    "History",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LoadError",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "Optimizer",
    "RMSprop",
    "ReLU",
    "Reshape",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "data",
    "detect_anomaly",
    "evaluate",
    "fit",
    "from_state_dict",
    "glorot_uniform",
    "he_normal",
    "initializers",
    "interop",
    "lecun_normal",
    "load",
    "load_parameters",
    "load_safetensors",
    "metrics",
    "predict",
    "save",
    "save_safetensors",
    "schedules",
    "to_state_dict",
    "train",
]

if TYPE_CHECKING:  # a type checker then finds misspelt names
    from tinynet import plot as plot
    from tinynet import testing as testing
else:

    def __getattr__(name: str) -> ModuleType:
        """Import `tinynet.plot` and `tinynet.testing` when they are first used."""
        if name in ("plot", "testing"):
            return importlib.import_module(f"tinynet.{name}")
        from tinynet.names import missing_name

        raise missing_name(name)
