"""The rules about memory and state: nothing is changed or kept that should not be."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.inputs import views_check
from tinynet.testing.report import Fault
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import EPS, Inputs, Trial, agree, generator_states, read_only, restore
from tinynet.types import Array

Calls = Sequence[Callable[[Layer], object]]


@rule("shapes")
def shapes(t: Trial) -> Pairs:
    """y has a row for each example, dx the shape of x, and each gradient that of its parameter."""
    layer, when = t.new(), f"for {t.names[0]} of shape {t.x.shape}"
    y: Any = layer.forward(*map(read_only, t.inputs))
    yield _shape(when, "y", y, (len(t.x) if t.output == "y" else 1, *np.shape(y)[1:]))
    dx: Any = layer.backward(read_only(t.dy))
    if dx is not None or not t.integer:
        yield _shape(when, f"d{t.names[0]}", dx, t.x.shape)
    for name, view, _, gradient in _held(layer):
        yield _shape(when, f"d{name}", gradient, view.shape)


def _shape(when: str, name: str, array: object, shape: tuple[int, ...]) -> Pair:
    got = array.shape if isinstance(array, np.ndarray) else f"that of no array but {array!r:.40}"
    return Pair(when, {f"the shape of {name}": got}, {f"the shape of {name}": shape})


def _held(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Array, Array, Array]]:
    """Name and view of each parameter, and what the attributes W and dW hold in fact."""
    for name, value in layer._declared.items():
        if isinstance(value, Layer):
            yield from _held(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, getattr(layer, name), getattr(layer, f"d{name}")


@rule(
    "mutation",
    "make a new array, x * 2, in place of x *= 2; only an optimizer moves parameters.",
)
def mutation(t: Trial) -> Pairs:
    """x, dy and every parameter are left as they were."""
    layer, dy, inputs = t.new(), t.dy.copy(), tuple(array.copy() for array in t.inputs)

    def now() -> dict[str, Array]:
        held = {name: array for name, _, array, _ in _held(layer)}
        return {"dy": dy} | dict(zip(t.names, inputs, strict=True)) | held

    before = copy.deepcopy(now())
    layer.forward(*inputs)
    yield Pair("after forward", now(), before)
    layer.backward(dy)
    yield Pair("after backward", now(), before)


@rule("dtypes")
def dtypes(t: Trial) -> Pairs:
    """With float64 in, y and dx are float64."""
    types = {f"the type of {name}": array.dtype for name, array in t.run().items()}
    yield Pair("for x and parameters of float64", types, dict.fromkeys(types, np.dtype(float)))


@rule(
    "copy",
    "a view on a parameter, or a function that holds self, was kept in __init__; make it in "
    "forward.",
)
def copying(t: Trial) -> Pairs:
    """A copy computes with its own parameters, which lie on its own vectors."""
    used = t.new()
    yield _same_parameters("on a copy", t.start, used)
    t.run(layer=used)
    try:
        used.check_views()
    except ValueError as error:
        raise Fault(views_check(error), str(error)) from error
    for new, old in zip(used.walk(), t.start.walk(), strict=True):
        for name in vars(old).keys() - old._declared.keys():
            value, made = getattr(new, name), vars(new).get(f"d{name}")
            arrays = isinstance(value, np.ndarray) and isinstance(made, np.ndarray)
            if arrays and value.shape == made.shape and f"d{name}" not in vars(old):
                raise Fault(
                    "gradient",
                    f"backward makes d{name}, but {name} is no parameter: no optimizer moves it.",
                    f"declare it, super().__init__({name}=...), and write self.d{name}[...] = ...",
                )
    start, moved = t.constructed(t.params) or t.new(), t.other_params()
    t.run(layer=start)
    twin = copy.deepcopy(start)
    yield _same_parameters("on a copy", start, twin)
    yield _same_parameters("on a copy", start, copy.copy(start))
    twin.params[...] = moved
    got = t.run(layer=twin)
    start.params[...] = moved
    yield Pair("on a copy, with the same parameters", got, t.run(layer=start))


def _same_parameters(when: str, layer: Layer, twin: Layer) -> Pair:
    try:
        twin.check_views()
    except ValueError as error:
        raise Broken(f"{when}, {error}") from error
    if np.may_share_memory(twin.params, layer.params):
        raise Broken(f"{when}, the parameters share memory with those of the original.")
    return Pair(when, {"params": twin.params}, {"params": layer.params})


@rule(
    "pickle",
    "a lambda, a local function or an open file is kept in self; make it a method.",
)
def pickling(t: Trial) -> Pairs:
    """The same through pickle, which saving and other processes use."""
    layer = t.new()
    wanted, twin = t.run(layer=copy.deepcopy(layer)), _pickled(layer)
    yield _same_parameters("after pickling", layer, twin)
    yield Pair("after pickling", t.run(layer=twin), wanted)


def _pickled(layer: Layer) -> Layer:
    """The layer through pickle; classes and functions given to it need not be importable."""
    given, file = _functions(layer._arguments), io.BytesIO()
    objects: list[object] = []

    class Writer(pickle.Pickler):
        def persistent_id(self, value: object) -> int | None:
            if not isinstance(value, type) and id(value) not in given:
                return None
            objects.append(value)
            return len(objects) - 1

    class Reader(pickle.Unpickler):
        def persistent_load(self, place: Any) -> object:
            return objects[place]

    Writer(file).dump(layer)
    file.seek(0)
    twin: Layer = Reader(file).load()
    return twin


def _functions(value: object) -> set[int]:
    """The ids of all functions inside the arguments of a constructor."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {found for inner in value for found in _functions(inner)}
    if hasattr(value, "_arguments"):
        return _functions(value._arguments)
    return {id(value)} if callable(value) else set()


