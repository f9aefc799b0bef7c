"""Gradient checks: prove a backward pass right against differences, under a contract."""

from tinynet.testing.differences import numeric_jacobian
from tinynet.testing.layers import LAYER_CHECKS, check_layer
from tinynet.testing.losses import LOSS_CHECKS, check_loss
from tinynet.testing.optimizers import OPTIMIZER_CHECKS, check_optimizer
from tinynet.testing.report import GradientError, Report

__all__ = [
    "LAYER_CHECKS",
    "LOSS_CHECKS",
    "OPTIMIZER_CHECKS",
    "GradientError",
    "Report",
    "check_layer",
    "check_loss",
    "check_optimizer",
    "numeric_jacobian",
]
