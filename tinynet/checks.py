"""Rules for what a caller passes, each with an error that states it.

Every public function and class checks its arguments with these, before it changes anything. A rule
that returns the value takes it first, `positive_int(epochs, "epochs")`; one that only refuses takes
the name first, `check_array("x", x)`.
"""

import math
import operator
import os
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy import ndarray  # the look-up np.ndarray in each forward would be measurable
from numpy.typing import ArrayLike, DTypeLike

from tinynet.text import shown
from tinynet.types import Array, FilePath, Rng


def boolean(value: object, name: str) -> bool:
    """The value as a bool; of other types, every text counts as true, also "no"."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False; got {shown(value)}")
    return bool(value)


def integer(value: object, name: str, rule: str = "an int") -> int:
    """The value as an int; `rule` is what the error says it must be."""
    try:
        return operator.index(None if isinstance(value, bool) else value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be {rule}; got {shown(value)}") from None


def positive_int(value: object, name: str, least: int = 1) -> int:
    """The value as an int of at least `least`."""
    rule = "a positive int" if least == 1 else f"an int of at least {least}"
    if (number := integer(value, name, rule)) < least:
        raise ValueError(f"{name} must be {rule}; got {shown(value)}")
    return number


def sizes(value: object, name: str, least: int = 1, axes: int | None = None) -> tuple[int, ...]:
    """The value as a tuple of ints of at least `least`, of which there are `axes`."""
    rule = f"{name} must be a tuple of {axes or ''} sizes; got {shown(value)}".replace("  ", " ")
    if not isinstance(value, tuple | list):
        raise TypeError(rule)
    if axes not in (None, len(value)):
        raise ValueError(rule)
    return tuple(positive_int(size, f"{name}[{n}]", least) for n, size in enumerate(value))


def listed(value: Any, name: str) -> tuple[Any, ...]:
    """The elements of a list, or of what else has them in an order; text and dicts are refused."""
    try:
        if isinstance(value, str | bytes | Mapping | Set):
            raise TypeError
        return tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a list or a tuple; got {shown(value)}") from None


def real(
    value: object,
    name: str,
    rule: str = "a finite number",
    fits: Callable[[float], bool] = math.isfinite,
) -> float:
    """The value as a finite float that `fits`; `rule` is what the error says it must be."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be {rule}; got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:  # an int may have any number of digits
        number = math.inf
    if not math.isfinite(number) or not fits(number):
        raise ValueError(f"{name} must be {rule}; got {shown(value)}")
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


def float_dtype(value: DTypeLike, name: str = "dtype") -> np.dtype[Any]:
    """The value as the dtype float32 or float64; for NumPy, None, [] and 0 stand for others."""
    try:
        dtype = None if value is None else np.dtype(value)
    except Exception:  # NumPy raises many kinds
        dtype = None
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be np.float32 or np.float64; got {shown(value)}")
    return dtype


def file_path(value: FilePath, name: str = "path") -> Path:
    """The value as a path, in which ~ is the home folder; an int would be an open file."""
    rule = f"{name} must be a path, a str or a pathlib.Path; got {shown(value)}"
    if not isinstance(value, str | os.PathLike):
        raise TypeError(rule)
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(rule)
    if not text or "\0" in text:
        raise ValueError(rule)
    return Path(os.path.expanduser(text))


def random_generator(rng: Rng, name: str = "rng") -> np.random.Generator:
    """The Generator that an argument `rng` stands for; an int is a seed, None an unknown one."""
    if isinstance(rng, np.random.Generator):
        return rng
    whole = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if rng is None or (whole and rng >= 0):
        return np.random.default_rng(rng)
    raise (ValueError if whole else TypeError)(
        f"{name} must be a Generator, an int of at least 0 or None; got {shown(rng)}. "
        f"Make one Generator, np.random.default_rng(0), and pass it to all layers."
    )


def optional(rule: Callable[[object, str], Any]) -> Callable[[object, str], Any]:
    """The rule, but None is kept, too."""
    return lambda value, name: None if value is None else rule(value, name)


