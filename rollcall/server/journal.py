"""Log lines of the server's threads, written by a thread of their own.

Making and formatting a log record reaches deep into a thread's stack, and those pages stay with the thread: 6 KiB of
the memory of each idle handler (measured with Python 3.11 on Linux). And a slow disk or terminal would hold up whoever
logs. So others only put the bare facts into a queue, and the ``journal`` thread makes log lines of them, in order and
with the time at which they were noted.

It writes what has gathered in `GATHER` seconds. A class that joins at once would wake it for each of them otherwise,
and a tenth of the server's time would go into lines that nobody can read so fast.

Whoever logs from another thread of the server waits for the terminal, and one that nobody reads (Ctrl-S, a pipe) holds
everything up. So all of them note instead, and what is noted is bounded: beyond `MOST` lines they are only counted.

It owns its thread and its queue. `Journal.stop` writes what is still in the queue; what comes later is written
directly.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from typing import Callable, NamedTuple, Optional, Tuple

from rollcall.wire.text import counted

log = logging.getLogger("rollcall.journal")

GATHER = 0.2
"""Seconds from the first note that waits to its line, at most."""

MOST = 10_000
"""Notes that wait at most, while a terminal takes no more."""

STUCK_AFTER = 2.0
"""Seconds that `Journal.stop` waits for a line to be written. Then it never will be."""


class _Note(NamedTuple):
    wall: float
    logger: logging.Logger
    level: int
    message: str
    facts: Tuple[object, ...]


class Journal:
    """Hands log lines to one thread. Thread-safe; facts must not change any more. ``wall_clock`` is Unix time."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self._wall_clock = wall_clock
        self._notes: queue.SimpleQueue[Optional[_Note]] = queue.SimpleQueue()
        self._dropped = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Write everything that was noted, and join the thread. False if whatever shows the log takes no more."""
        self._stopping.set()
        self._notes.put(None)
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                return False
        self._write_waiting()
        return True

    def note(self, logger: logging.Logger, level: int, message: str, *facts: object) -> None:
        """As ``logger.log(level, message, *facts)``, but soon and elsewhere."""
        if not logger.isEnabledFor(level):
            return
        if self._notes.qsize() >= MOST:
            self._dropped += 1  # by several threads at once perhaps: about so many
            return
        self._notes.put(_Note(self._wall_clock(), logger, level, message, facts))
        if self._stopping.is_set() and not self._thread.is_alive():
            self._write_waiting()

    def note_exception(self, logger: logging.Logger, message: str, *facts: object) -> None:
        """As ``logger.exception``: an error of ours, with the traceback of the exception that is being handled."""
        self.note(logger, logging.ERROR, message + "\n%s", *facts, traceback.format_exc().rstrip())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._write(self._notes.get())
            self._stopping.wait(GATHER)
            self._write_waiting()

    def _write_waiting(self) -> None:
        while True:
            try:
                note = self._notes.get_nowait()
            except queue.Empty:
                break
            self._write(note)
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("%s dropped: the log took no more", counted(dropped, "line"))

    def _write(self, note: Optional[_Note]) -> None:
        if note is not None:
            record = note.logger.makeRecord(note.logger.name, note.level, __file__, 0, note.message, note.facts, None)
            record.created, record.msecs = note.wall, float(int(note.wall % 1 * 1000))
            note.logger.handle(record)
