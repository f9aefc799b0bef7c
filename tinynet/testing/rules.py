"""The contract, rule by rule: each yields pairs of outcomes that must agree."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.inputs import views_check
from tinynet.testing.report import Fault
from tinynet.testing.trial import (
    EPS,
    Inputs,
    Outcome,
    Trial,
    agree,
    distance,
    generator_states,
    held_parameters,
    largest,
    read_only,
    restore_buffers,
)
from tinynet.types import Array

__all__ = ["LeftOut", "Pair", "Rule", "check_array", "hold", "kept_copy", "rule"]


class Pair(NamedTuple):
    """What must agree: how `got` came about, the outcome, and the one it must equal."""

    when: str
    got: Outcome
    wanted: Outcome


@dataclass(frozen=True)
class Rule:
    """A rule of the contract.

    Attributes:
        name: the check that it belongs to, a word for `skip`.
        pairs: trial -> pairs that must agree; it may raise `Fault` and `LeftOut` itself.
        hints: what may be the cause where a pair does not agree.
        rtol: how far apart they may be, as a part of the largest value.
        eps: relative size of the last bits, whose change tells the round-off.
        unless: other checks without which this one is left out, too.
    """

    name: str
    pairs: Callable[[Trial], Iterable[Pair] | None]
    hints: tuple[str, ...] = ()
    rtol: float = 1e-9
    eps: float = EPS
    unless: tuple[str, ...] = ()


class LeftOut(Exception):
    """A rule does not apply; the text says why."""


def rule(name: str, *hints: str, **more: Any) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of a function from a trial to pairs."""
    return lambda pairs: Rule(name, pairs, hints, **more)


def hold(rule: Rule, t: Trial) -> None:
    """Set the pairs of a rule against each other.

    Raises:
        Fault: the first tensor that differs beyond round-off.
        LeftOut: the rule does not apply.
    """
    t.rng = np.random.default_rng(t.seed)
    for n, pair in enumerate(rule.pairs(t) or ()):
        for name, got in pair.got.items():
            wanted = pair.wanted[name]
            if agree(got, wanted, rule.rtol):
                continue
            apart = distance(got, wanted)
            if not np.isfinite(apart) or apart > _roundoff(rule, t, n, name, wanted):
                raise Fault(
                    rule.name, _difference(pair.when, name, got, wanted), *rule.hints, tensor=name
                )


def _roundoff(rule: Rule, t: Trial, n: int, name: str, wanted: Array) -> float:
    """How far the last bits of x, dy and the parameters move what pair n should be, 100 times.

    0 for a layer that gives something else each time, whatever they are.
    """
    worst = EPS * t.steepness * largest(t.dy)
    for seed, eps in enumerate((0.0, rule.eps, rule.eps, rule.eps)):
        moved = t.with_last_bits(eps, seed)
        moved.rng = np.random.default_rng(t.seed)
        try:
            pair = next(islice(rule.pairs(moved) or (), n, None))
        except Exception:
            continue
        apart = distance(pair.wanted[name], wanted)
        if eps == 0 and apart > 0:
            return 0.0
        worst = max(worst, apart if np.isfinite(apart) else 0.0)
    return 100 * worst


def _difference(when: str, name: str, got: Array, wanted: Array) -> str:
    if got.shape != wanted.shape:
        return f"{when}, {name} has shape {got.shape}; it must be {wanted.shape}."
    off = np.abs(np.subtract(got, wanted, dtype=float))
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(off), np.inf, off))), got.shape)
    where = f"[{', '.join(map(str, place))}]" if place else ""
    return f"{when}, {name}{where} is {got[place]:.9g}; it must be {wanted[place]:.9g}."


def check_array(name: str, array: object, shape: tuple[int, ...], why: str, check: str) -> None:
    """Refuse what is no array, or has another shape."""
    if not isinstance(array, np.ndarray):
        raise Fault(check, f"{name} is {type(array).__name__}; it must be an array, {why}.")
    if array.shape != shape:
        raise Fault(check, f"{name} has shape {array.shape}; it must be {shape}, {why}.")


