"""Who is in the roster, and who went: as rows that are to be shown. No widgets, and nothing of the connection.

`Members` takes what the server says of people and keeps a `Row` for each. After the events of a turn the window takes
what changed: `take_changes` gives the rows to show and the ids to take away since it last asked, so that a delta of one
row costs one row. A member that went stays for `GONE_FOR` as a row that says how and when: a teacher wants to see who
has just dropped out. Only its own return takes that row away: the same id, or the same likeness (see ``likeness.py`` in
``rollcall/wire``).

Rows are known by ``base`` plus the member's id: a server that starts again gives the same ids to other people. ``now``
is the monotonic clock in seconds, ``wall`` is Unix time. Plain state for one thread, as the model that owns it.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

from protocol import KICKED, LATE, LEFT, LOST, REPLACED, Entry
from rollcall.client import events
from rollcall.wire.address import Address
from rollcall.wire.fields import MAX_INTEGER
from rollcall.wire.likeness import GONE_FOR, MAX_GONE, Likeness, Likenesses, likeness_of
from rollcall.wire.messages import MEMBER

UNKNOWN, VANISHED = "unknown", "gone"
"""States beside those of the protocol: we have no connection; it went while we did not see it."""

WENT: Dict[str, str] = {LEFT: "left", LOST: "lost the connection", KICKED: "was removed", REPLACED: "is elsewhere now"}
"""How somebody went, behind the name."""

SILENT_AFTER = 1.5
"""Intervals without a message after which the server calls a member late."""


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


class _Departed(NamedTuple):
    row: Row
    until: float
    likeness: Likeness


def shown_name(entry: Entry) -> str:
    """The name, or a dash: the original system has none."""
    return entry.name or "–"


class Members:
    """Those of one server. ``is_fresh``: we are connected, and what is known is so."""

    def __init__(self) -> None:
        self.changed = 0
        """Goes up whenever people have changed."""
        self.base = 0
        self.own_id: Optional[int] = None
        """The row that is ourselves."""
        self.is_fresh = False
        self._started: Optional[float] = None  # when the server started, by our clock
        self._interval = 0.0
        self._entries: Dict[int, Entry] = {}
        self._rows: Dict[int, Row] = {}  # of those, as far as they have been asked for and are still right
        self._departed: Dict[int, _Departed] = {}  # in the order in which they went
        self._alike = Likenesses()  # of all who are in one of these two
        self._arrived: Dict[int, float] = {}
        self._silent: Dict[int, float] = {}  # since when, of those who are late
        self._dirty: Set[int] = set()
        self._gone: Set[int] = set()
        self._moved: Dict[int, int] = {}

    # --- what happens -----------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Another server: what was known of this one's people goes."""
        self._gone |= self._entries.keys() | self._departed.keys()
        self._entries, self._rows, self._departed, self._arrived, self._silent = {}, {}, {}, {}, {}
        self._alike = Likenesses()
        self._dirty.clear()

    def begin_anew(self, now: float, wall: float) -> None:
        """The server has started again, or gives out its ids anew: who was here may be anybody."""
        for member in list(self._entries):
            self._depart(member, VANISHED, now, wall, unseen=True)
        self.base += MAX_INTEGER

    def connected(self, own: Optional[int], started: Optional[float], interval: float) -> None:
        """We are ``own`` there, where the server says so; it ``started`` then (Unix time), and expects a message each
        ``interval`` seconds."""
        self.own_id = None if own is None else self.base + own
        self._started, self._interval = started, interval
        self._all_dirty()

    def be_fresh(self, is_fresh: bool) -> None:
        """The connection has come, or gone: fresh rows become stale, or the other way round."""
        if is_fresh != self.is_fresh:
            self.is_fresh = is_fresh
            self._all_dirty()

    def shift(self, step: float) -> None:
        """Somebody has set the clock by so many seconds: everything that was noted by it moves along."""
        if self._started is not None:
            self._started += step
        self._arrived = {member: arrived + step for member, arrived in self._arrived.items()}
        self._silent = {member: since + step for member, since in self._silent.items()}
        for member, departed in self._departed.items():
            row = departed.row
            row = row._replace(arrived=row.arrived + step, went=None if row.went is None else row.went + step)
            self._departed[member] = departed._replace(row=row)
        self._all_dirty()
        self._dirty |= self._departed.keys()

    def replace(self, entries: Tuple[Entry, ...], now: float, wall: float) -> List[str]:
        """The whole roster is this. Returns the lines about it for the diary."""
        new = {self.base + entry.id: entry for entry in entries}
        anew, said = not self._entries, []
        for member in self._entries.keys() - new.keys():
            said.append(f"{self._entries[member].label} went while we were away")
            self._depart(member, VANISHED, now, wall)
        for member, entry in new.items():
            known = self._entries.get(member)
            if known != entry:
                back = self._appear(member, entry, wall)
                if known is None and member != self.own_id:
                    said.append(f"{entry.label} {'was here' if anew and not back else 'came meanwhile'}")
        return said

    def update(self, event: events.RosterUpdated, now: float, wall: float) -> List[str]:
        """What has changed in it. Returns the lines about that for the diary."""
        said: List[str] = []
        for entry in event.up:
            member = self.base + entry.id
            known = self._entries.get(member)
            self._appear(member, entry, wall)
            if known is None:
                said.append(f"{entry.label} joined")
            elif known.state != entry.state:
                said.append(f"{entry.label} {'does not answer' if entry.state == LATE else 'is back'}")
        for gone in event.down:
            member = self.base + gone.id
            known = self._entries.get(member)
            if known is not None:
                said.append(f"{known.label} {WENT.get(gone.reason, f'was {gone.reason}')}")
                self._depart(member, gone.reason, now, wall)
        return said

    def expire(self, now: float) -> None:
        """Take away who went `GONE_FOR` ago."""
        while self._departed:
            member, departed = next(iter(self._departed.items()))
            if departed.until > now:
                return
            self._forget(member)

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
        self._rows.pop(member, None)
        self._gone.discard(member)
        return earlier is not None

    def _depart(self, member: int, reason: str, now: float, wall: float, unseen: bool = False) -> None:
        row = self._row(member)._replace(state=reason, went=wall, own=False)
        likeness = likeness_of(self._entries.pop(member))
        self._rows.pop(member, None)
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

    def _all_dirty(self) -> None:
        self._rows.clear()
        self._dirty |= self._entries.keys()

    # --- what there is ----------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many the last known roster has."""
        return len(self._entries)

    @property
    def here(self) -> int:
        """How many of them answer."""
        return len(self._entries) - len(self._silent)

    @property
    def own(self) -> Optional[Row]:
        """Our own row, where the server says which it is."""
        return self._row(self.own_id) if self.own_id in self._entries and self.own_id is not None else None

    def rows(self) -> Dict[int, Row]:
        """Who is in the roster, by the server's ids."""
        return {member - self.base: self._row(member) for member in self._entries}

    def all_rows(self) -> List[Row]:
        """Who is in the roster, and who went and is still shown."""
        return [*map(self._row, self._entries), *(departed.row for departed in self._departed.values())]

    def others(self) -> List[str]:
        """The names of those who are in the roster beside us."""
        return [shown_name(entry) for member, entry in self._entries.items() if member != self.own_id]

    def take_changes(self) -> Changes:
        """Rows that changed since the last call. Cheap when nothing did."""
        if not self._dirty and not self._gone:
            return Changes([], [])
        self.changed += 1
        shown = [self._row(member) for member in self._dirty if member in self._entries]
        shown += [self._departed[member].row for member in self._dirty if member in self._departed]
        gone, moved = sorted(self._gone), self._moved
        self._dirty.clear()
        self._gone.clear()
        self._moved = {}
        return Changes(shown, gone, moved)

    def _row(self, member: int) -> Row:
        row = self._rows.get(member)
        if row is None:
            row = self._rows[member] = self._new_row(member, self._entries[member])
        return row

    def _new_row(self, member: int, entry: Entry) -> Row:
        arrived = self._started + entry.since if self._started is not None else self._arrived[member]
        observed = entry.observed_ip
        address = str(Address(entry.ip, entry.port))
        if observed and observed != entry.ip:
            address += f" (seen as {observed})"
        state = entry.state if self.is_fresh else UNKNOWN
        silent = self._silent.get(member) if state == LATE else None
        own = member == self.own_id
        return Row(
            member, shown_name(entry), entry.ip, entry.port, address, state, own, arrived, None, silent, entry.role
        )