def rate(value: Any, name: str) -> Any:
    """The value, if it is a learning rate: a positive number, or a function of the step."""
    if is_function(value) and not isinstance(value, type):
        return value
    return real(value, name, "a positive finite number or a function of the step", lambda n: n > 0)


def check_instance(name: str, value: object, kind: type | tuple[type, ...], example: str) -> None:
    """Refuse what is no object of that kind, such as the class itself."""
    if not isinstance(value, kind):
        hint = ""
        if isinstance(value, type) and issubclass(value, kind):
            hint = f" Did you mean {value.__name__}(...)?"
        raise TypeError(f"{name} must be {example}; got {shown(value)}.{hint}")


def check_function(name: str, value: object, example: str) -> None:
    """Refuse what cannot be called."""
    if not is_function(value):
        raise TypeError(f"{name} must be a function such as {example}; got {shown(value)}")


def is_function(value: object) -> bool:
    """Whether it can be called; a layer or loss answers a call with what to write instead."""
    return callable(value) and (isinstance(value, type) or not hasattr(value, "forward"))


_CONVERSIONS = {  # what converts an object that has the method or attribute
    "filled": "{0}.filled(value), or leave out the examples with masked elements",
    "toarray": "{0}.toarray()",
    "to_numpy": "{0}.to_numpy()",
    "detach": "{0}.detach().cpu().numpy()",
    "numpy": "{0}.numpy()",
    "__next__": "np.asarray(list({0}))",
    "__array__": "np.asarray({0})",
    "index": "np.asarray({0})",  # a list, a tuple, a range
}
_UNIQUE = "names, {0} = np.unique({0}, return_inverse=True) numbers the names in it."
_NUMBERS = {  # what makes real numbers of an array of another kind
    "c": "Use {0}.real, {0}.imag or abs({0}).",
    "O": f"If all elements are numbers, {{0}}.astype(float) converts them. {_UNIQUE}",
    "S": _UNIQUE,
    "T": _UNIQUE,
    "U": _UNIQUE,
}


def is_array(value: object) -> TypeGuard[Array]:
    """Whether it is a NumPy array; masked arrays and np.matrix compute something else than one."""
    return isinstance(value, ndarray) and not isinstance(value, np.ma.MaskedArray | np.matrix)


def check_array(name: str, value: object, wanted: str = "a NumPy array") -> None:
    """Refuse what is not a NumPy array, and say how to convert that very type."""
    if not is_array(value):
        calls = (call for has, call in _CONVERSIONS.items() if hasattr(value, has))
        hint = f" Use {call.format(name)}." if (call := next(calls, "")) else ""
        if value is None:
            hint = " Does the method or function that made it end in return?"
        raise TypeError(f"{name} must be {wanted}; got {type(value).__name__}.{hint}")


def check_numbers(name: str, value: Array) -> None:
    """Refuse what is not a NumPy array of real numbers, and say how to convert it."""
    if type(value) is ndarray and value.dtype.kind == "f":
        return  # so far for a step of training
    check_array(name, value)
    if value.dtype.kind not in "fiub":
        hint = _NUMBERS.get(value.dtype.kind, "").format(name)
        raise TypeError(f"{name} must hold real numbers; got {value.dtype}. {hint}".rstrip())


def floats(value: Array, name: str) -> Array:
    """The array of real numbers, ints as float64: in few bits, 3 − 5 wraps and e³ is a float16."""
    if type(value) is ndarray and value.dtype.kind == "f":
        return value
    check_numbers(name, value)
    return value if value.dtype.kind == "f" else value.astype(np.float64)


def as_array(value: ArrayLike, name: str) -> Array:
    """The array, or nested lists of one length, as a plain array; no masked elements are lost."""
    wanted = "an array or a list of numbers"
    if isinstance(value, np.ma.MaskedArray):
        check_array(name, value, wanted)
    try:
        array = np.asarray(value)
    except Exception as error:  # rows of several lengths, a tensor on another device
        if not isinstance(value, tuple | list):
            check_array(name, value, wanted)
        raise ValueError(
            f"{name} must be an array, or lists of equal lengths; got {shown(value)} ({error})"
        ) from error
    if array.ndim == 0 and array.dtype.kind not in "fiubc":  # text, a set, a sparse matrix
        check_array(name, value, wanted)
    return array


