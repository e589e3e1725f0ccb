"""Everything that the window knows, without a window: events in; rows, the connection, round trips and diary out.

`ClientModel` is plain state for one thread, the one that shows it. It knows no widgets and starts nothing, so that a
test can play a whole lesson through it in a millisecond. ``now`` is the monotonic clock in seconds, ``wall`` is Unix
time; both come in as arguments.

It has the connection, the beats and the diary itself; who is in the roster and who went is in ``members.py``. How it is
said is in ``words.py``, what is shown of people in ``people.py``.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Deque, Dict, List, Optional

from rollcall.client import events
from rollcall.client.events import Event
from rollcall.window.diary import CONNECTION, PEOPLE, Diary
from rollcall.window.members import Changes, Members, Row
from rollcall.wire.messages import MEMBER
from rollcall.wire.text import counted

OFFLINE, CONNECTING, CONNECTED, RECONNECTING, REFUSED = "offline", "connecting", "connected", "reconnecting", "refused"

BEATS = 120
"""Heartbeats whose round trips are kept."""

CLOCK_STEP = 0.5
"""Seconds by which the wall clock must jump to count as set; what a time server corrects bit by bit is less."""


class Beat:
    """One heartbeat; ``seconds`` is its round trip, None as long as, or if it is never, answered."""

    __slots__ = ("seconds", "seq")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.seconds: Optional[float] = None


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
        self._members = Members()
        self.beats: Deque[Beat] = deque(maxlen=BEATS)
        self.beaten = 0  # changes with every beat and every answer
        self._epoch: Optional[str] = None
        self._anew = False  # a client has begun of which we know no ids yet
        self._met = False  # this connection has brought its list
        self._offset: Optional[float] = None  # of the wall clock to the monotonic one, when we last looked
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
            self._members.clear()
            self._epoch = None
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
        if abs(step) >= CLOCK_STEP:
            self._members.shift(step)

    # --- events in --------------------------------------------------------------------------------------------

    def apply(self, event: Event, now: float, wall: float) -> None:
        """Take one event of the client."""
        if isinstance(event, events.RosterReplaced):
            self._replace(event, now, wall)
        elif isinstance(event, events.RosterUpdated):
            self._note(wall, self._members.update(event, now, wall))
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
            self._members.begin_anew(now, wall)
            self._epoch = epoch
        self._anew = self._met = False
        self.server_name = welcome.server_name if welcome else ""
        self.role = welcome.role if welcome else MEMBER
        started: Optional[float] = None if welcome is None else welcome.started
        if welcome is not None and welcome.uptime is not None:
            started = wall - welcome.uptime  # not every laptop knows what time it is
        self._members.connected(welcome.member_id if welcome else None, started, event.heartbeat_interval)
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

    def _replace(self, event: events.RosterReplaced, now: float, wall: float) -> None:
        self._note(wall, self._members.replace(event.entries, now, wall))
        if not self._met:
            self._met = True
            self._note(wall, [f"{counted(len(event.entries), 'person')} here".replace("persons", "people")])

    def expire(self, now: float) -> None:
        """Take away who went a while ago."""
        self._members.expire(now)

    def _set_phase(self, phase: str) -> None:
        self._members.be_fresh(phase == CONNECTED)
        self.phase = phase

    def note(self, wall: float, text: str) -> None:
        """A line in the diary about this program itself. ``wall`` is Unix time."""
        self.diary.note(wall, CONNECTION, text)

    def _note(self, wall: float, lines: List[str]) -> None:
        for line in lines:
            self.diary.note(wall, PEOPLE, line)

    # --- everything out ---------------------------------------------------------------------------------------

    @property
    def changed(self) -> int:
        """Goes up whenever people have changed."""
        return self._members.changed

    @property
    def count(self) -> int:
        """How many members the last known roster has."""
        return self._members.count

    @property
    def here(self) -> int:
        """How many of them answer."""
        return self._members.here

    @property
    def is_running(self) -> bool:
        """True while a client works for us, connected or trying."""
        return self.phase in (CONNECTING, CONNECTED, RECONNECTING)

    @property
    def own(self) -> Optional[Row]:
        """Our own row, where the server says which it is."""
        return self._members.own

    def rows(self) -> Dict[int, Row]:
        """Who is in the roster, by the server's ids."""
        return self._members.rows()

    def all_rows(self) -> List[Row]:
        """Who is in the roster, and who went and is still shown."""
        return self._members.all_rows()

    def server_id(self, row: int) -> int:
        """The id by which the server knows the member of that row."""
        return row - self._members.base

    def is_own(self, member: int) -> bool:
        """True if the server knows us by that id."""
        return self._members.own_id == self._members.base + member

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
        return self._members.others()

    def take_changes(self) -> Changes:
        """Rows that changed since the last call. Cheap when nothing did."""
        return self._members.take_changes()
