"""What the server knows of lessons while it runs: the three layers of ``facts.py``, and which lesson goes on.

A `LessonState` is plain state under somebody else's lock (that of `LessonBook`): no lock, no threads, no I/O. Whatever
changes one of its values goes through `put`, which replaces the older value of the same id and notes it for the record.
Nothing computed is kept here.

Time here is Unix time that only goes forward: `WallTime` takes the wall clock when no lesson goes on, and counts from
there. So a clock that is set in the middle of a lesson makes nobody late.

Bounds: stays of `KEEP` seconds, at most `MOST_STAYS`; lessons, marks and identifications of the same time. Older ones
are in the record.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Union

from rollcall.server import facts
from rollcall.server.facts import (
    CRASHED,
    Identification,
    Lesson,
    LessonTable,
    Mark,
    Pause,
    Person,
    Stay,
)
from rollcall.server.identity import Identities, class_suffixed
from rollcall.server.presence import FOREVER
from rollcall.server.verdicts import lesson_table
from rollcall.wire.clock import elapsed, monotonic

Fact = Union[Stay, Pause, Lesson, Mark, Identification]
Facts = Tuple[Fact, ...]

KEEP = 16 * 3600.0
MOST_STAYS = 20_000
"""A school day, and the comings and goings of a large one."""


class Refused(Exception):
    """A teacher's act that cannot be done; the sentence says why, and what would be right."""


