"""Who is present, until when, and what changed since a revision.

The roster is the heart of the server and knows nothing of sockets, threads or wall time. It owns the last-seen
dict and its one lock. Handler threads call `open`, `register`, `renew` and `remove`; the sweeper thread calls
`sweep`; the publisher thread calls `snapshot` and `changes_since`. Every method decides under the lock and returns
what is to be done; the caller does it afterwards.

A *session* is one connection; a *member* is one row of the roster. A member that comes back with its resume
token gets a new session and keeps its row. A session has a *lease*: until its registration deadline while it is
unregistered, and afterwards until ``connection_timeout`` after its last message. A heartbeat is one dict store;
the heap of deadlines is not touched. An entry of the heap is looked at when it comes up: if the session has
been heard of since, the entry moves to the new deadline. So a sweep costs what is due, not what is connected.

Time is the monotonic clock, injected, in seconds. If a deadline is found to have passed long ago, then it was this
process that slept (suspended, stopped, starved): every lease is extended by as much, and by one heartbeat
interval for the messages that wait in the sockets. Our own pause is nobody's absence.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import hmac
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Set, Tuple

from protocol import HERE, LATE, LOST, Departure, Entry

LATE_AFTER = 1.5
"""A member is late after this many heartbeat intervals without a message."""

PAUSE = 0.5
"""Seconds: a sweep that comes this much too late tells of a pause of our own process."""

SWEEP_BATCH = 500
"""Leases that one sweep looks at under the lock, so that a mass expiry never holds up the heartbeats."""

RENEWED, RETURNED, GONE = 0, 1, 2
"""What `Roster.renew` found: all as it was; a late member is back (a roster change); no such session any more."""


class RosterFull(Exception):
    """All seats are taken by members and by connections that came earlier."""


class Joined(NamedTuple):
    """The outcome of `Roster.register`. ``deadline`` is when the new lease is due (monotonic seconds);
    ``replaced`` is the session that this one took over from."""

    entry: Entry
    resume_token: str
    deadline: float
    replaced: Optional[int]


class Expired(NamedTuple):
    """A session whose lease ran out. ``entry`` is None if it had never registered."""

    session_id: int
    entry: Optional[Entry]
    silent_for: float


class Sweep(NamedTuple):
    """The outcome of `Roster.sweep`. ``next_due`` is monotonic seconds, None when there is no lease at all;
    ``extended`` is how many seconds all leases were extended by."""

    expired: List[Expired]
    changed: bool
    next_due: Optional[float]
    extended: float


class Snapshot(NamedTuple):
    """The whole roster at revision ``rev``."""

    rev: int
    entries: List[Entry]


class Changes(NamedTuple):
    """What leads from an earlier revision to ``rev``."""

    rev: int
    up: List[Entry]
    down: List[Departure]


@dataclass
class _Session:
    __slots__ = ("id", "member_id", "queued_at", "seated")
    id: int
    member_id: Optional[int]
    queued_at: float  # the deadline of its one valid heap entry; any other entry of this session is stale
    seated: bool


@dataclass
class _Member:
    __slots__ = ("entry", "session_id")
    entry: Entry
    session_id: int


class Roster:
    """The members of one server run, their leases and the history of changes. Thread-safe.

    All times are seconds. ``max_clients`` bounds members together with connections that have not registered yet:
    each connection takes a seat when it opens, as long as there is one. One that found none may still register if a
    seat came free, or if it takes over its own older session.
    """

    def __init__(
        self,
        *,
        max_clients: int = 100,
        heartbeat_interval: float = 60.0,
        connection_timeout: float = 120.0,
        registration_timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        token_key: Optional[bytes] = None,
    ) -> None:
        self._max_clients = max_clients
        self._interval = heartbeat_interval
        self._late_after = LATE_AFTER * heartbeat_interval
        self._timeout = connection_timeout
        self._registration_timeout = registration_timeout
        self._pause = min(PAUSE, heartbeat_interval / 2)
        self._clock = clock
        self._token_key = secrets.token_bytes(32) if token_key is None else token_key
        self._started = clock()

        # One lock for everything below: all of it changes together. It is held for a few dict operations only;
        # the heartbeat path takes no other lock of the roster.
        self._lock = threading.Lock()
        self._last_seen: Dict[int, float] = {}
        self._late: Set[int] = set()
        self._sessions: Dict[int, _Session] = {}
        self._members: Dict[int, _Member] = {}
        self._deadlines: List[Tuple[float, int]] = []
        self._unfinished = False  # the last sweep left something that was due
        self._seats_taken = 0
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
            deadline = now + self._registration_timeout
            session = _Session(session_id, None, deadline, self._seats_taken < self._max_clients)
            self._seats_taken += session.seated
            self._sessions[session_id] = session
            self._last_seen[session_id] = now
            heapq.heappush(self._deadlines, (deadline, session_id))
        return deadline

    def register(
        self, session_id: int, name: str, ip: str, port: int, observed_ip: str, resume_token: Optional[str] = None
    ) -> Optional[Joined]:
        """Make a member of an open session, or give it back the row that its token stands for.

        Returns None if the session is gone (its registration deadline was first). Raises `RosterFull`; the session
        is removed then.
        """
        member_id = None if resume_token is None else self._member_of(resume_token)
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None or session.member_id is not None:
                return None
            older = self._members.get(member_id) if member_id is not None else None
            if older is not None:
                self._drop_session_locked(older.session_id)
            if not session.seated and self._seats_taken >= self._max_clients:
                self._drop_session_locked(session_id)
                raise RosterFull
            if not session.seated:
                session.seated = True
                self._seats_taken += 1
            if member_id is None:
                member_id = self._next_member
                self._next_member += 1
            now = self._clock()
            since = older.entry.since if older is not None else int(now - self._started)
            # One text where the two are equal, which they mostly are.
            entry = Entry(observed_ip if ip == observed_ip else ip, port, member_id, name, observed_ip, since)
            session.member_id = member_id
            self._members[member_id] = _Member(entry, session_id)
            self._last_seen[session_id] = now
            deadline = now + self._late_after
            if deadline < session.queued_at:
                self._queue_locked(session, deadline)
            self._change_locked(member_id, None, listed=True)
        return Joined(entry, self._token_of(member_id), deadline, older.session_id if older is not None else None)

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
            self._queue_locked(session, now + self._late_after)
            return RETURNED

    def remove(self, session_id: int, reason: str) -> Optional[Entry]:
        """End a session; its member goes with ``reason``. Whoever comes first gets the entry, the others None.

        A late end of an old session cannot remove the member's new one: that has another session id.
        """
        with self._lock:
            return self._remove_locked(session_id, reason)

    def sweep(self) -> Sweep:
        """Look at the leases that are due: mark the late, remove the expired, move the renewed."""
        expired: List[Expired] = []
        with self._lock:
            now = self._clock()
            before = self.rev
            extended = self._extend_locked(now)
            for _ in range(SWEEP_BATCH):
                if not self._deadlines or self._deadlines[0][0] > now:
                    break
                deadline, session_id = heapq.heappop(self._deadlines)
                session = self._sessions.get(session_id)
                if session is None or session.queued_at != deadline:
                    continue
                seen = self._last_seen[session_id]
                due = seen + self._lease_locked(session)
                if due <= now and session.member_id is not None and session_id not in self._late:
                    self._late.add(session_id)
                    self._set_state_locked(session, LATE)
                    due = seen + self._timeout
                if due <= now:
                    expired.append(Expired(session_id, self._remove_locked(session_id, LOST), now - seen))
                else:
                    self._queue_locked(session, due)
            next_due = self._deadlines[0][0] if self._deadlines else None
            self._unfinished = next_due is not None and next_due <= now
            changed = self.rev != before
        return Sweep(expired, changed, next_due, extended)

    # --- what the publisher needs ---------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everyone, in the order of arrival."""
        with self._lock:
            return Snapshot(self.rev, [member.entry for member in self._members.values()])

    def changes_since(self, rev: int) -> Optional[Changes]:
        """What changed after revision ``rev``, each member once, as it is now.

        None if the history does not reach back that far or a snapshot would be shorter. Somebody who came and went in
        between is in ``down`` although the reader never knew it; that is harmless.
        """
        with self._lock:
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

    # --- resume tokens: the member's id and a proof that we gave it away, so that none is ever stored -----------
    # The proof is keyed BLAKE2 (RFC 7693). An HMAC of OpenSSL would keep 3 KiB for each thread that ever made one.

    def _token_of(self, member_id: int) -> str:
        proof = hashlib.blake2b(b"%d" % member_id, key=self._token_key, digest_size=18).digest()
        return f"{member_id}." + base64.urlsafe_b64encode(proof).decode()

    def _member_of(self, token: str) -> Optional[int]:
        digits = token.partition(".")[0]
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            return None
        member_id = int(digits)
        return member_id if hmac.compare_digest(token.encode(), self._token_of(member_id).encode()) else None

    # --- the caller holds the lock ----------------------------------------------------------------------------

    def _lease_locked(self, session: _Session) -> float:
        if session.member_id is None:
            return self._registration_timeout
        return self._timeout if session.id in self._late else self._late_after

    def _queue_locked(self, session: _Session, deadline: float) -> None:
        session.queued_at = deadline
        heapq.heappush(self._deadlines, (deadline, session.id))

    def _extend_locked(self, now: float) -> float:
        while self._deadlines:
            deadline, session_id = self._deadlines[0]
            session = self._sessions.get(session_id)
            if session is not None and session.queued_at == deadline:
                break
            heapq.heappop(self._deadlines)
        late_by = now - self._deadlines[0][0] if self._deadlines else 0.0
        unfinished, self._unfinished = self._unfinished, False
        if late_by <= self._pause or unfinished:
            return 0.0  # or it was the last sweep that took so long: that is no pause
        extension = late_by + self._interval
        # Who has not registered yet may be about to, but has no whole heartbeat interval for it.
        unregistered = late_by + min(self._interval, self._registration_timeout)
        for session_id, session in self._sessions.items():
            self._last_seen[session_id] += unregistered if session.member_id is None else extension
        return extension

    def _remove_locked(self, session_id: int, reason: str) -> Optional[Entry]:
        session = self._drop_session_locked(session_id)
        if session is None or session.member_id is None:
            return None
        member = self._members.pop(session.member_id)
        self._change_locked(session.member_id, reason, listed=True)
        return member.entry

    def _drop_session_locked(self, session_id: int) -> Optional[_Session]:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            del self._last_seen[session_id]
            self._late.discard(session_id)
            self._seats_taken -= session.seated
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
