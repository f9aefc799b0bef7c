"""The check of a loss."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any, NoReturn

import numpy as np

from tinynet.losses import Loss
from tinynet.testing.gradients import Point, Tensor, examine
from tinynet.testing.layers import refuse_skip
from tinynet.testing.message import mismatch_fault, raise_message, written_array
from tinynet.testing.report import Fault, Report
from tinynet.testing.subject import as_fault, difference, read_only
from tinynet.types import Array

__all__ = ["LOSS_CHECKS", "check_loss"]

_EPS = float(np.finfo(float).eps)


class _Case:
    """A loss with outputs and targets that it takes."""

    def __init__(self, loss: Loss, y: Array, t: Array, rng: np.random.Generator) -> None:
        self.loss, self.y, self.t, self.rng = loss, y, t, rng

    def fresh(self) -> Loss:
        return copy.deepcopy(self.loss)

    def run(
        self, y: Array | None = None, t: Array | None = None, loss: Loss | None = None
    ) -> tuple[float, Array]:
        loss = self.fresh() if loss is None else loss
        value = loss.forward(
            read_only(self.y if y is None else y), read_only(self.t if t is None else t)
        )
        return float(value), np.array(loss.backward())

    def other(self, rows: int) -> tuple[Array, Array]:
        """Other rows of the same kind."""
        pick = self.rng.integers(len(self.y), size=rows)
        share = self.rng.uniform(0.7, 0.95, size=(rows,) + (1,) * (self.y.ndim - 1))
        second = self.rng.integers(len(self.y), size=rows)
        y = self.y[pick] * share + self.y[second] * (1 - share)
        return y, self.t[pick]

    def apart(self, got: tuple[float, Array], wanted: tuple[float, Array]) -> str:
        if difference(np.array(got[0]), np.array(wanted[0])) > 1e-10:
            return "the value"
        return "dL/dy" if difference(got[1], wanted[1]) > 1e-10 else ""


def _mutation(c: _Case) -> None:
    loss, y, t = c.fresh(), c.y.copy(), c.t.copy()
    for method, call in (("forward", lambda: loss.forward(y, t)), ("backward", loss.backward)):
        call()
        for name, now, before in (("y", y, c.y), ("t", t, c.t)):
            if not np.array_equal(now, before):
                raise Fault(
                    "mutation",
                    f"{method} writes into {name}, which the caller still needs: make a new array.",
                    tensor=name,
                )


def _shapes(c: _Case) -> None:
    loss = c.fresh()
    value: Any = loss.forward(read_only(c.y), read_only(c.t))
    if np.shape(value) != () or isinstance(value, str | type(None)):
        raise Fault(
            "shapes",
            f"forward returned {type(value).__name__} of shape {np.shape(value)}: "
            f"a loss is one number.",
        )
    dy: Any = loss.backward()
    if not isinstance(dy, np.ndarray) or dy.shape != c.y.shape:
        raise Fault(
            "shapes",
            f"backward returned {type(dy).__name__} of shape {np.shape(dy)}: dL/dy has the shape "
            f"of y, {c.y.shape}.",
        )


def _dtypes(c: _Case) -> None:
    loss = c.fresh()
    value: Any = loss.forward(read_only(c.y), read_only(c.t))
    if isinstance(value, complex) or np.asarray(value).dtype.kind not in "fi":
        raise Fault("dtypes", f"forward returned {type(value).__name__}; it must be a float.")
    if (dy := loss.backward()).dtype != float:
        raise Fault("dtypes", f"dL/dy is {dy.dtype} for y of float64.")


def _reproducible(c: _Case) -> None:
    if name := c.apart(c.run(), c.run()):
        raise Fault("reproducible", f"two copies give different {name}: a loss must not draw.")


def _backward_twice(c: _Case) -> None:
    loss = c.fresh()
    first = c.run(loss=loss)
    if difference(np.array(loss.backward()), first[1]) > 1e-12:
        raise Fault(
            "backward_twice",
            "a second backward gives another dL/dy: backward changes what forward has kept.",
        )


def _forward_twice(c: _Case) -> None:
    loss = c.fresh()
    loss.forward(read_only(c.y), read_only(c.t))
    if name := c.apart(c.run(loss=loss), c.run()):
        raise Fault(
            "forward_twice", f"after a second forward with the same y and t, {name} differs."
        )


def _reuse(c: _Case) -> None:
    start = (c.y, c.t)
    small, same, large = (c.other(n) for n in (1, len(c.y), len(c.y) + 3))
    for first, second in ((start, same), (start, small), (small, start), (start, large)):
        loss = c.fresh()
        c.run(*first, loss=loss)
        try:
            got = c.run(*second, loss=loss)
        except Exception as error:
            raise Fault(
                "reuse",
                f"after a batch of {len(first[0])}, one of {len(second[0])} raised "
                f"{type(error).__name__}: {error}",
            ) from error
        if name := c.apart(got, c.run(*second)):
            raise Fault(
                "reuse",
                f"after a batch of {len(first[0])}, one of {len(second[0])} other examples gives "
                f"another value of {name} than a fresh loss does.",
            )


def _isolation(c: _Case) -> None:
    one, other = c.fresh(), c.fresh()
    wanted = c.run()
    y2, t2 = c.other(len(c.y) + 1)
    value = float(one.forward(read_only(c.y), read_only(c.t)))
    other.forward(read_only(y2), read_only(t2))
    other.backward()
    if name := c.apart((value, np.array(one.backward())), wanted):
        raise Fault(
            "isolation",
            f"two instances disturb each other: {name} of one changes when the other works.",
            "something belongs to the class or the module that should be kept in self.",
        )


def _output_alias(c: _Case) -> None:
    loss = c.fresh()
    loss.forward(c.y.copy(), c.t.copy())
    dy = loss.backward()
    kept = dy.copy()
    loss.backward()
    y2, t2 = c.other(len(c.y))
    loss.forward(y2, t2)
    loss.backward()
    if not np.array_equal(dy, kept):
        raise Fault(
            "output_alias",
            "the dL/dy that it returned changes when it runs again: it hands out memory that it "
            "writes into again.",
        )


def _layout(c: _Case) -> None:
    wanted = c.run()
    for how, arrange in (("Fortran-ordered", np.asfortranarray), ("reversed", _reversed)):
        loss = c.fresh()
        value = float(loss.forward(arrange(c.y), arrange(c.t)))
        if name := c.apart((value, np.array(loss.backward())), wanted):
            raise Fault(
                "layout", f"on {how} arrays, of the same values, {name} comes out otherwise."
            )


def _reversed(array: Array) -> Array:
    backwards = (slice(None, None, -1),) * array.ndim
    return array[backwards].copy()[backwards]


def _batch_of_one(c: _Case) -> None:
    _, dy = c.run(c.y[:1], c.t[:1])
    if dy.shape != c.y[:1].shape:
        raise Fault("batch_of_one", f"for one row dL/dy has shape {dy.shape}.")


def _finite(c: _Case) -> None:
    signs = c.rng.choice([-1.0, 1.0], size=c.y.shape) * c.rng.uniform(0.99, 1, size=c.y.shape)
    for size in (30.0, 1000.0):
        for y in (size * signs, size * np.abs(signs), -size * np.abs(signs)):
            got = _extreme(c, y, float)
            if got is None or np.isfinite(got).all():
                continue
            if _truly_finite(c, y, got):
                raise Fault(
                    "finite",
                    f"the value or dL/dy is not finite for y of about ±{size:g}, where the true "
                    f"value is an ordinary number.",
                    "e^y overflowed: use scipy.special.log_softmax, logsumexp or logaddexp.",
                )


def _extreme(c: _Case, y: Array, dtype: Any) -> Array | None:
    loss = c.fresh()
    t = c.t.astype(dtype) if c.t.dtype.kind == "f" else c.t
    try:
        value = loss.forward(read_only(y.astype(dtype)), read_only(t))
        return np.append(np.array(loss.backward()).ravel(), value)
    except (ValueError, TypeError, ArithmeticError):
        return None


def _truly_finite(c: _Case, y: Array, got: Array) -> bool:
    """Whether more precision makes finite what is not."""
    wide = _extreme(c, y, np.longdouble)
    if wide is not None and np.any(~np.isfinite(got) & np.isfinite(wide) & (np.abs(wide) < 1e300)):
        return True
    for part in (0.3, 0.1, 0.03):
        narrow, plain = _extreme(c, y * part, np.float32), _extreme(c, y * part, float)
        if narrow is None or plain is None:
            continue
        if np.any(~np.isfinite(narrow) & np.isfinite(plain) & (np.abs(plain) < 1e30)):
            return True
    return False


def _copy(c: _Case) -> None:
    wanted = c.run()
    used = c.fresh()
    c.run(loss=used)
    for twin in (copy.copy(used), copy.deepcopy(used)):
        if name := c.apart(c.run(loss=twin), wanted):
            raise Fault("copy", f"a copy gives another value of {name}.")


def _pickle(c: _Case) -> str | None:
    try:
        pickle.dumps(type(c.loss))
    except Exception:
        return "the class is local, so pickle cannot name it"
    file = io.BytesIO()
    pickle.dump(c.loss, file)
    file.seek(0)
    if name := c.apart(c.run(loss=pickle.load(file)), c.run()):
        raise Fault("pickle", f"after pickling, it gives another value of {name}.")
    return None


def _float32(c: _Case) -> None:
    y = c.y.astype(np.float32)
    t = c.t.astype(np.float32) if c.t.dtype.kind == "f" else c.t
    loss = c.fresh()
    value = float(loss.forward(read_only(y), read_only(t)))
    dy = loss.backward()
    if dy.dtype != np.float32:
        raise Fault(
            "float32",
            f"dL/dy is {dy.dtype} for y of float32.",
            "a NumPy float64 scalar or array takes part: use a Python float, or .astype(y.dtype).",
        )
    size = float(np.max(np.abs(y), initial=1))
    wide_t = t.astype(float) if t.dtype.kind == "f" else t
    if not 1e-4 < size < 1e4:
        return
    wide = y.astype(float)
    wanted = c.run(wide, wide_t)
    spread = [0.0, 0.0]
    for _ in range(4):
        moved = c.run(wide * (1 + 2.0**-23 * c.rng.uniform(-1, 1, size=y.shape)), wide_t)
        for n in range(2):
            spread[n] = max(spread[n], difference(np.array(moved[n]), np.array(wanted[n])))
    for n, (name, got) in enumerate((("the value", value), ("dL/dy", dy))):
        gap = difference(np.array(got, float), np.array(wanted[n]))
        small = np.max(np.abs(wanted[n])) < 1e-6
        if np.isfinite(wanted[n]).all() and gap > 1e-3 + 100 * spread[n] and not small:
            raise Fault(
                "float32", f"in float32, {name} differs from float64 by a part of {gap:.2g}."
            )


def _gradient(c: _Case, report: Report) -> None:
    _compare(c, "the given y and t", c.y, c.t, report, own=False, check="gradient")
    wide = c.rng.choice([-1.0, 1.0], size=c.y.shape) * 10 ** c.rng.uniform(-1.5, 0.9, c.y.shape)
    _compare(c, "random y of many magnitudes", wide, c.t, report, own=True, check="gradient")


def _kinks(c: _Case, report: Report) -> None:
    y, t, rng = c.y, c.t, c.rng
    _compare(c, "half zeros", y * rng.integers(0, 2, y.shape), t, report, own=True, check="kinks")
    ties = rng.choice(rng.choice(y.ravel(), size=2), size=y.shape)
    _compare(c, "ties", ties, t, report, own=True, check="kinks")
    whole = rng.choice([-2.0, -1.0, 0.0, 1.0, 2.0], size=y.shape)
    _compare(c, "whole numbers", whole, t, report, own=True, check="kinks")
    if y.shape == t.shape and t.dtype.kind == "f":
        same = np.where(rng.integers(0, 2, y.shape), t, y)
        _compare(c, "y = t", same, t, report, own=True, check="kinks")
        off = t + rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0], size=y.shape)
        _compare(c, "y - t = 0, ±½, ±1", off, t, report, own=True, check="kinks")
        signs = np.where(t < 0, -1.0, 1.0)
        _compare(c, "y = t = ±1", signs, signs, report, own=True, check="kinks")


def _compare(
    c: _Case, name: str, y: Array, t: Array, report: Report, *, own: bool, check: str
) -> None:
    loss = c.fresh()

    def value(at: Array) -> Array:
        try:
            return np.array([loss.forward(at.copy(), t)], float)
        except (ValueError, ArithmeticError):
            return np.array([np.nan])

    here = value(y)
    if not np.isfinite(here).all():
        if own:
            report.notes.append(f"Not checked at {name}: outside the domain.")
            return
        raise Fault("gradient", "the value is not finite for the given y and t.")
    try:
        _, dy = c.run(y, t)
    except (ValueError, ArithmeticError):
        if own:
            return
        raise
    bits = [value(y * (1 + _EPS * c.rng.integers(-1, 2, size=y.shape))) - here for _ in range(2)]
    noise = np.fmax(2 * _EPS * np.abs(here), np.nan_to_num(np.max(np.abs(bits), axis=0)))
    tensor = Tensor("y", y, value, dy.reshape(1, -1))
    point = Point(name, here, noise, np.ones((1, 1)), [tensor], 60 if own else 400)
    before = report.tensors["y"].left_out if "y" in report.tensors else 0
    if mismatch := examine(point, report, c.rng):
        sizes = {
            "the number of rows": float(len(y)),
            "the number of elements": float(y.size),
            "the number of features": float(y.size / len(y)),
        }
        kind = "kinks" if mismatch.kinks else check
        raise mismatch_fault(mismatch, point.dys, kind, name, (), sizes)
    row = report.tensors["y"]
    if not own and 2 * (row.left_out - before) > row.coordinates:
        raise Fault(
            "gradient",
            f"inconclusive: at {row.left_out - before} of {row.coordinates} coordinates of y no "
            f"slope could be measured.",
            "pass y and t further from jumps and the end of the domain.",
            tensor="y",
        )


_CHECKS: dict[str, Callable[[_Case], str | None]] = {
    "mutation": _mutation,
    "shapes": _shapes,
    "dtypes": _dtypes,
    "reproducible": _reproducible,
    "backward_twice": _backward_twice,
    "forward_twice": _forward_twice,
    "isolation": _isolation,
    "reuse": _reuse,
    "output_alias": _output_alias,
    "layout": _layout,
    "batch_of_one": _batch_of_one,
    "finite": _finite,
    "copy": _copy,
    "pickle": _pickle,
}

LOSS_CHECKS = (*_CHECKS, "gradient", "kinks", "float32")
"""The names of all checks of a loss, in the order in which they run."""


def check_loss(
    loss: Loss,
    y: Any = None,
    t: Any = None,
    *,
    shape: tuple[int, ...] | None = None,
    skip: Collection[str] = (),
    seed: int = 0,
) -> Report:
    """Prove that a loss's `backward` is the gradient of its `forward`, and its contract.

    Args:
        loss: what to check.
        y: outputs, floats; or give `shape`.
        t: targets that belong to them.
        shape: shape of outputs to make; targets are tried in turn as numbers, probabilities,
            labels and signs, until the loss takes them.
        skip: names of checks to leave out.
        seed: of the checker's own random numbers.

    Returns:
        What was checked, the worst error, what was left out and why.

    Raises:
        GradientError: the loss is wrong; the message names the check, and says where and how.
        ValueError: no input, an unknown name in `skip`, or a y and t that the loss does not take.
        TypeError: something that is no loss, or has no `backward`.

    Example:
        >>> from tinynet import MSELoss
        >>> check_loss(MSELoss(), shape=(4, 3)).tensors["y"].coordinates
        12
    """
    _refuse(loss, y, t, shape, skip)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        report = Report(repr(loss))
        try:
            return _check(loss, y, t, shape, frozenset(skip), seed, report)
        except Fault as fault:
            _raise(fault, loss, y, t, shape, frozenset(skip), seed)
    raise AssertionError("unreachable")


def _refuse(loss: object, y: object, t: object, shape: object, skip: Collection[str]) -> None:
    if isinstance(loss, type):
        raise TypeError(f"check_loss takes a loss; got the class. Pass {loss.__name__}(...).")
    if not isinstance(loss, Loss):
        raise TypeError(f"check_loss takes a tinynet.Loss; got {type(loss).__name__}")
    for method in ("forward", "backward"):
        if getattr(type(loss), method) is getattr(Loss, method):
            raise TypeError(f"{type(loss).__name__} has no {method}: define it before checking it.")
    if (y is None or t is None) == (shape is None) or (y is None) != (t is None):
        raise ValueError(
            "check_loss needs either both y and t, or shape. "
            "Pass shape=(4, 3), or y=array and t=array."
        )
    refuse_skip(skip, LOSS_CHECKS)


def _check(
    loss: Loss,
    y: Any,
    t: Any,
    shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
    report: Report,
) -> Report:
    rng = np.random.default_rng(seed)
    case = _Case(copy.deepcopy(loss), *_inputs(loss, y, t, shape, rng), rng)
    checks: dict[str, Callable[[], str | None]] = {
        name: lambda check=check: check(case) for name, check in _CHECKS.items()
    }
    checks["gradient"] = lambda: _gradient(case, report)
    checks["kinks"] = lambda: _kinks(case, report)
    checks["float32"] = lambda: _float32(case)
    for name, check in checks.items():
        if name in skip:
            report.skipped[name] = "asked for"
            continue
        try:
            reason = check()
        except Fault:
            raise
        except Exception as error:
            raise as_fault(name, error, case.y) from error
        if reason is None:
            report.passed.append(name)
        else:
            report.skipped[name] = reason
    return report


def _inputs(
    loss: Loss, y: Any, t: Any, shape: tuple[int, ...] | None, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The y and t given, in float64; or a pair of the shape that the loss takes."""
    if shape is None:
        y, t = np.array(y), np.array(t)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must be an array of numbers; got {y!r}")
        y = y.astype(float)
        t = t.astype(float) if t.dtype.kind == "f" else t
        pairs: Iterator[tuple[Array, Array]] = iter([(y, t)])
    else:
        pairs = _pairs(tuple(shape), rng)
    first: Exception | None = None
    for outputs, targets in pairs:
        try:
            value = float(copy.deepcopy(loss).forward(outputs.copy(), targets.copy()))
        except Exception as error:
            first = first or error
            continue
        if shape is None or np.isfinite(value):
            return outputs, targets
    me = type(loss).__name__
    why = f"forward raised {type(first).__name__}: {first}" if first else "the value is not finite"
    raise ValueError(
        f"{me} does not take what was tried: {why}\nPass y= and t= of the shapes and values it takes."
    ) from first


