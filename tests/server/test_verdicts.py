"""The register, computed: how people came and went, what a mark changes, lessons and terms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Optional, Sequence, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.server import facts
from rollcall.server.facts import ASLEEP, PAUSED, RENAMED, Identification, Lesson, Mark, Pause, Person, Stay, Verdict
from rollcall.server.verdicts import drill_now, lesson_table, term_table

unhurried = settings(deadline=None)  # a machine that does much else is no failure

MIA, BEN = "Mia Lee", "Ben Roth"
LESSON = Lesson("L", ("7b",), (Person(MIA, "A", "7b"), Person(BEN, "", "7b")), 10_000.0, 15_400.0)
Span = Tuple[float, Optional[float], str]


def stays(*spans: Span, name: str = MIA) -> List[Stay]:
    """Times in seconds after the begin of the lesson."""
    return [
        Stay(
            f"{name}{n}",
            1,
            name,
            10_000 + begin,
            10_000 + (begin if end is None else end),
            None if end is None else 10_000 + end,
            how,
        )
        for n, (begin, end, how) in enumerate(spans)
    ]


def mark(kind: str, when: float = 100.0, **more: Any) -> Mark:
    return Mark(f"m{kind}{when}", "L", MIA, kind, 10_000 + when, **more)


def mia(own: Sequence[Stay], marks: Sequence[Mark] = (), lesson: Lesson = LESSON, **more: Any) -> Verdict:
    return lesson_table(lesson, own, marks=marks, **more).lines[0]


def shown(line: Verdict) -> Tuple[Any, ...]:
    result = line.result
    return (result.came, result.late_by, result.went, None if result.went_at is None else result.went_at - 10_000)


@pytest.mark.parametrize(
    ("spans", "right"),
    [
        ([], ("never", 0, "", None)),
        ([(-60, 5400, "left")], ("on time", 0, "stayed", None)),
        ([(300, 5400, "left")], ("on time", 0, "stayed", None)),
        ([(301, 5400, "left")], ("late", 301, "stayed", None)),
        ([(0, 5100, "left")], ("on time", 0, "stayed", None)),
        ([(0, 5099, "left")], ("on time", 0, "left early", 5099)),
        ([(0, 5099, "kicked")], ("on time", 0, "left early", 5099)),
        ([(0, 3000, "lost")], ("on time", 0, "lost", 3000)),
        ([(0, 3000, "crashed")], ("on time", 0, "lost", 3000)),
        ([(-1200, -60, "left")], ("never", 0, "", None)),
        ([(5400, 9000, "left")], ("never", 0, "", None)),
        ([(0, 100, "lost"), (1000, None, "")], ("on time", 0, "stayed", None)),
        ([(0, 9000, "left")], ("on time", 0, "stayed", None)),
    ],
)
def test_how_somebody_came_and_went(spans: List[Span], right: Tuple[Any, ...]) -> None:
    assert shown(mia(stays(*spans))) == right


def test_first_and_last_seen_present_for_and_interruptions() -> None:
    line = mia(stays((-600, 1000, "lost"), (1100, 9000, "left")))
    assert (line.first, line.last, line.present) == (9_400.0, 15_400.0, 5300.0)
    assert line.interruptions == ((11_000.0, 11_100.0),)
    assert mia(stays((-9000, 100, "left"))).first == 10_000.0, "who has been there for hours was there at the begin"


def test_a_pause_of_the_server_is_nobodys_absence_nor_lateness() -> None:
    pause = [Pause("p", 10_000, 10_600, ASLEEP)]
    assert shown(mia(stays((640, None, "")), pauses=pause))[:2] == ("on time", 0)
    assert shown(mia(stays((700, None, "")), pauses=pause))[:2] == ("late", 700)
    line = mia(stays((0, 1000, "lost"), (1650, None, "")), pauses=[Pause("p", 11_010, 11_600, ASLEEP)])
    assert line.interruptions == () and line.present == 5400.0
    told = [Pause("p", 14_000, 15_400, PAUSED, "L")]
    assert shown(mia(stays((0, 4010, "lost")), pauses=told))[2] == "stayed"
    assert shown(mia(stays((0, 4010, "lost")), pauses=[replace(told[0], lesson="M")]))[2] == "lost"


@pytest.mark.parametrize(
    ("marks", "spans", "right", "counts"),
    [
        ([mark("here")], [], ("on time", 0, "stayed", None), "present"),
        ([mark("excused")], [], ("never", 0, "", None), "excused"),
        ([mark("excused")], [(0, 5400, "left")], ("on time", 0, "stayed", None), "excused"),
        ([mark("absent")], [(0, 5400, "left")], ("never", 0, "", None), "unexcused"),
        ([mark("late", minutes=12)], [], ("late", 720, "stayed", None), "late"),
        ([mark("late", minutes=12)], [(0, 3000, "lost")], ("late", 720, "lost", 3000), "late"),
        ([mark("late", minutes=0)], [(900, 5400, "left")], ("on time", 0, "stayed", None), "present"),
        ([mark("left", at=12_000.0)], [(0, 5400, "left")], ("on time", 0, "left early", 2000), "present"),
        ([mark("left", at=12_000.0)], [], ("on time", 0, "left early", 2000), "present"),
        ([mark("late", minutes=6), mark("left", at=12_000.0)], [], ("late", 360, "left early", 2000), "late"),
        ([mark("here", 100), mark("excused", 200)], [], ("never", 0, "", None), "excused"),
        ([mark("here", 100), mark("excused", 200, undone=True)], [], ("on time", 0, "stayed", None), "present"),
        ([mark("note", note="=1+1")], [], ("never", 0, "", None), "unexcused"),
        ([mark("out")], [(0, 5400, "left")], ("on time", 0, "stayed", None), "present"),
        ([replace(mark("here"), lesson="M")], [], ("never", 0, "", None), "unexcused"),
        ([replace(mark("here"), name=BEN)], [], ("never", 0, "", None), "unexcused"),
    ],
)
def test_a_mark_decides_and_the_finding_stays_beside_it(
    marks: List[Mark], spans: List[Span], right: Tuple[Any, ...], counts: str
) -> None:
    line = mia(stays(*spans), marks)
    assert shown(line) == right and line.counts == counts
    assert line.found == mia(stays(*spans)).result


def test_who_was_out_for_a_moment_was_there() -> None:
    away = stays((0, 1000, "lost"), (1300, None, ""))
    assert mia(away, [mark("out", 1010)]).interruptions == ()
    assert mia(away, [mark("out", 1200)]).interruptions != (), "that was said of somebody who had been gone for long"
    assert mia(away, [mark("out", 2000)]).interruptions != ()
    assert mia(stays((0, 1000, "lost")), [mark("out", 1010)]).result.went == facts.LOST_AT


@pytest.mark.parametrize(
    ("now", "spans", "marks", "silent", "state"),
    [
        (299, [], [], False, "expected"),
        (300, [], [], False, "missing"),
        (300, [(200, None, "")], [], False, "here"),
        (300, [(300, None, "")], [], False, "here"),
        (300, [(200, None, "")], [], True, "silent"),
        (300, [(0, 200, "lost")], [], False, "lost"),
        (300, [(0, 200, "replaced")], [], False, "lost"),
        (300, [(0, 200, "left")], [], False, "left"),
        (300, [(0, 200, "kicked")], [], False, "left"),
        (200, [(-90, -60, "left")], [], False, "expected"),
        (300, [], [mark("excused")], False, "excused"),
        (300, [(200, None, "")], [mark("excused")], False, "excused"),
        (300, [], [mark("here")], False, "here"),
        (300, [(200, None, "")], [mark("absent")], False, "missing"),
        (300, [], [mark("late", minutes=5)], False, "here"),
        (300, [(200, None, "")], [mark("out", 250)], False, "out"),
        (300, [(200, 260, "lost")], [mark("out", 250)], False, "out"),
        (300, [(200, 260, "lost"), (290, None, "")], [mark("out", 250)], False, "here"),
        (300, [(200, None, "")], [mark("left", 250)], False, "left"),
        (300, [(200, None, "")], [mark("left", 250), mark("left", 260, undone=True)], False, "left"),
    ],
)
def test_the_live_states(now: float, spans: List[Span], marks: List[Mark], silent: bool, state: str) -> None:
    own = stays(*spans)
    silents = frozenset(one.id for one in own if one.end is None) if silent else frozenset()
    line = mia(own, marks, replace(LESSON, end=None), now=10_000.0 + now, silent=silents)
    assert line.state == state
    plain = mia(own, (), replace(LESSON, end=None), now=10_000.0 + now, silent=silents)
    assert line.found_state == plain.state


def test_after_a_pause_of_the_server_people_are_on_their_way_back_for_a_while() -> None:
    own, pause = stays((0, 1000, "crashed")), [Pause("p", 11_000, 11_060, facts.DOWN)]
    for now, state in ((11_060.0, "silent"), (11_120.0, "silent"), (11_121.0, "lost")):
        assert mia(own, (), replace(LESSON, end=None), pauses=pause, now=now).state == state


def test_a_lesson_that_has_not_begun_has_only_states() -> None:
    lesson = replace(LESSON, begin=None, end=None)
    assert mia(stays((-60, None, "")), (), lesson, now=9_999.0).state == "here"
    assert mia(stays((-60, -30, "left")), (), lesson, now=9_999.0).state == "expected"
    assert mia([], [mark("excused")], lesson, now=9_999.0).state == "excused"


def test_guests_are_apart_and_teachers_are_nowhere() -> None:
    own = [*stays((0, 5400, "left"), name="Zoe"), *stays((0, 1000, "left"), (2000, 3000, "left"), name="mia")]
    own += [replace(one, role="teacher") for one in stays((0, 5400, "left"), name="Ms Gray")]
    own += stays((-900, -100, "left"), name="Early")
    table = lesson_table(LESSON, own)
    assert [(one.name, one.first, one.last, one.present, one.proposal) for one in table.guests] == [
        ("mia", 10_000.0, 13_000.0, 2000.0, MIA),
        ("Zoe", 10_000.0, 15_400.0, 5400.0, ""),
    ]
    assert not table.counted, "nobody on the list came"
    assert lesson_table(LESSON, stays((0, 60, "left"))).counted
    assert not lesson_table(replace(LESSON, discarded=True), stays((0, 60, "left"))).counted


def test_a_class_that_is_back_before_the_end_was_away_and_one_that_goes_is_no_event() -> None:
    names = [f"Kid {number}" for number in range(4)]
    lesson = Lesson("L", ("7b",), tuple(Person(name, "", "7b") for name in names), 10_000.0, 15_400.0)
    spans = {"back": [(0, 5200, "lost"), (5260, 5400, "left")], "gone": [(0, 5200, "lost"), (5500, 5600, "left")]}
    for how, own in spans.items():
        everybody = [replace(stay, id=f"{name} {stay.id}") for name in names for stay in stays(*own, name=name)]
        table = lesson_table(lesson, everybody)
        assert [drill.count for drill in table.drills] == [4] * (how == "back"), how
        assert all(line.interruptions == () and line.result.went == "stayed" for line in table.lines), how


def test_an_event_is_news_for_a_while() -> None:
    people = tuple(Person(f"P{number}") for number in range(4))
    own = [one for person in people for one in stays((0, 1000, "lost"), name=person.name)]
    lesson = replace(LESSON, people=people, end=None)
    table = lesson_table(lesson, own, now=11_030.0)
    drill = drill_now(table, 60.0)
    assert drill is not None and (drill.begin, drill.count) == (11_000.0, 4)
    assert drill_now(table, 29.0) is None
    assert lesson_table(replace(lesson, end=11_200.0), own).drills == (), "that is how a lesson ends"


def test_the_term_is_names_by_lessons_and_a_renamed_person_is_one() -> None:
    second = replace(
        LESSON, id="M", begin=96_400.0, end=101_800.0, people=(Person("Mia Klein", "B", "7b"), Person("New", "", "7b"))
    )
    third = replace(second, id="N", begin=182_800.0, end=188_200.0)
    other = replace(LESSON, id="O", classes=("9a",))
    nobody = replace(second, id="P", begin=1e6, end=1e6 + 5400)
    tables = [
        lesson_table(
            third,
            [Stay("c", 1, "New", 182_800, 182_800, 183_000, "left")],
            marks=[Mark("x", "N", "Mia Klein", "excused", 0)],
        ),
        lesson_table(LESSON, stays((600, 5400, "left"))),
        lesson_table(second, [Stay("b", 1, "Mia Klein", 96_400, 96_400, 101_800, "left")]),
        lesson_table(other, stays((0, 5400, "left"))),
        lesson_table(nobody, []),
    ]
    term = term_table("7b", tables, [Identification("i", RENAMED, "Mia Klein", 1.0, "7b", MIA)])
    assert [lesson.id for lesson in term.lessons] == ["L", "M", "N"]
    rows = {row.name: row for row in term.rows}
    assert list(rows) == [BEN, "Mia Klein", "New"]
    klein = rows["Mia Klein"]
    assert (klein.present, klein.late, klein.excused, klein.unexcused, klein.left_early) == (2, 1, 1, 0, 0)
    assert klein.group == "B" and klein.late_seconds == 600.0
    assert rows["New"].cells[0] is None and rows[BEN].cells[1:] == (None, None)
    assert (rows["New"].present, rows["New"].unexcused, rows["New"].left_early) == (1, 1, 1)


spans = st.lists(
    st.tuples(st.integers(-2000, 7000), st.integers(0, 6000), st.sampled_from(["left", "lost", "crashed", "kicked"])),
    max_size=5,
).map(lambda raw: [(float(begin), float(begin + length), how) for begin, length, how in raw])


@unhurried
@given(spans, spans, st.integers(13_000, 14_000))
def test_whatever_happened_every_line_is_consistent(mias: List[Span], bens: List[Span], now: int) -> None:
    own = [*stays(*mias), *stays(*bens, name=BEN)]
    for lesson in (LESSON, replace(LESSON, end=None)):
        table = lesson_table(lesson, own, now=10_000.0 + now)
        for line in table.lines:
            was_there = line.found.came != facts.NEVER
            assert (line.first is not None) == (line.last is not None) == was_there
            assert 0 <= line.present <= max(0.0, table.until - 10_000.0)
            assert (line.found.went_at is not None) == (line.found.went in (facts.LEFT_EARLY, facts.LOST_AT))
            assert line.state in facts.STATES and line.counts in ("present", "late", "unexcused")
            if was_there:
                assert line.first is not None and line.last is not None and line.first <= line.last
                assert line.found.late_by == 0 or line.found.came == facts.LATE
        assert table == lesson_table(lesson, list(reversed(own)), now=10_000.0 + now), "order is nothing"


@pytest.mark.parametrize("how", ["stopped", "crashed"])
def test_who_was_there_when_the_server_ended_is_there_as_far_as_anybody_knows(how: str) -> None:
    going_on = replace(LESSON, end=None)
    ended = [stay for name in (MIA, BEN) for stay in stays((0, 3000, how), name=name)]
    line = mia(ended, lesson=going_on, now=13_004.0)
    assert (line.state, line.result.went) == ("here", "")
    assert mia(stays((0, 3000, "lost")), lesson=going_on, now=13_004.0).result.went == "lost"
    assert mia(ended, lesson=going_on, now=13_100.0).result.went == "lost", "it ran on, and they did not come back"
    again = [Pause("p", 13_000.0, 13_020.0, facts.DOWN)]
    assert mia(ended, lesson=going_on, now=13_021.0, pauses=again).state == "silent"


@pytest.mark.parametrize(("how", "count"), [("crashed", 0), ("lost", 1)])
def test_who_went_because_the_server_did_is_no_event(how: str, count: int) -> None:
    lesson = replace(LESSON, end=None, people=tuple(Person(f"P{n} Q", "", "7b") for n in range(8)))
    own = [stay for person in lesson.people for stay in stays((0, 3000, how), name=person.name)]
    down = [Pause("p", 13_000.0, 13_020.0, facts.DOWN)] if how == "crashed" else []
    table = lesson_table(lesson, own, pauses=down, now=13_040.0)
    assert len(table.drills) == count
