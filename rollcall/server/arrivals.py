"""Who has just joined, before the lesson book takes it in: so that a class that joins at the bell waits for nobody.

Taking in one who joins costs some 50 µs (a stay, whose name that is, a row for the record), and a thousand who come at
once would pay for it while they wait for their ``welcome``. So the handler of each leaves an `Arrival` here, with its
time, which costs next to nothing and takes no lock of ours. The book takes in all that wait, in their order, before it
does or shows anything else: nobody can see that they waited. If nobody asks, the ``classroom`` thread has them taken in
at its turn, a second later; while more are still coming it lets them gather, but none waits longer than `LONGEST`.

One who comes from a device that has been here in this run is different: somebody may have to make room for it, and that
is not to wait. A deque and a set of CPython's, whose single operations are atomic: no lock, no threads, no I/O.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, Iterator, NamedTuple, Set

QUIET = 0.5
"""Seconds without anybody new after which a crowd that joins is in."""

LONGEST = 2.0
"""Seconds that an arrival waits, at most. What a crash may cost is this, and what `record` allows itself: below 10."""

MOST_DEVICES = 20_000


class Arrival(NamedTuple):
    """A member has registered: when (Unix seconds), and what `LessonBook.joined` is told."""

    at: float
    member: int
    name: str
    role: str
    device: str
    session: int


class Arrivals:
    """Those who wait. `add` is for any thread; `taken` for whoever holds the lock of the book."""

    def __init__(self) -> None:
        self._waiting: Deque[Arrival] = deque()
        self._devices: Set[str] = set()

    def add(self, arrival: Arrival) -> bool:
        """One more. True if it should be taken in at once: its device is known."""
        self._waiting.append(arrival)
        device = arrival.device
        if not device or device in self._devices:
            return bool(device)
        if len(self._devices) >= MOST_DEVICES:
            self._devices.clear()  # some take their own place a second later then
        self._devices.add(device)
        return False

    def taken(self) -> Iterator[Arrival]:
        """Each of them, the first first; it waits no more."""
        while self._waiting:
            yield self._waiting.popleft()

    def rest(self, now: float) -> float:
        """Seconds for which they should be left to gather; 0 if none waits, or it is time."""
        try:
            first, last = self._waiting[0].at, self._waiting[-1].at
        except IndexError:
            return 0.0
        return max(0.0, min(last + QUIET, first + LONGEST) - now)
