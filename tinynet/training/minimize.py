"""`minimize`: SciPy's optimizers on all parameters, with the loss of the whole data."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinynet.checks import check_function, positive, positive_int
from tinynet.errors import DivergenceError
from tinynet.layers import BatchNorm, Dropout, Layer
from tinynet.losses import Loss
from tinynet.losses.base import check_weights, forward
from tinynet.text import one_line, shown
from tinynet.training.arguments import check_arguments, rehearse
from tinynet.training.blas_threads import OneThread, largest_product
from tinynet.training.interrupts import HeldSignals
from tinynet.training.read_only import read_only
from tinynet.types import Array

_METHODS = "L-BFGS-B", "BFGS", "CG"


@dataclass(frozen=True, slots=True)
class Minimum:
    """What `minimize` found; the parameters themselves are in the network.

    Attributes:
        loss: of the whole data, with the parameters that the network now has.
        iterations: number of iterations.
        evaluations: how often the loss and its gradient were computed.
        converged: whether the method stopped because it was done, not because of a limit.
        message: why it stopped.
        history: the loss at the start, and after each iteration.
    """

    loss: float
    iterations: int
    evaluations: int
    converged: bool
    message: str
    history: Array = field(repr=False)


def minimize(
    net: Layer,
    loss: Loss,
    x: Array,
    t: Array,
    method: str = "L-BFGS-B",
    *,
    tolerance: float = 1e-5,
    max_iterations: int = 1000,
    batch_size: int | None = None,
    sample_weight: ArrayLike | None = None,
    callback: Callable[[int, float], object] | None = None,
) -> Minimum:
    """Minimize the loss of the whole data by an optimizer of SciPy, without a learning rate.

    Each iteration uses all examples, chooses its own step, and never goes up. On small data and
    networks, it ends at a lower loss than gradient descent in the same time; on large data, steps
    on small batches are faster. SciPy computes in float64, with the gradients of the network in its
    own float type.

    The loss must be a function of the parameters alone. So `Dropout` and whatever else draws random
    numbers is refused, and so is a `BatchNorm` that learns, whose running statistics would depend
    on the points at which SciPy tries the loss: put it in a `Frozen`, or use `train`.

    When it ends, the network has the best parameters that were found, and `net.grads` is the
    gradient there. The same parameters stay after an error or Ctrl-C, which are raised.

    Args:
        net: a network, or a part of one.
        loss: the loss to minimize; a shallow copy of it is used.
        x: inputs (N, ...).
        t: targets (N, ...).
        method: "L-BFGS-B", which remembers some steps; "BFGS", which needs memory for a square
            matrix of the parameters; or "CG", nonlinear conjugate gradients.
        tolerance: it stops where no element of the gradient is larger. "L-BFGS-B" also stops where
            an iteration lowers the loss by no more than rounding.
        max_iterations: the most iterations.
        batch_size: rows that are computed at a time, which limits the memory; all by default. The
            loss is the same to rounding.
        sample_weight: a weight (N,) of at least 0 for each example, as in `train`.
        callback: is called after each iteration with its number, from 1 on, and the loss; the
            network has the parameters of that iteration then. If it returns a true value, the
            method stops.

    Raises:
        ValueError: what `train` refuses, a network whose loss is not a function of its parameters,
            an unknown method, or a number outside its range.
        TypeError: something that is not an array, or has the wrong float type.
        DivergenceError: the loss at the start is NaN or infinite.

    References:
        R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained
        optimization" (1995).
        J. Nocedal and S. J. Wright, "Numerical optimization" (2006), chapters 5 to 7.

    Example:
        >>> from tinynet import Dense, MSELoss, Sequential, Tanh
        >>> net = Sequential(Dense(1, 8, rng=0), Tanh(), Dense(8, 1, rng=1))
        >>> x = np.linspace(-2, 2, 50)[:, np.newaxis]
        >>> found = minimize(net, MSELoss(), x, np.sin(2 * x), tolerance=1e-4)
        >>> found.converged, found.loss < 1e-3, len(found.history) == found.iterations + 1
        (True, True, True)
    """
    if not isinstance(method, str) or method not in _METHODS:
        raise ValueError(f"method must be one of {_METHODS}; got {shown(method)}")
    tolerance = positive(tolerance, "tolerance")
    max_iterations = positive_int(max_iterations, "max_iterations")
    rows = None if batch_size is None else positive_int(batch_size, "batch_size")
    if callback is not None:
        check_function("callback", callback, "lambda iteration, loss: loss < 0.01")
    data = _checked_data(net, loss, x, t, sample_weight, rows)
    objective = _Objective(net, copy.copy(loss), data, rows or len(x))
    product = largest_product(net, min(objective.rows, len(x)))
    with np.errstate(all="ignore"), HeldSignals() as objective.signals, OneThread(product):
        return _run(objective, method, tolerance, max_iterations, callback)


def _checked_data(
    net: Layer, loss: Loss, x: Array, t: Array, weights: ArrayLike | None, rows: int | None
) -> tuple[Array, ...]:
    """The data, after a look at all arguments and a rehearsal on a copy of the network."""
    check_arguments(net, loss, None, x, t, takes_optimizer=False)
    if not net.params.size:
        raise ValueError(f"net must learn; got {one_line(net)}, which has no parameters to learn")
    data: tuple[Array, ...] = read_only(x), read_only(t)
    if weights is not None:
        checked = check_weights("sample_weight", weights, len(x))
        if not checked.any():
            raise ValueError("sample_weight must have an example above 0; got only 0.0")
        data = *data, read_only(checked)
    _check_layers(net)
    rehearse(net, loss, data, rows or len(x))
    _check_function_of_parameters(net, loss, data, rows or len(x))
    return data


def _check_layers(net: Layer) -> None:
    """Name the layers of tinynet's with which the loss is no function of the parameters alone."""
    for layer in net.walk():
        if isinstance(layer, Dropout) and layer.rate:
            raise ValueError(
                f"net must not draw random numbers in minimize; got {layer!r}, with which each "
                f"evaluation would be of another function. Leave it out, or use tinynet.train."
            )
        if isinstance(layer, BatchNorm) and not layer.is_frozen():
            raise ValueError(
                f"net must not have running statistics that move in minimize; got {layer!r}. Put "
                f"it in a Frozen, take LayerNorm, or use tinynet.train."
            )


