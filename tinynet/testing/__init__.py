"""Gradient checks: `backward` against differences of `forward`, and the contract around them."""

from tinynet.testing.check import LAYER_CHECKS, LOSS_CHECKS, check_layer, check_loss
from tinynet.testing.differences import numeric_jacobian
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
