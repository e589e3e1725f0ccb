"""Many clients in one process and one thread, for what needs to understand the answers.

A `Crowd` connects, registers, counts bytes and follows the roster of each member exactly. What all members are sent
alike is decoded once. Also a program, for a second process that nothing else delays:

- ``crowd.py ping PORT CLIENTS RATE``: pings at a fixed rate until its standard input ends, then the round trips;
- ``crowd.py watch PORT``: a line with the monotonic time and the id for each member that is lost.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Callable, Deque, Dict, List, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from protocol import MAX_SERVER_LINE, ClientList, Message, Register, RosterDelta, Welcome, decode, encode
from rollcall.client.roster_view import RosterView

PING_LINE, LEAVE_LINE = b'{"type":"ping"}\n', b'{"type":"leave"}\n'
PATIENCE = 120.0
"""Seconds after which a scenario is given up."""


def hello(number: int, roster: bool = True, packed: bool = True) -> bytes:
    """What member ``number`` says first: its own address, as our client does, and a name of usual length."""
    return encode(Register("127.0.0.1", 40000 + number, 2, f"Student {number}", "", None, roster, packed))


class Member:
    """One client of a crowd."""

    __slots__ = ("buffer", "closed", "history", "id", "received", "registered", "rev", "socket")

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.buffer = b""
        self.received = 0
        self.registered = False
        self.id = 0
        self.rev = -1
        self.closed = False
        self.history: List[Message] = []  # the last snapshot and the deltas after it


class Crowd:
    """Members that are served by `pump`. ``on_pong`` is called with each member that was answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.members: List[Member] = []
        self.registered = 0
        self.current: Dict[int, int] = {}  # how many members are at which revision
        self.on_pong: Optional[Callable[[Member], None]] = None
        self._selector = selectors.DefaultSelector()
        self._decoded: Dict[bytes, Message] = {}

    def join(self, line: bytes) -> Member:
        """Connect one more and register it; the answer comes in `pump`."""
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(("127.0.0.1", self.port))
        sock.setblocking(False)
        sock.send(line)
        member = Member(sock)
        self.members.append(member)
        self._selector.register(sock, selectors.EVENT_READ, member)
        return member

    def ping_all(self) -> None:
        """One heartbeat of each member."""
        for member in self.members:
            member.socket.send(PING_LINE)

    def leave(self, member: Member) -> None:
        self._selector.unregister(member.socket)
        member.socket.close()
        self.members.remove(member)

    def close(self) -> None:
        for member in self.members:
            member.socket.close()
        self._selector.close()

    def pump(self, seconds: float, most: int = 1 << 30) -> None:
        """Read what has come for so many members at most, waiting at most so long for something."""
        for key, _ in self._selector.select(seconds)[:most]:
            member: Member = key.data
            try:
                data = member.socket.recv(1 << 18)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if not data:
                member.closed = True
                self._selector.unregister(member.socket)
                continue
            member.received += len(data)
            *lines, member.buffer = (member.buffer + data).split(b"\n")
            for line in lines:
                self._take(member, line)

    def until(self, true: Callable[[], bool], what: str) -> float:
        """Pump until it is so; the monotonic time then. Raises RuntimeError if it never is."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {PATIENCE:g} s: {what}")
            self.pump(0.05)
        return time.monotonic()

    def _take(self, member: Member, line: bytes) -> None:
        if line.startswith(b'{"type":"pong"'):
            if self.on_pong is not None:
                self.on_pong(member)
            return
        message = self._decoded.get(line)
        if message is None:
            message = decode(line, MAX_SERVER_LINE)
            if len(line) > 300:
                if len(self._decoded) > 200:
                    self._decoded.clear()
                self._decoded[line] = message
        if isinstance(message, Welcome):
            member.registered, member.id = True, message.member_id
            self.registered += 1
        elif isinstance(message, ClientList):
            member.history = [message]
            self._move(member, message.rev or 0)
        elif isinstance(message, RosterDelta):
            if message.from_rev != member.rev:
                raise RuntimeError(f"a gap: from {message.from_rev} at revision {member.rev}")
            member.history.append(message)
            self._move(member, message.rev)

    def _move(self, member: Member, rev: int) -> None:
        if member.rev >= 0:
            self.current[member.rev] -= 1
        self.current[rev] = self.current.get(rev, 0) + 1
        member.rev = rev

    def rosters(self) -> List[Dict[int, str]]:
        """The different rosters (id to name) that members have; one, if all agree."""
        found: Dict[Tuple[int, ...], Dict[int, str]] = {}
        for member in self.members:
            key = tuple(map(id, member.history))
            if key not in found:
                view = RosterView()
                for message in member.history:
                    if isinstance(message, ClientList):
                        view.replace(message)
                    elif isinstance(message, RosterDelta):
                        view.update(message)
                found[key] = {entry.id: entry.name for entry in view.entries.values()}
        different: List[Dict[int, str]] = []
        for roster in found.values():
            if roster not in different:
                different.append(roster)
        return different


def percentile(values: List[float], share: float) -> float:
    """The value that ``share`` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1e6) * len(ordered) // 1_000_000) - 1)]


