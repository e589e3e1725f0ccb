"""The log file: it has a bound, and somebody may move it.

`logging.handlers` has one class that keeps a file below a size and another that notices when the file was moved
(``logrotate``, a person who tidies up); this is both. When it is full it becomes ``….1``, the older one of that name
goes, and a new one begins. If it was moved or deleted, a new one begins under the old name.

It takes lines, not log records, and says what went wrong by raising: who calls it is an `Outlet`, in a thread that may
wait for a disk. Devices and pipes are written to as they are.
"""

from __future__ import annotations

import contextlib
import os
import stat
from logging.handlers import RotatingFileHandler
from pathlib import Path

MEGABYTE = 1_000_000


class LogFile(RotatingFileHandler):
    """Lines in the file at ``path``, which is opened at once (OSError) and holds at most so many ``megabytes``; 0 is no
    limit. For one thread."""

    def __init__(self, path: Path, megabytes: float) -> None:
        super().__init__(
            path, maxBytes=int(megabytes * MEGABYTE), backupCount=1, encoding="utf-8", errors="backslashreplace"
        )

    def write(self, text: str) -> None:
        """Append whole lines. Raises OSError or ValueError; then they are not in the file, or not all."""
        try:
            self._make_room(text)
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                self.close()  # what is still in the buffer fails once more, and is forgotten
            raise

    def _make_room(self, text: str) -> None:
        ours = os.fstat(self.stream.fileno())
        if not stat.S_ISREG(ours.st_mode):
            return
        if self._was_moved(ours):
            self.stream.close()
            self.stream = self._open()
            ours = os.fstat(self.stream.fileno())
        if self.maxBytes and ours.st_size and ours.st_size + len(text.encode()) > self.maxBytes:
            self.doRollover()

    def _was_moved(self, ours: os.stat_result) -> bool:
        if os.name == "nt":
            return False  # an open file cannot be moved there
        try:
            return not os.path.samestat(ours, os.stat(self.baseFilename))
        except FileNotFoundError:
            return True
