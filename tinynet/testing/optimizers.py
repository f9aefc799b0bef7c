"""The check of an optimizer: runs beside a reference, with which every step must agree."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from tinynet.checks import check_function, positive_int
from tinynet.layers import Dense, Layer
from tinynet.optimizers import Optimizer
from tinynet.testing.report import Fault, GradientError, Report, TensorResult, told
from tinynet.types import Array

Make = Callable[[Layer], Optimizer]
Reference = Callable[[Array, Array, dict[str, Any]], Array | None]

_MEMORY = "name in `state` what it remembers, and use the params that update gets, not a copy."
_CHECKS = {
    "mutation": ("step {n} writes into net.grads", "write grads + decay into another array."),
    "trajectory": ("after step {n}", ""),
    "reuse": ("after step {n} of a second one, its params replaced half-way", _MEMORY),
    "isolation": ("after step {n} of two optimizers that take turns", _MEMORY),
    "float32": ("after step {n} in float32", ""),
}  # when two vectors that must agree did not, and what may be the cause

OPTIMIZER_CHECKS = tuple(_CHECKS)
"""The names of all checks of an optimizer."""


def check_optimizer(make: Make, reference: Reference, *, steps: int = 8) -> Report:
    """Compare an optimizer with its plain update, step by step; the report says what was checked.

    The gradients run from 1e-6 to 1e3 and hold zeros; they come in one vector that is overwritten
    for each step, as layers do.

    Args:
        make: net -> the optimizer.
        reference: (params, grads, state) -> the next params, for one vector in float64; or None
            where it has changed `params` itself. `state` is a dict, empty at first, for what it
            has to remember from step to step.
        steps: how many steps it makes with gradients of each magnitude.

    Raises:
        GradientError: the optimizer differs from the reference, changes gradients, replaces the
            parameters' memory, or remembers what it should not.
        TypeError: `make` does not return an optimizer.

    Example:
        >>> from tinynet import SGD
        >>> check_optimizer(lambda net: SGD(net, 0.1), lambda p, g, state: p - 0.1 * g).passed[:3]
        ['mutation', 'trajectory', 'reuse']
    """
    check_function("make", make, "lambda net: SGD(net, lr=0.1)")
    check_function("reference", reference, "lambda params, grads, state: params - 0.1 * grads")
    positive_int(steps, "steps")
    optimizer = make(Dense(3, 4))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"make(net) must return a tinynet.Optimizer; got {type(optimizer).__name__}. "
            f"Pass a function such as lambda net: SGD(net, lr=0.1)."
        )
    report = Report(repr(optimizer))
    try:
        with np.errstate(all="ignore"):
            _hold_all(partial(_Run, report, make, reference), steps)
    except Fault as fault:
        call = f"check_optimizer(make, reference, steps={steps})"
        raise GradientError(fault, repr(optimizer), call) from fault.__cause__
    return report


class _Run:
    """An optimizer on a network of its own, and beside it the reference, from the same start."""

    def __init__(
        self, report: Report, make: Make, reference: Reference, seed: int, dtype: Any = float
    ) -> None:
        self.net = Dense(3, 4, dtype=dtype)
        self.params, self.grads = self.net.params, self.net.grads  # as the layers know them
        self.load(seed)
        self.optimizer, self.reference, self.report = make(self.net), reference, report
        self.count = 0
        self.memory: dict[str, Any] = {}
        self.path = np.zeros(self.wanted.size)  # how far the reference has moved in all
        self.rtol, self.eps = (1e-9, 1.1e-16) if dtype is float else (1e-4, 6e-8)

    def load(self, seed: int) -> None:
        """Write other parameters into the network, from which the reference goes on."""
        self.params[...] = np.random.default_rng(seed).normal(size=self.params.size)
        self.wanted = self.params.astype(float)

    def follow(self, check: str, gradients: Iterable[Array]) -> None:
        """Step on both sides and compare; `check` is that of the parameters."""
        for self.grads[...] in gradients:
            self.gradient, given = self.grads.copy(), self.wanted.copy()
            try:
                self.optimizer.step()
            except Exception as error:
                raise Fault(check, f"step raised {told(error)}") from error
            self.count += 1
            if self.count != (steps := self.optimizer.steps):
                raise Fault(check, f"after {self.count} steps optimizer.steps is {steps}.")
            returned = self.reference(given, self.gradient.astype(float), self.memory)
            following = np.asarray(given if returned is None else returned, float)
            self.path += np.abs(following - self.wanted)
            self.wanted, largest = following, np.abs(following) + self.path
            tolerance = self.rtol * self.path + 8 * self.eps * self.count * largest
            self._hold("mutation", self.grads, self.gradient)
            self._hold(check, self.params, self.wanted, tolerance)

    def _hold(self, check: str, got: Array, wanted: Array, tolerance: Any = 0.0) -> None:
        """Enter two vectors that agree into the report; raise Fault where they do not."""
        off, gradient = np.abs(got - wanted), self.gradient
        if not np.any(bad := ~(off <= tolerance)):
            rows, passed = self.report.tensors, self.report.passed
            row = rows.setdefault("params", TensorResult("params", off.shape, 0, off.size))
            row.entries += off.size
            if check not in passed:
                passed.append(check)
            if got.dtype == float:
                row.worst = max(row.worst, float(off.max() / np.abs(wanted).max(initial=1e-300)))
            return
        place, step, (when, hint) = int(np.argmax(bad)), self.count - 1, _CHECKS[check]
        if not hint and np.all((np.abs(gradient[bad]) <= 1e-5) & (gradient[bad] != 0)):
            hint = "only tiny gradients go wrong: is epsilon inside the root, or too large?"
        elif not hint and step == 1:
            hint = "only the first step is right: does the state keep the gradients uncopied?"
        name, a, b = (
            "W" if place < self.net.W.size else "b",
            float(got[place]),
            float(wanted[place]),
        )
        text = (
            f"{when.format(n=step)}: entry {place}, of {name}, is {a:.9g}; it must be {b:.9g}. "
            f"{bad.sum()} of {bad.size} differ, and the gradient there was {gradient[place]:.3g}."
        )
        hints = [hint] * bool(hint)
        raise Fault(check, text, *hints, tensor=name, index=(place,), analytic=a, numeric=b)


def _hold_all(new: Callable[..., _Run], steps: int) -> None:
    """Every run, causes before their symptoms."""
    rng, shape = np.random.default_rng(0), (4, steps, 16)
    low, high = np.array([[-6, -1, -6, 3], [3, 1, -6, 3]])[..., None, None]  # powers of ten
    gradients = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(low, high, shape)
    gradients[rng.random(shape) < 0.1] = 0
    gradients[..., -1] = 0  # one that never has a gradient
    first = gradients[0]
    new(0).follow("trajectory", first)
    again = new(0)
    again.follow("reuse", first)
    again.load(1)
    again.follow("reuse", first)
    one, other = new(0), new(0)
    for gradient in first:
        one.follow("isolation", [gradient])
        other.follow("isolation", [-gradient])
    for seed, some in enumerate(gradients):
        new(seed).follow("trajectory", some)
        new(seed, np.float32).follow("float32", some)
