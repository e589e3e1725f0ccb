"""Stays become intervals; what happened to all is nobody's gap."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.server.facts import ASLEEP, DOWN, PAUSED, Pause, Stay
from rollcall.server.presence import (
    FOREVER,
    Blind,
    Interval,
    blind_of,
    blind_times,
    bridged,
    drills,
    gaps,
    intervals_of,
    overlap,
)

unhurried = settings(deadline=None)  # a machine that does much else is no failure

times = st.integers(0, 200).map(float)
spans = st.tuples(times, times).map(lambda pair: (min(pair), max(pair)))


def stay(begin: float, end: float, how: str = "lost", number: int = 0) -> Stay:
    return Stay(f"s{number}", 1, "Mia", begin, end, end, how)


@unhurried
@given(st.lists(spans, max_size=8))
def test_who_is_here_on_several_computers_is_here_while_either_is(own: List[Tuple[float, float]]) -> None:
    found = intervals_of(stay(*span) for span in own)
    for moment in (number / 2 for number in range(400)):
        is_here = any(begin <= moment <= end for begin, end in own)
        assert any(one.begin <= moment <= one.end for one in found) == is_here
    assert all(one.end < after.begin for one, after in zip(found, found[1:]))


def test_an_open_stay_lasts_and_the_last_end_tells_how() -> None:
    assert intervals_of([Stay("a", 1, "Mia", 5.0, 9.0)]) == [Interval(5.0, FOREVER)]
    assert intervals_of([stay(0, 9, "left"), stay(2, 5, "lost")]) == [Interval(0, 9, "left")]
    assert intervals_of([stay(0, 9, "lost"), stay(2, 12, "left")]) == [Interval(0, 12, "left")]


def test_two_that_end_at_once_end_with_the_goodbye_in_any_order() -> None:
    both = [stay(0, 9, "lost"), stay(0, 9, "left"), stay(2, 9, "crashed")]
    assert intervals_of(both) == intervals_of(both[::-1]) == [Interval(0, 9, "left")]


BLIND = Blind(100.0, 160.0)


def test_who_was_there_on_both_sides_of_a_pause_was_there_throughout() -> None:
    both = [Interval(0, 95, "lost"), Interval(170, FOREVER)]
    assert bridged(both, [BLIND], None) == [Interval(0, FOREVER)]
    for before, after in [
        (Interval(0, 69, "lost"), Interval(170, FOREVER)),  # gone before it, for longer than a timeout
        (Interval(0, 95, "left"), Interval(170, FOREVER)),  # said goodbye before it
        (Interval(0, 95, "lost"), Interval(221, FOREVER)),  # came long after it
        (Interval(0, 161, "lost"), Interval(170, FOREVER)),  # was there after it
    ]:
        assert bridged([before, after], [BLIND], None) == [before, after]


def test_a_pause_that_lasts_to_the_end_has_no_other_side() -> None:
    fire = Blind(100.0, FOREVER)
    assert bridged([Interval(0, 101, "left")], [fire], 500.0) == [Interval(0, 500.0)]
    assert bridged([Interval(0, 60, "left")], [fire], 500.0) == [Interval(0, 60, "left")]
    assert bridged([Interval(0, 101, "lost")], [fire], None) == [Interval(0, 101, "lost")], "it goes on: they are gone"


def test_pauses_that_leave_no_time_to_come_back_are_one() -> None:
    pauses = [
        Pause("b", 200, 300, ASLEEP),
        Pause("a", 100, 160, DOWN),
        Pause("c", 900, None, PAUSED, "L"),
        Pause("d", 0, 9, PAUSED, "X"),
    ]
    assert [(one.begin, one.end, one.is_server) for one in blind_times(pauses, "L")] == [
        (100, 300, True),
        (900, FOREVER, False),
    ]


def test_half_who_vanish_within_a_minute_are_one_event() -> None:
    people = {f"p{n}": [Interval(0, 1000 + n, "lost"), Interval(1700 + 10 * n, FOREVER)] for n in range(12)}
    people.update({f"q{n}": [Interval(0, FOREVER)] for n in range(12)})
    (drill,) = drills(people, 0, 5000)
    assert (drill.begin, drill.count) == (1000, 12)
    (blind,) = blind_of(drill, people)
    assert (blind.begin, blind.end) == (1000, 1750)
    assert all(len(bridged(own, [blind], None)) == 1 for own in people.values())
    people["q12"] = [Interval(0, FOREVER)]
    assert drills(people, 0, 5000) == [], "12 of 25 are less than half"
    two = {"a": [Interval(0, 10, "lost")], "b": [Interval(0, 10, "lost")]}
    assert drills(two, 0, 5000) == [], "two are no event"


def test_a_class_that_does_not_come_back_from_it_is_gone() -> None:
    people = {f"p{n}": [Interval(0, 1000, "lost")] for n in range(5)}
    people["p0"] = [Interval(0, 1000, "lost"), Interval(1100, FOREVER)]
    (drill,) = drills(people, 0, 5000)
    assert blind_of(drill, people) == []


@unhurried
@given(st.lists(spans, max_size=6), spans)
def test_presence_and_gaps_fill_the_time_between_first_and_last(
    own: List[Tuple[float, float]], window: Tuple[float, float]
) -> None:
    found = intervals_of(stay(*span) for span in own)
    begin, until = window
    inside = [one for one in found if one.end > begin and one.begin < until]
    present, away = overlap(inside, begin, until), gaps(inside, begin, until)
    if inside:
        whole = min(inside[-1].end, until) - max(inside[0].begin, begin)
        assert abs(present + sum(back - gone for gone, back in away) - whole) < 1e-6
    assert all(begin <= gone < back <= until for gone, back in away)
