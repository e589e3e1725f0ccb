"""roster.py, with a clock that stands still: leases, seats, resume, revisions."""

from __future__ import annotations

from itertools import count
from typing import List, Optional

import pytest

from protocol import Departure
from rollcall.server.roster import GONE, RENEWED, RETURNED, SWEEP_BATCH, Joined, Roster, RosterFull
from tests.helpers import FakeClock

INTERVAL, TIMEOUT, REGISTRATION = 10.0, 30.0, 5.0


class House:
    """A roster with a fake clock and numbered sessions."""

    def __init__(self, max_clients: int = 100) -> None:
        self.clock = FakeClock()
        self.roster = Roster(
            max_clients=max_clients,
            heartbeat_interval=INTERVAL,
            connection_timeout=TIMEOUT,
            registration_timeout=REGISTRATION,
            clock=self.clock,
            token_key=b"k" * 32,
        )
        self.sessions = count(1)

    def open(self) -> int:
        session = next(self.sessions)
        self.roster.open(session)
        return session

    def join(self, name: str = "Ann", token: Optional[str] = None, session: Optional[int] = None) -> Joined:
        session = self.open() if session is None else session
        joined = self.roster.register(session, name, "10.0.0.1", 5000, "10.0.0.2", token)
        assert joined is not None
        self.last = session
        return joined

    def advance(self, seconds: float) -> None:
        """Let time pass as a sweeper would see it: it wakes at each deadline."""
        end = self.clock.now + seconds
        while True:
            due = self.roster.sweep().next_due
            if due is None or due > end:
                break
            self.clock.now = max(self.clock.now, due)
        self.clock.now = end

    def names(self) -> List[str]:
        return [entry.name for entry in self.roster.snapshot().entries]


def test_a_silent_connection_ends_at_its_registration_deadline() -> None:
    house = House()
    session = house.open()
    house.clock.advance(REGISTRATION - 0.01)
    assert house.roster.sweep().expired == []
    house.clock.advance(0.01)
    (gone,) = house.roster.sweep().expired
    assert (gone.session_id, gone.entry) == (session, None)
    assert house.roster.register(session, "late", "h", 1, "h") is None
    assert house.roster.sweep().next_due is None


def test_a_member_is_late_after_one_and_a_half_intervals_and_gone_at_the_timeout() -> None:
    house = House()
    house.join()
    house.advance(1.5 * INTERVAL - 0.01)
    assert house.roster.rev == 1
    house.clock.advance(0.01)
    sweep = house.roster.sweep()
    assert sweep.changed and not sweep.expired
    assert house.roster.snapshot().entries[0].state == "late"
    assert sweep.next_due == house.clock.now + TIMEOUT - 1.5 * INTERVAL
    house.clock.now = sweep.next_due
    (gone,) = house.roster.sweep().expired
    assert gone.entry is not None and gone.entry.name == "Ann"
    assert gone.silent_for == TIMEOUT
    assert house.names() == []
    assert house.roster.remove(house.last, "left") is None, "it was removed once already"


def test_any_message_renews_the_lease_for_as_long_as_they_come() -> None:
    house = House()
    house.join()
    for _ in range(20):
        house.advance(INTERVAL)
        assert house.roster.renew(house.last, house.clock.now) == RENEWED
    assert house.roster.rev == 1, "heartbeats change nothing in the roster"
    assert house.names() == ["Ann"]


def test_a_late_member_that_is_heard_again_is_here_and_can_be_late_again() -> None:
    house = House()
    house.join()
    house.advance(2 * INTERVAL)
    assert house.roster.renew(house.last, house.clock.now) == RETURNED
    assert house.roster.snapshot().entries[0].state == "here"
    assert house.roster.renew(house.last, house.clock.now) == RENEWED
    house.advance(1.5 * INTERVAL)
    house.roster.sweep()
    assert house.roster.snapshot().entries[0].state == "late"
    house.advance(TIMEOUT)
    assert house.names() == []
    assert house.roster.renew(house.last, house.clock.now) == GONE


def test_a_sweep_touches_what_is_due_and_not_what_is_connected() -> None:
    house = House(max_clients=1000)
    for _ in range(300):
        house.join()
    house.advance(REGISTRATION)
    heap = list(house.roster._deadlines)
    assert len(heap) == 300, "one entry for each session"
    for _ in range(5):
        house.clock.advance(1.0)
        for session in range(1, 301):
            house.roster.renew(session, house.clock.now)
        house.roster.sweep()
    assert house.roster._deadlines == heap, "heartbeats move nothing, and nothing was due"


