"""The contract about predict."""

import numpy as np

from tinynet.layers import Layer
from tinynet.testing.batches import close
from tinynet.testing.report import Fault
from tinynet.testing.runs import difference, generators, read_only
from tinynet.testing.subject import Subject

__all__ = ["predict_equals_forward", "predict_per_example", "predict_pure"]


def predict_pure(s: Subject) -> None:
    """predict leaves no trace, also between forward and backward."""
    layer, x = s.fresh(), s.x.copy()
    held = dict(vars(layer))
    params = layer.params.copy()
    draws = [g.bit_generator.state for g in generators(layer)]
    state = {name: array.copy() for name, array in layer.named_buffers()}
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
    for name, array in layer.named_buffers():
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
        if not close(s, alone[0], y[row], s.x, predict=True):
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
    if before.dtype != y.dtype or not any(close(s, p, y, s.x) for p in (before, after)):
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
