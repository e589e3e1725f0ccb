"""A bad network between a client and a server: a TCP proxy that delays, slices, stalls, cuts, resets and writes down.

One `Proxy` serves any number of connections, each with two threads, one a direction. What it does to them can be
changed at any time. Directions are called by who is heard: ``UP`` is what the client says, ``DOWN`` the server.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from contextlib import suppress
from typing import Callable, Dict, List

from tests.helpers import PATIENCE

UP, DOWN = "up", "down"
BOTH = (UP, DOWN)
_AT_ONCE = 65536

Alter = Callable[[bytes], bytes]


class Pair:
    """One client's connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = {UP: (client, server), DOWN: (server, client)}
        self.heard: Dict[str, bytes] = {UP: b"", DOWN: b""}
        self.threads: List[threading.Thread] = []

    def reset(self) -> None:
        """Both sides see the connection reset."""
        for sock, _ in self.ends.values():
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        for sock, _ in self.ends.values():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class Proxy:
    """A context manager; clients connect to ``port``. Nothing is wrong with the network until somebody says so.

    ``slice`` is how many bytes travel at once, ``latency`` the seconds before each part, ``alter[direction]`` what
    happens to a part. A direction in ``stalled`` passes nothing on until it is taken out; one in ``lost`` swallows
    everything: the other side sees silence and no end.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.slice = _AT_ONCE
        self.latency = 0.0
        self.alter: Dict[str, Alter] = {}
        self.lost: set[str] = set()
        self.pairs: List[Pair] = []
        self._flowing = {UP: threading.Event(), DOWN: threading.Event()}
        for event in self._flowing.values():
            event.set()
        self._pause = threading.Event()  # set at the end: nobody waits out a latency
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, name="proxy")

    def stall(self, *directions: str) -> None:
        for direction in directions:
            self._flowing[direction].clear()

    def flow(self) -> None:
        """Nothing is stalled or lost any more."""
        self.lost.clear()
        for event in self._flowing.values():
            event.set()

    def reset(self) -> None:
        """Every connection is reset."""
        for pair in self.pairs:
            pair.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), PATIENCE)
            except OSError:
                client.close()
                continue
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(PATIENCE)
            self._start(client, server)

    def _start(self, client: socket.socket, server: socket.socket) -> None:
        pair = Pair(client, server)
        pair.threads = [
            threading.Thread(target=self._pump, args=(pair, direction), name=f"proxy-{direction}") for direction in BOTH
        ]
        self._run(pair)

    def _run(self, pair: Pair) -> None:
        self.pairs.append(pair)
        for thread in pair.threads:
            thread.start()

    def _pump(self, pair: Pair, direction: str) -> None:
        source, target = pair.ends[direction]
        try:
            while True:
                data = source.recv(_AT_ONCE)
                if not data:
                    self._flowing[direction].wait()
                    if direction not in self.lost:
                        _half_close(target)
                    return
                pair.heard[direction] += data
                data = self.alter.get(direction, bytes)(data)
                for start in range(0, len(data), self.slice):
                    self._pause.wait(self.latency)
                    self._flowing[direction].wait()
                    if direction not in self.lost:
                        target.sendall(data[start : start + self.slice])
        except (OSError, ValueError):
            pair.close()

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._pause.set()
        self._thread.join(PATIENCE)
        for pair in self.pairs:
            pair.close()
        self.flow()
        for pair in self.pairs:
            for thread in pair.threads:
                thread.join(PATIENCE)


class TlsProxy(Proxy):
    """A proxy that shows the client a certificate of its own (``context``) and speaks TLS to the server itself: it
    reads everything, and can change it (``alter``)."""

    def __init__(self, target: int, context: ssl.SSLContext, to_server: ssl.SSLContext) -> None:
        super().__init__(target)
        self._contexts = (context, to_server)

    def _start(self, client: socket.socket, server: socket.socket) -> None:
        own, to_server = self._contexts
        ends = [server, client]
        try:
            ends[0] = to_server.wrap_socket(server)
            ends[1] = own.wrap_socket(client, server_side=True)
        except (OSError, ValueError):
            for sock in ends:
                sock.close()
            return
        pair = Pair(ends[1], ends[0])
        pair.threads = [threading.Thread(target=self._both_ways, args=(pair,), name="proxy")]
        self._run(pair)

    def _both_ways(self, pair: Pair) -> None:
        """In one thread: an `ssl.SSLSocket` must not be read by one and written by another."""
        ways = {sock: (target, direction) for direction, (sock, target) in pair.ends.items()}
        try:
            while True:
                for source in _readable(list(ways)):
                    target, direction = ways[source]
                    data = source.recv(_AT_ONCE)
                    if not data:
                        pair.close()
                        return
                    pair.heard[direction] += data
                    target.sendall(self.alter.get(direction, bytes)(data))
        except (OSError, ValueError):
            pair.close()


def _readable(sockets: List[socket.socket]) -> List[socket.socket]:
    pending: List[socket.socket] = [sock for sock in sockets if isinstance(sock, ssl.SSLSocket) and sock.pending()]
    return list(pending) or select.select(sockets, [], [], PATIENCE)[0]


def _half_close(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
