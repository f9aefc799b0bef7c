"""Optimizers: how the gradients move the parameters."""

from tinynet.optimizers.adam import Adam, AdamW
from tinynet.optimizers.adaptive import Adagrad, RMSprop
from tinynet.optimizers.base import Optimizer
from tinynet.optimizers.per_parameter import per_parameter
from tinynet.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "per_parameter"]
