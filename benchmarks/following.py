"""One window's client and one board, side by side: when does which of them know that somebody came or went?

``following.py PORT FOLDER`` follows the server until its standard input ends: as a `Client`, which is what a window is
fed by (at the server's own machine, whose data are in FOLDER, so it is a teacher's), and as a browser that reads the
events of the board. Prints "ready" when both have the roster. In the end a line of JSON:

- ``board``: for everybody who came or went, the milliseconds from when the client's roster had it until the board had
  it; negative where the board was first;
- ``listed``: where there is a class, the same until the client had it in the list of the class, which a teacher's
  window shows (the server sends that at most once a second);
- ``exact``: whether client and board ended with the same people, ``here`` how many these are.
"""

from __future__ import annotations

import json
import queue
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Set

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from client import Client
from rollcall.client import events
from rollcall.client.events import Event
from rollcall.wire.address import Address
from rollcall.wire.class_messages import FollowClass
from rollcall.wire.messages import MEMBER

PATIENCE = 30.0
END = b"\n\n"


class Shown:
    """Who is here according to somebody, and when that changed for each name."""

    def __init__(self) -> None:
        self.names: Set[str] = set()
        self.changes: Dict[str, List[float]] = {}

    def show(self, names: Iterable[str], now: float) -> None:
        fresh = set(names)
        for name in self.names ^ fresh:
            self.changes.setdefault(name, []).append(now)
        self.names = fresh

    def after(self, first: Shown) -> List[float]:
        """Milliseconds by which each change came later than with ``first``."""
        pairs = ((one, other) for name in first.changes for one, other in zip(first.changes[name], self.of(name)))
        return [(other - one) * 1000 for one, other in pairs]

    def of(self, name: str) -> List[float]:
        return self.changes.get(name, [])


class Board:
    """A browser that reads the events."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(b"GET /board/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        self.shown, self.told = Shown(), 0
        self._held = b""

    def read(self) -> None:
        data = self.socket.recv(1 << 18)
        now = time.monotonic()
        *blocks, self._held = (self._held + data).split(END)
        for block in blocks:
            if block.startswith(b"data: "):
                self.told += 1
                self.shown.show((name for _, name, _ in json.loads(block[6:])["tiles"]), now)


class Stamped(queue.Queue):  # type: ignore[type-arg]
    """A queue that keeps with each item when it came."""

    def _put(self, item: Event) -> None:
        super()._put((time.monotonic(), item))


class Window:
    """A client's events."""

    def __init__(self, port: int, folder: Path) -> None:
        self._queue = Stamped()
        self.client = Client(Address("127.0.0.1", port), "Watcher", self._queue, teacher=True, own_folder=folder)
        self.roster, self.listed = Shown(), Shown()
        self.told = 0
        self._members: Dict[int, str] = {}
        self._rows: Dict[str, Optional[str]] = {}
        self.client.start()

    def read(self) -> None:
        while not self._queue.empty():
            now, event = self._queue.get()
            if isinstance(event, events.Connected):
                self.client.act(FollowClass())
            elif isinstance(event, events.RosterReplaced):
                self._members = {entry.id: entry.name for entry in event.entries if entry.role == MEMBER}
            elif isinstance(event, events.RosterUpdated):
                self._members.update((entry.id, entry.name) for entry in event.up if entry.role == MEMBER)
                for gone in event.down:
                    self._members.pop(gone.id, None)
            elif isinstance(event, events.ClassListed):
                self._rows = {} if event.message.whole else self._rows
                for row in event.message.rows:
                    self._rows[row.key] = row.name if row.state in ("here", "silent") else None
                self.listed.show(filter(None, self._rows.values()), now)
            if isinstance(event, (events.RosterReplaced, events.RosterUpdated)):
                self.told += 1
                self.roster.show(self._members.values(), now)


def main(arguments: List[str]) -> int:
    """Follow one server; see the module's text."""
    port, folder = int(arguments[0]), Path(arguments[1])
    window, board = Window(port, folder), Board(port)
    deadline, ready = time.monotonic() + PATIENCE, False
    with selectors.DefaultSelector() as selector:
        selector.register(board.socket, selectors.EVENT_READ)
        while True:
            ended = False
            for key, _ in selector.select(0.05):
                if key.fileobj is board.socket:
                    board.read()
                else:
                    ended = True
            window.read()
            if not ready and window.told and board.told:
                ready = True
                selector.register(sys.stdin, selectors.EVENT_READ)
                print("ready", flush=True)
            if ended or not (ready or time.monotonic() < deadline):
                break
    figures: Dict[str, Any] = {
        "board": board.shown.after(window.roster), "listed": window.listed.after(window.roster),
        "exact": board.shown.names == window.roster.names, "here": len(board.shown.names),
        "states": board.told,
    }  # fmt: skip
    window.client.stop()
    print(json.dumps(figures), flush=True)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
