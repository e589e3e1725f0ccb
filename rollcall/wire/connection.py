"""One peer's socket: receive, a send that never blocks, a bounded backlog, and hanging up.

A connection has one reader, the thread that calls `receive` (on the server the client's handler thread, in
the client the reader thread), and any number of writers. No writer ever waits for the peer: what the kernel does not
take at once goes to the backlog, and `send` says so; then somebody with a selector calls `flush` whenever the
socket is writable. The backlog is bounded, and whoever owns the connection can ask for how long it has not moved.

The connection owns the socket and one lock, which keeps the order of bytes. The socket stays in blocking mode: a
timeout would make Python poll before each `recv`, which doubles the system calls of a heartbeat.
Closing is in two steps: `hang_up` ends the conversation from any thread and makes a blocked `receive` return;
`close` gives the descriptor back, when no thread and no selector uses it any more.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
from collections import deque
from typing import Callable, Deque, Optional, Tuple

from rollcall.wire import windows
from rollcall.wire.clock import monotonic
from rollcall.wire.text import printable

RECEIVE_SIZE = 208
"""Bytes asked of the kernel at once, until a client has registered. Python allocates them before the wait, one buffer
for each client that waits: 256 bytes with the object's head. Beyond 512 they would not come from Python's own
allocator, and each idle thread would keep 16 KiB more (measured with Python 3.11 on Linux): the C library caches freed
blocks by thread."""

HEARTBEAT_SIZE = 80
"""The same for whoever sends heartbeats only, 16 to 40 bytes each: half the buffer for each idle client."""

BULK_SIZE = 65536
"""The same for a client, which reads whole rosters and is alone in its process."""

MAX_BACKLOG = 64 * 1024
"""Bytes that may be added while a message is stuck: about 2,000 unread pongs."""

MAX_TRACED = 2000
"""Characters of a line that a trace shows."""

SENT, BACKLOGGED, FAILED, BUSY = 0, 1, 2, 3
"""What became of a `Connection.send`: the kernel has it all; some waits for `flush`; the connection is no more; nothing
was sent, for something else waits."""

LOOK_UP = 1.0
"""Seconds between two looks whether we have hung up, where the system wakes nobody who waits (see ``windows.py``)."""

# Where the platform has no such flag (Windows), `windows.send_some` does the same without it.
_DONT_WAIT = getattr(socket, "MSG_DONTWAIT", 0)

# Where `shutdown` does not wake the reader (Windows), this does; None elsewhere.
_canceller = windows.canceller

# poll() takes any descriptor; select(), all that Windows has, refuses those beyond 1023 where they are numbered.
_Waiter = getattr(selectors, "PollSelector", selectors.SelectSelector)

Trace = Callable[[str, "Connection", bytes], None]


class Connection:
    """A connected socket, shared by one reader and several writers.

    ``label`` names it in logs and traces, ``peer`` is the other side's address. ``trace``, if given, is called with
    ``">"``, the connection and the bytes of everything that is about to be sent, in the sender's thread and outside the
    lock. ``receive_size`` may be changed at any time.
    """

    __slots__ = (
        "_backlog", "_backlog_bytes", "_broken", "_clock", "_closed", "_ending", "_finished", "_hung_up", "_lock",
        "_moved_at", "_socket", "_trace", "label", "peer", "receive_size", "session_id",
        "speaks_lines",
    )  # fmt: skip

    nothing_yet = False
    """True after a `receive` that is empty although the stream goes on. Never in the clear; TLS has such reads."""

    is_secure = False
    """Whether what passes here is encrypted."""

    def __init__(
        self,
        sock: socket.socket,
        label: str,
        session_id: int = 0,
        trace: Optional[Trace] = None,
        clock: Callable[[], float] = monotonic,
        receive_size: int = RECEIVE_SIZE,
        peer: str = "",
    ) -> None:
        self.receive_size = receive_size
        self.peer = peer
        self.label = label
        self.session_id = session_id
        self._socket = sock
        self._trace = trace
        self._clock = clock
        # Keeps the order of bytes: it guards the backlog and every send. Nobody waits for the peer under it.
        self._lock = threading.Lock()
        self._backlog: Optional[Deque[memoryview]] = None  # None while all is sent: most connections, always
        self._backlog_bytes = 0
        self._moved_at = 0.0
        self._broken = False
        self._finished = False
        self._ending = False
        self._hung_up = False
        self._closed = False
        self.speaks_lines = True
        """False for a browser, to which a line of ours would be a part of what it downloads. To be read only."""

    def prepare(self) -> None:
        """Set what every connection wants: small lines leave at once, and the kernel probes a silent peer."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except OSError:
            pass  # the peer is gone already (macOS says EINVAL); reading will tell

    def fileno(self) -> int:
        """The descriptor, for a selector."""
        return self._socket.fileno()

    def own_address(self) -> Tuple[str, int]:
        """Host and port at which the peer has reached us."""
        host, port = self._socket.getsockname()[:2]
        return host[7:] if host.startswith("::ffff:") else host, port

    @property
    def hung_up(self) -> bool:
        """True once somebody has ended the conversation with `hang_up`."""
        return self._hung_up

    def speak_no_lines(self) -> None:
        """The peer turned out to speak something else: from now on nothing that is sent goes through ``trace``."""
        self.speaks_lines = False
        self._trace = None

    def give_up_after(self, seconds: float) -> None:
        """The system ends the connection when the peer acknowledges nothing for so long (Linux: tcp(7),
        TCP_USER_TIMEOUT; RFC 5482). Elsewhere its own, longer time holds."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))
        except (AttributeError, OSError):
            pass  # another system, or the peer is gone already

    @property
    def backlogged(self) -> bool:
        """True while something waits for `flush`."""
        return self._backlog is not None

    def receive(self) -> bytes:
        """Wait for bytes of the peer. Empty at the end of the stream, also after `hang_up`, whatever error that is.

        Raises OSError (ConnectionResetError and others) when the connection broke.
        """
        while True:
            try:
                if _canceller is not None and not _canceller.works:
                    self._look_up()
                return self._socket.recv(self.receive_size)
            except OSError as error:
                if self._hung_up:
                    return b""
                if not windows.was_cancelled(error):
                    raise
                # Somebody else has cancelled what waits for this socket: it is as good as before.

    def send(self, data: bytes, last: bool = False, if_free: bool = False) -> int:
        """Send without ever waiting. Returns `SENT`, `BACKLOGGED` (somebody must call `flush`) or `FAILED`.

        After the ``last`` message, why the connection ends, nothing else goes out, whoever tries. ``if_free`` is for
        what may be longer than a backlog holds: where something waits already, nothing of it is sent, and the answer is
        `BUSY`. To look at `backlogged` before is no help, for others send meanwhile.
        """
        if if_free and self._backlog is not None:
            return BUSY
        if self._trace is not None and not (self._broken or self._finished):
            self._trace(">", self, data)  # before it goes out: afterwards the answer may be traced first
        with self._lock:
            if self._broken or self._finished:
                return FAILED
            if if_free and self._backlog is not None:
                return BUSY
            self._finished = last
            if self._backlog is None:
                taken = self._send_some_locked(data)
                if taken == len(data):
                    return SENT
                if taken < 0:
                    return FAILED
                result = self._keep_locked(memoryview(data)[taken:])
            elif self._backlog_bytes + len(data) > MAX_BACKLOG:
                self._broken = True
                result = FAILED
            else:
                self._backlog.append(memoryview(data))
                self._backlog_bytes += len(data)
                result = BACKLOGGED
        if result == FAILED:
            self.hang_up()
        return result

    def flush(self) -> int:
        """Send what the kernel takes of the backlog. Returns `SENT` when it is empty, else as `send`."""
        with self._lock:
            while self._backlog:
                chunk = self._backlog[0]
                taken = self._send_some_locked(chunk)
                if taken < 0:
                    return FAILED
                if taken:
                    self._moved_at = self._clock()
                if taken < len(chunk):
                    self._backlog[0] = chunk[taken:]
                    return BACKLOGGED
                self._backlog.popleft()
            self._backlog = None
            return self._end_locked() if self._ending else SENT

    def stalled_for(self, now: float) -> float:
        """Seconds since the peer last took a byte of the backlog; 0 without one."""
        with self._lock:
            return now - self._moved_at if self._backlog is not None else 0.0

    def finish_sending(self) -> int:
        """Tell the peer that nothing more will come (FIN); it can still be read. Behind a backlog it waits for the end
        of that, and nothing is added. Returns as `send`: `BACKLOGGED` wants somebody to call `flush`."""
        with self._lock:
            if self._broken:
                return FAILED
            self._finished = self._ending = True
            return self._end_locked() if self._backlog is None else BACKLOGGED

    def hang_up(self) -> None:
        """End the conversation in both directions, from any thread; a blocked `receive` returns empty."""
        with self._lock:
            if self._closed:
                return  # the descriptor may belong to somebody else by now
            self._broken = self._hung_up = True
            self._shutdown_locked(socket.SHUT_RDWR)
            trouble = "" if _canceller is None else _canceller.cancel(self._socket.fileno())
        if trouble and _canceller is not None:
            _canceller.tell(trouble)

    def close(self) -> None:
        """Give the descriptor back. Only when no other thread and no selector uses it."""
        with self._lock:
            self._broken = self._closed = True
            self._backlog = None
            self._socket.close()

    def drain(self, seconds: float) -> None:
        """After a last message: read and forget until the peer closes, at most ``seconds`` and 64 KiB.

        Closing a socket that holds unread bytes sends a reset, which can destroy the last message before the
        peer has read it (RFC 1122, 4.2.2.13). For the reader's own thread, once `finish_sending` was called.
        """
        deadline = self._clock() + seconds
        budget = 64 * 1024
        try:
            while budget > 0:
                if not self._readable_within(deadline - self._clock()):
                    return
                data = self._socket.recv(RECEIVE_SIZE)
                if not data:
                    return
                budget -= len(data)
        except (OSError, ValueError):  # ValueError: select on a closed socket
            return  # broken: there is nothing to wait for

    def readable_within(self, seconds: float) -> bool:
        """Wait for bytes or the end of the stream, for the reader's own thread."""
        return self._readable_within(seconds)

    def writable_within(self, seconds: float) -> bool:
        """Wait until the socket takes more, or is no more, for the reader's own thread: only that may wait for it."""
        return self._ready_within(seconds, selectors.EVENT_WRITE)

    def _readable_within(self, seconds: float) -> bool:
        return self._ready_within(seconds, selectors.EVENT_READ)

    def _ready_within(self, seconds: float, event: int) -> bool:
        """Not by the socket's timeout: that holds for senders as well, and a flush in another thread would wait for the
        peer."""
        if seconds <= 0:
            return False
        with _Waiter() as waiter:
            waiter.register(self._socket, event)
            return bool(waiter.select(seconds))

    def _look_up(self) -> None:
        while not (self._readable_within(LOOK_UP) or self._hung_up):
            pass

    def _keep_locked(self, rest: memoryview) -> int:
        """The first backlog of a connection that had none: what the kernel has left of a message."""
        self._backlog = deque((rest,))
        self._backlog_bytes = 0  # the stuck message is shared by many; only what follows is counted
        self._moved_at = self._clock()
        return BACKLOGGED

    def _end_locked(self) -> int:
        """All has been sent that ever will be: say so. Returns as `send`."""
        self._shutdown_locked(socket.SHUT_WR)
        return SENT

    def _shutdown_locked(self, how: int) -> None:
        try:
            self._socket.shutdown(how)
        except OSError:
            pass  # the peer was faster

    def _send_some_locked(self, data: bytes | memoryview) -> int:
        """How many bytes the kernel took, 0 if none now, -1 if the connection broke."""
        try:
            if not _DONT_WAIT:
                return windows.send_some(self._socket, data)
            return self._socket.send(data, _DONT_WAIT)
        except (BlockingIOError, InterruptedError):
            return 0
        except (OSError, ValueError):  # ValueError: select on a closed socket
            self._broken = True
            return -1


_SECRET = re.compile(rb'("(?:resume_token|instance|proof|data)"\s*:\s*"|"code"\s*:\s*"(?:SUB|/board))(?:[^"\\]|\\.)*')


def trace_line(direction: str, connection: Connection, data: bytes) -> str:
    """What a trace shows of one line: ``> client-7 {"type":"pong"}``, with anything unprintable escaped and without the
    secrets by which a member is known again, or that codes could be tried on."""
    beginning = data[: 4 * (MAX_TRACED + 1)]  # a character is four bytes at most, a roster may be millions
    text = _SECRET.sub(b"\\1\xe2\x80\xa6", beginning.rstrip(b"\r\n")).decode("utf-8", "backslashreplace")
    return f"{direction} {connection.label} {printable(text, MAX_TRACED)}"
