"""What `predict` and `parameter_gradients` do in a layer that does not define them.

`predict` is `forward` on a shallow copy, so that the layer itself stores nothing;
`parameter_gradients` is `backward`. A class may define either beside the method that it stands for,
to be faster. A subclass that redefines the method alone gets the default back, because the faster
one does not know of the change.
"""

from typing import Any, TypeVar

from tinynet.parameters import Parameterized

L = TypeVar("L", bound=Parameterized)

_STANDS_FOR = {"predict": "forward", "parameter_gradients": "backward"}


def predicting_copy(layer: L) -> L:
    """A shallow copy on the same vectors, in which the `forward` of every part is its `predict`."""
    attributes = layer.__dict__
    parts = {
        id(part): _shallow_copy(part, {**part.__dict__, "forward": part.predict})
        for _, part in layer._parts()
    }
    if parts:
        attributes = {name: _exchanged(value, parts) for name, value in attributes.items()}
    return _shallow_copy(layer, attributes)


def restore_defaults(cls: Any, base: type) -> None:
    """Give a class the default method again if it redefines the method that this stands for."""
    for method, original in _STANDS_FOR.items():
        if not issubclass(_definer(cls, method), _definer(cls, original)):
            setattr(cls, method, base.__dict__[method])


def _definer(cls: type, method: str) -> type:
    """The class, cls or an ancestor, whose body defines the method."""
    return next(c for c in cls.__mro__ if method in c.__dict__)


def _shallow_copy(layer: Any, attributes: dict[str, Any]) -> Any:
    copy = object.__new__(type(layer))
    copy.__dict__.update(attributes)
    return copy


def _exchanged(value: Any, parts: dict[int, Any]) -> Any:
    """The value, or a copy of a list, tuple or dict, with other layers in place of its own."""
    if id(value) in parts:
        return parts[id(value)]
    if type(value) in (list, tuple):
        return type(value)(_exchanged(inner, parts) for inner in value)
    if type(value) is dict:
        return {key: _exchanged(inner, parts) for key, inner in value.items()}
    return value
