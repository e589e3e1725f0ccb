"""The client without a window: connect, register, beat, follow the roster, and come back by itself.

A `Client` has two threads. The reader connects, registers, reads until the connection ends, waits as the backoff says
and begins again. The heartbeat thread pings at the interval that the server told, and ends a connection whose
server does not answer any more; both share the state below one lock. Everything that happens becomes an event in a
`queue.Queue` (see ``rollcall/client/events.py``): nothing calls back, so whoever shows it does so in its own thread.

Also a program, for scripts and for watching without a screen: ``python client.py HOST[:PORT]``.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import math
import os
import queue
import random
import selectors
import signal
import socket
import sys
import threading
import time
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from protocol import (
    ERROR_CODES,
    MAX_SERVER_LINE,
    PROTOCOL_VERSION,
    RETRY,
    ClientList,
    Error,
    Leave,
    Message,
    Ping,
    Pong,
    Register,
    Resync,
    RosterDelta,
    Welcome,
    __version__,
    decode,
    encode,
)
from rollcall.client.events import (
    Connected,
    Connecting,
    Disconnected,
    Event,
    PingSent,
    Refused,
    RosterReplaced,
    RosterUpdated,
    RoundTrip,
    Stopped,
    Waiting,
    describe,
    to_json,
)
from rollcall.client.heartbeat import GOOD_CONNECTION, Backoff, Heartbeat
from rollcall.client.roster_view import RosterView
from rollcall.wire.address import Address, parse_address
from rollcall.wire.connection import BULK_SIZE, Connection
from rollcall.wire.errors import ProtocolError
from rollcall.wire.lines import LineDecoder
from rollcall.wire.text import check_name, printable

CONNECT_TIMEOUT = 5.0
"""Seconds for one address to accept. On a LAN an answer takes milliseconds; silence is a firewall or a mistake."""

STEP = 0.1
"""Seconds between two looks whether somebody said stop, while the operating system connects or resolves a name."""

GOODBYE = 0.4
"""Seconds that `Client.stop` gives the server to answer a goodbye."""

ORIGINAL_INTERVAL = 60.0
ORIGINAL_TIMEOUT = 120.0
"""The heartbeat of the original system, whose server sends no `welcome`."""


class _Ended(Exception):
    """This connection or attempt is over; ``str()`` says why, without a full stop."""

    def __init__(self, cause: str, error: Optional[Error] = None) -> None:
        super().__init__(cause)
        self.error = error


class _Ending(NamedTuple):
    """How an attempt ended, for the reader's next step."""

    cause: str
    error: Optional[Error]


