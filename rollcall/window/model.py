"""Everything that the window knows, without a window: events in; rows, the connection, round trips and diary out.

`ClientModel` is plain state for one thread, the one that shows it. It knows no widgets and starts nothing, so that a
test can play a whole lesson through it in a millisecond. ``now`` is the monotonic clock in seconds, ``wall`` is Unix
time; both come in as arguments.

After the events of a turn the window takes what changed: `take_changes` gives the rows to show and the ids to take
away since it last asked, so that a delta of one row costs one row. A member that went stays for `GONE_FOR` as a row
that says how and when: a teacher wants to see who has just dropped out. Only its own return takes that row away: the
same id, or the same likeness (see ``likeness.py``). How it is said is in ``words.py``, what is shown of people in
``people.py``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Deque, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from protocol import KICKED, LATE, LEFT, LOST, REPLACED, Entry
from rollcall.client import events
from rollcall.client.events import Event
from rollcall.window.diary import CONNECTION, PEOPLE, Diary
from rollcall.wire.address import Address
from rollcall.wire.fields import MAX_INTEGER
from rollcall.wire.likeness import GONE_FOR, MAX_GONE, Likeness, Likenesses, likeness_of
from rollcall.wire.messages import MEMBER
from rollcall.wire.text import counted

OFFLINE, CONNECTING, CONNECTED, RECONNECTING, REFUSED = "offline", "connecting", "connected", "reconnecting", "refused"

BEATS = 120
"""Heartbeats whose round trips are kept."""

UNKNOWN, VANISHED = "unknown", "gone"
"""States beside those of the protocol: we have no connection; it went while we did not see it."""

WENT: Dict[str, str] = {LEFT: "left", LOST: "lost the connection", KICKED: "was removed", REPLACED: "is elsewhere now"}
"""How somebody went, behind the name."""

SILENT_AFTER = 1.5
"""Intervals without a message after which the server calls a member late."""

CLOCK_STEP = 0.5
"""Seconds by which the wall clock must jump to count as set; what a time server corrects bit by bit is less."""


class Row(NamedTuple):
    """A member, in the roster or gone. ``state`` is HERE, LATE, UNKNOWN, a reason of `protocol.REASONS` or VANISHED;
    ``own`` marks ourselves. ``arrived``, ``went`` (None for who is in the roster) and ``silent`` (since when there has
    been no answer, for who is LATE) are Unix time."""

    id: int
    name: str
    ip: str
    port: int
    address: str
    state: str
    own: bool
    arrived: float
    went: Optional[float]
    silent: Optional[float] = None
    role: str = MEMBER


class Changes(NamedTuple):
    """What is to be shown: rows that are new or different, ids to take away, and for who came back as another member
    the id that takes the place of the one before."""

    shown: List[Row]
    gone: List[int]
    moved: Mapping[int, int] = {}


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


def shown_name(entry: Entry) -> str:
    """The name, or a dash: the original system has none."""
    return entry.name or "–"


class ClientModel:
    """What is known of the server, the roster and ourselves. One thread only."""

    def __init__(self) -> None:
        self.phase = OFFLINE
        self.server_name = ""
        self.diary = Diary()
        self.was_in = False
        """The server has let us in since the last `begin`."""
        self.role = MEMBER
        self.name = ""
        self.is_sure = False
        """The person has said that it is they, though somebody else is here under the same name."""
        self.changed = 0
        """Goes up whenever people have changed."""
        self.beats: Deque[Beat] = deque(maxlen=BEATS)
        self.beaten = 0  # changes with every beat and every answer
        # Rows are known by `_base` plus the member's id: a server that starts again gives the same ids to other people.
        self._base = 0
        self._epoch: Optional[str] = None
        self._anew = False  # a client has begun of which we know no ids yet
        self._met = False  # this connection has brought its list
        self._entries: Dict[int, Entry] = {}
        self._departed: Dict[int, _Departed] = {}  # in the order in which they went
        self._alike = Likenesses()  # of all who are in one of these two
        self._own_id: Optional[int] = None
        self._offset: Optional[float] = None  # of the wall clock to the monotonic one, when we last looked
        self._started: Optional[float] = None  # when the server started, by our clock
        self._arrived: Dict[int, float] = {}
        self._silent: Dict[int, float] = {}  # since when, of those who are late
        self._interval = 0.0
        self._dirty: Set[int] = set()
        self._gone: Set[int] = set()
        self._moved: Dict[int, int] = {}
        # For words.py: why it is as it is, and what comes next.
        self.cause = ""
        self.refusal = ""
        """The code of the refusal."""
        self.again_at = 0.0
        """When somebody who was refused may try again (monotonic seconds)."""
        self.room: Optional[events.RoomSeen] = None
        self.code_needed: Optional[events.CodeNeeded] = None
        self.address = ""
        self.attempt = 0
        self.retry_at = 0.0

    def begin(self, address: str, name: str) -> None:
        """A new client starts under ``name``; what was known of another server's roster goes."""
        if address != self.address:
            self._gone |= self._entries.keys() | self._departed.keys()
            self._entries, self._departed, self._arrived, self._silent = {}, {}, {}, {}
            self._alike = Likenesses()
            self._epoch = None
            self._dirty.clear()
            self.beats.clear()
        self.address, self.name = address, name
        self._anew = True
        self.was_in, self.role, self.refusal, self.is_sure = False, MEMBER, "", False
        self.code_needed = None
        if self.room is not None and self.room.address != address:
            self.room = None
        self._set_phase(CONNECTING)

    def end(self, wall: float) -> None:
        """The client has ended: the person left, or it was refused, which stays."""
        self.diary.over(wall)
        if self.phase != REFUSED:
            if self.phase == CONNECTED:
                self.diary.note(wall, CONNECTION, "left")
            self._set_phase(OFFLINE)

    def forget(self) -> None:
        """The person is done here, or with a refusal: nobody, nowhere. Who comes next has proven no code, and is shown
        no names."""
        self.was_in = False
        if self.room is not None:
            self.room = replace(self.room, names=None)
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
        self._silent = {member: since + step for member, since in self._silent.items()}
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
            self._connection_event(event, now, wall)

    def _connection_event(self, event: Event, now: float, wall: float) -> None:
        if isinstance(event, events.Connecting):
            self.address = event.address
            self.attempt = event.attempt
            if not self.is_running:
                self._set_phase(CONNECTING)
        elif isinstance(event, events.Connected):
            self.diary.over(wall)
            self._connected(event, now, wall)
        elif isinstance(event, events.Disconnected):
            self.cause = event.cause
            away = f"{self.server_name or 'server'} away" if self.was_in else f"no connection to {self.address}"
            self.diary.away(wall, away, event.cause)
            self.retry_at = now
            self._set_phase(RECONNECTING)
        elif isinstance(event, events.Waiting):
            self.retry_at = now + event.seconds
            self.attempt = event.attempt
        elif isinstance(event, events.RoomSeen):
            known = self.room
            if event.names is None and known is not None and known.fingerprint == event.fingerprint:
                event = replace(event, names=known.names)  # it says them once: until another one does, these are they
            self.room = event
        elif isinstance(event, events.CodeNeeded):
            self.code_needed = event
        elif isinstance(event, events.ServerWarning):
            self.diary.note(wall, CONNECTION, event.message)
        elif isinstance(event, events.Refused):
            self.diary.over(wall)
            self.cause, self.refusal = event.message, event.code
            self.again_at = now + (event.retry_after or 0.0)
            self.diary.note(wall, CONNECTION, f"not let in: {event.message}")
            self._set_phase(REFUSED)
        elif isinstance(event, events.Stopped):
            self.end(wall)

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
        self.role = welcome.role if welcome else MEMBER
        self._interval = event.heartbeat_interval
        self._met = False
        self._own_id = self._base + welcome.member_id if welcome else None
        self._started = None if welcome is None else welcome.started
        if welcome is not None and welcome.uptime is not None:
            self._started = wall - welcome.uptime  # not every laptop knows what time it is
        name = f"{self.server_name} at " if self.server_name else ""
        self.diary.note(wall, CONNECTION, f"connected to {name}{self.address}")
        self.was_in = True
        self._set_phase(CONNECTED)

    def _answered(self, event: events.RoundTrip) -> None:
        self.beaten += 1
        for beat in reversed(self.beats):
            if beat.seq == event.seq:
                beat.seconds = event.seconds
                return

    def _replace(self, entries: Tuple[Entry, ...], now: float, wall: float) -> None:
        new = {self._base + entry.id: entry for entry in entries}
        anew = not self._entries
        for member in self._entries.keys() - new.keys():
            self._note(wall, f"{self._entries[member].label} went while we were away")
            self._depart(member, VANISHED, now, wall)
        for member, entry in new.items():
            known = self._entries.get(member)
            if known != entry:
                back = self._appear(member, entry, wall)
                if known is None and member != self._own_id:
                    self._note(wall, f"{entry.label} {'was here' if anew and not back else 'came meanwhile'}")
        if not self._met:
            self._met = True
            self._note(wall, f"{counted(len(entries), 'person')} here".replace("persons", "people"))

    def _update(self, event: events.RosterUpdated, now: float, wall: float) -> None:
        for entry in event.up:
            member = self._base + entry.id
            known = self._entries.get(member)
            self._appear(member, entry, wall)
            if known is None:
                self._note(wall, f"{entry.label} joined")
            elif known.state != entry.state:
                self._note(wall, f"{entry.label} {'does not answer' if entry.state == LATE else 'is back'}")
        for gone in event.down:
            member = self._base + gone.id
            known = self._entries.get(member)
            if known is not None:
                self._note(wall, f"{known.label} {WENT.get(gone.reason, f'was {gone.reason}')}")
                self._depart(member, gone.reason, now, wall)

    def _appear(self, member: int, entry: Entry, wall: float) -> bool:
        """True if that is somebody back who had gone."""
        earlier = None
        known, likeness = self._entries.get(member), likeness_of(entry)
        if known is None:
            earlier = member if member in self._departed else self._alike.taken_back(likeness)
            self._alike.arrive(likeness)
            if earlier is not None:
                self._forget(earlier)
                if earlier != member:
                    self._moved[earlier] = member
        elif likeness_of(known) != likeness:
            self._alike.leave(likeness_of(known))
            self._alike.arrive(likeness)
        self._entries[member] = entry
        self._arrived.setdefault(member, wall)
        if entry.state != LATE:
            self._silent.pop(member, None)
        elif known is None or known.state != LATE:
            self._silent[member] = wall - SILENT_AFTER * self._interval
        self._dirty.add(member)
        self._gone.discard(member)
        return earlier is not None

    def _depart(self, member: int, reason: str, now: float, wall: float, unseen: bool = False) -> None:
        entry = self._entries.pop(member)
        likeness = likeness_of(entry)
        row = self._row(member, entry)._replace(state=reason, went=wall, own=False)
        self._arrived.pop(member, None)
        self._silent.pop(member, None)
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
        """A line in the diary about this program itself. ``wall`` is Unix time."""
        self.diary.note(wall, CONNECTION, text)

    def _note(self, wall: float, text: str) -> None:
        self.diary.note(wall, PEOPLE, text)

    # --- everything out ---------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many members the last known roster has."""
        return len(self._entries)

    @property
    def here(self) -> int:
        """How many of them answer."""
        return len(self._entries) - len(self._silent)

    @property
    def is_running(self) -> bool:
        """True while a client works for us, connected or trying."""
        return self.phase in (CONNECTING, CONNECTED, RECONNECTING)

    @property
    def own(self) -> Optional[Row]:
        """Our own row, where the server says which it is."""
        entry = self._entries.get(self._own_id) if self._own_id is not None else None
        return None if entry is None or self._own_id is None else self._row(self._own_id, entry)

    def rows(self) -> Dict[int, Row]:
        """Who is in the roster, by the server's ids."""
        return {member - self._base: self._row(member, entry) for member, entry in self._entries.items()}

    def all_rows(self) -> List[Row]:
        """Who is in the roster, and who went and is still shown."""
        return [*self.rows().values(), *(departed.row for departed in self._departed.values())]

    def server_id(self, row: int) -> int:
        """The id by which the server knows the member of that row."""
        return row - self._base

    def is_own(self, member: int) -> bool:
        """True if the server knows us by that id."""
        return self._own_id == self._base + member

    def accepted(self, address: str) -> str:
        """The fingerprint of the server at this address that a code is typed for after a warning; empty for none."""
        needed = self.code_needed
        return needed.fingerprint if needed is not None and needed.warning and needed.address == address else ""

    def round_trip(self) -> Optional[float]:
        """Seconds of the last heartbeat that was answered, while we are connected."""
        if self.phase != CONNECTED:
            return None
        return next((beat.seconds for beat in reversed(self.beats) if beat.seconds is not None), None)

    def others(self) -> List[str]:
        """The names of those who are in the roster beside us."""
        return [shown_name(entry) for member, entry in self._entries.items() if member != self._own_id]

    def take_changes(self) -> Changes:
        """Rows that changed since the last call. Cheap when nothing did."""
        if not self._dirty and not self._gone:
            return Changes([], [])
        self.changed += 1
        shown = [self._row(member, self._entries[member]) for member in self._dirty if member in self._entries]
        shown += [self._departed[member].row for member in self._dirty if member in self._departed]
        gone, moved = sorted(self._gone), self._moved
        self._dirty.clear()
        self._gone.clear()
        self._moved = {}
        return Changes(shown, gone, moved)

    def _row(self, member: int, entry: Entry) -> Row:
        arrived = self._started + entry.since if self._started is not None else self._arrived[member]
        observed = entry.observed_ip
        address = str(Address(entry.ip, entry.port))
        if observed and observed != entry.ip:
            address += f" (seen as {observed})"
        state = entry.state if self.phase == CONNECTED else UNKNOWN
        own = member == self._own_id
        silent = self._silent.get(member) if state == LATE else None
        return Row(
            member, shown_name(entry), entry.ip, entry.port, address, state, own, arrived, None, silent, entry.role
        )
