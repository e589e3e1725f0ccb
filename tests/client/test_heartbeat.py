"""heartbeat.py: an hour of beats and failures in a millisecond."""

from __future__ import annotations

from typing import List

import pytest

from rollcall.client.heartbeat import (
    BACKOFF_MOST,
    MOST_RETRY_AFTER,
    PROOF,
    REGISTER_TIMEOUT,
    TICK,
    Backoff,
    Heartbeat,
)


class Day:
    """A heartbeat, and a monotonic and a wall clock that agree until a test parts them."""

    def __init__(
        self, interval: float = 10.0, timeout: float = 30.0, first: float = 0.5, registered: bool = True
    ) -> None:
        self.now, self.wall = 100.0, 1.7e9
        self.heartbeat = Heartbeat(self.now, self.wall)
        if registered:
            self.heartbeat.registered(self.now, interval, timeout, first)
        self.pings: List[float] = []
        self.dead = ""
        self.slept = False

    def pass_time(self, seconds: float, answer: bool = True) -> None:
        """Tick as the heartbeat thread would."""
        end = self.now + seconds
        while self.now < end and not self.dead:
            patience = self.heartbeat.patience(self.now)
            assert 0 <= patience <= TICK
            step = min(patience, end - self.now)
            self.now, self.wall = self.now + step, self.wall + step
            self.tick(answer)

    def tick(self, answer: bool = True) -> None:
        beat = self.heartbeat.tick(self.now, self.wall)
        self.dead, self.slept = beat.dead or "", beat.slept
        if beat.ping is not None:
            self.pings.append(round(self.now - 100.0, 6))
            if answer:
                assert self.heartbeat.answered(self.now, beat.ping) == 0.0


def test_the_first_ping_comes_after_a_part_of_the_interval_then_every_interval() -> None:
    day = Day(interval=10, first=0.25)
    day.pass_time(45)
    assert day.pings == [2.5, 12.5, 22.5, 32.5, 42.5]


def test_a_round_trip_is_measured() -> None:
    day = Day(interval=10, first=0)
    day.tick(answer=False)
    assert day.heartbeat.answered(day.now + 0.25, 1) == 0.25
    assert day.heartbeat.answered(day.now + 0.25, 1) is None, "answered already"
    assert day.heartbeat.answered(day.now + 0.25, 99) is None, "never sent"


def test_a_pong_without_a_number_answers_the_oldest_ping() -> None:
    day = Day(interval=1, timeout=30, first=0)
    day.pass_time(1.5, answer=False)
    assert day.heartbeat.answered(day.now, None) == pytest.approx(1.5)
    assert day.heartbeat.answered(day.now, None) == pytest.approx(0.5)
    assert day.heartbeat.answered(day.now, None) is None


@pytest.mark.parametrize(("interval", "timeout", "within"), [(60, 120, 15), (10, 20, 10), (2, 7, 5), (1, 100, 15)])
def test_a_ping_unanswered_for_too_long_means_a_dead_server(interval: float, timeout: float, within: float) -> None:
    day = Day(interval, timeout, first=0)
    day.pass_time(within - 0.01, answer=False)
    assert not day.dead
    day.pass_time(0.02, answer=False)
    assert day.dead.startswith("no answer for") and not day.slept


def test_register_unanswered_means_a_dead_server() -> None:
    day = Day(registered=False)
    day.pass_time(REGISTER_TIMEOUT - 0.01)
    assert not day.dead and not day.pings
    day.pass_time(0.02)
    assert "did not answer for 5 s" in day.dead


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_a_tick_far_too_late_on_either_clock_means_sleep(clock: str) -> None:
    day = Day(interval=60, timeout=120)
    day.pass_time(5)
    if clock == "wall":
        day.wall += 3600
    else:
        day.now += 3600
    pings = len(day.pings)
    day.tick(answer=False)
    assert not day.dead and len(day.pings) == pings + 1, "a suspicion is a ping now"
    day.pass_time(PROOF - 0.01, answer=False)
    assert not day.dead
    day.pass_time(0.02, answer=False)
    assert day.slept and "slept for about 3599 s" in day.dead


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_a_ping_that_is_answered_proves_that_a_clock_was_set(clock: str) -> None:
    day = Day(interval=60, timeout=120)
    day.pass_time(5)
    if clock == "wall":
        day.wall += 3600
    else:
        day.now += 3600
    day.tick(answer=False)
    assert day.heartbeat.answered(day.now + 0.1, day.heartbeat.last_seq) == pytest.approx(0.1)
    day.pass_time(PROOF + 1)
    assert not day.dead


@pytest.mark.parametrize("clock", ["monotonic", "wall"])
def test_one_suspicion_in_each_silence_however_often_a_clock_jumps(clock: str) -> None:
    """A clock that is set each second, or a machine that is late each time, must not keep a dead server alive."""
    day = Day(interval=60, timeout=120)
    day.pass_time(5)
    pings = len(day.pings)
    for _ in range(5):
        day.wall += 21.0
        day.now += 21.0 if clock == "monotonic" else 1.0
        day.tick(answer=False)
    assert day.slept and "slept for about 20 s" in day.dead and len(day.pings) == pings + 1


def test_a_busy_machine_or_a_clock_set_back_is_not_sleep() -> None:
    day = Day(interval=0.2, timeout=60)
    for _ in range(20):
        day.now, day.wall = day.now + 2.5, day.wall + 2.5
        day.tick()
        assert not day.dead
    day.wall -= 7200
    day.tick()
    assert not day.dead


def test_missed_beats_are_not_made_up_for() -> None:
    day = Day(interval=0.5, timeout=60, first=0)
    day.tick()
    day.now, day.wall = day.now + 3, day.wall + 3
    day.tick()
    day.tick()
    day.tick()
    assert len(day.pings) <= 3


def test_the_backoff_doubles_to_its_bound_and_half_of_it_is_chance() -> None:
    least = Backoff(lambda low, high: low)
    most = Backoff(lambda low, high: high)
    assert [least.next() for _ in range(7)] == [0.25, 0.5, 1, 2, 4, 5, 5]
    assert [most.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 10, 10]
    assert max(most.next() for _ in range(5000)) == BACKOFF_MOST
    most.reset()
    assert most.next() == 0.5


def test_the_servers_wish_to_wait_longer_is_honoured_and_spread() -> None:
    assert Backoff(lambda low, high: low).next(30.0) == 30.0
    assert Backoff(lambda low, high: high).next(30.0) > 30.0
    assert Backoff(lambda low, high: low).next(0.0) == 0.25


def test_a_wish_to_wait_for_hours_counts_as_five_minutes() -> None:
    for wish in (300.0, 301.0, 86400.0, 1e6):
        assert Backoff(lambda low, high: low).next(wish) == MOST_RETRY_AFTER == 300.0
    most = Backoff(lambda low, high: high)
    assert max(most.next(1e6) for _ in range(20)) == MOST_RETRY_AFTER + BACKOFF_MOST / 2
