"""From the lesson to the disk: facts into the record, and the tables of lessons that are over into their folder.

`Registrar.hand_on` is called with what has just become true, by whichever thread has made it true, after it has let go
of its lock; it puts it into the record's queue and returns. What a lesson came to is asked of the book and written in
the record's thread: at its end, and again when a mark, a name, its begin or its end is corrected afterwards. A table
that cannot be written (on Windows, because somebody looks at it in Excel) is told once, and tried again with each fact.

It owns no thread and no lock; what it remembers belongs to the record's thread.
"""

from __future__ import annotations

from functools import partial
from typing import Dict, Iterator, List, Optional, Protocol, Sequence, Set, Tuple

from rollcall.server import attendance_files
from rollcall.server.facts import Identification, Lesson, LessonTable, Mark, Pause, Stay
from rollcall.server.record import Record
from rollcall.server.record_tables import Fact
from rollcall.server.reports import lesson_sheet
from rollcall.server.sheet import lines

LATE_NEWS = 60.0
"""Seconds after the end of a lesson in which a stay may still turn out to have ended within it: of a computer that was
cut off, that is known only when its time is up."""


class Book(Protocol):
    """What is asked of `rollcall.server.lesson.LessonBook`: both from any thread."""

    @property
    def lessons(self) -> Tuple[Lesson, ...]:
        """Those that have begun, as far as they are remembered."""

    def table(self, lesson_id: str = "") -> Optional[LessonTable]:
        """What a lesson came to; the current one without an id."""


class Registrar:
    """Keeps ``record`` and the folder of tables beside it in step with ``book``. Make it when the book has resumed."""

    def __init__(self, record: Record, book: Book) -> None:
        self._record, self._book = record, book
        # Changed by the record's thread only: the lessons whose tables are written, as they were then, and those due.
        self._written: Dict[str, Lesson] = {one.id: one for one in book.lessons if _is_over(one)}
        self._owed: Set[str] = set()

    def hand_on(self, facts: Sequence[Fact]) -> None:
        """These are true now. Any thread; never waits."""
        self._record.put(*facts)
        if self._owed or any(not isinstance(fact, Stay) or fact.end is not None for fact in facts):
            self._record.do(partial(self._write_tables, tuple(facts)))

    # --- the record's thread ----------------------------------------------------------------------------------

    def _write_tables(self, facts: Sequence[Fact]) -> None:
        over = [one for one in self._book.lessons if _is_over(one)]
        owed, news = self._owed, None
        self._owed = set()
        for lesson_id in dict.fromkeys([*owed, *(one for fact in facts for one in _touched(fact, over))]):
            table = self._book.table(lesson_id)
            if table is None:
                continue
            try:
                attendance_files.write(self._record.folder, table, self._written.get(lesson_id))
                self._written[lesson_id] = table.lesson
            except OSError as error:
                self._owed.add(lesson_id)
                if lesson_id not in owed:
                    news = news or error
        if news is not None:
            raise news


def table_lines(book: Book, lesson_id: str = "") -> List[str]:
    """The table of that lesson, for a terminal; without an id of the one that goes on, or else of the last one."""
    over = [one for one in book.lessons if not one.discarded]
    table = book.table(lesson_id) or (book.table(over[-1].id) if over and not lesson_id else None)
    return [] if table is None else lines(lesson_sheet(table))


def _is_over(lesson: Lesson) -> bool:
    return lesson.end is not None or lesson.discarded


def _touched(fact: Fact, over: Sequence[Lesson]) -> Iterator[str]:
    """The lessons that are over and of which the fact changes something, or may."""
    for lesson in over:
        begin, end = lesson.begin or 0.0, lesson.end or 0.0
        if isinstance(fact, Lesson):
            is_touched = fact.id == lesson.id
        elif isinstance(fact, Mark):
            is_touched = fact.lesson == lesson.id
        elif isinstance(fact, Identification):
            of_class = fact.class_name in lesson.classes and fact.lesson in ("", lesson.id)
            is_touched = bool(fact.stay) or of_class
        elif isinstance(fact, Pause):
            is_touched = fact.begin <= end and (fact.end is None or fact.end >= begin)
        else:
            is_touched = fact.begin <= end and fact.end is not None and begin <= fact.end <= end + LATE_NEWS
        if is_touched:
            yield lesson.id
