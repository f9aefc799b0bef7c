"""The rules about memory and state: nothing is changed or kept that should not be."""

import copy
import io
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np

from tinynet.checks import returned
from tinynet.declared import attributes
from tinynet.layers import Layer
from tinynet.losses import Loss
from tinynet.testing.inputs import views_check
from tinynet.testing.magnitudes import EPS
from tinynet.testing.report import Fault
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import Trial, generator_states, read_only, restore

Calls = Sequence[Callable[[Layer], object]]


@rule("shapes")
def shapes(t: Trial) -> Pairs:
    """y has a row for each example, dx the shape of x, and each gradient that of its parameter."""
    layer = t.new()
    y: Any = layer.forward(*map(read_only, t.inputs))
    yield _shape(t, "y", y, (len(t.x) if t.output == "y" else 1, *np.shape(y)[1:]))
    dx: Any = layer.backward(read_only(t.dy))
    if dx is not None or not t.integer:
        yield _shape(t, f"d{t.names[0]}", dx, t.x.shape)
    for name, view in t.start.named_parameters():
        yield _shape(t, f"d{name}", _attribute(layer, name, "d"), view.shape)


def _shape(t: Trial, name: str, array: Any, shape: tuple[int, ...]) -> Pair:
    if not name.startswith("d") or name == f"d{t.names[0]}":
        try:
            method = "backward" if name.startswith("d") else "forward"
            returned(getattr(t.start, "loss", t.start), method, array)
        except TypeError as error:
            raise Broken(str(error)) from error
    key = f"the shape of {name}"
    return Pair(f"for {t.names[0]} of shape {t.x.shape}", {key: array.shape}, {key: shape})


def _attribute(layer: Layer, name: str, prefix: str = "") -> Any:
    """What the attribute W, or dW, of a part holds in fact, by the name "part.W"."""
    path, dot, last = name.rpartition(".")
    return attrgetter(f"{path}{dot}{prefix}{last}")(layer)


@rule("mutation", "make a new array, x * 2, not x *= 2; only an optimizer moves parameters.")
def mutation(t: Trial) -> Pairs:
    """x, dy and every parameter are left as they were."""
    layer, given = t.new(), dict(zip((*t.names, "dy"), (*t.inputs, t.dy), strict=True))
    held, params = copy.deepcopy(given), copy.deepcopy(dict(layer.named_parameters()))
    layer.forward(*(held[name] for name in t.names))
    layer.backward(held["dy"])
    held |= {name: _attribute(layer, name) for name in params}
    yield Pair("after forward and backward", held, given | params)


@rule("dtypes")
def dtypes(t: Trial) -> Pairs:
    """With float64 in, y and dx are float64."""
    types = {f"the type of {name}": array.dtype for name, array in t.run().items()}
    yield Pair("for x and parameters of float64", types, dict.fromkeys(types, np.dtype(float)))


@rule("copy", "__init__ kept a view on a parameter, or a function of self; make it in forward.")
def copying(t: Trial) -> Pairs:
    """A copy computes with its own parameters, which lie on its own vectors."""
    used = t.new()
    yield _same_parameters("on a copy", t.start, used)
    t.run(layer=used)
    try:
        used.check_views()
    except ValueError as error:
        raise Fault(views_check(error), str(error)) from error
    start, moved = t.constructed(t.params) or t.new(), 1.1 * t.params + 0.01
    twin = copy.deepcopy(start)
    yield _same_parameters("on a copy", start, twin)
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


@rule("pickle", "a lambda, a local function or an open file is kept in self; make it a method.")
def pickling(t: Trial) -> None:
    """Pickle can write it; what the constructor was given need not be importable."""
    layer = t.new()
    given = [part._arguments for part in (*layer.walk(), getattr(layer, "loss", layer))]
    values = [value for args, named in given for value in (*args, *named.values())]
    functions = {id(v) for v in values if callable(v) and not isinstance(v, Layer | Loss)}

    class Writer(pickle.Pickler):
        def persistent_id(self, value: object) -> bool | None:
            return isinstance(value, type) or id(value) in functions or None

    Writer(io.BytesIO()).dump(layer)


@rule("overwrite", "write self.dW[...] = ..., not +=; start with 0 where only some are set.")
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
                got = dirty.grads[here]
                if np.any(wanted[f"d{name}"]) or np.any(got != old[here]):  # else never written
                    when = f"where the gradients held other numbers before {method}"
                    yield Pair(when, {f"d{name}": got}, wanted)


def _step(t: Trial, layer: Layer, when: str, between: Calls = (), inputs: Any = None) -> Pair:
    """A step with other calls in the middle of it: it must give what it gives a new layer."""
    twin = t.new(layer.params)
    restore(twin, twin, generator_states(layer))
    wanted = t.run(inputs, layer=twin)
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
    yield _step(t, t.new(), "in a second backward with the same dy", [t.backward])


@rule("forward_twice", "something that the first call kept changes the second.")
def forward_twice(t: Trial) -> Pairs:
    """A second forward gives the same, but for its draws and its buffers."""
    layer = t.new()
    t.forward(layer)
    yield _step(t, layer, "in a second forward with the same x")


