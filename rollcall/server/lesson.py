"""Class, lesson and who is missing: what the rest of the server calls.

A `LessonBook` is told what happens to connections (`joined`, `silent`, `heard`, `gone`, `paused`) and what teachers do,
and answers who is missing (`class_list`) and what a lesson came to (`table`). Everything is computed from the three
layers of ``facts.py``, so what is corrected afterwards needs nothing but to be computed anew.

It waits for nobody and does no I/O. Whatever is new for the record comes back as values (`Answer.facts`), and the
caller hands them on; a member whose place was taken by the same device comes back in `Answer.dismiss`. Acts of teachers
raise `Refused` with a sentence for ``denied``.

Threads: any. One lock guards all of it; it is held for a millisecond or two for a class, some 50 for 1,000 names and
300 guests. Who joins does not wait for it: see `arrivals`. `tick` is called about once a second while `wants_ticks` is
true: bells, estimates and another class that comes in are noticed then. No heartbeat comes here.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from rollcall.server import facts, identity_acts, lesson_acts, lesson_times
from rollcall.server.arrivals import Arrival, Arrivals
from rollcall.server.class_entries import ClassList, ClassRows, entries_of
from rollcall.server.facts import Lesson, LessonTable, Pause, Person, Stay
from rollcall.server.lesson_state import Fact, Facts, LessonState, Refused, WallTime
from rollcall.server.names import key
from rollcall.server.timetable import Bell
from rollcall.server.verdicts import drill_now

__all__ = ["Answer", "ClassList", "Fact", "Facts", "LessonBook", "Refused", "WallTime"]

GOES_ON = 2 * 3600.0
"""Seconds that a server may be away and its lesson goes on; after more, it ended with the last sign of life."""

EVENT_FRESH = 900.0
"""Seconds for which an event ("24 lost at 10:12") is worth a question."""

LEAST_STEP = 1.0
"""Seconds by which the clock was set: less is how it is kept right."""

LEAST_SLEEP = 1.0
"""Seconds that the machine was suspended: less is the clocks' own difference."""


@dataclass(frozen=True)
class Answer:
    """What came of a call: new values for the record, members whose connection is over, and what an act has to tell."""

    facts: Facts = ()
    dismiss: Tuple[int, ...] = ()
    lesson: str = ""
    count: int = 0


