"""Lines for somebody who may not read them: a terminal that was stopped, a pipe that broke, a disk that is full.

Who watches must not hurt who works. Writing to a terminal, a pipe or a file can wait for ever and can fail, so whoever
has something to say only hands the line to an `Outlet`, which never waits and never raises; a thread of the outlet's
own does the writing. What waits is bounded: when the outlet is full, further lines are counted instead, and the count
stands where they are missing. An outlet whose writing fails is switched off for good, and says so once, in one
sentence, to whoever still listens.

Lines leave whole. Only one thread writes to a stream, with one system call for a line or for several short ones: what
a pipe takes at once is never mixed with what another process writes to it (POSIX, ``write``: `CHUNK` in bytes).

An outlet owns its thread, its lines and the lock that guards them. The thread is a daemon: if it waits for ever, so be
it; `Outlet.stop` says so, and ``ending.py`` ends the process all the same.
"""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional, TextIO

Write = Callable[[str], None]
"""Writes whole lines, each with its ``\\n``. May wait for ever; whatever it raises switches the outlet off."""

MOST = 10_000
"""Lines that wait at most."""

MOST_TEXT = 8 * 1024 * 1024
"""Characters that wait at most, if they are several lines: a roster of 50,000 as one line of JSON has about as many."""

CHUNK = 1024
"""Characters that are written at once, if they are several lines: at most 4,096 bytes in UTF-8, which is what a pipe on
Linux takes in one piece (PIPE_BUF)."""

PAUSE = 0.05
"""Seconds until another try, where somebody has set our terminal to refuse instead of letting us wait."""


class StandardStream:
    """Writes to ``sys.stdout`` or ``sys.stderr`` past Python's buffers: what could not be written must not come again
    at the end of the process. Characters that the stream cannot show are escaped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._raw: Optional[io.RawIOBase] = None
        try:
            self._raw = open(stream.fileno(), "wb", buffering=0, closefd=False)  # noqa: SIM115
        except (OSError, ValueError, AttributeError):
            pass  # no file at all, such as the shell of IDLE

    def __call__(self, text: str) -> None:
        """Write it all. Raises OSError or ValueError."""
        data = text.encode(self._encoding, "backslashreplace")
        if self._raw is None:
            self._stream.write(data.decode(self._encoding))
            self._stream.flush()
            return
        rest = memoryview(data.replace(b"\n", os.linesep.encode()))
        while rest:
            taken = self._raw.write(rest)
            if taken is None:
                time.sleep(PAUSE)
            else:
                rest = rest[taken:]


def standard(stream: Optional[TextIO]) -> Optional[Write]:
    """How to write to a standard stream; None where the process was started without it."""
    return None if stream is None else StandardStream(stream)


def lines_are_missing(count: int) -> str:
    """The line that stands for those that were dropped."""
    return f"({count} {'line is' if count == 1 else 'lines are'} missing here: nobody took more)"


class Outlet:
    """Takes lines from any thread and hands them to ``write`` in its own. Thread-safe; nothing but `stop` ever waits.

    ``name`` is what people call it. ``write`` None is an outlet that was never there: it takes everything and shows
    nothing. ``trouble`` gets a sentence, without its full stop, when lines are dropped for the first time and when the
    outlet is switched off (`failure` says why), in the thread in which that happens; it must not wait either.
    ``missing`` makes the line that stands for so many that were dropped.
    """

    def __init__(
        self,
        name: str,
        write: Optional[Write],
        trouble: Callable[[str], None],
        missing: Callable[[int], str] = lines_are_missing,
    ) -> None:
        self.name = name
        self.failure: Optional[Exception] = None
        self._write = write
        self._trouble = trouble
        self._missing = missing
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        # Guards what is below, and wakes the thread when it changes.
        self._changed = threading.Condition(threading.Lock())
        self._lines: Deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._has_dropped = False
        self._stopping = False
        self._off = write is None

    def start(self) -> None:
        """Start the thread. What was put before is not lost."""
        self._thread.start()

    @property
    def is_off(self) -> bool:
        """True if there was nothing to write to, or it has failed: a line for it need not be made."""
        return self._off

    @property
    def reader_has_gone(self) -> bool:
        """True once a write has found that whoever read this has gone (``| head``)."""
        failure = self.failure
        if isinstance(failure, BrokenPipeError):
            return True
        # The C library of Windows has this for it.
        return os.name == "nt" and isinstance(failure, OSError) and failure.errno == errno.EINVAL

    def put(self, line: str) -> None:
        """Hand over a line, without its end. What comes after `stop` is dropped."""
        with self._changed:
            if self._off or self._stopping:
                return
            # Once something is missing, so is all up to where that is said.
            is_full = len(self._lines) >= MOST or (self._lines and self._size + len(line) > MOST_TEXT)
            if self._dropped or is_full:
                self._dropped += 1
                if self._has_dropped:
                    return
                self._has_dropped = True
            else:
                self._lines.append(line)
                self._size += len(line)
                self._changed.notify()
                return
        self._trouble(f"{self.name} takes no more: what it should show is dropped and counted")

    def stop(self, patience: float) -> bool:
        """Write what waits, and join the thread. False if that took longer than so many seconds: then it never ends."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(max(0.0, patience))
        return not self._thread.is_alive()

    # --- the outlet's thread ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._write is not None:
            text = self._take()
            if not text:
                return
            try:
                self._write(text)
            except Exception as error:
                self._switch_off(error)
                return

    def _take(self) -> str:
        """Wait for a line; it and those after it that leave together. Empty when there will be no more."""
        taken: List[str] = []
        size = 0
        with self._changed:
            while not self._lines and not self._stopping:
                self._changed.wait()
            while self._lines and (not taken or size + len(self._lines[0]) < CHUNK):
                line = self._lines.popleft()
                self._size -= len(line)
                size += len(line) + 1
                taken.append(line)
            if self._dropped and not self._lines:
                taken.append(self._missing(self._dropped))
                self._dropped = 0
        return "".join(f"{line}\n" for line in taken)

    def _switch_off(self, error: Exception) -> None:
        with self._changed:
            self._off = True
            self._lines.clear()
            self._size = self._dropped = 0
        self.failure = error
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._trouble(f"{self.name} is switched off: {why}")