def as_numbers(value: ArrayLike, name: str) -> Array:
    """The same, if it holds real numbers."""
    array = as_array(value, name)
    check_numbers(name, array)
    return array


def returned(
    owner: object,
    method: str,
    value: Any,
    shape: tuple[int, ...] | None = None,
    dtype: np.dtype[Any] | None = None,
) -> Array:
    """What a method has returned, if it is an array of numbers, of the shape and the float type.

    A value of another shape, or of a wider float type, would be broadcast or cast later on.
    """
    me, got = f"{type(owner).__name__}.{method}", ""
    if value is None:
        raise TypeError(f"{me} returned None: it must end in return, followed by an array.")
    try:
        check_numbers("value", value)
    except TypeError:
        got = f"an array of {value.dtype}" if type(value) is ndarray else type(value).__name__
    else:
        if shape not in (None, value.shape):
            got = f"an array of shape {value.shape}"
        elif dtype is not None and np.result_type(value.dtype, dtype) != dtype:
            got = f"an array of {value.dtype}; was a constant made without dtype=x.dtype?"
    if not got:
        return value
    wanted = "one NumPy array of real numbers" + (f" of shape {shape}" if shape else "")
    raise TypeError(f"{me} must return {wanted}{f' and {dtype}' if dtype else ''}; got {got}")


def check_gradient(
    layer: object, dy: Array, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None
) -> None:
    """Refuse a gradient of another shape than y, which would be broadcast, or of another dtype."""
    if (
        type(dy) is ndarray
        and dy.shape == shape
        and (dy.dtype.kind == "f" if dtype is None else dy.dtype == dtype)
    ):
        return
    check_numbers("dy", dy)
    if dy.shape == shape and (dtype is None or dy.dtype == dtype):
        return
    wanted = f"{shape}" if dtype is None else f"{shape} and {dtype}"
    raise ValueError(
        f"{type(layer).__name__}.backward got dy of shape {dy.shape} and {dy.dtype}: it must be "
        f"{wanted}, an array of the "
        f"shape of y that the last forward returned. Is it of another batch?"
    ) from None  # Dense asks after its product has failed


def check_input(layer: object, x: Array, axes: str, width: int, dtype: np.dtype[Any]) -> None:
    """Refuse an x whose last axis has another width, or whose float type is wider than dtype.

    `axes` describes the shape for the reader; with "..." in it, there may be more than two axes.
    """
    check_numbers("x", x)
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
    check_width(layer, x, dtype)


def check_width(layer: object, x: Array, dtype: np.dtype[Any]) -> None:
    """Refuse an x whose float type is wider than that of the layer's parameters."""
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
        hint = _NUMBERS.get(values.dtype.kind, "Convert them once, {0}.astype(int).").format(name)
        raise TypeError(f"{got} of {values.dtype}: {what} are ints. {hint}")
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
    check_numbers("t", t)
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
        place = [int(n) for n in np.unravel_index(t.argmin(), t.shape)]
        raise ValueError(f"{me} got t{place} = {t.min():g}: probabilities are not negative.")
    away = np.abs(t.sum(axis=-1) - 1)
    if not away.max() <= rounding(t):  # NaN is refused too
        place = [int(n) for n in np.unravel_index(away.argmax(), away.shape)]
        row, total = place[0] if t.ndim == 2 else place, t[tuple(place)].sum()
        raise ValueError(
            f"{me} needs rows of probabilities; row {row} of t sums to {total:g}, not 1. "
            f"Divide each row by its sum, t / t.sum(axis=-1, keepdims=True), or pass the labels "
            f"themselves, ints of shape {t.shape[:-1] if t.ndim > 2 else '(N,)'}."
        )


def rounding(array: Array) -> float:
    """How far rounding may move a sum of probabilities: 10⁻⁶, and 10⁻⁵ in float32."""
    eps = np.finfo(array.dtype).eps if array.dtype.kind == "f" else 0
    return max(1e-6, 100 * float(eps))
