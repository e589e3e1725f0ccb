"""Who has come in and not yet said who they are: the pool of the unregistered.

A connection that has not registered takes no seat of a member. It stands in a pool of its own, and when that is full
the newest call pushes out the oldest of the address that has most. So forty mute sockets from one address cost that
address its own places and nobody else's, and a whole class behind one router gets in as long as its members register.

The gate owns its tables and their one lock. It decides; whoever asked hangs up.
"""

from __future__ import annotations

import threading
from typing import Dict, Optional

PLACES_MORE = 32
"""Places in the pool beyond ``max_clients``: a class that connects at one instant has room beside strangers."""


class Gate:
    """A pool with so many ``places``. Thread-safe."""

    def __init__(self, places: int) -> None:
        self._places = places
        # Guards both tables. The sessions of an address are in the order of their arrival.
        self._lock = threading.Lock()
        self._address_of: Dict[int, str] = {}
        self._sessions_from: Dict[str, Dict[int, None]] = {}

    def __len__(self) -> int:
        """How many stand in the pool."""
        return len(self._address_of)

    def enter(self, session_id: int, address: str) -> Optional[int]:
        """A connection came from ``address``. Returns the session that has to go for it, if any."""
        with self._lock:
            crowded_out = self._crowd_out_locked() if len(self._address_of) >= self._places else None
            self._address_of[session_id] = address
            self._sessions_from.setdefault(address, {})[session_id] = None
            return crowded_out

    def leave(self, session_id: int) -> None:
        """The session has registered or ended. May be called twice."""
        with self._lock:
            self._leave_locked(session_id)

    def crowd_out(self) -> Optional[int]:
        """Something else than places has run out, such as descriptors: the session that has to go, if there is one."""
        with self._lock:
            return self._crowd_out_locked()

    def _crowd_out_locked(self) -> Optional[int]:
        if not self._address_of:
            return None
        most = max(self._sessions_from.values(), key=len)
        oldest = next(iter(most))
        self._leave_locked(oldest)
        return oldest

    def _leave_locked(self, session_id: int) -> None:
        address = self._address_of.pop(session_id, None)
        if address is not None:
            sessions = self._sessions_from[address]
            del sessions[session_id]
            if not sessions:
                del self._sessions_from[address]
