"""The contract of a loss, rule by rule."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynet.testing.loss_case import LossCase
from tinynet.testing.loss_precision import loss_finite, loss_float32
from tinynet.testing.report import Fault
from tinynet.testing.runs import difference, read_only
from tinynet.types import Array

__all__ = ["LOSS_CONTRACT"]


def _mutation(c: LossCase) -> None:
    loss, y, t = c.fresh(), c.y.copy(), c.t.copy()
    for method, call in (("forward", lambda: loss.forward(y, t)), ("backward", loss.backward)):
        call()
        for name, now, before in (("y", y, c.y), ("t", t, c.t)):
            if not np.array_equal(now, before, equal_nan=True):
                raise Fault(
                    "mutation",
                    f"{method} writes into {name}, which the caller still needs: make a new array.",
                    tensor=name,
                )


def _shapes(c: LossCase) -> None:
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


def _dtypes(c: LossCase) -> None:
    loss = c.fresh()
    value: Any = loss.forward(read_only(c.y), read_only(c.t))
    if isinstance(value, complex) or np.asarray(value).dtype.kind not in "fi":
        raise Fault("dtypes", f"forward returned {type(value).__name__}; it must be a float.")
    if (dy := loss.backward()).dtype != float:
        raise Fault("dtypes", f"dL/dy is {dy.dtype} for y of float64.")


def _reproducible(c: LossCase) -> None:
    if name := c.apart(c.run(), c.run()):
        raise Fault("reproducible", f"two copies give different {name}: a loss must not draw.")


def _backward_twice(c: LossCase) -> None:
    loss = c.fresh()
    first = c.run(loss=loss)
    if difference(np.array(loss.backward()), first[1]) > 1e-12:
        raise Fault(
            "backward_twice",
            "a second backward gives another dL/dy: backward changes what forward has kept.",
        )


def _forward_twice(c: LossCase) -> None:
    loss = c.fresh()
    loss.forward(read_only(c.y), read_only(c.t))
    if name := c.apart(c.run(loss=loss), c.run()):
        raise Fault(
            "forward_twice", f"after a second forward with the same y and t, {name} differs."
        )


def _reuse(c: LossCase) -> None:
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


def _isolation(c: LossCase) -> None:
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


def _output_alias(c: LossCase) -> None:
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


def _layout(c: LossCase) -> None:
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


def _batch_of_one(c: LossCase) -> None:
    _, dy = c.run(c.y[:1], c.t[:1])
    if dy.shape != c.y[:1].shape:
        raise Fault("batch_of_one", f"for one row dL/dy has shape {dy.shape}.")


def _copy(c: LossCase) -> None:
    wanted = c.run()
    used = c.fresh()
    c.run(loss=used)
    for twin in (copy.copy(used), copy.deepcopy(used)):
        if name := c.apart(c.run(loss=twin), wanted):
            raise Fault("copy", f"a copy gives another value of {name}.")


def _pickle(c: LossCase) -> str | None:
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


LOSS_CONTRACT: dict[str, Callable[[LossCase], str | None]] = {
    "mutation": _mutation,
    "shapes": _shapes,
    "dtypes": _dtypes,
    "reproducible": _reproducible,
    "backward_twice": _backward_twice,
    "forward_twice": _forward_twice,
    "reuse": _reuse,
    "isolation": _isolation,
    "output_alias": _output_alias,
    "layout": _layout,
    "batch_of_one": _batch_of_one,
    "finite": loss_finite,
    "copy": _copy,
    "pickle": _pickle,
    "float32": loss_float32,
}
"""Checks by name, in the order in which they run."""
