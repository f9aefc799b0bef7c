"""Gradient checks: prove a backward pass right against differences, under a contract."""

from tinynet.testing.differences import numeric_jacobian
from tinynet.testing.layers import LAYER_CHECKS, check_layer
from tinynet.testing.losses import LOSS_CHECKS, check_loss
from tinynet.testing.report import GradientError, Report

__all__ = [
    "LAYER_CHECKS",
    "LOSS_CHECKS",
    "GradientError",
    "Report",
    "check_layer",
    "check_loss",
    "numeric_jacobian",
]
