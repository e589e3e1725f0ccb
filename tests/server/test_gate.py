"""gate.py: the pool of the unregistered, and who has to go when it is full."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.server import gate
from rollcall.server.gate import Bans, Gate
from tests.helpers import FakeClock, Guarded


def test_the_newest_pushes_out_the_oldest_of_the_address_that_has_most() -> None:
    gate = Gate(4)
    assert [gate.enter(session, "10.0.0.66") for session in (1, 2, 3)] == [None, None, None]
    assert gate.enter(4, "10.0.0.1") is None
    assert gate.enter(5, "10.0.0.66") == 1, "its own"
    assert gate.enter(6, "10.0.0.2") == 2, "never the only one of an honest address"
    gate.leave(3)
    gate.leave(3)
    assert gate.enter(7, "10.0.0.3") is None
    assert len(gate) == 4


def test_without_places_to_count_the_same_one_goes() -> None:
    gate = Gate(100)
    assert gate.crowd_out() is None
    for session, address in ((1, "a"), (2, "b"), (3, "b")):
        gate.enter(session, address)
    assert [gate.crowd_out(), len(gate)] == [2, 2]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_the_pool_is_bounded_and_its_tables_agree(calls: list[tuple[str, bool]]) -> None:
    gate, inside = Gate(5), set()
    for session, (address, leaves) in enumerate(calls):
        gone = gate.enter(session, address)
        inside.add(session)
        inside.discard(-1 if gone is None else gone)
        if leaves:
            gate.leave(session)
            inside.discard(session)
        assert len(gate) == len(inside) <= 5
        assert {one for sessions in gate._sessions_from.values() for one in sessions} == inside == set(gate._address_of)


def test_nothing_is_touched_without_the_lock() -> None:
    gate = Gate(2)
    gate._address_of = Guarded(gate._lock)
    gate._sessions_from = Guarded(gate._lock)
    for session in range(4):
        gate.enter(session, "h")
    gate.leave(3)
    assert gate.crowd_out() == 2


class TestBans:
    """Who was kicked is known again by what its client shows, for as long as was said."""

    def test_each_mark_bans_until_its_end_and_no_other_does(self) -> None:
        clock = FakeClock()
        bans = Bans(clock)
        assert bans.wait("i", "t", "d") == 0
        bans.ban("Ann", 60, "i", "t", "d")
        assert [bans.wait(*marks) for marks in (("i", "", ""), ("", "t", ""), ("", "", "d"))] == [60.0] * 3
        assert bans.wait("t", "d", "i") == 0, "a mark of another kind is another mark"
        assert bans.wait("", "", "") == 0
        clock.advance(59)
        assert bans.wait("i", "x", "y") == 1.0
        clock.advance(1)
        assert bans.wait("i", "t", "d") == 0

    def test_emptiness_is_never_banned_and_no_minutes_ban_nobody(self) -> None:
        bans = Bans(FakeClock())
        bans.ban("", 60, "", "t", "")
        assert len(bans) == 1 and bans.wait("", "", "") == 0 and not bans.was_kicked("")
        bans.ban("Ben", 0, "i", "t2", "d")
        assert len(bans) == 1 and bans.was_kicked("Ben")

    def test_the_longer_ban_holds(self) -> None:
        bans = Bans(FakeClock())
        bans.ban("Ann", 600, "i", "", "")
        bans.ban("Ann", 60, "i", "", "")
        assert bans.wait("i", "", "") == 600

    def test_a_name_is_the_same_however_it_is_written_and_is_forgotten(self) -> None:
        clock = FakeClock()
        bans = Bans(clock)
        bans.ban("Zoë  Lee", 60, "i", "", "")
        assert bans.was_kicked("Z\u200bo\u00eb\u00ad \u2060Lee\ufeff"), "what nobody sees makes no other name"
        assert bans.was_kicked(" zoe\u0308 LEE") and not bans.was_kicked("Zoe Lee")
        clock.advance(gate.NAME_REMEMBERED)
        assert not bans.was_kicked("Zoë Lee")

    def test_what_is_remembered_is_bounded_and_the_oldest_go_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate, "MOST_BANS", 3)
        bans = Bans(FakeClock())
        for number in range(5):
            bans.ban(f"n{number}", 60, f"i{number}", "", "")
        bans.ban("n2", 70, "i2", "", "")
        bans.ban("n5", 60, "i5", "", "")
        assert len(bans) == 3
        assert [bans.wait(f"i{number}", "", "") > 0 for number in range(6)] == [False, False, True, False, True, True]
        assert [bans.was_kicked(f"n{number}") for number in range(6)] == [False, False, True, False, True, True]
