"""What happens to a client, as typed values.

`client.Client` puts these into a `queue.Queue` from its threads; a window, the command line or a test takes them out in
its own. They are frozen, hold no sockets and no locks, and are complete: whoever applies them in order knows everything
that can be shown. `describe` says each in a sentence for people, `to_json` in one object for programs.

Times are seconds. The last event of a client is always `Stopped`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, Optional, Tuple, Union

from protocol import Departure, Entry, Message, Welcome
from rollcall.wire import messages
from rollcall.wire.class_messages import ClassList, Report
from rollcall.wire.messages import MEMBER
from rollcall.wire.text import counted, quoted


@dataclass(frozen=True)
class Connecting:
    """An attempt begins. ``attempt`` counts from 1 and starts again after a good connection."""

    address: str
    attempt: int


@dataclass(frozen=True)
class Connected:
    """The server has registered us. ``welcome`` is None when it speaks version 1 only. ``fingerprint`` is that of the
    server's certificate; empty in the clear."""

    address: str
    heartbeat_interval: float
    connection_timeout: float
    welcome: Optional[Welcome]
    fingerprint: str = ""


@dataclass(frozen=True)
class RoomSeen:
    """What room this is, before we are in it. ``known``: this certificate was met before. ``closed``: a code is needed.
    ``teacher`` is what makes a teacher here; the rest is as in `RoomInfo`."""

    address: str
    server_name: str
    fingerprint: str
    known: bool
    closed: bool
    teacher: str
    names: Optional[Tuple[str, ...]]
    record: str
    record_days: Optional[int]


@dataclass(frozen=True)
class CodeNeeded:
    """A person has to type a code; `Refused` follows, and nothing waits for the answer: a new client is started with
    it. ``user`` says which: the code of the ``class``, the ``teacher``'s, a ``substitute``'s. ``wrong``: one was just
    refused. ``warning`` is to be read before the code is typed; the code is then meant for the server with this
    ``fingerprint`` only (``accept`` of the next client)."""

    address: str
    server_name: str
    fingerprint: str
    known: bool
    user: str
    wrong: bool
    warning: str = ""


@dataclass(frozen=True)
class ServerWarning:
    """Something about the server that a person should know. ``kind`` is one of `WARNINGS`, ``message`` the sentences;
    ``fingerprint`` is empty where no certificate was shown."""

    kind: str
    message: str
    fingerprint: str = ""


@dataclass(frozen=True)
class ServerKnown:
    """What is known of the server with this fingerprint has changed: ``door.trust`` of the client has it, for whoever
    keeps it. (What it doubts in others is for this run: take all of it over when the client has ended.)"""

    fingerprint: str
    server_name: str
    closed: bool


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
    """The server refused us, or we refuse it, and trying again would not help. ``action`` is `protocol.ASK` or
    `protocol.STOP`. ``code`` is the server's, or one of `OURS`. After ``retry_after`` seconds, if that is given (with
    ``kicked``), a person may try again."""

    code: str
    message: str
    action: str
    retry_after: Optional[float] = None


@dataclass(frozen=True)
class Done:
    """An act of ours was done. ``code`` is the substitute's, which is a secret: it is in no text of this module."""

    act: str
    ref: Optional[int]
    note: str
    code: str = field(default="", repr=False)
    sums: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Denied:
    """An act of ours was not done; ``message`` says why. With the act ``teacher``: we asked to be one, and are a
    member."""

    act: str
    ref: Optional[int]
    message: str


@dataclass(frozen=True)
class Notice:
    """To a teacher: what should be known about the member ``id``, whose row may come later. ``about`` is a word for
    programs (``kicked``: the name is that of somebody who was removed), ``message`` a sentence."""

    about: str
    message: str
    id: Optional[int]


@dataclass(frozen=True)
class ClassListed:
    """To a teacher who asked for it: the class, whole or what has changed, as the server's ``message`` says."""

    message: ClassList


@dataclass(frozen=True)
class Reported:
    """Piece ``part`` of ``parts`` of a report that was asked for with this ``ref``; `Done` follows the last."""

    part: int
    parts: int
    text: str
    ref: Optional[int]


@dataclass(frozen=True)
class Dropped:
    """So many ``lines`` of the program's output are missing here, because nobody took them. Not an event of a client:
    it stays connected meanwhile."""

    lines: int


@dataclass(frozen=True)
class Stopped:
    """The client has ended; nothing follows."""


NAME_NEEDED = "name_needed"
"""A code of `Refused` that comes from no server: this client has no name to register with."""

NO_TLS, NOT_PROVEN, NOT_CLOSED = "no_tls", "not_proven", "not_closed"
OURS = (NO_TLS, NOT_PROVEN, NOT_CLOSED)
"""Codes of `Refused` that come from no server: it has no encryption where there must be some; it could not prove that
it knows the code, or did not do it properly; it says that its room is open where we know better."""

