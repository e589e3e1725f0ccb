"""departed.py: as the window counts who has gone, so does the roster."""

from __future__ import annotations

from typing import Dict, Optional

from hypothesis import given
from hypothesis import strategies as st

from protocol import ClientList, Entry, RosterDelta, Welcome, decode
from rollcall.client import events
from rollcall.client.roster_view import RosterView
from rollcall.server.departed import Departed
from rollcall.server.members import Caller
from rollcall.server.roster import Roster
from rollcall.server.roster_lines import NEVER, VERSION_2, RosterLines
from rollcall.window.model import ClientModel
from rollcall.wire.likeness import GONE_FOR, MAX_GONE
from tests.helpers import FakeClock


def entry(member: int, name: str = "Ann", role: str = "member") -> Entry:
    return Entry("10.0.0.1", 1, member, name, "10.0.0.1", role=role)


def test_who_goes_counts_until_coming_back_or_for_a_time_and_teachers_never_do() -> None:
    departed = Departed()
    departed.came(entry(1))
    departed.came(entry(2, "Ms Lee", "teacher"))
    departed.went(entry(1), 10.0)
    departed.went(entry(2, "Ms Lee", "teacher"), 10.0)
    assert len(departed) == 1 and departed.next_end == 10.0 + GONE_FOR
    departed.came(entry(3))  # her program was started anew
    assert len(departed) == 0 and departed.next_end is None
    departed.went(entry(3), 20.0)
    assert not departed.expire(19.9 + GONE_FOR) and departed.expire(20.0 + GONE_FOR) and len(departed) == 0
    for number in range(MAX_GONE + 5):
        departed.came(entry(10 + number, f"S{number}"))
        departed.went(entry(10 + number, f"S{number}"), 30.0)
    assert len(departed) == MAX_GONE and len(departed._alike) == MAX_GONE


def _told(model: ClientModel, lines: RosterLines, view: RosterView, now: float) -> None:
    """The window hears of one push."""
    seen = NEVER if view.rev is None else view.rev
    lines.begin([(VERSION_2, seen)])
    message = decode(lines.line(VERSION_2, seen)[1], 1_000_000)
    lines.forget()
    if isinstance(message, ClientList):
        view.replace(message)
        model.apply(events.RosterReplaced(tuple(message.clients), message.rev or 0), now, now)
    else:
        assert isinstance(message, RosterDelta)
        view.update(message)
        model.apply(events.RosterUpdated(tuple(message.up), tuple(message.down), message.rev), now, now)


@given(st.lists(st.tuples(st.sampled_from(["Ann", "Ben", "student"]), st.integers(0, 5), st.booleans()), max_size=30))
def test_the_roster_and_a_window_that_follows_it_count_the_same(steps: object) -> None:
    clock = FakeClock(1000.0)
    roster, model, view = Roster(clock=clock), ClientModel(), RosterView()
    lines = RosterLines(roster, "epoch")
    model.apply(events.Connected("h:1", 5, 20, Welcome(2, "R", 99, 99, "epoch", 1, 5, 20, 100, "t")), 1000.0, 1000.0)
    sessions: Dict[int, Optional[int]] = {}
    number = 0
    _told(model, lines, view, clock())
    for name, which, jumps in steps:  # type: ignore[attr-defined]
        if jumps:
            clock.advance(40.0)
        if sessions.get(which) is not None:
            roster.remove(sessions[which] or 0, "left")
            sessions[which] = None
        else:
            number += 1
            roster.open(number)
            assert roster.register(number, Caller(name, "10.0.0.1", 5000 + which, "10.0.0.1")) is not None
            sessions[which] = number
        _told(model, lines, view, clock())
        model.expire(clock())
        roster.expire_gone(clock())
        assert roster.snapshot().gone == sum(row.went is not None for row in model.all_rows())