class Client:
    """Keeps this machine in the roster of the server at ``address`` under ``name``, until `stop`.

    ``events`` receives everything that happens. ``reconnect`` False ends the client after the first connection.
    Raises `ProtocolError` (``invalid_name``) for a name that no server takes. Thread-safe.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        events: queue.Queue[Event],
        *,
        reconnect: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.address = address
        self.name = check_name(name)
        self._events = events
        self._reconnect = reconnect
        self._clock = clock
        self._wall_clock = wall_clock
        self._uniform = uniform
        self._reader = threading.Thread(target=self._read, name="reader", daemon=True)
        self._beater = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        # Guards what is below, down to the empty line, and wakes both threads when it changes.
        self._changed = threading.Condition(threading.Lock())
        self._stopping = False
        self._ended = False
        self._hurry = False
        self._connection: Optional[Connection] = None
        self._heartbeat: Optional[Heartbeat] = None
        self._cause: Optional[str] = None  # why the heartbeat thread hung up
        self._version = 0

        # The reader's thread only:
        self._backoff = Backoff(uniform)
        self._view = RosterView()
        self._resume_token: Optional[str] = None
        self._awaiting_list = False
        self._connected_at: Optional[float] = None

    def start(self) -> None:
        """Start the threads."""
        self._reader.start()
        self._beater.start()

    def stop(self) -> None:
        """Say goodbye and end both threads, within a second whatever they are doing. May be called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            connection, version = self._connection, self._version
        if connection is not None:
            if version == PROTOCOL_VERSION:
                connection.send(encode(Leave()))
            connection.finish_sending()
        if self._reader.ident is not None:
            self._reader.join(GOODBYE)
            if connection is not None:
                connection.hang_up()
            self._reader.join()
            self._beater.join()

    def retry_now(self) -> None:
        """Skip the wait before the next attempt."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def _tell(self, event: Event) -> None:
        """Put an event into the queue. Where that is bounded and full, this waits: then TCP holds the server back."""
        while True:
            try:
                self._events.put(event, timeout=STEP)
                return
            except queue.Full:
                if self._stopping:
                    return  # nobody takes any more

    # --- the reader's thread --------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._keep_connected()
        except Exception as error:
            # A bug of ours. Whoever watches must not go on showing the last that was known.
            self._tell(Disconnected(f"an error in this program: {error!r}", None, self._connected_at is not None))
            raise
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            self._tell(Stopped())

    def _keep_connected(self) -> None:
        attempt = 0
        while not self._stopping:
            attempt += 1
            self._tell(Connecting(str(self.address), attempt))
            ending = self._one_connection()
            if self._stopping:
                break
            connected_at, self._connected_at = self._connected_at, None
            code = ending.error.code if ending.error else None
            self._tell(Disconnected(ending.cause, code, connected_at is not None))
            action = ERROR_CODES.get(code, RETRY) if code else RETRY
            if ending.error is not None and action != RETRY:
                self._tell(Refused(ending.error.code, ending.error.message, action))
                break
            if not self._reconnect:
                break
            if connected_at is not None and self._clock() - connected_at >= GOOD_CONNECTION:
                self._backoff.reset()
            if connected_at is not None:
                attempt = 0
            self._wait(ending, attempt)

    def _wait(self, ending: _Ending, attempt: int) -> None:
        seconds = self._backoff.next(ending.error.retry_after if ending.error else None)
        with self._changed:
            if self._hurry or self._stopping:
                self._hurry = False
                return
        self._tell(Waiting(seconds, attempt + 1, ending.cause))
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._stopping, seconds)
            self._hurry = False

    def _one_connection(self) -> _Ending:
        connection = None
        try:
            sock = _connect(self.address, lambda: self._stopping)
            connection = Connection(sock, "server", clock=self._clock, receive_size=BULK_SIZE)
            connection.prepare()
            self._converse(connection, sock.getsockname())
            raise _Ended("the server closed the connection")
        except _Ended as ended:
            return _Ending(self._cause or str(ended), ended.error)
        except ProtocolError as error:
            return _Ending(f"the server does not speak Rollcall's protocol: {error}", None)
        except OSError as error:
            return _Ending(self._cause or _say(error, self.address), None)
        finally:
            with self._changed:
                self._connection = self._heartbeat = self._cause = None
                self._version = 0
            if connection is not None:
                connection.close()

    def _converse(self, connection: Connection, own: Tuple[Any, ...]) -> None:
        register = Register(
            client_ip=str(own[0]),
            client_port=int(own[1]),
            protocol=PROTOCOL_VERSION,
            name=self.name,
            resume_token=self._resume_token,
            packed=True,
            app=f"rollcall {__version__}",
        )
        with self._changed:
            if self._stopping:
                return
            self._connection = connection
            self._heartbeat = Heartbeat(self._clock(), self._wall_clock())
            self._hurry = False
            self._changed.notify_all()
        connection.send(encode(register))
        decoder = LineDecoder(MAX_SERVER_LINE)
        while True:
            data = connection.receive()
            if not data:
                return
            for line in decoder.feed(data):
                self._obey(connection, decode(line, MAX_SERVER_LINE))

    def _obey(self, connection: Connection, message: Message) -> None:
        if isinstance(message, Pong):
            self._answered(message)
        elif isinstance(message, RosterDelta):
            self._update_roster(connection, message)
        elif isinstance(message, ClientList):
            if self._connected_at is None:
                self._registered(1, ORIGINAL_INTERVAL, ORIGINAL_TIMEOUT, None)
            self._awaiting_list = False
            self._tell(RosterReplaced(self._view.replace(message), self._view.rev))
        elif isinstance(message, Welcome):
            self._resume_token = message.resume_token
            self._registered(PROTOCOL_VERSION, message.heartbeat_interval, message.connection_timeout, message)
        elif isinstance(message, Error):
            raise _Ended(message.message or message.code, message)

    def _registered(self, version: int, interval: float, timeout: float, welcome: Optional[Welcome]) -> None:
        now = self._clock()
        self._connected_at = now
        self._awaiting_list = True
        with self._changed:
            self._version = version
            if self._heartbeat is not None:
                self._heartbeat.registered(now, interval, timeout, self._uniform(0.0, 1.0))
            self._changed.notify_all()
        self._tell(Connected(str(self.address), interval, timeout, welcome))

    def _answered(self, pong: Pong) -> None:
        now = self._clock()
        with self._changed:
            heartbeat = self._heartbeat
            seconds = heartbeat.answered(now, pong.seq) if heartbeat is not None else None
            seq = pong.seq if pong.seq is not None else heartbeat.last_seq if heartbeat is not None else 0
        if seconds is not None:
            self._tell(RoundTrip(seq, seconds))

    def _update_roster(self, connection: Connection, delta: RosterDelta) -> None:
        if self._awaiting_list:
            return  # a list is on its way and will say all this
        if self._view.update(delta):
            self._tell(RosterUpdated(delta.up, delta.down, delta.rev))
        else:
            self._awaiting_list = True
            connection.send(encode(Resync()))

    # --- the heartbeat thread -------------------------------------------------------------------------------

    def _beat(self) -> None:
        while True:
            with self._changed:
                if self._stopping or self._ended:
                    return
                heartbeat = self._heartbeat
                self._changed.wait(None if heartbeat is None else heartbeat.patience(self._clock()))
                connection, version = self._connection, self._version
                if self._stopping or heartbeat is None or connection is None or self._heartbeat is not heartbeat:
                    continue  # everything may have changed meanwhile
                beat = heartbeat.tick(self._clock(), self._wall_clock())
                if beat.dead is not None:
                    self._cause = beat.dead
                    self._heartbeat = None
                    self._hurry = beat.slept
            if beat.dead is not None:
                connection.hang_up()
            elif beat.ping is not None:
                self._tell(PingSent(beat.ping))
                connection.send(encode(Ping(beat.ping if version == PROTOCOL_VERSION else None)))


# --- connecting -----------------------------------------------------------------------------------------------------


def _connect(address: Address, stopping: Callable[[], bool]) -> socket.socket:
    """A connected, blocking socket. Raises OSError, or `_Ended` when ``stopping()`` came true meanwhile."""
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
    raise _Ended("stopped")


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
                raise _Ended("stopped")
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "no answer")
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    sock.setblocking(True)


def _say(error: OSError, address: Address) -> str:
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


# --- the program ------------------------------------------------------------------------------------------------------


def _arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="client.py",
        description="Join a Rollcall server and print what happens.",
        epilog="Exit code: 0 after a normal end, 1 if refused or never connected, 2 on bad usage.",
    )
    parser.add_argument("server", metavar="HOST[:PORT]", help="the server, such as 192.168.1.20:8080")
    parser.add_argument("--name", metavar="N", help="the name in the roster (default: the login name)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--for", dest="seconds", metavar="SECONDS", type=float, help="leave after so long")
    parser.add_argument("--no-reconnect", action="store_true", help="end when the connection ends")
    parser.add_argument("--version", action="version", version=f"Rollcall client {__version__}")
    arguments = parser.parse_args(argv)
    if arguments.seconds is not None and not 0 < arguments.seconds <= threading.TIMEOUT_MAX:
        parser.error("--for: must be a number of seconds above 0")
    try:
        arguments.server = parse_address(arguments.server)
        arguments.name = check_name(arguments.name if arguments.name is not None else login_name())
    except ValueError as error:
        parser.error(str(error))
    return arguments


def login_name() -> str:
    """A name to begin with: the login name, or the machine's where there is none."""
    import getpass  # here, as it pulls in much that a server of names does not need

    try:
        return check_name(getpass.getuser())
    except (OSError, KeyError, ImportError, ProtocolError):
        return check_name(printable(socket.gethostname() or "somebody", 60))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the client until it ends, SECONDS have passed, or SIGINT or SIGTERM. Returns the exit code."""
    arguments = _arguments(argv)
    events: queue.Queue[Event] = queue.Queue()
    client = Client(arguments.server, arguments.name, events, reconnect=not arguments.no_reconnect)
    # Appending is all that a handler does: it may run while this thread holds the lock of the queue.
    signals: List[int] = []
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: signals.append(number))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no reason to end
    client.start()
    try:
        return _show(client, events, signals, arguments)
    except BrokenPipeError:
        # Whoever read our output has gone (``| head``). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        client.stop()


def _show(client: Client, events: queue.Queue[Event], signals: List[int], arguments: argparse.Namespace) -> int:
    deadline = time.monotonic() + arguments.seconds if arguments.seconds else math.inf
    connected = ended = False
    while not ended and not signals and time.monotonic() < deadline:
        try:
            event = events.get(timeout=min(STEP, max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            continue
        _print(event, arguments.json)
        connected = connected or isinstance(event, Connected)
        ended = isinstance(event, Stopped)
    client.stop()
    while not events.empty():
        _print(events.get(), arguments.json)
    return 1 if ended or not (connected or signals) else 0


def _print(event: Event, as_json: bool) -> None:
    if as_json:
        print(json.dumps(to_json(event)), flush=True)
    else:
        print(f"{time.strftime('%H:%M:%S')} {describe(event)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
