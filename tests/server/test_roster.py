"""roster.py, with a clock that stands still: leases, seats, resume, revisions."""

from __future__ import annotations

from itertools import count
from typing import Any, List, Optional

import pytest

from protocol import LEFT, Departure
from rollcall.server.instances import REMEMBERED
from rollcall.server.members import Caller, Joined
from rollcall.server.roster import GONE, RENEWED, RETURNED, SWEEP_BATCH, Roster
from rollcall.server.seats import TEACHERS, RosterFull
from rollcall.server.tokens import Tokens
from tests.helpers import FakeClock, Guarded

INTERVAL, TIMEOUT, REGISTRATION = 10.0, 30.0, 5.0


class House:
    """A roster with a fake clock and numbered sessions."""

    def __init__(self, max_clients: int = 100, max_per_address: int = 0) -> None:
        self.clock = FakeClock()
        self.roster = Roster(
            max_clients=max_clients,
            max_per_address=max_per_address,
            heartbeat_interval=INTERVAL,
            connection_timeout=TIMEOUT,
            registration_timeout=REGISTRATION,
            clock=self.clock,
            tokens=Tokens(b"k" * 32),
        )
        self.sessions = count(1)

    def open(self) -> int:
        session = next(self.sessions)
        self.roster.open(session)
        return session

    def join(
        self, name: str = "Ann", token: Optional[str] = None, session: Optional[int] = None, **more: Any
    ) -> Joined:
        session = self.open() if session is None else session
        joined = self.roster.register(session, Caller(name, "10.0.0.1", 5000, "10.0.0.2", 2, token, **more))
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
    assert house.roster.register(session, Caller("late", "h", 1, "h")) is None
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
    sweep = house.roster.sweep(paused=10 * TIMEOUT)
    assert sweep.expired == [] and house.names() == ["alive"]
    assert house.roster.renew(alive, house.clock.now) == RENEWED
    house.join("dead")
    house.roster.renew(alive, house.clock.now)
    house.advance(TIMEOUT - 1)
    house.roster.renew(alive, house.clock.now)
    house.advance(INTERVAL)
    assert house.names() == ["alive"]


def test_our_own_overload_is_nobodys_presence() -> None:
    house = House()
    house.join("silent")
    house.clock.advance(TIMEOUT + 5.0)
    (gone,) = house.roster.sweep().expired
    assert gone.silent_for == TIMEOUT + 5.0, "a sweep that came late, with no pause to blame"


def test_many_pauses_do_not_keep_who_has_gone() -> None:
    house = House()
    house.join("gone")
    silent = 0.0  # as far as we can know: the time in which this process ran
    while house.names():
        house.advance(4.0)
        silent += 4.0
        house.clock.advance(2.0)
        house.roster.sweep(paused=2.0)
    assert silent <= TIMEOUT + INTERVAL + 4.0, "the interval for unread messages comes once in a silence"


def test_who_was_heard_of_after_a_pause_has_a_whole_lease_and_no_more() -> None:
    house = House()
    house.join("Ann")
    house.clock.advance(100.0)
    house.roster.renew(house.last, house.clock.now)  # a handler was faster than the sweeper
    house.roster.sweep(paused=100.0)
    house.advance(TIMEOUT)
    assert house.names() == []


def test_a_pause_gives_who_has_not_registered_the_time_to_register_and_no_more() -> None:
    house = House()
    house.open()
    house.clock.advance(REGISTRATION + 2.0)
    assert not house.roster.sweep(paused=2.0).expired
    house.clock.advance(REGISTRATION)
    assert len(house.roster.sweep().expired) == 1


def test_an_earlier_deadline_is_not_hidden_by_a_later_one() -> None:
    clock = FakeClock()
    roster = Roster(heartbeat_interval=0.1, connection_timeout=0.3, registration_timeout=60, clock=clock)
    roster.open(1)
    joined = roster.register(1, Caller("Ann", "h", 1, "h"))
    assert joined is not None
    assert clock.now + joined.late_after == roster.sweep().next_due == pytest.approx(clock.now + 0.15)


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


