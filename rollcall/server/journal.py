"""Log lines of the server's threads, written by a thread of their own.

Making and formatting a log record reaches deep into a thread's stack, and those pages stay with the thread: 6 KiB of
the memory of each idle handler (measured with Python 3.11 on Linux). And a slow disk or terminal would hold up whoever
logs. So others only put the bare facts into a queue, and the ``journal`` thread makes log lines of them, in order and
with the time at which they were noted.

It writes what has gathered in `GATHER` seconds. A class that joins at once would wake it for each of them otherwise,
and a tenth of the server's time would go into lines that nobody can read so fast.

What is noted is bounded twice. Beyond `MOST` notes that wait, further ones are only counted. And nobody fills the log
alone: of each kind of line about one address only so many are written in `PERIOD` seconds, the others are counted, and
one line then says how many there were. Each kind has its own share, so that rubbish from one machine behind a router
does not hide who joins and leaves behind the same router.

It owns its thread, its queue and the table of shares. `Journal.stop` writes what is still in the queue; what comes
later is written directly.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Callable, Dict, NamedTuple, Optional, Tuple

from rollcall.wire.clock import monotonic
from rollcall.wire.text import counted

log = logging.getLogger("rollcall.journal")

GATHER = 0.2
"""Seconds from the first note that waits to its line, at most."""

MOST = 10_000
"""Notes that wait at most, while a terminal takes no more."""

STUCK_AFTER = 2.0
"""Seconds that `Journal.stop` waits for a line to be written. Then it never will be."""


PERIOD = 60.0
"""Seconds in which the lines of one kind about one address are counted together."""

FAULTS_AT_ONCE = 20
"""Lines of one kind about one address in a period, if they tell of a fault (WARNING or worse) or of somebody who is no
member: browsers, scanners, those who are refused. An honest client makes one, and then it has gone."""

LEAST_AT_ONCE = 100
"""The same for what members do, however few there may be: a whole class may sit behind one router."""

MOST_SHARES = 1000
"""Kinds and addresses with a share of their own. One peer may have as many addresses as it likes (IPv6): beyond that
number all others have one together."""

OTHERS = "other addresses"


class _Note(NamedTuple):
    wall: float
    about: str
    most: int
    logger: logging.Logger
    level: int
    message: str
    facts: Tuple[object, ...]


@dataclass
class _Share:
    """What became of the lines of one kind about one address. ``ends`` is monotonic seconds."""

    ends: float
    left: int
    level: int
    hidden: int = 0
    last: str = ""


class Journal:
    """Hands log lines to one thread. Thread-safe; facts must not change any more.

    ``clock`` is monotonic seconds, ``wall_clock`` is Unix time. ``most_at_once`` is how many lines of one kind about
    one address may come in `PERIOD`, if they are about members (`LEAST_AT_ONCE` at least); else `FAULTS_AT_ONCE`.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = monotonic,
        most_at_once: int = LEAST_AT_ONCE,
    ) -> None:
        self._wall_clock = wall_clock
        self._clock = clock
        self._most_at_once = max(LEAST_AT_ONCE, most_at_once)
        self._notes: queue.SimpleQueue[Optional[_Note]] = queue.SimpleQueue()
        self._dropped = 0
        self._stopping = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        # The journal's thread only, until it has ended. By address and message; each lasts as long as the others, so
        # the first one that was begun is the first one to end.
        self._shares: Dict[Tuple[str, str], _Share] = {}
        self._hiding = 0  # how many of them hide something

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
        self._end_shares(math.inf)
        self._stopped = True
        return True

    def note(
        self, logger: logging.Logger, level: int, message: str, *facts: object, about: str = "", member: bool = False
    ) -> None:
        """As ``logger.log(level, message, *facts)``, but soon and elsewhere. ``about`` is the address of the peer that
        caused it, if one did, and ``member`` says whether it has registered."""
        if not logger.isEnabledFor(level):
            return
        if self._notes.qsize() >= MOST:
            self._dropped += 1  # by several threads at once perhaps: about so many
            return
        most = self._most_at_once if member and level < logging.WARNING else FAULTS_AT_ONCE
        self._notes.put(_Note(self._wall_clock(), about, most, logger, level, message, facts))
        if self._stopping.is_set() and not self._thread.is_alive():
            self._write_waiting()

    def note_exception(self, logger: logging.Logger, message: str, *facts: object, about: str = "") -> None:
        """As ``logger.exception``: an error of ours, with the traceback of the exception that is being handled."""
        self.note(logger, logging.ERROR, message + "\n%s", *facts, traceback.format_exc().rstrip(), about=about)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._write(self._notes.get(timeout=self._patience()))
                self._stopping.wait(GATHER)
            except queue.Empty:
                pass  # a period has ended
            self._write_waiting()

    def _patience(self) -> Optional[float]:
        """Seconds until it must be said how many lines there were; None while that is nothing."""
        if not self._hiding:
            return None
        first = next(iter(self._shares.values()))
        return max(0.0, first.ends - self._clock())

    def _write_waiting(self) -> None:
        self._end_shares(self._clock())
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
        if note is not None and not self._is_hidden(note):
            record = note.logger.makeRecord(note.logger.name, note.level, __file__, 0, note.message, note.facts, None)
            record.created, record.msecs = note.wall, float(int(note.wall % 1 * 1000))
            note.logger.handle(record)

    def _is_hidden(self, note: _Note) -> bool:
        """Count a line that is about an address; True if there were too many of its kind. Not those that somebody
        asked for by ``--verbose``, and not those after the end, which come from several threads."""
        if not note.about or note.level < logging.INFO or self._stopped:
            return False
        key = (note.about, note.message)
        if key not in self._shares and len(self._shares) >= MOST_SHARES:
            key = (OTHERS, note.message)
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = _Share(self._clock() + PERIOD, note.most, note.level)
        if share.left:
            share.left -= 1
            return False
        self._hiding += not share.hidden
        share.hidden += 1
        share.last = (note.message % note.facts).partition("\n")[0]
        return True

    def _end_shares(self, now: float) -> None:
        """Say how many lines were hidden in each period that has ended."""
        while self._shares:
            key, share = next(iter(self._shares.items()))
            if share.ends > now:
                return
            del self._shares[key]
            if share.hidden:
                self._hiding -= 1
                about = key[0]
                log.log(share.level, "lines left out about %s: %d, the last: %s", about, share.hidden, share.last)
