"""What a loss or a learning rate remembers: a checkpoint must hold it, or a run resumes wrongly."""

import copy
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from tinynet.declared import attributes
from tinynet.held import held
from tinynet.kept import kept_names
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.optimizers import Optimizer
from tinynet.types import Array


@np.errstate(all="ignore")
def check_loss_memory(net: Layer, loss: Loss, x: Array, t: Array) -> None:
    """Refuse a loss whose value depends on earlier passes by more than its buffers.

    A loss that has seen a batch, and one with the same buffers that has not, must give the same.
    """
    y = copy.deepcopy(net).predict(x)  # which may draw random numbers
    used, again = copy.deepcopy(loss), copy.deepcopy(loss)
    used.forward(y, t)
    used.backward()
    me, start = type(loss).__name__, attributes(again)
    for name in loss.buffers:
        array, now = start.get(name), getattr(used, name)
        if not isinstance(array, np.ndarray) or np.shape(now) != array.shape:
            raise ValueError(
                f"{me}.{name} is one of its buffers, so it must be an array that stays, and that "
                f"forward overwrites: self.{name} = np.zeros(...) in __init__, and "
                f"self.{name}[...] = ... in forward"
            )
        array[...] = now
    if _value(used, y, t, used) in (_value(again, y, t, used), None):
        return
    changed = [
        f"self.{name}"
        for name, value in attributes(used).items()
        if name not in (*loss.buffers, *kept_names(type(loss)))
        and str(value) != str(start.get(name))
    ]
    raise ValueError(
        f"forward of {me} depends on earlier passes, by {' and '.join(changed) or 'what it keeps'},"
        f" which a checkpoint would not hold, so a resumed run would go on differently. Keep it in "
        f"an array, name that in the class, buffers = ('name',), and overwrite it in place"
    )


def check_rate_memory(optimizer: Optimizer) -> None:
    """Refuse a learning rate that depends on how often it was asked for."""
    lr = optimizer.lr
    if callable(lr):
        asked: Callable[[int], float] = lr if isinstance(lr, FunctionType) else copy.deepcopy(lr)
        if asked(optimizer.steps) != asked(optimizer.steps):
            raise ValueError(
                f"lr({optimizer.steps}) is another number each time it is called, so it depends on "
                f"what a checkpoint does not hold, and a resumed run would go on differently. The "
                f"learning rate must be a function of the number of steps alone"
            )


def _value(loss: Loss, y: Array, t: Array, like: Loss) -> float | None:
    """What a copy gives, with the random numbers that `like` would draw; None if that varies."""
    values = set()
    for _ in range(2):
        twin = copy.deepcopy(loss)
        for mine, theirs in zip(_generators(twin), _generators(like), strict=False):
            mine.bit_generator.state = theirs.bit_generator.state
        values.add(twin.forward(y, t))
    return values.pop() if len(values) == 1 else None


def _generators(loss: Loss) -> list[Any]:
    return [value for _, value in held(loss) if isinstance(value, np.random.Generator)]
