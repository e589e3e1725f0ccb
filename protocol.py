"""The messages of Rollcall, their bounds, and the lines they travel in.

One JSON object per line, UTF-8, ended by ``\\n`` (a ``\\r`` before it is tolerated), each with a
``"type"``. Version 1 is the four messages of the original system: ``register``, ``client_list``, ``ping``,
``pong``. A client that registers with ``"protocol": 2`` gets the rest. ``docs/HEARTBEAT.md`` describes the
protocol for people who write a client in another language.

This module is protocol without input or output: it turns messages into bytes (`encode`), a stream of bytes
into lines (`LineDecoder`), and a line into a message (`decode`). It starts no threads and holds no locks; the
only state is the buffer inside a `LineDecoder`, which belongs to whoever reads that connection.

Everything that arrives is hostile until it has passed `decode`: lengths, ranges, nesting and characters are
bounded here, once, so that no other module has to think about it again. What is wrong comes out as a
`ProtocolError`, which names the field, says what is right, and carries the error code for the other side.

The standard is RFC 8259 (JSON), read strictly: no NaN or Infinity (section 6), no lone surrogates (section 8.2).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
import zlib
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, Union

__version__ = "0.1.0"

PROTOCOL_VERSION = 2
DEFAULT_PORT = 8080

MAX_CLIENT_LINE = 8 * 1024
"""Longest line, in bytes without its end, that a client may send: far above any honest message (a register
with every field full is about 2 KiB) and small enough that 10,000 half-sent lines are no attack."""

MAX_SERVER_LINE = 32 * 1024 * 1024
"""Longest line that a client accepts: a roster of 50,000 members with full names fits."""

MAX_NAME = 64
MAX_TEXT = 64
MAX_MESSAGE = 1000
MAX_TYPE = 64
MAX_NESTING = 16
"""Nothing of ours nests deeper than three. json's C scanner recurses, and a handler thread's stack is small."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259, section 6)."""

MAX_SECONDS = 1_000_000.0
PACK_FROM = 1024
"""Lines shorter than this are not worth packing: base64 would give back what zlib saved."""

# What a client does about an error of the server.
RETRY, ASK, STOP = "retry", "ask", "stop"

ERROR_CODES: Mapping[str, str] = {
    # The server or the network had a bad moment: come back with backoff.
    "server_shutdown": RETRY,
    "server_full": RETRY,
    "heartbeat_timeout": RETRY,
    "slow_consumer": RETRY,
    "rate_limited": RETRY,
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
    "registration_timeout": STOP,
}
"""Every error code of version 2 and what the client does: `RETRY`, `ASK` the person, or `STOP`."""

LEFT, LOST, KICKED, REPLACED = "left", "lost", "kicked", "replaced"
REASONS = (LEFT, LOST, KICKED, REPLACED)
HERE, LATE = "here", "late"
STATES = (HERE, LATE)


