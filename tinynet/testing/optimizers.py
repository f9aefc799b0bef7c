"""The check of an optimizer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.optimizers import Optimizer
from tinynet.testing.message import raise_message
from tinynet.testing.report import Fault, Report, TensorResult
from tinynet.types import Array

__all__ = ["OPTIMIZER_CHECKS", "check_optimizer"]

Make = Callable[[Layer], Optimizer]
Reference = Callable[[Array, Array, dict[str, Any]], Array | None]

OPTIMIZER_CHECKS = ("mutation", "in_place", "trajectory", "reuse", "isolation", "float32")
"""The names of all checks of an optimizer."""


class _Parameters(Layer):
    """Several parameters of different shapes, and nothing to compute."""

    def __init__(self, rng: np.random.Generator) -> None:
        sizes = {"W": (3, 4), "b": (4,), "gain": (), "kernel": (2, 1, 2)}
        super().__init__(**{name: rng.normal(size=shape) for name, shape in sizes.items()})


def check_optimizer(make: Make, reference: Reference, *, steps: int = 8) -> Report:
    """Hold an optimizer against its plain update, over whole trajectories.

    The gradients run from 1e-6 to 1e3 and hold zeros; they come in one buffer that is written
    anew for each step, as layers do.

    Args:
        make: net -> the optimizer.
        reference: (params, grads, state) -> the next params, for one vector in float64; or None
            where it has changed `params` itself. `state` is a dict, empty at first, for what it
            has to remember from step to step.
        steps: how many steps each trajectory has.

    Returns:
        What was checked.

    Raises:
        GradientError: the optimizer goes elsewhere, changes gradients, replaces the parameters'
            memory, or shares state with another one.
        TypeError: `make` does not return an optimizer.

    Example:
        >>> from tinynet import SGD
        >>> def plain(params, grads, state):
        ...     return params - 0.1 * grads
        >>> check_optimizer(lambda net: SGD(net, lr=0.1), plain).passed[:3]
        ['mutation', 'in_place', 'trajectory']
    """
    if steps < 1:
        raise ValueError(f"steps must be a positive int; got {steps!r}")
    optimizer = make(_Parameters(np.random.default_rng(0)))
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"make(net) must return a tinynet.Optimizer; got {type(optimizer).__name__}. "
            f"Pass a function such as lambda net: SGD(net, lr=0.1)."
        )
    report = Report(repr(optimizer))
    try:
        with np.errstate(all="ignore"):
            _check(make, reference, steps, report)
    except Fault as fault:
        raise_message(fault, repr(optimizer), f"check_optimizer(make, reference, steps={steps})")
    report.passed += OPTIMIZER_CHECKS
    return report


def _check(make: Make, reference: Reference, steps: int, report: Report) -> None:
    for seed, (low, high) in enumerate(((-6, 3), (-1, 1), (-6, -6), (3, 3))):
        rng = np.random.default_rng(seed)
        grads = _gradients(rng, low, high, steps)
        _follow(make, reference, grads, seed, np.dtype(float), report)
        _follow(make, reference, grads, seed, np.dtype(np.float32), report)
    _isolated(make, _gradients(np.random.default_rng(9), -2, 1, steps))


def _gradients(rng: np.random.Generator, low: int, high: int, steps: int) -> Array:
    """Gradients of magnitudes 10^low to 10^high and both signs, some zero, a row a step."""
    size = _Parameters(rng).params.size
    grads = rng.choice([-1.0, 1.0], size=(steps, size)) * 10 ** rng.uniform(
        low, high, (steps, size)
    )
    grads[rng.random(grads.shape) < 0.1] = 0
    grads[:, -1] = 0  # one that never has a gradient
    return grads


def _net(seed: int, dtype: np.dtype[Any]) -> _Parameters:
    net = _Parameters(np.random.default_rng(seed))
    size = net.params.size
    net.bind(np.empty(size, dtype), np.zeros(size, dtype))
    return net


def _follow(
    make: Make,
    reference: Reference,
    grads: Array,
    seed: int,
    dtype: np.dtype[Any],
    report: Report,
) -> None:
    """One trajectory beside that of the reference."""
    net = _net(seed, dtype)
    params, vector = net.params, net.grads
    wanted = params.astype(float)
    state: dict[str, Any] = {}
    single = dtype.itemsize < 8
    rtol, eps = (1e-4, 6e-8) if single else (1e-9, 1.1e-16)
    way, room = np.zeros(params.size), np.abs(wanted)
    optimizer = make(net)
    result = report.tensors.setdefault("params", TensorResult("params", params.shape))
    for step, gradient in enumerate(grads.astype(dtype)):
        vector[...] = gradient
        _step(optimizer, "float32" if single else "trajectory")
        if not np.array_equal(vector, gradient):
            raise Fault(
                "mutation",
                f"step {step} writes into the gradients: grads[{_first(vector != gradient)}] was "
                f"{gradient[vector != gradient][0]:.6g}.",
                "write grads + decay * params into an array of its own.",
            )
        if net.params is not params or net.grads is not vector:
            raise Fault(
                "in_place",
                f"step {step} replaces the vector net.params, on which the layers lie.",
                "write params[...] = ... or params -= ..., not net.params = ...",
            )
        if optimizer.steps != step + 1:
            raise Fault(
                "trajectory", f"after {step + 1} steps optimizer.steps is {optimizer.steps}."
            )
        given = wanted.copy()
        returned = reference(given, gradient.astype(float), state)
        following = np.asarray(given if returned is None else returned, float)
        way, wanted = way + np.abs(following - wanted), following
        room = np.maximum(room, np.abs(wanted))
        tolerance = rtol * way + 8 * eps * (step + 1) * room
        off = np.abs(params - wanted)
        bad = ~(off <= tolerance)
        if np.any(bad):
            _elsewhere(net, bad, step, gradient, wanted, "float32" if single else "trajectory")
        result.entries += params.size
        result.coordinates = params.size
        if not single:
            result.worst = max(result.worst, float(np.max(off / np.maximum(way + room, 1e-300))))


def _step(optimizer: Optimizer, check: str) -> None:
    try:
        optimizer.step()
    except Exception as error:
        raise Fault(check, f"step raised {type(error).__name__}: {error}") from error


def _elsewhere(
    net: Layer, bad: Array, step: int, gradient: Array, wanted: Array, check: str
) -> None:
    place = int(np.argmax(bad))
    ends = np.cumsum([view.size for _, view in net.named_parameters()])
    names = [name for name, _ in net.named_parameters()]
    name = names[int(np.searchsorted(ends, place, side="right"))]
    hints = []
    small = np.abs(gradient) <= 1e-5
    if np.all(small[bad] & (gradient[bad] != 0)):
        hints.append("only tiny gradients go wrong: is epsilon inside the root, or too large?")
    if step == 0:
        hints.append("it is wrong from the first step on: what has the state at its start?")
    elif step == 1:
        hints.append(
            "the first step is right and the second is not: is the state kept as a copy, or as the "
            "gradient buffer itself?"
        )
    raise Fault(
        check,
        f"after step {step} {name}, params[{place}], is {net.params[place]:.9g}, and "
        f"{wanted[place]:.9g} by the reference; its gradient was {gradient[place]:.3g}.\n"
        f"  {int(bad.sum())} of {bad.size} parameters are elsewhere.",
        *hints,
        tensor=name,
        index=(place,),
        analytic=float(net.params[place]),
        numeric=float(wanted[place]),
    )


def _isolated(make: Make, grads: Array) -> None:
    """Two optimizers that take turns go where each goes alone."""

    def alone(seed: int) -> Array:
        net = _net(seed, np.dtype(float))
        optimizer = make(net)
        for gradient in grads * (seed + 1):
            net.grads[...] = gradient
            optimizer.step()
        return net.params.copy()

    wanted = [alone(0), alone(1)]
    nets = [_net(seed, np.dtype(float)) for seed in (0, 1)]
    optimizers = [make(net) for net in nets]
    for gradient in grads:
        for seed, (net, optimizer) in enumerate(zip(nets, optimizers, strict=True)):
            net.grads[...] = gradient * (seed + 1)
            optimizer.step()
    for net, params in zip(nets, wanted, strict=True):
        if not np.allclose(net.params, params, rtol=1e-12, atol=0):
            raise Fault(
                "isolation",
                "two optimizers that take turns disturb each other: state belongs to the class, or "
                "to the object that make shares between them.",
            )


def _first(mask: Array) -> int:
    return int(np.argmax(mask))
