"""What teachers do: each act is a function here and a line in `ACTS`.

An act runs in the thread of the teacher's own handler: what takes a while holds up that teacher and nobody else. It
returns what is told about it (`Done`), or raises `NotDone` with a sentence for the person. Who may do what stands in
`ACTS` and nowhere else: anybody else's act is denied, one line of the log says so, and the connection goes on. A new
act is its message (`rollcall.wire.messages`), a function, and its line in `ACTS`.
"""

from __future__ import annotations

import logging
from typing import Any, Callable, Dict, FrozenSet, NamedTuple, Union

from protocol import KICKED, Error
from rollcall.server.acting import Asker, NotDone
from rollcall.server.machine import reachable_addresses
from rollcall.wire.address import Address, is_loopback
from rollcall.wire.class_messages import (
    Attendance,
    FollowClass,
    Identify,
    ImportClass,
    LessonAct,
    MarkAct,
    SaveClass,
    SetClass,
)
from rollcall.wire.messages import MAX_SUMS, SUBSTITUTE, TEACHER, TYPES, BoardLink, Denied, Done, Kick, Substitute
from rollcall.wire.text import counted, quoted

log = logging.getLogger("rollcall.acts")

TRIES = 3
"""How often a member that is just coming back on another connection is looked for again."""


THAT_IS_ALL = "its connection was ended, and that is all: a client of version 1 is not known again when it comes back"


class Act(NamedTuple):
    """``do`` does it, and ``roles`` may ask for it."""

    do: Callable[[Asker, Any], Done]
    roles: FrozenSet[str]


def perform(asker: Asker, message: Any) -> Union[Done, Denied]:
    """Do what ``message``, of a type in `ACTS`, asks for: the answer to it."""
    act, name = ACTS[type(message)], TYPES[type(message)]
    journal = asker.room.journal
    try:
        if asker.role not in act.roles:
            raise NotDone("only a teacher may do that")
        if asker.role == SUBSTITUTE and not asker.room.keys.substitute_is_valid():
            raise NotDone("the substitute's code was good until midnight")
        return act.do(asker, message)
    except NotDone as why:
        text = "denied: %s, asked for by %s, a %s: %s"
        journal.note(
            log, logging.WARNING, text, name, asker.label, asker.role, str(why), about=asker.address, member=True
        )
        return Denied(name, str(why), message.ref)


def _kick(asker: Asker, message: Kick) -> Done:
    room, seconds = asker.room, 60.0 * message.minutes
    for _ in range(TRIES):
        known = room.roster.known_as(message.id)
        if known is None:
            break
        entry = known.entry
        if entry.id == asker.member_id:
            raise NotDone("that is you")
        if entry.role == TEACHER:
            raise NotDone(f"{entry.label} is a teacher")
        # First the ban: who is removed may call again at once.
        room.bans.ban(entry.name, seconds, known.instance, known.resume_token, known.device_id)
        if room.roster.remove(known.session_id, KICKED) is None:
            continue  # it has just come back on another connection, or has gone
        room.classroom.gone(entry.id, KICKED, session_id=known.session_id)
        room.publisher.wake()
        said = message.message or "a teacher has removed you"
        peer = room.dismiss(known.session_id, Error(KICKED, said, seconds))
        minutes = f" for {counted(message.minutes, 'minute')}" if message.minutes else ""
        text = "kicked: %s (client-%d) by %s%s"
        room.journal.note(
            log,
            logging.INFO,
            text,
            quoted(entry.label),
            known.session_id,
            asker.label,
            minutes,
            about=peer,
            member=True,
        )
        return Done("kick", message.ref, "" if entry.name else THAT_IS_ALL)  # version 1 has no name
    raise NotDone(f"member {message.id} is not here any more")


def _substitute(asker: Asker, message: Substitute) -> Done:
    if asker.room.keys.tls() is None:
        raise NotDone("a code is proven inside TLS, and this server has none")
    code = asker.room.keys.new_substitute()
    text = "substitute: %s made a code that is good until midnight"
    asker.room.journal.note(log, logging.INFO, text, asker.label, about=asker.address, member=True)
    return Done("substitute", message.ref, "until midnight", code)


def _board_link(asker: Asker, message: BoardLink) -> Done:
    room = asker.room
    if not room.config.board:
        raise NotDone("this server has no board: board = false in its settings")
    address = Address(*asker.connection.own_address())
    if is_loopback(address.host):  # a teacher at the server's own machine, which the others call by another address
        address = reachable_addresses(room.config.host, address.port)[0].address
    path = room.viewers.link() if room.viewers.closed else "/board"
    text = "board_link: %s got a link to the board"  # not which one: it is a secret
    room.journal.note(log, logging.INFO, text, asker.label, about=asker.address, member=True)
    # What a page in the clear shows, somebody on the network may have put there; this connection is a teacher's.
    offers = room.downloads.offers()[:MAX_SUMS]
    sums = tuple(f"{offer.sum}  {offer.name}" for offer in offers if offer.sum)
    return Done("board_link", message.ref, str(address), path, sums or None)


def _about_class(name: str) -> Callable[[Asker, Any], Done]:
    """An act of ``class_acts.py``, which brings the record and its reports: only a server with a class needs them."""

    def run(asker: Asker, message: Any) -> Done:
        from rollcall.server import class_acts

        return class_acts.guarded(getattr(class_acts, name), asker, message)

    return run


_TEACHERS = frozenset((TEACHER,))
_BOTH = frozenset((TEACHER, SUBSTITUTE))

ACTS: Dict[type, Act] = {
    Kick: Act(_kick, _TEACHERS),
    Substitute: Act(_substitute, _TEACHERS),
    BoardLink: Act(_board_link, _TEACHERS),
    FollowClass: Act(_about_class("follow"), _BOTH),
    SetClass: Act(_about_class("set_class"), _TEACHERS),
    LessonAct: Act(_about_class("lesson"), _BOTH),
    Identify: Act(_about_class("identify"), _TEACHERS),
    MarkAct: Act(_about_class("mark"), _BOTH),
    ImportClass: Act(_about_class("import_class"), _TEACHERS),
    SaveClass: Act(_about_class("save_class"), _TEACHERS),
    Attendance: Act(_about_class("attendance"), _TEACHERS),
}
"""Every act there is, by its message, and whose it is."""
