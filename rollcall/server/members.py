"""What goes into the roster and what comes out of it: who calls, who is a member, what a sweep has found.

Values without behaviour. They are made under the roster's lock and read without it, by handlers, sweeper and publisher.
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

from protocol import Departure, Entry
from rollcall.wire.messages import MEMBER


class Caller(NamedTuple):
    """Who registers: what its `register` says, and ``observed_ip``, where the server sees it. ``version`` is that of
    the protocol. Without an ``instance`` (older clients) the last call that is read wins. ``role`` is what
    has been proven, never what was asked for."""

    name: str
    ip: str
    port: int
    observed_ip: str
    version: int = 2
    resume_token: Optional[str] = None
    instance: str = ""
    attempt: int = 0
    device_id: str = ""
    role: str = MEMBER


class Joined(NamedTuple):
    """The outcome of `Roster.register`. ``late_after`` is how many seconds of silence make this member late;
    ``replaced`` is the session that this one took over from; ``resumed`` is True if it got its row or its id back."""

    entry: Entry
    resume_token: str
    late_after: float
    replaced: Optional[int]
    resumed: bool


class Known(NamedTuple):
    """A member, and by what its client would be known again if it went and came back."""

    session_id: int
    entry: Entry
    instance: str
    device_id: str
    resume_token: str


class Expired(NamedTuple):
    """A session whose lease ran out. ``entry`` is None if it had never registered."""

    session_id: int
    entry: Optional[Entry]
    silent_for: float


class Sweep(NamedTuple):
    """The outcome of `Roster.sweep`. ``late`` are the ids of members that have just become so, with the seconds of
    their silence. ``next_due`` is monotonic seconds, None when there is no lease at all; ``paused`` as it was told."""

    expired: List[Expired]
    changed: bool
    next_due: Optional[float]
    late: List[Tuple[int, float]]
    paused: float


class Snapshot(NamedTuple):
    """The whole roster at revision ``rev``, and how many have ``gone`` and not come back (see ``departed.py``)."""

    rev: int
    entries: List[Entry]
    gone: int


class Changes(NamedTuple):
    """What leads from an earlier revision to ``rev``."""

    rev: int
    up: List[Entry]
    down: List[Departure]
