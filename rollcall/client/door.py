"""How a client comes into a room: in the clear or through TLS, with which code, and what it tells to whom.

The rules, in the order in which `Door` asks:

- Who has typed a code, was told that one is needed, or met a server with TLS at this address, speaks TLS there and
  nothing else. Only a plain line in the place of a ServerHello says that there is none, and that ends the attempt.
- Everyone else registers in the clear; ``code_required`` leads to TLS, to the exchange with keys that are kept, or to
  the question for the code. Nobody waits for the answer: the client ends, and another one is started with the code.
- Where a code is due, nothing but ``hello`` and ``auth`` is said before the server has proven that it knows it, too. A
  server that would have us in without is somebody who strips the protection off, and is called so.
- A server is its certificate. What was learned of one (keys, a code that was typed for it, its token, the instance that
  it knows us by) is for that one only, and a token only for the epoch in which it was given.

Keys that fit the server's challenge are used; otherwise the call is ended, the keys are derived (`derive`), and the
client calls again: `CallAgain`. Everything here belongs to the client's reader thread; but `trust` may be read by all.
"""

from __future__ import annotations

import secrets
import socket
from collections import OrderedDict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterator, Optional, Type, TypeVar

from protocol import (
    ASK,
    ERROR_CODES,
    PROTOCOL_VERSION,
    RETRY,
    ClientList,
    Error,
    Message,
    Register,
    RosterDelta,
    Welcome,
    __version__,
    encode,
)
from rollcall.client import events, sentences
from rollcall.client.calls import CallAgain, Ended, first_line
from rollcall.client.derivation import derive
from rollcall.client.dial import NotOurs
from rollcall.client.events import CodeNeeded, Event, RoomSeen, ServerKnown, ServerWarning
from rollcall.client.this_machine import is_here, read_key
from rollcall.client.trust import KnownServer, Trust
from rollcall.wire import messages
from rollcall.wire.address import Address
from rollcall.wire.binding import NoBinding, end_point
from rollcall.wire.codes import Folded, fold
from rollcall.wire.connection import Connection
from rollcall.wire.messages import MEMBER, Auth, Hello, RoomInfo
from rollcall.wire.own_machine import OwnMachine
from rollcall.wire.scram import CLASS, TEACHER, ClientExchange, ScramError
from rollcall.wire.scram_keys import Challenge, ClientKeys

if TYPE_CHECKING:
    import ssl

    from rollcall.wire.secure import SecureConnection

M = TypeVar("M", bound=Message)

APP = f"rollcall {__version__}"

SUBSTITUTE_CODE = "SUB"
"""What a substitute's code begins with, so that whoever has it says it where a teacher says his."""

MOST_DERIVATIONS = 2
"""Times that keys are derived in one attempt. A server has one salt for one code; a second one is a code that has just
been changed."""

MOST_PAPERS = 8
"""Servers that a client has papers for at a time, of those that answer at its one address."""


@dataclass(frozen=True)
class Papers:
    """What one server, or whoever answers in the clear, knows this run of a client by."""

    instance: str
    token: Optional[str] = None
    epoch: str = ""


