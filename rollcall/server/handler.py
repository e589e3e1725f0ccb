"""The conversation with one client, in the client's own thread.

A `ClientHandler` is what `socketserver` runs for each connection: wait for bytes, cut them into lines, renew the
lease, answer. It is the only reader of its socket and the only thread that may ever wait for it. It registers the
client in the roster and hands the connection to the publisher, which alone sends the roster; the handler itself sends
the rest. What comes before the registration (TLS, the code, who may be a teacher) is decided by the `Door`, what
teachers ask for by `acts`.

Whatever goes wrong here ends this conversation and nothing else: a broken line, a flood, a reset, or a bug of ours.
"""

from __future__ import annotations

import logging
import math
import socketserver
from typing import Any, Optional

import protocol
from protocol import (
    PING_LINE,
    PONG_LINE,
    PROTOCOL_VERSION,
    Error,
    Message,
    Pong,
    Register,
    Welcome,
    decode,
    encode,
)
from rollcall.server import acts, board
from rollcall.server.acting import Asker
from rollcall.server.allowance import PART, Refusal, weight
from rollcall.server.door import Door
from rollcall.server.http_head import calls_by_http
from rollcall.server.members import Caller, Joined
from rollcall.server.room import Room
from rollcall.server.roster import GONE, RENEWED
from rollcall.server.roster_lines import PACKED, VERSION_1, VERSION_2
from rollcall.server.seats import RosterFull
from rollcall.wire.connection import BACKLOGGED, HEARTBEAT_SIZE, Connection
from rollcall.wire.errors import ProtocolError
from rollcall.wire.lines import MAX_MEMBER_LINE, LineDecoder
from rollcall.wire.messages import MEMBER, TEACHER, Denied, Notice
from rollcall.wire.text import counted, quoted

log = logging.getLogger("rollcall.handler")

TEACHER_SIZE = 2048
"""Bytes asked of the kernel at once of a teacher, whose acts have up to 8 KiB."""

LAST_WORDS = 1.0
"""Seconds that a refused peer has to read why, before its socket is closed."""

_SEQ_HEAD = b'{"type":"ping","seq":'
_SEQ_MAX = len(_SEQ_HEAD) + 15 + len(b"}\n")


def _pong_to(data: bytes, version: int, rev: int) -> Optional[bytes]:
    """The answer if these bytes are exactly one ping of a registered client, as every client writes it. Comparing bytes
    is several times cheaper than parsing JSON. Anything else takes the way through `decode`, with the same result."""
    if data == PING_LINE:
        if version == PROTOCOL_VERSION:
            return b'{"type":"pong","rev":%d}\n' % rev
        return PONG_LINE if version else None
    if version == PROTOCOL_VERSION and len(data) <= _SEQ_MAX and data.startswith(_SEQ_HEAD):
        seq = data[len(_SEQ_HEAD) : -2]
        if data.endswith(b"}\n") and seq.isdigit() and (seq[0] != 48 or seq == b"0"):
            return b'{"type":"pong","seq":%b,"rev":%d}\n' % (seq, rev)
    return None


