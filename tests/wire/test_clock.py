"""clock.py: which clock, which breath, and that the clock really is fine enough here."""

from __future__ import annotations

import time

import pytest

from rollcall.wire.clock import (
    BREATH,
    YEAR_3001,
    breath_of,
    clock_of,
    elapsed,
    elapsed_of,
    local_time,
    monotonic,
    processor_step_of,
)


def test_the_clock_shows_the_round_trip_of_a_lan() -> None:
    """A fifth of a millisecond is short for one; `time.monotonic` of Windows stands still for 15.6 ms."""
    deadline = time.perf_counter() + 5
    begun = monotonic()
    while monotonic() == begun:
        assert time.perf_counter() < deadline
    least = min(after - before for before, after in ((monotonic(), monotonic()) for _ in range(1000)) if after > before)
    assert least < 0.0002


def test_each_platform_has_its_clock_and_windows_its_steps() -> None:
    assert clock_of(windows=True) is time.perf_counter and clock_of(windows=False) is time.monotonic
    assert processor_step_of(windows=True) == 1 / 64 and processor_step_of(windows=False) == 0.0


@pytest.mark.parametrize(
    ("windows", "version", "breath"),
    [(False, (3, 9), 0.0001), (False, (3, 14), 0.0001), (True, (3, 10), 0.0), (True, (3, 11), 0.0001)],
)
def test_a_breath_never_lasts_a_whole_step_of_the_timer(windows: bool, version: tuple[int, int], breath: float) -> None:
    assert breath_of(windows, version) == breath


def test_seven_breaths_are_no_noticeable_part_of_a_push() -> None:
    """As many as a push to 1,000 has. With steps of 15.6 ms they took 110 ms. The best of several counts."""

    def seven() -> float:
        begun = time.perf_counter()
        for _ in range(7):
            time.sleep(BREATH)
        return time.perf_counter() - begun

    assert min(seven() for _ in range(10)) < 0.02


def test_the_time_that_passes_is_counted_in_sleep_as_well() -> None:
    assert elapsed_of("an unknown platform") is monotonic
    before, then = monotonic(), elapsed()
    while monotonic() == before:
        pass
    assert elapsed() >= then
    for platform in ("linux", "darwin"):
        assert elapsed_of(platform)() >= 0


@pytest.mark.parametrize("sent", [-(2.0**53), -1.0, YEAR_3001, 2.0**53 - 1, 2.0**70])
def test_a_time_that_some_system_does_not_know_is_a_wrong_time_and_no_error(sent: float) -> None:
    """Windows knows those from 1970 to 3000."""
    assert local_time(sent) == time.localtime(0 if sent < 0 else YEAR_3001 - 1)
    assert local_time(1_700_000_000.5) == time.localtime(1_700_000_000)
