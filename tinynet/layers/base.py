"""The contract that every layer keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from numpy.typing import DTypeLike

from tinynet.errors import missing_attribute
from tinynet.parameters import Parameterized
from tinynet.text import call
from tinynet.types import Array

__all__ = ["Layer"]


class Layer(Parameterized):
    """A function with learned parameters: `forward` computes it, `backward` its gradients.

    An activation is a class with `forward` and `backward`. A layer that learns hands its initial
    parameters to `super().__init__(W=array, b=array)`, which makes `self.W` and `self.b`, and
    `self.dW` and `self.db` for their gradients. A layer made of layers declares them in the same
    way, `super().__init__(inner=layer)`; binding, names, copies and `predict` then reach them.

    All parameters lie one after another in the flat vector `params`, all gradients in `grads`;
    `W, b, dW, db` are views on them. So write `self.dW[...] = ...`, never
    `self.dW = ...`, which would leave the vector behind.

    The contract, which `tinynet.testing.check_layer` proves:

    * Rows are examples: the first axis of `x`, `y`, `dy` and `dx` counts them.
    * `forward` never writes into `x`, nor `backward` into `dy`, nor either into what it has
      returned. A layer may keep both until `backward` has run, so the caller does not write into
      them before that either.
    * `backward` overwrites the gradients; called twice, it gives the same answer twice.
    * `predict` stores nothing, so it is safe at any time and in any thread.

    Attributes:
        params: all parameters, a flat vector; empty where there is nothing to learn.
        grads: their gradients, of the same length and float type.
        buffers: names of the arrays that a layer knows besides its parameters, for instance running
            statistics. They change float type with the parameters and are saved with them.
        input_shape: the shape of one example, where the layer prescribes it.
        input_dtype: the dtype of x, where it is not that of the parameters: ints for ids.

    Example:
        >>> import numpy as np
        >>> class Scale(Layer):
        ...     '''y = gain * x, one learned gain for each feature.'''
        ...
        ...     def __init__(self, features):
        ...         super().__init__(gain=np.ones(features))
        ...
        ...     def forward(self, x):
        ...         self._x = x
        ...         return self.gain * x
        ...
        ...     def backward(self, dy):
        ...         self.dgain[...] = (dy * self._x).sum(axis=0)
        ...         return dy * self.gain
        >>> layer = Scale(2)
        >>> layer.forward(np.array([[3.0, 4.0]]))
        array([[3., 4.]])
        >>> layer.backward(np.array([[1.0, 10.0]]))
        array([[ 1., 10.]])
        >>> layer.grads
        array([ 3., 40.])
    """

    input_shape: tuple[int, ...] | None = None
    input_dtype: DTypeLike | None = None

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # what the constructor was called with

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note the arguments, which tell how to write the layer down."""
        self = super().__new__(cls)
        self._arguments = args, kwargs
        return self

    def forward(self, x: Array) -> Array:
        """Training pass, x (N, ...) -> y (N, ...); keeps what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def backward(self, dy: Array) -> Array:
        """dL/dy -> dL/dx; overwrites the gradients of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, dy)")

    def parameter_gradients(self, dy: Array) -> None:
        """Overwrite the gradients of the parameters, for a caller who has no use for dL/dx.

        By default `backward`; a layer overrides it to save the product for dL/dx.
        """
        self.backward(dy)

    def predict(self, x: Array) -> Array:
        """Inference pass, x (N, ...) -> y (N, ...); stores nothing.

        By default `forward` on a shallow copy whose parts predict; a layer overrides it where
        inference differs from training, or to be faster.
        """
        parts = {id(part): part._predictor() for _, part in self._parts()}
        return self._shadow(parts).forward(x)

    def is_frozen(self) -> bool:
        """Whether it lives in a `Frozen`, however deep: then nothing that it knows may change.

        A layer asks for it in `forward` if it would learn anything there, such as running
        statistics; most have no need to. A copy made by `copy.deepcopy` lives in no `Frozen`.
        """
        whole = self._owner()
        return isinstance(whole, Layer) and whole.is_frozen()

    def _shadow(self, parts: dict[int, Layer]) -> Self:
        """A shallow copy on the same vectors, with other parts in place of those named by id."""
        twin = object.__new__(type(self))
        for name, value in self.__dict__.items():
            twin.__dict__[name] = _exchange(value, parts) if parts else value
        return twin

    def _predictor(self) -> Self:
        """The layer as a part of one that predicts: its `forward` is its `predict`."""
        twin = self._shadow({})
        twin.__dict__["forward"] = self.predict
        return twin

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take a shortcut back where a subclass redefines the method that it abbreviates."""
        super().__init_subclass__(**kwargs)
        for shortcut, method in (("parameter_gradients", "backward"), ("predict", "forward")):
            if not issubclass(_definer(cls, shortcut), _definer(cls, method)):
                setattr(cls, shortcut, Layer.__dict__[shortcut])

    def __repr__(self) -> str:
        return call(type(self).__name__, *self._arguments)

    if not TYPE_CHECKING:  # a type checker should still find misspelt attributes

        def __getattr__(self, name: str) -> NoReturn:
            missing_attribute(self, name)


def _definer(cls: type, method: str) -> type:
    """The class, cls or an ancestor, whose body defines the method."""
    return next(c for c in cls.__mro__ if method in c.__dict__)


def _exchange(value: Any, parts: dict[int, Layer]) -> Any:
    """The value with every layer in `parts`, also inside lists, tuples and dicts, exchanged."""
    if id(value) in parts:
        return parts[id(value)]
    if type(value) in (list, tuple):
        return type(value)(_exchange(inner, parts) for inner in value)
    if type(value) is dict:
        return {key: _exchange(inner, parts) for key, inner in value.items()}
    return value
