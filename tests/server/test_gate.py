"""gate.py: the pool of the unregistered, and who has to go when it is full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.gate import Gate
from tests.helpers import Guarded


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
