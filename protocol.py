"""The messages of Rollcall and how they are written as lines.

One JSON object per line, UTF-8, ended by ``\\n`` (a ``\\r`` before it is tolerated), each with a
``"type"``. Version 1 is the four messages of the original system: ``register``, ``client_list``, ``ping``,
``pong``. A client that registers with ``"protocol": 2`` gets the rest. ``docs/HEARTBEAT.md`` describes the
protocol for people who write a client in another language.

This module is protocol without input or output: it turns messages into bytes (`encode`) and a line into a message
(`decode`). It starts no threads, holds no locks and has no state. The floor that it stands on is in ``rollcall/wire``:
``lines.py`` cuts a stream of bytes into lines, ``fields.py`` reads one JSON object with bounds, ``text.py`` says which
characters are taken.

Everything that arrives is hostile until it has passed `decode`: lengths, ranges, nesting and characters are
bounded here, once, so that no other module has to think about it again. What is wrong comes out as a
`ProtocolError`, which names the field, says what is right, and carries the error code for the other side.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from rollcall.wire import fields as read
from rollcall.wire import messages
from rollcall.wire.errors import ProtocolError
from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.lines import MAX_CLIENT_LINE
from rollcall.wire.messages import MEMBER, TEACHER
from rollcall.wire.packing import unpack
from rollcall.wire.text import MAX_NAME, check_name, printable

__version__ = "0.1.0"

PROTOCOL_VERSION = 2

MAX_SERVER_LINE = 32 * 1024 * 1024
"""Longest line that a client accepts: a roster of 50,000 members with full names fits."""

MAX_MESSAGE = 1000
MAX_TYPE = 64
# What a client does about an error of the server.
RETRY, ASK, STOP = "retry", "ask", "stop"

ERROR_CODES: Mapping[str, str] = {
    # The server or the network had a bad moment: come back with backoff.
    "server_shutdown": RETRY,
    "server_full": RETRY,
    "heartbeat_timeout": RETRY,
    "slow_consumer": RETRY,
    "rate_limited": RETRY,
    "registration_timeout": RETRY,  # only servers of version 0.1.0 say it
    # Only a person can put this right.
    "code_required": ASK,
    "bad_code": ASK,
    "invalid_name": ASK,
    "unsupported_protocol": ASK,
    # Trying again would end the same way.
    "kicked": STOP,
    "replaced": STOP,
    "bad_message": STOP,
    "line_too_long": STOP,
}
"""Every error code of version 2 and what the client does: `RETRY`, `ASK` the person, or `STOP`."""

LEFT, LOST, KICKED, REPLACED = "left", "lost", "kicked", "replaced"
REASONS = (LEFT, LOST, KICKED, REPLACED)
HERE, LATE = "here", "late"
STATES = (HERE, LATE)


# --- messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Register:
    """The first message of a client. ``client_ip`` and ``client_port`` are where it says it can be reached.

    ``instance`` is random, the same for one run of a client, and as secret as the token; ``attempt`` counts its calls.
    Who wants to be a teacher says so (``role``), and ``proof`` that it sits at the server's machine if it has no code.
    """

    client_ip: str
    client_port: int
    protocol: int = 1
    name: str = ""
    device_id: str = ""
    resume_token: Optional[str] = None
    roster: bool = True
    packed: bool = False
    app: str = ""
    instance: str = ""
    attempt: int = 0
    role: str = MEMBER
    proof: str = ""


@dataclass(frozen=True)
class Welcome:
    """The server's answer to a version 2 `Register`. Times are seconds; ``started`` is Unix time by the server's clock,
    ``uptime`` how long ago that was, which needs no clock."""

    protocol: int
    server_name: str
    member_id: int
    session_id: int
    epoch: str
    started: int
    heartbeat_interval: float
    connection_timeout: float
    max_clients: int
    resume_token: str
    uptime: Optional[int] = None
    role: str = MEMBER


@dataclass(frozen=True)
class Entry:
    """One row of the roster.

    ``ip`` and ``port`` are what the client said in `Register`, ``observed_ip`` is where the server sees it.
    ``since`` is whole seconds from the server's start (`Welcome.started`) to the member's arrival. A version 1
    list has only ``ip`` and ``port``: its entries have ``id`` 0 and no name.
    """

    ip: str
    port: int
    id: int = 0
    name: str = ""
    observed_ip: str = ""
    since: int = 0
    state: str = HERE
    role: str = MEMBER

    @property
    def label(self) -> str:
        """What to call this member: its name or, as version 1 has none, its address."""
        return self.name or f"{self.ip}:{self.port}"


@dataclass(frozen=True)
class ClientList:
    """The whole roster. In version 1 ``epoch`` and ``rev`` are None."""

    clients: Tuple[Entry, ...]
    epoch: Optional[str] = None
    rev: Optional[int] = None


@dataclass(frozen=True)
class Departure:
    """A member that is no longer in the roster, and why: one of `REASONS`."""

    id: int
    reason: str


@dataclass(frozen=True)
class RosterDelta:
    """What changed between two revisions of one epoch."""

    epoch: str
    from_rev: int
    rev: int
    up: Tuple[Entry, ...] = ()
    down: Tuple[Departure, ...] = ()


@dataclass(frozen=True)
class Resync:
    """The client saw a gap and asks for a `ClientList`."""


@dataclass(frozen=True)
class Ping:
    seq: Optional[int] = None


@dataclass(frozen=True)
class Pong:
    seq: Optional[int] = None
    rev: Optional[int] = None


@dataclass(frozen=True)
class Leave:
    """A clean goodbye: the member ``left``, it was not ``lost``."""


@dataclass(frozen=True)
class Error:
    """Why the server closes this connection. ``message`` is for a person; ``retry_after`` is seconds."""

    code: str
    message: str
    retry_after: Optional[float] = None


@dataclass(frozen=True)
class Unknown:
    """A well-formed message of a type that this version does not know."""

    type: str


Message = Union[Register, Welcome, ClientList, RosterDelta, Resync, Ping, Pong, Leave, Error, Unknown, messages.Around]

PING_LINE = b'{"type":"ping"}\n'
PONG_LINE = b'{"type":"pong"}\n'
"""The bare heartbeat, as the original sends it: compared byte by byte before any JSON is parsed."""


# --- message to bytes ---------------------------------------------------------------------------------------


# `json.dumps` would make such an encoder for each call.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _line(fields: Mapping[str, Any]) -> bytes:
    return _to_json(fields).encode("utf-8") + b"\n"


def entry_json(entry: Entry) -> str:
    """One roster entry as version 2 sends it. What can be derived is left out: ``observed_ip`` when it equals ``ip``,
    ``state`` and ``role`` when they are the usual ones. A roster goes to everyone, so its bytes count n times n."""
    fields: Dict[str, Any] = {"id": entry.id, "name": entry.name, "ip": entry.ip, "port": entry.port}
    if entry.observed_ip != entry.ip:
        fields["observed_ip"] = entry.observed_ip
    fields["since"] = entry.since
    if entry.state != HERE:
        fields["state"] = entry.state
    if entry.role != MEMBER:
        fields["role"] = entry.role
    return _to_json(fields)


def entry_json_v1(entry: Entry) -> str:
    """One roster entry exactly as the original sends it."""
    return _to_json({"ip": entry.ip, "port": entry.port})


def list_line(entries: List[str], epoch: Optional[str] = None, rev: Optional[int] = None) -> bytes:
    """A ``client_list`` line from entries that are JSON already, so that each entry is encoded only once."""
    clients = ",".join(entries)
    head = "" if epoch is None else f'"epoch":"{epoch}","rev":{rev},'
    return f'{{"type":"client_list",{head}"clients":[{clients}]}}\n'.encode()


def delta_line(epoch: str, from_rev: int, rev: int, up: List[str], down: List[Departure]) -> bytes:
    """A ``roster_delta`` line from entries that are JSON already. Empty ``up`` or ``down`` is left out, and so is
    ``from`` for a single step: one person who comes late costs a line to each of the others."""
    head = "" if from_rev == rev - 1 else f'"from":{from_rev},'
    parts = [f'{{"type":"roster_delta","epoch":"{epoch}",{head}"rev":{rev}']
    if up:
        parts.append(',"up":[' + ",".join(up) + "]")
    if down:
        rows = (f'{{"id":{gone.id},"reason":"{gone.reason}"}}' for gone in down)
        parts.append(',"down":[' + ",".join(rows) + "]")
    return ("".join(parts) + "}\n").encode()


def encode(message: Message) -> bytes:
    """One message as a line, its ``\\n`` included. Optional fields that are not set are left out."""
    if isinstance(message, Ping):
        return PING_LINE if message.seq is None else b'{"type":"ping","seq":%d}\n' % message.seq
    if isinstance(message, Pong):
        return _encode_pong(message)
    if isinstance(message, ClientList):
        if message.epoch is None:
            return list_line([entry_json_v1(entry) for entry in message.clients])
        return list_line([entry_json(entry) for entry in message.clients], message.epoch, message.rev)
    if isinstance(message, RosterDelta):
        up = [entry_json(entry) for entry in message.up]
        return delta_line(message.epoch, message.from_rev, message.rev, up, list(message.down))
    if isinstance(message, Register):
        return _line(_register_fields(message))
    if isinstance(message, messages.AROUND):
        return _line(messages.to_fields(message))
    fields = {key: value for key, value in vars(message).items() if value is not None}
    if isinstance(message, Unknown):
        return _line(fields)
    return _line({"type": message.__class__.__name__.lower(), **fields})


def _encode_pong(message: Pong) -> bytes:
    if message.rev is None:
        return PONG_LINE if message.seq is None else b'{"type":"pong","seq":%d}\n' % message.seq
    if message.seq is None:
        return b'{"type":"pong","rev":%d}\n' % message.rev
    return b'{"type":"pong","seq":%d,"rev":%d}\n' % (message.seq, message.rev)


def _register_fields(message: Register) -> Dict[str, Any]:
    fields: Dict[str, Any] = {
        "type": "register",
        "client_ip": message.client_ip,
        "client_port": message.client_port,
    }
    if message.protocol == 1:
        return fields
    fields.update(protocol=message.protocol, name=message.name)
    for key in ("device_id", "resume_token", "roster", "packed", "app", "role", "proof"):
        value = getattr(message, key)
        if value != getattr(Register, key):  # the default, which goes without saying
            fields[key] = value
    if message.instance:
        fields.update(instance=message.instance, attempt=message.attempt)
    return fields


# --- line to message ------------------------------------------------------------------------------------------

def decode(line: bytes, max_line: int = MAX_CLIENT_LINE, look: read.Look = read.no_look) -> Message:
    """One line (without its end) as a message; what the bytes may do is bounded before anything is built of them.

    Unknown fields are ignored, an unknown type is an `Unknown`. ``max_line`` bounds what a packed line may
    unpack to; with no more than a client's the line is read as a client's, which never packs. A roster of 50,000 takes
    about half a second: ``look`` is called several times meanwhile, and may raise to end the work. Raises
    `ProtocolError`: ``invalid_name``, ``unsupported_protocol`` or ``bad_message``.
    """
    fields = read.parse_object(line, look)
    kind = fields["type"]
    if kind == "packed" and max_line > MAX_CLIENT_LINE:  # only a server packs
        fields = read.parse_object(unpack(fields, max_line), look)
        kind = fields["type"]
    if kind in _ROSTER_READERS:
        return _ROSTER_READERS[kind](fields, look)
    reader = _READERS.get(kind)
    if reader is None:
        return Unknown(printable(kind, MAX_TYPE))
    return reader(fields)


def _read_register(fields: Mapping[str, Any]) -> Register:
    protocol = 1 if fields.get("protocol") is None else fields["protocol"]
    if type(protocol) is not int or protocol not in (1, PROTOCOL_VERSION):
        raise ProtocolError(
            "unsupported_protocol", f"protocol: this server speaks 1 and {PROTOCOL_VERSION}; please update one side"
        )
    ip = read.text(fields, "client_ip", MAX_TEXT)
    port = read.integer(fields, "client_port", 0, 65535)
    if protocol == 1:
        return Register(ip, port)
    token = fields.get("resume_token")
    return Register(
        client_ip=ip,
        client_port=port,
        protocol=protocol,
        name=check_name(fields.get("name")),
        device_id=read.text(fields, "device_id", MAX_TEXT, ""),
        resume_token=None if token is None else read.text(fields, "resume_token", MAX_TEXT),
        roster=read.flag(fields, "roster", True),
        packed=read.flag(fields, "packed", False),
        app=read.text(fields, "app", MAX_TEXT, ""),
        instance=read.text(fields, "instance", MAX_TEXT, ""),
        attempt=read.optional_integer(fields, "attempt") or 0,
        role=read.choice_or(MEMBER, fields, "role", (TEACHER,)),
        proof=read.text(fields, "proof", MAX_TEXT, ""),
    )


def _read_welcome(fields: Mapping[str, Any]) -> Welcome:
    welcome = Welcome(
        protocol=read.integer(fields, "protocol", 2),
        server_name=read.text(fields, "server_name", MAX_NAME),
        member_id=read.integer(fields, "member_id"),
        session_id=read.integer(fields, "session_id"),
        epoch=read.text(fields, "epoch", MAX_TEXT),
        started=read.integer(fields, "started"),
        heartbeat_interval=read.seconds(fields, "heartbeat_interval"),
        connection_timeout=read.seconds(fields, "connection_timeout"),
        max_clients=read.integer(fields, "max_clients"),
        resume_token=read.text(fields, "resume_token", MAX_TEXT),
        uptime=read.integer_or(None, fields, "uptime"),
        role=messages.role_of(fields),
    )
    if not 0.05 <= welcome.heartbeat_interval < welcome.connection_timeout:
        raise read.wrong("heartbeat_interval", "at least 0.05 seconds and below connection_timeout")
    return welcome


def _read_address(row: Mapping[str, Any]) -> Entry:
    """A row of version 1, and what every row has."""
    return Entry(read.text(row, "ip", MAX_TEXT), read.integer(row, "port", 0, 65535))


def _read_entry(row: Mapping[str, Any]) -> Entry:
    ip = read.text(row, "ip", MAX_TEXT)
    return Entry(
        ip=ip,
        port=read.integer(row, "port", 0, 65535),
        id=read.integer(row, "id"),
        name=read.text_or("", row, "name", MAX_NAME),
        observed_ip=read.text_or(ip, row, "observed_ip", MAX_TEXT),
        since=read.integer_or(0, row, "since"),
        state=read.choice_or(HERE, row, "state", STATES),
        role=messages.role_of(row),
    )


def _read_client_list(fields: Mapping[str, Any], look: read.Look) -> ClientList:
    if fields.get("clients") is None:
        raise read.wrong("clients", "a list of objects")
    rows = read.rows(fields, "clients", look)
    if fields.get("epoch") is None:
        return ClientList(tuple(map(_read_address, rows)))
    epoch, rev = read.text(fields, "epoch", MAX_TEXT), read.integer(fields, "rev")
    return ClientList(tuple(map(_read_entry, rows)), epoch, rev)


def _read_delta(fields: Mapping[str, Any], look: read.Look) -> RosterDelta:
    gone = read.rows(fields, "down", look)
    rev = read.integer(fields, "rev")
    return RosterDelta(
        epoch=read.text(fields, "epoch", MAX_TEXT),
        from_rev=max(0, rev - 1) if fields.get("from") is None else read.integer(fields, "from"),
        rev=rev,
        up=tuple(map(_read_entry, read.rows(fields, "up", look))),
        down=tuple(Departure(read.integer(row, "id"), read.choice_or(LOST, row, "reason", REASONS)) for row in gone),
    )


def _read_error(fields: Mapping[str, Any]) -> Error:
    message = fields.get("message")
    return Error(
        code=read.text(fields, "code", MAX_TEXT),
        message=printable(message, MAX_MESSAGE) if isinstance(message, str) else "",
        retry_after=read.seconds_or_none(fields, "retry_after"),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "register": _read_register,
    "welcome": _read_welcome,
    "resync": lambda fields: Resync(),
    "ping": lambda fields: Ping(read.optional_integer(fields, "seq")),
    "pong": lambda fields: Pong(read.integer_or(None, fields, "seq"), read.integer_or(None, fields, "rev")),
    "leave": lambda fields: Leave(),
    "error": _read_error,
    **messages.READERS,
}

_ROSTER_READERS: Mapping[str, Callable[[Mapping[str, Any], read.Look], Message]] = {
    "client_list": _read_client_list,
    "roster_delta": _read_delta,
}
