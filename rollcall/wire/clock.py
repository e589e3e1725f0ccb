"""The one place that decides which clock the project goes by, and how coarse it is taken to be.

Everything that lasts (leases, round trips, deadlines) is measured with `monotonic`: seconds from somewhere, that never
go back. What it is depends on the platform:

- On Windows ``time.monotonic`` moves in steps of 15.6 ms before Python 3.13 (it is GetTickCount64; python/cpython#88494
  changed that), so that every round trip in a classroom would be 0.0 ms. ``time.perf_counter`` is
  QueryPerformanceCounter, with steps below 1 µs. Both count the time that the machine was suspended, as Microsoft says
  of both ("Windows Time"; "Acquiring high-resolution time stamps"), so a server that slept sees a gap with either.
- Elsewhere it is ``time.monotonic``. On Linux that stands still while the machine is suspended.

- `elapsed` is for whoever writes times down: it counts the time that the machine was suspended on every platform.

Whoever compares two times must have both from here. Waiting is coarser than reading the clock: on Windows any wait may
end a step early or late, so whoever waits looks at the clock again and goes on waiting.

``time.time`` is for what people read, and is nobody's duration; `local_time` is what they read of it. No state, no
threads.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Callable, Tuple

YEAR_3001 = 32_535_216_000.0
"""Unix seconds that no time reaches. Windows knows no local time from then on, nor before 1970 (Microsoft,
"localtime_s": EINVAL, which Python raises as OSError); others go on to years of nine digits."""

WINDOWS_STEP = 1 / 64
"""Seconds. By so much the timer of Windows moves on, and with it its accounts of processor time."""


def local_time(wall: float) -> time.struct_time:
    """Local time at these Unix seconds, whatever somebody has sent: nonsense is a wrong time and no error."""
    return time.localtime(min(max(wall, 0.0), YEAR_3001 - 1))


def clock_of(windows: bool) -> Callable[[], float]:
    """The clock for durations on that platform."""
    return time.perf_counter if windows else time.monotonic


def processor_step_of(windows: bool) -> float:
    """Seconds by which ``time.process_time`` may be wrong: an account in whole steps charges one to whoever runs at its
    end. `time.get_clock_info` names the unit there (100 ns), not the step (GetProcessTimes)."""
    return WINDOWS_STEP if windows else 0.0


def breath_of(windows: bool, version: Tuple[int, ...]) -> float:
    """Seconds to sleep for whoever only wants others to have their turn.

    Before Python 3.11 a sleep on Windows that is not 0 lasts until the next step, up to 15.6 ms; since then it uses a
    timer of about 0.5 ms (python/cpython#89592). A sleep of 0 is ``Sleep(0)`` (the documentation of ``time.sleep``): it
    gives up the interpreter's lock and the rest of the time slice, and who has waited for that lock for 5 ms is then
    certain to get it (``drop_gil`` in CPython's ceval_gil).
    """
    return 0.0 if windows and version < (3, 11) else 0.0001


def elapsed_of(platform: str) -> Callable[[], float]:
    """The clock for how late it has become there: as `monotonic`, but a suspended machine's time counts everywhere.

    On Linux that is ``CLOCK_BOOTTIME``; on macOS ``CLOCK_MONOTONIC`` goes on in sleep, and ``time.monotonic``, which is
    ``mach_absolute_time``, does not. Where neither is known it is `monotonic`.
    """
    name = {"linux": "CLOCK_BOOTTIME", "darwin": "CLOCK_MONOTONIC"}.get(platform, "")
    number = getattr(time, name, None)
    if number is None:
        return monotonic
    return lambda: time.clock_gettime(number)


monotonic: Callable[[], float] = clock_of(os.name == "nt")
PROCESSOR_STEP = processor_step_of(os.name == "nt")
BREATH = breath_of(os.name == "nt", sys.version_info[:2])
elapsed: Callable[[], float] = elapsed_of(sys.platform)
