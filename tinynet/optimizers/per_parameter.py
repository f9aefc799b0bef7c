"""Options of an optimizer that may differ from parameter to parameter."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from tinynet.checks import as_numbers, not_negative, real
from tinynet.option import Option
from tinynet.parameter_checks import check_has_parameters
from tinynet.parameters import Parameterized
from tinynet.text import shown
from tinynet.types import Array


def per_parameter(net: Parameterized, factors: Mapping[str, float]) -> Array:
    """A vector as long as `net.params`: the factor of a pattern where it fits, 1 elsewhere.

    It serves as `rates` or, times a number, as `weight_decay` of an optimizer. It is what other
    frameworks call parameter groups or per-parameter options.

    Args:
        net: a network or any part of one, as the optimizer gets it.
        factors: for each pattern of names a factor of at least 0. The names are those of
            `net.named_parameters()`; in a pattern, * stands for any characters, ? for one and
            [ab] for one of these. Where several patterns fit, the last one counts.

    Raises:
        TypeError: factors that are not a dict of numbers, or a net that is not a network.
        ValueError: a pattern that fits no name, a factor that is negative, NaN or infinite, or a
            network without parameters.

    Example:
        >>> from tinynet import SGD, Dense, Sequential, Sigmoid
        >>> net = Sequential(Dense(1, 2), Sigmoid(), Dense(2, 1))
        >>> per_parameter(net, {"*.b": 0.0})  # 0.W, 0.b, 2.W, 2.b
        array([1., 1., 0., 0., 1., 1., 0.])
        >>> no_biases = 0.01 * per_parameter(net, {"*.b": 0.0})
        >>> slow = per_parameter(net, {"0.*": 0.1})
        >>> optimizer = SGD(net, lr=0.5, weight_decay=no_biases, rates=slow)
    """
    check_has_parameters("per_parameter", net)
    if not isinstance(factors, Mapping):
        raise TypeError(
            f'factors must be a dict of patterns and numbers, such as {{"*.b": 0.0}}; got '
            f"{shown(factors)}"
        )
    parameters = dict(net.named_parameters())
    factor_of = dict.fromkeys(parameters, 1.0)
    for pattern, factor in factors.items():
        if not isinstance(pattern, str):
            raise TypeError(f'factors must have patterns such as "*.b"; got {shown(pattern)}')
        fitting = [name for name in parameters if fnmatchcase(name, pattern)]
        if not fitting:
            raise ValueError(
                f"factors must have patterns that fit names of parameters; {pattern!r} fits none "
                f"of {', '.join(parameters)}"
            )
        factor_of |= dict.fromkeys(fitting, not_negative(factor, f"factors[{pattern!r}]"))
    return np.concatenate([np.full(p.size, factor_of[name]) for name, p in parameters.items()])


class Factors(Option):
    """An option of an optimizer that is, or may be, a vector: a number for each parameter.

    A vector is kept as a copy that cannot be written into, in the float type of the parameters.
    Anything but an array or a list is checked by `rule`.
    """

    def _write(self, owner: Any, value: object) -> None:
        is_number = isinstance(value, np.generic | type)
        if isinstance(value, list | tuple) or (hasattr(value, "__array__") and not is_number):
            value = _vector(value, self.name, owner.net.params)
        super()._write(owner, value)


def number_or_vector(value: Any, name: str) -> Any:
    """The value of an option that is one number of at least 0, or a vector of them."""
    if isinstance(value, np.ndarray):
        return value
    rule = "a finite number of at least 0, or a vector of them"
    return real(value, name, rule, lambda number: number >= 0)


def none_or_vector(value: Any, name: str) -> Any:
    """The value of an option that is a vector of numbers of at least 0, or None."""
    if value is None or isinstance(value, np.ndarray):
        return value
    raise TypeError(f"{name} must be None or a vector, {_HINT}; got {shown(value)}")


_HINT = "as tinynet.per_parameter(net, {...}) makes it"


def _vector(value: Any, name: str, params: Array) -> Array:
    vector = as_numbers(value, name)
    if vector.shape != params.shape:
        raise ValueError(
            f"{name} must be a vector of {params.size} numbers, one for each parameter, {_HINT}; "
            f"got {shown(value)}"
        )
    with np.errstate(over="ignore"):
        vector = vector.astype(params.dtype)
    if (wrong := ~((vector >= 0) & np.isfinite(vector))).any():
        place = int(wrong.argmax())
        raise ValueError(
            f"{name} must hold finite numbers of at least 0; {name}[{place}] is {vector[place]:g}, "
            f"got {shown(value)}"
        )
    vector.setflags(write=False)
    return vector
