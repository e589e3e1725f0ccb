"""The messages around the door of a room, and a teacher's acts: what comes with version 2 beside the roster.

``hello`` and ``room`` ask and tell what room this is, before anybody has given a name. ``auth`` carries the exchange in
which both sides prove that they know the code (`rollcall.wire.scram`). Acts (``kick``, ``substitute``,
``board_link``) are what only a teacher may do; each is answered with ``done`` or ``denied``, in the order in which they
came, and a ``denied`` ends nothing. ``ref`` is a number of the asker's choice, which the answer repeats.

`protocol.py` encodes and decodes them with its own: this is the floor that it stands on. Each class is one message;
`TYPES` gives its name on the wire, `READERS` what reads it. Optional fields that are None or empty are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

from rollcall.wire import class_messages, class_reading
from rollcall.wire import fields as read
from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.text import MAX_NAME, check_name, counted, printable

MEMBER, TEACHER, SUBSTITUTE = "member", "teacher", "substitute"
ROLES = (MEMBER, TEACHER, SUBSTITUTE)
"""What somebody is in the room: one of the class, who may do everything, who may begin, end and mark this day's
lessons."""

THIS_MACHINE, CODE, NOBODY = "this machine", "code", "nobody"
PROOFS = (THIS_MACHINE, CODE, NOBODY)
"""What makes somebody a teacher: sitting at the server's own machine (or the code, if there is one), only the code, or
nothing."""

MAX_AUTH = 1000
"""Characters of one message of SCRAM; ours have about 150."""

MAX_SENTENCE = 200
"""Characters of a sentence from one person to another."""

MAX_KICK_MINUTES = 240
MAX_NAMES = 1000


@dataclass(frozen=True)
class Hello:
    """What room is this? At most three times, before `register`; only inside TLS, or where the asker knows that the
    server has the word: a server of version 0.1.0 ends the connection, and an original one says nothing."""

    app: str = ""


@dataclass(frozen=True)
class RoomInfo:
    """The answer to `Hello`. ``closed``: a code is needed. ``teacher`` is one of `PROOFS`. ``nonce`` is for the proof
    of who sits at the server's own machine. ``names`` are to choose from, or None. ``record`` tells what is written
    down: "class", "always", "never" or, where there is no record, nothing; ``record_days`` for how long."""

    server_name: str
    protocol: int
    app: str
    closed: bool
    epoch: str
    teacher: str = NOBODY
    nonce: str = ""
    names: Optional[Tuple[str, ...]] = None
    record: str = ""
    record_days: Optional[int] = None


@dataclass(frozen=True)
class Auth:
    """One of the four messages of SCRAM-SHA-256-PLUS. ``device_id`` comes with the client's first."""

    data: str
    device_id: str = ""


@dataclass(frozen=True)
class Kick:
    """Remove a member. ``minutes`` for which it may not come back; ``message`` is for the person."""

    id: int
    minutes: int = 0
    message: str = ""
    ref: Optional[int] = None


@dataclass(frozen=True)
class Substitute:
    """Make a code for a substitute, until midnight; `Done.code` is the code. A new one ends the one before."""

    ref: Optional[int] = None


@dataclass(frozen=True)
class BoardLink:
    """How does a browser get to the board? `Done.code` is the path, which in a closed room shows names to the first
    browser that opens it; `Done.note` is the address under which others reach this server."""

    ref: Optional[int] = None


MAX_SUMS, MAX_SUM_LINE = 20, 330
"""Files whose sums a teacher is told, and characters of each: a name has at most 255."""

_SUM = re.compile(r"[0-9a-f]{64}  \S")


@dataclass(frozen=True)
class Done:
    """An act was done. ``note`` is what its teacher should know about it, ``sums`` what is handed out here: of each
    file a line of its SHA-256, two spaces and its name."""

    act: str
    ref: Optional[int] = None
    note: str = ""
    code: str = ""
    sums: Optional[Tuple[str, ...]] = None


@dataclass(frozen=True)
class Denied:
    """An act was not done; ``message`` says why, for a person. The connection goes on."""

    act: str
    message: str
    ref: Optional[int] = None


ANOTHER_CLASS = "another_class"
"""A notice to a member: a lesson of another class has begun, and nobody of its name is on the list."""


@dataclass(frozen=True)
class Notice:
    """To teachers, unasked: what they should know about a member (``id``). ``about`` says for programs what it is
    ("kicked": it came under the name of somebody who was removed), ``message`` says it for a person. One is for
    members: `ANOTHER_CLASS`."""

    about: str
    message: str
    id: Optional[int] = None


