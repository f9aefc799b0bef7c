"""tinynet: neural networks from layers that read as their equations, every gradient proved."""

from tinynet import data, metrics, schedules
from tinynet.activations import Sigmoid
from tinynet.errors import BackwardBeforeForwardError, DivergenceError, LoadError
from tinynet.evaluation import evaluate, predict
from tinynet.fitting import fit
from tinynet.history import History
from tinynet.layer import Layer
from tinynet.layers import Dense
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
from tinynet.sequential import Sequential
from tinynet.training import Epoch, train

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BackwardBeforeForwardError",
    "CrossEntropyLoss",
    "Dense",
    "DivergenceError",
    "Epoch",
    "History",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Layer",
    "LoadError",
    "Loss",
    "MSELoss",
    "Optimizer",
    "RMSprop",
    "Sequential",
    "Sigmoid",
    "data",
    "evaluate",
    "fit",
    "load",
    "load_parameters",
    "metrics",
    "predict",
    "save",
    "schedules",
    "train",
]
