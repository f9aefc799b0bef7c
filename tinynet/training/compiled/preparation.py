"""Whether the compiled functions are on the disk, and how they get there."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import importlib.util
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from tinynet.layers import Dense
from tinynet.losses import MSELoss
from tinynet.training.compiled.options import no_rule
from tinynet.training.compiled.program import program
from tinynet.training.compiled.work import Work


@functools.cache
def kernels() -> Any:
    """The module of compiled functions, or None without a Numba that works."""
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        module = importlib.import_module("tinynet.training.compiled.loops.kernels")
    except Exception as error:  # of a Numba that does not fit this Python or NumPy
        _warn(error)
        return None
    # with NUMBA_DISABLE_JIT, as for a debugger, the functions are Python's
    return module if hasattr(module.take_steps, "stats") else None


def folder() -> Path | None:
    """Where the compiled functions are kept; None if no folder can be written into."""
    path = kernels() and kernels().take_steps.stats.cache_path
    return Path(path) if path else None


def is_prepared(dtype: np.dtype[Any]) -> bool:
    """Whether they are there for a float type, so that nobody waits for a compilation."""
    marker = _marker(dtype)
    return marker is not None and marker.exists()


@functools.cache
def prepare(dtype: np.dtype[Any]) -> bool:
    """Load the compiled functions for a float type, or compile them; whether they can be used.

    A compilation is announced, because it takes a while.
    """
    if kernels() is None:
        return False
    marker = _marker(dtype)
    known = marker is not None and marker.exists()
    if not known:
        print(f"tinynet compiles its training steps for {dtype}, once ...", file=sys.stderr)
        if marker is not None and not any(marker.parent.glob(f"tinynet-{_digest_of_sources()}-*")):
            _remove_all()
    try:
        try:
            _compute_a_gradient(dtype)
        except Exception:
            if not known:
                raise
            _remove_all()  # a damaged file
            _compute_a_gradient(dtype)
    except Exception as error:
        _warn(error)
        return False
    if marker is not None:
        with contextlib.suppress(OSError):
            marker.touch()
    return True


def _marker(dtype: np.dtype[Any]) -> Path | None:
    """A file that lies beside the compiled functions if they were compiled from these sources."""
    where = folder()
    return where and where / f"tinynet-{_digest_of_sources()}-{_digest_of_machine()}-{dtype}"


def _remove_all() -> None:
    """Remove what was compiled, so that it is compiled anew.

    Numba itself does so if the file of a function has changed, but not if a function of another
    file that it calls has.
    """
    where = folder()
    if where is not None:
        tag = (
            f"py{sys.version_info.major}{sys.version_info.minor}"  # others have files of their own
        )
        for path in (*where.glob(f"kernels.take_steps-*.{tag}*.nb?"), *where.glob("tinynet-*")):
            with contextlib.suppress(OSError):
                path.unlink()


@functools.cache
def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@functools.cache
def _digest_of_machine() -> str:
    """Of what else the compiled functions depend on, for which Numba keeps several side by side."""
    import llvmlite.binding
    import numba

    processor = llvmlite.binding.get_host_cpu_name(), platform.machine()
    versions = platform.python_version(), np.__version__, numba.__version__
    return hashlib.sha256(repr((processor, versions)).encode()).hexdigest()[:8]


def _compute_a_gradient(dtype: np.dtype[Any]) -> None:
    """Call the compiled function once, with arrays of the types that it is called with later."""
    net, loss = Dense(1, 1, rng=0, dtype=dtype), MSELoss()
    x = np.zeros((1, 1), dtype)
    work = Work.of(program(net, loss, x, x), 1, x, 1)
    data = work.read(loss, x, x, slice(0, 1))
    work.take_steps(kernels(), net, data, np.zeros(1), np.empty((1, 2)), no_rule(net.params))


def _warn(error: Exception) -> None:
    warnings.warn(f"Numba cannot be used, so nothing is compiled: {error}", stacklevel=3)
