"""Option: an attribute whose value is checked whenever it is assigned."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from tinynet.declared import Plain, key


class Option(property):
    """An option of a layer, loss or optimizer, checked in `__init__` and at every assignment.

    Example:
        >>> from tinynet.checks import fraction
        >>> class Mix:
        ...     share = Option(fraction)
        ...
        ...     def __init__(self, share):
        ...         self.share = share
        >>> mix = Mix(0.5)
        >>> mix.share = 2
        Traceback (most recent call last):
        ValueError: share must be a number in [0, 1); got 2
        >>> mix.share
        0.5
    """

    def __init__(self, rule: Callable[[Any, str], Any]) -> None:
        """The rule takes a value and the name, and returns what to keep or raises an error."""
        self.rule = rule

    def __set_name__(self, cls: type, name: str) -> None:
        self.name, self.key = name, key(name)
        setattr(cls, self.key, Plain(name))
        super().__init__(attrgetter(self.key), self._write)  # read in C, without a call

    def _write(self, owner: object, value: object) -> None:
        vars(owner)[self.key] = self.rule(value, self.name)