@rule(
    "overwrite",
    "write self.dW[...] = ..., not +=; where only some entries are set, start with "
    "self.dW[...] = 0. Without a parameter_gradients of its own, a layer gets it from backward.",
)
def overwrite(t: Trial) -> Pairs:
    """Gradients are overwritten, by backward and by parameter_gradients, which training calls."""
    if not t.params.size:
        raise LeftOut("there are no parameters")
    for method in ("backward", "parameter_gradients"):
        for batch in (t.inputs, t.rows(np.zeros(len(t.x), int))):
            wanted, dirty = t.run(batch), t.new()
            t.forward(dirty, batch)
            old = dirty.grads[...] = 100 * t.rng.normal(size=dirty.grads.shape)
            getattr(dirty, method)(read_only(t.dy))
            for name, here in t.slices:
                got, right = {f"d{name}": dirty.grads[here]}, wanted[f"d{name}"]
                if np.any(right) or np.any(dirty.grads[here] != old[here]):  # else never written
                    when = f"where the gradients held other numbers before {method}"
                    yield Pair(when, got, wanted)


def _history(
    t: Trial,
    when: str,
    before: Calls = (),
    between: Calls = (),
    inputs: Inputs | None = None,
    layer: Layer | None = None,
) -> Pair:
    """A step after some calls of the layer, and with others in the middle of it.

    It must give what it gives a new layer with the same parameters and generators.
    """
    layer = t.new() if layer is None else layer
    for call in before:
        call(layer)
    wanted = t.run(inputs, layer=t.like(layer))
    y = t.forward(layer, inputs)
    for call in between:
        call(layer)
    found = t.backward(layer, t.upstream(y.shape))
    for call in between:
        call(layer)
    return Pair(when, {t.output: y} | found | t.gradients(layer), wanted)


@rule("backward_twice", "backward changes what forward has kept, or draws again.")
def backward_twice(t: Trial) -> Pairs:
    """A second backward gives the same."""
    yield _history(t, "in a second backward with the same dy", between=[t.backward])


@rule("forward_twice", "something that the first call kept changes the second.")
def forward_twice(t: Trial) -> Pairs:
    """A second forward gives the same, but for its draws and its buffers."""
    yield _history(t, "in a second forward with the same x", [t.forward])


@rule("reuse", "something is kept from the first batch.")
def reuse(t: Trial) -> Pairs:
    """A batch of other examples, as many or not, gives what it gives a new layer."""
    n, small = len(t.x), 2 if t.output == "y" else 1
    few, same, many = (t.other_inputs(rows) for rows in (small, n, n + 3))
    pairs = [(t.inputs, same), (t.inputs, few), (few, t.inputs), (t.inputs, many)]
    pairs += [(t.inputs, t.with_x(-t.x))] if _finite(t, -t.x) else []  # where masks are others
    for first, second in pairs:
        when = f"in a batch of {len(second[0])} after a batch of {len(first[0])} other examples"
        yield _history(t, when, [partial(t.run, first, None)], inputs=second)


def _finite(t: Trial, x: Array) -> bool:
    try:
        return not t.integer and all(np.isfinite(a).all() for a in t.run(t.with_x(x)).values())
    except Exception:
        return False


@rule(
    "isolation",
    "something belongs to the class, to the module or to a default argument that should be made "
    "in __init__ or forward.",
)
def isolation(t: Trial) -> Pairs:
    """Two instances share nothing: one works in the middle of the other's step."""
    batch, when = t.other_inputs(len(t.x)), "when another instance works at the same time"
    for make in (t.new, partial(t.constructed, t.params)):
        one, other = make(), make()
        if one is not None and other is not None:
            work = partial(t.run, batch, None, other)
            yield _history(t, when, between=[lambda _, work=work: work()], layer=one)
            right = {"y of predict": t.predict(copy.deepcopy(one))}
            work()
            yield Pair(when, {"y of predict": t.predict(copy.deepcopy(one))}, right)


@rule("update", "something made from the parameters is kept; make it in forward or predict.")
def update(t: Trial) -> Pairs:
    """Right after an optimizer has changed the parameters in place."""
    if not t.params.size:
        raise LeftOut("there are no parameters")
    layer, moved, when = t.new(), t.other_params(), "after the parameters changed in place"
    t.run(layer=layer)
    t.predict(layer)
    layer.params[...] = moved
    yield _history(t, when, layer=layer)
    now = t.new(moved)
    restore(now, layer, [])
    yield Pair(when, {"y of predict": t.predict(layer)}, {"y of predict": t.predict(now)})