class ClientHandler(socketserver.BaseRequestHandler):
    """The conversation with one client, in its own thread: register, then any number of messages, then the end."""

    server: Any  # a RollcallServer, which has a room: all that a handler needs of it
    request: Connection
    client_address: str  # no port: see RollcallServer.get_request

    def setup(self) -> None:
        self._room: Room = self.server.room
        self._connection = self.request
        self._session = self._connection.session_id
        self._roster = self._room.roster
        self._decoder = LineDecoder()
        self._door: Optional[Door] = Door(self._room, self.client_address)  # until it has registered
        self._version = 0  # until it has registered
        self._role = MEMBER
        self._member_id = 0
        self._asker: Optional[Asker] = None  # from the first act on
        self._late_after = 0.0
        self._end = protocol.LOST

    def handle(self) -> None:
        """Serve until the client leaves, breaks a rule or is gone."""
        try:
            self._converse()
        except ProtocolError as error:
            self._end_with(logging.WARNING, Error(error.code, str(error)))
        except Refusal as refusal:
            self._end_with(logging.INFO, refusal.error)
        except OSError as error:
            if isinstance(error, ConnectionError) and self._version == 1 and not self._roster.is_late(self._session):
                self._end = protocol.LEFT  # it closed with something unread: its system resets then
            self._note(logging.DEBUG, "broken: %s: %s", self._connection.label, str(error))

    def finish(self) -> None:
        """Whatever ended the conversation: the roster forgets the session if it has not yet, and all are told."""
        self._leave(self._end)
        if self._asker is not None:
            self._room.classroom.unfollow(self._session)
        self._room.publisher.release(self._connection)

    def _leave(self, reason: str) -> None:
        entry = self._roster.remove(self._session, reason)
        if entry is not None:
            self._note(logging.INFO, "%s: %s (%s)", reason, quoted(entry.label), self._connection.label)
            self._room.classroom.gone(entry.id, reason, session_id=self._session)
            self._room.publisher.wake()

    def _note(self, level: int, message: str, *facts: object) -> None:
        is_member = self._version > 0
        self._room.journal.note(log, level, message, *facts, about=self.client_address, member=is_member)

    def _converse(self) -> None:
        # At thousands of clients nearly everything that arrives is a heartbeat. It passes through here with as few
        # calls and objects as possible: each is memory that has left the caches since this thread last ran.
        decoder, connection, roster, session = self._decoder, self._connection, self._roster, self._session
        room = self._room
        clock, allowance, fast = room.clock, room.allowance, room.quiet
        version, between_lines, used_until = 0, fast, 0.0
        first: Optional[bytes] = b""  # until it is clear what calls: at most five bytes
        while True:
            data = connection.receive()
            pong = _pong_to(data, version, roster.rev) if between_lines else None
            if pong is not None:
                now = clock()
                used_until = allowance.spend(used_until, now)
                renewed = roster.renew(session, now)
                if renewed != RENEWED and not self._goes_on(renewed, now):
                    return
                if connection.send(pong) == BACKLOGGED:
                    self._room.publisher.finish(connection)
                continue
            if not data:
                if connection.nothing_yet:
                    used_until = allowance.spend(used_until, clock(), PART)
                    continue
                if version == 1:
                    self._end = protocol.LEFT  # version 1 has no other goodbye
                return
            if self._door is not None and self._door.is_tls_hello(data):
                connection = self._begin_tls(self._door, data)
                continue
            if first is not None and not connection.is_secure:
                data = first + data
                by_http = calls_by_http(data)
                first = data if by_http is None else None
                if by_http:
                    board.serve(room, connection, data)
                    return
                if by_http is None:
                    continue
            complete = False
            for line in decoder.feed(data):
                complete = True
                if room.trace is not None:
                    room.trace("<", connection, line)  # first: also what is then one message too many
                now = clock()
                used_until = allowance.spend(used_until, now, self._weight(line))
                if not self._one_line(line, now):
                    return
            if self._version and not complete:
                used_until = allowance.spend(used_until, clock(), PART)
            version, between_lines = self._version, fast and decoder.idle

    def _begin_tls(self, door: Door, first: bytes) -> Connection:
        """The conversation goes on inside TLS, whose first bytes were these."""
        self._connection = door.take(self._connection, first)  # before anything can fail: it is what is to be closed
        door.shake(self._connection)
        return self._connection

    def _weight(self, line: bytes) -> float:
        """What a line costs: before the registration, and of a teacher, as much as any other."""
        return weight(line) if self._version and self._role == MEMBER else 1.0

    def _one_line(self, line: bytes, now: float) -> bool:
        """Handle one line that came at monotonic time ``now``; False when the conversation is over."""
        if self._door is not None:
            return self._before(self._door, line)
        message = decode(line)
        renewed = self._roster.renew(self._session, now)
        return (renewed == RENEWED or self._goes_on(renewed, now)) and self._answer(message)

    def _before(self, door: Door, line: bytes) -> bool:
        """Handle one line of a caller that has not registered."""
        door.check_way()
        message = decode(line)
        if isinstance(message, Register):
            return self._register(message, *door.admit(message))
        self._send(encode(door.answer(message)))
        return True

    def _goes_on(self, renewed: int, now: float) -> bool:
        """More than a lease was renewed, or there is none any more; False when the conversation is over."""
        if renewed == GONE:
            # Somebody has ended this session and is about to say why and hang up. Who closes before that takes the
            # words away, and without "replaced" a client calls again, and takes its row from who has it now.
            self._connection.drain(LAST_WORDS)
            return False
        # It was late and is not any more: everyone is told, and it may be late again sooner than anything known.
        self._room.sweeper.arm(now + self._late_after)
        self._room.publisher.wake()
        self._room.classroom.heard(self._member_id)
        return True

    def _answer(self, message: Message) -> bool:
        if isinstance(message, protocol.Ping):
            self._note(logging.DEBUG, "ping from %s", self._connection.label)
            if self._version == 1:
                self._send(PONG_LINE)
            else:
                self._send(encode(Pong(message.seq, self._roster.rev)))
            self._note(logging.DEBUG, "pong to %s", self._connection.label)
        elif isinstance(message, protocol.Leave):
            self._end = protocol.LEFT
            return False
        elif isinstance(message, protocol.Resync):
            self._room.publisher.resync(self._connection)
        elif isinstance(message, Register):
            raise ProtocolError("bad_message", "register: was sent before; one registration a connection")
        elif self._version == 1:
            pass
        elif type(message) in acts.ACTS:
            if self._asker is None:
                self._asker = Asker(self._room, self._connection, self._member_id, self._role, self.client_address)
            self._send(encode(acts.perform(self._asker, message)))
        else:
            kind = repr(message.type) if isinstance(message, protocol.Unknown) else "this"
            raise ProtocolError("bad_message", f"type: {kind} is nothing that a client sends")
        return True

    def _register(self, message: Register, role: str, why_not: str) -> bool:
        """Seat this caller as ``role``; ``why_not`` says why it is no teacher, if it asked to be one."""
        if role == MEMBER:
            self._check_ban(message)
        caller = Caller(
            message.name,
            message.client_ip,
            message.client_port,
            self.client_address,
            message.protocol,
            message.resume_token,
            message.instance,
            message.attempt,
            message.device_id,
            role,
        )
        try:
            joined = self._roster.register(self._session, caller)
        except RosterFull as full:
            raise Refusal(self._room.full(str(full))) from None
        if joined is None:
            return False
        self._room.gate.leave(self._session)
        self._door = None
        self._version = message.protocol
        self._role, self._member_id = role, joined.entry.id
        self._late_after = joined.late_after
        self._connection.receive_size = HEARTBEAT_SIZE if role == MEMBER else TEACHER_SIZE
        if message.protocol == PROTOCOL_VERSION and role == MEMBER:
            self._decoder.max_line = MAX_MEMBER_LINE
        self._room.sweeper.arm(self._room.clock() + joined.late_after)
        if joined.replaced is not None:
            self._room.replace(joined.replaced)
        if role == MEMBER:
            self._check_ban(message)  # again: it may have been kicked since, and have been here on another connection
        self._room.classroom.joined(joined.entry, message.device_id, self._session)
        self._tell_joined(message, joined)
        if self._version == PROTOCOL_VERSION:
            self._send(encode(self._welcome(joined)))
        if why_not:
            self._send(encode(Denied(TEACHER, why_not)))
        if message.roster:
            form = VERSION_1 if self._version == 1 else PACKED if message.packed else VERSION_2
            self._room.publisher.add(self._connection, form)
        else:
            self._room.publisher.wake()
        return True

    def _check_ban(self, message: Register) -> None:
        """Raises `Refusal` for who was kicked and has to stay away."""
        token = message.resume_token or ""
        wait = self._room.bans.wait(message.instance, token, message.device_id)
        if wait > 0:
            self._leave(protocol.KICKED)
            minutes = counted(math.ceil(wait / 60), "minute")
            raise Refusal(Error("kicked", f"a teacher has removed you; you may come back in {minutes}", wait))

    def _tell_joined(self, message: Register, joined: Joined) -> None:
        """What the log and the teachers hear of a newcomer."""
        entry, secure = joined.entry, ", TLS" if self._connection.is_secure else ""
        self._note(
            logging.INFO,
            "joined: %s (session %d) from %s, version %d%s%s%s%s",
            quoted(entry.label),
            self._session,
            self.client_address,
            message.protocol,
            secure,
            "" if self._role == MEMBER else f", {self._role}",
            ", resumed" if joined.resumed else "",
            f", device {quoted(message.device_id)}" if message.device_id else "",
        )
        if self._role == TEACHER:
            self._room.teaches(self._session)
        elif self._room.bans.was_kicked(entry.name):
            said = f"somebody has joined as {entry.name}, which is the name of one who was removed"
            self._note(logging.INFO, "%s: the name of one who was kicked", quoted(entry.label))
            self._room.tell_teachers(Notice(protocol.KICKED, said, entry.id))

    def _welcome(self, joined: Joined) -> Welcome:
        config = self._room.config
        return Welcome(
            protocol=PROTOCOL_VERSION,
            server_name=config.name,
            member_id=joined.entry.id,
            session_id=self._session,
            epoch=self._room.epoch,
            started=self._room.started,
            heartbeat_interval=config.heartbeat_interval,
            connection_timeout=config.connection_timeout,
            max_clients=config.max_clients,
            resume_token=joined.resume_token,
            uptime=int(self._room.clock() - self._room.started_at),
            role=self._role,
        )

    def _send(self, line: bytes) -> None:
        if self._connection.send(line) == BACKLOGGED:
            self._room.publisher.finish(self._connection)

    def _end_with(self, level: int, error: Error) -> None:
        label, peer = self._connection.label, self.client_address
        self._note(level, "%s: %s from %s: %s", error.code, label, peer, error.message)
        self._turn_away(encode(error))

    def _turn_away(self, last_words: bytes) -> None:
        self._leave(protocol.LOST)
        self._connection.send(last_words, last=True)
        if self._connection.finish_sending() == BACKLOGGED:
            self._room.publisher.finish(self._connection)
        self._connection.drain(LAST_WORDS)
