"""The contract about batches, predict, precision and extreme values."""

import numpy as np

from tinynet.layer import Layer
from tinynet.testing.report import Fault
from tinynet.testing.subject import Run, Subject, difference, generators, read_only, window_slices
from tinynet.types import Array

__all__ = [
    "batch_of_none",
    "batch_of_one",
    "per_example",
    "predict_equals_forward",
    "predict_per_example",
    "predict_pure",
]


def batch_of_one(s: Subject) -> str | None:
    """A single row works, and keeps its rank."""
    if s.refuses_one:
        _predict_keeps_rank(s, 1, "batch_of_one")
        return "rows interact, and forward refuses a single one with a ValueError"
    run = s.run(s.x[:1])
    _keeps_rank(s, run, 1, "batch_of_one")
    _predict_keeps_rank(s, 1, "batch_of_one")
    return None


def batch_of_none(s: Subject) -> str | None:
    """A batch without rows works, and gives gradients of zero."""
    _predict_keeps_rank(s, 0, "batch_of_none")
    if s.refuses_one:
        return "rows interact, and forward refuses fewer than two with a ValueError"
    layer = s.fresh()
    layer.grads[...] = 7
    run = s.run(s.x[:0], layer=layer)
    _keeps_rank(s, run, 0, "batch_of_none")
    wanted = s.run()
    for name, here in window_slices(s.layer):
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
    y = s.fresh().predict(read_only(s.x[:rows]))
    wanted = (rows, *np.shape(s.fresh().predict(read_only(s.x)))[1:])
    if np.shape(y) != wanted:
        raise Fault(
            check, f"for {rows} rows predict returned shape {np.shape(y)}; it must be {wanted}."
        )


def per_example(s: Subject) -> str | None:
    """forward treats each example as if it were alone."""
    if s.interacts and not s.predict_interacts:
        return "rows interact in forward, and predict treats each alone"
    if s.interacts:
        own = type(s.layer).predict is not Layer.predict or any(s.layer.named_state())
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
        if not _close(s, alone[0], y[row], s.x):
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


def _close(s: Subject, a: Array, b: Array, x: Array, *, predict: bool = False) -> bool:
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


def predict_pure(s: Subject) -> None:
    """predict leaves no trace, also between forward and backward."""
    layer, x = s.fresh(), s.x.copy()
    held = dict(vars(layer))
    params = layer.params.copy()
    draws = [g.bit_generator.state for g in generators(layer)]
    state = {name: array.copy() for name, array in layer.named_state()}
    first = np.array(layer.predict(x))
    if not np.array_equal(x, s.x, equal_nan=True):
        raise Fault("predict_pure", "predict writes into x.", tensor="x")
    if not np.array_equal(layer.params, params, equal_nan=True):
        raise Fault("predict_pure", "predict changes the parameters.")
    if draws != [g.bit_generator.state for g in generators(layer)]:
        raise Fault(
            "predict_pure",
            "predict draws from the layer's generator, so that it changes what comes after it.",
            "define predict(self, x) without the draw: by default it runs forward.",
        )
    for name, array in layer.named_state():
        if not np.array_equal(array, state[name], equal_nan=True):
            raise Fault("predict_pure", f"predict changes the state {name}.")
    other = s.other_batch(len(x) + 1)
    kept = {n: _frozen(v) for n, v in vars(layer).items() if held.get(n, held) is not v}
    layer.predict(other)
    for name, value in kept.items():
        if not _same(value, vars(layer).get(name)):
            raise Fault(
                "predict_pure",
                f"predict stores self.{name}, so it is not safe between forward and backward, nor "
                f"in two threads.",
            )
    again = np.array(layer.predict(x))
    if difference(again, first) > 1e-10:
        raise Fault("predict_pure", "predict gives another y the second time, for the same x.")
    used, clean = s.fresh(), s.fresh()
    used.predict(other)
    y = s.forward(used, s.x)
    for batch in (other, s.other_batch(len(x)), s.x[:1].copy()):
        used.predict(batch)
    wanted = s.run(layer=clean)
    try:
        got = s.back(used, y, s.dy)
    except Exception as error:
        raise Fault(
            "predict_pure",
            f"backward raised {type(error).__name__} when predict ran between forward and "
            f"backward: {error}",
        ) from error
    if name := s.apart(got, wanted, s.x, s.dy):
        raise Fault(
            "predict_pure",
            f"{name} changes when predict runs before forward, or between forward and backward, on "
            f"another batch.",
            "predict must store nothing; a predict that calls self.forward does.",
            tensor=name,
        )


def _frozen(value: object) -> object:
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:
        return True


def predict_per_example(s: Subject) -> None:
    """predict treats each example as if it were alone, whatever forward does."""
    layer = trained(s)
    y = np.array(layer.predict(read_only(s.x)))
    if s.predict_interacts:
        raise Fault(
            "predict_per_example",
            "an output of predict changes when only other rows of the batch do.",
            "predict must use what was learned, such as running statistics, not those of the "
            "batch.",
        )
    for row in range(min(len(s.x), 4)):
        alone = np.array(layer.predict(read_only(s.x[row : row + 1])))
        if not _close(s, alone[0], y[row], s.x, predict=True):
            raise Fault(
                "predict_per_example",
                f"row {row} of predict differs from that of the same example in a batch of its "
                f"own.",
            )


def trained(s: Subject) -> Layer:
    """A copy that has seen a batch, so that running statistics are not those of the start."""
    layer = s.fresh()
    s.forward(layer, s.other_batch(len(s.x) + 2))
    return layer


def predict_equals_forward(s: Subject) -> str | None:
    """predict computes what forward does, unless it draws or rows interact."""
    if s.draws:
        return "forward draws"
    if s.interacts or s.refuses_one:
        return "rows interact in forward"
    layer = s.fresh()
    before = np.array(layer.predict(read_only(s.x)))
    y = s.forward(layer, s.x)
    after = np.array(layer.predict(read_only(s.x)))
    if before.dtype != y.dtype or not any(_close(s, p, y, s.x) for p in (before, after)):
        what = f"by a part of {difference(before, y):.2g} of its largest value"
        if before.shape != y.shape:
            what = f"in shape, {before.shape} against {y.shape}"
        elif before.dtype != y.dtype:
            what = f"in type, {before.dtype} against {y.dtype}"
        raise Fault(
            "predict_equals_forward",
            f"predict differs from forward {what}, though forward neither draws nor lets rows "
            f"interact.",
            "wrong in predict only: forward and its gradients are judged apart.",
        )
    return None
