"""From an address to a connected socket, and from an error of the operating system to a sentence.

Connecting and resolving can each take half a minute; both look up every `STEP` seconds whether somebody said stop. A
name is resolved in a thread of its own, because `socket.getaddrinfo` cannot be interrupted: it is left to itself then.
"""

from __future__ import annotations

import errno
import os
import queue
import selectors
import socket
import threading
import time
from typing import Any, Callable, List, Optional

from rollcall.wire.address import Address
from rollcall.wire.text import printable

CONNECT_TIMEOUT = 5.0
"""Seconds for one address to accept. On a LAN an answer takes milliseconds; silence is a firewall or a mistake."""

STEP = 0.1
"""Seconds between two looks whether somebody said stop, while the operating system connects or resolves a name."""


class Cancelled(Exception):
    """Somebody said stop while we were connecting."""


def connect(address: Address, stopping: Callable[[], bool]) -> socket.socket:
    """A connected, blocking socket. Raises OSError, or `Cancelled` when ``stopping()`` came true meanwhile."""
    failure: Optional[OSError] = None
    for family, kind, number, _, target in _resolve(address, stopping):
        sock = socket.socket(family, kind, number)
        try:
            _connect_one(sock, target, stopping)
            return sock
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure or OSError(errno.EHOSTUNREACH, "no address")


def _resolve(address: Address, stopping: Callable[[], bool]) -> List[Any]:
    """`socket.getaddrinfo`, which can block for half a minute and cannot be interrupted: in a thread that is left to
    itself if somebody says stop meanwhile. Addresses in digits need no thread."""
    try:
        return socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (socket.gaierror, UnicodeError):  # the latter: 192.168..1, or a label of more than 63 characters
        pass
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answer.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    while not stopping():
        try:
            result = answer.get(timeout=STEP)
        except queue.Empty:
            continue
        if isinstance(result, UnicodeError):
            raise socket.gaierror(socket.EAI_NONAME, "not a host name")
        if isinstance(result, OSError):
            raise result
        return list(result)
    raise Cancelled


def _connect_one(sock: socket.socket, target: Any, stopping: Callable[[], bool]) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(target)
    if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)):
        raise OSError(code, os.strerror(code))
    deadline = time.monotonic() + CONNECT_TIMEOUT
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(STEP):
            if stopping():
                raise Cancelled
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    sock.setblocking(True)


def say(error: OSError, address: Address) -> str:
    """What an error of the operating system means for the person at the keyboard."""
    if isinstance(error, socket.gaierror):
        return f"the name {printable(address.host)} is not known here; check the spelling or type the address in digits"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {address}; is the server running, and is that its port?"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return f"{address} does not answer; is the address right, and does a firewall allow it?"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return "the connection broke"
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return f"there is no way to {address}; is this computer on the network?"
    return f"{address}: {error.strerror or error}"
