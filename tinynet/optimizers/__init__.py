"""Optimizers: how the gradients move the parameters."""

from tinynet.optimizers.adam import Adam, AdamW
from tinynet.optimizers.adaptive import Adagrad, RMSprop
from tinynet.optimizers.base import Optimizer
from tinynet.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
