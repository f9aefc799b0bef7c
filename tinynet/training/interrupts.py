"""Signals that arrive at a bad moment wait for a good one.

Python runs the handler of a signal between two of its instructions, wherever they are, and the
handler of Ctrl-C raises KeyboardInterrupt there. In the middle of a step, that would leave some
parameters moved and others not. So `train` holds signals back until a step is complete, and `fit`
until the network is back at a whole epoch.
"""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

try:  # the same functions without enums, which take longer than a step of a small network
    import _signal  # type: ignore[import-not-found]
except ImportError:  # in another Python than CPython
    _signal = signal

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGBREAK", "SIGINT")
    if hasattr(signal, name)  # a platform may lack some
]
_NOTICE = b"\nstopping after this epoch; Ctrl-C again stops at once\n"


class HeldSignals:
    """A context in which the program's handlers of signals run when `deliver` is called.

    Signals without a handler in Python are left alone. So is everything in another thread than the
    main one, where Python runs no handlers. What still waits at the end is delivered there.

    A signal waits for `patience` seconds at most: a second one after that time is handled at once,
    so a step that never ends can be interrupted.
    """

    patience = 1.0

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.holding = True
        self._since = 0.0  # when the first of those that wait arrived
        self._previous: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._inside = False  # a signal outside is passed on at once

    def __enter__(self) -> Self:
        try:
            if threading.current_thread() is threading.main_thread():
                for number in _SIGNALS:
                    if callable(handler := _signal.getsignal(number)):
                        self._previous[number] = handler
                        _signal.signal(number, self._receive)
                self._inside = True
        except BaseException:  # of a signal that arrived meanwhile
            self._restore()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._restore()
        finally:
            self.deliver()

    def deliver(self) -> None:
        """Run the handlers of all signals that wait; the exception of the last one counts."""
        if self.waiting:
            try:
                self._run(self.waiting.pop(0), sys._getframe())
            finally:
                self.deliver()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Do what is to be done for a signal: call the handler of the program."""
        self._previous[number](number, frame)

    def _restore(self) -> None:
        self._inside = False
        for number, handler in self._previous.items():
            if _signal.getsignal(number) == self._receive:  # the program may have set another one
                _signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        late = self.waiting and time.monotonic() - self._since > self.patience
        if self.holding and self._inside and not late:
            self._since = self._since if self.waiting else time.monotonic()
            self.waiting.append(number)
        else:
            self._run(number, frame)

    def _run(self, number: int, frame: FrameType | None) -> None:
        try:
            self.handle(number, frame)
        except BaseException:
            self.holding = True  # no other signal interrupts what this exception ends
            raise


class StopRequests(HeldSignals):
    """The signals of `fit`: the first Ctrl-C is a request, the second one KeyboardInterrupt.

    A handler of Ctrl-C that the program has set is called instead. Signals are handled when they
    come, until one of them raises an exception or `holding` is set.
    """

    patience = math.inf

    def __init__(self) -> None:
        super().__init__()
        self.holding = self.requested = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the first Ctrl-C."""
        if self._previous[number] is not signal.default_int_handler or self.requested:
            super().handle(number, frame)
            return
        self.requested = True
        with contextlib.suppress(OSError):  # the error stream may be closed
            os.write(2, _NOTICE)  # print is not safe in a signal handler
