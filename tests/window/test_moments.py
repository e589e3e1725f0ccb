"""moments.py: times and minutes as they are typed, lessons as the server tells them."""

from __future__ import annotations

import json
import time

import pytest

from rollcall.window.diary import minute_text
from rollcall.window.moments import (
    NotATime,
    read_lesson,
    read_lessons,
    read_minutes,
    read_names,
    read_people,
    read_time,
)

NOON = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize("text", ["8:05", " 08:05 ", "8.05", "8h05", "8 05"])
def test_a_time_of_day_is_of_the_day_that_it_is_about(text: str) -> None:
    assert read_time(text, NOON) == NOON - 3 * 3600 - 55 * 60


@pytest.mark.parametrize("text", ["", "24:00", "8:60", "8", "ten", "-1:00", "8:05:03"])
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotATime, match="is not a time of day, such as 8:05"):
        read_time(text, NOON)


def test_minutes() -> None:
    assert [read_minutes(text) for text in ("7", " 12 min", "0", "600")] == [7, 12, 0, 600]
    for text in ("", "601", "-3", "1.5", "x"):
        with pytest.raises(NotATime, match="is not a number of minutes"):
            read_minutes(text)


def told(**more: object) -> dict:  # type: ignore[type-arg]
    usual = {
        "id": "k", "classes": ["7b"], "begin": "2026-03-04T08:00:00+00:00", "end": "2026-03-04T09:30:00+00:00",
        "listed": 27, "came": 24, "discarded": False,
    }  # fmt: skip
    return {**usual, **more}


def test_lessons_are_the_newest_first_and_what_is_none_is_left_out() -> None:
    later = told(id="m", begin="2026-03-05T08:00:00+00:00", end=None)
    broken = [told(begin=7), told(begin=None), {}, 3, told(classes=1), told(begin="soon"), told(listed=None)]
    found = read_lessons(json.dumps({"lessons": [told(), later, *broken]}))
    assert [one.id for one in found] == ["m", "k"] and found[0].end is None
    assert found[0].times() == f"since {minute_text(found[0].begin)}" and "–" in found[1].times()
    (now,) = read_lesson(json.dumps({"lesson": later, "people": [{"counts_as": "late"}, {"counts_as": "excused"}]}))
    assert (now.id, now.came, now.listed) == ("m", 1, 2)
    for text in ("", "[]", "[" * 100_000, "3", '{"lessons": 3}', '{"lesson": {}, "people": [3]}'):
        assert read_lessons(text) == [] and read_lesson(text) == [] and read_names(text, "people") == []


def test_a_correction_is_what_says_something_else() -> None:
    (lesson,) = read_lessons(json.dumps({"lessons": [told()]}))
    begin, end = minute_text(lesson.begin), minute_text(lesson.end or 0)
    assert lesson.corrected(begin, end) == (None, None)
    earlier = minute_text(lesson.begin - 600)
    assert lesson.corrected(earlier, end) == (lesson.begin - 600, None)
    before = lesson.begin - 60
    assert lesson.corrected(begin, minute_text(before)) == (None, before + 86400), "a night course"
    with pytest.raises(NotATime):
        lesson.corrected("soon", end)


def test_a_list_can_be_changed_and_sent_back() -> None:
    people = [{"name": "Ann Lee", "group": ""}, {"name": "Ben Oak", "group": ""}]
    assert read_people(json.dumps({"people": people})) == "Ann Lee\nBen Oak\n"
    people[0]["group"] = "red"
    assert read_people(json.dumps({"people": people})) == "name\tgroup\nAnn Lee\tred\nBen Oak\t\n"
    assert read_names(json.dumps({"people": people}), "people") == ["Ann Lee", "Ben Oak"]
    assert read_names(json.dumps({"classes": ["7b", 3]}), "classes") == ["7b"]
