"""A report for programs: rows for a spreadsheet, and JSON.

In a spreadsheet dates and times have columns of their own, in local time, and durations are whole seconds. In JSON
times are ISO 8601 with their offset. Both say more than a page can: what the computer found and what the teacher
marked, and both to the second.

No state, no threads, no I/O.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Dict, List, Optional, Sequence, Tuple

from rollcall.server import report_words as words
from rollcall.server.facts import (
    EXCUSED,
    LATE,
    PRESENT,
    UNEXCUSED,
    Finding,
    Lesson,
    LessonTable,
    Mark,
    TermRow,
    TermTable,
    Verdict,
)
from rollcall.server.report_csv import Value, csv_bytes
from rollcall.server.report_term import cell_text
from rollcall.server.reports import marks_of
from rollcall.server.sheet import DISCLAIMER

_PERSON: Tuple[str, ...] = (
    "counts_as", "came", "late_seconds", "went", "went_date", "went_time", "first_date", "first_time", "last_date",
    "last_time", "present_seconds", "interruptions", "interrupted_seconds", "mark", "marked_by", "marked_date",
    "marked_time", "note", "found_came", "found_late_seconds", "found_went", "found_went_date", "found_went_time",
)  # fmt: skip
_LESSON: Tuple[str, ...] = ("date", "begin", "end_date", "end")


def lesson_csv(table: LessonTable, delimiter: str = ",") -> bytes:
    """A row for each person on the list, and for each guest."""
    head = (*_LESSON, "class", "group", "name", "is", *_PERSON, "perhaps")
    when = _lesson_values(table.lesson)
    rows: List[Sequence[Value]] = [
        (*when, line.class_name, line.group, line.name, "on the list", *_person_values(line), "")
        for line in table.lines
    ]
    for guest in table.guests:
        seen = (*_date_time(guest.first), *_date_time(guest.last), int(guest.present))
        nothing = ("",) * (len(_PERSON) - 11)
        rows.append((*when, "", "", guest.name, "guest", *("",) * 6, *seen, *nothing, guest.proposal))
    return csv_bytes(head, rows, delimiter)


def term_csv(term: TermTable, delimiter: str = ",") -> bytes:
    """A row for each person: what is counted, then a column for each lesson."""
    head = ["name", "group", "lessons", "present", "excused", "unexcused", "late", "late_seconds", "left_early"]
    head += [f"{words.iso_date(lesson.begin)} {words.iso_time(lesson.begin)[:5]}" for lesson in term.lessons]
    rows: List[Sequence[Value]] = []
    for row in term.rows:
        on_list = sum(cell is not None for cell in row.cells)
        counts = (row.present, row.excused, row.unexcused, row.late, int(row.late_seconds), row.left_early)
        rows.append((row.name, row.group, on_list, *counts, *(cell_text(cell) for cell in row.cells)))
    return csv_bytes(head, rows, delimiter)


def person_csv(term: TermTable, row: TermRow, delimiter: str = ",") -> bytes:
    """A row for each lesson of one person."""
    rows: List[Sequence[Value]] = [
        (*_lesson_values(lesson), cell.class_name, cell.group, cell.name, *_person_values(cell))
        for lesson, cell in zip(term.lessons, row.cells)
        if cell is not None
    ]
    return csv_bytes((*_LESSON, "class", "group", "name", *_PERSON), rows, delimiter)


def _lesson_values(lesson: Lesson) -> Tuple[Value, ...]:
    return (*_date_time(lesson.begin), *_date_time(lesson.end))


def _date_time(at: Optional[float]) -> Tuple[str, str]:
    return words.iso_date(at), words.iso_time(at)


def _person_values(line: Verdict) -> Tuple[Value, ...]:
    """The values below `_PERSON`."""
    result, found = line.result, line.found
    away = sum(until - since for since, until in line.interruptions)
    marks = marks_of(line)
    decides = marks[0] if marks else None
    return (
        line.counts, result.came, int(result.late_by), result.went, *_date_time(result.went_at),
        *_date_time(line.first), *_date_time(line.last), int(line.present), len(line.interruptions), int(away),
        "; ".join(mark.kind for mark in marks), decides.by if decides else "",
        *_date_time(decides.when if decides else None), "; ".join(mark.note for mark in marks if mark.note),
        found.came, int(found.late_by), found.went, *_date_time(found.went_at),
    )  # fmt: skip


# --- JSON -----------------------------------------------------------------------------------------------------


def lesson_json(table: LessonTable) -> bytes:
    """The whole lesson."""
    return json_bytes({
        "lesson": _lesson(table.lesson),
        "until": words.iso(table.until),
        "counted": table.counted,
        "people": [_verdict(line) for line in table.lines],
        "guests": [
            {
                "name": guest.name, "first": words.iso(guest.first), "last": words.iso(guest.last),
                "present": int(guest.present), "perhaps": guest.proposal,
            }
            for guest in table.guests
        ],
        "pauses": [
            {"begin": words.iso(pause.begin), "end": words.iso(pause.end), "why": pause.why} for pause in table.pauses
        ],
        "drills": [
            {"begin": words.iso(drill.begin), "count": drill.count, "names": list(drill.names)}
            for drill in table.drills
        ],
    })  # fmt: skip


def term_json(term: TermTable, only: Optional[TermRow] = None) -> bytes:
    """The whole term, or ``only`` one person in it."""
    return json_bytes({
        "class": term.class_name,
        "lessons": [_lesson(lesson) for lesson in term.lessons],
        "people": [
            {
                "name": row.name, "group": row.group, "present": row.present, "excused": row.excused,
                "unexcused": row.unexcused, "late": row.late, "late_seconds": int(row.late_seconds),
                "left_early": row.left_early,
                "lessons": [None if cell is None else _verdict(cell) for cell in row.cells],
            }
            for row in ([only] if only is not None else term.rows)
        ],
    })  # fmt: skip


def json_bytes(content: Dict[str, Any]) -> bytes:
    """The file. Its last value is the sentence that each report ends with."""
    text = json.dumps({**content, "note": DISCLAIMER}, ensure_ascii=False, indent=1)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _lesson(lesson: Lesson) -> Dict[str, Any]:
    return {
        "id": lesson.id, "classes": list(lesson.classes), "begin": words.iso(lesson.begin),
        "end": words.iso(lesson.end), "begin_by": lesson.begin_by, "end_by": lesson.end_by,
        "late_after": lesson.late_after, "left_early": lesson.left_early, "discarded": lesson.discarded,
    }  # fmt: skip


def _verdict(line: Verdict) -> Dict[str, Any]:
    return {
        "name": line.name, "group": line.group, "class": line.class_name, "counts_as": line.counts,
        **_finding(line.result), "first": words.iso(line.first), "last": words.iso(line.last),
        "present": int(line.present),
        "interruptions": [[words.iso(since), words.iso(until)] for since, until in line.interruptions],
        "found": _finding(line.found), "marks": [_mark(mark) for mark in marks_of(line)], "state": line.state,
    }  # fmt: skip


def _finding(finding: Finding) -> Dict[str, Any]:
    return {
        "came": finding.came, "late_seconds": int(finding.late_by), "went": finding.went,
        "went_at": words.iso(finding.went_at),
    }  # fmt: skip


def _mark(mark: Mark) -> Dict[str, Any]:
    return {
        "kind": mark.kind, "by": mark.by, "when": words.iso(mark.when), "minutes": mark.minutes,
        "at": words.iso(mark.at), "note": mark.note,
    }  # fmt: skip


# --- many lessons ---------------------------------------------------------------------------------------------


def counts(table: LessonTable) -> Dict[str, int]:
    """How many stood on the list, came, were late, excused, or not."""
    found = Counter(line.counts for line in table.lines)
    return {
        "listed": len(table.lines), "came": found[PRESENT] + found[LATE], "late": found[LATE],
        "excused": found[EXCUSED], "unexcused": found[UNEXCUSED], "guests": len(table.guests),
    }  # fmt: skip


def list_csv(tables: Sequence[LessonTable], delimiter: str = ",") -> bytes:
    """A row for each lesson."""
    head = (*_LESSON, "classes", "listed", "came", "late", "excused", "unexcused", "guests", "counted")
    rows: List[Sequence[Value]] = [
        (
            *_lesson_values(table.lesson), " + ".join(table.lesson.classes), *counts(table).values(),
            "yes" if table.counted else "no",
        )
        for table in tables
    ]  # fmt: skip
    return csv_bytes(head, rows, delimiter)


def list_json(tables: Sequence[LessonTable]) -> bytes:
    """All lessons, without the people."""
    found = [{**_lesson(table.lesson), "counted": table.counted, **counts(table)} for table in tables]
    return json_bytes({"lessons": found})
