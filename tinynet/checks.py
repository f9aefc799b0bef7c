"""Rules for what a caller passes, each with an error that states it."""

import math
import operator
from typing import Any

import numpy as np

from tinynet.types import Array, Rng

__all__ = [
    "check_float_type",
    "check_gradient",
    "fraction",
    "not_negative",
    "positive",
    "positive_int",
    "random_generator",
    "real",
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
    """The Generator that an argument `rng` stands for; an int is a seed, None an unknown one.

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
        f"Make one Generator, np.random.default_rng(0), and pass it to all layers."
    )


def check_gradient(
    layer: object, dy: Array, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None
) -> None:
    """Refuse a gradient that has not the shape of y, as it would be broadcast, or not its dtype.

    Example:
        >>> from tinynet import Tanh
        >>> check_gradient(Tanh(), np.ones(3), (4, 3))
        Traceback (most recent call last):
        ValueError: Tanh.backward got dy of shape (3,) and float64: it must be (4, 3), an array ...
    """
    if getattr(dy, "shape", None) == shape and (dtype is None or dy.dtype == dtype):
        return
    got = (
        f"shape {dy.shape} and {dy.dtype}"
        if isinstance(dy, np.ndarray)
        else f"type {type(dy).__name__}"
    )
    wanted = f"{shape}" if dtype is None else f"{shape} and {dtype}"
    raise ValueError(
        f"{type(layer).__name__}.backward got dy of {got}: it must be {wanted}, an array of the "
        f"shape of y that the last forward returned. Is it of another batch?"
    ) from None  # Dense asks after its product has failed


def check_float_type(layer: object, x: Array, dtype: np.dtype[Any]) -> None:
    """Refuse an x that would make the output wider than the parameters, which are of `dtype`.

    Example:
        >>> from tinynet import LayerNorm
        >>> check_float_type(LayerNorm(3), np.ones(3), np.dtype(np.float32))
        Traceback (most recent call last):
        TypeError: LayerNorm(3) has float32 parameters and got x of float64: convert it once with...
    """
    if np.result_type(x.dtype, dtype) != dtype:
        raise TypeError(
            f"{layer!r} has {dtype} parameters and got x of {x.dtype}: "
            f"convert it once with x.astype(np.{dtype})."
        )
