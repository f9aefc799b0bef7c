"""What a rule of the contract is, and how its pairs of outcomes are held against each other."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tinynet.testing.magnitudes import EPS, agree, distance, largest
from tinynet.testing.report import Fault
from tinynet.testing.trial import Trial
from tinynet.types import Array


class Pair(NamedTuple):
    """What must agree: how `got` came about, what came out by name, and what it must equal."""

    when: str
    got: dict[str, Any]
    wanted: dict[str, Any]


Pairs = Iterator[Pair]


class Rule(NamedTuple):
    """A rule of the contract; several may belong to one check."""

    name: str  # of the check, a word for `skip`
    hints: tuple[str, ...]  # what may be the cause where a pair does not agree
    pairs: Callable[[Trial], Pairs | None]  # which may raise Broken or LeftOut instead
    eps: float  # size of the last bits, which tell the round-off; 0: one computation, repeated


class LeftOut(Exception):
    """A rule does not apply; the text says why."""


class Broken(Exception):
    """A rule is broken in a way that no pair shows; a text, and hints in place of the rule's."""


def rule(name: str, *hints: str, eps: float = 0.0) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a function from a trial to pairs."""
    return lambda pairs: Rule(name, hints, pairs, eps)


def hold(rule: Rule, t: Trial) -> None:
    """Hold the pairs of a rule against each other; raises a Fault, or that it is LeftOut."""
    t.rng = np.random.default_rng(t.seed)
    try:
        for n, (when, results, right) in enumerate(rule.pairs(t) or ()):
            for name, got in results.items():
                if difference := _difference(rule, t, n, name, got, right[name]):
                    raise Fault(rule.name, f"{when}, {difference}.", *rule.hints, tensor=name)
    except Broken as broken:
        text, *hints = broken.args
        raise Fault(rule.name, text, *(hints or rule.hints)) from broken.__cause__


def _difference(rule: Rule, t: Trial, n: int, name: str, got: Any, wanted: Any) -> str:
    """How a result differs from what it must be; empty where it does not, but for round-off."""
    if isinstance(got, np.ndarray | np.generic):
        a, b = np.asarray(got), np.asarray(wanted)
        close = agree(a, b, max(1e-9, 2e4 * rule.eps))
        if close or (rule.eps and distance(a, b) <= _roundoff(rule, t, n, name, b)):
            return ""
        if a.shape == b.shape:
            off = np.nan_to_num(np.abs(np.subtract(a, b, dtype=float)), nan=np.inf)
            place = np.unravel_index(int(np.argmax(off)), a.shape)
            where = f"[{', '.join(map(str, place))}]" if place else ""
            return f"{name}{where} is {a[place]:.9g}; it must be {b[place]:.9g}"
        name, got, wanted = f"the shape of {name}", a.shape, b.shape
    return "" if got == wanted else f"{name} is {got}; it must be {wanted}"


def _roundoff(rule: Rule, t: Trial, n: int, name: str, wanted: Array) -> float:
    """How far the last bits of x, dy and the parameters move what pair n should be, 100 times."""
    moves = []
    for seed, eps in enumerate((0.0, rule.eps, rule.eps, rule.eps)):
        moved = t.with_last_bits(eps, seed)
        moved.rng = np.random.default_rng(t.seed)
        try:
            pair = next(islice(rule.pairs(moved) or (), n, None))
            moves.append(distance(np.asarray(pair.wanted[name]), wanted))
        except Exception:  # out of the domain by its last bits
            moves.append(0.0)
    most = 1e-3 * max(largest(t.dy), largest(wanted))  # at a tie they may move it far
    # a layer that gives something else each time is not excused by it
    return 0.0 if moves[0] else min(100 * max(*moves, EPS * largest(t.dy)), most)