class WallTime:
    """Unix time for a record. `settle` takes the wall clock anew; in between, its steps do not count.

    ``counted`` is seconds that go on while the machine sleeps, ``awake`` seconds that may not: where they differ, it
    slept.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        counted: Callable[[], float] = elapsed,
        awake: Callable[[], float] = monotonic,
    ) -> None:
        self._wall, self._counted, self._awake = wall, counted, awake
        self._offset = wall() - counted()
        self._ahead = counted() - awake()

    def __call__(self) -> float:
        return self._offset + self._counted()

    def settle(self) -> float:
        """No lesson goes on: the wall clock is right. By how many seconds it was set since it was taken last."""
        before, self._offset = self._offset, self._wall() - self._counted()
        return self._offset - before

    def go_on_from(self, at: float) -> None:
        """It is at least so late: a lesson that goes on has been written down until then."""
        self._offset = max(self._offset, at - self._counted())

    def slept(self) -> float:
        """Seconds that the machine slept since the last call, as far as `monotonic` does not tell it by a gap."""
        before, self._ahead = self._ahead, self._counted() - self._awake()
        return max(0.0, self._ahead - before)


def merged(lists: Sequence[Tuple[str, Sequence[Person]]]) -> Tuple[Person, ...]:
    """The list of a lesson of these classes: who has the same name in two of them has the class behind it."""
    everybody = [replace(person, class_name=name) for name, people in lists for person in people]
    counts: Dict[str, int] = {}
    for person in everybody:
        counts[person.name] = counts.get(person.name, 0) + 1
    return tuple(
        replace(person, name=class_suffixed(person.name, person.class_name)) if counts[person.name] > 1 else person
        for person in everybody
    )


class LessonState:
    """The layers, and what is live. The attributes are for this module's neighbours, who hold the lock."""

    def __init__(self, now: WallTime, late_after: float, left_early: float, timeout: float) -> None:
        self.now = now
        self.late_after, self.left_early, self.timeout = late_after, left_early, timeout
        self.lists: Dict[str, Tuple[Person, ...]] = {}
        self.stays: Dict[str, Stay] = {}
        self.lessons: Dict[str, Lesson] = {}
        self.marks: Dict[str, Mark] = {}
        self.said: Dict[str, Identification] = {}
        self.pauses: Dict[str, Pause] = {}
        self.open: Dict[int, str] = {}  # the open stay of each member
        self.devices: Dict[str, Set[int]] = {}  # the members of this run that are connected from each
        self.silent: Dict[str, float] = {}  # the last sign of life of stays that do not answer
        self.current = ""  # the lesson that goes on or is being prepared
        self.started = now()  # since then this run sees who is here
        self.version = 0  # grows with every change of anything above
        self._new: List[Fact] = []
        self._identities: Tuple[Optional[Lesson], int, Optional[Identities]] = (None, -1, None)
        self._merged: Tuple[List[Tuple[str, Tuple[Person, ...]]], Tuple[Person, ...]] = ([], ())
        self._computed: Dict[Tuple[str, str], Tuple[int, List[float]]] = {}  # with the version it is true of
        self._forget_at = 0.0

    # --- changing it ------------------------------------------------------------------------------------------

    def new_id(self) -> str:
        return os.urandom(8).hex()

    def put(self, *values: Fact) -> None:
        """These hold from now on, each in the place of the one of the same id, and are for the record."""
        for value in values:
            self._place(value)
            self._new.append(value)
        self.version += 1

    def load(self, values: Sequence[Fact]) -> None:
        """The record knows these already."""
        for value in values:
            self._place(value)
        self.version += 1

    def has(self, value: Fact) -> bool:
        """Whether there is one of the same id."""
        return value.id in self._table_of(value)

    def _place(self, value: Fact) -> None:
        self._table_of(value)[value.id] = value

    def _table_of(self, value: Fact) -> Dict[str, Any]:
        if isinstance(value, Stay):
            return self.stays
        if isinstance(value, Lesson):
            return self.lessons
        if isinstance(value, Mark):
            return self.marks
        return self.said if isinstance(value, Identification) else self.pauses

    def taken(self) -> Facts:
        """What is new since the last call."""
        found, self._new = tuple(self._new), []
        return found

    # --- stays ------------------------------------------------------------------------------------------------

    def begin_stay(self, member: int, name: str, role: str, device: str, at: float) -> Stay:
        stay = Stay(self.new_id(), member, name, at, at, device=device, role=role)
        self.open[member] = stay.id
        if device:
            self.devices.setdefault(device, set()).add(member)
        self.put(stay)
        return stay

    def end_stay(self, member: int, how: str, at: float) -> None:
        """The last moment they are known to have been here is ``at``."""
        stay_id = self.open.pop(member, "")
        stay = self.stays.get(stay_id)
        if stay is not None:
            own = self.devices.get(stay.device, set())
            own.discard(member)
            if not own:
                self.devices.pop(stay.device, None)
            self.silent.pop(stay_id, None)
            at = max(stay.begin, at)
            self.put(replace(stay, seen=at, end=at, how=how))

    def clock_was_set(self, before: float) -> None:
        """It was ``before`` and is now another time, and no lesson goes on. Who is here came as many seconds ago as it
        was, whatever the clock said then; but what lies in a lesson stays as it was written down."""
        step = self.now() - before
        self.silent = {stay_id: at + step for stay_id, at in self.silent.items()}
        for member, stay_id in list(self.open.items()):
            stay = self.stays[stay_id]
            spans = ((one.begin, one.end) for one in self.lessons.values() if not one.discarded)
            if any(begin is not None and begin <= before and stay.begin <= (end or before) for begin, end in spans):
                silent = self.silent.get(stay_id)
                self.end_stay(member, facts.CLOCK_SET, before)
                again = self.begin_stay(member, stay.name, stay.role, stay.device, self.now())
                if silent is not None:
                    self.silent[again.id] = silent
            else:
                self.put(replace(stay, begin=stay.begin + step, seen=stay.seen + step))

    def end_crashed(self, alive: float) -> None:
        """Stays that were open when the server died ended with its last sign of life."""
        for stay in [one for one in self.stays.values() if one.end is None and one.id not in self.open.values()]:
            at = max(stay.begin, alive)
            self.put(replace(stay, seen=at, end=at, how=CRASHED))

    def forget_old(self) -> None:
        """Now and then: what ended too long ago, and no lesson that goes on needs, leaves the memory."""
        now = self.now()
        if now < self._forget_at and len(self.stays) < MOST_STAYS:
            return
        self._forget_at = now + 600.0
        before = now - KEEP
        lesson = self.lesson
        if lesson is not None and lesson.begin is not None:
            before = min(before, lesson.begin - KEEP)
        ended = sorted((stay for stay in self.stays.values() if stay.end is not None), key=lambda one: one.end or 0.0)
        too_many = max(0, len(self.stays) - MOST_STAYS + MOST_STAYS // 10)
        for number, stay in enumerate(ended):
            if number < too_many or (stay.end or 0.0) < before:
                del self.stays[stay.id]
        for old in [one for one in self.lessons.values() if one.end is not None and one.end < before]:
            del self.lessons[old.id]
        for never in [one for one in self.lessons.values() if one.begin is None and one.discarded]:
            del self.lessons[never.id]
        self.marks = {mark.id: mark for mark in self.marks.values() if mark.lesson in self.lessons}
        self.pauses = {one.id: one for one in self.pauses.values() if one.end is None or one.end >= before}
        self.said = {one.id: one for one in self.said.values() if not one.stay or one.stay in self.stays}

    # --- lessons ----------------------------------------------------------------------------------------------

    @property
    def lesson(self) -> Optional[Lesson]:
        """The one that goes on, or is being prepared; None where there is no class."""
        return self.lessons.get(self.current)

    @property
    def is_running(self) -> bool:
        lesson = self.lesson
        return lesson is not None and lesson.begin is not None

    def prepare(self, classes: Sequence[str]) -> Lesson:
        """A lesson of these classes that may begin."""
        people = self.people_of(classes)
        lesson = Lesson(self.new_id(), tuple(classes), people, late_after=self.late_after, left_early=self.left_early)
        self.current = lesson.id
        self.put(lesson)
        return lesson

    def people_of(self, classes: Sequence[str]) -> Tuple[Person, ...]:
        """The list of a lesson of these classes. If one of the files is gone or cannot be read, nobody is lost: it is
        the one of the last lesson that they had."""
        if all(self.lists.get(name) for name in classes):
            lists = [(name, self.lists[name]) for name in classes]
            if lists != self._merged[0]:  # the same for as long as the lists are: it takes 10 ms for 1,000 names
                self._merged = (lists, merged(lists))
            return self._merged[1]
        same = [one.people for one in self.lessons.values() if one.classes == tuple(classes)]
        return same[-1] if same else merged([(name, self.lists.get(name, ())) for name in classes])

    def previous_end(self) -> float:
        """When the last lesson ended; 0 if there was none."""
        return max((one.end for one in self.lessons.values() if one.end is not None), default=0.0)

    def table(self, lesson: Lesson) -> LessonTable:
        return lesson_table(
            lesson,
            self.stays.values(),
            self.pauses.values(),
            self.marks.values(),
            self.said.values(),
            self.now(),
            frozenset(self.silent),
            self.identities(lesson),
        )

    def last_seen(self, lesson: Lesson) -> List[float]:
        """Of each of the list who came when they were last seen; infinity for who is here."""

        def compute() -> List[float]:
            lines = self.table(lesson).lines
            is_here = (facts.STAYED, "")
            return [FOREVER if line.found.went in is_here else line.last for line in lines if line.last is not None]

        return self._once_a_change("last", lesson, compute)

    def are_here(self, lesson: Lesson, count: int) -> bool:
        """Whether so many of the list are connected at this moment."""
        identities = self.identities(lesson)
        names: Set[str] = set()
        for stay_id in self.open.values():
            name = identities.of(self.stays[stay_id]).name if len(names) < count else ""
            if name:
                names.add(name)
        return len(names) >= count

    def arrivals(self, lesson: Lesson) -> List[float]:
        """Of each of the list who has come since the lesson before when that was. Who was still there from that does
        not count: a class that packs up would begin the next lesson."""

        def compute() -> List[float]:
            since, identities = self.previous_end(), self.identities(lesson)
            first: Dict[str, float] = {}
            for stay in self.stays.values():
                name = identities.of(stay).name if stay.begin > since else ""
                if name:
                    first[name] = min(stay.begin, first.get(name, stay.begin))
            return list(first.values())

        return self._once_a_change("first", lesson, compute)

    def _once_a_change(self, what: str, lesson: Lesson, compute: Callable[[], List[float]]) -> List[float]:
        """It is asked for every second, and changes when something happens."""
        version, found = self._computed.get((what, lesson.id), (-1, []))
        if version != self.version:
            self._computed = {key: value for key, value in self._computed.items() if value[0] == self.version}
            found = compute()
            self._computed[what, lesson.id] = (self.version, found)
        return found

    def last_pause(self) -> float:
        """The end of the last pause: before it nobody could come back."""
        return max((one.end for one in self.pauses.values() if one.end is not None), default=0.0)

    def identities(self, lesson: Lesson) -> Identities:
        """Who is whose in that lesson, by all that is said so far."""
        known, version, found = self._identities
        if found is None or known is not lesson or version != self.version:
            found = Identities(lesson, self.said.values())
            self._identities = (lesson, self.version, found)
        return found

    def stays_of(self, lesson: Lesson) -> List[Stay]:
        """Those that lie in the lesson, or since the one before if it has not begun; the oldest first."""
        begin = lesson.begin if lesson.begin is not None else self.now()
        until = lesson.end if lesson.end is not None else self.now()
        inside = (
            one
            for one in self.stays.values()
            if one.begin <= until and (one.end is None or one.end > begin or one.begin >= begin)
        )
        return sorted(inside, key=lambda one: (one.begin, one.id))

    def open_stay(self, member: int) -> Optional[Stay]:
        return self.stays.get(self.open.get(member, ""))

    def last_stay(self, member: int) -> Optional[Stay]:
        """The open one of a member of this run, or the last one of theirs."""
        found = self.open_stay(member)
        if found is not None:
            return found
        own = [stay for stay in self.stays.values() if stay.member == member]
        return max(own, key=lambda one: one.begin, default=None)
