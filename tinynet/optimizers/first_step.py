"""The first step of an optimizer: one that changes nothing usually has one of two causes."""

import dis
import inspect
import sys
import warnings
from itertools import pairwise
from typing import Any

from tinynet.kept import set_by
from tinynet.types import Array


def check_memory(optimizer: Any) -> None:
    """Refuse an optimizer whose steps set what a checkpoint would not hold."""
    cls = type(optimizer)
    ours = next(c for c in cls.__mro__ if c.__module__.startswith("tinynet."))
    unsaved = sorted(set_by(cls, "update") - set_by(ours, "step", "update") - {*optimizer.state})
    if unsaved:
        raise ValueError(
            f"{cls.__name__}.update sets {', '.join(f'self.{name}' for name in unsaved)}, which a "
            f"checkpoint would not hold, so a resumed run would go on differently. List vectors in "
            f"the class, state = ({unsaved[0]!r},), and overwrite them; self.steps counts the steps"
        )


def check_first_step(optimizer: Any, before: Array, rate: float, returned: object) -> None:
    """Look whether a step has moved the parameters from where they were before.

    Raises:
        ValueError: `update` has made new parameters instead of overwriting those that it got.

    Warns:
        UserWarning: all gradients are 0, as they are until `backward` has run.
    """
    net, me = optimizer.net, type(optimizer).__name__
    if not net.grads.any():
        caller = str(sys._getframe(2).f_globals.get("__name__"))
        if not optimizer.steps and not caller.startswith("tinynet."):  # `train` calls backward
            warnings.warn(
                "all gradients are 0 in the first step. Was backward called before it? "
                "Write net.backward(loss.backward()), then optimizer.step().",
                stacklevel=3,
            )
        return
    made_new = returned is not None or _rebinds(type(optimizer).update)
    if rate and made_new and (net.params == before).all():
        raise ValueError(
            f"{me}.update changed no parameter, because it made a new array. It must overwrite "
            f"the one that it got: write params -= rate * grads, or params[...] = ..., instead "
            f"of params = ..."
        )


def _rebinds(update: Any) -> bool:
    """Whether the code assigns another array to its argument params."""
    code = getattr(inspect.unwrap(update), "__code__", None)
    if code is None or code.co_argcount < 2:
        return False
    steps, name = list(dis.get_instructions(code)), code.co_varnames[1]
    stores = [pair for pair in pairwise(steps) if pair[1].opname == "STORE_FAST"]
    in_place = [made.opname == "BINARY_OP" and "=" in made.argrepr for made, _ in stores]
    names = [store.argval for _, store in stores]
    return (name, False) in zip(names, in_place, strict=True)
