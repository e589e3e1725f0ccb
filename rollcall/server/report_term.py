"""A term as sheets: names by lessons for the class, and one page about one person for the parents' evening.

The first table has what is counted, the others a cell for each lesson, `ACROSS` of them beside each other: a page of A4
has no more room, and a term has hundreds. What the letters mean stands below.

No state, no threads, no I/O.
"""

from __future__ import annotations

import time
from typing import Dict, List, Optional, Sequence, Tuple

from rollcall.server import report_words as words
from rollcall.server.facts import (
    EXCUSED,
    LATE,
    LEFT_EARLY,
    LOST_AT,
    PRESENT,
    UNEXCUSED,
    Lesson,
    TermRow,
    TermTable,
    Verdict,
)
from rollcall.server.report_words import Clock
from rollcall.server.reports import TONES, marks_of, verdict_cells
from rollcall.server.sheet import BAD, SOFT, WARN, Cell, Column, Sheet, Table

ACROSS = 20
"""Lessons beside each other."""

LETTERS = {PRESENT: "✓", LATE: "L", EXCUSED: "E", UNEXCUSED: "A"}
NOT_ON_LIST, EARLY = "–", "<"
LEGEND = (
    "✓ on time, L late by so many minutes, < left early or lost, E excused, A absent without an excuse, "
    "– not on the list then"
)


def span(lessons: Sequence[Lesson]) -> str:
    """``25 November 2026 to 12 February 2027``."""
    begins = [lesson.begin for lesson in lessons if lesson.begin is not None]
    if not begins:
        return "no lessons"
    first, last = (words.day(at).partition(" ")[2] for at in (begins[0], begins[-1]))
    return first if first == last else f"{first} to {last}"


def term_sheet(term: TermTable) -> Sheet:
    """The class: who was there how often, and each lesson."""
    grouped = any(row.group for row in term.rows)
    columns = [Column("Name")] + [Column("Group")] * grouped
    columns += [Column(title, numeric=True) for title in TOTALS]
    rows = tuple(
        (Cell(row.name), *[Cell(row.group)] * grouped, *totals(row)) for row in term.rows
    )  # fmt: skip
    tables = [Table(tuple(columns), rows, empty="Nobody is on the list.")]
    for first in range(0, len(term.lessons), ACROSS):
        if term.rows:
            tables.append(_grid(term, slice(first, first + ACROSS)))
    count = words.lessons(len(term.lessons))
    verb = "counts" if len(term.lessons) == 1 else "count"
    facts = (f"{count} that {verb}, {span(term.lessons)}." if term.lessons else "No lesson that counts yet.",)
    return Sheet(f"Class {term.class_name}", facts, tuple(tables), (f"{LEGEND}.",), landscape=True)


TOTALS = ("Lessons", "Present", "Excused", "Unexcused", "Late", "Minutes late", "Left early")


