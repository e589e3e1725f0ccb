"""roster_lines.py: each line is encoded once, and nobody who has gone is kept."""

from __future__ import annotations

from rollcall.server.members import Caller
from rollcall.server.roster import Roster
from rollcall.server.roster_lines import BOARD, NEVER, PACKED, VERSION_1, VERSION_2, Line, RosterLines


def join(roster: Roster, session: int) -> None:
    roster.open(session)
    assert roster.register(session, Caller(f"Student {session}", "h", 1, "h")) is not None


def line(lines: RosterLines, form: str, seen: int) -> Line:
    lines.begin([(form, seen)])
    return lines.line(form, seen)


def test_an_entry_is_encoded_once_as_long_as_it_is_the_same() -> None:
    roster = Roster()
    lines = RosterLines(roster, "epoch")
    join(roster, 1)
    line(lines, VERSION_2, NEVER)
    lines.forget()
    first = lines._fragments[1]
    join(roster, 2)
    line(lines, VERSION_2, NEVER)
    assert lines._fragments[1] is first


def test_those_who_come_and_go_are_not_kept_for_ever() -> None:
    roster = Roster(max_clients=100)
    lines = RosterLines(roster, "epoch")
    for turn in range(6):
        sessions = range(60 * turn, 60 * turn + 60)
        for session in sessions:
            join(roster, session)
        line(lines, VERSION_2, NEVER)  # nobody follows with deltas, which say who has gone
        lines.forget()
        assert len(lines._fragments) <= 2 * 60 + 100 + 60
        for session in sessions:
            roster.remove(session, "left")


def test_who_has_gone_is_forgotten_with_the_line_that_says_so() -> None:
    roster = Roster()
    lines = RosterLines(roster, "epoch")
    join(roster, 1)
    join(roster, 2)
    rev, _ = line(lines, VERSION_2, NEVER)
    roster.remove(1, "left")
    lines.forget()
    line(lines, VERSION_2, rev)
    assert list(lines._fragments) == [2]


def test_one_line_is_for_all_who_want_the_same_until_the_push_is_over() -> None:
    roster = Roster()
    lines = RosterLines(roster, "epoch")
    join(roster, 1)
    lines.begin([*((form, NEVER) for form in (VERSION_1, VERSION_2, PACKED)), (VERSION_2, 0)])
    for form in (VERSION_1, VERSION_2, PACKED):
        assert lines.line(form, NEVER) is lines.line(form, NEVER)
    assert lines.line(VERSION_1, NEVER) is lines.line(VERSION_1, 0), "version 1 has full lists only"
    before = lines.line(VERSION_2, 0)
    lines.forget()
    join(roster, 2)
    assert line(lines, VERSION_2, 0) != before


def test_lines_of_one_moment_lead_to_the_same_revision_whatever_happens_meanwhile() -> None:
    roster = Roster()
    lines = RosterLines(roster, "epoch")
    join(roster, 1)
    roster.remove(1, "left")
    join(roster, 2)
    wanted = [(VERSION_2, 2), (VERSION_1, 0), (BOARD, NEVER), (PACKED, NEVER)]
    lines.begin(wanted)
    for number, (form, seen) in enumerate(wanted):
        join(roster, 10 + number)
        assert lines.line(form, seen)[0] == 3
    assert b"Student 2" in lines.line(BOARD, NEVER)[1] and b"Student 10" not in lines.line(BOARD, NEVER)[1]
    assert b'"absent":"1 gone"' in lines.line(BOARD, NEVER)[1]
