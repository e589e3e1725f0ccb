"""The log file: it has a bound, and somebody may move it.

`logging.handlers` has one class that keeps a file below a size and another that notices when the file was moved
(``logrotate``, a person who tidies up); this is both. When it is full it becomes ``….1``, the older one of that name
goes, and a new one begins. If it was moved or deleted, a new one begins under the old name. A line ends in one byte on
every system, so that the bound is counted as it is written.

It takes lines, not log records, and says what went wrong by raising: who calls it is an `Outlet`, in a thread that may
wait for a disk. Devices and pipes are written to as they are.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import BinaryIO, Optional

from rollcall.program.files import move, patiently

MEGABYTE = 1_000_000


class LogFile:
    """Lines in the file at ``path``, which is opened at once (OSError) and holds at most so many ``megabytes``; 0 is no
    limit. For one thread."""

    def __init__(self, path: Path, megabytes: float) -> None:
        self._path = os.path.abspath(path)
        self._most = int(megabytes * MEGABYTE)
        self.stream: Optional[BinaryIO] = self._open()

    def _open(self) -> BinaryIO:
        return patiently(lambda: open(self._path, "ab"))

    def write(self, text: str) -> None:
        """Append whole lines. Raises OSError or ValueError; then they are not in the file, or not all."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            stream = self._with_room(len(data))
            stream.write(data)
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                self.close()  # what is still in the buffer fails once more, and is forgotten
            raise

    def close(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            stream.close()

    def _with_room(self, size: int) -> BinaryIO:
        if self.stream is None:
            raise ValueError("the log file is closed")
        ours = os.fstat(self.stream.fileno())
        if not stat.S_ISREG(ours.st_mode):
            return self.stream
        if self._was_moved(ours):
            return self._again()
        if self._most and ours.st_size and ours.st_size + size > self._most:
            self.close()  # Windows moves no file that is open
            move(Path(self._path), Path(f"{self._path}.1"))
            return self._again()
        return self.stream

    def _again(self) -> BinaryIO:
        self.close()
        self.stream = self._open()
        return self.stream

    def _was_moved(self, ours: os.stat_result) -> bool:
        if os.name == "nt":
            return False  # an open file cannot be moved there
        try:
            return not os.path.samestat(ours, os.stat(self._path))
        except FileNotFoundError:
            return True
