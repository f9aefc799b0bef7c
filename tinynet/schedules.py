"""Learning rate schedules: functions of the step, to be passed to an optimizer as `lr`.

A schedule is any function of the number of steps taken so far, which is 0 before the first one:

    optimizer = SGD(net, lr=lambda step: 0.1 / (1 + step / 1000))

`linear_warmup` and `piecewise` combine other schedules. All schedules here check their arguments,
can be printed and pickled, and return floats. `steps_in_epochs` converts epochs to steps.
"""

import bisect
import functools
import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from tinynet.checks import listed, not_negative, positive, positive_int, rate, real
from tinynet.optimizers.base import LearningRate
from tinynet.text import call

__all__ = [
    "Schedule",
    "cosine",
    "exponential_decay",
    "linear_warmup",
    "piecewise",
    "step_decay",
    "steps_in_epochs",
]


class Schedule(functools.partial[float]):
    """A function of the step with its settings, which prints as the call that made it."""

    def __repr__(self) -> str:
        return call(self.func.__name__.removeprefix("_"), self.args, self.keywords)


def steps_in_epochs(epochs: int, *, examples: int, batch_size: int) -> int:
    """epochs · ⌈examples / batch_size⌉: the number of steps that `train` takes.

    Raises:
        ValueError, TypeError: an argument is not a positive int.

    Example:
        >>> steps_in_epochs(2, examples=100, batch_size=32)
        8
    """
    examples = positive_int(examples, "examples")
    batches = math.ceil(examples / positive_int(batch_size, "batch_size"))
    return positive_int(epochs, "epochs") * batches


def step_decay(lr: float, *, factor: float, every: int) -> Schedule:
    """η(k) = lr · factor^⌊k / every⌋: the rate drops after every `every` steps.

    Raises:
        ValueError: `lr` or `every` is not positive, or `factor` is outside (0, 1].

    Example:
        >>> rate = step_decay(0.8, factor=0.5, every=100)
        >>> rate(0), rate(99), rate(100), rate(250)
        (0.8, 0.8, 0.4, 0.2)
    """
    return _decay(_step_decay, lr, factor, every)


def _step_decay(step: int, *, lr: float, factor: float, every: int) -> float:
    return lr * factor ** (step // every)


def exponential_decay(lr: float, *, factor: float, every: int) -> Schedule:
    """η(k) = lr · factor^(k / every): the rate falls smoothly.

    It is Keras's `ExponentialDecay`. At the start of each epoch, it has the rate of PyTorch's
    `ExponentialLR`, which falls once an epoch, if `every` is the number of steps in an epoch.

    Raises:
        ValueError: `lr` or `every` is not positive, or `factor` is outside (0, 1].

    Example:
        >>> rate = exponential_decay(0.8, factor=0.25, every=100)
        >>> rate(0), rate(50), rate(100)
        (0.8, 0.4, 0.2)
    """
    return _decay(_exponential_decay, lr, factor, every)


def _exponential_decay(step: int, *, lr: float, factor: float, every: int) -> float:
    return lr * factor ** (step / every)


def _decay(rate: Callable[..., float], lr: float, factor: float, every: int) -> Schedule:
    rule = "a number above 0 and at most 1"
    return Schedule(
        rate,
        lr=positive(lr, "lr"),
        factor=real(factor, "factor", rule, lambda number: 0 < number <= 1),
        every=positive_int(every, "every"),
    )


def cosine(lr: float, *, steps: int, final: float = 0.0) -> Schedule:
    """η(k) = final + (lr − final) · (1 + cos(π k / steps)) / 2, and `final` after `steps`.

    The rate falls slowly at the start and the end, and fastest in the middle. It does not restart.

    Raises:
        ValueError: `lr` or `steps` is not positive, or `final` is negative or above `lr`.

    References:
        I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017),
        equation 5.

    Example:
        >>> rate = cosine(0.1, steps=100)
        >>> rate(0), rate(50), rate(100), rate(1000)
        (0.1, 0.05, 0.0, 0.0)
    """
    lr, final = positive(lr, "lr"), not_negative(final, "final")
    if final > lr:
        raise ValueError(f"final must be at most lr, {lr!r}; got {final!r}")
    return Schedule(_cosine, lr=lr, steps=positive_int(steps, "steps"), final=final)


def _cosine(step: int, *, lr: float, steps: int, final: float) -> float:
    return final + (lr - final) * (1 + math.cos(math.pi * min(step, steps) / steps)) / 2


def linear_warmup(then: LearningRate, *, steps: int) -> Schedule:
    """η(k) = then(0) · (k + 1) / steps in the first `steps` steps, and then(k − steps) afterwards.

    The first rate is not 0, because a step with the rate 0 changes nothing.

    Args:
        then: a rate, or a schedule that counts its steps from the end of the warm-up.

    Raises:
        TypeError: `then` is neither a number nor a function.
        ValueError: a rate or `steps` is not positive.

    References:
        P. Goyal et al., "Accurate, large minibatch SGD" (2017), section 2.2.

    Example:
        >>> rate = linear_warmup(cosine(0.1, steps=90), steps=10)
        >>> rate(0), rate(4), rate(9), rate(10), rate(100)
        (0.01, 0.05, 0.1, 0.1, 0.0)
        >>> rate
        linear_warmup(then=cosine(lr=0.1, steps=90, final=0.0), steps=10)
    """
    return Schedule(_linear_warmup, then=rate(then, "then"), steps=positive_int(steps, "steps"))


def _linear_warmup(step: int, *, then: LearningRate, steps: int) -> float:
    return _at(then, 0) * (step + 1) / steps if step < steps else _at(then, step - steps)


def piecewise(parts: Sequence[LearningRate], *, boundaries: Sequence[int]) -> Schedule:
    """One rate or schedule after another: `parts[i]` from step `boundaries[i − 1]` on.

    Each schedule counts its steps from its own beginning, as in Optax's `join_schedules`.

    Args:
        boundaries: the steps at which the next part begins, in rising order; one fewer than parts.

    Raises:
        TypeError: a part is neither a number nor a function, or a boundary is not an int.
        ValueError: a rate is not positive, the boundaries do not rise, or their number is wrong.

    Example:
        >>> rate = piecewise([0.1, cosine(0.05, steps=50)], boundaries=[100])
        >>> rate(0), rate(99), rate(100), rate(150)
        (0.1, 0.1, 0.05, 0.0)
    """
    parts = tuple(rate(part, f"parts[{n}]") for n, part in enumerate(listed(parts, "parts")))
    steps = tuple(
        positive_int(step, f"boundaries[{n}]")
        for n, step in enumerate(listed(boundaries, "boundaries"))
    )
    if len(parts) != len(steps) + 1:
        raise ValueError(
            f"piecewise got {len(parts)} parts and {len(steps)} boundaries: it needs one boundary "
            f"between each two parts, so one fewer than parts."
        )
    if any(later <= earlier for earlier, later in pairwise(steps)):
        raise ValueError(f"boundaries must rise; got {list(steps)}")
    return Schedule(_piecewise, parts=parts, boundaries=steps)


def _piecewise(step: int, *, parts: tuple[LearningRate, ...], boundaries: tuple[int, ...]) -> float:
    place = bisect.bisect_right(boundaries, step)
    return _at(parts[place], step - (boundaries[place - 1] if place else 0))


def _at(rate: LearningRate, step: int) -> float:
    return float(rate(step)) if callable(rate) else rate
