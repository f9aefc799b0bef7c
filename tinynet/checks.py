"""Rules for what a caller passes, each with an error that states it."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.types import Array, Rng


def positive_int(value: object, name: str) -> int:
    """The value as an int of at least 1."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a positive int; got {value!r}") from None
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} must be a positive int; got {value!r}")
    return number


def real(
    value: object,
    name: str,
    rule: str = "a finite number",
    fits: Callable[[float], bool] = math.isfinite,
) -> float:
    """The value as a finite float that `fits`; `rule` is what the error says it must be."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {rule}; got {value!r}")
    if not math.isfinite(value) or not fits(number := float(value)):
        raise ValueError(f"{name} must be {rule}; got {value!r}")
    return number


def positive(value: object, name: str) -> float:
    """The value as a finite float above 0."""
    return real(value, name, "a positive finite number", lambda number: number > 0)


def not_negative(value: object, name: str) -> float:
    """The value as a finite float of at least 0."""
    return real(value, name, "a finite number of at least 0", lambda number: number >= 0)


def fraction(value: object, name: str, rule: str = "a number in [0, 1)") -> float:
    """The value as a float of at least 0 and below 1."""
    return real(value, name, rule, lambda number: 0 <= number < 1)


def random_generator(rng: Rng) -> np.random.Generator:
    """The Generator that an argument `rng` stands for; an int is a seed, None an unknown one."""
    if isinstance(rng, np.random.Generator):
        return rng
    whole = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if rng is None or (whole and rng >= 0):
        return np.random.default_rng(rng)
    raise (ValueError if whole else TypeError)(
        f"rng must be a Generator, an int of at least 0 or None; got {rng!r}. "
        f"Make one Generator, np.random.default_rng(0), and pass it to all layers."
    )


_CONVERSIONS = {  # what converts an object that has the method or attribute
    "filled": "{0}.filled(value), or leave out the examples with masked elements",
    "toarray": "{0}.toarray()",
    "to_numpy": "{0}.to_numpy()",
    "detach": "{0}.detach().cpu().numpy()",
    "numpy": "{0}.numpy()",
    "__next__": "np.asarray(list({0}))",
    "__len__": "np.asarray({0})",
}


def check_array(name: str, value: object) -> None:
    """Refuse what is not a NumPy array, and say how to convert that very type."""
    other = isinstance(value, np.ma.MaskedArray | np.matrix)  # arrays that compute something else
    if other or not isinstance(value, np.ndarray):
        calls = (call for has, call in _CONVERSIONS.items() if hasattr(value, has))
        hint = f" Use {call.format(name)}." if (call := next(calls, "")) else ""
        raise TypeError(f"{name} must be a NumPy array; got {type(value).__name__}.{hint}")


def check_gradient(
    layer: object, dy: Array, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None
) -> None:
    """Refuse a gradient of another shape than y, which would be broadcast, or of another dtype."""
    if getattr(dy, "shape", None) == shape and (dtype is None or dy.dtype == dtype):
        return
    got = f"type {type(dy).__name__}"
    if isinstance(dy, np.ndarray):
        got = f"shape {dy.shape} and {dy.dtype}"
    wanted = f"{shape}" if dtype is None else f"{shape} and {dtype}"
    raise ValueError(
        f"{type(layer).__name__}.backward got dy of {got}: it must be {wanted}, an array of the "
        f"shape of y that the last forward returned. Is it of another batch?"
    ) from None  # Dense asks after its product has failed


def check_input(layer: object, x: Array, axes: str, parameter: Array) -> None:
    """Refuse an x whose last axis is not as long as the parameter, or whose float type is wider.

    `axes` describes the shape for the reader; with "..." in it, there may be more than two axes.
    """
    check_array("x", x)
    width, dtype = len(parameter), parameter.dtype
    if x.ndim < 2 or (x.ndim > 2 and "..." not in axes) or x.shape[-1] != width:
        hint = "Use x.reshape(len(x), -1) to flatten each example."
        if x.ndim == 1:
            hint = "One example is a batch of one: x[np.newaxis]."
        elif x.ndim == 2:
            hint = "Is the label still in the first column?" if x.shape[1] == width + 1 else ""
        raise ValueError(
            f"{layer!r} got x of shape {x.shape}: it must be {axes}, one example in each row, "
            f"with {width} features. {hint}"
        )
    if np.result_type(x.dtype, dtype) != dtype:
        raise TypeError(
            f"{layer!r} has {dtype} parameters and got x of {x.dtype}: "
            f"convert it once with x.astype(np.{dtype})."
        )


def check_indices(name: str, values: Array, count: int, what: str, owner: object = None) -> None:
    """Refuse values that are not ints from 0 to count − 1; `what` says what they index."""
    check_array(name, values)
    whole = values.dtype.kind in "iu"
    if whole and (not values.size or (values.min() >= 0 and values.max() < count)):
        return
    got = name if owner is None else f"{owner!r} got {name}"
    if not whole:
        raise TypeError(
            f"{got} of {values.dtype}: {what} are ints. Convert them once, {name}.astype(int)."
        )
    place = np.argwhere((values < 0) | (values >= count))[0].tolist()
    raise ValueError(f"{got}{place} = {values[tuple(place)]}: {what} go from 0 to {count - 1}.")


def check_lengths(x: Array, t: Array, x_name: str = "x", t_name: str = "t") -> None:
    """Refuse inputs and targets that are not arrays of one length."""
    check_array(x_name, x)
    check_array(t_name, t)
    if len(x) != len(t):
        got = f"{x_name} has {len(x)} examples and {t_name} has {len(t)}"
        raise ValueError(f"{got}: they must have the same length")


def check_targets(loss: object, y: Array, t: Array) -> None:
    """Refuse targets whose shape is not that of the outputs, or whose float type is wider."""
    me = type(loss).__name__
    if y.shape != t.shape or not y.size:
        hint = "Do they come from one batch?"
        if not y.size:
            hint = "A mean of nothing is undefined."
        elif y.size == t.size:
            hint = "If they mean the same, t.reshape(y.shape) makes them equal."
        elif y.ndim == 2 and t.size == len(y):
            hint = (
                f"Are these labels? tinynet.data.one_hot(t, {y.shape[1]}) turns them into "
                f"targets; CrossEntropyLoss takes labels."
            )
        raise ValueError(
            f"{me} got y of shape {y.shape} and t of shape {t.shape}: they must be equal and not "
            f"empty. {hint}"
        )
    if y.dtype != t.dtype and np.result_type(y, t) != y.dtype:
        raise TypeError(
            f"{me} got y of {y.dtype} and t of {t.dtype}, so the gradient would be "
            f"{np.result_type(y, t)}: convert t once with t.astype(np.{y.dtype})."
        )


def check_probabilities(loss: object, name: str, values: Array, hint: str) -> None:
    """Refuse values below 0 or above 1. NaN passes, because DivergenceError reports it."""
    if values.min() < 0 or values.max() > 1:
        place = np.unravel_index(((values < 0) | (values > 1)).argmax(), values.shape)
        raise ValueError(
            f"{type(loss).__name__} needs {name} from 0 to 1; "
            f"{name}{[int(n) for n in place]} is {values[place]:g}. {hint}"
        )


def check_distributions(loss: object, t: Array) -> None:
    """Refuse rows that are not distributions: not negative, and with the sum 1."""
    me = type(loss).__name__
    if t.min() < 0:
        place = divmod(int(t.argmin()), t.shape[1])
        raise ValueError(f"{me} got t{list(place)} = {t.min():g}: probabilities are not negative.")
    away = np.abs(t.sum(axis=1) - 1)
    if not away.max() <= rounding(t):  # NaN is refused too
        row = int(away.argmax())
        raise ValueError(
            f"{me} needs rows of probabilities; row {row} of t sums to {t[row].sum():g}, not 1. "
            f"Divide each row by its sum, t / t.sum(axis=1, keepdims=True), or pass the labels "
            f"themselves, ints of shape (N,)."
        )


def rounding(array: Array) -> float:
    """How far rounding may move a sum of probabilities: 10⁻⁶, and 10⁻⁵ in float32."""
    eps = np.finfo(array.dtype).eps if array.dtype.kind == "f" else 0
    return max(1e-6, 100 * float(eps))
