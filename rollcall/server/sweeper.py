"""The thread that ends leases.

The sweeper sleeps until the earliest deadline that it knows of, asks the roster to `Roster.sweep`, hands the outcome to
its owner, and sleeps again. It wakes when something is due, not every so often: a silent client is gone within
milliseconds of its deadline, and a server at rest does nothing. A deadline that comes up before the one it sleeps
for is told to it with `Sweeper.arm`.

While it waits it looks at the clocks now and then: if this process did not run for a while, every lease is extended
(see ``pause.py``). It owns its thread, its wake-up time and the condition that guards it. The roster's lock and this
one are never held together.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Callable

from rollcall.server.journal import Journal
from rollcall.server.members import Sweep
from rollcall.server.pause import PauseWatch
from rollcall.server.roster import Roster
from rollcall.wire.clock import monotonic

log = logging.getLogger("rollcall.sweeper")

PULSE = 1.0
"""Seconds between two looks at the clocks while there are leases, at most. A pause is told from an overload by the
processor time since the last look, so a short timeout needs a shorter pulse."""

PULSES = 30
"""Looks in one timeout."""

LEAST_PULSE = 0.05

LEAST_PAUSE = 0.5
"""Seconds: a shorter pause is no pause; half a heartbeat interval if that is less."""

AFTER_A_BUG = 1.0
"""Seconds until the next sweep when one failed."""

STUCK_AFTER = 2.0
"""Seconds that the thread has to end. It waits for nobody; if it does not, something is wrong with the system."""


class Sweeper:
    """The thread that wakes when a lease is due, not every so often.

    ``on_sweep`` gets each outcome, in the sweeper's thread and outside all locks. ``interval`` and ``timeout`` are
    those of the members' heartbeat: they say how short a pause matters. ``cpu_clock`` is the process's processor time.
    """

    def __init__(
        self,
        roster: Roster,
        on_sweep: Callable[[Sweep], None],
        journal: Journal,
        clock: Callable[[], float] = monotonic,
        cpu_clock: Callable[[], float] = time.process_time,
        interval: float = 60.0,
        timeout: float = 120.0,
    ) -> None:
        self._roster = roster
        self._journal = journal
        self._on_sweep = on_sweep
        self._clock = clock
        self._pulse = min(PULSE, max(LEAST_PULSE, timeout / PULSES))
        self._watch = PauseWatch(min(LEAST_PAUSE, interval / 2), clock, cpu_clock)
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        # Guards _wake_at and _stopping, and wakes the thread when they change.
        self._condition = threading.Condition(threading.Lock())
        self._wake_at = math.inf
        self._stopping = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Stop and join the thread. False if it does not end: then it is left to the end of the process."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                self._journal.note(log, logging.ERROR, "the sweeper did not end within %g s", STUCK_AFTER)
                return False
        return True

    def arm(self, deadline: float) -> None:
        """A lease is due at ``deadline`` (monotonic seconds), perhaps before anything that was known."""
        # Without the lock first: whoever sees an earlier wake-up than its own may rely on it, because the sweep that
        # then comes sees every lease. Nearly all connections return here.
        if deadline >= self._wake_at:
            return
        with self._condition:
            if deadline < self._wake_at:
                self._wake_at = deadline
                self._condition.notify()

    def _sweep(self, paused: float) -> float:
        """Sweep once; when to do it again. A bug must not end this thread: nobody would ever be removed again."""
        try:
            if paused:
                message = "this server did not run for %.1f s: all leases are extended"
                self._journal.note(log, logging.WARNING, message, paused)
            sweep = self._roster.sweep(paused, self._watch.looked_at)
            self._on_sweep(sweep)
        except Exception:
            self._journal.note_exception(log, "a sweep failed; the next one comes in %g s", AFTER_A_BUG)
            return self._clock() + AFTER_A_BUG
        return math.inf if sweep.next_due is None else sweep.next_due

    def _run(self) -> None:
        paused = 0.0
        while True:
            with self._condition:
                if self._stopping:
                    return
                # What is armed during the sweep may come too late for it.
                self._wake_at = math.inf
            next_due = self._sweep(paused)
            paused = self._watch.paused()  # a pause may come at any time, in the middle of a sweep, too
            with self._condition:
                self._wake_at = min(self._wake_at, next_due)
                while not (self._stopping or paused):
                    patience = self._wake_at - self._clock()
                    if patience <= 0:
                        break
                    step = min(patience, self._pulse if self._wake_at < math.inf else threading.TIMEOUT_MAX)
                    self._watch.plan(step)
                    self._condition.wait(step)
                    paused = self._watch.paused()
