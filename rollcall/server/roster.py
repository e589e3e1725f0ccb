"""Who is present, until when, and what changed since a revision.

The roster is the heart of the server and knows nothing of sockets, threads or wall time. It owns the last-seen
dict and its one lock. Handler threads call `open`, `register`, `renew` and `remove`; the sweeper thread calls
`sweep`; the publisher thread calls `view`. Every method decides under the lock and returns
what is to be done; the caller does it afterwards.

A *session* is one connection; a *member* is one row of the roster. A session has a *lease*: until its registration
deadline while it is unregistered, and afterwards until the timeout of its protocol version after its last message. A
heartbeat is one dict store; the heap of deadlines is not touched. An entry of the heap is looked at when it comes up:
if the session has been heard of since, the entry moves to the new deadline. So a sweep costs what is due, not what is
connected.

A member that comes back gets a new session and keeps its row. It is known by its resume token or by its *instance*,
the random number of one run of a client. The order in which calls are read is not the order in which they were made:
a call that its client has given up on may lie in the listen queue and be read after the newer one. So each call of an
instance carries its number, and one that is older than what was seen takes no row.

Time is the monotonic clock, injected, in seconds. When this process did not run for a while (suspended, stopped,
starved: the sweeper notices and says for how long) every lease is extended by as much, and by one heartbeat interval
for the messages that wait in the sockets. Our own pause is nobody's absence.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Callable, Deque, Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from protocol import HERE, LATE, LOST, Departure, Entry
from rollcall.server.departed import Departed
from rollcall.server.instances import Instances
from rollcall.server.members import Caller, Changes, Expired, Joined, Known, Snapshot, Sweep
from rollcall.server.seats import RosterFull, Seats
from rollcall.server.tokens import Tokens
from rollcall.wire.clock import monotonic
from rollcall.wire.messages import MEMBER

LATE_AFTER = 1.5
"""A member is late after this many heartbeat intervals without a message."""

VERSION_1_INTERVAL = 60.0
"""Seconds between two pings of a version 1 client, whatever the server says. With a lease of less than twice that, half
of the lease is taken for it."""

SWEEP_BATCH = 500
"""Leases that one sweep looks at under the lock, so that a mass expiry never holds up the heartbeats."""

RENEWED, RETURNED, GONE = 0, 1, 2
"""What `Roster.renew` found: all as it was; a late member is back (a roster change); no such session any more."""


class _Lease(NamedTuple):
    """How long a session may be silent, in seconds; ``interval`` is how often it is expected to beat."""

    interval: float
    late_after: float
    timeout: float


@dataclass
class _Session:
    __slots__ = ("id", "lease", "member_id", "queued_at")
    id: int
    lease: _Lease
    member_id: Optional[int]
    queued_at: float  # the deadline of its one valid heap entry; any other entry of this session is stale


@dataclass
class _Member:
    __slots__ = ("device_id", "entry", "instance", "session_id")
    entry: Entry
    session_id: int
    instance: str
    device_id: str


class Roster:
    """The members of one server run, their leases and the history of changes. Thread-safe.

    All times are seconds. ``max_clients`` bounds the members, ``max_per_address`` those that come from one address (0
    is no limit), and `TEACHERS` those who are none of the class; a connection takes a seat when it registers, not
    before. ``version_1_timeout`` is the lease of version 1 clients, which beat every `VERSION_1_INTERVAL`.
    """

    def __init__(
        self,
        *,
        max_clients: int = 100,
        max_per_address: int = 0,
        heartbeat_interval: float = 60.0,
        connection_timeout: float = 120.0,
        version_1_timeout: float = 150.0,
        registration_timeout: float = 5.0,
        clock: Callable[[], float] = monotonic,
        tokens: Optional[Tokens] = None,
    ) -> None:
        interval_1 = min(VERSION_1_INTERVAL, version_1_timeout / 2)
        self._leases = {
            0: _Lease(min(heartbeat_interval, registration_timeout), registration_timeout, registration_timeout),
            1: _Lease(interval_1, LATE_AFTER * interval_1, version_1_timeout),
            2: _Lease(heartbeat_interval, LATE_AFTER * heartbeat_interval, connection_timeout),
        }
        self._clock = clock
        self._tokens = Tokens() if tokens is None else tokens
        self._started = clock()

        # One lock for everything below: all of it changes together. It is held for a few dict operations only;
        # the heartbeat path takes no other lock of the roster.
        self._lock = threading.Lock()
        self._last_seen: Dict[int, float] = {}
        self._late: Set[int] = set()
        self._sessions: Dict[int, _Session] = {}
        self._members: Dict[int, _Member] = {}
        self._deadlines: List[Tuple[float, int]] = []
        # What `_last_seen` was when a session got an extra interval: as long as it is the same, it gets no other.
        self._extended: Dict[int, float] = {}
        self._instances = Instances(max_clients)
        self._seats = Seats(max_clients, max_per_address)
        self._gone = Departed()
        self._next_member = 1
        # To be read without the lock, too: one word, and a stale value is only an older truth. No properties: every
        # pong tells the revision.
        self.rev = 0
        """The revision: how often the roster has changed since the start. To be read only."""
        self.list_rev = 0
        """The revision at which somebody last came or went; states alone do not count. To be read only."""
        # The member that changed at revision rev - len + 1 + index, with the reason if it went.
        self._log: Deque[Tuple[int, Optional[str]]] = deque(maxlen=max(1024, max_clients))

    def __len__(self) -> int:
        """The number of members; read without the lock."""
        return len(self._members)

    # --- the life of a session ------------------------------------------------------------------------------

    def open(self, session_id: int) -> float:
        """A connection was accepted: lease it until the registration deadline, which is returned."""
        with self._lock:
            now = self._clock()
            lease = self._leases[0]
            deadline = now + lease.timeout
            self._sessions[session_id] = _Session(session_id, lease, None, deadline)
            self._last_seen[session_id] = now
            heapq.heappush(self._deadlines, (deadline, session_id))
        return deadline

    def register(self, session_id: int, caller: Caller) -> Optional[Joined]:
        """Make a member of an open session, or give it back the row of its instance or of its token.

        Returns None if the session is to end without a word: its registration deadline was first, or its client has
        called again since and that call was read before this one. Raises `RosterFull`; the session is removed then.
        """
        token = caller.resume_token
        by_token = None if token is None else self._tokens.member_of(token, caller.device_id)
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.member_id is not None:
                return None
            known, newest = self._instances.newest(caller.instance)
            if caller.attempt < newest:
                self._drop_session_locked(session_id)
                return None
            member_id = by_token if known is None else known
            resumed = member_id is not None
            older = self._members.get(member_id) if member_id is not None else None
            if older is None or (older.entry.role == MEMBER) != (caller.role == MEMBER):
                full = self._seats.missing(caller.role, caller.observed_ip)
                if full:
                    self._drop_session_locked(session_id)
                    self._instances.refused(caller.instance, caller.attempt)
                    raise RosterFull(full)
            if older is not None:
                self._drop_session_locked(older.session_id)
                self._forget_locked(older)
            if member_id is None:
                member_id = self._next_member
                self._next_member += 1
            entry = self._seat_locked(session, member_id, caller, older)
        token, late_after = self._tokens.of(member_id, caller.device_id), session.lease.late_after
        return Joined(entry, token, late_after, older.session_id if older is not None else None, resumed)

    def renew(self, session_id: int, now: float) -> int:
        """A valid message came at monotonic time ``now``: renew the lease.

        Returns `RENEWED`, `RETURNED` or `GONE`. This is the hot path: every heartbeat passes here.
        """
        with self._lock:
            if session_id not in self._last_seen:
                return GONE
            self._last_seen[session_id] = now
            if session_id not in self._late:
                return RENEWED
            self._late.discard(session_id)
            session = self._sessions[session_id]
            self._set_state_locked(session, HERE)
            # Its entry in the heap stands at the timeout; late comes earlier than that.
            self._queue_locked(session, now + session.lease.late_after)
            return RETURNED

    def is_late(self, session_id: int) -> bool:
        """True for a member that has not been heard of for longer than it should."""
        with self._lock:
            return session_id in self._late

    def remove(self, session_id: int, reason: str) -> Optional[Entry]:
        """End a session; its member goes with ``reason``. Whoever comes first gets the entry, the others None.

        A late end of an old session cannot remove the member's new one: that has another session id.
        """
        with self._lock:
            return self._remove_locked(session_id, reason)

    def known_as(self, member_id: int) -> Optional[Known]:
        """By what a member that is here would be known again."""
        with self._lock:
            member = self._members.get(member_id)
        if member is None:
            return None
        token = self._tokens.of(member_id, member.device_id)
        return Known(member.session_id, member.entry, member.instance, member.device_id, token)

    def drop_unregistered(self, session_id: int) -> bool:
        """End a session that is no member's, or has ended already. False if it is a member's, and nothing is done."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None and session.member_id is not None:
                return False
            self._drop_session_locked(session_id)
            return True

    def sweep(self, paused: float = 0.0, now: Optional[float] = None) -> Sweep:
        """Look at the leases that are due: mark the late, remove the expired, move the renewed. ``paused`` is how many
        seconds this process did not run until ``now``: all leases are extended first. A pause after that moment, such
        as one in which this very thread waits for the lock, is for the next sweep to know of."""
        expired: List[Expired] = []
        late: List[Tuple[int, float]] = []
        with self._lock:
            if now is None:
                now = self._clock()
            before = self.rev
            if paused > 0.0:
                self._extend_locked(now, paused)
            for _ in range(SWEEP_BATCH):
                if not self._deadlines or self._deadlines[0][0] > now:
                    break
                deadline, session_id = heapq.heappop(self._deadlines)
                session = self._sessions.get(session_id)
                if session is None or session.queued_at != deadline:
                    continue
                seen, lease = self._last_seen[session_id], session.lease
                is_late = session_id in self._late
                due = seen + (lease.timeout if is_late else lease.late_after)
                if due <= now and session.member_id is not None and not is_late:
                    self._late.add(session_id)
                    self._set_state_locked(session, LATE)
                    late.append((session.member_id, now - seen))
                    due = seen + lease.timeout
                if due <= now:
                    expired.append(Expired(session_id, self._remove_locked(session_id, LOST), now - seen))
                else:
                    self._queue_locked(session, due)
            next_due = self._deadlines[0][0] if self._deadlines else None
            changed = self.rev != before
        return Sweep(expired, changed, next_due, late, paused)

    # --- what the publisher needs ---------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everyone, in the order of arrival."""
        with self._lock:
            return self._snapshot_locked()

    def view(self, seen: Iterable[int], whole: bool) -> Tuple[Optional[Snapshot], Dict[int, Optional[Changes]]]:
        """One moment for all: what leads from each of these revisions to now, as `changes_since` has it, and everyone,
        if ``whole`` or if there is a revision from which nothing leads."""
        with self._lock:
            changes = {rev: self._changes_locked(rev) for rev in seen}
            return self._snapshot_locked() if whole or None in changes.values() else None, changes

    def expire_gone(self, now: float) -> bool:
        """Forget who went long ago. True if there was somebody, so that fewer are gone now."""
        with self._lock:
            return self._gone.expire(now)

    @property
    def next_gone_end(self) -> Optional[float]:
        """When `expire_gone` has something to do (monotonic); None for never, as far as is known."""
        with self._lock:
            return self._gone.next_end

    def changes_since(self, rev: int) -> Optional[Changes]:
        """What changed after revision ``rev``, each member once, as it is now.

        None if the history does not reach back that far or a snapshot would be shorter. Somebody who came and went in
        between is in ``down`` although the reader never knew it; that is harmless.
        """
        with self._lock:
            return self._changes_locked(rev)

    # --- the caller holds the lock ----------------------------------------------------------------------------

    def _snapshot_locked(self) -> Snapshot:
        return Snapshot(self.rev, [member.entry for member in self._members.values()], len(self._gone))

    def _changes_locked(self, rev: int) -> Optional[Changes]:
        count = self.rev - rev
        if not 0 <= count <= len(self._log) or count > 2 * len(self._members) + 16:
            return None
        start = len(self._log) - count
        last: Dict[int, Optional[str]] = {}
        for index in range(start, len(self._log)) if count < 64 else ():
            member_id, reason = self._log[index]
            last[member_id] = reason
        if count >= 64:  # a deque is slow in its middle; one copy is cheaper then
            last.update(list(self._log)[start:])
        up = [self._members[member_id].entry for member_id, reason in last.items() if reason is None]
        down = [Departure(member_id, reason) for member_id, reason in last.items() if reason is not None]
        return Changes(self.rev, up, down)

    def _seat_locked(self, session: _Session, member_id: int, caller: Caller, older: Optional[_Member]) -> Entry:
        """Make ``session`` that of the member, whose row begins or goes on."""
        now = self._clock()
        since = older.entry.since if older is not None else int(now - self._started)
        # One text where the two are equal, which they mostly are.
        ip = caller.observed_ip if caller.ip == caller.observed_ip else caller.ip
        entry = Entry(ip, caller.port, member_id, caller.name, caller.observed_ip, since, HERE, caller.role)
        session.member_id = member_id
        session.lease = self._leases[caller.version]
        self._members[member_id] = _Member(entry, session.id, caller.instance, caller.device_id)
        self._instances.came(caller.instance, member_id, caller.attempt)
        self._seats.take(caller.role, caller.observed_ip)
        if older is None:
            self._gone.came(entry)
        else:
            self._gone.changed(older.entry, entry)
        self._last_seen[session.id] = now
        deadline = now + session.lease.late_after
        if deadline < session.queued_at:
            self._queue_locked(session, deadline)
        self._change_locked(member_id, None, listed=True)
        return entry

    def _forget_locked(self, member: _Member) -> None:
        """This member's row ends or is taken over: the tables that find it by something else forget it."""
        self._instances.went(member.instance)
        self._seats.give_back(member.entry.role, member.entry.observed_ip)

    def _queue_locked(self, session: _Session, deadline: float) -> None:
        session.queued_at = deadline
        heapq.heappush(self._deadlines, (deadline, session.id))

    def _extend_locked(self, now: float, paused: float) -> None:
        """Nobody is blamed for a pause of ours: each lease is longer by it, and by one interval for what waits in the
        socket. The interval comes once in each silence, so that many pauses do not keep somebody who has gone."""
        extended: Dict[int, float] = {}
        for session_id, session in self._sessions.items():
            seen = self._last_seen[session_id]
            extra = 0.0 if self._extended.get(session_id) == seen else session.lease.interval
            # Never more than the whole lease: whoever was heard of after the pause lost nothing by it.
            extended[session_id] = self._last_seen[session_id] = min(seen + paused + extra, max(seen, now))
        self._extended = extended

    def _remove_locked(self, session_id: int, reason: str) -> Optional[Entry]:
        session = self._drop_session_locked(session_id)
        if session is None or session.member_id is None:
            return None
        member = self._members.pop(session.member_id)
        self._forget_locked(member)
        self._gone.went(member.entry, self._clock())
        self._change_locked(session.member_id, reason, listed=True)
        return member.entry

    def _drop_session_locked(self, session_id: int) -> Optional[_Session]:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            del self._last_seen[session_id]
            self._late.discard(session_id)
            self._extended.pop(session_id, None)
        return session

    def _set_state_locked(self, session: _Session, state: str) -> None:
        assert session.member_id is not None
        member = self._members[session.member_id]
        member.entry = replace(member.entry, state=state)
        self._change_locked(session.member_id, None, listed=False)

    def _change_locked(self, member_id: int, reason: Optional[str], listed: bool) -> None:
        self.rev += 1
        self._log.append((member_id, reason))
        if listed:
            self.list_rev = self.rev
