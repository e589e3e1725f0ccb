"""Everything that the window shows, without a window: events in; rows, status, round trips and log out.

`ClientModel` is plain state for one thread, the one that shows it. It knows no widgets and starts nothing, so that a
test can play a whole lesson through it in a millisecond. ``now`` is the monotonic clock in seconds, ``wall`` is Unix
time; both come in as arguments.

After the events of a turn the window takes what changed: `take_changes` gives the rows to show and the ids to take
away since it last asked, so that a delta of one row costs one row. A member that went stays for `GONE_FOR` as a row
that says how and when: a teacher wants to see who has just dropped out. Only its own return takes that row away: the
same id, or the same likeness (see ``likeness.py``).
"""

from __future__ import annotations

import time
from collections import deque
from typing import Deque, Dict, List, NamedTuple, Optional, Set, Tuple

from protocol import ASK, LATE, LEFT, LOST, Entry
from rollcall.client import events
from rollcall.client.events import Event
from rollcall.window.likeness import Likeness, Likenesses, likeness_of
from rollcall.wire.address import Address
from rollcall.wire.fields import MAX_INTEGER

OFFLINE, CONNECTING, CONNECTED, RECONNECTING, REFUSED = "offline", "connecting", "connected", "reconnecting", "refused"

LOG_LINES = 2000
"""Lines of the activity log that are kept; the oldest go first."""

GONE_FOR = 300.0
"""Seconds that a member who went is still shown."""

MAX_GONE = 500
"""Members shown who went; the oldest make room."""

BEATS = 120
"""Heartbeats whose round trips are kept."""

UNKNOWN, VANISHED = "unknown", "gone"
"""States beside those of the protocol: we have no connection; it went while we did not see it."""

PEOPLE, CONNECTION = "people", "connection"
"""What a line of the log is about."""

ADVICE: Dict[str, str] = {
    "code_required": "This server asks for a join code.",
    "bad_code": "Check the join code with whoever runs the server.",
    "invalid_name": "Choose another name and connect again.",
    "unsupported_protocol": "One of the two programs is too old; update it.",
    "kicked": "Ask whoever runs the server.",
    "replaced": "You are connected from another window or computer; this one stays out.",
}


CLOCK_STEP = 0.5
"""Seconds by which the wall clock must jump to count as set; what a time server corrects bit by bit is less."""


class Row(NamedTuple):
    """One line of the table. ``state`` is HERE, LATE, UNKNOWN, a reason of `protocol.REASONS` or VANISHED; ``own``
    marks ourselves. ``arrived`` and ``went`` are Unix time; ``went`` is None for who is in the roster."""

    id: int
    name: str
    ip: str
    port: int
    address: str
    state: str
    own: bool
    arrived: float
    went: Optional[float]

    def connected_for(self, wall: float) -> float:
        """Seconds from the arrival until now, or until it went."""
        return max(0.0, (wall if self.went is None else self.went) - self.arrived)


class Changes(NamedTuple):
    """What the table has to do: rows to show (new or different), and ids to take away."""

    shown: List[Row]
    gone: List[int]


class LogLine(NamedTuple):
    """One thing that happened. ``kind`` is PEOPLE or CONNECTION."""

    wall: float
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{clock_text(self.wall)}  {self.text}"


