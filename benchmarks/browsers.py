"""Browsers as a load: boards that are open, and downloads that run, each kind in a process and a thread of its own.

- ``browsers.py boards PORT COUNT``: opens so many boards and reads their events until its standard input ends;
- ``browsers.py downloads PORT COUNT``: downloads the one file of the server so many times at once, again and again.

Both print "ready", and in the end what they have read.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from pathlib import Path
from typing import Dict, List

PROGRAM, PROGRAM_BYTES = "program.bin", 9_000_000
"""What is downloaded: a file as large as a client in one file."""


def folder_with_program(folder: Path) -> Path:
    """A folder for ``downloads`` with the file in it."""
    target = folder / "downloads"
    target.mkdir(exist_ok=True)
    (target / PROGRAM).write_bytes(bytes(range(256)) * (PROGRAM_BYTES // 256))
    return target


class Load:
    """So many requests at once; each that ends is made again if ``again``."""

    def __init__(self, port: int, count: int, path: str, again: bool) -> None:
        self.port = port
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self.again = again
        self.done = self.bytes = self.failed = 0
        self.selector = selectors.DefaultSelector()
        self.got: Dict[socket.socket, int] = {}
        for _ in range(count):
            self.begin()

    def begin(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.sendall(self.request)
        sock.setblocking(False)
        self.got[sock] = 0
        self.selector.register(sock, selectors.EVENT_READ)

    def pump(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                data = sock.recv(1 << 17)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            self.got[sock] += len(data)
            self.bytes += len(data)
            if not data:
                self.failed += self.got.pop(sock) < PROGRAM_BYTES
                self.done += 1
                self.selector.unregister(sock)
                sock.close()
                if self.again:
                    self.begin()

    def close(self) -> None:
        for sock in self.got:
            sock.close()
        self.selector.close()


def main(arguments: List[str]) -> int:
    """Run one load; see the module's text."""
    kind, port, count = arguments[0], int(arguments[1]), int(arguments[2])
    load = Load(port, count, "/board/events" if kind == "boards" else f"/downloads/{PROGRAM}", kind == "downloads")
    while not all(load.got.values()):
        load.pump(1.0)
    print("ready", flush=True)
    begun = time.monotonic()
    with selectors.DefaultSelector() as stdin:
        stdin.register(sys.stdin, selectors.EVENT_READ)
        while not stdin.select(0):
            load.pump(0.05)
    load.close()
    seconds = time.monotonic() - begun
    figures = {"done": load.done, "failed": load.failed, "mb_per_second": load.bytes / 1e6 / seconds}
    print(json.dumps(figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