class LessonBook:
    """Who is here of whom. See the module. ``timeout`` is after how many seconds a silent member is removed; ``now`` is
    Unix time (`WallTime`); ``bells`` are those of the settings."""

    def __init__(
        self,
        now: Optional[WallTime] = None,
        bells: Sequence[Bell] = (),
        late_after: float = 300.0,
        timeout: float = 20.0,
        left_early: float = 300.0,
    ) -> None:
        # Guards everything below. Never held together with another one of ours.
        self._lock = threading.Lock()
        self._now = now or WallTime()
        self._bells = tuple(bells)
        self._state = LessonState(self._now, late_after, left_early, timeout)
        self._rows = ClassRows()
        self._header: Tuple[Any, ...] = ()
        self._comes = ""
        self._table: Optional[LessonTable] = None
        self._seen = -1  # the state's version of the table
        self._due = 0.0
        self._sessions: Dict[int, int] = {}  # of who is connected the newest, by which they go
        self._replaced: List[int] = []  # members whose place was taken, since the last answer
        self._arrivals = Arrivals()  # needs no lock

    @contextmanager
    def _settled(self) -> Iterator[LessonState]:
        """The lock, and the state in which everybody is taken in who has joined."""
        with self._lock:
            for arrival in self._arrivals.taken():
                self._take_in_locked(arrival)
            yield self._state

    def _answer_locked(self, lesson: str = "", count: int = 0) -> Answer:
        replaced, self._replaced = tuple(self._replaced), []
        return Answer(self._state.taken(), replaced, lesson, count)

    # --- what happens -----------------------------------------------------------------------------------------

    def joined(self, member: int, name: str, role: str = "member", device: str = "", session: int = 0) -> Answer:
        """A member has registered, for the first time or again. One who never went is the same stay, if the name is."""
        self.arrives(member, name, role, device, session)
        return self.settle()

    def arrives(self, member: int, name: str, role: str = "member", device: str = "", session: int = 0) -> bool:
        """The same, for who must not wait: taken in before all else. True if `settle` should be called at once."""
        return self._arrivals.add(Arrival(self._now(), member, name, role, device, session))

    def settle(self) -> Answer:
        """Take in whoever has joined."""
        with self._settled():
            return self._answer_locked()

    def rest(self) -> float:
        """Seconds for which those who join should be left to gather before `settle` and `tick`; 0: it is time."""
        return self._arrivals.rest(self._now())

    def _take_in_locked(self, arrival: Arrival) -> None:
        state = self._state
        at, member, name, role, device, session = arrival
        self._sessions[member] = max(session, self._sessions.get(member, 0))
        stay = state.open_stay(member)
        if stay is not None and stay.name == name and stay.role == role:
            self._heard_locked(member)
            return
        if stay is not None:
            state.end_stay(member, "renamed", at)
        replaced = self._same_device_locked(name, device) if role == "member" else []
        for other in replaced:
            state.end_stay(other, "replaced", at)
        self._replaced += replaced
        identity_acts.inherit(state, state.begin_stay(member, name, role, device, at))
        state.forget_old()

    def _same_device_locked(self, name: str, device: str) -> List[int]:
        """Members of the same device under the same name: a program that was started anew takes its own place."""
        stays = ((member, self._state.open_stay(member)) for member in self._state.devices.get(device, ()))
        own = [(member, stay) for member, stay in stays if stay is not None and stay.role == "member"]
        return [member for member, stay in own if key(stay.name) == key(name)]

    def silent(self, member: int, silent_for: float = 0.0) -> None:
        """A member has not been heard for so many seconds, and should have been."""
        with self._settled() as state:
            stay = state.open_stay(member)
            if stay is not None:
                state.silent[stay.id] = self._now() - silent_for
                state.version += 1

    def heard(self, member: int) -> None:
        """A silent member is heard again."""
        with self._settled():
            self._heard_locked(member)

    def _heard_locked(self, member: int) -> None:
        if self._state.silent.pop(self._state.open.get(member, ""), None) is not None:
            self._state.version += 1

    def gone(self, member: int, how: str, silent_for: float = 0.0, session: int = 0) -> Answer:
        """A member is no more: ``left``, ``lost``, ``kicked`` or ``replaced``; last heard so many seconds ago. With a
        ``session`` only if there is no newer one: an old one may end late, and its end be told even later."""
        with self._settled() as state:
            if not session or self._sessions.get(member, 0) <= session:
                self._sessions.pop(member, None)
                state.end_stay(member, how, self._now() - silent_for)
            return self._answer_locked()

    def paused(self, seconds: float, why: str = facts.ASLEEP) -> Answer:
        """This server did not run for so many seconds until now."""
        with self._settled() as state:
            now = self._now()
            state.put(Pause(state.new_id(), now - seconds, now, why))
            return self._answer_locked()

    def stopping(self) -> Answer:
        """The server stops: stays end, the lesson does not. Who starts it again in time goes on with it."""
        with self._settled() as state:
            for member in list(state.open):
                state.end_stay(member, facts.STOPPED, self._now())
            return self._answer_locked()

    def resume(self, values: Sequence[Fact], alive: float) -> Answer:
        """The server has started: what the record has of the last hours, and the last sign of life of the run before.
        A lesson that went on then goes on now, or ended with that run if it is too long ago. May come late, when there
        is a lesson already: what is known since the start is newer."""
        with self._settled() as state:
            started = state.started
            state.load([value for value in values if not state.has(value)])
            state.end_crashed(alive)
            open_ones = (one for one in state.lessons.values() if one.end is None and not one.discarded)
            waiting = [one for one in open_ones if one.id != state.current]
            waiting.sort(key=lambda one: (one.begin is not None, one.begin or 0.0))
            is_late = state.lesson is not None
            for lesson in waiting:
                may_go_on = not is_late or lesson_acts.may_take_place(state, lesson)
                if lesson.begin is None:
                    lesson_acts.take_place(state, lesson) if may_go_on else state.put(replace(lesson, discarded=True))
                elif abs(started - alive) <= GOES_ON and lesson is waiting[-1] and may_go_on:
                    lesson_acts.take_place(state, lesson)
                    self._now.go_on_from(alive)  # if the clock was put back meanwhile, this lesson's does not follow
                    started = max(started, alive)
                    state.put(Pause(state.new_id(), min(alive, started), started, facts.DOWN))
                else:
                    lesson_acts.finish(state, lesson, max(alive, lesson.begin), facts.ESTIMATED)
                    if not state.current:
                        state.prepare(lesson.classes)
            return self._answer_locked(state.current)

    # --- time -------------------------------------------------------------------------------------------------

    @property
    def wants_ticks(self) -> bool:
        """Whether there is a class. Without one there is nothing that time could change."""
        return bool(self._state.current)

    @property
    def is_running(self) -> bool:
        """Whether a lesson goes on."""
        with self._lock:
            return self._state.is_running

    def tick(self) -> Answer:
        """Look at the time: bells, estimates, another class that comes in."""
        with self._settled() as state:
            slept = self._now.slept()
            if slept >= LEAST_SLEEP:
                state.put(Pause(state.new_id(), self._now() - slept, self._now(), facts.ASLEEP))
            before = self._now()
            if not state.is_running and abs(self._now.settle()) >= LEAST_STEP:
                state.clock_was_set(before)
            comes = lesson_times.look(state, self._bells)
            if comes != self._comes:
                self._comes = comes
                state.version += 1
            return self._answer_locked(state.current)

    # --- what can be seen -------------------------------------------------------------------------------------

    def class_list(self, seen: Optional[int] = None) -> Optional[ClassList]:
        """The class for who has seen revision ``seen`` (None: all of it); None if there is no class."""
        with self._settled() as state:
            lesson = state.lesson
            if lesson is None:
                return None
            table = self._look_locked(lesson)
            whole, entries, gone = self._rows.since(seen)
            counts = dict.fromkeys(facts.STATES, 0)
            for line in table.lines:
                counts[line.state] += 1
            return ClassList(
                rev=self._rows.rev,
                whole=whole,
                entries=entries,
                gone=gone,
                classes=lesson.classes,
                lesson=lesson.id,
                begin=lesson.begin,
                end=lesson.end,
                begin_by=lesson.begin_by,
                paused=lesson_acts.is_paused(state),
                counts=counts,
                listed=len(table.lines),
                guests=self._guests_here_locked(lesson),
                comes="" if self._comes in lesson.classes else self._comes,
                event=drill_now(table, EVENT_FRESH),
            )

    def _guests_here_locked(self, lesson: Lesson) -> int:
        identities = self._state.identities(lesson)
        stays = (self._state.stays[stay] for stay in self._state.open.values())
        return sum(stay.role != "teacher" and not identities.of(stay).name for stay in stays)

    def _look_locked(self, lesson: Lesson) -> LessonTable:
        """The table as it is now; the rows follow. Computed anew only if something changed, or time changes it."""
        state, now = self._state, self._now()
        if self._table is None or self._seen != state.version or now >= self._due:
            self._seen = state.version
            self._table = table = state.table(lesson)
            self._due = self._next_due_locked(lesson, now)
            header = (lesson, lesson_acts.is_paused(state), self._comes, drill_now(table, EVENT_FRESH))
            self._rows.update(lesson.id, entries_of(state, table), header != self._header)
            self._header = header
        return self._table

    def _next_due_locked(self, lesson: Lesson, now: float) -> float:
        """When somebody is in another state, though nothing happens: the time to come is over, a server's pause is
        forgiven no longer, or two under one name have both answered for long enough."""
        state = self._state
        times = [now + 60.0]
        if lesson.begin is not None:
            times.append(lesson.begin + lesson.late_after)
        times += [one.end + 61.0 for one in state.pauses.values() if one.end is not None]
        times += [state.stays[stay].begin + state.timeout for stay in state.open.values()]
        return min((at for at in times if at > now), default=now + 60.0)

    def table(self, lesson_id: str = "") -> Optional[LessonTable]:
        """What a lesson came to so far: the one of that id, or the current one; None if it is not known or has not
        begun. Older ones are in the record: see ``verdicts.py``."""
        with self._settled() as state:
            lesson = state.lessons.get(lesson_id or state.current)
            return None if lesson is None or lesson.begin is None else state.table(lesson)

    @property
    def now(self) -> float:
        """Unix time, as lessons and marks have it."""
        return self._now()

    @property
    def lessons(self) -> Tuple[Lesson, ...]:
        """Those that have begun, as far as they are remembered here; the oldest first."""
        with self._lock:
            found = [one for one in self._state.lessons.values() if one.begin is not None]
            return tuple(sorted(found, key=lambda one: one.begin or 0.0))

    @property
    def connected(self) -> Dict[int, bool]:
        """Who has an open stay, and whether they are silent."""
        with self._settled() as state:
            return {member: stay in state.silent for member, stay in state.open.items()}

    @property
    def stays(self) -> Tuple[Stay, ...]:
        """All that are remembered here."""
        with self._settled() as state:
            return tuple(state.stays.values())

    def who_is_here(self) -> Tuple[Person, ...]:
        """Everybody but teachers: the first list of a class."""
        with self._settled() as state:
            return identity_acts.who_is_here(state)

    # --- what teachers do: see the functions of the same names -------------------------------------------------

    def know(self, lists: Mapping[str, Sequence[Person]]) -> Answer:
        """The class lists as they are in their folder now."""
        return self._done(lesson_acts.know, {name: tuple(people) for name, people in lists.items()})

    def _done(self, act: Callable[..., Any], *given: Any, **more: Any) -> Answer:
        with self._settled() as state:
            result = act(state, *given, **more)
            lesson = result.id if isinstance(result, Lesson) else ""
            return self._answer_locked(lesson, result if isinstance(result, int) else 0)

    def set_class(self, classes: Sequence[str]) -> Answer:
        """It is about these classes now; none: about nobody. A lesson of others that goes on ends."""
        return self._done(lesson_acts.set_class, classes)

    def begin(self, at: Optional[float] = None) -> Answer:
        return self._done(lesson_acts.begin, at)

    def end(self, at: Optional[float] = None) -> Answer:
        return self._done(lesson_acts.end, at)

    def begin_class(self, classes: Sequence[str]) -> Answer:
        """ "This looks like 9a. Begin 9a?" Yes."""
        with self._settled() as state:
            lesson_acts.set_class(state, classes)
            return self._answer_locked(lesson_acts.begin(state).id)

    def correct(
        self,
        lesson: str,
        begin: Optional[float] = None,
        end: Optional[float] = None,
        classes: Optional[Sequence[str]] = None,
    ) -> Answer:
        return self._done(lesson_acts.correct, lesson, begin, end, classes)

    def split(self, lesson: str, at: float) -> Answer:
        return self._done(lesson_acts.split, lesson, at)

    def join(self, first: str, second: str) -> Answer:
        return self._done(lesson_acts.join, first, second)

    def discard(self, lesson: str, discarded: bool = True) -> Answer:
        return self._done(lesson_acts.discard, lesson, discarded)

    def pause(self) -> Answer:
        return self._done(lesson_acts.pause)

    def go_on(self) -> Answer:
        return self._done(lesson_acts.go_on)

    def mark(
        self,
        names: Sequence[str],
        kind: str,
        by: str = "",
        minutes: int = 0,
        at: Optional[float] = None,
        note: str = "",
        lesson: str = "",
    ) -> Answer:
        return self._done(lesson_acts.mark, names, kind, by, minutes, at, note, lesson)

    def undo_mark(self, name: str, lesson: str = "") -> Answer:
        return self._done(lesson_acts.undo_mark, name, lesson)

    def identify(self, member: int, name: str, by: str = "") -> Answer:
        return self._done(identity_acts.identify, member, name, by)

    def not_theirs(self, member: int, by: str = "") -> Answer:
        return self._done(identity_acts.not_theirs, member, by)

    def both_theirs(self, name: str, by: str = "") -> Answer:
        return self._done(identity_acts.both_theirs, name, by)

    def this_one(self, name: str, member: int, by: str = "") -> Answer:
        return self._done(identity_acts.this_one, name, member, by)

    def two_people(self, name: str, by: str = "") -> Answer:
        return self._done(identity_acts.two_people, name, by)

    def accept_all(self, by: str = "") -> Answer:
        """All proposals are right; `Answer.count` says how many that were."""
        return self._done(identity_acts.accept_all, by)

    def rename(self, class_name: str, before: str, after: str, by: str = "") -> Answer:
        return self._done(identity_acts.rename, class_name, before, after, by)