@rule("shapes")
def shapes(t: Trial) -> None:
    """y has a row for each example, dx the shape of x, and each gradient that of its parameter."""
    layer = t.new()
    y: Any = layer.forward(*map(read_only, t.inputs))
    rows = (len(t.x), *np.shape(y)[1:]) if t.output == "y" else (1,)
    check_array("y of forward", y, rows, f"for x of shape {t.x.shape}", "shapes")
    dx: Any = layer.backward(read_only(t.dy))
    if dx is not None or not t.integer:
        check_array("dx of backward", dx, t.x.shape, "the shape of x", "shapes")
    for name, view, _, gradient in held_parameters(layer):
        check_array(f"d{name}", gradient, view.shape, f"the shape of {name}", "shapes")


@rule(
    "mutation", "make a new array, x * 2, in place of x *= 2; only an optimizer moves parameters."
)
def mutation(t: Trial) -> Iterator[Pair]:
    """x, dy and every parameter are left as they were."""
    layer, dy = t.new(), t.dy.copy()
    inputs = tuple(array.copy() for array in t.inputs)

    def now() -> Outcome:
        held = {name: array for name, _, array, _ in held_parameters(layer)}
        return dict(zip(t.names, inputs, strict=True)) | {"dy": dy} | held

    before = {name: array.copy() for name, array in now().items()}
    layer.forward(*inputs)
    yield Pair("after forward", now(), before)
    layer.backward(dy)
    yield Pair("after backward", now(), before)


@rule("dtypes")
def dtypes(t: Trial) -> None:
    """With float64 in, y and dx are float64."""
    for name, array in t.run().items():
        if array.dtype != float:
            raise Fault("dtypes", f"{name} is {array.dtype} for x and parameters of float64.")


@rule(
    "copy",
    "a view on a parameter, or a function that holds self, was kept in __init__; make it in "
    "forward.",
)
def copying(t: Trial) -> Iterator[Pair]:
    """A copy computes with its own parameters, which lie on its own vectors."""
    start = t.constructed(t.params) or t.new()
    _on_its_vectors(start, t)
    t.run(layer=start)
    for how in (copy.deepcopy, copy.copy):
        twin = how(start)
        _is_copy("copy", start, twin)
    moved, kept = t.other_params(), start.params.copy()
    twin = copy.deepcopy(start)
    twin.params[...] = moved
    yield Pair("after a copy was changed", {"params": start.params}, {"params": kept})
    got = t.run(layer=twin)
    start.params[...] = moved
    yield Pair("on a copy, with the same parameters", got, t.run(layer=start))


def _on_its_vectors(start: Layer, t: Trial) -> None:
    """After a pass, every view lies on its vector, and what has a gradient is a parameter."""
    used = t.new()
    try:
        used.check_views()
    except ValueError as error:
        raise Fault("copy", f"on a copy, {error}") from error
    t.run(layer=used)
    try:
        used.check_views()
    except ValueError as error:
        raise Fault(views_check(error), str(error)) from error
    for new, old in zip(used.walk(), t.start.walk(), strict=True):
        known = {name for name, _ in old.named_parameters()}
        for name, value in vars(old).items():
            made = vars(new).get(f"d{name}")
            if name in known or f"d{name}" in vars(old) or not isinstance(made, np.ndarray):
                continue
            if isinstance(value, np.ndarray) and value.shape == made.shape:
                raise Fault(
                    "gradient",
                    f"backward makes d{name}, but {name} is no parameter: no optimizer moves it.",
                    f"declare it, super().__init__({name}=...), and write self.d{name}[...] = ...",
                )


def _is_copy(check: str, layer: Layer, twin: Layer) -> None:
    try:
        twin.check_views()
    except ValueError as error:
        raise Fault(check, f"on a copy, {error}") from error
    if twin.params.dtype != layer.params.dtype or distance(twin.params, layer.params) > 0:
        raise Fault(check, "a copy has other parameters than the original.")
    if np.may_share_memory(twin.params, layer.params):
        raise Fault(check, "a copy shares its parameters with the original.")


