"""A server that somebody does something to, and the one member who has to notice nothing of it."""

from __future__ import annotations

import _thread
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from server import RollcallServer
from tests.closed_room import JOIN, TlsClient, room_with_keys
from tests.helpers import RawClient, running_server, wait_until

Enter = Callable[[int], RawClient]
"""From a port to a client that may register now: through whatever door the room has."""


def connected(port: int) -> RawClient:
    """The door of an open room."""
    return RawClient(port)


def proven(port: int) -> RawClient:
    """The door of a closed room: TLS and the code."""
    client = TlsClient(port)
    assert client.prove()["type"] == "auth"
    return client


class Watched:
    """``server`` in this process, at ``port``, with one member called Witness, who entered by ``enter``."""

    def __init__(self, server: RollcallServer, port: int, enter: Enter) -> None:
        self.server, self.port = server, port
        self.enter = enter
        self.witness = enter(port)
        self.witness.register("Witness")
        self.witness.until_type("client_list")
        self._threads = _thread._count()
        self._beats = 0
        self.names: Dict[int, str] = {}

    def beat(self) -> None:
        """The witness is answered."""
        self._beats += 1
        self.witness.send({"type": "ping", "seq": self._beats})
        answer = self.witness.until(lambda message: message["type"] in ("pong", "error"))
        assert answer["type"] == "pong" and answer["seq"] == self._beats, answer

    def member(self, name: str, **more: Any) -> RawClient:
        """One more member, which has its roster."""
        client = self.enter(self.port)
        client.register(name, **more)
        client.until_type("client_list")
        return client

    def roster(self) -> List[str]:
        """The names, as somebody sees them who comes in now by himself."""
        client = self.enter(self.port)
        try:
            client.register("Visitor")
            listed = client.until_type("client_list")["clients"]
            client.send({"type": "leave"})
            client.rest()
            return sorted(entry["name"] for entry in listed if entry["name"] != "Visitor")
        finally:
            client.close()

    def is_exact(self) -> None:
        """Nobody is there but the witness, who is served, and nothing is left of anybody else."""
        self.beat()
        room = self.server.room
        wait_until(lambda: len(room) == 1 and len(room.gate) == 0, "all the others to be gone")
        assert self.roster() == ["Witness"]
        wait_until(lambda: len(room) == 1 and len(room.roster) == 1, "the visitor to be gone")
        wait_until(lambda: _thread._count() <= self._threads, "every other handler to end")
        self.beat()


@contextmanager
def watched(folder: Optional[Path] = None, **settings: Any) -> Iterator[Watched]:
    """A server with a witness; afterwards it must be exact. With a ``folder`` for its data the room is closed."""
    settings = {"message_rate": 0.0, **settings}
    room = running_server(**settings) if folder is None else room_with_keys(folder, join_code=JOIN, **settings)
    with room as (server, port):
        seen = Watched(server, port, connected if folder is None else proven)
        try:
            yield seen
            seen.is_exact()
        finally:
            seen.witness.close()
