"""people.py: who stands in the list, as what, and the numbers that add up."""

from __future__ import annotations

from typing import Any

import pytest

from protocol import HERE, KICKED, LATE, LEFT, LOST, REASONS
from rollcall.window.diary import minute_text
from rollcall.window.members import UNKNOWN, VANISHED, Row
from rollcall.window.people import (
    ATTENTION,
    EXCUSED,
    GUESTS,
    MISSING,
    OUT,
    PRESENT,
    QUIET,
    SILENT,
    WORDS,
    Person,
    group_of,
    numbers,
    of_class,
    of_row,
    since_text,
)
from rollcall.window.words import span_text
from rollcall.wire.class_messages import PersonRow

WALL = 1_700_000_000.0


def row(number: int, state: str = HERE, **more: Any) -> Row:
    return Row(number, f"N{number}", "10.0.0.1", 5000, "10.0.0.1:5000", state, False, WALL - 60, None)._replace(**more)


def test_every_state_has_a_sign_and_a_word() -> None:
    for text in WORDS.values():
        sign, _, word = text.partition(" ")
        assert len(sign) == 1 and not sign.isalnum() and word
    assert set(REASONS) <= set(WORDS)
    assert Person("1", "N", "new", QUIET).words(WALL) == "– new", "what a newer server says"


def test_silence_is_told_by_its_length_and_who_went_by_how_long_they_were_here() -> None:
    silent = of_row(row(1, LATE, silent=WALL - 4.5))
    assert (silent.state, silent.group, silent.since) == (SILENT, ATTENTION, WALL - 4.5)
    assert silent.words(WALL) == "◐ not answering for 4 s"
    lost = of_row(row(2, LOST, went=WALL))
    times = f"{minute_text(WALL - 60)}–{minute_text(WALL)}"
    assert lost.words(WALL + 500) == f"✕ connection lost, was here {times}" and lost.since == WALL
    begun = WALL - WALL % 60  # of a minute, wherever this is
    brief = of_row(row(3, LEFT, arrived=begun + 10, went=begun + 17))
    assert brief.words(WALL + 500) == "– left, was here 7 s"
    assert [span_text(seconds) for seconds in (-1, 59.9, 60, 3599, 7500)] == [
        "0 s",
        "59 s",
        "1 min",
        "59 min",
        "2 h 5 min",
    ]


@pytest.mark.parametrize(
    ("state", "group"),
    [(MISSING, ATTENTION), (SILENT, ATTENTION), (LOST, ATTENTION), (LEFT, ATTENTION), (VANISHED, ATTENTION),
     (HERE, PRESENT), (UNKNOWN, PRESENT), (EXCUSED, QUIET), (OUT, QUIET), (KICKED, QUIET), ("new", QUIET)],
)  # fmt: skip
def test_who_needs_attention_is_loud_and_who_is_excused_is_not(state: str, group: str) -> None:
    assert group_of(state) == group


def test_without_a_class_nobody_is_missing_and_nothing_is_of_anything() -> None:
    states = [HERE] * 23 + [LATE] + [LEFT, LOST]
    people = [of_row(row(n, state, went=None if state in (HERE, LATE) else WALL)) for n, state in enumerate(states)]
    assert " · ".join(number.text for number in numbers(people, False)) == "23 here · 1 not answering · 2 gone"
    assert numbers([], False) == []
    for number in numbers(people, False):
        assert int(number.text.split()[0]) == sum(map(number.lets_through, people))


def listed(number: int, state: str, **more: Any) -> PersonRow:
    return PersonRow(f"k{number}", f"N{number}", state, class_name="7b", **more)


def test_with_a_class_the_numbers_add_up_and_guests_are_counted_apart() -> None:
    states = [HERE] * 21 + [SILENT] * 2 + [LOST] + [MISSING] * 2 + [EXCUSED]
    rows = [listed(number, state, members=(number,), since=WALL) for number, state in enumerate(states)]
    rows += [PersonRow(f"g{n}", f"G{n}", HERE, class_name="guest", proposal="N23" if n == 0 else "") for n in range(4)]
    people = [of_class(one, {0: row(0, own=True, address="h:1")}) for one in rows]
    texts = [number.text for number in numbers(people, True)]
    assert texts == ["21 of 27 here", "2 not answering", "1 lost", "2 missing", "1 excused", "4 guests"]
    counted = [sum(map(number.lets_through, people)) for number in numbers(people, True)]
    assert counted == [21, 2, 1, 2, 1, 4] and sum(counted[:-1]) == 27
    assert people[0].own and people[0].address == "h:1" and people[27].group == GUESTS
    gone = of_class(listed(99, LOST, since=WALL, came=WALL - 3600), {})
    times = f"{minute_text(WALL - 3600)}–{minute_text(WALL)}"
    assert gone.words(WALL + 9) == f"✕ connection lost, was here {times}"
    back = of_class(listed(0, HERE, members=(0,), since=WALL - 500, came=WALL - 500), {0: row(0)})
    assert back.stayed(WALL) == 500, "the class knows of the time before a restart, the roster does not"
    assert since_text(of_class(listed(98, MISSING, since=WALL), {})) == minute_text(WALL)
    assert people[21].words(WALL + 7) == "◐ not answering for 7 s" and people[23].went == WALL


def test_what_a_teacher_wrote_is_a_dot_and_what_is_odd_a_hint() -> None:
    late = of_class(listed(1, HERE, late_by=360.0, mark="late", note="the bus", same_computer="Mia"), {})
    assert late.words(WALL) == "● here, late by 6 min  •" and late.hint == "same computer as Mia"
    assert "bus" not in repr(late)
    two = of_class(listed(2, HERE, members=(4, 5)), {})
    assert two.hint == "2 computers have this name: both theirs, or two people?"