def totals(row: TermRow) -> Tuple[Cell, ...]:
    """The cells below `TOTALS`. Who was late was present, too; the four in the middle are apart."""
    on_list = sum(cell is not None for cell in row.cells)
    return (
        Cell(str(on_list)),
        Cell(str(row.present)),
        Cell(str(row.excused), SOFT),
        Cell(str(row.unexcused), BAD if row.unexcused else ""),
        Cell(str(row.late), WARN if row.late else ""),
        Cell(str(int(row.late_seconds // 60))),
        Cell(str(row.left_early), WARN if row.left_early else ""),
    )


def _grid(term: TermTable, part: slice) -> Table:
    lessons = term.lessons[part]
    columns = (Column("Name"), *(Column(_head(lesson), narrow=True) for lesson in lessons))
    rows = tuple((Cell(row.name), *(_cell(cell) for cell in row.cells[part])) for row in term.rows)
    return Table(columns, rows, f"Lessons of {span(lessons)}", new_page=True)


def _head(lesson: Lesson) -> str:
    return "" if lesson.begin is None else time.strftime("%d %b\n%H:%M", time.localtime(lesson.begin))


def _cell(verdict: Optional[Verdict]) -> Cell:
    text = cell_text(verdict)
    tone = SOFT if verdict is None else TONES.get(verdict.counts, "") or (WARN if text.endswith(EARLY) else "")
    return Cell(text, tone)


def cell_text(verdict: Optional[Verdict]) -> str:
    """A lesson in a letter: `LEGEND` says what it means."""
    if verdict is None:
        return NOT_ON_LIST
    text = LETTERS.get(verdict.counts, verdict.counts)
    if verdict.counts == LATE:
        text += str(int(verdict.result.late_by // 60))
    return text + EARLY * (verdict.result.went in (LEFT_EARLY, LOST_AT))


MOST_SAID = 30
"""Lessons of one person about which there is a line: a page of A4 has no more room. A spreadsheet has all of them."""


def person_sheet(term: TermTable, row: TermRow) -> Sheet:
    """One page with only her: what is counted, each lesson as a letter, and what there is to say about some."""
    lessons = _lessons_of(term, row)
    worth_saying = [(lesson, cell) for lesson, cell in lessons if cell_text(cell) != LETTERS[PRESENT] or marks_of(cell)]
    title = "Absent, late, left early, or marked"
    if len(worth_saying) > MOST_SAID:
        title += f": the last {MOST_SAID} of {len(worth_saying)}"
    group = f", group {row.group}" if row.group else ""
    facts = (f"Class {term.class_name}{group}, {span(term.lessons)}.", _in_words(row))
    tables = (_calendar(lessons), _table_of(worth_saying[-MOST_SAID:], title))
    return Sheet(row.name, facts, tables, (f"{LEGEND}.",))


def every_lesson(term: TermTable, row: TermRow) -> Table:
    """A line for each lesson of one person."""
    return _table_of(_lessons_of(term, row), f"Lessons of {term.class_name}")


def _lessons_of(term: TermTable, row: TermRow) -> List[Tuple[Lesson, Verdict]]:
    return [(lesson, cell) for lesson, cell in zip(term.lessons, row.cells) if cell is not None]


def _table_of(lessons: Sequence[Tuple[Lesson, Verdict]], title: str) -> Table:
    columns = (
        Column("Lesson"), Column("Counts as"), Column("Came"), Column("Went"), Column("Present", numeric=True),
        Column("Away", numeric=True), Column("Mark and note"),
    )  # fmt: skip
    return Table(columns, tuple(_lesson_of(lesson, cell) for lesson, cell in lessons), title, "None.")


def _calendar(lessons: Sequence[Tuple[Lesson, Verdict]]) -> Table:
    """A line for each month: the days, and for each lesson its letter."""
    months: Dict[str, Dict[str, List[str]]] = {}
    for lesson, verdict in lessons:
        moment = time.localtime(lesson.begin)
        days = months.setdefault(time.strftime("%B %Y", moment), {})
        days.setdefault(str(moment.tm_mday), []).append(cell_text(verdict))
    rows = tuple(
        (Cell(month), Cell("  ".join(f"{day}:{','.join(letters)}" for day, letters in days.items())))
        for month, days in months.items()
    )
    return Table((Column("Month"), Column("Day and lessons")), rows, empty="No lesson while this name was on the list.")


def _lesson_of(lesson: Lesson, verdict: Verdict) -> Tuple[Cell, ...]:
    begin = lesson.begin or 0.0
    clock = Clock(begin, begin if lesson.end is None else lesson.end)
    cells = verdict_cells(verdict, clock, live=lesson.end is None)
    counts, came, went, _, _, present, away, mark = cells
    day = words.day(begin)
    first = Cell(f"{day[:3]} {words.iso_date(begin)}", beside=words.lesson_time(lesson))
    return (first, counts, came, went, present, away, mark)


def _in_words(row: TermRow) -> str:
    on_list = sum(cell is not None for cell in row.cells)
    late = f", late {words.times(row.late)} ({int(row.late_seconds // 60)} min in all)" if row.late else ""
    early = f", left early {words.times(row.left_early)}" if row.left_early else ""
    return (
        f"Of {words.lessons(on_list)}: {row.present} present{late}{early}; "
        f"{row.excused} excused, {row.unexcused} without an excuse."
    )
