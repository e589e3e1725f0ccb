"""A small server of a closed room, for tests of the client: real sockets, real TLS, and every lie that one may tell.

One thread for each call. It writes down what it was told, and through what. Its own `hello`, `auth` and `register` are
as they should be, unless a test puts something in their place (`answers`).
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, Callable, Dict, Iterator, List, Optional

from rollcall.server.certificate import Certificate
from rollcall.wire.binding import end_point
from rollcall.wire.codes import fold
from rollcall.wire.errors import ProtocolError
from rollcall.wire.own_machine import OwnMachine
from rollcall.wire.scram import ServerExchange
from rollcall.wire.scram_keys import Credentials, derive_server_keys
from tests.helpers import PATIENCE

FEW = 4
"""Iterations, so that a test need not wait. A client takes so few only by an argument that no user can give."""

CODE, TEACHERS = "KDWH-9RTC-4MXF", "HXWJ-33KQ-PPMT"

Line = Dict[str, Any]
Answer = Callable[["Call", Line], Optional[List[Line]]]


class Call:
    """One connection: ``heard`` is what the client said, each line as an object."""

    def __init__(self, secure: bool) -> None:
        self.secure = secure
        self.heard: List[Line] = []
        self.exchange: Optional[ServerExchange] = None
        self.proven = ""
        self.ended = False

    def types(self) -> List[str]:
        return [str(line["type"]) for line in self.heard if line["type"] != "ping"]

    def last(self, kind: str) -> Line:
        return [line for line in self.heard if line["type"] == kind][-1]


class ClosedRoom:
    """A context manager; clients connect to ``port``. Without ``certificate`` it has no TLS and answers in the clear.

    ``answers[type]`` is asked first for what to say to such a line; None means: as usual. ``closed`` is what it says of
    itself; it lets nobody in who has not proven the code if ``strict``.
    """

    def __init__(self, certificate: Optional[Certificate], *, name: str = "Room 12", closed: bool = True) -> None:
        self.certificate = certificate
        self.name, self.closed, self.strict = name, closed, closed
        self.epoch = "e1"
        self.teacher = "code"
        self.own: Optional[OwnMachine] = None
        self.names: Optional[List[str]] = None  # to choose from, for who has proven the code
        self.answers: Dict[str, Answer] = {}
        self.calls: List[Call] = []
        self.set_codes({"class": CODE, "teacher": TEACHERS})
        self._context = certificate.context() if certificate is not None else None
        if self._context is not None:
            self._context.set_alpn_protocols(["rollcall/2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: List[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="room")]

    def set_codes(self, codes: Dict[str, str], iterations: int = FEW) -> None:
        """New codes, with new salts."""
        keys = {user: derive_server_keys(fold(code), iterations=iterations) for user, code in codes.items()}
        self.credentials = Credentials(keys, b"s" * 32)

    @property
    def fingerprint(self) -> str:
        assert self.certificate is not None
        return self.certificate.fingerprint

    def hang_up(self) -> None:
        """End every call, as if the cable was pulled."""
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), name="room-call")
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        secure = False
        call = Call(False)
        try:
            first = sock.recv(1, socket.MSG_PEEK)
            if first == b"\x16":
                if self._context is None:
                    sock.sendall(b'{"type":"error","code":"bad_message","message":"a line must be JSON"}\n')
                    return
                secure = call.secure = True
                sock = self._context.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
            self.calls.append(call)
            for line in lines(sock):
                call.heard.append(line)
                for answer in self._answer(call, line):
                    sock.sendall(json.dumps(answer).encode() + b"\n")
                    if answer["type"] == "error":
                        return
                if line["type"] == "leave":
                    return
        except (OSError, ValueError):
            pass
        finally:
            call.ended = True
            with suppress(OSError, ValueError):
                if secure and isinstance(sock, ssl.SSLSocket):
                    sock.settimeout(0.2)
                    sock.unwrap()
            with suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
            sock.close()

    def _answer(self, call: Call, line: Line) -> List[Line]:
        special = self.answers.get(line["type"])
        said = special(call, line) if special is not None else None
        if said is not None:
            return said
        usual: Dict[str, Callable[[Call, Line], List[Line]]] = {
            "hello": self._room, "auth": self._auth, "register": self._register,
            "ping": lambda call, line: [{"type": "pong", "seq": line.get("seq", 0)}],
            "kick": lambda call, line: [{"type": "done", "act": "kick", "ref": line.get("ref")}],
        }  # fmt: skip
        return usual[line["type"]](call, line) if line["type"] in usual else []

    def _room(self, call: Call, line: Line) -> List[Line]:
        room = {"type": "room", "server_name": self.name, "protocol": 2, "closed": self.closed, "epoch": self.epoch}
        return [{**room, "teacher": self.teacher, "nonce": "n0nce", **({"names": self.names} if call.proven else {})}]

    def _auth(self, call: Call, line: Line) -> List[Line]:
        assert self.certificate is not None
        try:
            if call.exchange is None:
                call.exchange = ServerExchange(self.credentials, end_point(self.certificate.der))
                call.exchange.asked(line["data"])
                data = call.exchange.challenge()
            else:
                data = call.exchange.verify(line["data"])
                call.proven = call.exchange.user
        except ProtocolError as error:
            return [{"type": "error", "code": error.code, "message": str(error)}]
        return [{"type": "auth", "data": data}]

    def _register(self, call: Call, line: Line) -> List[Line]:
        binding = end_point(self.certificate.der) if self.certificate is not None and call.secure else b""
        is_here = self.own is not None and line.get("proof") == self.own.proof("n0nce", binding)
        if self.strict and not (call.proven or is_here):
            return [{"type": "error", "code": "code_required", "message": "this room needs a code"}]
        is_teacher = "role" in line and (is_here or call.proven == "teacher")
        role = "teacher" if is_teacher else "substitute" if call.proven == "substitute" else "member"
        row = {"id": 7, "name": line["name"], "ip": "h", "port": 1, "since": 0}
        welcome = {
            "type": "welcome", "protocol": 2, "server_name": self.name, "member_id": 7, "session_id": 9,
            "epoch": self.epoch, "started": 0, "heartbeat_interval": 0.5, "connection_timeout": 20.0,
            "max_clients": 100, "resume_token": f"token-{len(self.calls)}", "role": role,
        }  # fmt: skip
        denied = {"type": "denied", "act": "teacher", "message": "you could not prove it"}
        listed = {
            "type": "client_list",
            "epoch": self.epoch,
            "rev": 1,
            "clients": [row, {**row, "id": 8, "name": "Bo"}],
        }
        return [welcome, *([denied] if "role" in line and role == "member" else []), listed]

    def __enter__(self) -> ClosedRoom:
        self._threads[0].start()
        return self

    def __exit__(self, *unused: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads)


def lines(sock: socket.socket) -> Iterator[Line]:
    buffer = b""
    while True:
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            yield json.loads(line)
        data = sock.recv(65536)
        if not data:
            return
        buffer += data