def test_a_mass_expiry_comes_in_bounded_sweeps() -> None:
    house = House(max_clients=2000)
    for _ in range(SWEEP_BATCH + 50):
        house.open()
    house.clock.advance(REGISTRATION)
    first = house.roster.sweep()
    assert len(first.expired) == SWEEP_BATCH
    assert first.next_due is not None and first.next_due <= house.clock.now
    assert len(house.roster.sweep().expired) == 50


def test_our_own_pause_is_nobodys_absence() -> None:
    house = House()
    house.join("alive")
    alive = house.last
    house.clock.advance(10 * TIMEOUT)  # the process was stopped: no sweep came in time
    sweep = house.roster.sweep()
    assert sweep.extended == pytest.approx(10 * TIMEOUT - REGISTRATION + INTERVAL)
    assert sweep.expired == [] and house.names() == ["alive"]
    assert house.roster.renew(alive, house.clock.now) == RENEWED
    house.join("dead")
    house.roster.renew(alive, house.clock.now)
    house.advance(TIMEOUT - 1)
    house.roster.renew(alive, house.clock.now)
    house.advance(INTERVAL)
    assert house.names() == ["alive"]


def test_a_pause_gives_who_has_not_registered_the_time_to_register_and_no_more() -> None:
    house = House()
    house.open()
    house.clock.advance(REGISTRATION + 2.0)
    sweep = house.roster.sweep()
    assert sweep.extended == pytest.approx(2.0 + INTERVAL) and not sweep.expired
    house.clock.advance(min(INTERVAL, REGISTRATION))
    assert len(house.roster.sweep().expired) == 1


def test_a_sweep_that_took_long_is_no_pause() -> None:
    house = House(max_clients=2000)
    for _ in range(SWEEP_BATCH + 50):
        house.open()
    house.clock.advance(REGISTRATION)
    assert len(house.roster.sweep().expired) == SWEEP_BATCH
    house.clock.advance(2.0)  # to tell so many
    sweep = house.roster.sweep()
    assert (len(sweep.expired), sweep.extended) == (50, 0.0)
    house.join("next")
    house.clock.advance(10 * TIMEOUT)
    assert house.roster.sweep().extended > 0.0, "a real pause still is one"


def test_a_sweep_that_is_a_little_late_extends_nothing() -> None:
    house = House()
    house.join()
    house.advance(1.5 * INTERVAL - 0.1)
    house.clock.advance(0.5)
    assert house.roster.sweep().extended == 0.0


def test_an_earlier_deadline_is_not_hidden_by_a_later_one() -> None:
    clock = FakeClock()
    roster = Roster(heartbeat_interval=0.1, connection_timeout=0.3, registration_timeout=60, clock=clock)
    roster.open(1)
    joined = roster.register(1, "Ann", "h", 1, "h")
    assert joined is not None
    assert joined.deadline == roster.sweep().next_due == pytest.approx(clock.now + 0.15)


def test_ids_never_repeat_and_names_may() -> None:
    house = House()
    ids = {house.join("Ann").entry.id for _ in range(5)}
    assert len(ids) == 5
    house.roster.remove(house.last, "left")
    assert house.join("Ann").entry.id not in ids


def test_since_counts_whole_seconds_from_the_start() -> None:
    house = House()
    assert house.join().entry.since == 0
    house.clock.advance(12.9)
    assert house.join().entry.since == 12


def test_the_client_beyond_the_last_seat_is_refused_until_one_comes_free() -> None:
    house = House(max_clients=2)
    house.join("Ann")
    ann = house.last
    house.join("Ben")
    with pytest.raises(RosterFull):
        house.join("Cleo")
    assert house.names() == ["Ann", "Ben"]
    house.roster.remove(ann, "left")
    house.join("Cleo")
    assert house.names() == ["Ben", "Cleo"]


def test_connections_that_have_not_registered_hold_a_seat_until_their_deadline() -> None:
    house = House(max_clients=2)
    mute = house.open()
    house.join("Ann")
    waiting = house.open()
    with pytest.raises(RosterFull):
        house.join("Ben", session=waiting)
    waiting = house.open()
    house.roster.remove(mute, "lost")
    assert house.join("Ben", session=waiting).entry.name == "Ben"


