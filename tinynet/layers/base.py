"""Layer: the contract that all layers keep."""

import warnings
from typing import TYPE_CHECKING, Any, NoReturn, Self

from numpy.typing import DTypeLike

from tinynet.foreign_names import answering, check_keywords
from tinynet.initializers import INITIAL
from tinynet.kept import expect_kept
from tinynet.layers.defaults import predicting_copy, restore_defaults
from tinynet.parameters import Parameterized
from tinynet.text import call, shown_call
from tinynet.types import Array


@answering()
class Layer(Parameterized):
    """A function with learned parameters: `forward` computes it, `backward` its gradients.

    An activation is a class with `forward` and `backward`. A layer that learns hands its initial
    parameters to `super().__init__(W=array, b=array)`, which makes `self.W` and `self.b`, and
    `self.dW` and `self.db` for their gradients. A layer made of layers declares them in the same
    way, `super().__init__(inner=layer)`; binding, names, copies and `predict` then reach them.

    All parameters lie one after another in the flat vector `params`, all gradients in `grads`;
    `W, b, dW, db` are views on them: `self.dW = ...` writes there, as `self.dW[...] = ...` does.

    The contract, which `tinynet.testing.check_layer` checks:

    * Rows are examples: the first axis of `x`, `y`, `dy` and `dx` counts them.
    * `forward` never writes into `x`, `backward` never writes into `dy`, and neither writes into
      an array that it has returned. A layer may keep these arrays until `backward` has run, so
      the caller does not write into them before.
    * `backward` overwrites the gradients; called twice, it gives the same answer twice.
    * `predict` stores nothing, so it is safe at any time and in any thread.

    Attributes:
        params: all parameters, a flat vector; empty if there are none.
        grads: their gradients, of the same length and float type.
        buffers: names of the arrays that a layer keeps besides its parameters, for example running
            statistics. They change float type with the parameters and are saved with them.
        input_shape: the shape of one example, if the layer prescribes it.
        input_dtype: the dtype of x, if it is not that of the parameters: ints for ids.

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
        """Keep the arguments, from which `repr` and `tinynet.save` describe the layer."""
        check_keywords(cls, kwargs)
        if args and cls.__init__ is Parameterized.__init__:  # which takes only names
            raise TypeError(f"{cls.__name__} takes no arguments; got {shown_call(args, kwargs)}")
        self = super().__new__(cls)
        self._arguments = args, kwargs
        return self

    def forward(self, x: Array) -> Array:
        """Training pass, x (N, ...) -> y (N, ...); keeps what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def backward(self, dy: Array) -> Array:
        """dL/dy -> dL/dx; overwrites the gradients of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, dy)")

    def predict(self, x: Array) -> Array:
        """Inference pass, x (N, ...) -> y (N, ...); stores nothing.

        By default it is `forward` on a shallow copy whose parts predict. A layer defines it if
        inference differs from training, or to be faster.
        """
        return predicting_copy(self).forward(x)

    def parameter_gradients(self, dy: Array) -> None:
        """Overwrite the gradients of the parameters, for a caller that does not need dL/dx.

        By default it is `backward`. A layer defines it to save the time that dL/dx takes.
        """
        self.backward(dy)

    def is_frozen(self) -> bool:
        """Whether the layer is inside a `Frozen`, at any depth, so that nothing in it may change.

        A layer that updates buffers in `forward`, such as running statistics, asks this first. A
        copy made by `copy.deepcopy` is in no `Frozen`.
        """
        whole = self._owner()
        return isinstance(whole, Layer) and whole.is_frozen()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(cls.buffers, str):
            raise TypeError(f"{cls.__name__}.buffers must be a tuple: write ({cls.buffers!r},)")
        restore_defaults(cls, Layer)
        expect_kept(cls)
        if isinstance(state := cls.__dict__.get("state"), tuple) and "buffers" not in cls.__dict__:
            cls.buffers = state
            warnings.warn(
                f"{cls.__name__}.state is now called buffers: write buffers = {state!r}",
                FutureWarning,
                stacklevel=2,
            )

    def __getstate__(self) -> dict[str, Any]:
        """As that of all parameters, without an `init` that pickle could not find by its name."""
        state, (args, kwargs) = super().__getstate__(), self._arguments
        for name in INITIAL:  # a lambda or a local function has "<" in its name
            if "<" in getattr(kwargs.get(name), "__qualname__", ""):
                kwargs = {other: value for other, value in kwargs.items() if other != name}
        return {**state, "_arguments": (args, kwargs)}

    def __repr__(self) -> str:
        return call(type(self).__name__, *self._arguments)

    if not TYPE_CHECKING:  # a type checker should report such calls and names itself

        def __call__(self, *args: object, **kwargs: object) -> NoReturn:
            raise TypeError(
                f"{type(self).__name__} cannot be called: write net.forward(x) while training, "
                f"which keeps what backward needs, and net.predict(x) otherwise"
            )