@np.errstate(all="ignore")
def _check_function_of_parameters(
    net: Layer, loss: Loss, data: tuple[Array, ...], rows: int
) -> None:
    """Refuse layers and losses of other classes that draw or remember something."""
    own = _Objective(*copy.deepcopy((net, loss)), data, rows)
    buffers = {name: array.copy() for name, array in own.net.named_buffers()}
    start = own.net.params.astype(float)
    first, gradient = own.evaluate(start)
    second, again = own.evaluate(start)
    moved = [
        name
        for name, array in own.net.named_buffers()
        if not np.array_equal(array, buffers[name], equal_nan=True)
    ]
    if moved:
        raise ValueError(
            f"net must not have buffers that move in minimize; got {one_line(net)}, whose forward "
            f"changes {', '.join(moved)}. Put that layer in a Frozen, or use tinynet.train."
        )
    if not np.array_equal([first, *gradient], [second, *again], equal_nan=True):
        raise ValueError(
            f"net and loss must give the same loss for the same parameters in minimize; got "
            f"{first!r} and then {second!r} with {one_line(net)} and {loss!r}. Leave out what "
            f"draws random numbers or remembers earlier passes, or use tinynet.train."
        )


class _Objective:
    """The loss and its gradient as functions of all parameters, with the best ones so far."""

    signals: HeldSignals | None = None

    def __init__(self, net: Layer, loss: Loss, data: tuple[Array, ...], rows: int) -> None:
        self.net, self.loss, self.data, self.rows = net, loss, data, rows
        self.evaluations, self.best, self.best_params = 0, math.inf, net.params.copy()

    def __call__(self, theta: Array) -> tuple[float, Array]:
        """What SciPy asks for."""
        value, gradient = self.evaluate(theta)
        if value < self.best and np.isfinite(gradient).all():
            self.best = value
            self.best_params[...] = self.net.params
        if self.signals is not None and self.signals.waiting:
            self.signals.deliver()
        return value, gradient

    def evaluate(self, theta: Array) -> tuple[float, Array]:
        """The mean over all portions of the data, each as it counts; no other state changes."""
        net, loss = self.net, self.loss
        self.evaluations += 1
        net.params[...] = theta
        total, weight, gradient = 0.0, 0.0, np.zeros(theta.size)
        for start in range(0, len(self.data[0]), self.rows):
            x, t, *more = (array[start : start + self.rows] for array in self.data)
            value = forward(loss, net.forward(x), t, *more)
            counts = float(len(x) if loss.batch_weight is None else loss.batch_weight)
            net.parameter_gradients(loss.backward())
            total += counts * value
            gradient += counts * net.grads.astype(float)
            weight += counts
        if not weight:
            raise ValueError(
                f"no target counts for {loss!r}: each is left out, or has the weight 0"
            )
        if len(self.data[0]) > self.rows:
            net.grads[...] = gradient / weight
        return total / weight, gradient / weight


def _run(
    objective: _Objective,
    method: str,
    tolerance: float,
    max_iterations: int,
    callback: Callable[[int, float], object] | None,
) -> Minimum:
    """Let SciPy minimize; the best parameters are in the network, whatever happens."""
    net, history, stopped = objective.net, [], False

    def after_iteration(intermediate_result: Any) -> None:
        nonlocal stopped
        history.append(float(intermediate_result.fun))
        if callback is not None:
            net.params[...] = intermediate_result.x
            if callback(len(history) - 1, history[-1]):
                stopped = True
                raise StopIteration

    options = {"gtol": tolerance, "maxiter": max_iterations}
    if method == "L-BFGS-B":
        options["maxfun"] = 2**31 - 1  # the iterations are limited
        options["ftol"] = 64 * np.finfo(float).eps  # as in scikit-learn; the default stops early
    try:
        start = net.params.astype(float)
        value, gradient = objective(start)
        if not (math.isfinite(value) and np.isfinite(gradient).all()):
            raise DivergenceError(
                f"the loss at the start is {value}, or its gradient is not finite: scale the "
                f"inputs to about -1 to 1, or build a network with smaller weights"
            )
        history.append(value)
        from scipy.optimize import minimize  # whose import takes longer than that of tinynet

        result = minimize(
            _Known(objective, start, (value, gradient)),
            start,
            jac=True,
            method=method,
            callback=after_iteration,
            options=options,
        )
        objective.evaluate(objective.best_params.astype(float))  # with what backward keeps, too
    finally:
        net.params[...] = objective.best_params
    message = "the callback asked to stop" if stopped else str(result.message)
    iterations = len(history) - 1
    converged = bool(result.success) and not stopped
    return Minimum(
        objective.best, iterations, objective.evaluations, converged, message, np.array(history)
    )


class _Known:
    """The objective, whose value at the start is known already."""

    def __init__(self, objective: _Objective, start: Array, known: tuple[float, Array]) -> None:
        self.objective, self.start = objective, start.copy()
        self.known: tuple[float, Array] | None = known

    def __call__(self, theta: Array) -> tuple[float, Array]:
        known, self.known = self.known, None
        if known is not None and np.array_equal(theta, self.start):
            return known
        return self.objective(theta)
