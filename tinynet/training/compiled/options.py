"""What the compiled updates need to know of an optimizer."""

from typing import Any

import numpy as np

from tinynet.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tinynet.training.compiled import codes
from tinynet.types import Array

RULES: dict[type[Optimizer], int] = {
    SGD: codes.SGD,
    Adam: codes.ADAM,
    AdamW: codes.ADAMW,
    RMSprop: codes.RMSPROP,
    Adagrad: codes.ADAGRAD,
}
_OPTIONS = "clip_value", "clip_norm", "weight_decay", "momentum", "nesterov", "eps", "alpha"


def make_ready(optimizer: Any) -> bool:
    """Make the vectors that its update needs, as its first step does; whether all are there."""
    if not _is_ready(optimizer):
        optimizer.allocate()
    return _is_ready(optimizer)


def _is_ready(optimizer: Any) -> bool:
    params = optimizer.net.params
    vectors = [optimizer.work, *(vector for _, vector in optimizer.named_state())]
    has_velocity = hasattr(optimizer, "velocity") or not getattr(optimizer, "momentum", 0)
    return has_velocity and all(
        vector.shape == params.shape and vector.dtype == params.dtype and vector.flags.c_contiguous
        for vector in vectors
    )


def rule_of(optimizer: Any) -> tuple[int, Array, Array, Array]:
    """The code of an optimizer of tinynet's, its options, its squares and its moving mean."""
    beta1, beta2 = getattr(optimizer, "betas", (0.0, 0.0))
    given = {name: float(getattr(optimizer, name, 0) or 0) for name in _OPTIONS}
    options = [*given.values()]
    options[5:5] = beta1, beta2
    memory: dict[str, Array] = dict(optimizer.named_state())
    none = np.empty(0, optimizer.net.params.dtype)
    moving = memory.get("velocity", memory.get("mean", none))
    code = RULES[type(optimizer)]
    if code == codes.SGD and optimizer.plain:
        code = codes.DESCENT
    return code, np.array(options), memory.get("squares", none), moving


def no_rule(params: Array) -> tuple[int, Array, Array, Array]:
    """The rule by which only the gradient is computed."""
    none = np.empty(0, params.dtype)
    return codes.GRADIENT, np.empty(0), none, none
