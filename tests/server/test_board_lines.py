"""rollcall/server/board_lines.py: what a board shows, and how it is told."""

from __future__ import annotations

import json
from typing import List

from protocol import HERE, LATE, Entry
from rollcall.server.board_lines import MAX_TILES, Tile, board_event, board_state, sort_key
from rollcall.server.roster import Caller, Roster
from rollcall.server.roster_lines import BOARD, BOARD_NUMBERS, NEVER, RosterLines
from rollcall.wire.messages import TEACHER


def entry(number: int, name: str, state: str = HERE, role: str = "member") -> Entry:
    return Entry("10.0.0.1", 5000, number, name, "10.0.0.1", 0, state, role)


def test_it_counts_so_that_numbers_add_up_and_leaves_the_teacher_out() -> None:
    entries = [entry(1, "Zoë"), entry(2, "Ben", LATE), entry(3, ""), entry(4, "Ms Weber", role=TEACHER)]
    state = board_state(7, entries, named=True)
    assert (state.rev, state.here, state.late, state.unnamed) == (7, 2, 1, 1)
    assert state.tiles == (Tile(2, "Ben", True), Tile(1, "Zoë", False))


def test_numbers_only_where_names_may_not_be_seen_or_are_too_many() -> None:
    state = board_state(1, [entry(1, "Ann"), entry(2, "Ben", LATE)], named=False)
    assert (state.here, state.late, state.tiles, state.named) == (1, 1, (), False)
    assert b"Ann" not in board_event(state)
    crowd = board_state(1, [entry(number, f"S{number}") for number in range(MAX_TILES + 1)], named=True)
    assert (crowd.here, crowd.tiles, crowd.named) == (MAX_TILES + 1, (), True)


def test_names_sort_as_people_sort_them() -> None:
    names = ["Zoë", "zoe", "Student 10", "Student 2", "Élodie", "elif", "Ängström", "9", "10", "Łukasz", "Łukasz²"]
    names += ["1" * 40, "٣"]
    assert sorted(names, key=sort_key)[:6] == ["٣", "9", "10", "1" * 40, "Ängström", "elif"]
    ordered: List[str] = sorted(names, key=sort_key)
    assert ordered.index("Student 2") < ordered.index("Student 10") and ordered[6] == "Élodie"


def test_an_event_is_one_line_whatever_a_name_holds() -> None:
    name = "\u2028</script>\u0085\x7f'\"é👍"
    event = board_event(board_state(3, [entry(1, name)], named=True))
    assert event.startswith(b"data: {") and event.endswith(b"}\n\n") and event.count(b"\n") == 2 and event.isascii()
    assert json.loads(event[6:])["tiles"] == [[1, name, 0]]


def test_every_board_gets_the_whole_state_encoded_once() -> None:
    roster = Roster()
    lines = RosterLines(roster, "epoch")
    roster.open(1)
    roster.register(1, Caller("Ann", "h", 1, "h"))
    first = lines.line(BOARD, NEVER)
    assert lines.line(BOARD, 0) is first and first[0] == roster.rev and b'"Ann"' in first[1]
    assert b"Ann" not in lines.line(BOARD_NUMBERS, 0)[1]
