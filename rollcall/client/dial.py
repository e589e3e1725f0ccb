"""From an address to a connected socket, and from an error of the system or a stranger's first bytes to a sentence.

Connecting and resolving can each take half a minute; both look up every `STEP` seconds whether somebody said stop. A
name is resolved in a thread of its own, because `socket.getaddrinfo` cannot be interrupted: it is left to itself then.
"""

from __future__ import annotations

import errno
import queue
import selectors
import socket
import sys
import threading
from typing import Any, Callable, List, Optional, Tuple

from rollcall.program.os_errors import is_blocked, reason, socket_error
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.interfaces import scope_problem
from rollcall.wire.text import printable

CONNECT_TIMEOUT = 5.0
"""Seconds for one address to accept. On a LAN an answer takes milliseconds; silence is a firewall or a mistake."""

STEP = 0.1
"""Seconds between two looks whether somebody said stop, while the operating system connects or resolves a name."""


_STRANGERS: Tuple[Tuple[bytes, str], ...] = (
    (b"HTTP/", "a web server"),
    (b"<", "a web server"),  # HTTP 0.9, and what answers with a page whatever it was told
    (b"\x15\x03", "a server with encryption, such as a secure web server"),  # a TLS alert (RFC 8446, section 5.1)
    (b"\x16\x03", "a server with encryption, such as a secure web server"),
    (b"SSH-", "an SSH server"),
    (b"220", "a mail or file server"),  # SMTP (RFC 5321) and FTP (RFC 959)
    (b"+OK", "a mail server"),  # POP3 (RFC 1939)
    (b"* OK", "a mail server"),  # IMAP (RFC 9051)
    (b"RFB ", "a screen that is shared (VNC)"),  # RFC 6143
)


_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, getattr(errno, "EHOSTDOWN", errno.EHOSTUNREACH))

MAC_PERMISSION = "If it is: System Settings, Privacy & Security, Local Network must allow Rollcall"


class Cancelled(Exception):
    """Somebody said stop while we were connecting."""


class NotOurs(Exception):
    """Whoever answers there is no Rollcall server; ``str()`` says who it may be, without a full stop."""


def connect(address: Address, stopping: Callable[[], bool]) -> socket.socket:
    """A connected, blocking socket. Raises OSError, or `Cancelled` when ``stopping()`` came true meanwhile."""
    problem = scope_problem(address.host)
    if problem is not None:
        raise OSError(errno.EINVAL, problem)
    failure: Optional[OSError] = None
    for family, kind, number, _, target in resolve(address, stopping):
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


def resolve(address: Address, stopping: Callable[[], bool]) -> List[Any]:
    """`socket.getaddrinfo`, which can block for half a minute and cannot be interrupted: in a thread that is left to
    itself if somebody says stop meanwhile. Addresses in digits need no thread."""
    try:
        return socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (socket.gaierror, UnicodeError):  # the latter: 192.168..1, or a label of more than 63 characters
        pass
    answer = look_up(address)
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


def look_up(address: Address) -> queue.SimpleQueue[Any]:
    """Ask the system for the addresses of a name. The answer is put into the queue that is returned, once: a list as of
    `socket.getaddrinfo`, or the OSError or UnicodeError that came of it. Who does not want it leaves it."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answer.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=resolve, name="resolver", daemon=True).start()
    return answer


def _connect_one(sock: socket.socket, target: Any, stopping: Callable[[], bool]) -> None:
    sock.setblocking(False)
    code = sock.connect_ex(target)
    if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)):
        raise socket_error(code)
    deadline = monotonic() + CONNECT_TIMEOUT
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(STEP):
            if stopping():
                raise Cancelled
            if monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise socket_error(code)
    sock.setblocking(True)


def say(error: OSError, address: Address, platform: str = sys.platform) -> str:
    """What an error of the operating system means for the person at the keyboard."""
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return f"nobody answers what address {printable(address.host)} has; is this computer on the network?"
        return f"the name {printable(address.host)} is not known here; check the spelling or type the address in digits"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {address}; is the server running, and is that its port?"
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return f"{address} does not answer; is the address right, and does a firewall allow it?"
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)):
        return "the connection broke"
    if is_blocked(error):
        return f"this computer does not let us reach {address}: security software or a firewall blocks it"
    if error.errno in _NO_WAY:
        sentence = f"there is no way to {address}; is this computer on the network?"
        # Apple, TN3179: so fails, at once, whoever may not reach the local network.
        return f"{sentence} {MAC_PERMISSION}" if platform == "darwin" else sentence
    return f"{address}: {reason(error)}"


def first_words(receive: Callable[[], bytes], address: Address) -> bytes:
    """Wait for the first bytes of a server that we have spoken to.

    Raises `NotOurs` if they cannot be of one of ours, which begins with an object of JSON, and also if there are none:
    so end servers that wait for encryption. Other errors of ``receive`` pass through.
    """
    try:
        data = receive()
    except (ConnectionResetError, ConnectionAbortedError):
        data = b""
    if not data:
        raise NotOurs(f"the server closed the connection without a word; is there a Rollcall server at {address}?")
    kind = stranger(data)
    if kind:
        raise NotOurs(f"this is not a Rollcall server (it answers like {kind}); is {address} right, and the port?")
    return data


def stranger(data: bytes) -> str:
    """What begins to speak like this, if it is none of ours, which begin with an object of JSON; else empty."""
    if data.lstrip(b" \t\r\n")[:1] in (b"{", b""):
        return ""
    return next((kind for start, kind in _STRANGERS if data.startswith(start)), "something else")
