"""Where the server can be watched: standard output, the log on stderr, the log file, the trace.

Each is an `Outlet` with a thread of its own, so that one which fails or hangs hurts neither the server nor the others:
it is switched off, or misses lines, and the others say so. Nothing else in the server may write to a stream, and
nothing that logs can wait: the root logger has no handlers but those that hand a line to an outlet.

`Observers` owns the outlets. It begins before the settings are read, because what is wrong with them must be said, and
ends after everything else.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Optional

from rollcall.program.outlet import Outlet, standard
from rollcall.server.log_file import LogFile
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import Connection, trace_line

log = logging.getLogger("rollcall.server")

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"

LAST_LINES = 1.0
"""Seconds that all outlets together have for what still waits when the server has stopped."""


class _ToOutlet(logging.Handler):
    """Hands log records to an outlet, as lines.

    Without the lock of `logging.Handler`: nothing here waits, and an outlet in trouble logs that to the others.
    """

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet
        self.setFormatter(logging.Formatter(FORMAT))

    def handle(self, record: logging.LogRecord) -> bool:
        """Never raises: a line that cannot be made is a bug of ours, and no reason to end anybody's conversation."""
        try:
            line = self.format(record)
        except Exception as error:
            line = f"a log line could not be made of {record.msg!r} and {record.args!r}: {error!r}"
        self._outlet.put(line)
        return True


class Observers:
    """Everything that shows what the server does. All methods but `stop` return at once, whoever watches."""

    def __init__(self) -> None:
        self._trace_failed = False
        self._stdout = Outlet("stdout", standard(sys.stdout), self._tell)
        self._stderr = Outlet("stderr", standard(sys.stderr), self._tell)
        self._file: Optional[Outlet] = None
        self._log_file: Optional[LogFile] = None
        self._stdout.start()
        self._stderr.start()

    def start_logging(self, verbose: bool, path: Optional[Path], megabytes: float) -> None:
        """From now on what is logged goes to stderr and to the file at ``path``. Raises OSError if that cannot be
        opened."""
        outlets = [self._stderr]
        if path is not None:
            self._log_file = LogFile(path, megabytes)
            self._file = Outlet(f"the log file {path}", self._log_file.write, self._tell)
            self._file.start()
            outlets.append(self._file)
        level = logging.DEBUG if verbose else logging.INFO
        logging.basicConfig(level=level, handlers=[_ToOutlet(outlet) for outlet in outlets])

    def say(self, *lines: str) -> None:
        """Lines for whoever has started the server."""
        for line in lines:
            self._stdout.put(line)

    @property
    def has_stdout(self) -> bool:
        """False if the program was started without one, or nobody reads it any more."""
        return not self._stdout.is_off

    def complain(self, line: str) -> None:
        """What keeps the server from running."""
        self._stderr.put(line)

    def note_in_file(self, message: str) -> None:
        """A line in the log file alone: on a terminal it can be read already."""
        if self._file is not None:
            record = log.makeRecord(log.name, logging.INFO, __file__, 0, message, (), None)
            _ToOutlet(self._file).handle(record)

    def trace(self, direction: str, connection: Connection, data: bytes) -> None:
        """A line on the wire; in the thread of whoever sends or has received it, which keeps their order. Not even a
        bug in here ends that conversation."""
        if self._stdout.is_off or self._trace_failed:
            return
        try:
            self._stdout.put(trace_line(direction, connection, data))
        except Exception:
            self._trace_failed = True
            # Not through `logging`: it makes an object for each thread that it does not know, and keeps it.
            self._stderr.put("the trace failed and is switched off: " + traceback.format_exc().rstrip())

    def stop(self) -> bool:
        """Write what waits, in `LAST_LINES` seconds at most. False if somebody did not take it."""
        deadline = monotonic() + LAST_LINES
        outlets = [outlet for outlet in (self._stdout, self._file, self._stderr) if outlet is not None]
        ended = [outlet.stop(deadline - monotonic()) for outlet in outlets]
        if self._log_file is not None and all(ended):
            self._log_file.close()
        return all(ended)

    def _tell(self, trouble: str) -> None:
        log.warning("%s", trouble)
