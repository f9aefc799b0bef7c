"""Ctrl-C as a request to stop soon; the second one stops at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NOTICE = b"\nstopping after this epoch; Ctrl-C again stops at once\n"


@contextlib.contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list to which the first Ctrl-C is added; the second one raises KeyboardInterrupt.

    Outside the main thread, and where the program has a handler of its own, nothing is changed.
    """
    requests: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        with contextlib.suppress(OSError):  # the error stream may be closed
            os.write(2, _NOTICE)  # print is not safe in a signal handler

    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield requests
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield requests
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
