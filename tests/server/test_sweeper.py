"""sweeper.py: it wakes when something is due, for what comes up meanwhile, and after a bug."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Tuple

import pytest

from rollcall.server import sweeper
from rollcall.server.journal import Journal
from rollcall.server.members import Caller, Sweep
from rollcall.server.roster import Roster
from rollcall.server.sweeper import Sweeper
from rollcall.wire.clock import monotonic
from tests.helpers import PATIENCE, FakeClock, ShiftedClock, wait_until


@contextmanager
def sweeping(roster: Roster, outcomes: queue.Queue[Sweep]) -> Iterator[Sweeper]:
    built = Sweeper(roster, outcomes.put, Journal())
    built.start()
    try:
        yield built
    finally:
        built.stop()


def next_expired(outcomes: queue.Queue[Sweep]) -> Sweep:
    while True:
        outcome = outcomes.get(timeout=PATIENCE)
        if outcome.expired:
            return outcome


def test_it_ends_a_lease_that_is_due() -> None:
    outcomes: queue.Queue[Sweep] = queue.Queue()
    roster = Roster(registration_timeout=0.1)
    with sweeping(roster, outcomes) as thread:
        thread.arm(roster.open(1))
        (gone,) = next_expired(outcomes).expired
        assert gone.session_id == 1 and gone.silent_for >= 0.1


def test_a_nearer_deadline_wakes_it_from_a_longer_sleep() -> None:
    outcomes: queue.Queue[Sweep] = queue.Queue()
    roster = Roster(registration_timeout=3600, heartbeat_interval=0.1, connection_timeout=0.3)
    with sweeping(roster, outcomes) as thread:
        thread.arm(roster.open(1))
        thread.arm(roster.open(2))
        joined = roster.register(2, Caller("Ann", "h", 1, "h"))
        assert joined is not None
        thread.arm(monotonic() + joined.late_after)
        (gone,) = next_expired(outcomes).expired
        assert gone.session_id == 2


def test_it_rests_while_nothing_is_due() -> None:
    outcomes: queue.Queue[Sweep] = queue.Queue()
    roster = Roster(registration_timeout=3600)
    with sweeping(roster, outcomes) as thread:
        outcomes.get(timeout=PATIENCE)
        for session in range(1, 50):
            thread.arm(roster.open(session))
        with pytest.raises(queue.Empty):
            outcomes.get(timeout=0.3)


def test_a_pause_is_noticed_while_nothing_is_due_and_an_overload_is_none() -> None:
    clock, cpu = ShiftedClock(), ShiftedClock()
    roster = Roster(heartbeat_interval=20.0, connection_timeout=60.0, registration_timeout=600.0, clock=clock)
    sweeps: queue.Queue[float] = queue.Queue()
    sweep = roster.sweep

    def note(paused: float = 0.0, now: Optional[float] = None) -> Sweep:
        sweeps.put(paused)
        return sweep(paused, now)

    roster.sweep = note  # type: ignore[method-assign]
    cases: List[Tuple[Callable[[], float], bool]] = [(FakeClock(), True), (cpu, False)]
    for session, (cpu_clock, told) in enumerate(cases):
        thread = Sweeper(roster, lambda outcome: None, Journal(), clock, cpu_clock, 20.0, 3.0)
        roster.open(session)
        thread.start()
        assert sweeps.get(timeout=PATIENCE) == 0.0
        cpu.shift += 4.0
        clock.shift += 4.0
        if told:
            assert sweeps.get(timeout=PATIENCE) == pytest.approx(4.0, abs=0.5)
        else:
            with pytest.raises(queue.Empty):
                sweeps.get(timeout=0.3)
        thread.stop()


def test_a_pause_just_before_a_sweep_is_nobodys_absence() -> None:
    """The process may stop between the look at the clocks and the sweep, for as long as that thread waits its turn."""
    clock, stops = ShiftedClock(), threading.Event()
    roster = Roster(heartbeat_interval=20.0, connection_timeout=60.0, clock=clock)
    told: queue.Queue[float] = queue.Queue()
    outcomes: queue.Queue[Sweep] = queue.Queue()
    sweep = roster.sweep

    def stopped_before(paused: float = 0.0, now: Optional[float] = None) -> Sweep:
        if stops.is_set():
            stops.clear()
            clock.shift += 100.0
        told.put(paused)
        return sweep(paused, now)

    roster.open(1)
    roster.register(1, Caller("Ann", "h", 1, "h"))
    roster.sweep = stopped_before  # type: ignore[method-assign]
    thread = Sweeper(roster, outcomes.put, Journal(), clock, FakeClock(), 20.0, 60.0)
    thread.start()
    told.get(timeout=PATIENCE)
    stops.set()
    thread.arm(clock())
    wait_until(lambda: told.get(timeout=PATIENCE) > 0.0, "the pause to be noticed")
    thread.stop()
    assert len(roster) == 1 and not any(outcome.expired for outcome in list(outcomes.queue))


def test_a_bug_in_a_sweep_is_logged_and_does_not_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeper, "AFTER_A_BUG", 0.01)
    failed, recovered = threading.Event(), threading.Event()

    def on_sweep(outcome: Sweep) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a bug")
        recovered.set()

    journal = Journal()
    thread = Sweeper(Roster(), on_sweep, journal)
    with caplog.at_level(logging.ERROR):
        thread.start()
        assert recovered.wait(PATIENCE)
        thread.stop()
        journal.stop()
    assert "a sweep failed" in caplog.text and "RuntimeError: a bug" in caplog.text


def test_stop_returns_when_the_thread_has_ended() -> None:
    inside = threading.Event()

    def take_time(outcome: Sweep) -> None:
        inside.set()
        wait_until(lambda: thread._stopping, "the end")
        threading.Event().wait(0.1)

    thread = Sweeper(Roster(), take_time, Journal())
    thread.start()
    assert inside.wait(PATIENCE)
    thread.stop()
    assert not thread._thread.is_alive()


def test_what_is_armed_during_a_sweep_is_not_forgotten() -> None:
    expired = threading.Event()
    roster = Roster(registration_timeout=0.2)
    armed: List[int] = []

    def on_sweep(outcome: Sweep) -> None:
        if not armed:  # the first sweep found nothing, and its result says so
            armed.append(1)
            thread.arm(roster.open(1))
        elif outcome.expired:
            expired.set()

    thread = Sweeper(roster, on_sweep, Journal())
    thread.start()
    try:
        assert expired.wait(PATIENCE)
    finally:
        thread.stop()


def test_a_pause_in_the_middle_of_a_sweep_is_noticed() -> None:
    clock, told = ShiftedClock(), threading.Event()
    roster = Roster(heartbeat_interval=20.0, connection_timeout=60.0, registration_timeout=600.0, clock=clock)
    sweep = roster.sweep

    def pause_once(paused: float = 0.0, now: Optional[float] = None) -> Sweep:
        if paused:
            told.set()
        elif not clock.shift:
            clock.shift = 30.0
        return sweep(paused, now)

    roster.sweep = pause_once  # type: ignore[method-assign]
    thread = Sweeper(roster, lambda outcome: None, Journal(), clock, FakeClock(), 20.0, 60.0)
    thread.start()
    try:
        assert told.wait(PATIENCE)
    finally:
        thread.stop()


@pytest.mark.parametrize(
    ("interval", "timeout", "pulse", "least"),
    [(60.0, 120.0, 1.0, 0.5), (2.0, 6.0, 0.2, 0.5), (0.2, 0.6, 0.05, 0.1)],
)
def test_short_times_need_a_shorter_pulse_and_make_a_shorter_pause_count(
    interval: float, timeout: float, pulse: float, least: float
) -> None:
    built = Sweeper(Roster(), lambda outcome: None, Journal(), interval=interval, timeout=timeout)
    assert built._pulse == pytest.approx(pulse) and built._watch._least == pytest.approx(least)


def test_a_sweeper_that_does_not_end_is_left_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeper, "STUCK_AFTER", 0.05)
    inside, released = threading.Event(), threading.Event()

    def on_sweep(outcome: Sweep) -> None:
        inside.set()
        released.wait(PATIENCE)

    journal = Journal()
    thread = Sweeper(Roster(), on_sweep, journal)
    thread.start()
    assert inside.wait(PATIENCE)
    begun = time.monotonic()
    assert not thread.stop() and time.monotonic() - begun < 5
    journal.stop()
    assert "the sweeper did not end" in caplog.text
    monkeypatch.setattr(sweeper, "STUCK_AFTER", PATIENCE)
    released.set()
    assert thread.stop()


def test_it_sweeps_when_a_lease_is_due_and_neither_before_nor_again() -> None:
    outcomes: queue.Queue[Sweep] = queue.Queue()
    roster = Roster(registration_timeout=0.3)
    with sweeping(roster, outcomes) as thread:
        thread.arm(roster.open(1))
        count = 1
        while not outcomes.get(timeout=PATIENCE).expired:
            count += 1
        assert count <= 3, "one at its start, one when it is due, and one more if that start was late"
        with pytest.raises(queue.Empty):
            outcomes.get(timeout=0.2)