def test_the_first_to_connect_are_seated_however_many_come_after_them() -> None:
    house = House(max_clients=3)
    crowd = [house.open() for _ in range(10)]
    for session in crowd[:3]:
        house.join(session=session)
    for session in crowd[3:]:
        with pytest.raises(RosterFull):
            house.join(session=session)
    assert len(house.roster) == 3


def test_resume_keeps_the_row_and_replaces_the_older_session() -> None:
    house = House()
    first = house.join("Ann")
    old = house.last
    house.join("Ben")
    house.clock.advance(7)
    again = house.join("Ann B.", first.resume_token)
    assert again.replaced == old
    assert (again.entry.id, again.entry.since) == (first.entry.id, first.entry.since)
    assert again.resume_token == first.resume_token
    assert house.names() == ["Ann B.", "Ben"], "the row keeps its place"
    assert house.roster.remove(old, "lost") is None, "a late end of the old session"
    assert house.names() == ["Ann B.", "Ben"]


def test_resume_works_in_a_full_house_for_who_is_in_it() -> None:
    house = House(max_clients=1)
    first = house.join("Ann")
    assert house.join("Ann", first.resume_token).entry.id == first.entry.id
    assert len(house.roster) == 1


def test_who_was_lost_gets_the_old_id_back_and_a_new_since() -> None:
    house = House()
    first = house.join("Ann")
    house.roster.remove(house.last, "lost")
    house.clock.advance(100)
    again = house.join("Ann", first.resume_token)
    assert again.entry.id == first.entry.id and again.replaced is None
    assert again.entry.since == 100


def test_a_token_is_the_same_each_time_and_another_for_each_member_and_each_run() -> None:
    house = House()
    tokens = [house.join().resume_token for _ in range(100)]
    assert len(set(tokens)) == 100
    assert house.join("Ann", tokens[0]).resume_token == tokens[0]
    other = Roster(token_key=b"x" * 32)
    other.open(1)
    joined = other.register(1, "Eve", "h", 1, "h", tokens[7])
    assert joined is not None and joined.entry.id == 1, "a token of another run is worth nothing"
    assert joined.resume_token != tokens[0]


def forged(token: str) -> List[str]:
    """What somebody might try who knows one token and the form of all."""
    digits, _, proof = token.partition(".")
    others = [f"{int(digits) + 1}.{proof}", f"{digits}.{'A' * len(proof)}", f"\u0661.{proof}", token.swapcase()]
    spoilt = [f"0{token}", f" {token}", f"+{token}", f"{token}A", token[:-1], f"{digits}.", f".{proof}", digits]
    return [*others, *spoilt, "", ".", "no such token", "9" * 64]


def test_a_strangers_token_is_a_new_member() -> None:
    house = House()
    first = house.join("Ann")
    for number, token in enumerate(forged(first.resume_token), 2):
        assert house.join("Eve", token).entry.id == number, f"{token!r} was believed"


def test_a_session_registers_once() -> None:
    house = House()
    house.join()
    assert house.roster.register(house.last, "again", "h", 1, "h") is None


def test_changes_name_each_member_once_as_it_is_now() -> None:
    house = House()
    house.join("Ann")
    ann = house.last
    house.join("Ben")
    start = house.roster.rev
    house.advance(1.5 * INTERVAL)
    house.roster.sweep()
    house.roster.renew(ann, house.clock.now)
    house.roster.remove(house.last, "lost")
    house.join("Cleo")
    changes = house.roster.changes_since(start)
    assert changes is not None and changes.rev == house.roster.rev
    assert sorted((entry.name, entry.state) for entry in changes.up) == [("Ann", "here"), ("Cleo", "here")]
    assert changes.down == [Departure(2, "lost")]
    nothing = house.roster.changes_since(house.roster.rev)
    assert nothing is not None and (nothing.up, nothing.down) == ([], [])


def test_a_history_that_is_too_long_or_unknown_asks_for_a_snapshot() -> None:
    house = House()
    for _ in range(200):
        house.join()
        house.roster.remove(house.last, "left")
    assert house.roster.changes_since(0) is None
    assert house.roster.changes_since(house.roster.rev + 1) is None


def test_states_are_no_change_of_the_list() -> None:
    house = House()
    house.join()
    assert house.roster.list_rev == house.roster.rev == 1
    house.advance(1.5 * INTERVAL)
    house.roster.sweep()
    assert (house.roster.list_rev, house.roster.rev) == (1, 2)
