"""The frame of a program: in what its words leave it, and that after its last line nothing keeps the process.

An orderly end of Python waits for threads that are no daemons, runs what was registered with ``atexit`` (`logging`
takes the lock of each handler there), flushes the standard streams, and takes modules apart while daemon threads still
hold their locks. Each of these can wait for ever: for a pipe that nobody reads, or for a thread that the machine did
not get round to. Our programs have ended in order by then: `main` has stopped and joined what it started, everything
that should be kept is written, and sockets are closed. What is left is the process, and the operating system ends that
without asking anybody.

Nothing may wait in a buffer of Python's then. What these programs say goes through an `Outlet`, which has none, or to
stderr in whole lines. Only argparse prints to stdout, and it ends the program before that has begun: in Python's way.

What they say is UTF-8. On Windows a file or a pipe would else get the code page of old programs (cp1252 in most of
Europe), in which many names cannot be written and which no editor of today expects; a console is told in Unicode anyway
(PEP 528), and from Python 3.15 on all of it is UTF-8 everywhere (PEP 686). Who sets PYTHONIOENCODING has said what he
wants. Elsewhere the locale decides, as always.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Callable, Mapping, NoReturn


def run(main: Callable[[], int]) -> NoReturn:
    """Call ``main`` and end the process at once, with the exit code that it returns. What it raises is Python's."""
    if sys.platform == "win32":
        speak_utf8(os.environ)
    os._exit(main())


def speak_utf8(environ: Mapping[str, str]) -> None:
    """From now on the standard streams are UTF-8, unless ``environ`` has another wish. There may be none (pythonw)."""
    if environ.get("PYTHONIOENCODING"):
        return
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
