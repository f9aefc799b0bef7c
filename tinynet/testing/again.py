"""The contract about doing it again: twice, with other examples, parameters or instances."""

import copy

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.runs import (
    EPS,
    Run,
    difference,
    read_only,
    restore,
    view_slices,
)
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = [
    "backward_twice",
    "forward_twice",
    "isolation",
    "kept_copy",
    "overwrite",
    "reuse",
    "update",
]


def overwrite(s: Subject) -> str | None:
    """Gradients are overwritten, not added to, whatever stood there before."""
    if not s.layer.params.size:
        return "there are no parameters"
    _shortcut(s)
    for x in (s.x, np.repeat(s.x[:1], len(s.x), axis=0)):
        clean, dirty = s.fresh(), s.fresh()
        garbage = s.rng.normal(size=dirty.grads.shape) * 100
        dirty.grads[...] = garbage
        wanted, got = s.run(x, layer=clean), s.run(x, layer=dirty)
        for name, here in view_slices(s.layer):
            a, b, left = got.grads[here], wanted.grads[here], garbage[here]
            untouched = (a == left) & (b == 0)
            if not a.size or untouched.all():
                continue  # never written at all: the check of the gradient says so
            if difference(a, b) > 1e-9:
                how = "keeps what stood there in some entries"
                if np.allclose(a - b, left, rtol=1e-6):
                    how = "adds to what stood there"
                raise Fault(
                    "overwrite",
                    f"backward {how} in place of overwriting d{name}, so the gradient of one batch "
                    f"leaks into the next.",
                    f"write self.d{name}[...] = ..., not +=; where only some entries are set, "
                    f"start with self.d{name}[...] = 0.",
                    tensor=name,
                )
    return None


def _shortcut(s: Subject) -> None:
    """parameter_gradients, which training calls, leaves the gradients that backward does."""
    layer = s.fresh()
    wanted = s.run(layer=copy.deepcopy(layer)).grads
    layer.forward(read_only(s.x))
    garbage = np.where(wanted == 0, 0.0, s.rng.normal(size=wanted.shape) * 100)
    layer.grads[...] = garbage
    layer.parameter_gradients(read_only(s.dy))
    got = np.array(layer.grads)
    for name, here in view_slices(s.layer):
        if difference(got[here], wanted[here]) > 1e-9:
            a, b, left = got[here], wanted[here], garbage[here]
            if np.allclose(a - b, left, rtol=1e-6):
                continue  # backward itself adds: told below
            raise Fault(
                "overwrite",
                f"parameter_gradients, the shortcut that training takes, leaves another d{name} "
                f"than backward does.",
                f"parameter_gradients must write d{name} as backward does; without one of its own, "
                f"a layer gets it from backward.",
                tensor=name,
            )


def backward_twice(s: Subject) -> None:
    """backward called again gives the same."""
    layer = s.fresh()
    first = s.run(layer=layer)
    second = s.back(layer, first.y, s.dy)
    if name := s.apart(second, first, s.x, s.dy):
        raise Fault(
            "backward_twice",
            f"a second backward with the same dy gives another {name}: backward changes what "
            f"forward has kept, or draws anew.",
            tensor=name,
        )


def forward_twice(s: Subject) -> None:
    """forward called again gives the same, but for its draws and its named state."""
    layer = s.fresh()
    s.forward(layer, s.x)
    wanted = s.run(layer=s.as_of(layer))
    got = s.run(layer=layer)
    if name := s.apart(got, wanted, s.x, s.dy):
        raise Fault(
            "forward_twice",
            f"after a second forward with the same x, {name} differs: something that the first "
            f"call kept changes the second.",
            tensor=name,
        )


def reuse(s: Subject) -> None:
    """Another batch, of the same size or another, gives what a fresh layer gives."""
    small, same, large = (s.other_batch(n) for n in (2, len(s.x), len(s.x) + 3))
    pairs = [(s.x, same), (s.x, small), (small, s.x), (s.x, large)]
    if not s.integer and _takes(s, -s.x):
        pairs.append((s.x, -s.x))  # where masks are others
    for first, second in pairs:
        layer = s.fresh()
        s.run(first, layer=layer)
        wanted = s.run(second, layer=s.as_of(layer))
        try:
            got = s.run(second, layer=layer)
        except Exception as error:
            raise Fault(
                "reuse",
                f"after a batch of {len(first)}, a batch of {len(second)} raised "
                f"{type(error).__name__}: {error}",
            ) from error
        if name := s.apart(got, wanted, second, s.upstream(wanted.y.shape)):
            raise Fault(
                "reuse",
                f"after a batch of {len(first)}, a batch of {len(second)} other examples gives "
                f"another {name} than a fresh layer does: something is kept from the first batch.",
                tensor=name,
            )


def _takes(s: Subject, x: Array) -> bool:
    """Whether x lies in the domain of the layer."""
    try:
        run = s.run(x)
    except Exception:
        return False
    return all(a is None or bool(np.isfinite(a).all()) for a in run)


