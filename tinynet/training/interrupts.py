"""Ctrl-C as a request to stop soon, and only then as an order to stop now."""

import contextlib
import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Interrupts"]

_NOTICE = b"\nstopping after this epoch; Ctrl-C again stops at once\n"


class Interrupts:
    """While it is entered, the first Ctrl-C sets `asked`, the second raises KeyboardInterrupt.

    Outside the main thread, and where the program has a handler of its own, it changes nothing.

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.asked
        False
    """

    asked = False
    _installed = False

    def __enter__(self) -> Self:
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        with contextlib.suppress(OSError):  # nobody may be listening
            os.write(2, _NOTICE)  # print is not safe in a signal handler