@rule("reuse", "something is kept from the first batch.")
def reuse(t: Trial) -> Pairs:
    """A batch of other examples, of any size, gives what it gives a new layer."""
    n, small = len(t.x), 2 if t.output == "y" else 1
    few, same, many = (t.other_inputs(rows) for rows in (small, n, n + 3))
    for first, second in ((t.inputs, same), (t.inputs, few), (few, t.inputs), (t.inputs, many)):
        layer = t.new()
        t.run(first, layer=layer)
        when = f"in a batch of {len(second[0])} after a batch of {len(first[0])} other examples"
        yield _step(t, layer, when, inputs=second)


@rule("isolation", "what belongs to the class or a default argument, make in __init__ or forward.")
def isolation(t: Trial) -> Pairs:
    """Two instances share nothing: one works in the middle of the other's step."""
    batch, when = t.other_inputs(len(t.x)), "when another instance works at the same time"
    for make in (t.new, partial(t.constructed, t.params)):
        one, other = make(), make()
        if one is not None and other is not None:
            right, idle = {"y of predict": t.predict(copy.deepcopy(one))}, copy.deepcopy(one)
            work = partial(lambda other, _: t.run(batch, layer=other), other)
            yield _step(t, one, when, [work])
            yield Pair(when, {"y of predict": t.predict(idle)}, right)


@rule("update", "something made from the parameters is kept; make it in forward or predict.")
def update(t: Trial) -> Pairs:
    """Right after an optimizer has changed the parameters in place."""
    if not t.params.size:
        raise LeftOut("there are no parameters")
    layer, moved, when = t.new(), 1.1 * t.params + 0.01, "after the parameters changed in place"
    t.run(layer=layer)
    t.predict(layer)
    layer.params[...] = moved
    yield _step(t, layer, when)
    now = t.new(moved)
    restore(now, layer, [])
    yield Pair(when, {"y of predict": t.predict(layer)}, {"y of predict": t.predict(now)})


def kept_copy(t: Trial) -> Fault | None:
    """The fault of a layer that holds a copy of a parameter, made by the constructor."""
    layer = t.constructed()
    if layer is None:
        return None
    first = {name: np.sort(view, axis=None) for name, view in layer.named_parameters()}
    arrays = [(n, a) for part in layer.walk() for n, a in attributes(part).items()]
    for (attribute, array), (name, values) in product(arrays, first.items()):
        if not isinstance(array, np.ndarray) or np.may_share_memory(array, layer.params):
            continue
        if np.array_equal(np.sort(array, axis=None), values) and np.ptp(values):
            return Fault(
                "update",
                f"self.{attribute} holds the values that {name} has at first, so that the "
                f"gradients are wrong after {name} has changed in place.",
                f"make it from {name} in forward or backward.",
            )
    return None


@rule("output_alias", "return a new array, or a copy of the buffer.")
def output_alias(t: Trial) -> Pairs:
    """What was returned is never written into again."""
    layer, returned = t.new(), []
    for inputs, dy in ((t.inputs, t.dy), (t.inputs, 2 * t.dy), (t.other_inputs(len(t.x)), t.dy)):
        for name, given in (("forward", inputs), ("backward", (dy,)), ("predict", inputs)):
            array = getattr(layer, name)(*(one.copy() for one in given))
            if array is not None:
                returned.append((f"what {name} returned", array, array.copy()))
    for what, array, copied in returned:
        yield Pair("after later calls", {what: array}, {what: copied})


@rule("linear", "backward is a matrix times dy, so each gradient depends on dy.", eps=EPS)
def linear(t: Trial) -> Pairs:
    """Backward is additive and homogeneous in dy, to round-off."""
    layer, other = t.new(), t.rng.normal(size=t.dy.shape)
    t.forward(layer)
    one, two = t.backward(layer), t.backward(layer, other)
    for a, b in ((1000, 0), (1, 1), (-1e-3, 0), (0, 0)):
        got, size = t.backward(layer, a * t.dy + b * other), abs(a) or 1
        for name, right in one.items():
            right = (a * right + b * two[name]) / size
            if np.isfinite(right).all():
                yield Pair(f"for {a} dy + {b} dy'", {name: got[name] / size}, {name: right})


@rule("layout", "something relies on the order in memory.", eps=EPS)
def layout(t: Trial) -> Pairs:
    """Fortran order and strides give the same."""
    for how in ("Fortran-ordered", "strided"):
        arrays = [np.asfortranarray(array) for array in (*t.inputs, t.dy)]
        if how == "strided":
            arrays = [np.repeat(array, 2, axis=-1)[..., ::2] for array in arrays]
        for array in arrays:
            array.flags.writeable = False
        *inputs, dy = arrays
        yield Pair(f"on {how} arrays of the same values", t.run(tuple(inputs), dy), t.run())


@rule("predict_pure", "predict must store nothing; a predict that calls self.forward does.")
def predict_pure(t: Trial) -> Pairs:
    """predict leaves no trace, also between forward and backward."""
    layer, x, states = t.new(), t.x.copy(), generator_states(t.start)
    layer.predict(x)
    now = {"x": x, "params": layer.params} | dict(layer.named_buffers())
    yield Pair("after predict", now, {"x": t.x, "params": t.params} | dict(t.start.named_buffers()))
    if states != generator_states(layer):
        raise Broken("predict draws, so that it changes what is drawn after it: define it without.")
    batches = [t.other_inputs(len(x) + 1), t.other_inputs(len(x)), t.rows(slice(1))]
    calls = [partial(lambda batch, layer: t.predict(layer, batch), batch) for batch in batches]
    layer = t.new()
    t.predict(layer, batches[0])
    yield _step(t, layer, "when predict runs before forward or backward", calls)
