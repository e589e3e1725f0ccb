"""A school for tests of lessons: a clock that is set, two classes, and pupils who come and go by the time of day."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

from rollcall.server.facts import Lesson, Person, Verdict
from rollcall.server.lesson import Answer, Fact, LessonBook, WallTime
from rollcall.server.timetable import Bell

CLASS_7B = tuple(
    Person(name, "A" if number % 2 else "B")
    for number, name in enumerate(
        [
            *("Mia Lee", "Jörg Größl", "Ayşe Yılmaz", "Łukasz Nowak", "Søren Holm", "Kári Sigurðardóttir"),
            *("Sean O'Neil", "Anne-Marie Weiß", "Ben Roth", "Eva Klein", "Finn Berg", "Ida Sommer", "Jan Vogel"),
            *("Kim Frost", "Leo Busch", "Max Huber", "Nele Kurz", "Ole Brandt", "Pia Lang", "Rosa Stein", "Sam Wolf"),
            *("Tim Krug", "Uta Horn", "Vera Blum", "Willi Arndt", "Xenia Pohl", "Yuri Sokolov"),
        ]
    )
)
CLASS_9A = tuple(Person(f"Neun {name}") for name in ("Abel", "Bach", "Cohn", "Dorn", "Eich", "Falk", "Gall", "Hess"))


def at(clock: str, day: int = 25) -> float:
    """Unix time of a time of day, ``HH:MM`` or ``HH:MM:SS``, in November 2026."""
    parts = [int(part) for part in clock.split(":")] + [0]
    return time.mktime((2026, 11, day, parts[0], parts[1], parts[2], 0, 0, -1))


class Clock:
    """All clocks of a machine: wall, one that counts its sleep, one that does not."""

    def __init__(self, now: float) -> None:
        self.wall = self.counted = self.awake = now

    def walltime(self) -> WallTime:
        return WallTime(lambda: self.wall, lambda: self.counted, lambda: self.awake)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.counted += seconds
        self.awake += seconds


class School:
    """A server's lesson book that is told what happens at each time of day, and ticks every second in between."""

    def __init__(self, start: str = "07:30", bells: Sequence[Bell] = (), **more: Any) -> None:
        self.clock = Clock(at(start))
        self.bells, self.more = bells, more
        self.record: Dict[str, Fact] = {}
        self.members: Dict[str, int] = {}
        self.last_id = 0
        self.alive = self.clock.wall
        self.book = self.new_book()

    def new_book(self) -> LessonBook:
        book = LessonBook(self.clock.walltime(), self.bells, **self.more)
        self.note(book.know({"7b": CLASS_7B, "9a": CLASS_9A}))
        return book

    def note(self, answer: Answer) -> Answer:
        """What the record would have."""
        for fact in answer.facts:
            self.record[fact.id] = fact
        return answer

    def to(self, clock: str, step: float = 1.0) -> None:
        """Go on to that time of day, and tick."""
        until = at(clock)
        assert until >= self.clock.counted, f"{clock} is past"
        while self.clock.counted < until:
            self.clock.advance(min(step, until - self.clock.counted))
            self.alive = self.clock.wall
            self.note(self.book.tick())

    def join(self, name: str, typed: str = "", device: str = "", role: str = "member") -> int:
        """They connect, as who they were before if they were here in this run of the server."""
        if name not in self.members:
            self.last_id += 1
            self.members[name] = self.last_id
        self.note(self.book.joined(self.members[name], typed or name, role, device))
        return self.members[name]

    def join_all(self, clock: str, names: Sequence[str]) -> None:
        self.to(clock)
        for name in names:
            self.join(name)

    def leave(self, name: str) -> None:
        self.note(self.book.gone(self.members[name], "left"))

    def lose(self, name: str, silent_for: float = 20.0) -> None:
        self.note(self.book.gone(self.members[name], "lost", silent_for))

    def kill(self) -> None:
        """SIGKILL: nothing is said any more."""
        self.members.clear()

    def restart(self) -> None:
        """The same program again, with what the record has."""
        self.last_id = 0
        alive, self.book = self.alive, self.new_book()
        self.note(self.book.resume(tuple(self.record.values()), alive))

    def sleep_until(self, clock: str) -> None:
        """The machine is suspended: the sweeper tells it where its clock goes on, as on Windows."""
        seconds = at(clock) - self.clock.counted
        self.clock.advance(seconds)
        self.note(self.book.paused(seconds))

    @property
    def states(self) -> Dict[str, str]:
        found = self.book.class_list()
        assert found is not None
        return {entry.name: entry.state for entry in found.entries}

    @property
    def counts(self) -> Dict[str, int]:
        """How many are in each state, zeros left out."""
        found = self.book.class_list()
        assert found is not None and sum(found.counts.values()) == found.listed
        return {state: count for state, count in found.counts.items() if count}

    def lines(self, lesson: str = "") -> Dict[str, Verdict]:
        table = self.book.table(lesson)
        assert table is not None
        return {line.name: line for line in table.lines}

    @property
    def ended(self) -> List[Lesson]:
        return [one for one in self.book.lessons if one.end is not None]


def clock_of(when: Optional[float]) -> str:
    return "" if when is None else time.strftime("%H:%M:%S", time.localtime(when))


def written(line: Verdict) -> Tuple[str, ...]:
    """A line of the register as a person would write it by hand."""
    result = line.result
    came = f"late by {result.late_by:g} s" if result.came == "late" else result.came
    went = f"{result.went} at {clock_of(result.went_at)}" if result.went_at is not None else result.went
    gaps = " ".join(f"{clock_of(gone)}-{clock_of(back)}" for gone, back in line.interruptions)
    return (came, went, line.counts, clock_of(line.first), clock_of(line.last), f"{line.present:g}", gaps)
