"""The bell rings in a closed room: real clients with a code, all at the same instant. Programs of their own:

- ``bell.py ring PORT CLIENTS CODE``: one client joins with the code, which it derives keys of, then all at once with
  those keys. One line of JSON with the seconds until that one was in, until all were, and until all saw all. (In their
  first lesson all of a class derive keys, but each on its own machine: to do it here would measure nothing of theirs.)
- ``bell.py others PORT CODE``: a member that pings a hundred times a second until its standard input ends, then the
  round trips.
"""

from __future__ import annotations

import argparse
import json
import queue
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from client import Client
from crowd import PATIENCE, percentile
from rollcall.client.events import Connected, Event, Refused, RosterReplaced, RosterUpdated
from rollcall.client.trust import Trust
from rollcall.wire.address import Address
from rollcall.wire.binding import end_point
from rollcall.wire.codes import fold
from rollcall.wire.scram import ClientExchange
from rollcall.wire.scram_keys import derive_client_keys
from rollcall.wire.secure import client_context

EVERY = 0.01
"""Seconds between two pings of the other member."""


class Pupil:
    """A real client, and what it has seen so far."""

    def __init__(self, port: int, number: int, code: str, trust: Optional[Trust]) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self._ids: Set[int] = set()
        self.client = Client(Address("127.0.0.1", port), f"Student {number}", self._events, code=code, trust=trust)
        self.in_at: Optional[float] = None

    def sees(self) -> int:
        """How many it shows, after what has happened meanwhile."""
        while not self._events.empty():
            event = self._events.get_nowait()
            if isinstance(event, Connected):
                self.in_at = self.in_at or time.monotonic()
            elif isinstance(event, RosterReplaced):
                self._ids = {entry.id for entry in event.entries}
            elif isinstance(event, RosterUpdated):
                self._ids |= {entry.id for entry in event.up}
                self._ids -= {gone.id for gone in event.down}
            elif isinstance(event, Refused):
                raise SystemExit(f"refused: {event.message}")
        return len(self._ids)


def lesson(port: int, count: int, beside: int, code: str, trust: Optional[Trust]) -> Tuple[float, float, Trust]:
    """All come at once: seconds until all are in, and until each sees all and the ``beside`` others; then they go."""
    pupils = [Pupil(port, number, code, trust) for number in range(count)]
    begun = time.monotonic()
    for pupil in pupils:
        pupil.client.start()
    try:
        while min(pupil.sees() for pupil in pupils) < count + beside:
            if time.monotonic() - begun > PATIENCE:
                raise SystemExit(f"not all were in after {PATIENCE:g} s")
            time.sleep(0.005)
        seen = time.monotonic() - begun
        return max(pupil.in_at or 0.0 for pupil in pupils) - begun, seen, pupils[0].client.door.trust
    finally:
        for pupil in pupils:
            pupil.client.stop()


def ring(port: int, count: int, code: str) -> Dict[str, float]:
    """The first lesson of one, and the next one of all."""
    first, _, trust = lesson(port, 1, 1, code, None)
    all_in, all_seen, _ = lesson(port, count, 1, "", trust)
    return {"one_first": first, "all_in": all_in, "all_seen": all_seen}


def enter(port: int, code: str) -> socket.socket:
    """A member without our client, inside TLS, that wants no roster."""
    tls = client_context().wrap_socket(socket.create_connection(("127.0.0.1", port)))
    tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = tls.makefile("rb")
    exchange = ClientExchange("class", end_point(tls.getpeercert(binary_form=True) or b""))

    def say(message: Dict[str, object]) -> Dict[str, str]:
        tls.sendall(json.dumps(message).encode() + b"\n")
        answer: Dict[str, str] = json.loads(lines.readline())
        return answer

    challenge = exchange.challenged(say({"type": "auth", "data": exchange.first()})["data"])
    exchange.verify(say({"type": "auth", "data": exchange.final(derive_client_keys(fold(code), challenge))})["data"])
    me = {"type": "register", "client_ip": "127.0.0.1", "client_port": 1, "protocol": 2, "name": "Other"}
    assert say({**me, "roster": False})["type"] == "welcome"
    return tls


def others(port: int, code: str) -> Dict[str, float]:
    """Round trips (ms), one ping after the other."""
    trips: List[float] = []
    with enter(port, code) as tls, selectors.DefaultSelector() as stdin:
        stdin.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        due = time.monotonic()
        while not stdin.select(max(0.0, due - time.monotonic())):
            begun = time.monotonic()
            tls.sendall(b'{"type":"ping"}\n')
            while not tls.recv(4096).endswith(b"\n"):
                pass
            trips.append(1000 * (time.monotonic() - begun))
            due = max(due + EVERY, time.monotonic())
    return {"p99": percentile(trips, 0.99), "worst": max(trips)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind in (kinds.add_parser("ring", help="come in"), kinds.add_parser("others", help="ping meanwhile")):
        kind.add_argument("port", type=int)
        if kind.prog.endswith("ring"):
            kind.add_argument("clients", type=int)
        kind.add_argument("code")
    arguments = parser.parse_args()
    if arguments.kind == "ring":
        print(json.dumps(ring(arguments.port, arguments.clients, arguments.code)))
    else:
        print(json.dumps(others(arguments.port, arguments.code)))
