"""Class, lesson and record of one run of the server: between the room, in which people come and go, and the book.

A room without a class pays nothing: every call returns at its first line until `open` was called, by the start with
``--class``, by a teacher who chooses one, or because everything is to be recorded. Then a `LessonBook` is told who
comes, falls silent, is heard again and goes; what is new is handed on to the record; teachers who follow get the class.

One thread, ``classroom``, wakes every second while there is a class: bells, estimates, and one message to each who
follows, if something has changed. Nobody waits for it, and it waits for nobody's socket. Handlers call the book
themselves, each for its own member; a heartbeat never comes here.

It owns that thread and one lock, which guards who follows. The book and the record have their own.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from protocol import LOST, Entry, Error, encode
from rollcall.program.awake import Awake
from rollcall.server.config import ServerConfig
from rollcall.server.journal import Journal
from rollcall.server.timetable import read_bells
from rollcall.wire.class_messages import ClassList, PersonRow, Vanished
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import BACKLOGGED, Connection
from rollcall.wire.messages import ANOTHER_CLASS, MEMBER, Notice
from rollcall.wire.text import counted, printable

if TYPE_CHECKING:  # a server without a class does without them
    from rollcall.server.classes import ClassFolder
    from rollcall.server.lesson import Answer, LessonBook
    from rollcall.server.lesson_state import Fact, WallTime
    from rollcall.server.record import Record
    from rollcall.server.registrar import Registrar

log = logging.getLogger("rollcall.classroom")

TURN = 1.0
"""Seconds between two looks at the time, and between two messages to one who follows."""

STUCK_AFTER = 2.0
"""Seconds that `stop` waits for the thread."""

REMEMBERED = 16 * 3600.0
"""Seconds of the record that a start reads: a lesson that goes on, and those of today that may still be corrected."""

OFFER_PAUSE = 1.0
"""Seconds between two answers with names to choose from, of all together."""

GUEST = "guest"
"""What stands in the place of a class for who is on no list."""

ALWAYS, NEVER, WHERE_CLOSED, WITH_CLASS = "always", "never", "closed", "class"


@dataclass
class _Follower:
    connection: Connection
    seen: Optional[int] = None


class Classroom:
    """See the module. ``data`` is the folder of what is kept, or None if there is none. ``dismiss`` ends the connection
    of a member whose place was taken by the same device; ``finish`` is `Publisher.finish`; ``tell`` gives a member a
    message."""

    def __init__(
        self,
        config: ServerConfig,
        journal: Journal,
        data: Optional[Path] = None,
        dismiss: Callable[[int, Error], None] = lambda member, error: None,
        finish: Callable[[Connection], None] = lambda connection: None,
        wall_clock: Callable[[], float] = time.time,
        tell: Callable[[int, Notice], None] = lambda member, notice: None,
    ) -> None:
        self._config, self._journal, self._data = config, journal, data
        self._dismiss, self._finish, self._wall_clock, self._tell_member = dismiss, finish, wall_clock, tell
        self._had: Tuple[str, ...] = ()  # the classes of the last lesson; two that begin at once may both tell
        self._folder: Optional[ClassFolder] = None
        self.book: Optional[LessonBook] = None
        self._record: Optional[Record] = None
        self._registrar: Optional[Registrar] = None
        self._lists: Tuple[str, ...] = ()
        self._offered_at = -OFFER_PAUSE
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="classroom", daemon=True)
        self._differ: FrozenSet[int] = frozenset()  # the thread's
        self._here: Callable[[], Iterable[Entry]] = tuple
        # Guards _followers, and that it is opened once. Nothing under it waits for a disk but the very first time.
        self._lock = threading.Lock()
        self._followers: Dict[int, _Follower] = {}

    # --- the beginning and the end ------------------------------------------------------------------------------

    @property
    def is_recorded(self) -> bool:
        """Whether what happens here is written down."""
        return self._record is not None

    @property
    def folder(self) -> Optional[ClassFolder]:
        """The lists, or None if there is no place for them."""
        from rollcall.server.classes import ClassFolder

        if self._folder is None and (self._config.classes or self._data is not None):
            self._folder = ClassFolder(folder_of(self._config, self._data))
        return self._folder

    def open(self, here: Callable[[], Iterable[Entry]], log_file: Optional[Path] = None) -> LessonBook:
        """From now on there is a class, or everything is recorded. ``here`` are those who came before."""
        from rollcall.server.lesson import LessonBook
        from rollcall.server.lesson_state import WallTime

        with self._lock:
            if self.book is not None:
                return self.book
            config, wall = self._config, WallTime(self._wall_clock)
            timeout, late_after = config.connection_timeout, config.late_after
            book = LessonBook(wall, read_bells(config.bells), late_after, timeout)
            self._here = here
            self._lists = self._know(book)
            if config.record != NEVER and self._data is not None:
                self._begin_record(book, self._data, wall, log_file)
            self.book = book  # from here on handlers tell it who comes
        for entry in here():
            self.joined(entry, "")
        self._thread.start()
        return book

    def _know(self, book: LessonBook) -> Tuple[str, ...]:
        """Tell the book the lists as they are now; their names."""
        if self.folder is None:
            return ()
        lists, troubles = self.folder.read_all()
        for trouble in troubles:
            self._journal.note(log, logging.WARNING, "a class cannot be read: %s", printable(trouble, 300))
        self._done(book.know({name: list(people) for name, people in lists.items()}))
        return tuple(lists)

    def _begin_record(self, book: LessonBook, data: Path, wall: WallTime, log_file: Optional[Path]) -> None:
        """Go on with what the record knows of the last hours, and write from now on."""
        from rollcall.server import attendance_files, record_reading
        from rollcall.server.record import Record
        from rollcall.server.record_file import RecordError
        from rollcall.server.registrar import Registrar

        clean = partial(attendance_files.expire, data)
        record = Record(data, self._journal, self._config.record_days, log_file, clean, wall)
        facts: Sequence[Fact] = ()
        try:
            known = record_reading.load(data, since=wall() - REMEMBERED)
            before: List[Fact] = [*known.stays, *known.pauses, *known.lessons]
            before += [*known.marks, *known.identifications]
            facts = book.resume(before, known.alive).facts if known.alive else ()
        except RecordError as error:
            self._journal.note(log, logging.ERROR, "what was recorded before cannot be read: %s", error)
        self._record, self._registrar = record, Registrar(record, book)
        record.start()
        self._registrar.hand_on(facts)

    def stop(self) -> bool:
        """End the stays, write what is left, end both threads. False if one did not end in time."""
        self._stopping.set()
        if self.book is None:
            return True
        self._thread.join(STUCK_AFTER)
        self._done(self.book.stopping())
        ended = self._record is None or self._record.stop()
        return ended and not self._thread.is_alive()

    def last_words(self) -> List[str]:
        """The table of the lesson, for the terminal of a server that has stopped."""
        return [] if self._registrar is None else self._registrar.last_words()

    # --- what happens in the room -------------------------------------------------------------------------------

    def joined(self, entry: Entry, device_id: str) -> None:
        """A member has registered, for the first time or again."""
        if self.book is not None:
            role = "member" if entry.role == MEMBER else "teacher"
            self._done(self.book.joined(entry.id, entry.label, role, device_id))

    def silent(self, member: int, seconds: float) -> None:
        """A member has become late."""
        if self.book is not None:
            self.book.silent(member, seconds)

    def heard(self, member: int) -> None:
        """A late member is back."""
        if self.book is not None:
            self.book.heard(member)

    def gone(self, member: int, how: str, silent_for: float = 0.0) -> None:
        """A member is no more."""
        if self.book is not None:
            self._done(self.book.gone(member, how, silent_for))

    def paused(self, seconds: float) -> None:
        """This process did not run."""
        if self.book is not None:
            self._done(self.book.paused(seconds))

    def _done(self, answer: Answer) -> Answer:
        """What came of a call goes where it belongs."""
        if self._registrar is not None and answer.facts:
            self._registrar.hand_on(answer.facts)
        for fact in answer.facts:
            lesson: Any = fact
            if _is_begun(fact):
                self._begun(lesson.classes)
        for member in answer.dismiss:
            self._dismiss(member, Error("replaced", "this computer has joined again under this name"))
        return answer

    def _begun(self, classes: Tuple[str, ...]) -> None:
        """A lesson goes on, perhaps since now. After one of another class, who is not on the list is asked who they
        are: a computer that is nobody's own may have somebody else before it."""
        had, self._had = self._had, classes
        current = self.book.class_list() if had and had != classes and self.book is not None else None
        if current is None:
            return
        names = " and ".join(classes)
        notice = Notice(ANOTHER_CLASS, f"a lesson of {names} has begun, and your name is not on its list: who are you?")
        for entry in current.entries:
            if entry.class_name == GUEST:
                for member in entry.members:
                    self._tell_member(member, notice)

    def act(self, what: Callable[..., Answer], *given: Any, **more: Any) -> Answer:
        """A teacher's act: a method of the book. Raises what that raises."""
        return self._done(what(*given, **more))

    # --- the classes --------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the lists again."""
        if self.book is not None:
            self._lists = self._know(self.book)

    def choose(self, classes: Sequence[str]) -> None:
        """It is about these classes now. Raises `Refused`."""
        assert self.book is not None
        self.reload()
        self.act(self.book.set_class, classes)

    def names_to_offer(self, closed: bool) -> Optional[Tuple[str, ...]]:
        """The names of the list for somebody who wants to join, where the settings say so and not too often."""
        wanted = self._config.offer_names
        if self.book is None or wanted == NEVER or (wanted == WHERE_CLOSED and not closed):
            return None
        now = monotonic()
        if now - self._offered_at < OFFER_PAUSE:
            return None
        current = self.book.class_list()
        if current is None or not current.classes:
            return None
        self._offered_at = now
        return tuple(entry.name for entry in current.entries if entry.key.startswith("n:"))

    # --- who follows --------------------------------------------------------------------------------------------

    def follow(self, session_id: int, connection: Connection, seen: Optional[int]) -> None:
        """This teacher wants the class, from the revision that it has."""
        with self._lock:
            follower = self._followers[session_id] = _Follower(connection, seen)
        self._tell(follower)

    def unfollow(self, session_id: int) -> None:
        """It has gone."""
        if self._followers:
            with self._lock:
                self._followers.pop(session_id, None)

    def _tell(self, follower: _Follower) -> None:
        """Send what is new to one who follows. One whose line is stuck gets it when it is free."""
        if follower.connection.backlogged:
            return
        message = self._news(follower.seen)
        if message is None:
            return
        follower.seen = message.rev
        if follower.connection.send(encode(message)) == BACKLOGGED:
            self._finish(follower.connection)

    def _news(self, seen: Optional[int]) -> Optional[ClassList]:
        now = None if self.book is None else self.book.class_list(seen)
        if now is None:
            return ClassList(0, True, available=self._lists) if seen is None else None
        if seen == now.rev:
            return None
        rows = tuple(PersonRow(**vars(entry)) for entry in now.entries)
        return ClassList(
            rev=now.rev,
            whole=now.whole,
            rows=rows,
            gone=now.gone,
            classes=now.classes,
            available=self._lists,
            lesson=now.lesson,
            begin=now.begin,
            end=now.end,
            begin_by=now.begin_by,
            paused=now.paused,
            counts=dict(now.counts),
            listed=now.listed,
            guests=now.guests,
            comes=now.comes,
            vanished=None if now.event is None else Vanished(now.event.begin, now.event.count),
        )

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        book = self.book
        assert book is not None
        awake = Awake()
        while not self._stopping.wait(TURN):
            try:
                self._compare(book)
                if book.wants_ticks and any(map(_is_begun, self._done(book.tick()).facts)):
                    self.reload()  # by a bell, or an estimate
                if self._config.keep_awake:
                    (awake.hold if book.is_running else awake.release)()
                with self._lock:
                    followers = list(self._followers.values())
                for follower in followers:
                    self._tell(follower)
            except Exception:
                self._journal.note_exception(log, "a look at the class failed; the next one comes in %g s", TURN)
        awake.release()

    def _compare(self, book: LessonBook) -> None:
        """Who is in the roster has an open stay, and nobody else. Those who come and those who go are told of by
        threads of their own, after the roster's lock is free again, so of one who goes and comes at the same moment the
        two may arrive the wrong way round: what still differs a turn later is put right here."""
        here = {entry.id: entry for entry in self._here()}
        there = {stay.member for stay in book.stays if stay.end is None}
        differ = frozenset(here.keys() ^ there)
        for member in differ & self._differ:
            if member in here:
                self.joined(here[member], "")
            else:
                self.gone(member, LOST)
        self._differ = differ

    # --- for people ---------------------------------------------------------------------------------------------

    def describe(self) -> List[str]:
        """The lines of the start about the class and its times."""
        current = None if self.book is None else self.book.class_list()
        if current is None or not current.classes:
            return []
        config = self._config
        names = ", ".join(map(printable, current.classes))
        lines = [
            f"Class {names}: {counted(current.listed, 'name')}; everybody types the name that stands on the list",
            f"Silent after {1.5 * config.heartbeat_interval:g} s, lost after {config.connection_timeout:g} s",
        ]
        if current.listed + 20 > config.max_clients:
            lines.append(
                f"max_clients is {config.max_clients}: too few for {counted(current.listed, 'name')} and some guests"
            )
        if self._record is not None:
            lines.append(f"Who is here is written down for {counted(config.record_days, 'day')}, in {self._data}")
        return lines


def folder_of(config: ServerConfig, data: Optional[Path]) -> Path:
    """The folder of the classes. There is one if the settings name one, or there is a data folder."""
    if config.classes:
        return config.path_of(config.classes)
    assert data is not None
    return data / "classes"


def _is_begun(fact: object) -> bool:
    from rollcall.server.facts import Lesson

    return isinstance(fact, Lesson) and fact.begin is not None and fact.end is None
