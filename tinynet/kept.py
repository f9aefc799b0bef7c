"""What `forward` keeps for `backward`, such as `self._x`, and the error when it is not there."""

import dis
import inspect
from collections.abc import Iterator, MutableMapping
from difflib import get_close_matches
from types import CodeType
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from tinynet.declared import attributes
from tinynet.errors import BackwardBeforeForwardError

PASSES = "forward", "backward", "predict", "parameter_gradients"

_SET_BY: MutableMapping[type, dict[tuple[str, ...], frozenset[str]]] = WeakKeyDictionary()


class Kept:
    """Stands in a class for a private name that its methods use, until an object has set it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, owner: object, cls: type) -> Any:
        for base in cls.__mro__ if owner is not None else ():  # a class further on may define it
            found = vars(base).get(self.name, self)
            if not isinstance(found, Kept):
                return found.__get__(owner, cls) if hasattr(found, "__get__") else found
        _missing(cls, self.name, owner)


def expect_kept(cls: type) -> None:
    """Have the objects of a class explain what its methods use before it is set.

    These are private names, and `dgain` where there is a `gain` too.
    """
    functions = [inspect.unwrap(each) for each in vars(cls).values() if callable(each)]
    codes = [each.__code__ for each in functions if inspect.isfunction(each)]
    names = {name for code in codes for name in _names(code)}
    for name in names:
        private = name[0] == "_" != name[1:2]
        if (private or (name[0] == "d" and name[1:] in names)) and not hasattr(cls, name):
            setattr(cls, name, Kept(name))


def explain(error: BaseException) -> str:
    """What to do about a public name that was missing in an object, or nothing."""
    if not isinstance(error, AttributeError) or type(error) is BackwardBeforeForwardError:
        return ""
    owner, name = error.obj, error.name
    if not hasattr(type(owner), "forward") or not isinstance(name, str) or name[:1] == "_":
        return ""
    advice = _advice(owner, name)
    return "" if advice in getattr(error, "__notes__", ()) else advice


def set_by(cls: type, *methods: str) -> frozenset[str]:
    """The names that these methods of a class, and what they call on self, assign to an object."""
    known = _SET_BY.setdefault(cls, {})
    if methods not in known:
        codes: dict[str, list[CodeType]] = {}
        for name, code in _methods(cls):
            codes.setdefault(name, []).append(code)
        waiting, seen, found = [*methods], set(), set()
        while waiting:
            if (method := waiting.pop()) not in seen:
                seen.add(method)
                for code in codes.get(method, ()):
                    found |= _assigned(code)
                    waiting += [name for name in code.co_names if name in codes]
        known[methods] = frozenset(found)
    return known[methods]


def used_names(cls: type) -> frozenset[str]:
    """All names of attributes in the methods of a class."""
    return frozenset(name for _, code in _methods(cls) for name in _names(code))


def kept_names(cls: type) -> frozenset[str]:
    """The names that the passes of a layer or loss set and its constructor does not."""
    return set_by(cls, *PASSES) - set_by(cls, "__init__", "__new__", "__setstate__")


def _missing(cls: type, name: str, owner: object) -> NoReturn:
    if owner is None:  # as blocked_sgd looks at a class, in each epoch
        raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
    setters, text = _setters(cls, name), f"{cls.__name__} has no {name}"
    if setters - {"__init__", "backward", "parameter_gradients"}:
        ours = cls.__module__.startswith("tinynet.")
        path = "" if ours else f", and forward must set self.{name} on every path through it"
        why = f"forward stores what backward needs, so call forward before backward{path}."
        raise BackwardBeforeForwardError(f"{text} yet: {why}", name=name, obj=owner)
    raise AttributeError(f"{text}: {_advice(owner, name)}.", name=name, obj=owner)


def _advice(owner: object, name: str) -> str:
    cls = type(owner)
    if name[:1] == "d" and name[1:] in attributes(owner):
        return f"declare the parameter with super().__init__({name[1:]}=...) to have it"
    if "__init__" in _setters(cls, name):
        return "__init__ sets it, so a subclass calls super().__init__(...)"
    others = {n for _, code in _methods(cls) for n in _assigned(code)}
    close = get_close_matches(name, others, 1, 0.5)
    hint = f"; did you mean self.{close[0]}?" if close else ""
    return f"no method sets it; write self.{name} = ... in forward, which keeps it{hint}"


def _setters(cls: type, name: str) -> set[str]:
    """The methods that assign the name to an object."""
    return {method for method, code in _methods(cls) if name in _assigned(code)}


def _methods(cls: type) -> Iterator[tuple[str, CodeType]]:
    for base in cls.__mro__:
        for name, function in vars(base).items():
            function = inspect.unwrap(function) if callable(function) else function
            if inspect.isfunction(function):
                yield name, function.__code__


def _assigned(code: CodeType) -> set[str]:
    return {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"}


def _names(code: CodeType) -> Iterator[str]:
    """The names in a function and in those inside it."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)
