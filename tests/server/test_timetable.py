"""Bells and estimates: when a lesson begins and ends if nobody says so."""

from __future__ import annotations

import os
import time
from typing import Iterator, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.server.names import Directory
from rollcall.server.timetable import (
    SETTLED,
    Bell,
    bell_lesson,
    class_that_comes,
    estimated_begin,
    estimated_end,
    read_bells,
)
from tests.server.school import at, clock_of

unhurried = settings(deadline=None)  # a machine that does much else is no failure


def test_bells_are_read_in_the_order_of_the_day() -> None:
    assert read_bells(["09:50-11:20", " 8:00 – 09:30"]) == (Bell(480, 570), Bell(590, 680))
    assert read_bells([]) == ()


@pytest.mark.parametrize(
    ("bells", "words"),
    [
        (["08:00"], '"08:00" is not a begin and an end; right would be "08:00-09:30"'),
        (["08:00-25:00"], "is not a begin and an end"),
        (["08:60-09:00"], "is not a begin and an end"),
        (["08:00-09:30", "09:00-10:00"], "the lesson at 09:00 begins before the one at 08:00 has ended"),
        (["23:00-01:00", "23:30-00:30"], "begins before"),
        (["08:00-08:00"], "08:00-08:00 has no length"),
        (["08:00-09:00"] * 51, "at most 50"),
    ],
)
def test_bells_that_cannot_be_are_said_in_words(bells: List[str], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_bells(bells)
    assert words in str(caught.value)


BELLS = read_bells(["08:00-09:30", "09:50-11:20", "23:30-00:30"])


@pytest.mark.parametrize(
    ("now", "lesson"),
    [
        ("07:59:59", ()),
        ("08:00:00", ("08:00:00", "09:30:00")),
        ("09:29:59", ("08:00:00", "09:30:00")),
        ("09:30:00", ()),
        ("10:00:00", ("09:50:00", "11:20:00")),
        ("23:45:00", ("23:30:00", "00:30:00")),
        ("00:10:00", ("23:30:00", "00:30:00")),
        ("00:30:00", ()),
    ],
)
def test_the_lesson_of_the_hour(now: str, lesson: Tuple[str, ...]) -> None:
    found = bell_lesson(BELLS, at(now))
    assert tuple(map(clock_of, found or ())) == lesson
    assert found is None or found[0] <= at(now) < found[1]


@pytest.fixture
def in_berlin() -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be changed here")
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
    time.tzset()


def test_a_lesson_over_the_end_of_summer_time_lasts_an_hour_longer(in_berlin: None) -> None:
    bells = read_bells(["23:30-05:30"])
    midnight = time.mktime((2026, 10, 25, 0, 0, 0, 0, 0, -1))
    found = bell_lesson(bells, midnight)
    assert found is not None and found[1] - found[0] == 7 * 3600.0
    assert [clock_of(moment) for moment in found] == ["23:30:00", "05:30:00"]
    for later in (3.5, 4.5):
        assert bell_lesson(bells, midnight + later * 3600) == found


def test_a_lesson_begins_when_half_of_the_list_is_here() -> None:
    assert estimated_begin([], 27, 1e9) is None
    assert estimated_begin([41.0, *range(100, 112)], 27, 200.0) is None
    assert estimated_begin([41.0, *range(100, 113)], 27, 200.0) == 112.0
    assert estimated_begin([41.0, *range(100, 124)], 27, 1e9) == 112.0, "later ones change nothing"


def test_a_lesson_to_which_half_never_come_began_ten_minutes_after_the_first() -> None:
    assert estimated_begin([1000.0, 1100.0], 27, 2799.0) is None
    assert estimated_begin([1000.0, 1100.0], 27, 2800.0) == 1600.0


def test_a_lesson_ends_when_less_than_a_quarter_is_left() -> None:
    here = float("inf")
    assert estimated_end([], 1e9) is None
    assert estimated_end([100.0] * 18 + [here] * 6, 1e9) is None
    assert estimated_end([100.0] * 17 + [200.0] * 2 + [here] * 5, 200.0 + SETTLED) == 200.0
    assert estimated_end([100.0] * 17 + [200.0] * 2 + [here] * 5, 199.0 + SETTLED) is None, "they may come back"
    assert estimated_end([100.0], 1e9) == 100.0
    assert estimated_end([100.0], 100.0 + SETTLED, last_pause=500.0) is None, "nobody could"


@unhurried
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_at_the_end_less_than_a_quarter_is_left_and_just_before_it_was_not(last_seen: List[float]) -> None:
    end = estimated_end(last_seen, 1e9)
    assert end is not None
    assert 4 * sum(seen > end for seen in last_seen) < len(last_seen) <= 4 * sum(seen >= end for seen in last_seen)


def test_most_of_at_least_three_who_arrive_tell_which_class_comes() -> None:
    ours = Directory(["Mia Lee", "Ben Roth", "Eva Klein", "Finn Berg"])
    lists = {"9a": Directory(["Abel Neun", "Bach Neun", "Cohn Neun"]), "9b": Directory(["Dorn Neun", "Mia Lee"])}
    assert class_that_comes(["abel neun", "Bach Neun"], ours, lists) is None
    assert class_that_comes(["abel neun", "Bach Neun", "cohn"], ours, lists) == "9a"
    assert class_that_comes(["abel neun", "Mia Lee", "Ben Roth"], ours, lists) is None
    assert class_that_comes(["abel neun", "bach neun", "Mia Lee", "Ben Roth"], ours, lists) is None
    assert class_that_comes(["x", "y", "z"], ours, lists) is None
    assert class_that_comes(["abel", "bach", "cohn"], None, {**lists, "9c": lists["9a"]}) is None, "it may be either"