def _pairs(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """Outputs and targets of every usual kind."""
    y = rng.normal(size=shape)
    share = rng.uniform(0.1, 0.9, size=shape)
    parts = share / share.sum(axis=-1, keepdims=True) if shape else share
    yield y, rng.normal(size=shape)
    yield share, rng.uniform(0.1, 0.9, size=shape)
    yield parts, np.roll(parts, 1, axis=-1) if shape else parts
    if len(shape) > 1:
        classes = rng.integers(shape[-1], size=shape[:-1])
        yield y, classes
        yield parts, classes
        yield y, np.eye(shape[-1])[classes]
        yield parts, np.eye(shape[-1])[classes]
        yield y, rng.integers(shape[1], size=(shape[0], *shape[2:]))
    yield y, rng.choice([-1.0, 1.0], size=shape)
    yield y, rng.integers(0, 2, size=shape)
    yield share, rng.integers(0, 2, size=shape)
    yield rng.uniform(1.5, 3, size=shape), rng.uniform(1.5, 3, size=shape)


def _raise(
    fault: Fault,
    loss: Loss,
    y: Any,
    t: Any,
    shape: tuple[int, ...] | None,
    skip: frozenset[str],
    seed: int,
) -> NoReturn:
    """Raise the GradientError, with the smallest call that fails by the same check."""
    calls: list[tuple[Any, Any, Any]] = []
    if shape is not None:
        tails = (tuple(1 for _ in shape[1:]), tuple(min(n, 2) for n in shape[1:]), shape[1:])
        calls = [(None, None, (rows, *tail)) for rows in (1, 2) for tail in tails]
        calls = [call for call in calls if call[2][0] <= shape[0]]
    else:
        calls = [(np.asarray(y)[:n], np.asarray(t)[:n], None) for n in (1, 2)]
    calls.append((y, t, shape))
    for small in calls:
        try:
            _check(loss, *small, skip, seed, Report(""))
        except Fault as found:
            if found.check == fault.check:
                break
        except Exception:
            continue
    else:
        small = (y, t, shape)
    y, t, shape = small
    given = f"shape={tuple(shape)}" if shape is not None else ""
    if shape is None:
        given = f"y={written_array(np.asarray(y))}, t={written_array(np.asarray(t))}"
    more = f", skip={tuple(sorted(skip))}" if skip else ""
    more += f", seed={seed}" if seed else ""
    raise_message(fault, repr(loss), f"check_loss({loss!r}, {given}{more})")
