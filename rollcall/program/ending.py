"""The end of a program: after its last line nothing may keep the process.

An orderly end of Python waits for threads that are no daemons, runs what was registered with ``atexit`` (`logging`
takes the lock of each handler there), flushes the standard streams, and takes modules apart while daemon threads still
hold their locks. Each of these can wait for ever: for a pipe that nobody reads, or for a thread that the machine did
not get round to. Our programs have ended in order by then: `main` has stopped and joined what it started, everything
that should be kept is written, and sockets are closed. What is left is the process, and the operating system ends that
without asking anybody.

Nothing may wait in a buffer of Python's then. What these programs say goes through an `Outlet`, which has none, or to
stderr in whole lines. Only argparse prints to stdout, and it ends the program before that has begun: in Python's way.
"""

from __future__ import annotations

import os
from typing import Callable, NoReturn


def run(main: Callable[[], int]) -> NoReturn:
    """Call ``main`` and end the process at once, with the exit code that it returns. What it raises is Python's."""
    os._exit(main())
