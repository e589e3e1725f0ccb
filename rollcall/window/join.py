"""What the card for joining asks and says. No widgets.

Its name begins empty: an account, a machine or who sat here before is not who sits here now. Only on somebody's *own*
computer is anything but the server remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence, Tuple

from rollcall.client.events import NAME_NEEDED, RoomSeen
from rollcall.client.trust import Trust
from rollcall.window.model import CONNECTING, RECONNECTING, REFUSED, ClientModel
from rollcall.window.names import is_nobodys_name
from rollcall.window.words import BAD, MUTED, WARN, status
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address
from rollcall.wire.errors import ProtocolError
from rollcall.wire.messages import SUBSTITUTE, TEACHER
from rollcall.wire.text import check_name, counted

NAME, SERVER, CODE = "name", "server", "code"
"""The fields, for who says which of them is wrong."""

HINT = "The server shows its address when it starts; type it here, such as 192.168.1.20:8080."
NO_NAME = "Your name is missing."
OWN_NAME = "Your own name, please: first and last name."
NOT_LISTED = "My name is not there"

WANTS_CODE, WANTS_NAME = frozenset(("code_required", "bad_code")), frozenset(("invalid_name", NAME_NEEDED))


@dataclass(frozen=True)
class FoundRoom:
    """A server that answers on this network. ``note`` is what there is to know: how many are there, a code, which a
    ``closed`` one needs."""

    address: str
    name: str
    note: str = ""
    closed: bool = False


class CannotJoin(ValueError):
    """What was typed will not do: ``str()`` is a sentence, ``field`` is where the cursor should be."""

    def __init__(self, sentence: str, field: str) -> None:
        super().__init__(sentence)
        self.field = field


def read_fields(server: str, name: str, may_ask: Callable[[str], bool] = lambda address: False) -> Tuple[Address, str]:
    """The server's address and the name, which is empty where that server ``may_ask`` for names to choose from. Raises
    `CannotJoin`."""
    is_named = bool(name.strip())
    if is_nobodys_name(name):
        raise CannotJoin(OWN_NAME, NAME)
    if not server.strip():
        raise CannotJoin(HINT, SERVER) if is_named else CannotJoin(NO_NAME, NAME)
    try:
        name = check_name(name) if is_named else ""
    except ProtocolError as error:
        raise CannotJoin(str(error), NAME) from None
    try:
        address = parse_address(server, DEFAULT_PORT)
    except ValueError as error:
        raise CannotJoin(str(error), SERVER) from None
    if not is_named and not may_ask(str(address)):
        raise CannotJoin(NO_NAME, NAME)
    return address, name


def is_closed(address: str, room: Optional[RoomSeen], rooms: Sequence[FoundRoom], trust: Trust) -> bool:
    """Whether the room at this address needs a code, as far as anything tells: it itself, the network, or that it was
    met before."""
    said = [one.closed for one in (*rooms, *((room,) if room is not None else ())) if one.address == address]
    return any(said) or any(known.closed for known in trust.at(address))


@dataclass(frozen=True)
class CardWords:
    """What the card says: its title, its button, a sentence and how loud that is; which code it asks for, empty for
    none; and what is written down of who joins."""

    title: str
    button: str
    said: str
    loudness: str
    code: str
    record: str


def card_words(model: ClientModel, now: float, said: str, is_teacher: bool) -> CardWords:
    """``said`` comes before what the connection has to say: a complaint, a notice."""
    busy = model.phase in (CONNECTING, RECONNECTING)
    is_bad = said or (model.phase == REFUSED and model.refusal != NAME_NEEDED)
    loudness = BAD if is_bad else WARN if model.phase == RECONNECTING else MUTED
    room, needed = model.room, model.code_needed
    asks_code = model.refusal in WANTS_CODE or needed is not None or is_teacher or (room is not None and room.closed)
    whose = needed.user if needed is not None else TEACHER if is_teacher else ""
    label = f"The {whose}'s code" if whose in (TEACHER, SUBSTITUTE) else "Code of the room"
    said = said or (needed.warning if needed is not None else "")
    name = room.server_name if room is not None else ""
    return CardWords(
        f"Join {name}" if name else "Join", "Cancel" if busy else "Join", said or status(model, now), loudness,
        label if asks_code else "", record_text(room),
    )  # fmt: skip


def record_text(room: Optional[RoomSeen]) -> str:
    """What this room writes down, in one line; nothing where it does not say."""
    if room is None or not room.record:
        return ""
    if room.record == "never":
        return "This room keeps no record of who was here."
    days = f", for {counted(room.record_days, 'day')}" if room.record_days else ""
    return f"This room keeps a record of who was here{days}."