def ping_steadily(port: int, clients: int, rate: float) -> None:
    """Ping at a fixed rate until standard input ends, whatever the answers do; print the round trips."""
    crowd = Crowd(port)
    for number in range(clients):
        crowd.join(hello(number, roster=False))
    crowd.until(lambda: crowd.registered == clients, "registered")
    print("ready", flush=True)
    sent: Dict[Member, Deque[float]] = {member: deque() for member in crowd.members}
    trips: List[float] = []
    crowd.on_pong = lambda member: trips.append(time.monotonic() - sent[member].popleft())
    ended = False
    with selectors.DefaultSelector() as stdin:
        stdin.register(sys.stdin, selectors.EVENT_READ)
        due, number = time.monotonic(), 0
        while not ended:
            crowd.pump(max(0.0, due - time.monotonic()))
            while due <= time.monotonic():
                member = crowd.members[number % clients]
                sent[member].append(time.monotonic())
                member.socket.send(PING_LINE)
                number, due = number + 1, due + 1 / rate
            ended = number % 16 == 0 and bool(stdin.select(0))
    crowd.until(lambda: not any(sent.values()), "every pong")
    crowd.close()
    figures = {"p50": percentile(trips, 0.5), "p99": percentile(trips, 0.99), "worst": max(trips)}
    print(json.dumps({**{name: value * 1000 for name, value in figures.items()}, "pings": len(trips)}), flush=True)


def watch(port: int) -> None:
    """Print when which member is reported lost, until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(hello(0))
        buffer = b""
        beat = time.monotonic()
        sock.settimeout(0.2)
        while True:
            if time.monotonic() - beat > 0.5:
                sock.sendall(PING_LINE)
                beat = time.monotonic()
            try:
                data = sock.recv(1 << 18)
            except socket.timeout:
                continue
            now = time.monotonic()
            if not data:
                return
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                message = decode(line, MAX_SERVER_LINE)
                for gone in message.down if isinstance(message, RosterDelta) else ():
                    print(f"{now:.6f} {gone.id}", flush=True)
                if isinstance(message, Welcome):
                    print("ready", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    ping = kinds.add_parser("ping", help="ping until the input ends, then print the round trips")
    ping.add_argument("port", type=int)
    ping.add_argument("clients", type=int)
    ping.add_argument("rate", type=float, help="pings a second of all together")
    kinds.add_parser("watch", help="print each member that is lost").add_argument("port", type=int)
    arguments = parser.parse_args()
    try:
        if arguments.kind == "ping":
            ping_steadily(arguments.port, arguments.clients, arguments.rate)
        else:
            watch(arguments.port)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionError):
        pass
