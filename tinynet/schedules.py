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

from tinynet.checks import fraction, listed, not_negative, positive, positive_int, rate, real
from tinynet.optimizers.base import LearningRate
from tinynet.text import call

__all__ = [
    "Schedule",
    "cosine",
    "cosine_restarts",
    "exponential_decay",
    "linear_decay",
    "linear_warmup",
    "one_cycle",
    "piecewise",
    "polynomial_decay",
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


def linear_decay(lr: float, *, steps: int, final: float = 0.0) -> Schedule:
    """η(k) = lr + (final − lr) · k / steps, and `final` after `steps`: the rate falls in a line.

    Raises:
        ValueError: `lr` or `steps` is not positive, or `final` is negative or above `lr`.

    Example:
        >>> rate = linear_decay(0.8, steps=100, final=0.2)
        >>> rate(0), rate(50), rate(100), rate(1000)
        (0.8, 0.5, 0.2, 0.2)
    """
    return _fall(_linear_decay, lr, final, steps=positive_int(steps, "steps"))


def _linear_decay(step: int, *, lr: float, steps: int, final: float) -> float:
    return _polynomial_decay(step, lr=lr, steps=steps, power=1.0, final=final)


def polynomial_decay(lr: float, *, steps: int, power: float, final: float = 0.0) -> Schedule:
    """η(k) = final + (lr − final) · (1 − k / steps)^power, and `final` after `steps`.

    With a power above 1, the rate falls fast at first and slowly at the end; below 1, the other way
    round. It is PyTorch's `PolynomialLR` and Keras's `PolynomialDecay`.

    Raises:
        ValueError: `lr`, `steps` or `power` is not positive, or `final` is negative or above `lr`.

    Example:
        >>> rate = polynomial_decay(0.8, steps=100, power=2)
        >>> rate(0), rate(50), rate(100), rate(1000)
        (0.8, 0.2, 0.0, 0.0)
    """
    steps, power = positive_int(steps, "steps"), positive(power, "power")
    return _fall(_polynomial_decay, lr, final, steps=steps, power=power)


def _polynomial_decay(step: int, *, lr: float, steps: int, power: float, final: float) -> float:
    left = 1 - min(step, steps) / steps
    return final + (lr - final) * left**power


def cosine(lr: float, *, steps: int, final: float = 0.0) -> Schedule:
    """η(k) = final + (lr − final) · (1 + cos(π k / steps)) / 2, and `final` after `steps`.

    The rate falls slowly at the start and the end, and fastest in the middle. It does not restart;
    `cosine_restarts` does.

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
    return _fall(_cosine, lr, final, steps=positive_int(steps, "steps"))


def _cosine(step: int, *, lr: float, steps: int, final: float) -> float:
    return _along_cosine(lr, final, min(step, steps) / steps)


def _along_cosine(first: float, last: float, part: float) -> float:
    """From the first rate to the last along half a wave, of which `part`, 0 to 1, is over."""
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2


def cosine_restarts(lr: float, *, steps: int, growth: int = 1, final: float = 0.0) -> Schedule:
    """`cosine`, begun again at `lr` after `steps`: SGDR, stochastic gradient descent with restarts.

    In the cycle i = 0, 1, ..., which has Tᵢ = steps · growthⁱ steps, after j of them,

        η = final + (lr − final) · (1 + cos(π j / Tᵢ)) / 2.

    It is PyTorch's `CosineAnnealingWarmRestarts`, whose `T_0` is `steps` and whose `T_mult` is
    `growth`. The last step before a restart has not quite the rate `final`, and the restart `lr`.

    Args:
        lr: the rate at the start of each cycle.
        steps: the number of steps in the first cycle.
        growth: how many times as long as the one before each cycle is, an int.
        final: the rate that each cycle falls towards.

    Raises:
        TypeError: `steps` or `growth` is not an int.
        ValueError: `lr`, `steps` or `growth` is not positive, or `final` is negative or above `lr`.

    References:
        I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    Example:
        >>> rate = cosine_restarts(0.1, steps=100, growth=2)
        >>> rate(0), rate(50), rate(100), rate(200), rate(300)  # cycles of 100, 200, 400, ... steps
        (0.1, 0.05, 0.1, 0.05, 0.1)
    """
    steps, growth = positive_int(steps, "steps"), positive_int(growth, "growth")
    return _fall(_cosine_restarts, lr, final, steps=steps, growth=growth)


def _cosine_restarts(step: int, *, lr: float, steps: int, growth: int, final: float) -> float:
    if growth == 1:
        step %= steps
    while step >= steps:  # the cycles that are over
        step -= steps
        steps *= growth
    return _along_cosine(lr, final, step / steps)


def _fall(rate: Callable[..., float], lr: float, final: float, **options: float) -> Schedule:
    """The schedule of rates from `lr` down to `final`."""
    lr, final = positive(lr, "lr"), not_negative(final, "final")
    if final > lr:
        raise ValueError(f"final must be at most lr, {lr!r}; got {final!r}")
    return Schedule(rate, lr=lr, **options, final=final)


def one_cycle(
    lr: float,
    *,
    steps: int,
    rise: float = 0.3,
    start_divisor: float = 25.0,
    final_divisor: float = 1e4,
) -> Schedule:
    """One rise to a high rate and one long fall to almost 0, both along half a cosine wave.

    The rate goes from lr / start_divisor to `lr` in the first rise · steps steps, and in the others
    down to lr / (start_divisor · final_divisor), where it stays. The high rates in the middle keep
    the network from settling in a narrow minimum early, so `lr` may be larger than for a rate that
    never changes. With p = rise · steps − 1,

        η(k) = lr / start_divisor  →  lr                                       k = 0, ..., p
        η(k) = lr  →  lr / (start_divisor · final_divisor)                     k = p, ..., steps − 1

    It is PyTorch's `OneCycleLR` with `anneal_strategy="cos"`, whose `pct_start`, `div_factor` and
    `final_div_factor` are `rise`, `start_divisor` and `final_divisor`. It changes the rate only:
    PyTorch moves the momentum, too, unless `cycle_momentum=False`.

    Args:
        lr: the highest rate.
        steps: the number of steps of the whole training.
        rise: the part of the steps in which the rate rises, at least 0 and below 1.
        start_divisor: how many times the first rate is smaller than `lr`, at least 1.
        final_divisor: how many times the last rate is smaller than the first one, at least 1.

    Raises:
        ValueError: `lr` or `steps` is not positive, `rise` is outside [0, 1), or a divisor below 1.

    References:
        L. N. Smith and N. Topin, "Super-convergence: very fast training of neural networks using
        large learning rates" (2018).

    Example:
        >>> rate = one_cycle(0.5, steps=100, rise=0.21)
        >>> [round(rate(step), 4) for step in (0, 10, 20, 60, 99)]
        [0.02, 0.26, 0.5, 0.245, 0.0]
        >>> print(f"{rate(99):.3g}")
        2e-06
    """
    rule = "a finite number of at least 1"
    return Schedule(
        _one_cycle,
        lr=positive(lr, "lr"),
        steps=positive_int(steps, "steps"),
        rise=fraction(rise, "rise"),
        start_divisor=real(start_divisor, "start_divisor", rule, lambda number: number >= 1),
        final_divisor=real(final_divisor, "final_divisor", rule, lambda number: number >= 1),
    )


def _one_cycle(
    step: int, *, lr: float, steps: int, rise: float, start_divisor: float, final_divisor: float
) -> float:
    first, peak = lr / start_divisor, rise * steps - 1
    if step < peak:
        return _along_cosine(first, lr, step / peak)
    part = (min(step, steps - 1) - peak) / (steps - 1 - peak)
    return _along_cosine(lr, first / final_divisor, part)


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