class Door:
    """The way into the room at ``address``, for one client that is called ``name``. Without a name it goes no further
    than to the names that the room offers (`RoomSeen`), through TLS only, and then ends: `events.NAME_NEEDED`.

    ``code`` is as it was typed (`rollcall.wire.codes.UnfitCode`, a ValueError, if it can be none) or empty; ``teacher``
    says that it is the teacher's, and that we want to be one. ``accept`` is the fingerprint of the server that the code
    was typed for after a warning. ``least_iterations`` is less than `scram_keys.MIN_ITERATIONS` in tests only. ``tell``
    takes events; ``own_folder`` is where a server of this machine keeps its data.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        tell: Callable[[Event], None],
        code: str,
        teacher: bool,
        trust: Trust,
        device_id: str,
        accept: str,
        least_iterations: int,
        own_folder: Optional[Path],
    ) -> None:
        self.trust = trust
        self.fingerprint = ""  # of the server that we speak with; empty in the clear
        self._address = str(address)
        self._port = address.port
        self._name = name
        self._attempts = 0
        self._tell = tell
        self._code: Folded = fold(code)
        is_substitute = self._code.startswith(SUBSTITUTE_CODE)
        self._user = CLASS if not teacher else messages.SUBSTITUTE if is_substitute else TEACHER
        self._device_id = device_id
        self._code_is_for = accept
        self._least_iterations = least_iterations
        self._own_folder = own_folder
        self._wants_own = False
        self._own: Optional[OwnMachine] = None
        self._context: Optional[ssl.SSLContext] = None
        self._was_asked = False  # a server at this address wanted a code
        self._papers: OrderedDict[str, Papers] = OrderedDict()
        self._derived: Optional[ClientKeys] = None
        self._derivations = 0
        # Of this call:
        self._room: Optional[RoomInfo] = None
        self._proven: Optional[ClientKeys] = None

    # --- before anything is said ------------------------------------------------------------------------------

    def begin(self) -> None:
        """A new attempt."""
        self._derivations = 0

    def open(self, connection: Connection, sock: socket.socket) -> Connection:
        """What to speak through: this connection, or TLS on it, whose handshake is then `shake`. ``sock`` is its
        socket. Raises `Ended`."""
        self.fingerprint, self._room, self._proven = "", None, None
        self._wants_own = self._user == TEACHER and not self._code and is_here(sock)
        self._own = read_key(self._port, self._own_folder) if self._wants_own else None
        if not (self._only_tls() or (self._own is not None and self._own.fingerprint)):
            return connection
        try:
            from rollcall.wire.secure import SecureConnection, client_context
        except ImportError:
            raise self._refusal(events.NO_TLS, sentences.NO_SSL) from None
        if self._context is None:
            self._context = client_context()
        return SecureConnection(connection, self._context)

    def _only_tls(self) -> bool:
        return bool(self._code or self._was_asked or self.trust.at(self._address) or not self._name)

    def shake(self, connection: Connection) -> None:
        """The handshake, where there is one. Raises OSError, `Ended`, or `NotOurs`."""
        secure = _secure(connection)
        if secure is None:
            return
        from rollcall.wire.secure import NotRollcall, PlainAnswer, fingerprint

        try:
            secure.handshake()
        except PlainAnswer as answer:
            raise self._no_tls(answer.first) from None
        except NotRollcall:
            why = f"this is not a Rollcall server (it is encrypted, and something else); is {self._address} right?"
            raise NotOurs(why) from None
        self.fingerprint = fingerprint(secure.peer_certificate)

    def _no_tls(self, first: bytes) -> Ended:
        said = first_line(first)
        if isinstance(said, Error) and ERROR_CODES.get(said.code) == RETRY:
            return Ended(said.message or said.code, said)  # who is full has no time for a handshake either
        text = sentences.no_tls(self._address, bool(self.trust.at(self._address)), self._was_asked)
        self._tell(ServerWarning(events.NO_TLS, text))
        return self._refusal(events.NO_TLS, text)

    # --- what is said first -----------------------------------------------------------------------------------

    def enter(self, connection: Connection, incoming: Iterator[Message], own_ip: str, own_port: int) -> Register:
        """Say what is to be said before `register`, and hear the answers. Returns what to register with.

        Raises `Ended`, `CallAgain`, and what ``incoming`` raises."""
        epoch = proof = ""
        secure = _secure(connection)
        if secure is not None:
            room = self._room = self._hello(connection, incoming)
            epoch = room.epoch
            try:
                binding = end_point(secure.peer_certificate)
            except NoBinding as error:
                raise self._warn(events.NOT_PROVEN, f"Nothing can be proven to this server: {error}.") from None
            if self._own is not None:  # its file told us which certificate is right: this is the server that we know
                proof = self._own.proof_for(room.nonce, epoch, self.fingerprint, binding)
            if not proof and self._wants_proof(room):
                self._prove(connection, incoming, room, binding)
            if not self._name:
                raise self._nameless(connection, incoming, room)
        elif self._own is not None:
            room = self._hello(connection, incoming)
            proof = self._own.proof_for(room.nonce, room.epoch)
        papers = self._papers_for(self.fingerprint)
        # In the clear there is nothing to tell servers by but the address; what came in the clear is no secret there.
        is_its_token = papers.epoch == epoch or not self.fingerprint
        self._attempts += 1
        return Register(
            client_ip=own_ip,
            client_port=own_port,
            protocol=PROTOCOL_VERSION,
            name=self._name,
            device_id=self._device_id if self.fingerprint else "",
            resume_token=papers.token if is_its_token else None,
            packed=True,
            app=APP,
            instance=papers.instance,
            attempt=self._attempts,
            role=MEMBER if self._user == CLASS else messages.TEACHER,
            proof=proof,
        )

    def _hello(self, connection: Connection, incoming: Iterator[Message]) -> RoomInfo:
        connection.send(encode(Hello(APP)))
        room = self._hear(incoming, RoomInfo)
        self._look_again()
        is_known = self.trust.find(self.fingerprint) is not None
        self._tell(
            RoomSeen(
                self._address, room.server_name, self.fingerprint, is_known, room.closed, room.teacher, room.names,
                room.record, room.record_days,
            )
        )  # fmt: skip
        return room

    def _look_again(self) -> None:
        """A server that has said something has written its key. We were in its listen queue while it started, if that
        is another than we have read: only a new call can be made with it."""
        key = read_key(self._port, self._own_folder) if self._wants_own else None
        if key is not None and key != self._own:
            raise CallAgain

    def _hear(self, incoming: Iterator[Message], kind: Type[M]) -> M:
        for message in incoming:
            if isinstance(message, kind):
                return message
            if isinstance(message, Error):
                raise Ended(message.message or message.code, message)
            if isinstance(message, (Welcome, ClientList, RosterDelta)):
                raise self._warn(events.NOT_PROVEN, sentences.TAKEN_IN_WITHOUT)
        raise Ended("the server closed the connection")

    def _wants_proof(self, room: RoomInfo) -> bool:
        """Whether the code is due. Raises `Ended` where the room says that it is not and we know better."""
        known = self.trust.find(self.fingerprint)
        if room.closed:
            return True
        if self._user != CLASS and (self._code or (known is not None and self._user in known.keys)):
            return True
        if known is None and self.trust.closed_like(room.server_name, self._address) is not None:
            text = sentences.another_server(room.server_name, self._address, self.fingerprint)
            raise self._warn(events.ANOTHER_SERVER, text, events.NOT_CLOSED)
        if self._code or self._was_asked or (known is not None and known.closed):
            raise self._warn(
                events.NOT_CLOSED, sentences.not_closed(room.server_name, self._address, known is not None)
            )
        return False

    def _prove(self, connection: Connection, incoming: Iterator[Message], room: RoomInfo, binding: bytes) -> None:
        """The exchange, after which both sides have proven that they know the code."""
        known = self.trust.find(self.fingerprint) or KnownServer(self.fingerprint)
        may_type = self._code_is_meant_for(room)
        derived = self._derived if may_type else None  # of the code, and for nobody else than that is
        kept = [keys for keys in (derived, known.keys.get(self._user)) if keys is not None]
        if not kept and not may_type:
            raise self._ask(room)
        exchange = ClientExchange(self._user, binding, max(self._least_iterations, known.least_iterations))
        try:
            connection.send(encode(Auth(exchange.first(), self._device_id)))
            challenge = exchange.challenged(self._hear(incoming, Auth).data)
            fitting = [keys for keys in kept if keys.fit(challenge)]
            if not fitting and not may_type:
                raise self._ask(room)  # the code has been changed
            if not fitting:
                self._code_is_for = self.fingerprint
                raise CallAgain(challenge)
            connection.send(encode(Auth(exchange.final(fitting[0]))))
            exchange.verify(self._hear(incoming, Auth).data)
        except ScramError as error:
            self._doubt()
            if error.code != "bad_code":
                raise self._warn(events.NOT_PROVEN, sentences.exchange(error, self._is_stranger())) from None
            raise self._wrong_code(room, str(error)) from None
        except Ended as ended:
            if ended.error is None or ended.error.code != "bad_code":
                raise
            self._doubt()
            raise self._wrong_code(room, ended.error.message) from None
        self._proven = fitting[0]
        self._code_is_for = self.fingerprint

    def _code_is_meant_for(self, room: RoomInfo) -> bool:
        """Whether the code that was typed may be used with this server."""
        if self._code_is_for:
            return bool(self._code) and self._code_is_for == self.fingerprint
        is_imitation = self._is_stranger() and self.trust.closed_like(room.server_name, self._address) is not None
        return bool(self._code) and not is_imitation and self.fingerprint not in self.trust.doubted

    def _doubt(self) -> None:
        """An exchange has failed; with a stranger, that is remembered."""
        if self._is_stranger():
            self.trust = self.trust.with_doubt(self.fingerprint)

    def _is_stranger(self) -> bool:
        return self.trust.find(self.fingerprint) is None

    def _nameless(self, connection: Connection, incoming: Iterator[Message], room: RoomInfo) -> Ended:
        """Nobody has chosen a name: hear which there are, now that we may, and keep what was proven."""
        names = room.names
        if self._proven is not None:
            names = self._hello(connection, incoming).names
            self._met(room.server_name, room.closed)
        return self._refusal(events.NAME_NEEDED, sentences.name_needed(bool(names)))

    # --- how it can end ---------------------------------------------------------------------------------------

    def _wrong_code(self, room: RoomInfo, said: str) -> Ended:
        known = self.trust.find(self.fingerprint)
        if known is not None and self._user in known.keys:
            self._keep(known.without_keys(self._user))
        return self._ask(room, said or "this is not the code")

    def _ask(self, room: RoomInfo, wrong: str = "") -> Ended:
        """A person is needed: ``wrong`` says what became of the code that we had."""
        kind = warning = ""
        if self._is_stranger():
            if self.trust.closed_like(room.server_name, self._address) is not None:
                kind = events.ANOTHER_SERVER
                warning = sentences.another_server(room.server_name, self._address, self.fingerprint)
            elif self._code_is_for not in ("", self.fingerprint):
                kind, warning = events.ANOTHER_SERVER, sentences.changed(self._address, self.fingerprint)
            elif self.fingerprint in self.trust.doubted:
                kind, warning = events.FAILED_WITH_STRANGER, sentences.failed_with_stranger(self.fingerprint)
        if warning:
            self._tell(ServerWarning(kind, warning, self.fingerprint))
        self._tell(
            CodeNeeded(
                self._address,
                room.server_name,
                self.fingerprint,
                not self._is_stranger(),
                self._user,
                bool(wrong),
                warning,
            )
        )
        if wrong:
            return self._refusal("bad_code", wrong)
        return self._refusal("code_required", sentences.code_needed(room.server_name, self._user))

    def _warn(self, kind: str, text: str, code: str = "") -> Ended:
        """A server that we do not go on with; ``code`` is that of the refusal, if it is not the warning's."""
        self._tell(ServerWarning(kind, text, self.fingerprint))
        return self._refusal(code or kind, text)

    def _refusal(self, code: str, text: str) -> Ended:
        return Ended(text.rstrip("."), Error(code, text), ASK)

    def calls_again(self, error: Optional[Error]) -> bool:
        """Whether what has ended a call in the clear only says that this server wants TLS."""
        if error is None or error.code != "code_required" or self.fingerprint or self._was_asked:
            return False
        self._was_asked = True
        return True

    def derive(self, challenge: Challenge, stopping: Callable[[], bool]) -> None:
        """Derive the keys for the next call. Raises `Cancelled` after a stop, and `Ended` if it was done too often."""
        self._derivations += 1
        if self._derivations > MOST_DERIVATIONS:
            raise self._warn(events.NOT_PROVEN, sentences.TOO_MANY_DERIVATIONS)
        self._derived = derive(self._code, challenge, stopping)

    # --- what is kept -----------------------------------------------------------------------------------------

    def _papers_for(self, fingerprint: str) -> Papers:
        """What that server knows us by, made anew for one that does not."""
        papers = self._papers.pop(fingerprint, None) or Papers(secrets.token_hex(16))
        self._papers[fingerprint] = papers
        if len(self._papers) > MOST_PAPERS:
            self._papers.popitem(last=False)
        return papers

    def welcomed(self, welcome: Welcome) -> None:
        """We are in: keep what this server gave us, and what we know of it now. Raises `CallAgain`."""
        if self._room is None:
            self._look_again()
        papers = self._papers[self.fingerprint]
        self._papers[self.fingerprint] = replace(papers, token=welcome.resume_token, epoch=welcome.epoch)
        if not self.fingerprint or self._room is None:
            if self.trust.closed_like(welcome.server_name) is not None:
                self._tell(ServerWarning(events.OPEN_NAMESAKE, sentences.open_namesake(welcome.server_name)))
            return
        self._met(welcome.server_name, self._room.closed)

    def _met(self, name: str, closed: bool) -> None:
        """What we know of this server now, with the keys by which both sides have proven the code."""
        known = self.trust.find(self.fingerprint) or KnownServer(self.fingerprint)
        known = replace(known, name=name, closed=closed).at(self._address)
        if self._proven is not None:
            known = known.with_keys(self._user, self._proven)
        self._keep(known)

    def _keep(self, known: KnownServer) -> None:
        if known != self.trust.find(known.fingerprint):
            self.trust = self.trust.with_server(known)
            self._tell(ServerKnown(known.fingerprint, known.name, known.closed))


def _secure(connection: Connection) -> Optional[SecureConnection]:
    """The connection, if it is one with TLS. No module of TLS is imported for one in the clear."""
    return connection if type(connection) is not Connection else None  # type: ignore[return-value]
