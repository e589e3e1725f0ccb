"""Tables of lessons and terms, out of what the record knows.

`verdicts.py` looks at all stays that it is given, and a term has tens of thousands: here each lesson gets those that
can belong to it. No state, no I/O.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Iterable, Iterator, List

from rollcall.server.facts import Lesson, LessonTable, Stay, TermTable
from rollcall.server.record_reading import Recorded
from rollcall.server.verdicts import lesson_table, term_table

LONG = 12 * 3600.0
"""Seconds. Stays that are longer (a laptop that was left on) are few, and each lesson looks at them."""


class Tables:
    """Makes tables of ``facts``, which do not change."""

    def __init__(self, facts: Recorded) -> None:
        self.facts = facts
        ends = (facts.alive if stay.end is None else stay.end for stay in facts.stays)
        self._long = [stay for stay, end in zip(facts.stays, ends) if end - stay.begin > LONG]
        long = {stay.id for stay in self._long}
        self._stays = sorted((stay for stay in facts.stays if stay.id not in long), key=lambda stay: stay.begin)
        self._begins = [stay.begin for stay in self._stays]

    def of(self, lesson: Lesson) -> LessonTable:
        """The table of a lesson; while it goes on, as of the last sign of life of the server."""
        facts = self.facts
        stays = [*self._long, *self._near(lesson)]
        return lesson_table(lesson, stays, facts.pauses, facts.marks, facts.identifications, facts.alive)

    def _near(self, lesson: Lesson) -> List[Stay]:
        if lesson.begin is None:
            return []
        end = max(lesson.begin, self.facts.alive) if lesson.end is None else lesson.end
        first = bisect_left(self._begins, lesson.begin - LONG - 3600)
        return self._stays[first : bisect_right(self._begins, end)]

    def all(self, lessons: Iterable[Lesson]) -> Iterator[LessonTable]:
        """The table of each."""
        return map(self.of, lessons)

    def term(self, class_name: str) -> TermTable:
        """All lessons of a class."""
        begun = [one for one in self.facts.lessons if one.begin is not None and class_name in one.classes]
        return term_table(class_name, self.all(begun), self.facts.identifications)
