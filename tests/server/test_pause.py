"""pause.py: a process that did not run, told from one that had too much to do."""

from __future__ import annotations

import pytest

from rollcall.server.pause import PauseWatch
from tests.helpers import FakeClock


@pytest.mark.parametrize(
    ("waited", "worked", "paused"),
    [
        (1.0, 0.0, 0.0),  # in time
        (1.4, 0.0, 0.0),  # a little late is no pause
        (16.0, 0.2, 15.0),
        (16.0, 1.5, 15.0),
        (16.0, 1.7, 0.0),  # an overload: it worked for more than a tenth of the gap
        (0.3, 0.0, 0.0),  # somebody woke it before
    ],
)
def test_what_a_late_wakeup_was(waited: float, worked: float, paused: float) -> None:
    clock, cpu = FakeClock(), FakeClock()
    watch = PauseWatch(0.5, clock, cpu)
    watch.plan(1.0)
    clock.advance(waited)
    cpu.advance(worked)
    assert watch.paused() == pytest.approx(paused)


def test_each_look_is_about_the_time_since_the_one_before() -> None:
    clock, cpu = FakeClock(), FakeClock()
    watch = PauseWatch(0.5, clock, cpu)
    clock.advance(3.0)  # nothing was planned: this thread meant to go on at once
    assert watch.paused() == 3.0
    assert watch.paused() == 0.0, "told once"
    cpu.advance(5.0)  # busy until here
    assert watch.paused() == 0.0
    clock.advance(4.0)
    assert watch.paused() == 4.0, "and what was done before excuses nothing now"
    watch.plan(10.0)
    clock.advance(2.0)
    assert watch.paused() == 0.0, "somebody woke it"
    clock.advance(3.0)
    assert watch.paused() == 3.0, "and the rest of that plan is void"


def test_a_plan_counts_from_the_last_look() -> None:
    clock = FakeClock()
    watch = PauseWatch(0.5, clock, FakeClock())
    clock.advance(6.0)  # between the look and the plan
    watch.plan(1.0)
    clock.advance(1.0)
    assert watch.paused() == 6.0


@pytest.mark.parametrize(("cpu_used", "paused"), [(0.99, 9.0), (1.0, 0.0)])
def test_a_tenth_of_the_gap_is_the_bound(cpu_used: float, paused: float) -> None:
    clock, cpu = FakeClock(0.0), FakeClock(0.0)
    watch = PauseWatch(0.5, clock, cpu)
    watch.plan(1.0)
    clock.advance(10.0)
    cpu.advance(cpu_used)
    assert watch.paused() == paused


def test_the_shortest_pause_is_one() -> None:
    clock = FakeClock()
    watch = PauseWatch(0.5, clock, FakeClock())
    clock.advance(0.5)
    assert watch.paused() == 0.5


@pytest.mark.parametrize(("worked", "paused"), [(1 / 64, 0.1), (2 / 64, 0.0)])
def test_one_step_of_a_coarse_processor_clock_is_no_proof_of_work(worked: float, paused: float) -> None:
    clock, cpu = FakeClock(), FakeClock()
    watch = PauseWatch(0.05, clock, cpu, cpu_step=1 / 64)
    watch.plan(0.02)
    clock.advance(0.12)
    cpu.advance(worked)
    assert watch.paused() == pytest.approx(paused)
