"""Signals that ask a program to end: noted in a queue, looked at where the program waits anyway.

A handler runs between two instructions of the main thread, whatever locks that thread holds. So it only puts the
signal's number into a `queue.SimpleQueue`, whose ``put`` is documented to be reentrant (a `threading.Event` is not: its
lock may be held by the very code that the signal interrupts).

A signal that is ignored when the program starts stays ignored: whoever started it wished so, with ``nohup``, or with
``&`` in a script, where Ctrl-C is for the program in the foreground (POSIX, shell command language, 2.11).
"""

from __future__ import annotations

import math
import queue
import signal
import time
from types import FrameType
from typing import Optional

from rollcall.program.windows_ends import watch_ends

GOODBYES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""The names of the signals that are caught, where the platform has them. SIGHUP: the terminal was closed, or its user
has logged out. Windows has SIGBREAK for both and for Ctrl-Break."""

SAME_SIGNAL = 0.3
"""Seconds within which a second signal is the first once more: a terminal's Ctrl-C and a service manager reach every
process of a program, and an executable of one file is two, of which the outer passes on what it gets."""

_HANG_UP = getattr(signal, "SIGHUP", None)

STEP = 0.5
"""Seconds: a wait without end cannot be interrupted on Windows."""


class Signals:
    """Catches the signals from now on. For the main thread, in which Python runs signal handlers.

    A second one, later than `SAME_SIGNAL`, does not wait for an orderly end: it does what the system does by default.
    Not so SIGHUP: no person sends it, and a terminal that closes sends it as often as it likes.
    """

    def __init__(self) -> None:
        self._caught: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._begun = math.inf
        for name in GOODBYES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        # Last, because it is asked first: what it looks after would else be a SIGBREAK for which nobody waits.
        self._stop_watching = watch_ends(self._note_end)

    @property
    def pending(self) -> bool:
        """True once a signal has come, until `wait` has returned it."""
        return not self._caught.empty()

    def wait(self, seconds: float = math.inf) -> Optional[int]:
        """Wait for a signal, at most so long; its number, or None."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            try:
                return self._caught.get(timeout=max(0.0, min(STEP, left)))
            except queue.Empty:
                if left <= STEP:
                    return None

    def close(self) -> None:
        """All goodbyes are said. Only for who goes on without them: with the process it ends by itself, and who waits
        for that (see ``windows_ends.py``) should wait until then."""
        self._stop_watching()

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        now = time.monotonic()
        if self._begun == math.inf:
            self._begun = now
            self._caught.put(number)
        elif now - self._begun > SAME_SIGNAL and number != _HANG_UP:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def _note_end(self) -> None:
        """Windows ends the program, or the session; called in a thread of the system's."""
        if self._begun == math.inf:
            self._begun = time.monotonic()
            self._caught.put(getattr(signal, "SIGBREAK", signal.SIGTERM))
