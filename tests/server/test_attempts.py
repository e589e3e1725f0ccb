"""Wrong codes are counted, guessers wait, and who knows the code is let in. Only the clock is not real."""

from __future__ import annotations

import threading
import tracemalloc
from typing import List, Optional

import pytest

from rollcall.server.allowance import Refusal
from rollcall.server.attempts import (
    ADDRESS_WRONG,
    DEVICE_REMEMBERED,
    DEVICE_WRONG,
    ELSEWHERE,
    MOST_REMEMBERED,
    MOST_TALLIED,
    TALLY_INTERVAL,
    TEACHER_WRONG,
    Attempts,
    Tally,
)
from rollcall.wire.scram import CLASS, TEACHER
from tests.helpers import FakeClock

HERE, THERE = "192.168.1.20", "192.168.1.21"


class Room:
    """A server's attempts, and people who type codes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.attempts = Attempts(self.clock)
        self.said: List[Tally] = []

    def wait(self, user: str, address: str, device: str = "") -> float:
        """Seconds that this one would have to wait; 0 if it may try."""
        try:
            self.attempts.check(user, address, device)
        except Refusal as refusal:
            assert refusal.error.code == "rate_limited" and refusal.error.retry_after
            return refusal.error.retry_after
        return 0.0

    def wrong(self, user: str, address: str, device: str = "") -> bool:
        """A wrong code; false if it was not even looked at."""
        try:
            self.attempts.check(user, address, device)
            self.attempts.spend(user, address, device)
        except Refusal:
            return False
        self.said += self.attempts.failed(user, address)
        return True

    def right(self, user: str, address: str, device: str = "") -> None:
        self.attempts.check(user, address, device)
        self.attempts.spend(user, address, device)
        self.attempts.succeeded(user, address, device)


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_whole_room_has_thirty_wrong_codes_a_minute_as_teacher(room: Room) -> None:
    for number in range(TEACHER_WRONG):
        assert room.wrong(TEACHER, f"192.168.1.{number}", f"device {number}")
        room.clock.advance(1.0)
    assert room.wait(TEACHER, THERE) == pytest.approx(60.0 - TEACHER_WRONG)
    assert not room.wrong(TEACHER, THERE)
    room.clock.advance(60.0 - TEACHER_WRONG)
    assert room.wrong(TEACHER, THERE), "the first one is a minute ago"
    assert room.wait(TEACHER, HERE) == pytest.approx(1.0)


def test_never_more_than_thirty_in_any_minute(room: Room) -> None:
    looked_at: List[float] = []
    for _ in range(2000):
        room.clock.advance(0.37)
        if room.wrong(TEACHER, HERE):
            looked_at.append(room.clock())
    assert len(looked_at) > 300
    assert all(later - first >= 60.0 for first, later in zip(looked_at, looked_at[TEACHER_WRONG:]))


def test_a_student_who_guesses_the_teachers_code_between_successes_gains_nothing(room: Room) -> None:
    guesses = 0
    for _ in range(100):
        room.right(CLASS, HERE, "laptop")
        guesses += room.wrong(TEACHER, HERE, "laptop")
    assert guesses == TEACHER_WRONG
    assert room.wait(TEACHER, THERE, "desk") > 0
    room.right(CLASS, HERE, "laptop")
    room.right(CLASS, THERE, "desk")


def test_a_teacher_who_knows_the_code_uses_nothing_up(room: Room) -> None:
    for _ in range(100):
        room.right(TEACHER, HERE, "desk")
    assert room.wait(TEACHER, HERE, "desk") == 0


def test_a_device_waits_after_five_and_twice_as_long_each_time(room: Room) -> None:
    for _ in range(DEVICE_WRONG):
        assert room.wait(CLASS, HERE, "laptop") == 0
        assert room.wrong(CLASS, HERE, "laptop")
    waits = []
    for _ in range(8):
        waits.append(room.wait(CLASS, HERE, "laptop"))
        assert not room.wrong(CLASS, HERE, "laptop"), "asking early is refused, and makes it no longer"
        assert room.wait(CLASS, HERE, "laptop") == waits[-1]
        room.clock.advance(waits[-1])
        assert room.wrong(CLASS, HERE, "laptop")
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_nobody_else_waits_for_that_device(room: Room) -> None:
    for _ in range(DEVICE_WRONG):
        room.wrong(CLASS, HERE, "laptop")
    assert room.wait(CLASS, HERE, "laptop") > 0
    room.right(CLASS, HERE, "another laptop behind the same router")
    room.right(CLASS, THERE, "laptop")  # a device_id can be made up: it is one at an address
    room.right(CLASS, HERE, "")
    room.right(TEACHER, HERE, "laptop")


def test_a_success_forgives_a_device_what_it_mistyped(room: Room) -> None:
    for _ in range(3):
        for _ in range(DEVICE_WRONG - 1):
            assert room.wrong(CLASS, HERE, "laptop")
        room.right(CLASS, HERE, "laptop")
    assert room.wait(CLASS, HERE, "laptop") == 0


def test_what_a_device_mistyped_is_forgotten_in_time(room: Room) -> None:
    for _ in range(DEVICE_WRONG - 1):
        room.wrong(CLASS, HERE, "laptop")
    room.clock.advance(DEVICE_REMEMBERED + 1)
    for _ in range(DEVICE_WRONG - 1):
        room.wrong(CLASS, HERE, "laptop")
    assert room.wait(CLASS, HERE, "laptop") == 0
    room.wrong(CLASS, HERE, "laptop")
    assert room.wait(CLASS, HERE, "laptop") > 0


@pytest.mark.parametrize("device", ["", "device {}"])
def test_an_address_has_sixty_a_minute_whatever_its_devices_are_called(room: Room, device: str) -> None:
    looked_at = sum(room.wrong(CLASS, HERE, device.format(number)) for number in range(500))
    assert looked_at == ADDRESS_WRONG
    assert room.wait(CLASS, HERE, "one that never did anything") == pytest.approx(60.0)
    assert room.wait(CLASS, THERE) == 0
    room.clock.advance(60.0)
    room.right(CLASS, HERE, "one that never did anything")


def test_it_is_a_rate_and_no_lock(room: Room) -> None:
    # Somebody guesses ten times a second, all lesson long. Who knows the code gets in, at the latest a minute later.
    due, served = room.clock(), 0
    waited = 0.0
    for guess in range(6_000):
        if room.clock() >= due:
            waited = room.wait(CLASS, HERE, "honest")
            assert waited <= 60.0
            if not waited:
                room.right(CLASS, HERE, "honest")
                served += 1
            due = room.clock() + (waited or 5.0)  # comes when it was told to, or again after a while
        room.wrong(CLASS, HERE, f"guesser {guess}")
        room.clock.advance(0.1)
    assert served >= 10


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("fd00:1:2:3::1", "fd00:1:2:3:ffff::9", True),
        ("fd00:1:2:3::1", "fd00:1:2:4::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:192.168.1.20", HERE, True),
        ("::ffff:192.168.1.20", THERE, False),
        ("not an address", "not an address", True),
        ("not an address", "nor is this", False),
    ],
)
def test_what_is_one_address(room: Room, first: str, second: str, one: bool) -> None:
    for _ in range(ADDRESS_WRONG):
        room.wrong(CLASS, first)
    assert (room.wait(CLASS, second) > 0) is one


def test_many_at_once_are_not_looked_at_all(room: Room) -> None:
    # Each has passed the check before any of them has failed: so a proof is paid for before it is looked at.
    for _ in range(200):
        room.attempts.check(TEACHER, HERE, "")
    looked_at: List[int] = []
    start = threading.Barrier(8)

    def try_some() -> None:
        start.wait()
        for _ in range(50):
            try:
                room.attempts.spend(TEACHER, HERE, "")
            except Refusal:
                continue
            looked_at.append(1)

    threads = [threading.Thread(target=try_some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looked_at) == TEACHER_WRONG


def memory_after(room: Room, networks: range) -> int:
    for number in networks:
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        room.wrong(CLASS, address, f"device {number} " + "x" * 50)
        room.clock.advance(0.01)
    return tracemalloc.get_traced_memory()[0]


def test_wrong_codes_from_everywhere_cost_no_memory(room: Room) -> None:
    tracemalloc.start()
    try:
        before = memory_after(room, range(0))
        full = memory_after(room, range(2 * MOST_REMEMBERED))  # a dict has its size when it has gone round once
        later = memory_after(room, range(2 * MOST_REMEMBERED, 3 * MOST_REMEMBERED))
    finally:
        tracemalloc.stop()
    assert later - full < 32 * 1024
    assert later - before < 1_500_000
    assert len(room.attempts._addresses) == len(room.attempts._devices) == MOST_REMEMBERED


def test_who_goes_on_guessing_is_remembered_while_a_thousand_others_come_and_go(room: Room) -> None:
    for number in range(ADDRESS_WRONG):
        assert room.wrong(CLASS, HERE)
        for other in range(20):
            room.wrong(CLASS, f"10.0.{number}.{other}")
    assert ADDRESS_WRONG * 20 > MOST_REMEMBERED
    assert not room.wrong(CLASS, HERE)


def test_asking_without_a_proof_makes_nothing_forgotten(room: Room) -> None:
    for _ in range(ADDRESS_WRONG):
        room.wrong(CLASS, HERE, "")
    for number in range(2 * MOST_REMEMBERED):
        room.attempts.check(CLASS, f"10.0.{number >> 8}.{number & 255}", "x")
    assert room.wait(CLASS, HERE) > 0


def test_the_log_hears_at_once_and_then_now_and_then(room: Room) -> None:
    room.wrong(CLASS, HERE, "a")
    assert room.said == [Tally(CLASS, HERE, wrong=1)]
    room.said.clear()
    for _ in range(4):
        room.wrong(CLASS, HERE, "a")
    for _ in range(3):
        assert not room.wrong(CLASS, HERE, "a")
    room.wrong(TEACHER, THERE, "b")
    assert room.said == []
    room.clock.advance(TALLY_INTERVAL)
    room.wrong(CLASS, THERE, "c")
    assert room.said == [Tally(CLASS, HERE, 4, 3), Tally(TEACHER, THERE, 1), Tally(CLASS, THERE, 1)]
    room.wrong(TEACHER, THERE, "b")
    assert room.attempts.tallies() == [Tally(TEACHER, THERE, 1)], "at the end, what was not said yet"
    assert room.attempts.tallies() == []


def test_right_codes_are_not_in_the_log(room: Room) -> None:
    room.right(CLASS, HERE, "a")
    room.right(TEACHER, HERE, "a")
    assert room.attempts.tallies() == []


def test_the_log_names_some_addresses_and_counts_the_rest(room: Room) -> None:
    room.wrong(CLASS, HERE)
    for number in range(500):
        room.wrong("a name that nobody has" if number % 2 else CLASS, f"10.0.{number >> 8}.{number & 255}")
    tallies = room.attempts.tallies()
    assert len(tallies) == MOST_TALLIED + 1
    assert tallies[-1].address == ELSEWHERE
    assert sum(tally.wrong for tally in tallies) == 500
    assert {tally.user for tally in tallies} == {CLASS}


@pytest.mark.parametrize(
    ("user", "device", "wrong", "words"),
    [
        (TEACHER, "a", TEACHER_WRONG, "somebody in this room has tried too many wrong codes for teachers; wait 60 s"),
        (CLASS, "a", DEVICE_WRONG, "this device has sent too many wrong codes; wait 2 s"),
        (CLASS, "", ADDRESS_WRONG, "too many wrong codes have come from your network; wait 60 s"),
    ],
)
def test_who_must_wait_is_told_why(room: Room, user: str, device: str, wrong: int, words: str) -> None:
    for _ in range(wrong):
        room.wrong(user, HERE, device)
    caught: Optional[Refusal] = None
    try:
        room.attempts.check(user, HERE, device)
    except Refusal as refusal:
        caught = refusal
    assert caught is not None and caught.error.message == words


def test_a_report_is_a_sentence() -> None:
    assert str(Tally(TEACHER, HERE, 1)) == f"1 wrong code, sent as teacher from {HERE}"
    assert str(Tally(CLASS, HERE, 2, 3)) == f"2 wrong codes, sent as class from {HERE}, 3 more refused unseen"
    assert str(Tally(CLASS, HERE, 0, 1)) == f"1 code refused unseen, sent as class from {HERE}"
