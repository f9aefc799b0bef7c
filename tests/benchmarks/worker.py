"""The process of a contestant, and the object through which `measure` asks it for work."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import contestants
from tests.benchmarks.setting import Setting
from tests.benchmarks.workloads import Job, Unfit, Workload, task

TIMEOUT = 120  # seconds for any answer; compilers are slow


class Absent(Exception):
    """A contestant cannot take part, or not in this workload; the message says why."""


class Worker:
    """A contestant in a process of its own, which lives until `close`.

    Args:
        name: a key of `CONTESTANTS`.
        setting: how many cores and threads the process has.
        folder: where `prepare_data` has put the examples.
        checkout: from which folder the process imports tinynet; None for this one.

    Raises:
        Absent: its library is not installed.
    """

    def __init__(
        self, name: str, setting: Setting, folder: Path, checkout: Path | None = None
    ) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._link, other = context.Pipe()
        with setting.for_children():
            self._process = context.Process(
                target=_serve, args=(other, name, folder, checkout), daemon=True
            )
            self._process.start()
        other.close()
        try:
            self.version, self.pools = self._answer()
        except Absent:
            self.close()
            raise

    def check(self, workload: Workload) -> Any:
        """Parameters after the first steps and their mean loss; outputs, where it predicts."""
        return self._ask("check", workload)

    def warm(self, workload: Workload) -> None:
        """Prepare the workload, and pass through it once."""
        self._ask("warm", workload)

    def turn(self, workload: Workload, at_least: float) -> float:
        """Seconds a step, over as many passes as take `at_least` seconds."""
        return self._ask("turn", workload, at_least)

    def close(self) -> None:
        """End the process."""
        self._link.close()
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, *request: Any) -> Any:
        try:
            self._link.send(request)
        except ConnectionError:
            raise Absent("its process has died") from None
        return self._answer()

    def _answer(self) -> Any:
        try:
            if not self._link.poll(TIMEOUT):
                self._process.kill()
                raise Absent(f"no answer in {TIMEOUT} s")
            answer = self._link.recv()
        except (EOFError, ConnectionError):
            raise Absent("its process has died") from None
        if isinstance(answer, Absent):
            raise answer
        return answer


def _serve(link: Connection, name: str, folder: Path, checkout: Path | None) -> None:
    """Answer requests until the other end is closed."""
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 2)  # warnings of the libraries would appear in the middle of the report
    if checkout is not None:
        sys.path.insert(0, str(checkout))  # before anything in this process imports tinynet
    try:
        module = contestants.module(name)
        if checkout is not None:
            _require_from(checkout)
        link.send((module.version(), _pools()))
    except ImportError as error:
        link.send(Absent(f"not installed ({error})"))
        return
    jobs: dict[Workload, Job] = {}
    while True:
        try:
            verb, workload, *arguments = link.recv()
        except EOFError:
            return
        try:
            answer: Any
            if verb == "check":
                job = module.prepare(name, task(workload, folder, check=True))
                answer = job.run(), _flat(job.result())
            elif verb == "warm":
                jobs[workload] = module.prepare(name, task(workload, folder, check=False))
                answer = jobs[workload].run()
            else:
                answer = _turn(jobs[workload].run, workload, *arguments)
        except Unfit as error:
            answer = Absent(str(error))
        except Exception as error:  # the report quotes whatever a library raises
            first_line = str(error).strip().partition("\n")[0]
            answer = Absent(f"{type(error).__name__}: {first_line[:200]}")
        link.send(answer)


def _require_from(checkout: Path) -> None:
    """Refuse to measure one checkout under the name of another."""
    import tinynet

    if not Path(tinynet.__file__).is_relative_to(checkout):
        raise ImportError(f"tinynet came from {Path(tinynet.__file__).parents[1]}")


def _turn(run: Any, workload: Workload, at_least: float) -> float:
    calls = workload.steps if workload.kind == "predict" else 1  # training takes the steps itself
    passes, started = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started) < at_least or not passes:
        for _ in range(calls):
            run()
        passes += 1
    return seconds / (passes * workload.steps)


def _flat(arrays: Any) -> np.ndarray | None:
    """Parameters or outputs as one vector."""
    if arrays is None or isinstance(arrays, np.ndarray):
        return arrays
    return np.concatenate([np.ravel(a) for a in arrays])


def _pools() -> list[str]:
    """The thread pools in this process, if threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    keys = "prefix", "version", "architecture", "num_threads"
    return [" ".join(str(p.get(key)) for key in keys) for p in threadpool_info()]
