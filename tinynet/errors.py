"""Errors that have a name of their own; everything else is a ValueError or a TypeError."""

from typing import NoReturn

from tinynet.foreign_names import ATTRIBUTES

__all__ = ["BackwardBeforeForwardError", "DivergenceError", "LoadError"]


class BackwardBeforeForwardError(AttributeError, RuntimeError):
    """`backward` was called before `forward`, so what it needs is not there."""


class DivergenceError(ArithmeticError):
    """The loss or a parameter is no longer a finite number, so training cannot go on."""


class LoadError(ValueError):
    """A file cannot be loaded: damaged, of another program, or not for this network."""


def missing_attribute(owner: object, name: str) -> NoReturn:
    """Explain why an attribute is missing: `__getattr__` of layers and losses.

    What `forward` keeps for `backward` has a leading underscore, `self._x`.
    """
    me = type(owner).__name__
    if name.startswith("_") and not name.startswith("__"):
        raise BackwardBeforeForwardError(
            f"{me} has no {name} yet: forward stores what backward needs, "
            f"so call forward before backward."
        )
    hint = ""
    if name in ATTRIBUTES:
        hint = f": {ATTRIBUTES[name]}"
    elif name[:1] == "d" and name[1:] in vars(owner):
        hint = f". Declare the parameter with super().__init__({name[1:]}=...) to have it"
    raise AttributeError(f"{me} has no attribute {name!r}{hint}")
