"""From the lesson to the disk: facts into the record, and the tables of lessons that are over into their folder.

`Registrar.hand_on` is called with what has just become true, by whichever thread has made it true, after it has let go
of its lock; it puts it into the record's queue and returns. What a lesson came to is asked of the book and written in
the record's thread: at its end, and again when a mark, a name, its begin or its end is corrected afterwards. A table
that cannot be written (on Windows, because somebody looks at it in Excel) is told once, and tried again with the
record.

It also brings the book what was recorded before: at the start, or, where the database is locked or damaged then, in
the record's thread as soon as it can be had.

It owns no thread and no lock; what it remembers belongs to the record's thread.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, Iterator, List, Optional, Protocol, Sequence, Tuple

from rollcall.server import attendance_files
from rollcall.server.facts import Identification, Lesson, LessonTable, Mark, Pause, Stay
from rollcall.server.lesson import Answer
from rollcall.server.record import NotYet, Record
from rollcall.server.record_file import RecordError
from rollcall.server.record_reading import load
from rollcall.server.record_tables import Fact
from rollcall.server.reports import lesson_sheet
from rollcall.server.sheet import lines

Resume = Callable[[Sequence[Fact], float], Answer]
"""`LessonBook.resume`."""

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
    """Keeps ``record`` and the folder of tables beside it in step with ``book``."""

    def __init__(self, record: Record, book: Book) -> None:
        self._record, self._book = record, book
        # The record's thread only, once it runs: the lessons whose tables are written, as they were then; and the ids
        # of those whose tables are to be written.
        self._written: Dict[str, Lesson] = {}
        self._owed: Dict[str, None] = {}
        self._note_written()

    def _note_written(self) -> None:
        """Whatever is over now had its table written by whoever ended it."""
        self._written = {**{one.id: one for one in self._book.lessons if _is_over(one)}, **self._written}

    def resume(self, since: float, resume: Resume, late: Callable[[Answer], object]) -> Answer:
        """Let the book go on with what was recorded since then: before the record's thread is started. If that cannot
        be read now, it comes later, to ``late``, in the record's thread; which has told by then what is wrong."""
        try:
            return self._resume(since, resume)
        except RecordError:
            self._record.do(partial(self._resume_late, since, resume, late))
            return Answer()

    def _resume(self, since: float, resume: Resume) -> Answer:
        known = load(self._record.folder, since=since, but_run=self._record.run)
        facts: List[Fact] = [*known.stays, *known.pauses, *known.lessons, *known.marks, *known.identifications]
        answer = resume(facts, known.alive) if known.alive else Answer()
        self._note_written()
        return answer

    def hand_on(self, facts: Sequence[Fact]) -> None:
        """These are true now. Any thread; never waits."""
        self._record.put(*facts)
        if self._owed or any(not isinstance(fact, Stay) or fact.end is not None for fact in facts):
            self._record.do(partial(self._owe_tables, tuple(facts)))
            self._record.do(self._write_tables)

    # --- the record's thread ----------------------------------------------------------------------------------

    def _resume_late(self, since: float, resume: Resume, late: Callable[[Answer], object]) -> None:
        if not self._record.is_open:
            raise NotYet
        late(self._resume(since, resume))

    def _owe_tables(self, facts: Sequence[Fact]) -> None:
        over = [one for one in self._book.lessons if _is_over(one)]
        self._owed.update(dict.fromkeys(one for fact in facts for one in _touched(fact, over)))

    def _write_tables(self) -> None:
        failed: Optional[OSError] = None
        for lesson_id in list(self._owed):
            table = self._book.table(lesson_id)
            try:
                if table is not None:
                    attendance_files.write(self._record.folder, table, self._written.get(lesson_id))
                    self._written[lesson_id] = table.lesson
                del self._owed[lesson_id]
            except OSError as error:
                failed = failed or error  # the others need not wait for it
        if failed is not None:
            raise failed


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
