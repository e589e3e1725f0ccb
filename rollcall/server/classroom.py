"""Class, lesson and record of one run of the server: between the room, in which people come and go, and the book.

A room without a class pays nothing: every call returns at its first line until `open` was called, by the start with
``--class``, by a teacher who chooses one, or because everything is to be recorded. Then a `LessonBook` is told who
comes, falls silent, is heard again and goes; what is new is handed on to the record; teachers who follow (`followers`)
get the class.

One thread, ``classroom``, wakes every second while there is a class, and when a teacher has done something: bells,
estimates, and a message to each who follows, if something has changed. Nobody waits for it, and it waits for nobody's
socket. Handlers call the book themselves, each for its own member; a heartbeat never comes here.
A bug in the book costs the class what happened then, and nobody the connection.

It owns that thread, and a lock for the little that its callers share. The book and the record have their own.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from protocol import LATE, LOST, Entry, Error
from rollcall.program.awake import Awake
from rollcall.server.followers import Followers
from rollcall.server.journal import Journal
from rollcall.server.settings import ServerConfig
from rollcall.server.timetable import read_bells
from rollcall.wire.class_messages import GUEST
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import Connection
from rollcall.wire.messages import ANOTHER_CLASS, MEMBER, Notice
from rollcall.wire.text import printable

if TYPE_CHECKING:  # a server without a class does without them
    from rollcall.server.class_entries import ClassList as BookList
    from rollcall.server.classes import ClassFolder
    from rollcall.server.lesson import Answer, LessonBook
    from rollcall.server.lesson_state import WallTime
    from rollcall.server.record import Record
    from rollcall.server.registrar import Registrar

log = logging.getLogger("rollcall.classroom")

TURN = 1.0
"""Seconds between two looks at the time."""

STUCK_AFTER = 2.0
"""Seconds that `stop` waits for the thread."""

REMEMBERED = 16 * 3600.0
"""Seconds of the record that a start reads: a lesson that goes on, and those of today that may still be corrected."""

OFFER_PAUSE = 1.0
"""Seconds between two answers with names to choose from, of all together."""

NAMELESS = "(without a name)"
"""Who has none: clients of version 1. Not their address, which the record must not have."""

ALWAYS, NEVER, WHERE_CLOSED = "always", "never", "closed"


class Classroom:
    """See the module. ``data`` is the folder of what is kept, or None if there is none. ``dismiss`` ends the connection
    of a member whose place was taken by the same device; ``finish`` is `Publisher.finish`; ``moved`` is called when
    something may be another than it was, and every second; ``tell`` gives a member a message."""

    def __init__(
        self,
        config: ServerConfig,
        journal: Journal,
        data: Optional[Path] = None,
        dismiss: Callable[[int, Error], None] = lambda member, error: None,
        finish: Callable[[Connection], None] = lambda connection: None,
        wall_clock: Callable[[], float] = time.time,
        moved: Callable[[], None] = lambda: None,
        tell: Callable[[int, Notice], None] = lambda member, notice: None,
    ) -> None:
        self._config, self._journal, self._data = config, journal, data
        self._dismiss, self._wall_clock = dismiss, wall_clock
        self._followers = Followers(finish)
        self._moved, self._tell_member = moved, tell
        self.say: Callable[[List[str]], None] = lambda lines: None  # to whoever has started the server
        self._had: Tuple[str, ...] = ()  # the classes of the last lesson; two that begin at once may both tell
        self._folder: Optional[ClassFolder] = None
        self.book: Optional[LessonBook] = None
        self._record: Optional[Record] = None
        self._registrar: Optional[Registrar] = None
        self._lists: Tuple[str, ...] = ()
        self._offered_at = -OFFER_PAUSE
        self._stopping = threading.Event()
        self._opened = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="classroom", daemon=True)
        self._differ: FrozenSet[Tuple[int, bool]] = frozenset()  # the thread's
        self._here: Callable[[], Iterable[Entry]] = tuple
        # Guards _offered_at and _is_opening: that it is opened once.
        self._lock = threading.Lock()
        self._is_opening = False

    # --- the beginning and the end ------------------------------------------------------------------------------

    @property
    def is_recorded(self) -> bool:
        """Whether what happens here is written down."""
        return self._record is not None and not self._record.trouble

    @property
    def folder(self) -> Optional[ClassFolder]:
        """The lists, or None if there is no place for them."""
        from rollcall.server.classes import ClassFolder

        if self._folder is None and (self._config.classes or self._data is not None):
            self._folder = ClassFolder(folder_of(self._config, self._data))
        return self._folder

    def open(self, here: Callable[[], Iterable[Entry]], log_file: Optional[Path] = None) -> None:
        """From now on there is a class, or everything is recorded. ``here`` are those who came before. Whoever calls
        while it is being opened waits for that."""
        with self._lock:
            is_first, self._is_opening = not self._is_opening, True
        if not is_first:
            self._opened.wait()
            return
        from rollcall.server.lesson import LessonBook
        from rollcall.server.lesson_state import WallTime

        try:
            config, wall = self._config, WallTime(self._wall_clock)
            book = LessonBook(wall, read_bells(config.bells), config.late_after, config.connection_timeout)
            self._here = here
            self._lists = self._know(book)
            if config.record != NEVER and self._data is not None:
                self._begin_record(book, self._data, wall, log_file)
            self.book = book  # from here on handlers tell it who comes
            for entry in here():
                self.joined(entry, "")
            self._thread.start()
        finally:
            self._opened.set()

    def _know(self, book: Optional[LessonBook]) -> Tuple[str, ...]:
        """Tell the book, if there is one, the lists as they are now; their names."""
        from rollcall.server.class_text import ClassError

        if self.folder is None:
            return ()
        try:
            lists, troubles = self.folder.read_all()
        except ClassError as error:  # the folder itself: what was known still is
            self._journal.note(log, logging.WARNING, "the classes cannot be read: %s", printable(str(error), 300))
            return self._lists
        for trouble in troubles:
            self._journal.note(log, logging.WARNING, "a class cannot be read: %s", printable(trouble, 300))
        if book is not None:
            self._done(book.know({name: list(people) for name, people in lists.items()}))
        return tuple(lists)

    def _begin_record(self, book: LessonBook, data: Path, wall: WallTime, log_file: Optional[Path]) -> None:
        """Go on with what the record knows of the last hours, and write from now on."""
        from rollcall.server import attendance_files
        from rollcall.server.record import Record
        from rollcall.server.registrar import Registrar

        clean = partial(attendance_files.expire, data)
        record = Record(data, self._journal, self._config.record_days, log_file, clean, wall)
        registrar = Registrar(record, book)
        before = registrar.resume(wall() - REMEMBERED, book.resume, self._resumed_late)
        self._had = next((one.classes for one in reversed(book.lessons)), ())  # also one that goes on, or was last
        self._record, self._registrar = record, registrar
        record.start()
        registrar.hand_on(before.facts)

    def _resumed_late(self, answer: Answer) -> None:
        self._done(answer)
        self._wake.set()

    def stopping(self) -> None:
        """The server is about to send everybody away: that is its own end, and nobody has left or is lost."""
        self._stopping.set()
        self._wake.set()
        if self.book is not None:
            self._done(self.book.stopping())

    def stop(self) -> bool:
        """End the stays, write what is left, end both threads. False if one did not end in time."""
        self.stopping()
        if self.book is None:
            return True
        self._thread.join(STUCK_AFTER)
        ended = self._record is None or self._record.stop()
        return ended and not self._thread.is_alive()

    def last_words(self) -> List[str]:
        """The table of the lesson, for the terminal of a server that has stopped."""
        return [] if self.book is None else self._table_lines(self.book)

    def _table_lines(self, book: LessonBook, lesson_id: str = "") -> List[str]:
        from rollcall.server.registrar import table_lines

        return table_lines(book, lesson_id)

    # --- what happens in the room -------------------------------------------------------------------------------

    def joined(self, entry: Entry, device_id: str, session_id: int = 0) -> None:
        """A member has registered, for the first time or again, in this session. It waits for its ``welcome``, so it is
        taken in by whoever looks next; at once only where another may have to make room for it."""
        book = self.book
        if book is not None and not self._stopping.is_set():
            role = "member" if entry.role == MEMBER else "teacher"
            if book.arrives(entry.id, entry.name or NAMELESS, role, device_id, session_id):
                self._happened(book.settle)
            self._moved()

    def silent(self, member: int, seconds: float) -> None:
        """A member has become late."""
        if self.book is not None:
            self._happened(self.book.silent, member, seconds)
            self._moved()
            self._wake.set()  # a teacher is to see that at once

    def heard(self, member: int) -> None:
        """A late member is back."""
        if self.book is not None:
            self._happened(self.book.heard, member)
            self._moved()

    def gone(self, member: int, how: str, silent_for: float = 0.0, session_id: int = 0) -> None:
        """A member is no more, by the end of this session; 0 is whichever it has."""
        if self.book is not None:
            self._happened(self.book.gone, member, how, silent_for, session_id)
            self._wake.set()  # a teacher is to see that at once

    def paused(self, seconds: float) -> None:
        """This process did not run."""
        if self.book is not None:
            self._happened(self.book.paused, seconds)

    def _happened(self, what: Callable[..., Optional[Answer]], *given: Any) -> None:
        """Tell the book. Whoever calls serves somebody, and goes on whatever becomes of it here."""
        if self._stopping.is_set():
            return
        try:
            answer = what(*given)
            if answer is not None:
                self._done(answer)
        except Exception:
            self._journal.note_exception(log, "the class did not take in what happened")

    def _done(self, answer: Answer) -> Answer:
        """What came of a call goes where it belongs."""
        if self._registrar is not None and answer.facts:
            self._registrar.hand_on(answer.facts)
        for fact in answer.facts:
            lesson: Any = fact
            if _is_begun(fact):
                self._begun(lesson.classes)
            elif self._record is None and _is_over(fact) and self.book is not None:
                self.say(self._table_lines(self.book, lesson.id))  # it stands nowhere else
        for member in answer.dismiss:
            self._dismiss(member, Error("replaced", "this computer has joined again under this name"))
        self._moved()
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
        answer = self._done(what(*given, **more))
        self._wake.set()
        return answer

    # --- the classes --------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the lists again."""
        self._lists = self._know(self.book)
        if self.book is None:
            self._followers.tell_all(None, self._lists)
        self._wake.set()

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
        with self._lock:
            if now - self._offered_at < OFFER_PAUSE or not self.book.wants_ticks:
                return None
            self._offered_at = now
        current = self.book.class_list()
        if current is None or not current.classes:
            return None
        return tuple(entry.name for entry in current.entries if entry.key.startswith("n:"))

    def current(self) -> Optional[BookList]:
        """The class and what has become of it, for whoever shows it; None where no class is expected."""
        now = None if self.book is None else self.book.class_list()
        return now if now is not None and now.classes else None

    def follow(self, session_id: int, connection: Connection, seen: Optional[int]) -> None:
        """This teacher wants the class, from the revision that it has."""
        self._followers.add(session_id, connection, seen)
        if self.book is None:
            self.reload()
        self._wake.set()

    def unfollow(self, session_id: int) -> None:
        """It has gone."""
        self._followers.drop(session_id)

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        book = self.book
        assert book is not None
        awake = Awake()
        turn_at = tell_at = monotonic() + TURN
        while True:
            self._wake.wait(max(0.0, min(turn_at, tell_at) - monotonic()))
            if self._stopping.is_set():
                break
            self._wake.clear()  # before the look: what happens during it is for the next one
            try:
                if monotonic() >= turn_at:
                    rest = book.rest()  # a crowd that joins has the processor for itself
                    turn_at = monotonic() + (rest or TURN)
                    if not rest:
                        self._look(book, awake)
                tell_at = self._followers.tell_all(book, self._lists)
            except Exception:
                tell_at = math.inf
                self._journal.note_exception(log, "a look at the class failed; the next one comes in %g s", TURN)
        awake.release()

    def _look(self, book: LessonBook, awake: Awake) -> None:
        """What time does by itself."""
        self._done(book.settle())
        self._compare(book)
        if book.wants_ticks and any(map(_is_begun, self._done(book.tick()).facts)):
            self.reload()  # by a bell, or an estimate
        if self._config.keep_awake:
            (awake.hold if book.is_running else awake.release)()
        self._moved()  # time alone makes somebody missing who was expected

    def _compare(self, book: LessonBook) -> None:
        """Who is in the roster has an open stay, and nobody else; who is late there is silent here. It is told by
        threads of their own, after the roster's lock is free again, so two things of the same moment may arrive the
        wrong way round: what still differs in the same way a turn later is put right here."""
        entries = {entry.id: entry for entry in self._here()}
        here, there = {member: entry.state == LATE for member, entry in entries.items()}, book.connected
        differ = frozenset(here.items() ^ there.items())
        for member, is_late in differ & self._differ:
            if member not in entries:
                self.gone(member, LOST)
            elif member not in there:
                self.joined(entries[member], "")
            elif here[member] != is_late:
                continue  # that is how it is in the book
            elif is_late:
                self.silent(member, 0.0)
            else:
                self.heard(member)
        self._differ = differ


def folder_of(config: ServerConfig, data: Optional[Path]) -> Path:
    """The folder of the classes. There is one if the settings name one, or there is a data folder."""
    if config.classes:
        return config.path_of(config.classes)
    assert data is not None
    return data / "classes"


def _is_begun(fact: object) -> bool:
    from rollcall.server.facts import Lesson

    return isinstance(fact, Lesson) and fact.begin is not None and fact.end is None


def _is_over(fact: object) -> bool:
    from rollcall.server.facts import Lesson

    return isinstance(fact, Lesson) and fact.end is not None and not fact.discarded
