"""The contract about batches, predict, precision and extreme values."""

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.report import Fault
from tinynet.testing.runs import (
    Run,
    difference,
    read_only,
    view_slices,
)
from tinynet.testing.subject import Subject
from tinynet.types import Array

__all__ = ["any_batch", "batch_of_none", "batch_of_one", "close", "per_example"]


def batch_of_one(s: Subject) -> str | None:
    """A single row works, and keeps its rank."""
    if s.refuses_one:
        _predict_keeps_rank(s, 1, "batch_of_one")
        return "rows interact, and forward refuses a single one with a ValueError"
    run = s.run(s.x[:1])
    _keeps_rank(s, run, 1, "batch_of_one")
    for name, array in s.parts(run):
        if array is not None and not np.isfinite(array).all() and s.interacts:
            raise Fault(
                "batch_of_one",
                f"for a single row {name} is not finite. Rows interact: where one alone has no "
                f"meaning, refuse it with a ValueError.",
                tensor=name,
            )
    _predict_keeps_rank(s, 1, "batch_of_one")
    return None


def batch_of_none(s: Subject) -> str | None:
    """A batch without rows works, and gives gradients of zero."""
    _predict_keeps_rank(s, 0, "batch_of_none")
    if s.refuses_one:
        return "rows interact, and forward refuses fewer than two with a ValueError"
    if s.interacts and s.refuses(0):
        return "rows interact, and forward refuses to have none with a ValueError"
    layer = s.fresh()
    layer.grads[...] = 7
    run = s.run(s.x[:0], layer=layer)
    _keeps_rank(s, run, 0, "batch_of_none")
    wanted = s.run()
    for name, here in view_slices(s.layer):
        unwritten = np.all(run.grads[here] == 7) and not np.any(wanted.grads[here])
        if np.any(run.grads[here]) and not unwritten:
            raise Fault(
                "batch_of_none",
                f"a batch without rows leaves d{name} = {run.grads[here].flat[0]:.6g}: the "
                f"gradient of nothing is 0, not what stood there before and not NaN.",
                tensor=name,
            )
    return None


def _keeps_rank(s: Subject, run: Run, rows: int, check: str) -> None:
    wanted = (rows, *s.dy.shape[1:])
    if run.y.shape != wanted:
        raise Fault(
            check, f"for {rows} rows forward returned shape {run.y.shape}; it must be {wanted}."
        )
    if run.dx is not None and run.dx.shape != (rows, *s.x.shape[1:]):
        raise Fault(
            check,
            f"for {rows} rows backward returned shape {run.dx.shape}; it must be "
            f"{(rows, *s.x.shape[1:])}.",
        )


def _predict_keeps_rank(s: Subject, rows: int, check: str) -> None:
    wanted = (rows, *np.shape(s.fresh().predict(read_only(s.x)))[1:])
    s.tried = s.x[:rows]
    y = s.fresh().predict(read_only(s.tried))
    if np.shape(y) != wanted:
        raise Fault(
            check, f"for {rows} rows predict returned shape {np.shape(y)}; it must be {wanted}."
        )


def per_example(s: Subject) -> str | None:
    """forward treats each example as if it were alone."""
    if s.interacts and not s.predict_interacts:
        return "rows interact in forward, and predict treats each alone"
    if s.interacts:
        own = type(s.layer).predict is not Layer.predict or any(s.layer.named_buffers())
        raise Fault(
            "predict_per_example" if own else "per_example",
            "an output of forward changes when only other rows of the batch do, and in predict "
            "too.",
            "a sum, mean or maximum runs over axis 0, the batch. Where rows are meant to interact "
            "in training, predict must use what was learned, such as running statistics.",
        )
    if s.draws:
        return "forward draws, so that a row alone has another draw"
    y = s.forward(s.fresh(), s.x)
    for row in range(min(len(s.x), 4)):
        alone = s.forward(s.fresh(), s.x[row : row + 1])
        if not close(s, alone[0], y[row], s.x):
            raise Fault(
                "per_example",
                f"row {row} of y differs from that of the same example in a batch of its own, by a "
                f"part of {difference(alone[0], y[row]):.2g}.",
                "forward divides by the number of rows, or a statistic runs over axis 0.",
            )
    return None


def any_batch(s: Subject) -> str | None:
    """Gradients, too, are those of each example alone, in batches of any size.

    It runs after the differences, which name what is wrong at every size.
    """
    if s.interacts or s.draws or s.refuses_one:
        return "rows interact, or forward draws"
    base = s.run()
    n = len(s.x)
    single = [s.run(s.x[i : i + 1], s.dy[i : i + 1]) for i in range(n)]
    for rows in (1, 2, 3, 5, 8, 17):
        picks = [[i] for i in range(n)] if rows == 1 else [s.rng.integers(n, size=rows)]
        for pick in picks:
            run = s.run(s.x[pick], s.dy[pick])
            wanted = Run(
                base.y[pick],
                None if base.dx is None else base.dx[pick],
                np.sum([single[i].grads for i in pick], axis=0),
            )
            if name := s.apart(run, wanted, s.x, s.dy, rtol=1e-8):
                raise Fault(
                    "batch_of_one" if rows == 1 else "per_example",
                    f"in a batch of {rows}, {name} is not that of each example alone, as it is in "
                    f"a batch of {n}.",
                    tensor=name,
                )
    total = np.sum([one.grads for one in single], axis=0)
    if difference(total, base.grads) > 1e-8 and s.apart(
        Run(base.y, base.dx, total), base, s.x, s.dy, rtol=1e-8
    ):
        raise Fault(
            "batch_of_one",
            f"the gradients of {n} batches of one do not sum to those of the batch of {n}.",
        )
    return None


def close(s: Subject, a: Array, b: Array, x: Array, *, predict: bool = False) -> bool:
    """Equal beyond round-off; what that is, the last bits of x tell."""
    gap = difference(a, b)
    if gap <= 1e-9:
        return True
    if gap > 1e-3 or s.integer:
        return False
    compute = (lambda layer, x: layer.predict(x)) if predict else s.forward
    moved = x * (1 + 2.0**-52 * s.rng.integers(-2, 3, size=x.shape))
    noise = difference(compute(s.fresh(), moved), compute(s.fresh(), x))
    return gap <= 100 * noise
