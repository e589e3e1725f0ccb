"""Everything that the window shows, without a window: events in; rows, status, count and log out.

`ClientModel` is plain state for one thread, the one that shows it. It knows no widgets and starts nothing, so that a
test can play a whole lesson through it in a millisecond. ``now`` is the monotonic clock in seconds, ``wall`` is Unix
time; both come in as arguments.

After the events of a turn the window takes what changed: `take_changes` gives the rows to show and the ids to take
away since it last asked, so that a delta of one row costs one row.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Deque, Dict, List, NamedTuple, Optional, Set, Tuple

from events import (
    Connected,
    Connecting,
    Disconnected,
    Event,
    PingSent,
    Refused,
    RosterReplaced,
    RosterUpdated,
    RoundTrip,
    Stopped,
    Waiting,
    describe,
)
from protocol import ASK, Entry

OFFLINE, CONNECTING, CONNECTED, RECONNECTING, REFUSED = "offline", "connecting", "connected", "reconnecting", "refused"

LOG_LINES = 2000
"""Lines of the activity log that are kept; the oldest go first."""

ADVICE: Dict[str, str] = {
    "code_required": "This server asks for a join code.",
    "bad_code": "Check the join code with whoever runs the server.",
    "invalid_name": "Choose another name and connect again.",
    "unsupported_protocol": "One of the two programs is too old; update it.",
    "kicked": "Ask whoever runs the server.",
    "replaced": "You are connected from another window or computer; this one stays out.",
}


@dataclass(frozen=True)
class Row:
    """One line of the table. ``state`` is a word; ``own`` marks ourselves; ``stale`` is the last that was known."""

    id: int
    name: str
    address: str
    since: str
    state: str
    own: bool
    stale: bool


class Changes(NamedTuple):
    """What the table has to do: rows to show (new or different), in order, and ids to take away."""

    shown: List[Row]
    gone: List[int]


def clock_text(wall: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(wall))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


class ClientModel:
    """What is known of the server, the roster and ourselves. One thread only."""

    def __init__(self) -> None:
        self.phase = OFFLINE
        self.server_name = ""
        self.round_trip: Optional[float] = None
        self.log: Deque[str] = deque(maxlen=LOG_LINES)
        self.logged = 0
        self._entries: Dict[int, Entry] = {}
        self._own_id: Optional[int] = None
        self._started: Optional[int] = None
        self._arrived: Dict[int, float] = {}
        self._dirty: Set[int] = set()
        self._gone: Set[int] = set()
        self._cause = ""
        self._failure = ""
        self._advice = ""
        self._address = ""
        self._attempt = 0
        self._retry_at = 0.0
        self._names: Dict[int, str] = {}

    def begin(self, address: str) -> None:
        """A new client starts; what was known of another server's roster goes."""
        if address != self._address:
            self._replace((), 0.0)
        self._address = address
        self._set_phase(CONNECTING)

    def end(self) -> None:
        """The person disconnected, or a refused client is done with."""
        self.round_trip = None
        if self.phase != REFUSED:
            self._set_phase(OFFLINE)

    # --- events in --------------------------------------------------------------------------------------------

    def apply(self, event: Event, now: float, wall: float) -> None:
        """Take one event of the client."""
        if isinstance(event, RosterReplaced):
            self._replace(event.entries, wall)
        elif isinstance(event, RosterUpdated):
            self._update(event, wall)
        elif isinstance(event, RoundTrip):
            self.round_trip = event.seconds
        elif isinstance(event, Connecting):
            self._address = event.address
            self._attempt = event.attempt
            if not self.is_running:
                self._set_phase(CONNECTING)
        elif isinstance(event, Connected):
            self._connected(event)
        elif isinstance(event, Disconnected):
            self._cause = event.cause
            self.round_trip = None
            self._failure = "Lost the connection" if event.was_connected else "No connection"
            self._set_phase(RECONNECTING)
        elif isinstance(event, Waiting):
            self._retry_at = now + event.seconds
            self._attempt = event.attempt
        elif isinstance(event, Refused):
            self._cause = event.message
            self._advice = ADVICE.get(event.code, "" if event.action == ASK else "Ask whoever runs the server.")
            self._set_phase(REFUSED)
        elif isinstance(event, Stopped):
            self.end()
        self._log(event, wall)

    def _connected(self, event: Connected) -> None:
        welcome = event.welcome
        self.server_name = welcome.server_name if welcome else ""
        self._own_id = welcome.member_id if welcome else None
        self._started = welcome.started if welcome else None
        self._set_phase(CONNECTED)

    def _replace(self, entries: Tuple[Entry, ...], wall: float) -> None:
        new = {entry.id: entry for entry in entries}
        self._gone |= self._entries.keys() - new.keys()
        self._dirty |= {member for member, entry in new.items() if self._entries.get(member) != entry}
        self._gone -= new.keys()
        self._arrived = {member: self._arrived.get(member, wall) for member in new}
        self._entries = new

    def _update(self, event: RosterUpdated, wall: float) -> None:
        for entry in event.up:
            self._entries[entry.id] = entry
            self._arrived.setdefault(entry.id, wall)
            self._dirty.add(entry.id)
            self._gone.discard(entry.id)
        for gone in event.down:
            known = self._entries.pop(gone.id, None)
            if known is not None:
                self._names[gone.id] = known.label
                self._arrived.pop(gone.id, None)
                self._gone.add(gone.id)
                self._dirty.discard(gone.id)

    def _set_phase(self, phase: str) -> None:
        if (phase == CONNECTED) != (self.phase == CONNECTED):
            self._dirty |= self._entries.keys()  # fresh rows become stale, or the other way round
        self.phase = phase

    def _log(self, event: Event, wall: float) -> None:
        if isinstance(event, (PingSent, RoundTrip)):
            return  # the round trip is shown; a line for each beat would bury the rest
        if isinstance(event, RosterReplaced):
            text = f"{len(event.entries)} here"
        elif isinstance(event, RosterUpdated):
            parts = [f"{entry.label} is {entry.state}" for entry in event.up]
            parts += [f"{self._names.pop(gone.id, f'member {gone.id}')} {gone.reason}" for gone in event.down]
            text = ", ".join(parts)
        else:
            text = describe(event)
        self.log.append(f"{clock_text(wall)}  {text}")
        self.logged += 1

    # --- everything out ---------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many members the last known roster has."""
        return len(self._entries)

    @property
    def is_running(self) -> bool:
        """True while a client works for us, connected or trying."""
        return self.phase in (CONNECTING, CONNECTED, RECONNECTING)

    def status(self, now: float) -> str:
        """One or two sentences: what is, why, and what comes next."""
        if self.phase == CONNECTED:
            name = f"{self.server_name} at " if self.server_name else ""
            return f"Connected to {name}{self._address}."
        if self.phase == CONNECTING:
            return f"Connecting to {self._address} …"
        if self.phase == RECONNECTING:
            seconds = self._retry_at - now
            attempt = f" (attempt {self._attempt})" if self._attempt > 1 else ""
            step = f"Trying again in {seconds:.0f} s" if seconds > 0.5 else "Trying again now"
            return f"{self._failure}: {_sentence(self._cause)} {step}{attempt}."
        if self.phase == REFUSED:
            return f"Refused: {_sentence(self._cause)} {self._advice}".strip()
        return "Not connected."

    def title(self) -> str:
        """For the window's title, readable from the task bar."""
        return f"{self.count} here – Rollcall" if self.phase == CONNECTED else f"{self.phase} – Rollcall"

    def round_trip_text(self) -> str:
        """The last round trip, or a dash."""
        return "–" if self.round_trip is None else f"{self.round_trip * 1000:.1f} ms"

    def take_changes(self) -> Changes:
        """Rows that changed since the last call. Cheap when nothing did."""
        if not self._dirty and not self._gone:
            return Changes([], [])
        shown = [self._row(entry) for entry in self._entries.values() if entry.id in self._dirty]
        gone = sorted(self._gone)
        self._dirty.clear()
        self._gone.clear()
        return Changes(shown, gone)

    def rows(self) -> List[Row]:
        """The whole table."""
        return [self._row(entry) for entry in self._entries.values()]

    def _row(self, entry: Entry) -> Row:
        stale = self.phase != CONNECTED
        since = self._started + entry.since if self._started is not None else self._arrived[entry.id]
        observed = entry.observed_ip
        address = f"{entry.ip}:{entry.port}"
        if observed and observed != entry.ip:
            address += f" (seen as {observed})"
        state = "unknown" if stale else entry.state
        own = entry.id == self._own_id
        return Row(entry.id, entry.name or "–", address, clock_text(since), state, own, stale)
