"""Rules for what a caller passes, each with an error that states it."""

import math
import operator

import numpy as np

from tinynet.types import Array, Rng

__all__ = [
    "fraction",
    "not_negative",
    "positive",
    "positive_int",
    "random_generator",
    "real",
    "same_shape",
]


def positive_int(value: object, name: str) -> int:
    """The value as an int of at least 1.

    Example:
        >>> positive_int(0, "epochs")
        Traceback (most recent call last):
        ValueError: epochs must be a positive int; got 0
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a positive int; got {value!r}") from None
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be a positive int; got {value!r}")
    return number


def real(value: object, name: str, rule: str = "a finite number") -> float:
    """The value as a finite float; `rule` is what the error says it must be.

    Example:
        >>> real("0.1", "lr")
        Traceback (most recent call last):
        TypeError: lr must be a finite number; got '0.1'
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {rule}; got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be {rule}; got {value!r}")
    return float(value)


def positive(value: object, name: str) -> float:
    """The value as a finite float above 0.

    Example:
        >>> positive(0, "eps")
        Traceback (most recent call last):
        ValueError: eps must be a positive finite number; got 0
    """
    rule = "a positive finite number"
    if (number := real(value, name, rule)) <= 0:
        raise ValueError(f"{name} must be {rule}; got {value!r}")
    return number


def not_negative(value: object, name: str) -> float:
    """The value as a finite float of at least 0.

    Example:
        >>> not_negative(-0.1, "weight_decay")
        Traceback (most recent call last):
        ValueError: weight_decay must be a finite number of at least 0; got -0.1
    """
    rule = "a finite number of at least 0"
    if (number := real(value, name, rule)) < 0:
        raise ValueError(f"{name} must be {rule}; got {value!r}")
    return number


def fraction(value: object, name: str, rule: str = "a number in [0, 1)") -> float:
    """The value as a float of at least 0 and below 1; `rule` is what the error says it must be.

    Example:
        >>> fraction(1, "momentum")
        Traceback (most recent call last):
        ValueError: momentum must be a number in [0, 1); got 1
    """
    if not 0 <= (number := real(value, name, rule)) < 1:
        raise ValueError(f"{name} must be {rule}; got {value!r}")
    return number


def random_generator(rng: Rng) -> np.random.Generator:
    """What an argument `rng` stands for: a Generator for itself, an int for one of that seed.

    None stands for one that nobody can repeat.

    Example:
        >>> random_generator(-1)
        Traceback (most recent call last):
        ValueError: rng must be a Generator, an int of at least 0 or None; got -1. Make one Gene...
    """
    if isinstance(rng, np.random.Generator):
        return rng
    whole = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if rng is None or (whole and rng >= 0):
        return np.random.default_rng(rng)
    raise (ValueError if whole else TypeError)(
        f"rng must be a Generator, an int of at least 0 or None; got {rng!r}. "
        f"Make one Generator, np.random.default_rng(0), and pass it to all that is random."
    )


def same_shape(layer: object, dy: Array, shape: tuple[int, ...]) -> None:
    """Refuse a gradient whose shape is not that of y, as it would be broadcast.

    Example:
        >>> from tinynet import Tanh
        >>> same_shape(Tanh(), np.ones(3), (4, 3))
        Traceback (most recent call last):
        ValueError: Tanh.backward got dy of shape (3,) after a forward that returned (4, 3): ...
    """
    if getattr(dy, "shape", None) != shape:
        raise ValueError(
            f"{type(layer).__name__}.backward got dy of shape {np.shape(dy)} after a forward that "
            f"returned {shape}: dy = dL/dy is an array of the shape of y. Is it of another batch?"
        )