def isolation(s: Subject) -> None:
    """Two instances share no state: one works in the middle of the other's step."""
    for make in (lambda: (s.fresh(), s.fresh()), s.two_made_anew):
        pair = make()
        if pair is None:
            continue
        one, other = pair
        x, x2 = s.x, s.other_batch(len(s.x))
        wanted, wanted2 = s.run(x, layer=copy.deepcopy(one)), s.run(x2, layer=copy.deepcopy(other))
        y = s.forward(one, x)
        y2 = s.forward(other, x2)
        got = s.back(one, y, s.dy)
        got2 = s.back(other, y2, s.dy)
        got = Run(got.y, got.dx, np.array(one.grads))  # as they are after the other's backward
        if name := s.apart(got, wanted, x, s.dy) or s.apart(got2, wanted2, x2, s.dy):
            raise Fault(
                "isolation",
                f"two instances disturb each other: {name} of one changes when the other works.",
                "something belongs to the class, to the module or to a default argument that "
                "should be made in __init__ or forward.",
                tensor=name,
            )
        one, other = (copy.deepcopy(twin) for twin in pair)
        undisturbed = copy.deepcopy(one)
        undisturbed.predict(read_only(x))
        wanted_p = np.array(undisturbed.predict(read_only(x)))
        one.predict(read_only(x))
        s.run(x2, layer=other)
        if difference(np.array(one.predict(read_only(x))), wanted_p) > 1e-10:
            raise Fault(
                "isolation",
                "two instances disturb each other: what one predicts changes when the other works.",
                "something belongs to the class, to the module or to a default argument that "
                "should be made in __init__ or forward.",
            )


def update(s: Subject) -> str | None:
    """Right again after an optimizer has changed the parameters in place."""
    if not s.layer.params.size:
        return "there are no parameters"
    layer, fresh = s.fresh(), s.fresh()
    s.run(layer=layer)
    layer.predict(read_only(s.x))
    moved = s.moved_params()
    now = s.as_of(layer)
    layer.params[...] = moved
    now.params[...] = moved
    got, wanted = s.run(layer=layer), s.run(layer=now)
    if name := s.apart(got, wanted, s.x, s.dy):
        raise Fault(
            "update",
            f"after the parameters changed in place, {name} is still that of the old ones.",
            "something made from the parameters is kept; make it in forward.",
            tensor=name,
        )
    now = s.fresh()
    now.params[...] = moved
    restore(now, layer)
    wanted_p, got_p = now.predict(read_only(s.x)), layer.predict(read_only(s.x))
    if difference(np.array(got_p), np.array(wanted_p)) > 1e-7:
        raise Fault(
            "update",
            "after the parameters changed in place, predict is still that of the old ones.",
            "something made from the parameters is kept; make it in predict.",
        )
    before = s.run(layer=fresh)
    for name, here in view_slices(s.layer):
        one = s.fresh()
        one.params[here] = moved[here]
        after = s.run(layer=one)
        ignored = np.array_equal(after.y, before.y, equal_nan=True) and not _matters(s, one)
        claimed = abs(float(before.grads[here] @ (moved - s.layer.params)[here]))
        room = 1e4 * EPS * float(np.sum(np.abs(s.dy * before.y)))
        if ignored and claimed > room and np.any(after.grads[here]):
            raise Fault(
                "update",
                f"forward does not notice that {name} changed in place, although backward claims "
                f"a gradient for it.",
                f"something made from {name} in __init__ is kept; make it in forward.",
                tensor=name,
            )
    return None


def _matters(s: Subject, moved: Layer) -> bool:
    """Whether parameters that moved change what forward gives for x of other signs."""
    if s.integer:
        return False
    for x in (-s.x, s.x * s.rng.choice([-3.0, 3.0], size=s.x.shape)):
        try:
            one, other = s.forward(s.fresh(), x), s.forward(copy.deepcopy(moved), x)
        except ValueError:
            continue
        if not np.array_equal(one, other, equal_nan=True):
            return True
    return False


def kept_copy(s: Subject, tensor: str) -> None:
    """Where a gradient is wrong, look whether backward computes with old values of a parameter."""
    layer = s.made_anew(randomised=False)
    if layer is None:
        return
    old = {name: np.sort(view, axis=None) for name, view in layer.named_parameters()}
    layer.params[...] = s.moved_params()
    wanted = s.run(layer=layer)
    for part in layer.walk():
        views = {id(view) for _, view in part.named_parameters()}
        for attribute, array in vars(part).items():
            if not isinstance(array, np.ndarray) or id(array) in views or array.size < 2:
                continue
            values = np.sort(array, axis=None)
            for name, before in old.items():
                if before[0] == before[-1] or not np.array_equal(values, before):
                    continue
                twin = copy.deepcopy(layer)
                held = next(p for p, q in zip(twin.walk(), layer.walk(), strict=True) if q is part)
                setattr(held, attribute, 2 * array)
                if s.apart(s.run(layer=twin), wanted, s.x, s.dy):
                    raise Fault(
                        "update",
                        f"self.{attribute} holds the values that {name} had at first, so that "
                        f"after {name} changed in place the gradient of {tensor} is wrong.",
                        f"make it from {name} in forward or backward.",
                        tensor=tensor,
                    )
