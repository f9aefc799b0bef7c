"""What a layer learns or remembers without having declared it, found by one step of training.

An optimizer moves declared parameters only. Only parameters and buffers are saved, or come back
when training returns to its best epoch. So an array that `backward` makes a gradient for must be
declared, and so must a value that `forward` changes and later passes read.
"""

import copy
import itertools
import random
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from tinynet.declared import attributes, is_declared
from tinynet.held import held
from tinynet.layers.base import Layer
from tinynet.types import Array

OwnArrays: TypeAlias = list[tuple[Layer, dict[str, tuple[Array, Array]]]]
"""For each layer of a network, its arrays of floats that are not declared, and copies, by place."""


def own_arrays(net: Layer) -> OwnArrays:
    """What a layer holds now that it has not declared, to be compared with later."""
    return [(layer, dict(_own_arrays(layer))) for layer in net.walk()]


def undeclared_parameter(
    start: OwnArrays, forward: OwnArrays, backward: OwnArrays, rows: int = 0
) -> str:
    """What is wrong with an array that has a gradient but no declaration; empty if none has.

    The arguments are what `own_arrays` gave before a step, after its forward and after its backward
    pass. A parameter is an array that stays, with its values, while `backward` makes an array of
    the same shape and, unless it is a matrix, of a name that contains its own. So must the name be
    if the array is as long as the batch of so many rows, because then it may be one to compute in.
    """
    for (layer, first), (_, middle), (_, last) in zip(start, forward, backward, strict=True):
        nothing = None, None
        made = {
            n: values
            for n, (array, values) in last.items()
            if not _same(middle.get(n, nothing), array, values)
        }
        for name, (before, array) in first.items():
            if name in made or not _same(last.get(name, nothing), before, array) or not array.ndim:
                continue
            last_word = re.split(r"[.[]", name)[-1].lstrip("_")  # "W" of ".W", "'W']" of ".of['W']"
            word = "".join(re.findall(r"[^\W\d]\w*", last_word)) or "W"
            for gradient, slope in made.items():
                matrix = array.ndim > 1 and len(array) != rows
                related = matrix or last_word in gradient
                if slope.shape == array.shape and related:
                    me = type(layer).__name__
                    return (
                        f"backward of {me} makes self{gradient}, a gradient for self{name}, which "
                        f"{me} has not declared; so no optimizer would move it, and it would not "
                        f"be saved. Declare the array, super().__init__({word}=...), which makes "
                        f"self.{word} and self.d{word}"
                    )
    return ""


def undeclared_state(start: Layer, used: Layer, x: Array, method: str) -> str:
    """What is wrong with a value that a training pass changed; empty where all is declared.

    `start` is the network before the pass and `used` after it. With the buffers of `used`, the
    method, predict or forward, of `start` must give what that of `used` does. Both stay as they
    are.
    """
    again = copy.deepcopy(start)
    now = dict((*used.named_parameters(), *used.named_buffers()))
    for name, array in (*again.named_parameters(), *again.named_buffers()):
        if isinstance(array, np.ndarray) and np.shape(now[name]) == array.shape:
            array[...] = now[name]
    wanted = _outputs(used, used, method, x)
    if not _equal(wanted, _outputs(used, used, method, x)):
        return ""  # it draws from a generator that nobody can see
    if _equal(wanted, _outputs(again, used, method, x)):
        return ""
    lost = list(_changed(again, used))
    if not _equal(wanted, _outputs(_updated(again, used, lost), used, method, x)):
        return ""  # the cause lies elsewhere
    for one in tuple(lost):  # keep those that it takes to compute the same
        others = [other for other in lost if other is not one]
        if _equal(wanted, _outputs(_updated(again, used, others), used, method, x)):
            lost = others
    names = [name for place, name in lost if place == lost[0][0]]
    layer, listed = [*used.walk()][lost[0][0]], " and self.".join(names)
    me = type(layer).__name__
    return (
        f"forward of {me} changes self.{listed}, on which {method} depends, but {me} does not name "
        f"it in its buffers; so it would be lost in a file and on the return to the best epoch. "
        f"Write buffers = {(*layer.buffers, *names)!r} in the class, and keep each as an array, "
        f"self.{names[0]} = np.zeros(...), in __init__"
    )


def _own_arrays(layer: Layer) -> Iterator[tuple[str, tuple[Array, Array]]]:
    closed = {id(layer._arguments), *(id(getattr(layer, name, None)) for name in layer.buffers)}
    shared = ((f".{n}", value) for cls in type(layer).__mro__ for n, value in vars(cls).items())
    kept = held(layer, lambda v: id(v) not in closed and not isinstance(v, Layer))
    for place, value in itertools.chain(shared, kept):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and id(value) not in closed:
            vectors = layer.params, layer.grads
            if not any(np.may_share_memory(value, vector) for vector in vectors):
                yield place, (value, value.copy())


def _same(pair: tuple[Any, Any], array: Array, values: Array) -> bool:
    """Whether these are the same array in memory and the same values."""
    return pair[0] is array and _equal(pair[1], values)


def _outputs(layer: Layer, like: Layer, method: str, x: Array) -> Any:
    """What a method of a copy gives, with the random numbers that another layer would draw next."""
    twin = copy.deepcopy(layer)
    for generator, other in zip(_generators(twin), _generators(like), strict=False):
        if isinstance(generator, np.random.Generator):
            generator.bit_generator.state = other.bit_generator.state
        elif isinstance(generator, np.random.RandomState):
            generator.set_state(other.get_state())
        else:
            generator.setstate(other.getstate())
    try:
        return getattr(twin, method)(x)
    except Exception as error:
        return repr(error)


def _generators(net: Layer) -> list[Any]:
    kinds = np.random.Generator, np.random.RandomState, random.Random
    return [value for _, value in held(net) if isinstance(value, kinds)]


def _changed(net: Layer, used: Layer) -> Iterator[tuple[int, str]]:
    """Places of layers and names of attributes that differ and are neither declared nor layers."""
    for place, (layer, other) in enumerate(zip(net.walk(), used.walk(), strict=True)):
        mine = attributes(layer)
        for name, value in attributes(other).items():
            known = name in ("_arguments", "_owner", "_declared", *layer.buffers)
            values, before = _values(value), _values(mine.get(name))
            if known or is_declared(layer, name) or any(one is Layer for one in values.values()):
                continue
            if values.keys() != before.keys() or not all(
                _equal(one, before[at]) for at, one in values.items()
            ):
                yield place, name


def _updated(net: Layer, used: Layer, changed: list[tuple[int, str]]) -> Layer:
    """A copy of the network with these attributes of the used one."""
    twin = copy.deepcopy(net)
    layers, others = [*twin.walk()], [*used.walk()]
    for place, name in changed:
        setattr(layers[place], name, copy.deepcopy(getattr(others[place], name)))
    return twin


def _values(value: Any) -> dict[str, Any]:
    """The numbers, texts and arrays that a value holds, by place; of other objects, the kind."""
    plain = (np.ndarray, np.generic, int, float, str, bytes)
    found = held((value,), lambda one: not isinstance(one, Layer))
    kinds = ((at, one, Layer if isinstance(one, Layer) else type(one)) for at, one in found)
    return {at: one if isinstance(one, plain) else kind for at, one, kind in kinds}


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return type(one) is type(other) and bool(one == other)
