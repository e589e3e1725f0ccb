"""The browsers that are being answered: a pool of their own, outside the seats of the members.

A browser is a guest. All browsers together have `BROWSERS` places, whatever happens in the room, and nobody who
registers ever waits for one. When the places are full the newest caller pushes out one of the address that has most:
the oldest that is only waiting (for its own request, or for news of the board), else its oldest. A class behind one
router whose downloads fill all places keeps them: then the newest of that address is asked to come again.

The tables and their lock are those of the `Gate`. What is decided here is carried out by whoever asked.
"""

from __future__ import annotations

from typing import Dict, Optional, Set

from rollcall.server.gate import Gate

BROWSERS = 64
"""Places. A browser takes one for each answer, and six at once if a page has so much to show; ours have one file."""


class Browsers(Gate):
    """A `Gate` that knows who is busy. Thread-safe."""

    def __init__(self, places: int = BROWSERS) -> None:
        super().__init__(places)
        self._busy: Set[int] = set()  # guarded by the gate's lock, too

    def __contains__(self, session_id: int) -> bool:
        """Whether this session is a browser's; read without the lock."""
        return session_id in self._address_of

    def enter(self, session_id: int, address: str) -> Optional[int]:
        """A browser came from ``address``. Returns the session that has to go for it, if any, which may be its own."""
        with self._lock:
            crowded_out = None
            if len(self._address_of) >= self._places:
                own = self._sessions_from.get(address, {})
                most = max(self._sessions_from.values(), key=len)
                if len(own) == len(most) and all(session in self._busy for session in own):
                    return session_id
                crowded_out = self._crowd_out_locked()
            self._enter_locked(session_id, address)
            return crowded_out

    @property
    def busy(self) -> int:
        """How many are being sent something long; read without the lock."""
        return len(self._busy)

    def begins_an_answer(self, session_id: int) -> None:
        """It is being sent something long: it does not only wait."""
        with self._lock:
            if session_id in self._address_of:
                self._busy.add(session_id)

    def _oldest_locked(self, sessions: Dict[int, None]) -> int:
        return next((session for session in sessions if session not in self._busy), next(iter(sessions)))

    def _leave_locked(self, session_id: int) -> None:
        self._busy.discard(session_id)
        super()._leave_locked(session_id)