def test_connections_that_have_not_registered_take_no_seat() -> None:
    house = House(max_clients=2)
    for _ in range(10):
        house.open()
    waiting = house.open()
    house.join("Ann")
    assert house.join("Ben", session=waiting).entry.name == "Ben"


def test_only_who_has_not_registered_can_be_dropped_for_that() -> None:
    house = House()
    mute = house.open()
    house.join("Ann")
    assert house.roster.drop_unregistered(mute) and house.roster.drop_unregistered(mute), "it may have ended already"
    assert not house.roster.drop_unregistered(house.last)
    assert house.names() == ["Ann"]


def test_the_members_of_one_address_are_bounded_if_wanted_and_who_comes_back_is_in() -> None:
    house = House(max_per_address=2)
    first = house.join("Ann", instance="a" * 32, attempt=1)
    house.join("Ben")
    ben = house.last
    with pytest.raises(RosterFull, match="2 clients from one address"):
        house.join("Cleo")
    assert house.join("Ann", instance="a" * 32, attempt=2).entry.id == first.entry.id
    house.roster.remove(ben, "left")
    house.join("Cleo")
    with pytest.raises(RosterFull):
        house.join("Dora")


# --- calls that are read in another order than they were made ---------------------------------------------------------

ANN = "5f3c" * 8


def test_the_newest_call_of_an_instance_wins_whoever_is_read_last() -> None:
    house = House()
    newer = house.join("Ann", instance=ANN, attempt=2)
    session = house.last
    older = house.open()
    assert house.roster.register(older, Caller("Ann", "h", 1, "h", instance=ANN, attempt=1)) is None
    assert house.roster.renew(session, house.clock.now) == RENEWED, "the newer one is still there"
    assert older not in house.roster._sessions and house.names() == ["Ann"]
    again = house.join("Ann", instance=ANN, attempt=3)
    assert again.replaced == session and again.entry.id == newer.entry.id, "token or not"


def test_a_call_that_is_read_after_its_member_has_gone_makes_no_ghost() -> None:
    house = House()
    first = house.join("Ann", instance=ANN, attempt=7)
    house.roster.remove(house.last, "left")
    assert house.roster.register(house.open(), Caller("Ann", "h", 1, "h", instance=ANN, attempt=6)) is None
    assert house.names() == []
    back = house.join("Ann", instance=ANN, attempt=8)
    assert back.entry.id == first.entry.id and back.resumed


def test_an_instance_that_does_not_count_is_last_read_wins() -> None:
    house = House()
    first = house.join("Ann", instance=ANN, attempt=0)
    session = house.last
    assert house.join("Ann", instance=ANN, attempt=0).replaced == session
    assert house.names() == ["Ann"] and first.replaced is None


def test_another_instance_with_a_valid_token_always_wins() -> None:
    house = House()
    first = house.join("Ann", instance=ANN, attempt=9)
    session = house.last
    taken = house.join("Ann", first.resume_token, instance="b" * 32, attempt=1)
    assert (taken.entry.id, taken.replaced) == (first.entry.id, session)
    back = house.join("Ann", first.resume_token, instance=ANN, attempt=10)
    assert back.entry.id == first.entry.id and house.names() == ["Ann"]


def test_an_instance_that_is_here_is_not_made_somebody_else_by_a_token() -> None:
    house = House()
    ben = house.join("Ben")
    ann = house.join("Ann", instance=ANN, attempt=1)
    again = house.join("Ann", ben.resume_token, instance=ANN, attempt=2)
    assert again.entry.id == ann.entry.id and house.names() == ["Ben", "Ann"]


def test_what_is_remembered_of_those_who_went_is_bounded() -> None:
    house = House(max_clients=10)
    for number in range(REMEMBERED + 50):
        house.join(instance=f"{number:032}", attempt=1)
        house.roster.remove(house.last, "left")
    assert len(house.roster._instances._gone) == REMEMBERED and not house.roster._instances._here


