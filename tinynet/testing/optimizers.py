"""The check of an optimizer: runs beside a reference, each step of which yields what must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.optimizers import Optimizer
from tinynet.testing.report import Fault, GradientError, Report, TensorResult
from tinynet.types import Array

__all__ = ["OPTIMIZER_CHECKS", "check_optimizer"]

Make = Callable[[Layer], Optimizer]
Reference = Callable[[Array, Array, dict[str, Any]], Array | None]

_MEMORY = "name in `state` what it remembers, and use the params that update gets, not a copy."
_CHECKS = {
    "mutation": ("step {n} writes into net.grads", "write grads + decay into another array."),
    "in_place": ("step {n} replaces net.params or net.grads", "write params -= ..., in place."),
    "trajectory": ("after step {n}", ""),
    "reuse": ("after step {n} of a second one, its params replaced half-way", _MEMORY),
    "isolation": ("after step {n} of two optimizers that take turns", _MEMORY),
    "float32": ("after step {n} in float32", ""),
}  # when two vectors that must agree did not, and what may be the cause

OPTIMIZER_CHECKS = tuple(_CHECKS)
"""The names of all checks of an optimizer."""


def check_optimizer(make: Make, reference: Reference, *, steps: int = 8) -> Report:
    """Compare an optimizer with its plain update, step by step.

    The gradients run from 1e-6 to 1e3 and hold zeros; they come in one vector that is written
    anew for each step, as layers do.

    Args:
        make: net -> the optimizer.
        reference: (params, grads, state) -> the next params, for one vector in float64; or None
            where it has changed `params` itself. `state` is a dict, empty at first, for what it
            has to remember from step to step.
        steps: how many steps it makes with gradients of each magnitude.

    Returns:
        What was checked.

    Raises:
        GradientError: the optimizer differs from the reference, changes gradients, replaces the
            parameters' memory, or remembers what it should not.
        TypeError: `make` does not return an optimizer.

    Example:
        >>> from tinynet import SGD
        >>> check_optimizer(lambda net: SGD(net, 0.1), lambda p, g, state: p - 0.1 * g).passed[:3]
        ['mutation', 'in_place', 'trajectory']
    """
    if steps < 1:
        raise ValueError(f"steps must be a positive int; got {steps!r}")
    optimizer = make(_Parameters(0, np.float64))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"make(net) must return a tinynet.Optimizer; got {type(optimizer).__name__}. "
            f"Pass a function such as lambda net: SGD(net, lr=0.1)."
        )
    report = Report(repr(optimizer))
    try:
        with np.errstate(all="ignore"):
            for pair in _pairs(make, reference, steps):
                _hold(pair, report)
    except Fault as fault:
        call = f"check_optimizer(make, reference, steps={steps})"
        raise GradientError(fault, repr(optimizer), call) from fault.__cause__
    return report


class _Parameters(Layer):
    """Several parameters of different shapes, and nothing to compute."""

    def __init__(self, seed: int, dtype: Any = np.float64) -> None:
        rng = np.random.default_rng(seed)
        sizes = {"W": (3, 4), "b": (4,), "gain": (), "kernel": (2, 1, 2)}
        arrays = {name: rng.normal(size=shape) for name, shape in sizes.items()}
        super().__init__(**arrays, dtype=dtype)


class _Run:
    """An optimizer on a network of its own, and beside it the reference, from the same start."""

    def __init__(self, make: Make, reference: Reference, seed: int, dtype: Any = np.float64):
        self.net = _Parameters(seed, dtype)
        self.params, self.grads = self.net.params, self.net.grads  # as the layers know them
        self.optimizer, self.reference, self.count = make(self.net), reference, 0
        self.memory: dict[str, Any] = {}
        self.wanted = self.params.astype(float)
        self.path = np.zeros(self.wanted.size)  # how far the reference has moved in all
        self.rtol, self.eps = (1e-9, 1.1e-16) if dtype == np.float64 else (1e-4, 6e-8)

    def follow(self, gradients: Iterable[Array], name: str) -> Iterator[_Pair]:
        """Step on both sides, and yield what must agree; `name` is for the parameters."""
        for self.grads[...] in gradients:
            self.gradient, given = self.grads.copy(), self.wanted.copy()
            try:
                self.optimizer.step()
            except Exception as error:
                raise Fault(name, f"step raised {type(error).__name__}: {error}") from error
            self.count += 1
            if self.count != (steps := self.optimizer.steps):
                raise Fault(name, f"after {self.count} steps optimizer.steps is {steps}.")
            returned = self.reference(given, self.gradient.astype(float), self.memory)
            following = np.asarray(given if returned is None else returned, float)
            self.path += np.abs(following - self.wanted)
            self.wanted, largest = following, np.abs(following) + self.path
            tolerance = self.rtol * self.path + 8 * self.eps * self.count * largest
            yield _Pair("mutation", self, self.grads, self.gradient)
            for held, now in ((self.params, self.net.params), (self.grads, self.net.grads)):
                yield _Pair("in_place", self, *map(np.nan_to_num, (held, now)))
            yield _Pair(name, self, self.params, self.wanted, tolerance)


class _Pair(NamedTuple):
    """Two vectors of a run that must agree, and the check that says so."""

    name: str
    run: _Run
    got: Array
    wanted: Array
    tolerance: Array | float = 0.0


def _pairs(make: Make, reference: Reference, steps: int) -> Iterator[_Pair]:
    """All that must agree, causes before their symptoms."""
    rng, shape = np.random.default_rng(0), (4, steps, _Parameters(0).params.size)
    low, high = np.array([[-6, -1, -6, 3], [3, 1, -6, 3]])[..., None, None]  # powers of ten
    gradients = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(low, high, shape)
    gradients[rng.random(shape) < 0.1] = 0
    gradients[..., -1] = 0  # one that never has a gradient
    yield from _Run(make, reference, 0).follow(gradients[0], "trajectory")
    again = _Run(make, reference, 0)
    yield from again.follow(gradients[0], "reuse")
    again.params[...] = again.wanted = _Parameters(1).params  # as loading does
    yield from again.follow(gradients[0], "reuse")
    one, other = _Run(make, reference, 0), _Run(make, reference, 0)
    for gradient in gradients[0]:
        yield from one.follow([gradient], "isolation")
        yield from other.follow([-gradient], "isolation")
    for seed, some in enumerate(gradients):
        yield from _Run(make, reference, seed).follow(some, "trajectory")
        yield from _Run(make, reference, seed, np.float32).follow(some, "float32")


def _hold(pair: _Pair, report: Report) -> None:
    """Enter a pair that agrees into the report; raise Fault where it does not."""
    off, gradient = np.abs(pair.got - pair.wanted), pair.run.gradient
    if not np.any(bad := ~(off <= pair.tolerance)):
        row = report.tensors.setdefault("params", TensorResult("params", off.shape))
        row.coordinates, row.entries = off.size, row.entries + off.size
        if pair.name not in report.passed:
            report.passed.append(pair.name)
        if pair.got.dtype == np.float64:
            row.worst = max(row.worst, float(off.max() / np.abs(pair.wanted).max(initial=1e-300)))
        return
    place, step, (when, hint) = int(np.argmax(bad)), pair.run.count - 1, _CHECKS[pair.name]
    names = [name for name, view in pair.run.net.named_parameters() for _ in range(view.size)]
    name, got, wanted = names[place], float(pair.got[place]), float(pair.wanted[place])
    hints = [hint] if hint else []
    if not hint and np.all((np.abs(gradient[bad]) <= 1e-5) & (gradient[bad] != 0)):
        hints.append("only tiny gradients go wrong: is epsilon inside the root, or too large?")
    if not hint and step == 0:
        hints.append("it is wrong from the first step on: what has the state at its start?")
    if not hint and step == 1:
        hints.append("only the first step is right: does the state keep the gradients uncopied?")
    what = (
        f"{when.format(n=step)}: entry {place}, of {name}, is {got:.9g}; it must be {wanted:.9g}. "
        f"{bad.sum()} of {bad.size} differ, and the gradient there was {gradient[place]:.3g}."
    )
    raise Fault(pair.name, what, *hints, tensor=name, index=(place,), analytic=got, numeric=wanted)
