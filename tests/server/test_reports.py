"""reports.py and report_values.py: a lesson as a person would write it down, in every form alike."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Dict, Iterator, List, Optional

import pytest

from rollcall.server.facts import (
    Drill,
    Finding,
    GuestLine,
    Lesson,
    LessonTable,
    Mark,
    Pause,
    Person,
    Verdict,
)
from rollcall.server.report_html import page
from rollcall.server.report_values import lesson_csv, lesson_json
from rollcall.server.reports import class_list, lesson_sheet
from rollcall.server.sheet import DISCLAIMER, lines

DAY = time.mktime((2026, 11, 25, 8, 0, 0, 0, 0, -1))
"""08:00, wherever the test runs."""


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone cannot be chosen here")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def person(name: str, counts: str, result: Finding, found: Optional[Finding] = None, **more: object) -> Verdict:
    return Verdict(name, "", "7b", counts, result, found or result, **more)  # type: ignore[arg-type]


PEOPLE = tuple(Person(name, "", "7b") for name in ("Ágnes Tóth", "Ben Okafor", "Mia Lee", "Zoë Ng", "Łukasz Nowak"))
LESSON = Lesson("l1", ("7b",), PEOPLE, DAY, DAY + 5400, "told", "bell")
STAYED = Finding("on time", 0.0, "stayed")
HERE = Mark("m1", "l1", "Ben Okafor", "here", DAY + 600, "Ms Gray", note='forgot it: "again"; =1+1')
EXCUSED = Mark("m2", "l1", "Zoë Ng", "excused", DAY - 60, "Ms Gray")
LEFT = Mark("m3", "l1", "Łukasz Nowak", "left", DAY + 3000, at=DAY + 3000)
TABLE = LessonTable(
    LESSON,
    DAY + 5400,
    (
        person("Ágnes Tóth", "present", STAYED, first=DAY - 1140, last=DAY + 5400, present=5400.0),
        person("Ben Okafor", "present", STAYED, Finding("never"), mark=HERE, note=HERE),
        person(
            "Mia Lee", "late", Finding("late", 745.5, "left early", DAY + 4500.0), first=DAY + 745.5, last=DAY + 4500,
            present=3580.0, interruptions=((DAY + 1000, DAY + 1100), (DAY + 2000, DAY + 2074)),
        ),
        person("Zoë Ng", "excused", Finding("never"), mark=EXCUSED),
        person(
            "Łukasz Nowak", "present", Finding("on time", 0.0, "left early", DAY + 3000), STAYED,
            first=DAY + 1, last=DAY + 5400, present=3000.0, left_mark=LEFT,
        ),
    ),
    (GuestLine("mia", DAY + 10, DAY + 70, 60.0, "Mia Lee"), GuestLine("=cmd|' /C calc'!A0", DAY, DAY + 1, 1.0)),
    (Pause("p", DAY + 1200, DAY + 1265, "down"), Pause("q", DAY + 1800, DAY + 2400, "asleep")),
    (Drill(DAY + 4500, 4, ()),),
)  # fmt: skip


def test_the_table_on_a_terminal() -> None:
    assert [re.sub("  +", " | ", line) for line in lines(lesson_sheet(TABLE))] == [
        "Class 7b: Wednesday 25 November 2026, 08:00–09:30",
        "4 of 5 came, 1 of them late, 2 left early; 1 excused, 0 without an excuse.",
        "",
        "Name | Counts as | Came | Went | First seen | Last seen | Present | Away | Mark and note",
        "Ágnes Tóth | present | on time | stayed | 07:41:00 | 09:30:00 | 90 min",
        "Ben Okafor | present | on time (found: never) | stayed | "
        'here without a computer (Ms Gray, 08:10: forgot it: "again"; =1+1)',
        "Mia Lee | late | late by 12 min | left early at 09:15 | 08:12:25 | 09:15:00 | 60 min | 2 (3 min)",
        "Zoë Ng | excused | never | excused (Ms Gray, 07:59)",
        "Łukasz Nowak | present | on time | left early at 08:50 (found: stayed) | 08:00:01 | 09:30:00 | 50 min | "
        "left at 08:50 (08:50)",
        "",
        "Guests | First seen | Last seen | Present",
        "mia (perhaps Mia Lee) | 08:00:10 | 08:01:10 | 1 min",
        "=cmd|' /C calc'!A0 | 08:00:00 | 08:00:01 | 1 s",
        "",
        "This lesson: end by the bell.",
        "Nobody was counted from 08:20:00 to 08:21:05: the server did not run.",
        "Nobody was counted from 08:30:00 to 08:40:00: the server's computer slept.",
        "4 lost at 09:15: network or drill?",
        DISCLAIMER,
    ]


def rows_of(data: bytes) -> List[Dict[str, str]]:
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    return [row for row in csv.DictReader(text, strict=True) if row["date"] != DISCLAIMER]


def test_the_same_for_a_spreadsheet() -> None:
    rows = {row["name"]: row for row in rows_of(lesson_csv(TABLE))}
    assert list(rows) == ["Ágnes Tóth", "Ben Okafor", "Mia Lee", "Zoë Ng", "Łukasz Nowak", "mia", "'=cmd|' /C calc'!A0"]
    mia = {key: value for key, value in rows["Mia Lee"].items() if value}
    assert mia == {
        "date": "2026-11-25", "begin": "08:00:00", "end_date": "2026-11-25", "end": "09:30:00", "class": "7b",
        "name": "Mia Lee", "is": "on the list", "counts_as": "late", "came": "late", "late_seconds": "745",
        "went": "left early", "went_date": "2026-11-25", "went_time": "09:15:00", "first_date": "2026-11-25",
        "first_time": "08:12:25", "last_date": "2026-11-25", "last_time": "09:15:00", "present_seconds": "3580",
        "interruptions": "2", "interrupted_seconds": "174", "found_came": "late", "found_late_seconds": "745",
        "found_went": "left early", "found_went_date": "2026-11-25", "found_went_time": "09:15:00",
    }  # fmt: skip
    ben = rows["Ben Okafor"]
    assert (ben["came"], ben["found_came"], ben["mark"], ben["marked_by"]) == ("on time", "never", "here", "Ms Gray")
    assert (ben["marked_date"], ben["marked_time"]) == ("2026-11-25", "08:10:00")
    assert ben["note"] == 'forgot it: "again";\' =1+1'.replace(";' =", "; '=")
    guest = rows["mia"]
    assert (guest["is"], guest["perhaps"], guest["present_seconds"]) == ("guest", "Mia Lee", "60")
    assert (guest["first_time"], guest["last_time"], guest["interruptions"]) == ("08:00:10", "08:01:10", "")
    assert rows_of(lesson_csv(TABLE, ";").replace(b";", b","))


def test_the_same_for_programs() -> None:
    offset = datetime.fromtimestamp(DAY).astimezone().isoformat()[-6:]
    found = json.loads(lesson_json(TABLE))
    assert list(found)[-1] == "note" and found["note"] == DISCLAIMER
    assert found["lesson"]["begin"] == f"2026-11-25T08:00:00{offset}" and found["lesson"]["end_by"] == "bell"
    mia = found["people"][2]
    assert (mia["name"], mia["counts_as"], mia["late_seconds"], mia["went_at"]) == (
        "Mia Lee", "late", 745, f"2026-11-25T09:15:00{offset}",
    )  # fmt: skip
    assert mia["interruptions"][1] == [f"2026-11-25T08:33:20{offset}", f"2026-11-25T08:34:34{offset}"]
    assert found["people"][1]["marks"] == [
        {
            "kind": "here",
            "by": "Ms Gray",
            "when": f"2026-11-25T08:10:00{offset}",
            "minutes": 0,
            "at": None,
            "note": HERE.note,
        }
    ]
    assert [guest["perhaps"] for guest in found["guests"]] == ["Mia Lee", ""]


def test_the_same_on_paper() -> None:
    text = page(lesson_sheet(TABLE)).decode()
    for line in ("late by 12 min", "left early at 09:15", "2 (3 min)", "here without a computer", "perhaps Mia Lee"):
        assert line in text


def test_a_lesson_that_goes_on() -> None:
    going = tuple(
        replace(line, state=state) for line, state in zip(TABLE.lines, ("here", "here", "lost", "excused", "missing"))
    )
    table = replace(
        TABLE, lesson=replace(LESSON, end=None), until=DAY + 1865, lines=going, guests=(), pauses=(), drills=()
    )
    shown = lines(lesson_sheet(table))
    assert shown[0] == "Class 7b: Wednesday 25 November 2026, since 08:00, as of 08:31:05"
    assert shown[2] == "Now: 1 missing, 2 here, 1 lost, 1 excused." and "  Now  " in shown[4]
    boxes = ["".join(re.split("  +", line)[:2]) for line in lines(class_list(table))[4:9]]
    assert lines(class_list(table))[:2] == [
        "Class 7b: who is here, Wednesday 25 November 2026, 08:31:05",
        "2 of 5 people here. The others have an empty box.",
    ]
    assert [box.strip() for box in boxes] == ["Ágnes Tóth☑", "Ben Okafor☑", "Mia Lee☐", "Zoë Ng☐", "Łukasz Nowak☐"]
    assert page(class_list(table)).decode().count('aria-label="empty box"') == 3


def test_what_does_not_count_says_so() -> None:
    nobody = replace(TABLE, counted=False)
    assert "Nobody on the list came: this lesson does not count." in lines(lesson_sheet(nobody))
    gone = replace(nobody, lesson=replace(LESSON, discarded=True))
    assert "This lesson was thrown away: it does not count." in lines(lesson_sheet(gone))


@pytest.mark.usefixtures("berlin")
def test_two_classes_groups_midnight_and_the_hour_that_comes_twice() -> None:
    night = 1792880400.0  # 2026-10-25 00:20 in summer time; at 03:00 it is 02:00 again
    end = night + 4 * 3600
    table = LessonTable(
        Lesson("l", ("7a", "7b"), (), night, end, "estimated", "estimated"),
        end,
        (
            Verdict("Mia Lee", "A", "7a", "present", STAYED, STAYED, night + 7200, night + 10800, 3600.0),
            Verdict("Ben", "", "7b", "present", STAYED, STAYED, night - 3600, end, 14400.0),
        ),
    )
    shown = lines(lesson_sheet(table))
    assert shown[0].startswith("Classes 7a and 7b: Sunday 25 October 2026, ") and "UTC+2–" in shown[0]
    assert shown[3].split()[:3] == ["Name", "Class", "Group"]
    mia = shown[4]
    assert mia.count("UTC+2") == 1 and mia.count("UTC+1") == 1, mia
    first, last = (row for row in rows_of(lesson_csv(table)) if row["name"] == "Mia Lee").__next__(), None
    assert first["first_time"] == first["last_time"] and first["present_seconds"] == "3600" and last is None
    assert "24 Oct" in shown[5]
    assert "This lesson: begin estimated from who came and went, end estimated from who came and went." in shown
