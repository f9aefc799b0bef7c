"""The contract of a loss about float32 and about extreme values."""

from typing import Any

import numpy as np

from tinynet.testing.loss_case import LossCase
from tinynet.testing.report import Fault
from tinynet.testing.runs import difference, distance, read_only
from tinynet.types import Array

__all__ = ["loss_finite", "loss_float32"]


def loss_finite(c: LossCase) -> None:
    """Finite at ±30 and ±1000, wherever the true value is an ordinary number."""
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


def _extreme(c: LossCase, y: Array, dtype: Any) -> Array | None:
    loss = c.fresh()
    t = c.t.astype(dtype) if c.t.dtype.kind == "f" else c.t
    try:
        value = loss.forward(read_only(y.astype(dtype)), read_only(t))
        return np.append(np.array(loss.backward()).ravel(), value)
    except (ValueError, TypeError, ArithmeticError):
        return None


def _truly_finite(c: LossCase, y: Array, got: Array) -> bool:
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


def loss_float32(c: LossCase) -> None:
    """float32 in, float32 out, in agreement with float64."""
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
        pair = np.array(got, float), np.array(wanted[n])
        gap = difference(*pair)
        # numbers of size 1 may have cancelled
        lost = np.max(np.abs(wanted[n])) < 1e-6 or distance(*pair) < 2e-7
        if np.isfinite(wanted[n]).all() and gap > 1e-3 + 100 * spread[n] and not lost:
            raise Fault(
                "float32", f"in float32, {name} differs from float64 by a part of {gap:.2g}."
            )
