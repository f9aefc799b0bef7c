"""The rules about the rows of a batch: any number of them, and each as if it were alone."""

from collections.abc import Generator
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.magnitudes import EPS
from tinynet.testing.report import Fault
from tinynet.testing.rules import Broken, LeftOut, Pair, Pairs, rule
from tinynet.testing.trial import Outcome, Trial


@rule("batch_of_one", "where one row alone has no meaning, refuse it with a ValueError.")
def batch_of_one(t: Trial) -> Pairs:
    """A single row works, and keeps its rank."""
    found = yield from _few(t, 1)
    for name, array in found.items():
        if t.output == "y" and t.interacts and not np.isfinite(array).all():
            raise Broken(f"for a single row {name} is not finite.")


@rule("batch_of_none", "the gradient of nothing is 0, not what stood there before and not NaN.")
def batch_of_none(t: Trial) -> Pairs:
    """A batch without rows works, and gives gradients of zero."""
    found, wanted = (yield from _few(t, 0)), t.run()
    for name in (f"d{name}" for name, _ in t.slices):
        if np.any(wanted[name]) or np.any(found[name] != _OLD):  # else it is never written
            zero = np.zeros_like(found[name])
            yield Pair("for a batch without rows", {name: found[name]}, {name: zero})


_OLD = 7.0


def _few(t: Trial, rows: int) -> Generator[Pair, None, Outcome]:
    """The outcome of a batch with so few rows, where another number stood in the gradients."""
    batch, layer, found = t.rows(slice(rows)), t.new(), Outcome()
    layer.grads[...] = _OLD
    try:
        found = t.run(batch, layer=layer)
    except ValueError as error:
        if not t.interacts or "read-only" in str(error):
            raise
    right = {"y": t.y[:rows], "dx": t.x[:rows], "dy": t.x[:rows]}
    got = {name: array.shape for name, array in found.items() if name in right}
    if t.output == "y":
        right["predict"] = t.predict(t.new())[:rows]
        got["predict"] = t.predict(t.new(), batch).shape
    wanted = {f"the shape of {name}": right[name].shape for name in got}
    yield Pair(f"for {rows} rows", dict(zip(wanted, got.values(), strict=True)), wanted)
    if not found:
        raise LeftOut("rows interact, and forward refuses so few of them with a ValueError")
    return found


@rule("predict_per_example", "no sum, mean or maximum may run over axis 0, the batch.", eps=EPS)
def predict_per_example(t: Trial) -> Pairs:
    """predict treats each example as if it were alone, whatever forward does."""
    layer, what = t.trained(), "y of predict"
    own = type(t.start).predict is not Layer.predict or any(t.start.named_buffers())
    if t.predict_interacts:
        text = "an output of predict changes when only other rows of the batch do."
        check = "predict_per_example" if own else "per_example"
        raise Fault(check, text, *predict_per_example.hints)
    for row in range(min(len(t.x), 4)) if own else ():
        alone, y = t.predict(layer, t.rows([row])), t.predict(layer)
        yield Pair(f"for row {row} in a batch of its own", {what: alone[0]}, {what: y[row]})


@rule("predict_equals_forward", "predict alone is wrong: forward is judged apart.", eps=EPS)
def predict_equals_forward(t: Trial) -> Pairs:
    """predict computes what forward does, unless it draws or rows interact."""
    if t.draws or t.interacts:
        raise LeftOut("forward draws, or rows interact in it")
    layer, when = t.new(), "though forward neither draws nor lets rows interact"
    p, y = t.predict(layer), t.forward(layer)
    yield Pair(when, {"the type of predict's y": p.dtype}, {"the type of predict's y": y.dtype})
    p = p if not np.array_equal(t.predict(layer), y, equal_nan=True) else y
    yield Pair(when, {"y of predict": p}, {"y of predict": y})


@rule("per_example", "forward divides by the number of rows, or a sum over axis 0.", eps=EPS)
def per_example(t: Trial) -> Pairs:
    """Outputs and gradients are those of each example alone, in batches of any size.

    It runs after the differences, which name what is wrong at every size.
    """
    if t.interacts or t.draws:
        raise LeftOut("rows interact, or forward draws")
    n, base = len(t.x), t.run()
    single = [t.run(t.rows([row]), t.dy[[row]]) for row in range(n)]
    several: list[Any] = [t.rng.integers(n, size=rows) for rows in (2, 3, 5, 8, 17)]
    for pick in [[row] for row in range(n)] + several + [np.arange(n)]:
        wanted = {
            name: array[pick] if name in ("y", "dx") else np.sum([single[i][name] for i in pick], 0)
            for name, array in base.items()
        }
        when = f"in a batch of {len(pick)}, against each example alone and a batch of {n}"
        yield Pair(when, t.run(t.rows(pick), t.dy[pick]), wanted)
