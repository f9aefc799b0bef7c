"""A layer, or a loss seen as a layer with one output, that can be made new and run in many ways."""

import copy
from collections.abc import Callable
from functools import cached_property
from types import FunctionType, ModuleType
from typing import Any, Self

import numpy as np

from tinynet.declared import attributes
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.magnitudes import agree, distance, largest, last_bits
from tinynet.testing.report import Fault, Report
from tinynet.types import Array

Inputs = tuple[Array, ...]
Outcome = dict[str, Array]  # what passes gave, by name: "y", "dx", "dW", ...


class Trial:
    """A layer with an input that it takes; every run works on a copy of the layer."""

    names: tuple[str, ...] = ("x",)  # of the inputs; the first is the one with a gradient
    output = "y"

    def __init__(
        self, original: Layer, start: Layer, inputs: Inputs, seed: int, report: Report
    ) -> None:
        self.original = original  # a copy of what the caller gave
        self.start, self.params = start, start.params  # in float64, with random parameters
        self.inputs, self.x = inputs, inputs[0]  # at least three rows; a loss has y and t
        self.integer = self.x.dtype.kind != "f"
        self.seed, self.rng, self.report = seed, np.random.default_rng(seed), report
        self.y = np.array(self.new().forward(*(array.copy() for array in inputs)))
        self.dy = np.random.default_rng([seed, 1]).normal(size=self.y.shape)  # not that of x
        self.tried = self.x  # the input that was run last
        ends = np.cumsum([0] + [view.size for _, view in start.named_parameters()]).tolist()
        names = [name for name, _ in start.named_parameters()]
        self.slices = [(name, slice(*ends[n : n + 2])) for n, name in enumerate(names)]

    def new(self, params: Array | None = None) -> Layer:
        """A copy of the layer with gradients of zero, and with other parameters if given."""
        layer = copy.deepcopy(self.start)
        layer.grads[...] = 0
        layer.params[...] = layer.params if params is None else params
        return layer

    def forward(self, layer: Layer, inputs: Inputs | None = None, method: str = "forward") -> Array:
        """y, copied, of a pass that sees memory it cannot write into."""
        inputs = self.inputs if inputs is None else inputs
        self.tried = inputs[0]
        return np.array(getattr(layer, method)(*map(read_only, inputs)))

    def predict(self, layer: Layer, inputs: Inputs | None = None) -> Array:
        """y of predict, in the same way."""
        return self.forward(layer, inputs, "predict")

    def backward(self, layer: Layer, dy: Array | None = None) -> Outcome:
        """The gradients, copied, of a layer that has run forward."""
        dx = layer.backward(read_only(self.dy if dy is None else dy))
        if isinstance(dx, tuple | list):  # of which NumPy would make an array, or not
            me = type(getattr(layer, "loss", layer)).__name__
            got = f"{me}.backward must return one NumPy array of real numbers"
            raise Fault("shapes", f"{got}; got {type(dx).__name__}")
        found = {} if self.integer or dx is None else {f"d{self.names[0]}": np.array(dx)}
        return found | self.gradients(layer)

    def gradients(self, layer: Layer) -> Outcome:
        """The gradients of the parameters as they are now, copied."""
        return {f"d{name}": layer.grads[here].copy() for name, here in self.slices}

    def run(self, inputs: Any = None, dy: Any = None, layer: Layer | None = None) -> Outcome:
        """A forward and a backward pass, of a new copy or of the layer given."""
        layer = self.new() if layer is None else layer
        y = self.forward(layer, inputs)
        return {self.output: y} | self.backward(layer, self.upstream(y.shape) if dy is None else dy)

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """A random dy of the shape, the same each time."""
        if shape == self.y.shape:
            return self.dy
        return np.random.default_rng(sum(shape)).normal(size=shape)

    def upstreams(self, size: int) -> Array:
        """Random upstream gradients of mixed sign, and one-hot ones, a row each."""
        rng = np.random.default_rng(size)
        ones = np.arange(size) if size <= 24 else rng.permutation(size)[:6]
        found = np.zeros((3 + len(ones), size))
        found[:3] = rng.normal(size=(3, size))
        found[3 + np.arange(len(ones)), ones] = 1
        return found

    def with_x(self, x: Array) -> Inputs:
        """The inputs with another x."""
        return (x, *self.inputs[1:])

    def rows(self, rows: Any) -> Inputs:
        """The inputs of some rows."""
        return tuple(array[rows] for array in self.inputs)

    def other_inputs(self, rows: int) -> Inputs:
        """Other inputs of the same kind: rows of x mixed, which stays in a convex domain."""
        first, second = self.rng.integers(len(self.x), size=(2, rows))
        others = self.rows(first)
        if self.integer:
            return others
        share = self.rng.uniform(0.6, 0.95, size=(rows,) + (1,) * (self.x.ndim - 1))
        rest = self.x[second] * (1 - share) if len(self.x) > 1 else 0
        return (others[0] * share + rest, *others[1:])

    def constructed(self, params: Array | None = None) -> Layer | None:
        """Another instance, by the constructor; None where that needs more than its arguments."""
        try:
            args, kwargs = copy.deepcopy(self.original._arguments)
            layer = type(self.original)(*args, **kwargs)
            if layer.params.dtype != float:  # else views made in __init__ would be left behind
                layer.bind(np.empty(layer.params.size), np.zeros(layer.params.size))
            layer.params[...] = layer.params if params is None else params
            self.forward(copy.deepcopy(layer))
        except Exception:
            return None
        return layer

    def trained(self) -> Layer:
        """A copy that has seen a batch, so that running statistics are not those of the start."""
        layer = self.new()
        self.forward(layer, self.other_inputs(len(self.x) + 2))
        return layer

    def with_last_bits(self, eps: float, seed: int) -> Self:
        """The same with the last bits of x, dy and the parameters changed at random."""
        rng, twin = np.random.default_rng(seed), copy.copy(self)
        twin.x = last_bits(self.x, rng, eps)
        twin.inputs = self.with_x(twin.x)
        twin.start = self.new(last_bits(self.params, rng, eps))
        twin.params, twin.dy = twin.start.params, last_bits(self.dy, rng, eps)
        return twin

    @cached_property
    def many(self) -> Inputs:
        """The inputs repeated, so that a draw shows."""
        times = max(1, 256 // max(1, self.x.size))
        return tuple(np.repeat(array, times, axis=0) for array in self.inputs)

    @cached_property
    def varies(self) -> bool:
        """Whether forward gives different outputs in a row, from its generators or unseen ones."""
        layer, states = self.new(), generator_states(self.start)
        first, *more = (self.forward(layer, self.many) for _ in range(7))
        differ = any(distance(y, first) > 0 for y in more)
        return differ and (not states or states != generator_states(layer))

    @cached_property
    def draws(self) -> bool:
        """Whether forward draws random numbers, even where they make no difference."""
        layer, before = self.new(), generator_states(self.start)
        self.forward(layer)
        middle = generator_states(layer)
        self.forward(layer)
        return self.varies or before != middle != generator_states(layer)

    @cached_property
    def interacts(self) -> bool:
        """Whether an output of forward depends on the other rows of its batch."""
        return self._mixes_rows("forward", self.start)

    @cached_property
    def predict_interacts(self) -> bool:
        """Whether an output of predict does."""
        return self._mixes_rows("predict", self.trained())

    def _mixes_rows(self, method: str, start: Layer) -> bool:
        """Whether the first row comes out otherwise among other rows, some of them far off."""
        size = largest(self.x) or 1.0
        for far in (False, False) if self.integer else (False, False, True, True):
            batch = self.other_inputs(len(self.x))
            if far:
                batch = (self.rng.uniform(0.1, 0.9, size=self.x.shape) * size, *batch[1:])
            for array, original in zip(batch, self.inputs, strict=True):
                array[:1] = original[:1]
            alone, among = copy.deepcopy(start), copy.deepcopy(start)
            try:
                for _ in range(6 if self.draws else 1):  # a draw may hide the row from the others
                    y, first = self.forward(among, batch, method), self.forward(alone, None, method)
                    if not agree(y[0], first[0], 1e-11):
                        return True
            except ValueError:
                continue
        return False

    def function(self, inputs: Inputs) -> Callable[[Array], Array]:
        """y, flat, of x, if it holds floats, and all parameters as one vector, for one draw."""
        layer, states = self.new(), generator_states(self.start)
        size = 0 if self.integer else inputs[0].size
        remembers = bool(states) or any(part.buffers for part in layer.walk())

        def outputs(theta: Array) -> Array:
            x = theta[:size].reshape(inputs[0].shape) if size else inputs[0]
            if remembers:
                restore(layer, self.start, states)
            layer.params[...] = theta[size:]
            return np.array(layer.forward(x.copy(), *inputs[1:]), float).ravel()

        return outputs


class _LossLayer(Layer):
    """A loss as a layer with two inputs and one output: its backward is dL/dy times dy."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def forward(self, y: Array, t: Array) -> Array:  # type: ignore[override]
        return np.array([self.loss.forward(y, t)])

    def backward(self, dy: Array) -> Array:
        found = self.loss.backward()
        return found if dy[0] == 1 else found * float(dy[0])

    def predict(self, y: Array, t: Array) -> Array:  # type: ignore[override]
        return copy.deepcopy(self).forward(y, t)


class LossTrial(Trial):
    """A loss with outputs y and targets t that it takes; see `Trial`."""

    names, output = ("y", "t"), "value"
    layer = _LossLayer

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.dy = np.ones(1)  # a loss is where gradients start

    def upstreams(self, size: int) -> Array:
        """The same, as the only one."""
        return np.ones((1, size))


def read_only(array: Array) -> Array:
    """A copy that cannot be written into; the array itself if it cannot be already."""
    if array.flags.writeable:
        array = array.copy(order="K")
        array.flags.writeable = False
    return array


def inputs_of_parts(layer: Layer, inputs: Inputs) -> dict[str, tuple[Layer, Array]]:
    """Each part as it was before a forward pass of the whole, and the activations that reach it."""
    reached: dict[str, tuple[Layer, Array]] = {}
    for name, part in layer._parts():
        twin = copy.deepcopy(part)

        def forward(x: Array, name: str = name, part: Layer = part, twin: Layer = twin) -> Array:
            reached.setdefault(name, (twin, np.array(x)))
            return type(part).forward(part, x)

        part.__dict__["forward"] = forward
    layer.forward(*(array.copy() for array in inputs))
    return reached


def restore(layer: Layer, start: Layer, states: list[Any]) -> None:
    """Give a layer the buffers of its twin, and its generators these states."""
    for part, twin in zip(layer.walk(), start.walk(), strict=True):
        for name in part.buffers:
            if name in (kept := attributes(twin)):
                setattr(part, name, copy.copy(kept[name]))
    for generator, state in zip(generators(layer) if states else (), states, strict=False):
        generator.bit_generator.state = state


def generator_states(owner: object) -> list[Any]:
    """Where each random generator stands."""
    return [generator.bit_generator.state for generator in generators(owner)]


def generators(owner: object, seen: dict[int, object] | None = None) -> list[Any]:
    """Every random generator that the object holds, but for what its constructor was given."""
    seen = {} if seen is None else seen
    if id(owner) in seen or isinstance(owner, type | ModuleType | FunctionType | np.ndarray):
        return []
    seen[id(owner)] = owner
    if isinstance(owner, np.random.Generator):
        return [owner]
    fields = owner if isinstance(owner, dict) else getattr(owner, "__dict__", {})
    parts = [value for name, value in fields.items() if name not in ("_arguments", "_owner")]
    parts += owner if isinstance(owner, list | tuple | set) else []
    return [generator for part in parts for generator in generators(part, seen)]
