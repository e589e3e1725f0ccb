"""The school morning out of a real database, killed in its middle: in every form what a person would write by hand."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from rollcall.server.facts import LessonTable
from rollcall.server.record_file import WritableRecord
from rollcall.server.record_reading import load
from rollcall.server.record_tables import Fact, Row, end_of_run, row_of, sign_of_life, start_of_run
from rollcall.server.recorded import Tables
from rollcall.server.report_html import page
from rollcall.server.report_term import term_sheet
from rollcall.server.report_values import lesson_csv, lesson_json
from rollcall.server.reports import lesson_sheet
from rollcall.server.sheet import DISCLAIMER, lines
from tests.server.school import School, at
from tests.server.test_school_morning import (
    ABSENT,
    BERG,
    GROESSL,
    HOLM,
    LATE,
    MIA,
    NINE,
    by_hand,
    lesson_of_9a,
    nine_by_hand,
    play,
    rest_of_7b,
)

Written = Tuple[str, ...]


class RecordedSchool(School):
    """A school whose server has nothing after it was killed but what its database has."""

    folder: Path
    run = 1

    def write(self, dies: bool) -> None:
        database = WritableRecord(self.folder)
        rows: List[Row] = [start_of_run(self.run, self.clock.wall, None)]
        rows += [row_of(fact, self.run, self.clock.wall) for fact in self.record.values()]
        end = sign_of_life if dies else end_of_run
        assert not database.write(rows, end(self.run, self.alive))
        database.close()

    def kill(self) -> None:
        super().kill()
        self.write(dies=True)
        self.record.clear()

    def restart(self) -> None:
        self.last_id, self.run, self.book = 0, 2, self.new_book()
        known = load(self.folder)
        facts: Tuple[Fact, ...] = (*known.stays, *known.pauses, *known.lessons, *known.marks, *known.identifications)
        self.note(self.book.resume(facts, known.alive))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("morning")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.server.test_school_morning.School", RecordedSchool)
        RecordedSchool.folder = found
        school = play()
    rest_of_7b(school)
    lesson_of_9a(school)
    assert isinstance(school, RecordedSchool)
    school.write(dies=False)
    return found


@pytest.fixture(scope="module")
def tables(folder: Path) -> List[LessonTable]:
    """Those of 7b and of 9a."""
    known = load(folder)
    return list(Tables(known).all(one for one in known.lessons if one.end is not None))


def in_words(hand: Written) -> Written:
    """A hand-written row in the words and to the minute of a page: counts, came, went, first, last, present."""
    came, went, counts, first, last, present, _ = hand
    late = re.sub(r"late by (\d+) s", lambda match: f"late by {int(match.group(1)) // 60} min", came)
    early = re.sub(r"(left early at \d\d:\d\d):\d\d", r"\1", went)
    minutes = f"{int(float(present) / 60 + 0.5)} min" if float(present) else ""
    return counts, late, early, first, last, minutes


@pytest.mark.parametrize(("number", "hand"), [(0, by_hand()), (1, nine_by_hand())], ids=["7b", "9a"])
def test_every_form_says_what_was_written_by_hand(
    tables: List[LessonTable], number: int, hand: Dict[str, Written]
) -> None:
    table = tables[number]
    sheet = lesson_sheet(table)
    expected = {name: in_words(row) for name, row in hand.items()}
    rows = re.findall("<tr>(<td.*)</tr>", page(sheet).decode())
    cells = [
        [html.unescape(re.sub(" ?<small>.*?</small>|<.*?>", "", cell)) for cell in row.split("</td>")] for row in rows
    ]
    group = number == 0
    assert {row[0]: (*row[1 + group : 7 + group],) for row in cells if row[0] in expected} == expected
    shown = lines(sheet)
    for name, said in expected.items():
        (line,) = (line for line in shown if line.startswith(f"{name}  "))
        assert [word for word in said if word not in re.split(r"  +| \(", line)] == [""] * said.count(""), line
    read = csv.DictReader(io.StringIO(lesson_csv(table).decode("utf-8-sig"), newline=""))
    by_name = {row["name"]: row for row in read if row["is"] == "on the list"}
    people = {person["name"]: person for person in json.loads(lesson_json(table))["people"]}
    assert set(by_name) == set(people) == set(hand)
    for name, (came, went, counts, first, last, present, gaps) in hand.items():
        row, person = by_name[name], people[name]
        late = f"late by {row['late_seconds']} s" if row["came"] == "late" else row["came"]
        gone = f"{row['went']} at {row['went_time']}" if row["went_time"] else row["went"]
        seen = (late, gone, row["counts_as"], row["first_time"], row["last_time"], row["present_seconds"])
        assert seen == (came, went, counts, first, last, present), name
        assert person["late_seconds"] == int(row["late_seconds"]) and person["went"] == row["went"]
        assert (person["first"] or "T")[11:19] == first and (person["last"] or "T")[11:19] == last
        assert " ".join(f"{since[11:19]}-{until[11:19]}" for since, until in person["interruptions"]) == gaps
        assert int(row["interruptions"]) == len(gaps.split())


def test_what_else_there_is_to_say(tables: List[LessonTable]) -> None:
    seven, nine = (lines(lesson_sheet(table)) for table in tables)
    assert seven[:2] == [
        "Class 7b: Wednesday 25 November 2026, 08:00–08:48",
        "25 of 27 came, 2 of them late, 1 left early, 1 lost; 1 excused, 1 without an excuse.",
    ]
    assert nine[:2] == [
        "Class 9a: Wednesday 25 November 2026, 08:50–10:30",
        "6 of 8 came, 1 lost; 0 excused, 2 without an excuse.",
    ]
    for part in (
        "from 08:20:00 to 08:21:00: the server did not run",
        "from 08:30:00 to 08:40:00: the server's computer slept",
        "excused (Ms Gray, 08:03: dentist)",
        "on time (found: never)",
        "(Ms Gray, 08:25: =1+1)",
    ):
        assert part in "\n".join(seven), part
    assert "6 lost at 10:12: network or drill?" in nine and nine[-1] == seven[-1] == DISCLAIMER
    assert ",'=1+1," in lesson_csv(tables[0]).decode()


def test_the_term(folder: Path) -> None:
    term = Tables(load(folder)).term("7b")
    cells: Dict[str, str] = {row[0].text: row[1].text for row in term_sheet(term).tables[1].rows}
    assert (cells[MIA], cells[HOLM], cells[BERG], cells[GROESSL]) == ("✓", "✓", "✓<", "✓<")
    assert [cells[name] for name in (*LATE, *ABSENT)] == ["L12", "L12", "E", "✓", "A"]
    nine = Tables(load(folder)).term("9a")
    cells = {row[0].text: row[1].text for row in term_sheet(nine).tables[1].rows}
    assert [cells[name] for name in NINE] == ["✓", "✓", "✓", "✓", "✓", "✓<", "A", "A"]


def test_nothing_of_the_crash_is_left_open(folder: Path) -> None:
    known = load(folder)
    crashed = [stay for stay in known.stays if stay.how == "crashed"]
    assert len(crashed) == 25 and {stay.end for stay in crashed} == {at("08:20")}
    assert [(pause.why, pause.begin, pause.end) for pause in known.pauses] == [
        ("down", at("08:20"), at("08:21")),
        ("asleep", at("08:30"), at("08:40")),
    ]
