"""The thread that computes the handshakes of TLS, one step after the other.

A handshake needs a millisecond of computing, once, and leaves things behind in the thread that did it: a page of
stack, random number generators, freed blocks that the C library keeps for each thread; and what many threads leave at
the same time fits together badly. A handler's thread lives as long as its client, and would keep all that for nothing
(measured with 1,000 clients: 54 KiB for each, 38 with this thread). So a handler waits for its own client's bytes, as
ever, and has each step done here. This thread waits for no client: a step takes what has come, and what it has to say
goes out without waiting. On one processor it costs no time to take turns, and who does not handshake meets one thread
that computes instead of a class of them.

It owns its thread and a queue, no lock of the house. Without the thread, or after its end, a step is done where it is
asked for.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue
from typing import Callable, Optional

from rollcall.server.journal import Journal

log = logging.getLogger("rollcall.handshakes")

STUCK_AFTER = 2.0
"""Seconds that the thread has to end. It waits for nobody; if it does not, something is wrong with the system."""

LOOK_UP = 1.0
"""Seconds between two looks of who waits whether the thread is still there."""


class _Step:
    """One step of somebody's handshake. ``done`` has an entry once it was done."""

    __slots__ = ("act", "done", "outcome", "trouble")

    def __init__(self, act: Callable[[], bool]) -> None:
        self.act = act
        self.outcome = False
        self.trouble: Optional[BaseException] = None
        self.done: SimpleQueue[None] = SimpleQueue()  # not an Event: that is two locks and a deque

    def take(self) -> None:
        """Do it."""
        try:
            self.outcome = self.act()
        except BaseException as error:  # it belongs to who asked for the step
            self.trouble = error
        self.done.put(None)

    def is_done_within(self, seconds: float) -> bool:
        """Wait for it, at most so long."""
        try:
            self.done.get(timeout=seconds)
        except Empty:
            return False
        return True


class Handshakes:
    """The thread to which handlers hand the computing of their handshakes."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queue: SimpleQueue[Optional[_Step]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="handshakes", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Stop and join the thread, once what it was given is done. False if it does not end."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                self._journal.note(log, logging.ERROR, "the handshakes did not end within %g s", STUCK_AFTER)
                return False
        return True

    def step(self, act: Callable[[], bool]) -> bool:
        """Have ``act`` done and wait for it; returns what it returns and raises what it raises."""
        if not self._thread.is_alive():
            return act()
        step = _Step(act)
        self._queue.put(step)
        while not step.is_done_within(LOOK_UP):
            if not self._thread.is_alive() and not step.is_done_within(0.0):
                return act()  # it had ended before it came to this one
        try:
            if step.trouble is not None:
                raise step.trouble
            return step.outcome
        finally:
            step.trouble = None  # its traceback holds this frame

    def _run(self) -> None:
        while True:
            step = self._queue.get()
            if step is None:
                return
            step.take()
            step = None  # while it waits it keeps nobody's connection
