"""Who has come in and not yet said who they are, and who may not come in for a while.

A connection that has not registered takes no seat of a member. It stands in a pool of its own, and when that is full
the newest call pushes out the oldest of the address that has most. So forty mute sockets from one address cost that
address its own places and nobody else's, and a whole class behind one router gets in as long as its members register.

Who was kicked is known again by the run of its client, its token and its device, never by its name: many may be called
that. That somebody comes under the name of one who was kicked is only told to teachers.

`Gate` and `Bans` own their tables and each its one lock. They decide; whoever asked hangs up.
"""

from __future__ import annotations

import threading
import unicodedata
from collections import OrderedDict
from typing import Callable, Dict, List, Optional

from rollcall.wire.clock import monotonic
from rollcall.wire.text import seen

PLACES_MORE = 32
"""Places in the pool beyond ``max_clients``: a class that connects at one instant has room beside strangers."""

MOST_BANS = 1024
"""Marks of kicked clients that are remembered, and names; beyond that the oldest are forgotten."""

NAME_REMEMBERED = 4 * 3600.0
"""Seconds for which it is remembered that somebody of this name was kicked: the longest ban."""


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
            self._enter_locked(session_id, address)
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
        oldest = self._oldest_locked(most)
        self._leave_locked(oldest)
        return oldest

    def _oldest_locked(self, sessions: Dict[int, None]) -> int:
        return next(iter(sessions))

    def _enter_locked(self, session_id: int, address: str) -> None:
        self._address_of[session_id] = address
        self._sessions_from.setdefault(address, {})[session_id] = None

    def _leave_locked(self, session_id: int) -> None:
        address = self._address_of.pop(session_id, None)
        if address is not None:
            sessions = self._sessions_from[address]
            del sessions[session_id]
            if not sessions:
                del self._sessions_from[address]


class Bans:
    """Who was kicked, and until when. ``clock`` gives monotonic seconds. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        # Guards both tables. Each maps to the moment at which it is over, in the order in which they were put in.
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()
        self._names: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many marks are remembered."""
        return len(self._until)

    def ban(self, name: str, seconds: float, instance: str, resume_token: str, device_id: str) -> None:
        """Somebody of this name is kicked, and not let in for so many seconds. What is empty bans nobody."""
        with self._lock:
            now = self._clock()
            if seconds > 0:
                for mark in _marks(instance, resume_token, device_id):
                    _remember(self._until, mark, now + seconds)
            if name:
                _remember(self._names, _folded(name), now + NAME_REMEMBERED)

    def wait(self, instance: str, resume_token: str, device_id: str) -> float:
        """Seconds for which whoever shows one of these is not let in; 0 if it is."""
        if not self._until:  # nearly always; one word, read without the lock
            return 0.0
        with self._lock:
            now = self._clock()
            marks = _marks(instance, resume_token, device_id)
            return max([0.0, *(self._until.get(mark, now) - now for mark in marks)])

    def was_kicked(self, name: str) -> bool:
        """Whether somebody of this name was, lately."""
        if not self._names:
            return False
        with self._lock:
            return self._names.get(_folded(name), 0.0) > self._clock()


def _marks(instance: str, resume_token: str, device_id: str) -> List[str]:
    named = (("i", instance), ("t", resume_token), ("d", device_id))
    return [kind + value for kind, value in named if value]


def _remember(table: OrderedDict[str, float], key: str, until: float) -> None:
    table[key] = max(until, table.pop(key, until))
    if len(table) > MOST_BANS:
        table.popitem(last=False)


def _folded(name: str) -> str:
    """Names that people take for the same: whatever the capitals, the spaces, the way in which it was typed, and what
    in it shows nothing."""
    return " ".join(unicodedata.normalize("NFKC", seen(name)).casefold().split())
