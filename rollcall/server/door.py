"""The conversation with one caller before it registers: what room is this, do you know the code, what may you be?

A `Door` belongs to one connection and to its handler's thread, and is forgotten with the registration. The rules:

- The first byte tells what calls. 0x16 is a TLS hello: `take` makes a secure connection of the plain one, and `shake`
  waits for the handshake in the handler's thread. In a room with a code everybody else hears `code_required` in the
  clear, once, whatever was said.
- Before ``register`` come ``hello`` (at most three times) and one exchange of ``auth``, nothing else. An exchange is
  inside TLS only, and whoever sent too many wrong codes is refused before it begins.
- `admit` decides what a ``register`` is worth: nobody comes into a closed room without a proven code or the proof that
  it sits at the server's own machine; nobody is a teacher who did not ask, or who has proven nothing. Who asks in vain
  is a member and is told why.

What is proven here is what was said on this very connection: nothing of it outlives that.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from typing import Optional, Tuple

from protocol import Error, Message, Register
from rollcall.server.allowance import Refusal
from rollcall.server.room import Room
from rollcall.wire.connection import Connection
from rollcall.wire.errors import ProtocolError
from rollcall.wire.messages import MEMBER, SUBSTITUTE, TEACHER, THIS_MACHINE, Auth, Hello, RoomInfo
from rollcall.wire.scram import ScramError, ServerExchange

log = logging.getLogger("rollcall.door")

TLS_HELLO = 0x16
"""The first byte of a TLS client (RFC 8446, 5.1). `rollcall.wire.secure` has it too, and is loaded when it comes."""

MOST_HELLOS = 3


class Door:
    """What one caller, from ``address``, has said and proven so far."""

    __slots__ = (
        "_address",
        "_device_id",
        "_exchange",
        "_heard",
        "_hellos",
        "_keys",
        "_nonce",
        "_offered",
        "_room",
        "_secured",
        "_user",
    )

    def __init__(self, room: Room, address: str) -> None:
        self._room = room
        self._keys = room.keys
        self._address = address
        self._heard = False
        self._hellos = 0
        self._nonce = ""
        self._offered = False  # the names of the class
        self._exchange: Optional[ServerExchange] = None
        self._device_id = ""
        self._user = ""  # once it is proven
        self._secured: Optional[bytes] = None  # the channel binding, inside TLS

    # --- TLS ------------------------------------------------------------------------------------------------------

    def is_tls_hello(self, data: bytes) -> bool:
        """Whether these are the very first bytes of the caller, and a TLS hello."""
        first, self._heard = not self._heard, True
        return first and data[0] == TLS_HELLO

    def take(self, plain: Connection, first: bytes) -> Connection:
        """The secure connection in the place of ``plain``, of which ``first`` was read; `shake` comes next.

        Raises `Refusal` in the clear if this server has no TLS: only that tells a client so.
        """
        tls = self._keys.tls()
        if tls is None:
            raise Refusal(Error("bad_message", "this server has no TLS; call again without"))
        from rollcall.wire.secure import SecureConnection

        context, self._secured = tls
        secure = SecureConnection(plain, context, first)
        self._room.secured(secure)
        return secure

    def shake(self, connection: Connection) -> None:
        """Wait for the end of the handshake, not longer than the connection has to register. Raises OSError. What there
        is to compute for it the one thread does that does so for all."""
        from rollcall.wire.secure import SecureConnection

        assert isinstance(connection, SecureConnection)
        deadline = self._room.clock() + self._room.config.registration_timeout
        connection.handshake(deadline, self._room.handshakes.step)

    def check_way(self) -> None:
        """Raises `Refusal` for whoever speaks in the clear where that is not taken."""
        if self._keys.closed and self._secured is None:
            raise Refusal(
                Error(
                    "code_required", "this room is closed: it takes the code on the board, and a client that knows TLS"
                )
            )

    # --- what a caller may say before it registers ------------------------------------------------------------------

    def answer(self, message: Message) -> Message:
        """The answer to a message that comes before ``register``. Raises `ProtocolError` or `Refusal`."""
        if isinstance(message, Hello):
            return self._hello()
        if isinstance(message, Auth):
            return Auth(self._proof_taken(message) if self._exchange is not None else self._challenge(message))
        raise ProtocolError("bad_message", 'the first message must be "register"')

    def _hello(self) -> RoomInfo:
        self._hellos += 1
        if self._hellos > MOST_HELLOS:
            raise ProtocolError("bad_message", f'"hello" comes at most {MOST_HELLOS} times')
        if self._keys.own_machine is not None and not self._nonce:
            self._nonce = secrets.token_urlsafe(18)
        return self._room.info(self._nonce, self._names())

    def _names(self) -> Optional[Tuple[str, ...]]:
        """Those to choose from: once a connection, and in a closed room for who has proven the code."""
        if self._offered or (self._keys.closed and not self._user):
            return None
        names = self._room.classroom.names_to_offer(self._keys.closed)
        self._offered = names is not None
        return names

    def _challenge(self, message: Auth) -> str:
        if self._secured is None:
            raise ProtocolError("bad_message", "auth: is taken inside TLS only")
        if self._user:
            raise ProtocolError("bad_message", "auth: the code is proven; register comes next")
        exchange = ServerExchange(self._keys.credentials(), self._secured)
        user = exchange.asked(message.data)
        self._room.attempts.check(user, self._address, message.device_id)
        self._exchange, self._device_id = exchange, message.device_id
        return exchange.challenge()

    def _proof_taken(self, message: Auth) -> str:
        exchange, attempts = self._exchange, self._room.attempts
        assert exchange is not None
        self._exchange = None
        attempts.spend(exchange.user, self._address, self._device_id)
        try:
            final = exchange.verify(message.data)
        except ScramError:
            self._room.note_wrong_codes(attempts.failed(exchange.user, self._address))
            raise
        attempts.succeeded(exchange.user, self._address, self._device_id)
        self._user = exchange.user
        return final

    # --- the registration -----------------------------------------------------------------------------------------

    def admit(self, register: Register) -> Tuple[str, str]:
        """As what this caller comes in: its role, and why it is only that (empty if it is what it asked for).

        Raises `Refusal` (``code_required``) if it does not come in at all.
        """
        at_machine = self._sits_at_our_machine(register.proof)
        if self._keys.closed and not self._user and not at_machine:
            raise Refusal(Error("code_required", "this room is closed: it takes the code on the board"))
        if register.role != TEACHER:
            return MEMBER, ""
        if self._user in (TEACHER, SUBSTITUTE):
            return self._user, ""
        if at_machine and self._keys.teacher == THIS_MACHINE:
            return TEACHER, ""
        return MEMBER, self._keys.how_to_teach()

    def _sits_at_our_machine(self, proof: str) -> bool:
        own = self._keys.own_machine
        if own is None or not proof or not self._nonce:
            return False
        if self._secured is None and own.fingerprint:
            return False  # in the clear it may have been passed on, by whoever poses as this server
        right = own.proof(self._nonce, self._secured or b"")
        return hmac.compare_digest(right.encode("ascii"), proof.encode("utf-8"))