class _Pickler(pickle.Pickler):
    """Writes classes, and functions given to the constructor, by reference, wherever defined."""

    def __init__(self, file: io.BytesIO, given: object) -> None:
        super().__init__(file)
        self.objects: list[object] = []
        self._given = _functions(given)

    def persistent_id(self, value: object) -> int | None:
        if isinstance(value, type) or id(value) in self._given:
            self.objects.append(value)
            return len(self.objects) - 1
        return None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, objects: list[object]) -> None:
        super().__init__(file)
        self._objects = objects

    def persistent_load(self, place: Any) -> object:
        return self._objects[place]


def _functions(value: object) -> set[int]:
    """The ids of all functions inside the arguments of a constructor."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return {found for inner in value for found in _functions(inner)}
    if hasattr(value, "_arguments"):
        return _functions(value._arguments)
    return {id(value)} if callable(value) else set()


@rule("pickle", "a lambda, a local function or an open file is kept in self; make it a method.")
def pickling(t: Trial) -> Iterator[Pair]:
    """The same through pickle, which saving and other processes use."""
    layer = t.new()
    wanted = t.run(layer=copy.deepcopy(layer))
    file = io.BytesIO()
    pickler = _Pickler(file, layer._arguments)
    pickler.dump(layer)
    file.seek(0)
    twin = _Unpickler(file, pickler.objects).load()
    _is_copy("pickle", layer, twin)
    yield Pair("after pickling", t.run(layer=twin), wanted)


@rule(
    "overwrite",
    "write self.dW[...] = ..., not +=; where only some entries are set, start with "
    "self.dW[...] = 0. parameter_gradients, which training calls, must write what backward does.",
)
def overwrite(t: Trial) -> Iterator[Pair]:
    """Gradients are overwritten, not added to; parameter_gradients agrees with backward."""
    if not t.params.size:
        raise LeftOut("there are no parameters")
    for batch in (t.inputs, t.rows(np.zeros(len(t.x), int))):
        wanted = t.run(batch)
        for method in ("backward", "parameter_gradients"):
            dirty = t.new()
            t.forward(dirty, batch)
            garbage = t.rng.normal(size=dirty.grads.shape) * 100
            dirty.grads[...] = garbage
            getattr(dirty, method)(read_only(t.dy))
            for name, here in t.slices:
                got = dirty.grads[here].copy()
                never = (got == garbage[here]) & (wanted[f"d{name}"] == 0)
                if never.all() and method == "backward":  # the check of the gradient says so
                    continue
                got[never] = 0 if method == "parameter_gradients" else got[never]
                yield Pair(
                    f"where the vector of gradients held other numbers before {method}",
                    {f"d{name}": got},
                    {f"d{name}": wanted[f"d{name}"]},
                )


@rule("backward_twice", "backward changes what forward has kept, or draws again.")
def backward_twice(t: Trial) -> Iterator[Pair]:
    """A second backward gives the same."""
    layer = t.new()
    first = t.run(layer=layer)
    yield Pair("after a second backward with the same dy", t.backward(layer), first)


@rule("forward_twice", "something that the first call kept changes the second.")
def forward_twice(t: Trial) -> Iterator[Pair]:
    """A second forward gives the same, but for its draws and its buffers."""
    layer = t.new()
    t.forward(layer)
    wanted = t.run(layer=t.like(layer))
    yield Pair("after a second forward with the same x", t.run(layer=layer), wanted)


@rule("reuse", "something is kept from the first batch.")
def reuse(t: Trial) -> Iterator[Pair]:
    """A batch of other examples, as many or not, gives what it gives a new layer."""
    n, small = len(t.x), 2 if t.output == "y" else 1
    few, same, many = (t.other_inputs(rows) for rows in (small, n, n + 3))
    pairs: list[tuple[Inputs, Inputs]]
    pairs = [(t.inputs, same), (t.inputs, few), (few, t.inputs), (t.inputs, many)]
    if not t.integer and _takes(t, t.with_x(-t.x)):
        pairs.append((t.inputs, t.with_x(-t.x)))  # where masks are others
    for first, second in pairs:
        layer = t.new()
        t.run(first, layer=layer)
        wanted = t.run(second, layer=t.like(layer))
        when = f"in a batch of {len(second[0])} after a batch of {len(first[0])} other examples"
        yield Pair(when, t.run(second, layer=layer), wanted)


def _takes(t: Trial, inputs: Inputs) -> bool:
    try:
        return all(np.isfinite(array).all() for array in t.run(inputs).values())
    except Exception:
        return False


@rule(
    "isolation",
    "something belongs to the class, to the module or to a default argument that should be made "
    "in __init__ or forward.",
)
def isolation(t: Trial) -> Iterator[Pair]:
    """Two instances share nothing: one works in the middle of the other's step."""
    for make in (t.new, lambda: t.constructed(t.params)):
        one, other = make(), make()
        if one is None or other is None:
            continue
        others = t.other_inputs(len(t.x))
        wanted, wanted_other = (
            t.run(layer=copy.deepcopy(one)),
            t.run(others, layer=copy.deepcopy(other)),
        )
        undisturbed = copy.deepcopy(one)
        y, _ = t.forward(one), t.forward(other, others)
        got = {t.output: y} | t.backward(one)
        got_other = t.backward(other)
        got |= t.gradients(one)  # as they are after the other's backward
        yield Pair("when another instance works at the same time", got, wanted)
        yield Pair("when another instance works at the same time", got_other, wanted_other)
        one = copy.deepcopy(undisturbed)
        answers = []
        for layer in (undisturbed, one):
            t.predict(layer)
            if layer is one:
                t.run(others, layer=other)
            answers.append({"y of predict": t.predict(layer)})
        yield Pair("when another instance works in between", answers[1], answers[0])