Around = Union[Hello, RoomInfo, Auth, Kick, Substitute, BoardLink, Done, Denied, Notice, class_messages.AboutClass]
AROUND = (Hello, RoomInfo, Auth, Kick, Substitute, BoardLink, Done, Denied, Notice, *class_messages.ABOUT_CLASS)

TYPES: Mapping[type, str] = {
    **class_messages.TYPES,
    Hello: "hello",
    RoomInfo: "room",
    Auth: "auth",
    Kick: "kick",
    Substitute: "substitute",
    BoardLink: "board_link",
    Done: "done",
    Denied: "denied",
    Notice: "notice",
}


def to_fields(message: Around) -> Dict[str, Any]:
    """The message as the object that is sent."""
    if isinstance(message, class_messages.ABOUT_CLASS):
        return class_messages.to_fields(message)
    set_ones = {key: value for key, value in vars(message).items() if value is not None and value != ""}
    return {"type": TYPES[type(message)], **set_ones}


def role_of(fields: Mapping[str, Any]) -> str:
    """The role in what a server says; one that a newer server invents is a member's."""
    return read.choice_or(MEMBER, fields, "role", ROLES)


def _ref(fields: Mapping[str, Any]) -> Optional[int]:
    return read.optional_integer(fields, "ref")


def _sentence(fields: Mapping[str, Any], key: str) -> str:
    """From a person to a person. Too long is wrong; what cannot be shown is shown as what it is."""
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_SENTENCE:
        raise read.wrong(key, f"a text of at most {counted(MAX_SENTENCE, 'character')}")
    return printable(value, MAX_SENTENCE)


def _said(fields: Mapping[str, Any], key: str, limit: int) -> str:
    value = fields.get(key)
    return printable(value, limit) if isinstance(value, str) else ""


def _sums(fields: Mapping[str, Any]) -> Optional[Tuple[str, ...]]:
    """Lines as ``sha256sum`` writes them; what is none is left out."""
    sums = fields.get("sums")
    found = [one for one in sums[:MAX_SUMS] if isinstance(one, str)] if isinstance(sums, list) else []
    return tuple(printable(one, MAX_SUM_LINE) for one in found if _SUM.match(one)) or None


def _names(fields: Mapping[str, Any]) -> Optional[Tuple[str, ...]]:
    names = fields.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        raise read.wrong("names", f"a list of at most {counted(MAX_NAMES, 'name')}")
    return tuple(map(check_name, names))


def _read_room(fields: Mapping[str, Any]) -> RoomInfo:
    return RoomInfo(
        server_name=read.text(fields, "server_name", MAX_NAME),
        protocol=read.integer(fields, "protocol", 2),
        app=read.text_or("", fields, "app", MAX_TEXT),
        closed=read.flag(fields, "closed", False),
        epoch=read.text(fields, "epoch", MAX_TEXT),
        teacher=read.choice_or(NOBODY, fields, "teacher", PROOFS),
        nonce=read.text_or("", fields, "nonce", MAX_TEXT),
        names=_names(fields),
        record=read.text_or("", fields, "record", MAX_TEXT),
        record_days=read.integer_or(None, fields, "record_days"),
    )


def _read_kick(fields: Mapping[str, Any]) -> Kick:
    minutes = read.integer(fields, "minutes", 0, MAX_KICK_MINUTES) if "minutes" in fields else 0
    return Kick(read.integer(fields, "id"), minutes, _sentence(fields, "message"), _ref(fields))


READERS: Mapping[str, Callable[[Mapping[str, Any]], Around]] = {
    "hello": lambda fields: Hello(read.text(fields, "app", MAX_TEXT, "")),
    "room": _read_room,
    "auth": lambda fields: Auth(read.text(fields, "data", MAX_AUTH), read.text(fields, "device_id", MAX_TEXT, "")),
    "kick": _read_kick,
    "substitute": lambda fields: Substitute(_ref(fields)),
    "board_link": lambda fields: BoardLink(_ref(fields)),
    "done": lambda fields: Done(
        read.text(fields, "act", MAX_TEXT), _ref(fields), _said(fields, "note", 1000), _said(fields, "code", MAX_TEXT),
        _sums(fields),
    ),
    "denied": lambda fields: Denied(read.text(fields, "act", MAX_TEXT), _said(fields, "message", 1000), _ref(fields)),
    "notice": lambda fields: Notice(
        read.text(fields, "about", MAX_TEXT), _said(fields, "message", 1000), read.integer_or(None, fields, "id")
    ),
    **class_reading.READERS,
}
