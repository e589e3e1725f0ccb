"""What happens to a client, as typed values.

`client.Client` puts these into a `queue.Queue` from its threads; a window, the command line or a test takes them out in
its own. They are frozen, hold no sockets and no locks, and are complete: whoever applies them in order knows everything
that can be shown. `describe` says each in a sentence for people, `to_json` in one object for programs.

Times are seconds. The last event of a client is always `Stopped`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Optional, Tuple, Union

from protocol import Departure, Entry, Welcome
from rollcall.wire.text import counted


@dataclass(frozen=True)
class Connecting:
    """An attempt begins. ``attempt`` counts from 1 and starts again after a good connection."""

    address: str
    attempt: int


@dataclass(frozen=True)
class Connected:
    """The server has registered us. ``welcome`` is None when it speaks version 1 only."""

    address: str
    heartbeat_interval: float
    connection_timeout: float
    welcome: Optional[Welcome]


@dataclass(frozen=True)
class RosterReplaced:
    """The whole roster, in the server's order. Revision 0 from a version 1 server."""

    entries: Tuple[Entry, ...]
    rev: int


@dataclass(frozen=True)
class RosterUpdated:
    """What changed: entries that are new or different, and members that went."""

    up: Tuple[Entry, ...]
    down: Tuple[Departure, ...]
    rev: int


@dataclass(frozen=True)
class PingSent:
    """A heartbeat left; `RoundTrip` follows if it is answered."""

    seq: int


@dataclass(frozen=True)
class RoundTrip:
    """A heartbeat was answered after ``seconds``."""

    seq: int
    seconds: float


@dataclass(frozen=True)
class Disconnected:
    """An attempt or a connection ended, and why: a sentence without its full stop. ``code`` is the server's, if it
    gave one; ``was_connected`` tells a lost connection from an attempt that failed."""

    cause: str
    code: Optional[str]
    was_connected: bool


@dataclass(frozen=True)
class Waiting:
    """The next attempt comes in ``seconds``, unless somebody asks for it now."""

    seconds: float
    attempt: int
    cause: str


@dataclass(frozen=True)
class Refused:
    """The server refused us and trying again would not help. ``action`` is `protocol.ASK` or `protocol.STOP`."""

    code: str
    message: str
    action: str


@dataclass(frozen=True)
class Dropped:
    """So many ``lines`` of the program's output are missing here, because nobody took them. Not an event of a client:
    it stays connected meanwhile."""

    lines: int


@dataclass(frozen=True)
class Stopped:
    """The client has ended; nothing follows."""


Event = Union[
    Connecting,
    Connected,
    RosterReplaced,
    RosterUpdated,
    PingSent,
    RoundTrip,
    Disconnected,
    Waiting,
    Refused,
    Dropped,
    Stopped,
]

_KINDS: Dict[type, str] = {
    Connecting: "connecting",
    Connected: "connected",
    RosterReplaced: "roster",
    RosterUpdated: "roster_update",
    PingSent: "ping",
    RoundTrip: "pong",
    Disconnected: "disconnected",
    Waiting: "waiting",
    Refused: "refused",
    Dropped: "dropped",
    Stopped: "stopped",
}


def to_json(event: Event) -> Dict[str, Any]:
    """The event as a JSON object; ``event`` names its kind. The resume token is a secret and is left out."""
    fields = asdict(event)
    if fields.get("welcome"):
        del fields["welcome"]["resume_token"]
    return {"event": _KINDS[type(event)], **fields}


def describe(event: Event) -> str:
    """The event as a short text for people."""
    if isinstance(event, Connecting):
        return f"connecting to {event.address}" + (f" (attempt {event.attempt})" if event.attempt > 1 else "")
    if isinstance(event, Connected):
        server = f" ({event.welcome.server_name})" if event.welcome else " (an original server)"
        return f"connected to {event.address}{server}, a heartbeat every {event.heartbeat_interval:g} s"
    if isinstance(event, RosterReplaced):
        return f"{len(event.entries)} here: " + (", ".join(entry.label for entry in event.entries) or "nobody")
    if isinstance(event, RosterUpdated):
        up = [f"{entry.label} is {entry.state}" for entry in event.up]
        return ", ".join(up + [f"member {gone.id} {gone.reason}" for gone in event.down])
    if isinstance(event, PingSent):
        return f"ping {event.seq}"
    if isinstance(event, RoundTrip):
        return f"pong {event.seq} after {event.seconds * 1000:.1f} ms"
    if isinstance(event, Disconnected):
        return f"lost the connection: {event.cause}" if event.was_connected else f"no connection: {event.cause}"
    if isinstance(event, Waiting):
        return f"trying again in {event.seconds:.1f} s"
    if isinstance(event, Refused):
        return f"refused ({event.code}): {event.message}"
    if isinstance(event, Dropped):
        return f"{counted(event.lines, 'line')} missing here: nobody took more"
    return "stopped"
