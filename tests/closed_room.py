"""A room with keys in this process, and a client for it without any of our client code: TLS, SCRAM, lines.

The codes are derived with a thousand iterations instead of 600,000: no setting of a user's can do that.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from rollcall.server.keys import RoomKeys, room_keys
from rollcall.server.settings import ServerConfig
from rollcall.wire.binding import end_point
from rollcall.wire.clock import monotonic
from rollcall.wire.codes import fold
from rollcall.wire.own_machine import MAX_FILE, OwnMachine, file_name
from rollcall.wire.scram import ClientExchange
from rollcall.wire.scram_keys import derive_client_keys
from rollcall.wire.secure import client_context, fingerprint
from server import RollcallServer
from tests.helpers import RawClient

ITERATIONS = 1000
JOIN, TEACH = "KDWH-9RTC-4MXF", "MQT7-XXPD-R3GK"
CONTEXT = client_context()


def keys_for(folder: Path, warnings: Optional[List[str]] = None, **settings: Any) -> RoomKeys:
    said: List[str] = [] if warnings is None else warnings
    return room_keys(ServerConfig(host="127.0.0.1", port=0, **settings), folder, said.append, ITERATIONS)


@contextmanager
def room_with_keys(
    folder: Path, clock: Callable[[], float] = monotonic, **settings: Any
) -> Iterator[Tuple[RollcallServer, int]]:
    """A server that keeps its data in ``folder``, and its port."""
    config = ServerConfig(host="127.0.0.1", port=0, **settings)
    keys = room_keys(config, folder, lambda text: None, ITERATIONS)
    server = RollcallServer(config, clock=clock, keys=keys)
    keys.let_in_own_machine(folder, server.address[1], server.room.epoch)
    server.start()
    try:
        yield server, server.address[1]
    finally:
        server.stop()
        keys.forget_own_machine()


class TlsClient(RawClient):
    """A client inside TLS; what it says there is up to the test."""

    def __init__(self, port: int, source: str = "", buffer: int = 0) -> None:
        super().__init__(port, source=source, buffer=buffer)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls = CONTEXT.wrap_socket(self.socket)
        except BaseException:
            self.socket.close()
            raise
        self.socket = tls
        certificate = tls.getpeercert(binary_form=True) or b""
        self.fingerprint, self.binding = fingerprint(certificate), end_point(certificate)

    def __enter__(self) -> TlsClient:
        return self

    def hello(self) -> Dict[str, Any]:
        self.send({"type": "hello"})
        return self.until_type("room")

    def begin(self, user: str = "class", binding: Optional[bytes] = None, **more: Any) -> ClientExchange:
        """Send the first message of an exchange."""
        exchange = ClientExchange(user, self.binding if binding is None else binding, ITERATIONS)
        self.send({"type": "auth", "data": exchange.first(), **more})
        return exchange

    def finish(self, exchange: ClientExchange, code: str, server_first: str) -> Dict[str, Any]:
        """Send the proof; the server's answer."""
        keys = derive_client_keys(fold(code), exchange.challenged(server_first))
        self.send({"type": "auth", "data": exchange.final(keys)})
        answer = self.line()
        if answer["type"] == "auth":
            exchange.verify(answer["data"])
        return answer

    def prove(self, code: str = JOIN, user: str = "class", **more: Any) -> Dict[str, Any]:
        """One whole exchange; the last answer of the server, ``auth`` if it took the code."""
        exchange = self.begin(user, **more)
        answer = self.line()
        return answer if answer["type"] != "auth" else self.finish(exchange, code, answer["data"])

    def join(self, name: str, code: str = JOIN, user: str = "class", **more: Any) -> Dict[str, Any]:
        """Prove the code and register; the ``welcome``."""
        assert self.prove(code, user)["type"] == "auth"
        self.register(name, **more)
        return self.until_type("welcome")


def own_proof(folder: Path, port: int, client: RawClient) -> str:
    """What a client on the server's machine sends in ``register``."""
    ours = OwnMachine.from_text((folder / file_name(port)).read_text()[:MAX_FILE])
    client.send({"type": "hello"})
    room = client.until_type("room")
    if isinstance(client, TlsClient):
        return ours.proof_for(room["nonce"], room["epoch"], client.fingerprint, client.binding)
    return ours.proof(room["nonce"])
