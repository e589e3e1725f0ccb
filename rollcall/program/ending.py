"""The end of a program: after its last line nothing may keep the process.

An orderly end of Python waits for threads that are no daemons, runs what was registered with ``atexit`` (`logging`
takes the lock of each handler there), flushes the standard streams, and takes modules apart while daemon threads still
hold their locks. Each of these can wait for ever: for a pipe that nobody reads, or for a thread that the machine did
not get round to. Our programs have ended in order by then: `main` has stopped and joined what it started, everything
that should be kept is written, and sockets are closed. What is left is the process, and the operating system ends that
without asking anybody.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Callable, NoReturn

LAST_WORDS = 0.2
"""Seconds for what is still in the buffers of the standard streams, such as ``--help``."""


def run(main: Callable[[], int]) -> NoReturn:
    """Call ``main`` and end the process at once with the exit code that it returns, or that argparse wishes."""
    try:
        code = main()
    except SystemExit as wish:
        if not (wish.code is None or isinstance(wish.code, int)):
            raise  # a sentence, which Python prints
        code = wish.code or 0
    leave(code)


def leave(code: int) -> NoReturn:
    """End the process now, whatever its other threads do and whoever does not read what it says."""
    flusher = threading.Thread(target=_flush, name="flush", daemon=True)
    try:
        flusher.start()
        flusher.join(LAST_WORDS)
    except RuntimeError:
        pass  # no thread to be had: nothing of importance is in these buffers
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more