@rule("update", "something made from the parameters is kept; make it in forward or predict.")
def update(t: Trial) -> Iterator[Pair]:
    """Right after an optimizer has changed the parameters in place."""
    if not t.params.size:
        raise LeftOut("there are no parameters")
    layer, moved = t.new(), t.other_params()
    t.run(layer=layer)
    t.predict(layer)
    now = t.like(layer)
    layer.params[...] = now.params[...] = moved
    when = "after the parameters changed in place"
    wanted = t.run(layer=now)
    yield Pair(when, t.run(layer=layer), wanted)
    now = t.new(moved)
    restore_buffers(now, layer)
    yield Pair(when, {"y of predict": t.predict(layer)}, {"y of predict": t.predict(now)})


def kept_copy(t: Trial) -> Fault | None:
    """The fault of a layer that computes with a copy of a parameter, made by the constructor."""
    layer = t.constructed()
    if layer is None:
        return None
    first = {name: np.sort(view, axis=None) for name, view in layer.named_parameters()}
    layer.params[...] = t.other_params()
    wanted = t.run(layer=copy.deepcopy(layer))
    held = [(n, *item) for n, part in enumerate(layer.walk()) for item in vars(part).items()]
    for n, attribute, array in held:
        for name, values in first.items():
            sizes = isinstance(array, np.ndarray) and array.size == values.size > 1
            if (
                not sizes
                or not np.array_equal(np.sort(array, axis=None), values)
                or np.ptp(values) == 0
            ):
                continue
            twin = copy.deepcopy(layer)
            setattr(list(twin.walk())[n], attribute, 2 * array)
            if any(not agree(a, wanted[of], 1e-9) for of, a in t.run(layer=twin).items()):
                return Fault(
                    "update",
                    f"self.{attribute} holds the values that {name} had at first, so that the "
                    f"gradients are wrong after {name} has changed in place.",
                    f"make it from {name} in forward or backward.",
                    tensor=name,
                )
    return None


