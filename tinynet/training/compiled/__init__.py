"""Compiled steps of training, with the extra `fast`."""

from tinynet.training.compiled.engine import descend, pays, reason_against

__all__ = ["descend", "pays", "reason_against"]
