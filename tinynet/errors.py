"""Errors that have a name of their own; everything else is a ValueError or a TypeError."""

__all__ = ["BackwardBeforeForwardError", "DivergenceError", "LoadError", "NotCopiedError"]


class BackwardBeforeForwardError(AttributeError, RuntimeError):
    """`backward` was called before `forward`, so what it needs is not there."""


class DivergenceError(ArithmeticError):
    """The loss or a parameter is no longer a finite number, so training cannot go on."""


class LoadError(ValueError):
    """A file cannot be loaded: damaged, of another program, or not for this network."""


class NotCopiedError(TypeError):
    """A layer holds something that can be neither copied nor pickled, such as a lock."""
