"""report_term.py: a class over a term, and one person for the parents' evening."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

from rollcall.server.facts import Finding, Lesson, Mark, TermRow, TermTable, Verdict
from rollcall.server.report_html import page
from rollcall.server.report_term import ACROSS, LEGEND, MOST_SAID, person_sheet, term_sheet
from rollcall.server.report_values import person_csv, term_csv, term_json
from rollcall.server.sheet import DISCLAIMER, lines
from tests.server.test_reports import DAY

LESSONS = tuple(Lesson(f"l{n}", ("7b",), (), DAY + n * 86400, DAY + n * 86400 + 5400) for n in range(4))


def verdict(
    name: str, counts: str, came: str = "on time", late: float = 0, went: str = "stayed", mark: str = ""
) -> Verdict:
    finding = Finding(came, late, went)
    given = Mark("m", "l", name, mark, DAY, "Ms Gray", note="dentist") if mark else None
    return Verdict(name, "", "7b", counts, finding, finding, mark=given, note=given, present=5400.0 if went else 0.0)


MIA = TermRow(
    "Mia Lee",
    "",
    (
        verdict("Mia Lee", "present"),
        verdict("Mia Lee", "late", "late", 745.0),
        verdict("Mia Meyer", "excused", "never", went="", mark="excused"),
        verdict("Mia Lee", "present", went="left early"),
    ),
    present=3, excused=1, unexcused=0, late=1, left_early=1, late_seconds=745.0,
)  # fmt: skip
BEN = TermRow(
    "=Ben", "", (None, None, verdict("=Ben", "unexcused", "never", went=""), verdict("=Ben", "present")), 1, 0, 1
)
TERM = TermTable("7b", LESSONS, (MIA, BEN))


def test_the_class() -> None:
    assert [re.sub("  +", " | ", line.strip()) for line in lines(term_sheet(TERM))] == [
        "Class 7b",
        "4 lessons that count, 25 November 2026 to 28 November 2026.",
        "",
        "Name | Lessons | Present | Excused | Unexcused | Late | Minutes late | Left early",
        "Mia Lee | 4 | 3 | 1 | 0 | 1 | 12 | 1",
        "=Ben | 2 | 1 | 0 | 1 | 0 | 0 | 0",
        "",
        "Lessons of 25 November 2026 to 28 November 2026:",
        "Name | 25 Nov 08:00 | 26 Nov 08:00 | 27 Nov 08:00 | 28 Nov 08:00",
        "Mia Lee | ✓ | L12 | E | ✓<",
        "=Ben | – | – | A | ✓",
        "",
        f"{LEGEND}.",
        DISCLAIMER,
    ]
    assert b"size: A4 landscape" in page(term_sheet(TERM))
    rows = list(csv.reader(io.StringIO(term_csv(TERM).decode("utf-8-sig"), newline="")))
    assert rows[0][-4:] == ["2026-11-25 08:00", "2026-11-26 08:00", "2026-11-27 08:00", "2026-11-28 08:00"]
    assert rows[1] == ["Mia Lee", "", "4", "3", "1", "0", "1", "745", "1", "✓", "L12", "E", "✓<"]
    assert rows[2][0] == "'=Ben" and rows[2][-4:] == ["–", "–", "A", "✓"]
    found = json.loads(term_json(TERM))
    assert found["people"][1]["lessons"][:2] == [None, None] and found["people"][0]["lessons"][1]["late_seconds"] == 745


def test_a_long_term_takes_several_tables() -> None:
    many = tuple(replace(LESSONS[0], id=str(n), begin=DAY + n * 3600) for n in range(2 * ACROSS + 1))
    row = replace(MIA, cells=tuple(verdict("Mia Lee", "present") for _ in many))
    tables = term_sheet(TermTable("7b", many, (row,))).tables
    assert [len(table.columns) - 1 for table in tables[1:]] == [ACROSS, ACROSS, 1]
    assert [table.new_page for table in tables] == [False, True, True, True]


def test_one_person_and_nobody_else() -> None:
    assert [re.sub("  +", " | ", line.strip()) for line in lines(person_sheet(TERM, MIA))] == [
        "Mia Lee",
        "Class 7b, 25 November 2026 to 28 November 2026.",
        "Of 4 lessons: 3 present, late once (12 min in all), left early once; 1 excused, 0 without an excuse.",
        "",
        "Month | Day and lessons",
        "November 2026 | 25:✓ | 26:L12 | 27:E | 28:✓<",
        "",
        "Absent, late, left early, or marked:",
        "Lesson | Counts as | Came | Went | Present | Mark and note",
        "Thu 2026-11-26 (08:00–09:30) | late | late by 12 min | stayed | 90 min",
        "Fri 2026-11-27 (08:00–09:30) | excused | never | excused (Ms Gray, 25 Nov 08:00: dentist)",
        "Sat 2026-11-28 (08:00–09:30) | present | on time | left early at | 90 min",
        "",
        f"{LEGEND}.",
        DISCLAIMER,
    ]
    for data in (person_csv(TERM, MIA), page(person_sheet(TERM, MIA)), term_json(TERM, MIA)):
        assert b"Mia Lee" in data and b"Ben" not in data
    assert len(person_csv(TERM, BEN).splitlines()) == 1 + 2 + 1, "the lessons in which he was on the list"


def test_her_page_has_room_for_so_much() -> None:
    many = tuple(replace(LESSONS[0], id=str(n), begin=DAY + n * 43_200) for n in range(2 * MOST_SAID))
    row = replace(MIA, cells=tuple(verdict("Mia Lee", "late", "late", 600.0) for _ in many))
    calendar, said = person_sheet(TermTable("7b", many, (row,)), row).tables
    assert len(said.rows) == MOST_SAID and said.title.endswith(f": the last {MOST_SAID} of {2 * MOST_SAID}")
    assert calendar.rows[1][0].text == "December 2026"
    assert "25:L10,L10  26:L10,L10" in calendar.rows[0][1].text


def test_nothing_yet() -> None:
    shown = lines(term_sheet(TermTable("7b", ())))
    assert shown[1] == "No lesson that counts yet."
    assert "Nobody is on the list." in shown
