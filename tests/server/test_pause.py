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
