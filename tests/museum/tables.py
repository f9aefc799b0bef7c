"""The two tables, and the decorators that enter a class into them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

__all__ = ["RIGHT", "WRONG", "Case", "right", "right_net", "wrong", "wrong_net"]


@dataclass(frozen=True, eq=False)
class Case:
    """A layer or loss, how to call its check, and what the check should say.

    Attributes:
        name: unique in its table.
        make: builds the layer or loss.
        given: arguments of `check_layer` or `check_loss`, such as `input_shape`.
        checks: for a wrong one, the checks that may rightly reject it.
        hint: for a wrong one, a word that the message must contain.
        reason: why a right one needs the `skip` in `given`.
    """

    name: str
    make: Callable[[], Any]
    given: dict[str, Any]
    checks: frozenset[str] = frozenset()
    hint: str = ""
    reason: str = field(default="")

    @property
    def module(self) -> str:
        """Where the class or function stands, such as "museum.wrong.kinks"."""
        return getattr(self.make, "func", self.make).__module__


WRONG: list[Case] = []
RIGHT: list[Case] = []


def wrong(*checks: str, hint: str = "", args: tuple[Any, ...] = (), **given: Any) -> Any:
    """Enter the class among the wrong ones: to be rejected by one of the checks."""

    def enter(cls: type) -> type:
        WRONG.append(Case(cls.__name__, partial(cls, *args), given, frozenset(checks), hint))
        return cls

    return enter


def right(*args: Any, name: str = "", reason: str = "", **given: Any) -> Any:
    """Enter the class among the right ones; `args` go to its constructor."""

    def enter(cls: type) -> type:
        RIGHT.append(Case(name or cls.__name__, partial(cls, *args), given, reason=reason))
        return cls

    return enter


def wrong_net(name: str, *checks: str, hint: str = "", **given: Any) -> Any:
    """Enter a function that builds a wrong network."""

    def enter(make: Callable[[], Any]) -> Callable[[], Any]:
        WRONG.append(Case(name, make, given, frozenset(checks), hint))
        return make

    return enter


def right_net(name: str, **given: Any) -> Any:
    """Enter a function that builds a right network."""

    def enter(make: Callable[[], Any]) -> Callable[[], Any]:
        RIGHT.append(Case(name, make, given))
        return make

    return enter