# --- version 1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lease", "late_after"), [(150.0, 90.0), (600.0, 90.0), (20.0, 15.0), (0.2, 0.15)])
def test_version_1_has_a_lease_of_its_own(lease: float, late_after: float) -> None:
    clock = FakeClock()
    roster = Roster(heartbeat_interval=2.0, connection_timeout=6.0, version_1_timeout=lease, clock=clock)
    roster.open(1)
    joined = roster.register(1, Caller("", "h", 1, "h", version=1))
    assert joined is not None and joined.late_after == pytest.approx(late_after)
    clock.advance(late_after + 0.001)
    roster.sweep()
    assert roster.is_late(1) and len(roster) == 1
    clock.advance(lease - late_after - 0.002)
    assert roster.sweep().expired == []
    clock.advance(0.002)
    assert len(roster.sweep().expired) == 1 and not roster.is_late(1)


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
    other = Roster(tokens=Tokens(b"x" * 32))
    other.open(1)
    joined = other.register(1, Caller("Eve", "h", 1, "h", resume_token=tokens[7]))
    assert joined is not None and joined.entry.id == 1, "a token of another run is worth nothing"
    assert joined.resume_token != tokens[0]


def forged(token: str) -> List[str]:
    """What somebody might try who knows one token and the form of all."""
    digits, _, proof = token.partition(".")
    others = [f"{int(digits) + 1}.{proof}", f"{digits}.{'A' * len(proof)}", f"\u0661.{proof}", token.swapcase()]
    spoilt = [f"0{token}", f" {token}", f"+{token}", f"{token}A", token[:-1], f"{digits}.", f".{proof}", digits]
    return [*others, *spoilt, "", ".", "no such token", "9" * 64, "9" * 5000]


def test_a_strangers_token_is_a_new_member() -> None:
    house = House()
    first = house.join("Ann")
    for number, token in enumerate(forged(first.resume_token), 2):
        assert house.join("Eve", token).entry.id == number, f"{token!r} was believed"


def test_a_session_registers_once() -> None:
    house = House()
    house.join()
    assert house.roster.register(house.last, Caller("again", "h", 1, "h")) is None


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


def test_a_history_that_is_one_change_too_short_asks_for_a_snapshot() -> None:
    house = House(max_clients=1000)
    for _ in range(700):
        house.join()
    for session in range(1, 701):  # all come back: 700 changes more, of which the history holds the last 1,024
        house.roster._late.add(session)
        assert house.roster.renew(session, house.clock.now) == RETURNED
    changes = house.roster.changes_since(house.roster.rev - 1024)
    assert changes is not None and len(changes.up) == 700
    assert house.roster.changes_since(house.roster.rev - 1025) is None
    assert house.roster.changes_since(0) is None


@pytest.mark.parametrize(("members", "kept"), [(10, 36), (0, 16)])
def test_changes_are_told_as_long_as_a_snapshot_would_not_be_shorter(members: int, kept: int) -> None:
    house = House()
    for _ in range(members):
        house.join()
    for _ in range(20):
        house.join()
        house.roster.remove(house.last, "left")
    assert house.roster.changes_since(house.roster.rev - kept) is not None
    assert house.roster.changes_since(house.roster.rev - kept - 1) is None


