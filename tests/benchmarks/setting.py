"""The cores and threads of a process; this module does not import NumPy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

THREADS = "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"
TUNING = "OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "XLA_", "JAX_", "TORCH"
UNCACHED = "PYTHONDONTWRITEBYTECODE"  # with it, each import compiles its modules again


@dataclass(frozen=True)
class Setting:
    """A number of cores, and of threads in every library."""

    threads: int

    @property
    def name(self) -> str:
        return "1 core, 1 thread" if self.threads == 1 else f"{self.threads} cores and threads"

    def possible(self) -> bool:
        """Whether this machine has the cores; True where the system cannot say."""
        cores = _cores()
        return cores is None or len(cores) >= self.threads

    @contextmanager
    def for_children(self) -> Iterator[None]:
        """Environment and cores that a process started in here inherits."""
        before, cores = dict(os.environ), _cores()
        self.set_environment()
        if cores is not None:
            os.sched_setaffinity(0, sorted(cores)[-self.threads :])
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
            if cores is not None:
                os.sched_setaffinity(0, cores)

    def set_environment(self) -> None:
        """Remove the variables that tune a library, so that all run as installed; set threads."""
        for name in tuning():
            del os.environ[name]
        os.environ.update(dict.fromkeys(THREADS, str(self.threads)))


def tuning() -> dict[str, str]:
    """The variables that tune numeric libraries, or Python's imports."""
    named = os.environ.items()
    return {name: value for name, value in named if name.startswith(TUNING) or name == UNCACHED}


def _cores() -> set[int] | None:
    """The cores that this process may use, where the system can say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
