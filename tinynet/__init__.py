"""tinynet: neural networks from layers that read as their equations, every gradient proved."""

from tinynet import data, metrics
from tinynet.activations import Sigmoid
from tinynet.errors import BackwardBeforeForwardError, DivergenceError, LoadError
from tinynet.evaluation import evaluate, predict
from tinynet.fitting import fit
from tinynet.history import History
from tinynet.layer import Layer
from tinynet.layers import Dense
from tinynet.losses import Loss, MSELoss
from tinynet.optimizers import SGD, Optimizer
from tinynet.persistence import load, load_parameters, save
from tinynet.sequential import Sequential
from tinynet.training import Epoch, train

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "BackwardBeforeForwardError",
    "Dense",
    "DivergenceError",
    "Epoch",
    "History",
    "Layer",
    "LoadError",
    "Loss",
    "MSELoss",
    "Optimizer",
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
    "train",
]
