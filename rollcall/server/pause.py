"""Did this process not run for a while? A watch that tells a pause from an overload.

Who wakes late cannot tell by the clock alone why: the machine was suspended or the process stopped (then its peers'
messages wait unread, and nobody may be blamed for it), or the process had so much to do that this thread did not get
its turn (then peers that are silent are silent). The processor time of the process tells: it stands still in a pause.

No threads and no lock: a `PauseWatch` belongs to the one thread that asks it.
"""

from __future__ import annotations

import time
from typing import Callable

from rollcall.wire.clock import PROCESSOR_STEP, monotonic

IDLE = 0.1
"""A gap in which the process used less than this part of the time was a pause."""


class PauseWatch:
    """Say how long you will wait with `plan`, and ask after the wait with `paused`; no moment lies between two of them.

    ``least`` is the shortest pause in seconds that is told. ``clock`` is monotonic, ``cpu_clock`` the processor time of
    all threads of this process, both in seconds; ``cpu_step`` is by how much the latter moves at once. It matters for
    pauses below ten steps, 0.16 s: a single step is no proof of work.
    """

    def __init__(
        self,
        least: float,
        clock: Callable[[], float] = monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
        cpu_step: float = PROCESSOR_STEP,
    ) -> None:
        self._least = least
        self._cpu_step = cpu_step
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._begun, self._cpu = clock(), cpu_clock()
        self._planned = self._begun

    @property
    def looked_at(self) -> float:
        """The moment of the last look (monotonic seconds): whatever stopped this process since, it is not told yet.
        Who judges others by the time asks for this moment and not for the clock, which may have jumped again."""
        return self._begun

    def plan(self, seconds: float) -> None:
        """From the last look on the caller waits for so long, if nothing wakes it before."""
        self._planned = self._begun + seconds

    def paused(self) -> float:
        """Seconds that the process did not run since the last look; 0 if it is in time, or late because of its work."""
        begun, cpu = self._begun, self._cpu
        self._begun, self._cpu = self._clock(), self._cpu_clock()
        late, self._planned = self._begun - self._planned, self._begun
        used = self._cpu - cpu
        worked = used > self._cpu_step and used >= IDLE * (self._begun - begun)
        return 0.0 if late < self._least or worked else late
