"""Losses: how far outputs y are from targets t, as one number and its gradient."""

from tinynet.losses.base import Loss
from tinynet.losses.binary import BCELoss, BCEWithLogitsLoss
from tinynet.losses.categorical import CrossEntropyLoss, KLDivLoss
from tinynet.losses.regression import HuberLoss, L1Loss, MSELoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
]
