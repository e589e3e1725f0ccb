"""One call to a server, whatever kind of connection it goes through: what comes in as messages, and how a call ends.

`messages` belongs to the reader's thread, as the connection's `receive` does. `Ended` and `CallAgain` are how whoever
speaks with the server says that this call is over; the client decides what follows.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Callable, Iterator, NamedTuple, Optional

from protocol import MAX_SERVER_LINE, Error, Message, decode
from rollcall.client.dial import Cancelled, first_words, say
from rollcall.wire.address import Address
from rollcall.wire.connection import Connection
from rollcall.wire.errors import ProtocolError
from rollcall.wire.lines import LineDecoder
from rollcall.wire.scram_keys import Challenge


class Ended(Exception):
    """This connection or attempt is over; ``str()`` says why, with no full stop. ``error`` is the server's, or ours in
    its place; ``action``, if given, is what is to be done about it whatever its code would say."""

    def __init__(self, cause: str, error: Optional[Error] = None, action: Optional[str] = None) -> None:
        super().__init__(cause)
        self.error = error
        self.action = action


class Ending(NamedTuple):
    """How an attempt ended, for the reader's next step."""

    cause: str
    error: Optional[Error] = None
    action: Optional[str] = None


def ending_of(error: Exception, cause: Optional[str], address: Address) -> Ending:
    """What an exception means that ended an attempt; ``cause`` is why our own heartbeat hung up, if it did."""
    if isinstance(error, Ended):
        return Ending(cause or str(error), error.error, error.action)
    if isinstance(error, Cancelled):
        return Ending("stopped")
    if isinstance(error, ProtocolError):
        return Ending(f"this is not a Rollcall server, or it is out of order: {error}")
    if isinstance(error, OSError):
        return Ending(cause or say(error, address))
    return Ending(cause or str(error))


class CallAgain(Exception):
    """Hang up and call again at once; ``challenge`` is what keys are to be derived for before that, if anything."""

    def __init__(self, challenge: Optional[Challenge] = None) -> None:
        super().__init__("call again")
        self.challenge = challenge


def messages(connection: Connection, address: Address, look: Callable[[], None]) -> Iterator[Message]:
    """What the server says, until the connection ends. ``look`` is called between two steps of a work that may be long;
    where it raises `Cancelled`, all is read and forgotten, until the server has our goodbye.

    Raises `ProtocolError`, OSError, and `dial.NotOurs` if the first bytes are a stranger's.
    """

    def receive() -> bytes:
        data = connection.receive()
        while not data and connection.nothing_yet:
            data = connection.receive()
        return data

    decoder = LineDecoder(MAX_SERVER_LINE)
    data = first_words(receive, address)
    while data:
        for line in decoder.feed(data):
            message = None
            with suppress(Cancelled):
                look()
                message = decode(line, MAX_SERVER_LINE, look)
            if message is not None:
                yield message
        data = receive()


def first_line(data: bytes) -> Optional[Message]:
    """The message in the first line of these bytes, if there is a whole one."""
    try:
        line = next(iter(LineDecoder().feed(data)), None)
        return decode(line) if line is not None else None
    except ProtocolError:
        return None
