"""When a client asks for the whole roster again, and when it does not.

After `welcome` a list comes unasked. From then on deltas lead from one revision to the next. Two things tell of a gap:
a delta that does not begin where we are, and a pong whose revision does not come within `SETTLE` seconds. The remedy is
`resync`, whose answer is a list. No wait is without a limit: a list that does not come is asked for (again) after
`LIST_TIMEOUT`, whatever else comes meanwhile.

Pure timing: no threads, no sockets; ``now`` is the monotonic clock in seconds. Shared by the client's reader and
heartbeat threads; they call it under the client's lock.
"""

from __future__ import annotations

import math

LIST_TIMEOUT = 10.0
"""Seconds that a list may take to begin. A server under load answers pings sooner than it sends rosters."""

RESYNC_INTERVAL = 2.0
"""Seconds between two requests, at least. A server allows one a second; what the network held up comes closer together
than it was sent."""

SETTLE = 5.0
"""Seconds that a delta may come behind the pong that tells its revision: servers collect changes before they send."""


class CatchUp:
    """Whether this client's copy of the roster is complete; one for each connection, made when it is registered."""

    def __init__(self, now: float) -> None:
        self._under_way = True  # the list that follows `welcome`
        self._due = now + LIST_TIMEOUT
        self._asked = -math.inf
        self._told = 0  # the revision of a pong that we are behind of, ...
        self._told_due = math.inf  # ... and when it should have come

    def listed(self) -> None:
        """A list came: nothing is missing."""
        self._under_way = False
        self._due = self._told_due = math.inf

    def moved(self, rev: int) -> None:
        """A delta led to revision ``rev``."""
        if rev >= self._told:
            self._told_due = math.inf

    def gap(self, now: float) -> None:
        """A delta did not begin where we are."""
        if not self._under_way:
            self._due = min(self._due, max(now, self._asked + RESYNC_INTERVAL))

    def told(self, rev: int, have: int, now: float) -> None:
        """A pong said that the server is at revision ``rev``; we ``have`` another or the same. Ours may be the newer
        one: the server puts a revision into a pong just before it sends the next delta."""
        if rev > have and self._told_due == math.inf:
            self._told, self._told_due = rev, now + SETTLE

    def ask(self, now: float) -> bool:
        """True if `resync` is to be sent now; that is noted as done."""
        due = self._due
        if not self._under_way:
            due = min(due, max(self._told_due, self._asked + RESYNC_INTERVAL))
        if now < due:
            return False
        self._under_way = True
        self._asked, self._due, self._told_due = now, now + LIST_TIMEOUT, math.inf
        return True
