"""The contract about the rows of a batch: any number of them, and each as if it were alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.rules import LeftOut, Pair, check_array, rule
from tinynet.testing.trial import Outcome, Trial

__all__ = [
    "alone",
    "batch_of_none",
    "batch_of_one",
    "in_any_batch",
    "per_example",
    "predict_equals_forward",
    "predict_per_example",
]

_REFUSED = "rows interact, and forward refuses so few of them with a ValueError"


@rule("batch_of_one")
def batch_of_one(t: Trial) -> None:
    """A single row works, and keeps its rank."""
    for name, array in _of_so_many(t, 1).items():
        if t.output == "y" and t.interacts and not np.isfinite(array).all():
            raise Fault(
                "batch_of_one",
                f"for a single row {name} is not finite. Rows interact: where one alone has no "
                f"meaning, refuse it with a ValueError.",
                tensor=name,
            )


@rule("batch_of_none", "the gradient of nothing is 0, not what stood there before and not NaN.")
def batch_of_none(t: Trial) -> Iterator[Pair]:
    """A batch without rows works, and gives gradients of zero."""
    found = _of_so_many(t, 0)
    wanted = t.run()
    for name, _ in t.slices:
        got = found[f"d{name}"]
        if np.any(wanted[f"d{name}"]) or not np.all(got == _OLD):  # else it is never written
            yield Pair(
                "for a batch without rows", {f"d{name}": got}, {f"d{name}": np.zeros_like(got)}
            )


_OLD = 7.0


def _of_so_many(t: Trial, rows: int) -> Outcome:
    """The outcome of a batch with so few rows, whose ranks must stay.

    The gradients held another number before.
    """
    check, batch = f"batch_of_{'one' if rows else 'none'}", t.rows(slice(rows))
    if t.output == "y":
        rest = t.predict(t.new()).shape[1:]
        y = t.predict(t.new(), batch)
        check_array("y of predict", y, (rows, *rest), f"for {rows} rows", check)
    if t.refuses(1) or t.refuses(rows):
        raise LeftOut(_REFUSED)
    layer = t.new()
    layer.grads[...] = _OLD
    found = t.run(batch, layer=layer)
    shapes = {"y": (rows, *t.y.shape[1:]), f"d{t.names[0]}": batch[0].shape}
    for name in shapes.keys() & found.keys() - ({"y"} if t.output != "y" else set()):
        check_array(name, found[name], shapes[name], f"for {rows} rows", check)
    return found


@rule("per_example", "forward divides by the number of rows, or a statistic runs over axis 0.")
def per_example(t: Trial) -> Iterable[Pair]:
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
        alone = t.forward(t.new(), t.rows(slice(row, row + 1)))
        yield Pair(f"for row {row} in a batch of its own", {"y": alone[0]}, {"y": y[row]})


@rule(
    "predict_per_example",
    "predict must use what was learned, such as running statistics, not those of the batch.",
)
def predict_per_example(t: Trial) -> Iterable[Pair]:
    """predict treats each example as if it were alone, whatever forward does."""
    layer = t.trained()
    y = t.predict(layer)
    if t.predict_interacts:
        raise Fault(
            "predict_per_example",
            "an output of predict changes when only other rows of the batch do.",
            *predict_per_example.hints,
        )
    for row in range(min(len(t.x), 4)):
        alone = t.predict(layer, t.rows(slice(row, row + 1)))
        what = "y of predict"
        yield Pair(f"for row {row} in a batch of its own", {what: alone[0]}, {what: y[row]})


@rule(
    "predict_equals_forward", "wrong in predict only: forward and its gradients are judged apart."
)
def predict_equals_forward(t: Trial) -> Iterable[Pair]:
    """predict computes what forward does, unless it draws or rows interact."""
    if t.draws:
        raise LeftOut("forward draws")
    if t.interacts:
        raise LeftOut("rows interact in forward")
    layer = t.new()
    before, y, after = t.predict(layer), t.forward(layer), t.predict(layer)
    if before.dtype != y.dtype:
        raise Fault(
            "predict_equals_forward", f"predict gives {before.dtype} where forward gives {y.dtype}."
        )
    p = after if np.array_equal(after, y) else before
    yield Pair(
        "though forward neither draws nor lets rows interact",
        {"y of predict": p},
        {"y of predict": y},
    )


@rule("batch_of_one", unless=("per_example",))
def alone(t: Trial) -> Iterator[Pair]:
    """Gradients, too, of each example in a batch of its own are those in a batch of several."""
    return _in_batches(t, [[row] for row in range(len(t.x))])


@rule("per_example", unless=("batch_of_one",))
def in_any_batch(t: Trial) -> Iterator[Pair]:
    """Gradients, too, are those of each example alone, in batches of any size.

    It runs after the differences, which name what is wrong at every size.
    """
    return _in_batches(t, [t.rng.integers(len(t.x), size=rows) for rows in (2, 3, 5, 8, 17)])


def _in_batches(t: Trial, picks: list[Any]) -> Iterator[Pair]:
    if t.interacts or t.draws or t.refuses(1):
        raise LeftOut("rows interact, or forward draws")
    n = len(t.x)
    base = t.run()
    single = [t.run(t.rows([row]), t.dy[[row]]) for row in range(n)]
    for pick in picks:
        wanted = {
            name: array[pick] if name in ("y", "dx") else np.sum([single[i][name] for i in pick], 0)
            for name, array in base.items()
        }
        when = f"in a batch of {len(pick)}, against each example alone and a batch of {n}"
        yield Pair(when, t.run(t.rows(pick), t.dy[pick]), wanted)
    total = {
        name: np.sum([one[name] for one in single], 0) for name in base if name not in ("y", "dx")
    }
    yield Pair(f"summed over {n} batches of one", total, base)