class ProtocolError(ValueError):
    """The peer sent something outside the protocol.

    ``code`` is one of `ERROR_CODES`; ``str(error)`` is one sentence for a person that names the field and says
    what would be right. It never repeats unbounded or unescaped text of the peer.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Register:
    """The first message of a client. ``client_ip`` and ``client_port`` are where it says it can be reached."""

    client_ip: str
    client_port: int
    protocol: int = 1
    name: str = ""
    device_id: str = ""
    resume_token: Optional[str] = None
    roster: bool = True
    packed: bool = False
    app: str = ""


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


Message = Union[Register, Welcome, ClientList, RosterDelta, Resync, Ping, Pong, Leave, Error, Unknown]

PING_LINE = b'{"type":"ping"}\n'
PONG_LINE = b'{"type":"pong"}\n'
"""The bare heartbeat, as the original sends it: compared byte by byte before any JSON is parsed."""


# --- message to bytes ---------------------------------------------------------------------------------------


# `json.dumps` would make such an encoder for each call.
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _line(fields: Mapping[str, Any]) -> bytes:
    return _to_json(fields).encode("utf-8") + b"\n"


def entry_json(entry: Entry) -> str:
    """One roster entry as version 2 sends it. What can be derived is left out: ``observed_ip`` when it equals
    ``ip``, ``state`` when it is ``here``. A roster goes to everyone, so its bytes count n times n."""
    fields: Dict[str, Any] = {"id": entry.id, "name": entry.name, "ip": entry.ip, "port": entry.port}
    if entry.observed_ip != entry.ip:
        fields["observed_ip"] = entry.observed_ip
    fields["since"] = entry.since
    if entry.state != HERE:
        fields["state"] = entry.state
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


def pack(line: bytes) -> bytes:
    """The same line as a ``packed`` message, for clients that asked for it; short lines stay as they are.

    A snapshot shrinks to about a tenth. Level 1: the server packs once for all, but while a class is joining.
    """
    if len(line) < PACK_FROM:
        return line
    return b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(line, 1)) + b'"}\n'


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
    if message.device_id:
        fields["device_id"] = message.device_id
    if message.resume_token is not None:
        fields["resume_token"] = message.resume_token
    if not message.roster:
        fields["roster"] = False
    if message.packed:
        fields["packed"] = True
    if message.app:
        fields["app"] = message.app
    return fields


# --- bytes to lines -----------------------------------------------------------------------------------------


class LineDecoder:
    """Cuts a stream of bytes into lines, however the network split it.

    One decoder belongs to one connection and to the thread that reads it. Memory is bounded by
    ``max_line`` plus what is fed at once.
    """

    __slots__ = ("_buffer", "_max_line", "_searched", "idle")

    def __init__(self, max_line: int = MAX_CLIENT_LINE) -> None:
        self._max_line = max_line
        self._buffer = bytearray()
        # Bytes at the front of the buffer known to hold no line end: without this, a long line that
        # comes byte by byte is searched from its start each time.
        self._searched = 0
        self.idle = True
        """True between two lines: nothing of an unfinished line is held. To be read only."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each line that ``data`` completes, without its end.

        Raises `ProtocolError` (``line_too_long``) when a line is longer than ``max_line`` bytes, after the lines
        before it were yielded: the same stream gives the same lines and the same error for any split.
        Read the iterator to its end; bytes not yet looked at are lost otherwise.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while True:
                end = buffer.find(b"\n", max(start, self._searched))
                if end < 0:
                    break
                self._check(end - start)
                line = bytes(buffer[start:end])
                start = end + 1
                yield line[:-1] if line.endswith(b"\r") else line
            self._check(len(buffer) - start)
        finally:
            del buffer[:start]
            self._searched = len(buffer)
            self.idle = not buffer

    def _check(self, length: int) -> None:
        if length > self._max_line:
            raise ProtocolError(
                "line_too_long",
                f"a line may have at most {self._max_line} bytes; this one has {length} or more",
            )


# --- text and numbers from outside ----------------------------------------------------------------------------

# Characters that reorder the text around them: a name must not rewrite the row that it stands in
# (Unicode Standard Annex 9, explicit directional formatting characters).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols that show nothing: fillers of Hangul, the empty pattern of Braille.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_FORBIDDEN_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))


def forbidden_character(text: str) -> Optional[str]:
    """The first character that may not stand in text of ours, as ``U+XXXX``, or None."""
    if text.isprintable():
        return None
    for char in text:
        if unicodedata.category(char) in _FORBIDDEN_CATEGORIES or char in _BIDI_CONTROLS:
            return f"U+{ord(char):04X}"
    return None


def printable(text: object, limit: int = 120) -> str:
    """Any text, cut to ``limit`` characters and with what is not printable escaped: safe in a log or a terminal."""
    whole = str(text)
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in whole[:limit]
    )
    return shown + "…" if len(whole) > limit else shown


def check_name(name: object) -> str:
    """The name without the space around it. Raises `ProtocolError` (``invalid_name``) if it cannot be one."""
    right = f"1 to {MAX_NAME} characters, no control characters"
    if not isinstance(name, str):
        raise ProtocolError("invalid_name", f"name: must be text of {right}")
    trimmed = name.strip()
    if not trimmed:
        raise ProtocolError("invalid_name", f"name: is empty; it needs {right}")
    if len(trimmed) > MAX_NAME:
        raise ProtocolError("invalid_name", f"name: has {len(trimmed)} characters; it may have {right}")
    bad = forbidden_character(trimmed)
    if bad:
        raise ProtocolError("invalid_name", f"name: contains the character {bad}; it may have {right}")
    if not any(unicodedata.category(char)[0] in "LNPS" and char not in _BLANK for char in trimmed):
        raise ProtocolError("invalid_name", f"name: has no visible character; it needs {right}")
    return trimmed


def _bad(field_name: str, right: str) -> ProtocolError:
    return ProtocolError("bad_message", f"{field_name}: must be {right}")


def _text(fields: Mapping[str, Any], key: str, limit: int, default: Optional[str] = None) -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or len(value) > limit:
        raise _bad(key, f"text of at most {limit} characters")
    bad = forbidden_character(value)
    if bad:
        raise _bad(key, f"text without control characters; it contains {bad}")
    return value


def _integer(fields: Mapping[str, Any], key: str, low: int = 0, high: int = MAX_INTEGER) -> int:
    value = fields.get(key)
    if type(value) is not int or not low <= value <= high:
        raise _bad(key, f"a whole number from {low} to {high}")
    return value