ANOTHER_SERVER, FAILED_WITH_STRANGER, OPEN_NAMESAKE = "another_server", "failed_with_stranger", "open_namesake"
WARNINGS = (*OURS, ANOTHER_SERVER, FAILED_WITH_STRANGER, OPEN_NAMESAKE)
"""Kinds of `ServerWarning`: those of `OURS`; name and address are those of a closed room that we know, and the
certificate is another; an exchange with a server that was never met before has failed; a room in the clear is called
like a closed one that we know."""


Event = Union[
    Connecting,
    RoomSeen,
    CodeNeeded,
    ServerWarning,
    ServerKnown,
    Connected,
    RosterReplaced,
    RosterUpdated,
    PingSent,
    RoundTrip,
    Disconnected,
    Waiting,
    Refused,
    Done,
    Denied,
    Notice,
    ClassListed,
    Reported,
    Dropped,
    Stopped,
]

_KINDS: Dict[type, str] = {
    Connecting: "connecting",
    RoomSeen: "room",
    CodeNeeded: "code_needed",
    ServerWarning: "warning",
    ServerKnown: "server_known",
    Connected: "connected",
    RosterReplaced: "roster",
    RosterUpdated: "roster_update",
    PingSent: "ping",
    RoundTrip: "pong",
    Disconnected: "disconnected",
    Waiting: "waiting",
    Refused: "refused",
    Done: "done",
    Denied: "denied",
    Notice: "notice",
    ClassListed: "class",
    Reported: "report",
    Dropped: "dropped",
    Stopped: "stopped",
}


def told(message: Message) -> Optional[Event]:
    """What the server tells a member or a teacher beside roster and heartbeat, as an event; None for anything else."""
    if isinstance(message, messages.Done):
        return Done(message.act, message.ref, message.note, message.code, message.sums or ())
    if isinstance(message, messages.Denied):
        return Denied(message.act, message.ref, message.message)
    if isinstance(message, ClassList):
        return ClassListed(message)
    if isinstance(message, Report):
        return Reported(message.part, message.parts, message.text, message.ref)
    if isinstance(message, messages.Notice):
        return Notice(message.about, message.message, message.id)
    return None


def to_json(event: Event) -> Dict[str, Any]:
    """The event as a JSON object; ``event`` names its kind. Secrets are left out: the resume token, the code of a
    substitute."""
    fields = asdict(event)
    if fields.get("welcome"):
        del fields["welcome"]["resume_token"]
    if isinstance(event, Done):
        del fields["code"]
    return {"event": _KINDS[type(event)], **fields}


def describe(event: Event) -> str:
    """The event as a short text for people."""
    if isinstance(event, Connecting):
        return f"connecting to {event.address}" + (f" (attempt {event.attempt})" if event.attempt > 1 else "")
    if isinstance(event, Connected):
        server = f" ({event.welcome.server_name})" if event.welcome else " (an original server)"
        role = f" as a {event.welcome.role}" if event.welcome and event.welcome.role != MEMBER else ""
        how = ", encrypted" if event.fingerprint else ""
        return f"connected to {event.address}{server}{role}{how}, a heartbeat every {event.heartbeat_interval:g} s"
    if isinstance(event, Notice):
        return f"note: {event.message}" + (f" (member {event.id})" if event.id is not None else "")
    if isinstance(event, (RoomSeen, CodeNeeded, ServerWarning, ServerKnown, Done, Denied)):
        return _describe_door(event)
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
    if isinstance(event, ClassListed):
        return f"the class: {counted(event.message.listed, 'name')}, {counted(event.message.guests, 'guest')}"
    if isinstance(event, Reported):
        return f"a report, piece {event.part} of {event.parts}"
    if isinstance(event, Dropped):
        return f"{counted(event.lines, 'line')} missing here: nobody took more"
    return "stopped"


def _describe_door(event: Union[RoomSeen, CodeNeeded, ServerWarning, ServerKnown, Done, Denied]) -> str:
    """What happens around the door of a room, and what becomes of a teacher's acts."""
    if isinstance(event, RoomSeen):
        kind = "a closed room" if event.closed else "an open room"
        return f"{event.address} is {quoted(event.server_name)}, {kind}" + (", met before" if event.known else "")
    if isinstance(event, CodeNeeded):
        again = "another code than that" if event.wrong else "a code"
        whose = "" if event.user == "class" else f", the {event.user}'s"
        return f"{quoted(event.server_name)} needs {again}{whose}"
    if isinstance(event, ServerWarning):
        return f"WARNING: {event.message}"
    if isinstance(event, ServerKnown):
        return f"{quoted(event.server_name)} will be known again"
    if isinstance(event, Done):
        return f"{event.act}: done" + (f", {event.note}" if event.note else "")
    return f"{event.act}: denied: {event.message}"