class Beat:
    """One heartbeat; ``seconds`` is its round trip, None as long as, or if it is never, answered."""

    __slots__ = ("seconds", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.seconds: Optional[float] = None


class _Departed(NamedTuple):
    row: Row
    until: float
    likeness: Likeness


def clock_text(wall: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(wall))


def milliseconds(seconds: float) -> str:
    """A round trip for people: a LAN answers in a fraction of a millisecond."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def shown_name(entry: Entry) -> str:
    """The name, or a dash: the original system has none."""
    return entry.name or "–"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


class ClientModel:
    """What is known of the server, the roster and ourselves. One thread only."""

    def __init__(self) -> None:
        self.phase = OFFLINE
        self.server_name = ""
        self.log: Deque[LogLine] = deque(maxlen=LOG_LINES)
        self.logged = 0
        self.beats: Deque[Beat] = deque(maxlen=BEATS)
        self.beaten = 0  # changes with every beat and every answer
        # Rows are known by `_base` plus the member's id: a server that starts again gives the same ids to other people.
        self._base = 0
        self._epoch: Optional[str] = None
        self._anew = False  # a client has begun of which we know no ids yet
        self._entries: Dict[int, Entry] = {}
        self._departed: Dict[int, _Departed] = {}  # in the order in which they went
        self._alike = Likenesses()  # of all who are in one of these two
        self._own_id: Optional[int] = None
        self._offset: Optional[float] = None  # of the wall clock to the monotonic one, when we last looked
        self._started: Optional[float] = None  # when the server started, by our clock
        self._arrived: Dict[int, float] = {}
        self._dirty: Set[int] = set()
        self._gone: Set[int] = set()
        self._cause = ""
        self._failure = ""
        self._advice = ""
        self._refusal = "Refused"
        self._address = ""
        self._attempt = 0
        self._retry_at = 0.0

    def begin(self, address: str) -> None:
        """A new client starts; what was known of another server's roster goes."""
        if address != self._address:
            self._gone |= self._entries.keys() | self._departed.keys()
            self._entries, self._departed, self._arrived = {}, {}, {}
            self._alike = Likenesses()
            self._epoch = None
            self._dirty.clear()
            self.beats.clear()
        self._address = address
        self._anew = True
        self._set_phase(CONNECTING)

    def end(self) -> None:
        """The person disconnected, or a refused client is done with."""
        if self.phase != REFUSED:
            self._set_phase(OFFLINE)

    def look_at_clocks(self, now: float, wall: float) -> None:
        """Call in each turn: when somebody has set the clock, everything that was noted by it moves along. So no
        duration jumps, and times of day are those of the clock as it is now."""
        offset, known = wall - now, self._offset
        self._offset = offset
        step = 0.0 if known is None else offset - known
        if abs(step) < CLOCK_STEP:
            return
        if self._started is not None:
            self._started += step
        self._arrived = {member: arrived + step for member, arrived in self._arrived.items()}
        for member, departed in self._departed.items():
            row = departed.row
            row = row._replace(arrived=row.arrived + step, went=None if row.went is None else row.went + step)
            self._departed[member] = departed._replace(row=row)
        self._dirty |= self._entries.keys() | self._departed.keys()

    # --- events in --------------------------------------------------------------------------------------------

    def apply(self, event: Event, now: float, wall: float) -> None:
        """Take one event of the client."""
        if isinstance(event, events.RosterReplaced):
            self._replace(event.entries, now, wall)
        elif isinstance(event, events.RosterUpdated):
            self._update(event, now, wall)
        elif isinstance(event, events.PingSent):
            self.beats.append(Beat(event.seq))
            self.beaten += 1
        elif isinstance(event, events.RoundTrip):
            self._answered(event)
        else:
            self._note(wall, CONNECTION, events.describe(event))
            self._connection_event(event, now, wall)

    def _connection_event(self, event: Event, now: float, wall: float) -> None:
        if isinstance(event, events.Connecting):
            self._address = event.address
            self._attempt = event.attempt
            if not self.is_running:
                self._set_phase(CONNECTING)
        elif isinstance(event, events.Connected):
            self._connected(event, now, wall)
        elif isinstance(event, events.Disconnected):
            self._cause = event.cause
            self._failure = "Lost the connection" if event.was_connected else "No connection"
            self._set_phase(RECONNECTING)
        elif isinstance(event, events.Waiting):
            self._retry_at = now + event.seconds
            self._attempt = event.attempt
        elif isinstance(event, events.Refused):
            self._cause = event.message
            self._refusal = "Replaced" if event.code == "replaced" else "Refused"
            self._advice = ADVICE.get(event.code, "" if event.action == ASK else "Ask whoever runs the server.")
            self._set_phase(REFUSED)
        elif isinstance(event, events.Stopped):
            self.end()

    def _connected(self, event: events.Connected, now: float, wall: float) -> None:
        welcome = event.welcome
        epoch = welcome.epoch if welcome else None
        # Version 1 has no epoch, and its ids are the client's own: another client numbers from 1 again.
        if epoch != self._epoch or (epoch is None and self._anew):
            for member in list(self._entries):
                self._depart(member, VANISHED, now, wall, unseen=True)
            self._epoch = epoch
            self._base += MAX_INTEGER
        self._anew = False
        self.server_name = welcome.server_name if welcome else ""
        self._own_id = self._base + welcome.member_id if welcome else None
        self._started = None if welcome is None else welcome.started
        if welcome is not None and welcome.uptime is not None:
            self._started = wall - welcome.uptime  # not every laptop knows what time it is
        self._set_phase(CONNECTED)

    def _answered(self, event: events.RoundTrip) -> None:
        self.beaten += 1
        for beat in reversed(self.beats):
            if beat.seq == event.seq:
                beat.seconds = event.seconds
                return

    def _replace(self, entries: Tuple[Entry, ...], now: float, wall: float) -> None:
        new = {self._base + entry.id: entry for entry in entries}
        for member in self._entries.keys() - new.keys():
            self._depart(member, VANISHED, now, wall)
        for member, entry in new.items():
            if self._entries.get(member) != entry:
                self._appear(member, entry, wall)
        self._note(wall, PEOPLE, f"{len(entries)} here")

    def _update(self, event: events.RosterUpdated, now: float, wall: float) -> None:
        for entry in event.up:
            member = self._base + entry.id
            known = self._entries.get(member)
            self._appear(member, entry, wall)
            if known is None:
                self._note(wall, PEOPLE, f"{entry.label} joined")
            elif known.state != entry.state:
                self._note(wall, PEOPLE, f"{entry.label} is {'late' if entry.state == LATE else 'back'}")
        for gone in event.down:
            member = self._base + gone.id
            known = self._entries.get(member)
            if known is not None:
                how = {LEFT: "left", LOST: "lost the connection"}.get(gone.reason, f"was {gone.reason}")
                self._note(wall, PEOPLE, f"{known.label} {how}")
                self._depart(member, gone.reason, now, wall)

    def _appear(self, member: int, entry: Entry, wall: float) -> None:
        known, likeness = self._entries.get(member), likeness_of(entry)
        if known is None:
            earlier = member if member in self._departed else self._alike.taken_back(likeness)
            self._alike.arrive(likeness)
            if earlier is not None:
                self._forget(earlier)
        elif likeness_of(known) != likeness:
            self._alike.leave(likeness_of(known))
            self._alike.arrive(likeness)
        self._entries[member] = entry
        self._arrived.setdefault(member, wall)
        self._dirty.add(member)
        self._gone.discard(member)

    def _depart(self, member: int, reason: str, now: float, wall: float, unseen: bool = False) -> None:
        entry = self._entries.pop(member)
        likeness = likeness_of(entry)
        row = self._row(member, entry)._replace(state=reason, went=wall, own=False)
        self._arrived.pop(member, None)
        self._departed[member] = _Departed(row, now + GONE_FOR, likeness)
        self._alike.depart(likeness, member, unseen)
        self._alike.leave(likeness)
        self._dirty.add(member)
        if len(self._departed) > MAX_GONE:
            self._forget(next(iter(self._departed)))

    def _forget(self, member: int) -> None:
        self._alike.forget(self._departed.pop(member).likeness, member)
        self._dirty.discard(member)
        self._gone.add(member)

    def expire(self, now: float) -> None:
        """Take away who went `GONE_FOR` ago."""
        while self._departed:
            member, departed = next(iter(self._departed.items()))
            if departed.until > now:
                return
            self._forget(member)

    def _set_phase(self, phase: str) -> None:
        if (phase == CONNECTED) != (self.phase == CONNECTED):
            self._dirty |= self._entries.keys()  # fresh rows become stale, or the other way round
        self.phase = phase

    def note(self, wall: float, text: str) -> None:
        """A line in the log about this program itself. ``wall`` is Unix time."""
        self._note(wall, CONNECTION, text)

    def _note(self, wall: float, kind: str, text: str) -> None:
        self.log.append(LogLine(wall, kind, text))
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
            return f"{self._refusal}: {_sentence(self._cause)} {self._advice}".strip()
        return "Not connected."

    def pill(self, now: float) -> str:
        """The state in a word or two; the sentence beside it is `status`."""
        if self.phase == RECONNECTING:
            seconds = self._retry_at - now
            return f"Retrying in {seconds:.0f} s" if seconds > 0.5 else "Retrying …"
        words = {OFFLINE: "Offline", CONNECTING: "Connecting …", CONNECTED: "Connected", REFUSED: self._refusal}
        return words[self.phase]

    def title(self) -> str:
        """For the window's title, readable from the task bar."""
        return f"{self.count} here – Rollcall" if self.phase == CONNECTED else f"{self.phase} – Rollcall"

    def count_text(self, shown: Optional[int]) -> str:
        """How many are here; with a filter also how many of them are ``shown`` (None without one)."""
        if self.phase != CONNECTED and not self.count:
            return "Nobody yet"
        count = f"{self.count} {'here' if self.phase == CONNECTED else 'last seen here'}"
        return count if shown is None else f"{count}, {shown} shown"

    def round_trip_text(self) -> str:
        """The last round trip and the worst of those that are kept."""
        trips = [beat.seconds for beat in self.beats if beat.seconds is not None]
        if not trips or self.phase != CONNECTED:
            return "–"
        return f"{milliseconds(trips[-1])} now, {milliseconds(max(trips))} at worst"

    def take_changes(self) -> Changes:
        """Rows that changed since the last call. Cheap when nothing did."""
        if not self._dirty and not self._gone:
            return Changes([], [])
        shown = [self._row(member, self._entries[member]) for member in self._dirty if member in self._entries]
        shown += [self._departed[member].row for member in self._dirty if member in self._departed]
        gone = sorted(self._gone)
        self._dirty.clear()
        self._gone.clear()
        return Changes(shown, gone)

    def _row(self, member: int, entry: Entry) -> Row:
        arrived = self._started + entry.since if self._started is not None else self._arrived[member]
        observed = entry.observed_ip
        address = str(Address(entry.ip, entry.port))
        if observed and observed != entry.ip:
            address += f" (seen as {observed})"
        state = entry.state if self.phase == CONNECTED else UNKNOWN
        own = member == self._own_id
        return Row(member, shown_name(entry), entry.ip, entry.port, address, state, own, arrived, None)