@rule("output_alias", "return a new array, or a copy of the buffer.")
def output_alias(t: Trial) -> Iterator[Pair]:
    """What was returned is never written into again."""
    layer, other = t.new(), t.other_inputs(len(t.x))
    returned: list[tuple[str, Array, Array]] = []
    calls: list[tuple[str, Callable[..., Any], Inputs]] = [
        ("y of forward", layer.forward, t.inputs),
        ("dx of backward", layer.backward, (t.dy,)),
        ("dx of backward", layer.backward, (2 * t.dy,)),
        ("y of predict", layer.predict, t.inputs),
        ("y of predict", layer.predict, other),
        ("y of forward", layer.forward, other),
        ("dx of backward", layer.backward, (3 * t.dy,)),
        ("y of predict", layer.predict, t.inputs),
    ]
    for name, method, given in calls:
        array = method(*(one.copy() for one in given))
        for what, kept, copied in returned:
            yield Pair(f"after a later call of {name[5:]}", {what: kept}, {what: copied})
        if isinstance(array, np.ndarray):
            returned.append((name, array, array.copy()))


@rule("linear", "backward is a matrix times dy: the local slope times dy, as the chain rule says.")
def linear(t: Trial) -> Iterator[Pair]:
    """Backward is additive and homogeneous in dy, to round-off."""
    layer, other = t.new(), t.rng.normal(size=t.dy.shape)
    t.forward(layer)
    one, two = t.backward(layer), t.backward(layer, other)
    larger = t.backward(layer, 1000 * t.dy)
    if any(np.any(a) and agree(larger[name], a, 1e-10) for name, a in one.items()):
        raise Fault("linear", "a gradient does not depend on dy at all.", *linear.hints)
    both, none = t.backward(layer, t.dy + other), t.backward(layer, 0 * t.dy)
    smaller = t.backward(layer, -1e-3 * t.dy)
    for name, a in one.items():
        for when, got, wanted in (
            ("for 1000 dy, divided by 1000", larger[name] / 1000, a),
            ("for dy / -1000, times -1000", smaller[name] * -1000, a),
            ("for dy + dy'", both[name], a + two[name]),
            ("for 0 dy", none[name], 0 * a),
        ):
            if np.isfinite(wanted).all():
                yield Pair(when, {name: got}, {name: wanted})


def _strided(array: Array) -> Array:
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 7, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array: Array) -> Array:
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


@rule("layout", "something relies on the order in memory.")
def layout(t: Trial) -> Iterator[Pair]:
    """Fortran order, strides and reversed axes give the same."""
    wanted = t.run()
    for how, arrange in (
        ("Fortran-ordered", np.asfortranarray),
        ("strided", _strided),
        ("reversed", _reversed),
    ):
        *inputs, dy = (arrange(array) for array in (*t.inputs, t.dy))
        for array in (*inputs, dy):
            array.flags.writeable = False
        yield Pair(f"on {how} arrays of the same values", t.run(tuple(inputs), dy), wanted)


@rule("predict_pure", "predict must store nothing; a predict that calls self.forward does.")
def predict_pure(t: Trial) -> Iterator[Pair]:
    """predict leaves no trace, also between forward and backward."""
    layer, x = t.new(), t.x.copy()
    held = dict(vars(layer))

    def now() -> Outcome:
        return {"x": x, "params": layer.params} | {n: np.array(b) for n, b in layer.named_buffers()}

    before, states = {n: array.copy() for n, array in now().items()}, generator_states(layer)
    first = np.array(layer.predict(x))
    yield Pair("after predict", now(), before)
    if states != generator_states(layer):
        raise Fault(
            "predict_pure",
            "predict draws from the layer's generator, so that it changes what comes after it.",
            "define predict(self, x) without the draw: by default it runs forward.",
        )
    others = t.other_inputs(len(x) + 1)
    stored = {n: copy.copy(v) for n, v in vars(layer).items() if held.get(n, held) is not v}
    t.predict(layer, others)
    for name, value in stored.items():
        if not _equal(value, vars(layer).get(name)):
            raise Fault("predict_pure", f"predict stores self.{name}.", *predict_pure.hints)
    yield Pair("the second time", {"y of predict": t.predict(layer)}, {"y of predict": first})
    used = t.new()
    t.predict(used, others)
    y = t.forward(used)
    for batch in (others, t.other_inputs(len(x)), t.rows(slice(1))):
        t.predict(used, batch)
    got = {t.output: y} | t.backward(used)
    yield Pair("when predict runs before forward, or between forward and backward", got, t.run())


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    try:
        return a is b or bool(a == b)
    except Exception:
        return True