def _optional_integer(fields: Mapping[str, Any], key: str) -> Optional[int]:
    return None if fields.get(key) is None else _integer(fields, key)


def _seconds(fields: Mapping[str, Any], key: str) -> float:
    value: Any = fields.get(key)
    if type(value) not in (int, float) or not 0 <= value <= MAX_SECONDS:  # NaN fails both comparisons
        raise _bad(key, f"a number of seconds from 0 to {MAX_SECONDS:.0f}")
    return float(value)


def _flag(fields: Mapping[str, Any], key: str, default: bool) -> bool:
    value = fields.get(key, default)
    if type(value) is not bool:
        raise _bad(key, "true or false")
    return value


def _choice(fields: Mapping[str, Any], key: str, choices: Tuple[str, ...], default: Optional[str] = None) -> str:
    value = fields.get(key, default)
    if value not in choices:
        raise _bad(key, "one of " + ", ".join(choices))
    return str(value)


def _rows(fields: Mapping[str, Any], key: str) -> List[Mapping[str, Any]]:
    value = fields.get(key, [])
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _bad(key, "a list of objects")
    return value


# --- line to message ------------------------------------------------------------------------------------------

_STRUCTURE = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)


def _check_nesting(line: bytes) -> None:
    """Refuse deep nesting before json sees it: its scanner recurses in C on the thread's own small stack."""
    if line.count(b"[") + line.count(b"{") <= MAX_NESTING:
        return
    depth = 0
    in_string = False
    for match in _STRUCTURE.finditer(line):
        token = match.group()
        if token == b'"':
            in_string = not in_string
        elif in_string or len(token) == 2:
            continue
        elif token in b"[{":
            depth += 1
            if depth > MAX_NESTING:
                raise ProtocolError("bad_message", f"the line nests deeper than {MAX_NESTING} levels")
        else:
            depth -= 1


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_parse = json.JSONDecoder(parse_constant=_no_constant).decode