def kept_copy(t: Trial) -> Fault | None:
    """The fault of a layer that computes with a copy of a parameter, made by the constructor."""
    layer = t.constructed()
    if layer is None:
        return None
    first = {name: np.sort(view, axis=None) for name, view in layer.named_parameters()}
    layer.params[...] = t.other_params()
    wanted = t.run(layer=copy.deepcopy(layer))
    for n, part in enumerate(layer.walk()):
        arrays = [(key, a) for key, a in vars(part).items() if isinstance(a, np.ndarray)]
        for (key, array), (name, values) in product(arrays, first.items()):
            if values.size > 1 and np.ptp(values) and _equal(np.sort(array, axis=None), values):
                twin = copy.deepcopy(layer)
                setattr(list(twin.walk())[n], key, 2 * array)
                if any(not _equal(a, wanted[of]) for of, a in t.run(layer=twin).items()):
                    text = f"self.{key} holds the values that {name} had at first, so that the "
                    text += f"gradients are wrong after {name} has changed in place."
                    return Fault("update", text, f"make it from {name} in forward or backward.")
    return None


def _equal(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=True)


@rule("output_alias", "return a new array, or a copy of the buffer.")
def output_alias(t: Trial) -> Pairs:
    """What was returned is never written into again."""
    layer, other, returned = t.new(), t.other_inputs(len(t.x)), []
    for name, given in (
        ("forward", t.inputs),
        ("backward", (t.dy,)),
        ("backward", (2 * t.dy,)),
        ("predict", t.inputs),
        ("predict", other),
        ("forward", other),
        ("backward", (3 * t.dy,)),
        ("predict", t.inputs),
    ):
        array = getattr(layer, name)(*(one.copy() for one in given))
        if array is not None:
            returned.append(({f"what {name} returned": array}, array.copy()))
    for kept, copied in returned:
        yield Pair("after later calls", kept, dict.fromkeys(kept, copied))


@rule(
    "linear",
    "backward is a matrix times dy: the local slope times dy, as the chain rule says.",
    eps=EPS,
)
def linear(t: Trial) -> Pairs:
    """Backward is additive and homogeneous in dy, to round-off."""
    layer, other = t.new(), t.rng.normal(size=t.dy.shape)
    t.forward(layer)
    one, two = t.backward(layer), t.backward(layer, other)
    for a, b in ((1000, 0), (1, 1), (-1e-3, 0), (0, 0)):
        got, size = t.backward(layer, a * t.dy + b * other), abs(a) or 1
        for name, right in one.items():
            if a == 1000 and np.any(right) and agree(got[name], right, 1e-10):
                raise Broken("a gradient does not depend on dy at all.")
            right = (a * right + b * two[name]) / size
            if np.isfinite(right).all():
                yield Pair(f"for {a} dy + {b} dy'", {name: got[name] / size}, {name: right})


def _strided(array: Array) -> Array:
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 7, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array: Array) -> Array:
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


@rule("layout", "something relies on the order in memory.", eps=EPS)
def layout(t: Trial) -> Pairs:
    """Fortran order, strides and reversed axes give the same."""
    wanted = t.run()
    ways = ("Fortran-ordered", np.asfortranarray), ("strided", _strided), ("reversed", _reversed)
    for how, arrange in ways:
        *inputs, dy = (arrange(array) for array in (*t.inputs, t.dy))
        for array in (*inputs, dy):
            array.flags.writeable = False
        yield Pair(f"on {how} arrays of the same values", t.run(tuple(inputs), dy), wanted)


@rule("predict_pure", "predict must store nothing; a predict that calls self.forward does.")
def predict_pure(t: Trial) -> Pairs:
    """predict leaves no trace, also between forward and backward."""
    layer, x = t.new(), t.x.copy()
    held, states = dict(vars(layer)), generator_states(layer)

    def now() -> dict[str, Array]:
        return copy.deepcopy({"x": x, "params": layer.params} | dict(layer.named_buffers()))

    before, first = now(), {"y of predict": np.array(layer.predict(x))}
    yield Pair("after predict", now(), before)
    if states != generator_states(layer):
        raise Broken(
            "predict draws from the layer's generator, so that it changes what comes after it.",
            "define predict(self, x) without the draw: by default it runs forward.",
        )
    stored = {n: copy.copy(v) for n, v in vars(layer).items() if held.get(n, held) is not v}
    batches = [t.other_inputs(len(x) + 1), t.other_inputs(len(x)), t.rows(slice(1))]
    t.predict(layer, batches[0])
    arrays = {f"self.{n}": v for n, v in stored.items() if isinstance(v, np.ndarray)}
    yield Pair("when predict runs again", {n: vars(layer)[n[5:]] for n in arrays}, arrays)
    yield Pair("the second time", {"y of predict": t.predict(layer)}, first)
    calls = [lambda layer, batch=batch: t.predict(layer, batch) for batch in batches]
    yield _history(t, "when predict runs before forward or backward", calls[:1], calls)