@pytest.mark.parametrize("count", [62, 63, 64, 65])
def test_changes_are_the_same_however_many(count: int) -> None:
    house = House()
    for _ in range(60):
        house.join()
    start = house.roster.rev
    for number in range(count // 2):
        house.join(f"new {number}")
        house.roster.remove(house.last, "left")
    if count % 2:
        house.join("last")
    changes = house.roster.changes_since(start)
    assert changes is not None and [entry.name for entry in changes.up] == ["last"] * (count % 2)
    assert [gone.id for gone in changes.down] == list(range(61, 61 + count // 2))


def test_nothing_is_touched_without_the_lock() -> None:
    house = House(max_per_address=2)
    roster, lock = house.roster, house.roster._lock
    for name in ("_last_seen", "_sessions", "_members", "_extended"):
        setattr(roster, name, Guarded(lock))
    for name in ("_here", "_gone"):
        setattr(roster._instances, name, Guarded(lock))
    setattr(roster._seats, "_per_address", Guarded(lock))  # noqa: B010 -- its type is that of a dict
    first = house.join("Ann", instance=ANN, attempt=1)
    ann = house.last
    house.open()
    mute = house.open()
    assert roster.drop_unregistered(mute)
    house.clock.advance(1.5 * INTERVAL)
    assert len(roster.sweep().expired) == 1
    assert roster.is_late(ann) and roster.renew(ann, house.clock.now) == RETURNED
    assert roster.renew(ann, house.clock.now) == RENEWED and roster.renew(99, house.clock.now) == GONE
    assert len(roster.snapshot().entries) == 1 and roster.changes_since(1) is not None
    roster.sweep(paused=1.0)
    house.join("Ann", first.resume_token, instance="b" * 32)
    assert roster.remove(house.last, "left") is not None
    assert not lock.locked()


def test_what_is_late_is_forgotten_with_its_session() -> None:
    house = House()
    first = house.join("Ann")
    old = house.last
    house.advance(1.5 * INTERVAL)
    house.roster.sweep()
    assert house.roster.is_late(old)
    assert house.join("Ann", first.resume_token).replaced == old
    assert not house.roster._late and house.roster.snapshot().entries[0].state == "here"


def test_who_is_refused_keeps_no_session() -> None:
    house = House(max_clients=1)
    house.join("Ann")
    refused = house.open()
    with pytest.raises(RosterFull, match="the server is full: it takes 1 client"):
        house.join("Ben", session=refused)
    assert list(house.roster._sessions) == list(house.roster._last_seen) == [house.roster._members[1].session_id]


def test_an_address_without_members_is_forgotten() -> None:
    house = House(max_per_address=2)
    first = house.join("Ann")
    assert house.roster._seats._per_address == {"10.0.0.2": 1}
    house.join("Ann", first.resume_token)
    assert house.roster._seats._per_address == {"10.0.0.2": 1}
    house.join("Ben")
    assert house.roster._seats._per_address == {"10.0.0.2": 2}
    house.advance(TIMEOUT)
    house.roster.sweep()
    assert house.roster._seats._per_address == {}


def test_resumed_says_whether_the_row_or_the_id_came_back() -> None:
    house = House()
    first = house.join("Ann", instance=ANN, attempt=1)
    assert not first.resumed
    assert house.join("Ann", instance=ANN, attempt=2).resumed
    assert house.join("Ann", first.resume_token).resumed
    assert not house.join("Eve", first.resume_token + "x").resumed


def test_a_call_older_than_a_return_after_going_is_refused() -> None:
    house = House()
    for attempt in (3, 5):
        house.join("Ann", instance=ANN, attempt=attempt)
        house.roster.remove(house.last, "lost")
    session = house.open()
    assert house.roster.register(session, Caller("Ann", "h", 1, "h", instance=ANN, attempt=4)) is None
    assert session not in house.roster._sessions and house.roster.rev == 4


def test_the_oldest_of_those_who_went_are_forgotten_first() -> None:
    house = House(max_clients=REMEMBERED + 100)
    for number in range(REMEMBERED + 150):
        house.join(instance=f"{number:032}", attempt=1)
        house.roster.remove(house.last, "left")
    remembered = house.roster._instances._gone
    assert len(remembered) == REMEMBERED + 100, "as many as there may be members"
    assert next(iter(remembered)) == f"{50:032}"


def test_an_extra_interval_comes_once_in_each_silence() -> None:
    house = House()
    house.join("Ann")
    ann, start = house.last, house.clock.now

    def seen_after(advance: float, paused: float) -> float:
        house.clock.advance(advance)
        house.roster.sweep(paused=paused)
        return house.roster._last_seen[ann] - start

    assert seen_after(13.0, 2.0) == 2.0 + INTERVAL
    assert seen_after(3.0, 2.0) == 4.0 + INTERVAL, "only what we did not run"
    house.clock.advance(1.0)
    house.roster.renew(ann, house.clock.now)
    assert seen_after(14.0, 3.0) == 17.0 + 3.0 + INTERVAL, "it was heard of: another silence"


def test_an_extension_never_reaches_beyond_now_nor_back() -> None:
    house = House()
    house.join("Ann")
    ann, start = house.last, house.clock.now
    house.clock.advance(5.0)
    house.roster.sweep(paused=4.0)
    assert house.roster._last_seen[ann] == start + 5.0
    house.roster.renew(ann, start + 7.0)  # a handler read its clock after the sweeper did
    house.roster.sweep(paused=4.0)
    assert house.roster._last_seen[ann] == start + 7.0


def test_who_has_not_registered_is_given_no_longer_than_its_deadline_for_a_pause() -> None:
    house = House()
    session = house.open()
    house.clock.advance(60.0)
    house.roster.sweep(paused=1.0)
    assert house.roster._sessions.get(session) is None, "it was silent for 59 s of ours"
    session = house.open()
    start = house.clock.now
    house.clock.advance(8.0)
    house.roster.sweep(paused=1.0)
    assert house.roster._last_seen[session] == start + 1.0 + REGISTRATION, "its interval is no longer than its deadline"


def test_a_registration_begins_a_lease_of_its_own() -> None:
    house = House()
    session = house.open()
    house.clock.advance(REGISTRATION - 1.0)
    house.join("Ann", session=session)
    house.clock.advance(1.5 * INTERVAL - 0.01)
    assert not house.roster.sweep().changed
    house.clock.advance(0.01)
    assert house.roster.sweep().changed


def test_what_a_renewal_found_are_three_things() -> None:
    assert len({RENEWED, RETURNED, GONE}) == 3


def test_a_row_says_where_its_client_can_be_reached_and_where_it_is_seen() -> None:
    house = House()
    entry = house.join().entry
    assert (entry.ip, entry.observed_ip) == ("10.0.0.1", "10.0.0.2")
    session = house.open()
    same = house.roster.register(session, Caller("Ben", "10.0.0.9", 1, "10.0.0.9"))
    assert same is not None and same.entry.ip == same.entry.observed_ip == "10.0.0.9"


def test_who_is_back_from_being_late_is_looked_at_when_it_may_be_late_again() -> None:
    clock = FakeClock()
    roster = Roster(heartbeat_interval=INTERVAL, connection_timeout=600.0, registration_timeout=3600.0, clock=clock)
    roster.open(1)
    assert roster.register(1, Caller("Ann", "h", 1, "h")) is not None
    clock.advance(1.5 * INTERVAL)
    assert roster.sweep().changed
    assert roster.renew(1, clock.now) == RETURNED
    assert roster.sweep().next_due == clock.now + 1.5 * INTERVAL


def test_what_a_pause_left_is_forgotten_with_its_session() -> None:
    house = House()
    house.join()
    mute = house.open()
    house.clock.advance(1.0)
    house.roster.sweep(paused=1.0)
    assert len(house.roster._extended) == 2
    house.roster.remove(house.last, "left")
    house.roster.drop_unregistered(mute)
    assert not house.roster._extended


class TestTeachers:
    """Who is no member of the class takes none of its seats."""

    def test_they_have_seats_of_their_own_and_not_more(self) -> None:
        roster = Roster(max_clients=1, max_per_address=1)
        for session in range(1, 2 * TEACHERS + 3):
            roster.open(session)
        for session in range(1, TEACHERS + 1):
            assert roster.register(session, Caller("Hill", "h", 1, "10.0.0.1", role="teacher"))
        with pytest.raises(RosterFull, match="the 8 seats for teachers are taken"):
            roster.register(TEACHERS + 1, Caller("Lee", "h", 1, "10.0.0.2", role="substitute"))
        assert roster.register(TEACHERS + 2, Caller("Ann", "h", 1, "10.0.0.1"))
        with pytest.raises(RosterFull, match="takes 1 client"):
            roster.register(TEACHERS + 3, Caller("Ben", "h", 1, "10.0.0.3"))
        roster.remove(1, LEFT)
        assert roster.register(TEACHERS + 4, Caller("Lee", "h", 1, "10.0.0.2", role="substitute"))

    def test_who_comes_back_as_something_else_needs_a_seat_for_that(self) -> None:
        roster = Roster(max_clients=1)
        for session in range(1, 6):
            roster.open(session)
        ann = roster.register(1, Caller("Ann", "h", 1, "10.0.0.1", instance="a"))
        assert ann is not None
        teacher = roster.register(2, Caller("Ann", "h", 1, "10.0.0.1", instance="a", attempt=1, role="teacher"))
        assert teacher is not None and teacher.entry.role == "teacher" and teacher.entry.id == ann.entry.id
        assert roster.register(3, Caller("Ben", "h", 1, "10.0.0.1"))
        with pytest.raises(RosterFull):
            roster.register(4, Caller("Ann", "h", 1, "10.0.0.1", instance="a", attempt=2))
        assert [entry.role for entry in roster.snapshot().entries] == ["teacher", "member"]
        again = roster.register(5, Caller("Ann", "h", 1, "10.0.0.1", resume_token=teacher.resume_token, role="teacher"))
        assert again is not None and again.replaced == 2

    def test_a_role_is_never_inherited(self) -> None:
        roster = Roster()
        roster.open(1)
        roster.open(2)
        first = roster.register(1, Caller("Hill", "h", 1, "10.0.0.1", role="teacher"))
        assert first is not None
        again = roster.register(2, Caller("Hill", "h", 1, "10.0.0.1", resume_token=first.resume_token))
        assert again is not None and (again.entry.id, again.entry.role) == (first.entry.id, "member")


def test_a_member_is_known_by_what_it_showed_and_its_token_is_its_devices() -> None:
    roster = Roster()
    roster.open(1)
    joined = roster.register(1, Caller("Ann", "h", 1, "10.0.0.1", instance="i", device_id="d"))
    assert joined is not None
    known = roster.known_as(joined.entry.id)
    assert known == (1, joined.entry, "i", "d", joined.resume_token)
    assert roster.known_as(99) is None
    tokens = Tokens(b"k" * 32)
    assert tokens.member_of(tokens.of(7, "d"), "d") == 7
    assert [tokens.member_of(tokens.of(7, "d"), device) for device in ("", "e")] == [None, None]
    assert tokens.member_of(tokens.of(7, "1 x"), "x") is None


def test_a_call_that_found_no_seat_is_remembered_too() -> None:
    """It was read first; the ones before it wait in the listen queue, and nobody is at their other end any more."""
    house = House(max_clients=1)
    house.join("Ben")
    with pytest.raises(RosterFull):
        house.join("Ann", instance=ANN, attempt=5)
    house.roster.remove(1, LEFT)
    late = house.open()
    assert house.roster.register(late, Caller("Ann", "h", 1, "h", instance=ANN, attempt=4)) is None
    assert house.names() == []
    back = house.join("Ann", instance=ANN, attempt=6)
    assert not back.resumed and back.replaced is None and house.names() == ["Ann"]
    assert house.roster.register(house.open(), Caller("Ann", "h", 1, "h", instance=ANN, attempt=4)) is None


def test_who_was_here_and_finds_no_seat_is_the_same_member_later() -> None:
    house = House(max_clients=1)
    first = house.join("Ann", instance=ANN, attempt=1)
    house.roster.remove(house.last, LEFT)
    ben = house.join("Ben")
    with pytest.raises(RosterFull):
        house.join("Ann", instance=ANN, attempt=3)
    house.roster.remove(house.last, LEFT)
    assert ben.entry.id != first.entry.id
    assert house.roster.register(house.open(), Caller("Ann", "h", 1, "h", instance=ANN, attempt=2)) is None
    assert house.join("Ann", instance=ANN, attempt=4).entry.id == first.entry.id


def test_calls_that_find_no_seat_cost_no_memory() -> None:
    house = House(max_clients=1)
    house.join("Ben")
    for number in range(3 * REMEMBERED):
        with pytest.raises(RosterFull):
            house.join(instance=f"{number:032}", attempt=1)
    assert len(house.roster._instances._gone) == REMEMBERED
