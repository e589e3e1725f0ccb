"""The record's thread: what happens in the room goes into the database, and nobody waits for it.

Whoever has a fact (a stay began, a mark was made) gives it to `Record.put`, which only puts it into a queue. The
``record`` thread takes what has gathered in `GATHER` seconds and writes it in one transaction: a class that joins at
the bell is one commit. A fact is a whole row under its key, so the last one counts, and one that is written twice does
no harm. That is why trouble is simple: if the disk is full, the database locked or the folder gone, the rows stay in
memory, are tried again with all that came since, and one line in the log says so, and one when it is over. The same
holds for what else is done in this thread (`Record.do`), such as the table of a lesson in its folder.

Bounds: `MOST_WAITING` facts in the queue, `MOST_KEPT` rows in memory while nothing can be written. What is beyond them
is lost, counted and told. ``kill -9`` or a power cut costs what came in the last `GATHER` seconds and one commit, and
before that in the turn of the class (`arrivals`): three or four seconds of those who join. While somebody is here, the
run's last sign of life is written every `BEAT` seconds: after a crash a stay that was open ends then. One row says it
for all of them.

The thread also forgets: what is older than ``days``, and the ids of devices as soon as no lesson needs them.

It owns the thread, the queue and, in that thread alone, the database. `Record.stop` writes what is left.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Set, Tuple, Union

from rollcall.program.os_errors import reason
from rollcall.server.facts import Stay
from rollcall.server.journal import Journal
from rollcall.server.record_file import NAME, RecordError, WritableRecord, said, sqlite
from rollcall.server.record_tables import (
    Fact,
    Row,
    after_crash,
    devices_go,
    end_of_run,
    forget_before,
    is_open,
    moves_devices,
    row_of,
    sign_of_life,
    start_of_run,
)
from rollcall.wire.clock import monotonic
from rollcall.wire.text import counted

log = logging.getLogger("rollcall.record")

GATHER = 1.0
"""Seconds from the first fact that waits to its commit, at most, on a disk that works."""

BEAT = 5.0
"""Seconds between two signs of life of a run in which somebody is here. With `GATHER` and a commit: below 10."""

MOST_WAITING = 10_000
"""Facts in the queue. It is emptied every second, so only a disk that hangs can fill it."""

MOST_KEPT = 50_000
"""Rows in memory that cannot be written, some 50 MB."""

RETRY = 5.0
RETRY_MOST = 60.0
"""Seconds until a database that could not be written is tried again; twice as long each time, up to the latter."""

STUCK_AFTER = 2.0
"""Seconds that `Record.stop` waits for the last commit. What is open then ends as after a crash."""

MOST_UNDONE = 1000
"""Acts that could not be done and are tried again."""

TELL_AGAIN = 60.0
"""Seconds between two lines about facts that were lost."""

CLEAN_EVERY = 6 * 3600.0
"""Seconds between two looks for what has become too old. At the start of a run there is one as well."""

DAY = 86_400.0

Act = Callable[[], None]


class NotYet(Exception):
    """An act that was given to `Record.do` cannot be done now, and whoever reads the log knows why."""


class Record:
    """Writes facts into the record in ``folder``. `put`, `do` and `trouble` are for any thread, and never wait.

    ``days`` is for how long it is kept; ``log_file`` is where this run's log goes, so that names in it can be forgotten
    as well. ``clean`` is called in the record's thread with a Unix time before which nothing is to be kept: for what
    lies beside the database. ``wall_clock`` is Unix time, the same that the facts have; ``clock`` monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        days: float = 180,
        log_file: Optional[Path] = None,
        clean: Callable[[float], None] = lambda before: None,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.folder = folder
        self.run = int(wall_clock() * 1000)
        self.trouble = ""  # why nothing can be written at the moment, for people; replaced as a whole
        self._journal, self._days, self._clean = journal, days, clean
        self._wall_clock, self._clock = wall_clock, clock
        self._waiting: queue.SimpleQueue[Union[Fact, Act, None]] = queue.SimpleQueue()
        self._lost = 0  # facts, since that was told
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="record", daemon=True)
        # The record's thread only, from here on.
        self._database: Optional[WritableRecord] = None
        self._is_off = False
        self._rows: Dict[Tuple[str, Any], Row] = {}
        self._open: Set[str] = set()  # stays and lessons
        self._ended: Set[str] = set()  # stays, those of late
        self._devices_go = False
        self._beat_at = self._clean_at = self._again_at = self._tell_at = clock()
        self._retry = RETRY
        self._undone: Dict[Act, str] = {}  # and what was told of each
        self._undone_at = clock()
        self._keep(start_of_run(self.run, wall_clock(), None if log_file is None else str(log_file.absolute())))

    def start(self) -> None:
        """Start the thread, which opens the database."""
        self._thread.start()

    def put(self, *facts: Fact) -> None:
        """These happened. They must not change any more."""
        self._put(*facts)

    def do(self, act: Act) -> None:
        """Have something done in the record's thread after what was put before: writing a report, for example. If it
        raises OSError the log says so and it is tried again, until it is done or the server stops; `NotYet` says
        nothing. Two that are equal are one. Of a bug, or `RecordError`, there is only a line."""
        self._put(act)

    @property
    def is_open(self) -> bool:
        """Whether the database could be written the last time. For the record's thread."""
        return self._database is not None

    def _put(self, *things: Union[Fact, Act]) -> None:
        for thing in things:
            if self._waiting.qsize() >= MOST_WAITING:
                self._lost += 1  # by several threads at once perhaps: about so many
            else:
                self._waiting.put(thing)

    def stop(self) -> bool:
        """Write what is left and join the thread; False if the disk takes too long. Put the ends of all stays first."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
        return not self._thread.is_alive()

    # --- the record's thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        self._turn()  # what is wrong with the database is told now, and not at the bell
        while not self._stopping.is_set():
            try:
                self._take(self._waiting.get(timeout=BEAT / 2))
                self._stopping.wait(GATHER)
            except queue.Empty:
                pass  # time for a sign of life
            self._turn()
        self._turn(last=True)
        if self._rows and not self._is_off:
            message = "%s could not be written and are lost: %s"
            self._say(logging.ERROR, message, counted(len(self._rows), "row"), self.trouble)
        for told in filter(None, self._undone.values()):
            self._say(logging.ERROR, "this lasted until the end, and what waited for it is lost: %s", told)
        self._close()

    def _turn(self, last: bool = False) -> None:
        """Take all that waits, and write it if there is something to write."""
        while True:
            try:
                self._take(self._waiting.get_nowait())
            except queue.Empty:
                break
        if self._lost and (self._clock() >= self._tell_at or last):
            lost, self._lost = self._lost, 0
            self._tell_at = self._clock() + TELL_AGAIN
            self._say(logging.WARNING, "%s lost: the disk does not take them", counted(lost, "fact"))
        try:
            self._write(last)
        except RecordError as error:
            self._is_off, self.trouble = True, str(error)
            self._rows.clear()
            self._say(logging.ERROR, "there is no record: %s", error)
        except Exception as error:
            self._fail(error)
        if self._undone and (self._clock() >= self._undone_at or last):
            self._undone_at = self._clock() + RETRY
            for act in list(self._undone):
                self._do(act)

    def _take(self, thing: Union[Fact, Act, None]) -> None:
        try:
            if callable(thing):
                self._do(thing)
            elif thing is not None and not self._is_outdated(thing):
                self._keep(row_of(thing, self.run, self._wall_clock()))
                self._note(thing)
        except Exception:
            self._journal.note_exception(log, "a fact could not be recorded")

    def _is_outdated(self, fact: Fact) -> bool:
        """What goes on after it has ended: the begin of a stay, that was handed on by another thread and came later."""
        if not isinstance(fact, Stay):
            return False
        if fact.end is None:
            return fact.id in self._ended
        if len(self._ended) >= MOST_WAITING:
            self._ended.clear()
        self._ended.add(fact.id)
        return False

    def _do(self, act: Act) -> None:
        told, trouble = self._undone.pop(act, ""), ""
        try:
            act()
            if told:
                self._say(logging.INFO, "this is over, and what waited for it is done: %s", told)
            return
        except NotYet:
            pass
        except OSError as error:
            trouble = f"{error.filename or 'a file'} cannot be written: {reason(error)}"
            if trouble != told:
                self._say(logging.ERROR, "%s; the server goes on, and tries again", trouble)
        except RecordError as error:
            self._say(logging.ERROR, "%s", error)
            return
        if len(self._undone) < MOST_UNDONE:
            self._undone[act] = trouble

    def _keep(self, row: Row) -> None:
        """A row waits for the next commit, in the place of an older one of the same key."""
        if self._is_off:
            return
        key = row.key
        if key not in self._rows and len(self._rows) >= MOST_KEPT:
            self._lost += 1
            return
        self._rows[key] = row

    def _note(self, fact: Fact) -> None:
        """What goes on, and whether devices may be forgotten."""
        self._devices_go |= moves_devices(fact)
        if is_open(fact):
            self._open.add(fact.id)
        else:
            self._open.discard(fact.id)

    def _write(self, last: bool) -> None:
        now = self._clock()
        beat = bool(self._open) and now >= self._beat_at
        clean = now >= self._clean_at
        if self._is_off or not (self._rows or beat or clean or last) or (now < self._again_at and not last):
            return
        first = self._database is None
        if self._database is None:
            self._database = WritableRecord(self.folder, self._wall_clock)
            if self._database.set_aside is not None:
                message = "the record was damaged: it was put aside as %s, and a new one begins"
                self._say(logging.ERROR, message, self._database.set_aside)
        wall = self._wall_clock()
        then = after_crash(self.run) if first else []
        then += sign_of_life(self.run, wall) if beat else []
        then += end_of_run(self.run, wall) if last else []
        then += devices_go() if self._devices_go or first or last else []
        for wrong in self._database.write(list(self._rows.values()), then):
            self._say(logging.ERROR, "a row that the record does not take was left out: %s", wrong)
        if self.trouble:
            self._say(logging.INFO, "the record is written again: %s", counted(len(self._rows), "row"))
        self._rows.clear()
        self._devices_go, self.trouble, self._retry = False, "", RETRY
        self._beat_at = now + BEAT if beat else self._beat_at
        if clean:
            self._clean_at = now + CLEAN_EVERY
            self._forget_old(self._database, wall - self._days * DAY)

    def _forget_old(self, database: WritableRecord, before: float) -> None:
        if database.run(forget_before(before)):
            database.shrink()
        self._take(partial(self._clean, before))

    def _fail(self, error: Exception) -> None:
        """Nothing could be written; the rows stay. One line says so, until it is over."""
        self._close()
        is_new = not self.trouble
        self.trouble = f"{self.folder / NAME} cannot be written: {said(error)}"
        self._again_at = self._clock() + self._retry
        self._retry = min(RETRY_MOST, 2 * self._retry)
        if not isinstance(error, (sqlite().Error, OSError)):
            self._journal.note_exception(log, "the record failed")
        elif is_new:
            self._say(logging.ERROR, "%s; the server goes on, and tries again", self.trouble)

    def _close(self) -> None:
        database, self._database = self._database, None
        try:
            if database is not None:
                database.close()
        except (sqlite().Error, OSError) as error:
            self._say(logging.WARNING, "the record could not be closed: %s", said(error))

    def _say(self, level: int, message: str, *facts: object) -> None:
        self._journal.note(log, level, message, *facts)
