"""rollcall/server/board_lines.py: what a board shows, and how it is told."""

from __future__ import annotations

import json
from typing import List

from protocol import HERE, LATE, Entry
from rollcall.server.board_lines import MAX_TILES, Tile, board_event, board_state, sort_key
from rollcall.server.class_entries import ClassList
from rollcall.server.facts import STATES
from rollcall.server.members import Caller
from rollcall.server.roster import Roster
from rollcall.server.roster_lines import BOARD, BOARD_NUMBERS, NEVER, RosterLines
from rollcall.wire.class_messages import PersonRow
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


def the_class(*entries: PersonRow, guests: int = 0, **counts: int) -> ClassList:
    listed = sum(counts.values())
    return ClassList(1, True, entries, (), ("7b",), "l", None, None, "", False, counts, listed, guests)


def test_with_a_class_the_missing_and_the_guests_are_numbers_and_the_rest_are_names_of_the_list() -> None:
    people = (
        PersonRow("n:Ann Lee", "Ann Lee", "here"), PersonRow("n:Ann Long", "Ann Long", "here"),
        PersonRow("n:Oak, Ben", "Oak, Ben", "silent"), PersonRow("n:Cem", "Cem Y", "missing"),
        PersonRow("g:4", "Zed", "here", class_name="guest"),
    )  # fmt: skip
    counts = {"here": 2, "silent": 1, "missing": 2, "left": 1, "expected": 0, "excused": 1}
    state = board_state(9, [], True, the_class(*people, guests=1, **counts))
    assert [tile.name for tile in state.tiles] == ["Ann Lee", "Ann Long", "Ben O."] and state.tiles[2].late
    assert (state.here_text, state.late) == ("2 of 7 here", 1)
    assert (state.absent, state.other) == ("2 missing, 1 left", "1 excused")
    assert state.more == "+ 1 guest" and b"Cem" not in board_event(state) and b"Zed" not in board_event(state)
    told = json.loads(board_event(state)[6:])
    assert (told["of"], told["guests"], told["absent"]) == (7, 1, "2 missing, 1 left")
    alone = board_state(9, [], True, the_class(guests=2))
    assert alone.anybody and not board_state(9, [], True, the_class(people[3], missing=1)).anybody
    numbers = board_state(9, [entry(1, "Ann")], False, the_class(*people, **counts))
    assert (numbers.here, numbers.listed, numbers.absent) == (1, None, ""), "numbers only tell nothing of a class"


def test_every_state_of_a_class_is_counted_on_the_board() -> None:
    state = board_state(1, [], True, the_class(**dict.fromkeys(STATES, 1)))
    counted = state.here + state.late + len(f"{state.absent}, {state.other}".split(", "))
    assert counted == len(STATES) == state.listed


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
    lines.begin([(BOARD, NEVER)])
    first = lines.line(BOARD, NEVER)
    assert lines.line(BOARD, 0) is first and first[0] == roster.rev and b'"Ann"' in first[1]
    assert b"Ann" not in lines.line(BOARD_NUMBERS, 0)[1]