def _fields(line: bytes) -> Dict[str, Any]:
    """The JSON object of one line. Raises `ProtocolError` (``bad_message``)."""
    _check_nesting(line)
    try:
        fields = _parse(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProtocolError("bad_message", f"the line is not UTF-8 (byte {error.start})") from None
    except ValueError as error:  # JSONDecodeError, NaN, and integers of thousands of digits
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ProtocolError(
            "bad_message", f'the line is not JSON{where}; send one object a line, such as {{"type":"ping"}}'
        ) from None
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        raise ProtocolError("bad_message", 'the line must be an object with a "type", such as {"type":"ping"}')
    return fields


def decode(line: bytes, max_line: int = MAX_CLIENT_LINE) -> Message:
    """One line (without its end) as a message; what the bytes may do is bounded before anything is built of them.

    Unknown fields are ignored, an unknown type is an `Unknown`. ``max_line`` bounds what a packed line may
    unpack to; with no more than a client's the line is read as a client's, which never packs. Raises
    `ProtocolError`: ``invalid_name``, ``unsupported_protocol`` or ``bad_message``.
    """
    fields = _fields(line)
    kind = fields["type"]
    if kind == "packed" and max_line > MAX_CLIENT_LINE:  # only a server packs
        fields = _fields(_unpack(fields, max_line))
        kind = fields["type"]
    reader = _READERS.get(kind)
    if reader is None:
        return Unknown(printable(kind, MAX_TYPE))
    return reader(fields)


def _unpack(fields: Mapping[str, Any], max_line: int) -> bytes:
    data = fields.get("zlib")
    if not isinstance(data, str):
        raise _bad("zlib", "a zlib stream in base64")
    inflater = zlib.decompressobj()
    try:
        line = inflater.decompress(base64.b64decode(data, validate=True), max_line)
    except (binascii.Error, zlib.error, ValueError):
        raise _bad("zlib", "a zlib stream in base64") from None
    if not inflater.eof:
        raise _bad("zlib", f"one whole zlib stream that unpacks to at most {max_line} bytes")
    return line


def _read_register(fields: Mapping[str, Any]) -> Register:
    protocol = fields.get("protocol", 1)
    if type(protocol) is not int or protocol not in (1, PROTOCOL_VERSION):
        raise ProtocolError(
            "unsupported_protocol", f"protocol: this server speaks 1 and {PROTOCOL_VERSION}; please update one side"
        )
    ip = _text(fields, "client_ip", MAX_TEXT)
    port = _integer(fields, "client_port", 0, 65535)
    if protocol == 1:
        return Register(ip, port)
    token = fields.get("resume_token")
    return Register(
        client_ip=ip,
        client_port=port,
        protocol=protocol,
        name=check_name(fields.get("name")),
        device_id=_text(fields, "device_id", MAX_TEXT, ""),
        resume_token=None if token is None else _text(fields, "resume_token", MAX_TEXT),
        roster=_flag(fields, "roster", True),
        packed=_flag(fields, "packed", False),
        app=_text(fields, "app", MAX_TEXT, ""),
    )


def _read_welcome(fields: Mapping[str, Any]) -> Welcome:
    welcome = Welcome(
        protocol=_integer(fields, "protocol", 2),
        server_name=_text(fields, "server_name", MAX_NAME),
        member_id=_integer(fields, "member_id"),
        session_id=_integer(fields, "session_id"),
        epoch=_text(fields, "epoch", MAX_TEXT),
        started=_integer(fields, "started"),
        heartbeat_interval=_seconds(fields, "heartbeat_interval"),
        connection_timeout=_seconds(fields, "connection_timeout"),
        max_clients=_integer(fields, "max_clients"),
        resume_token=_text(fields, "resume_token", MAX_TEXT),
        uptime=_optional_integer(fields, "uptime"),
    )
    if not 0.05 <= welcome.heartbeat_interval < welcome.connection_timeout:
        raise _bad("heartbeat_interval", "at least 0.05 seconds and below connection_timeout")
    return welcome


def _read_entry(fields: Mapping[str, Any]) -> Entry:
    ip = _text(fields, "ip", MAX_TEXT)
    port = _integer(fields, "port", 0, 65535)
    if "id" not in fields:
        return Entry(ip, port)
    name = _text(fields, "name", MAX_NAME, "")
    observed = _text(fields, "observed_ip", MAX_TEXT, ip)
    state = _choice(fields, "state", STATES, HERE)
    since = 0 if "since" not in fields else _integer(fields, "since")
    return Entry(ip, port, _integer(fields, "id"), name, observed, since, state)


def _read_client_list(fields: Mapping[str, Any]) -> ClientList:
    if not isinstance(fields.get("clients"), list):
        raise _bad("clients", "a list of objects")
    entries = tuple(_read_entry(row) for row in _rows(fields, "clients"))
    if "epoch" not in fields:
        return ClientList(entries)
    return ClientList(entries, _text(fields, "epoch", MAX_TEXT), _integer(fields, "rev"))


def _read_delta(fields: Mapping[str, Any]) -> RosterDelta:
    down = tuple(Departure(_integer(row, "id"), _choice(row, "reason", REASONS)) for row in _rows(fields, "down"))
    rev = _integer(fields, "rev")
    return RosterDelta(
        epoch=_text(fields, "epoch", MAX_TEXT),
        from_rev=max(0, rev - 1) if fields.get("from") is None else _integer(fields, "from"),
        rev=rev,
        up=tuple(_read_entry(row) for row in _rows(fields, "up")),
        down=down,
    )


def _read_error(fields: Mapping[str, Any]) -> Error:
    retry_after = None if fields.get("retry_after") is None else _seconds(fields, "retry_after")
    return Error(_text(fields, "code", MAX_TEXT), printable(fields.get("message", ""), MAX_MESSAGE), retry_after)


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Message]] = {
    "register": _read_register,
    "welcome": _read_welcome,
    "client_list": _read_client_list,
    "roster_delta": _read_delta,
    "resync": lambda fields: Resync(),
    "ping": lambda fields: Ping(_optional_integer(fields, "seq")),
    "pong": lambda fields: Pong(_optional_integer(fields, "seq"), _optional_integer(fields, "rev")),
    "leave": lambda fields: Leave(),
    "error": _read_error,
}


# --- addresses that people type ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """Where a server is. ``str()`` gives it as a person types it."""

    host: str
    port: int = field(default=DEFAULT_PORT)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or a bare IPv6 address.

    Raises ValueError with a sentence for the person who typed it.
    """
    text = text.strip()
    match = re.fullmatch(r"\[([^\[\]]+)\](?::(.*))?", text)
    if match:
        host, port_text = match.group(1), match.group(2)
    elif text.count(":") > 1:
        host, port_text = text, None
    else:
        host, _, rest = text.partition(":")
        port_text = rest if ":" in text else None
    if not re.fullmatch(r"[^\s\[\]/@]{1,253}", host) or not host.isprintable():
        raise ValueError(
            f"{printable(text)!r} is not a server address; type HOST or HOST:PORT, such as 192.168.1.20:8080"
        )
    return Address(host, default_port if port_text is None else parse_port(port_text))


def parse_port(text: str, lowest: int = 1) -> int:
    """A TCP port that a person typed. Raises ValueError with a sentence for that person."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not lowest <= int(digits) <= 65535:
        raise ValueError(f"{printable(text)!r} is not a port; it must be a whole number from {lowest} to 65535")
    return int(digits)
