"""tinynet: neural networks from layers that read as their equations, every gradient proved."""

import importlib
from types import ModuleType

from tinynet import data, initializers, interop, metrics, schedules
from tinynet.errors import BackwardBeforeForwardError, DivergenceError, LoadError
from tinynet.initializers import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    orthogonal,
    standard_normal,
    zeros,
)
from tinynet.interop import from_state_dict, load_safetensors, save_safetensors, to_state_dict
from tinynet.layers import (
    ELU,
    GELU,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Frozen,
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinynet.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
)
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
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "initializers",
    "interop",
    "lecun_normal",
    "lecun_uniform",
    "load",
    "load_parameters",
    "load_safetensors",
    "metrics",
    "orthogonal",
    "predict",
    "save",
    "save_safetensors",
    "schedules",
    "standard_normal",
    "to_state_dict",
    "train",
    "zeros",
]


def __getattr__(name: str) -> ModuleType:
    """Import `tinynet.plot` and `tinynet.testing` when they are first asked for."""
    if name in ("plot", "testing"):
        return importlib.import_module(f"tinynet.{name}")
    raise AttributeError(f"module 'tinynet' has no attribute {name!r}")
