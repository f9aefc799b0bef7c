"""The rules about the rows of a batch: any number of them, and each as if it were alone."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import EPS, Outcome, Trial

_REFUSED = "rows interact, and forward refuses so few of them with a ValueError"


@rule(
    "batch_of_one",
    "rows interact: where one alone has no meaning, refuse it with a ValueError.",
)
def batch_of_one(t: Trial) -> Pairs:
    """A single row works, and keeps its rank."""
    found = yield from _of_so_many(t, 1)
    for name, array in found.items():
        if t.output == "y" and t.interacts and not np.isfinite(array).all():
            raise Broken(f"for a single row {name} is not finite.")


@rule("batch_of_none", "the gradient of nothing is 0, not what stood there before and not NaN.")
def batch_of_none(t: Trial) -> Pairs:
    """A batch without rows works, and gives gradients of zero."""
    found = yield from _of_so_many(t, 0)
    wanted = t.run()
    for name, _ in t.slices:
        got = found[f"d{name}"]
        if np.any(wanted[f"d{name}"]) or np.any(got != 7):  # else it is never written
            zero = np.zeros_like(got)
            yield Pair("for a batch without rows", {f"d{name}": got}, {f"d{name}": zero})


def _of_so_many(t: Trial, rows: int) -> Generator[Pair, None, Outcome]:
    """The outcome of a batch with so few rows, in whose gradients 7 stood before."""
    batch, when, whole = t.rows(slice(rows)), f"for {rows} rows", {}
    if t.output == "y":
        shape = (rows, *t.predict(t.new()).shape[1:])
        y = t.predict(t.new(), batch)
        yield Pair(when, {"the shape of predict's y": y.shape}, {"the shape of predict's y": shape})
        whole["y"] = (rows, *t.y.shape[1:])
    layer = t.new()
    layer.grads[...] = 7
    try:
        found = t.run(batch, layer=layer)
    except ValueError as error:
        if t.interacts and "read-only" not in str(error):
            raise LeftOut(_REFUSED) from error
        raise
    whole[f"d{t.names[0]}"] = batch[0].shape
    got = {f"the shape of {name}": found[name].shape for name in whole if name in found}
    yield Pair(when, got, {f"the shape of {name}": shape for name, shape in whole.items()})
    return found


@rule(
    "per_example",
    "forward divides by the number of rows, or a statistic runs over axis 0.",
    eps=EPS,
)
def per_example(t: Trial) -> Pairs:
    """forward treats each example as if it were alone."""
    if t.interacts and not t.predict_interacts:
        raise LeftOut("rows interact in forward, and predict treats each alone")
    if t.interacts:
        own = type(t.start).predict is not Layer.predict or any(t.start.named_buffers())
        raise Fault(
            "predict_per_example" if own else "per_example",
            "an output of forward changes when only other rows of the batch do, and in predict "
            "too.",
            "a sum, mean or maximum runs over axis 0, the batch. Where rows are meant to interact "
            "in training, predict must use what was learned, such as running statistics.",
        )
    if t.draws:
        raise LeftOut("forward draws, so that a row alone has another draw")
    y = t.forward(t.new())
    for row in range(min(len(t.x), 4)):
        alone = t.forward(t.new(), t.rows([row]))
        yield Pair(f"for row {row} in a batch of its own", {"y": alone[0]}, {"y": y[row]})


@rule(
    "predict_per_example",
    "predict must use what was learned, such as running statistics, not those of the batch.",
    eps=EPS,
)
def predict_per_example(t: Trial) -> Pairs:
    """predict treats each example as if it were alone, whatever forward does."""
    layer, what = t.trained(), "y of predict"
    y = t.predict(layer)
    if t.predict_interacts:
        raise Broken("an output of predict changes when only other rows of the batch do.")
    for row in range(min(len(t.x), 4)):
        alone = t.predict(layer, t.rows([row]))
        yield Pair(f"for row {row} in a batch of its own", {what: alone[0]}, {what: y[row]})


@rule(
    "predict_equals_forward",
    "wrong in predict only: forward and its gradients are judged apart.",
    eps=EPS,
)
def predict_equals_forward(t: Trial) -> Pairs:
    """predict computes what forward does, unless it draws or rows interact."""
    if t.draws or t.interacts:
        raise LeftOut("forward draws" if t.draws else "rows interact in forward")
    layer, when = t.new(), "though forward neither draws nor lets rows interact"
    p, y = t.predict(layer), t.forward(layer)
    yield Pair(when, {"the type of predict's y": p.dtype}, {"the type of predict's y": y.dtype})
    again = t.predict(layer)
    p = again if np.array_equal(again, y, equal_nan=True) else p
    yield Pair(when, {"y of predict": p}, {"y of predict": y})


@rule("per_example", eps=EPS)
def in_any_batch(t: Trial) -> Pairs:
    """Gradients, too, are those of each example alone, in batches of any size.

    It runs after the differences, which name what is wrong at every size.
    """
    if t.interacts or t.draws:
        raise LeftOut("rows interact, or forward draws")
    n, base = len(t.x), t.run()
    single = [t.run(t.rows([row]), t.dy[[row]]) for row in range(n)]
    several = [t.rng.integers(n, size=rows) for rows in (2, 3, 5, 8, 17)]
    for pick in (*([row] for row in range(n)), *several, np.arange(n)):
        wanted = {
            name: array[pick] if name in ("y", "dx") else np.sum([single[i][name] for i in pick], 0)
            for name, array in base.items()
        }
        when = f"in a batch of {len(pick)}, against each example alone and a batch of {n}"
        yield Pair(when, t.run(t.rows(pick), t.dy[pick]), wanted)
