"""The Rollcall server: who is connected right now, and are they really still there?

``python server.py`` listens on the LAN and keeps a roster of its clients. The threads:

- ``accept``: takes connections (`socketserver`'s loop) and starts a handler thread for each;
- ``client-N``: one for each connection. It alone reads that socket and it answers its pings;
- ``sweeper``: sleeps until a lease is due, removes those who went silent, and sleeps again;
- ``publisher``: sends what changed in the roster to everyone (see ``rollcall/server/publisher.py``);
- ``journal``: writes the handlers' log lines (see ``rollcall/server/journal.py``);
- the main thread waits for SIGINT or SIGTERM and then stops the others, in the order that `RollcallServer.stop` says.

A handler renews its client's lease in the roster with each valid message. All state that threads share is in
`Roster` (members and leases), `Connection` (one socket) and the server's dict of handlers, each with its own
lock; nobody ever holds two of them. Errors of a peer end that peer's connection and nothing else.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import io
import logging
import math
import os
import queue
import secrets
import signal
import socket
import socketserver
import sys
import threading
import time
from collections import deque
from types import FrameType
from typing import Any, Callable, Deque, Dict, List, Optional, Sequence, Tuple

from protocol import LOST, Error, encode
from rollcall.program.frozen import program_name
from rollcall.server.config import ConfigError, ServerConfig, load
from rollcall.server.handler import LAST_WORDS, LEAST_BURST, Allowance, ClientHandler
from rollcall.server.journal import Journal
from rollcall.server.publisher import Publisher
from rollcall.server.roster import Roster, Sweep
from rollcall.server.sweeper import Sweeper
from rollcall.wire.connection import Connection, trace_line

log = logging.getLogger("rollcall.server")

SPARE_CONNECTIONS = 32
"""Connections beyond ``max_clients`` that get a thread all the same: members that return while their older
connection still holds the seat, and clients that are told ``server_full`` in the version they speak."""

OWN_DESCRIPTORS = 16
"""Descriptors that the server needs for itself: the listening socket, the selectors, the log."""

RETRY_WHEN_FULL = 5.0
"""Seconds, sent as ``retry_after``."""

SAME_SIGNAL = 0.3
"""Seconds within which a second signal is the first once more: a terminal's Ctrl-C and a service manager reach every
process of a program, and an executable of one file is two, of which the outer passes on what it gets."""

STACK = 256 * 1024
"""Bytes of stack for each thread. Nothing here calls deep. Of the usual 8 MiB a handler touches no more, but each of
them then needs a page table of its own, 4 KiB; seven of these share one. Before Python 3.11 a call in Python needs the
C stack, too, and 1,000 of them, which Python allows, need more than this: there the usual size stays."""

STUCK_AFTER = 2.0
"""Seconds that handlers have to end once they were hung up. They wait for nobody, unless it is the trace's terminal."""

STOP_PATIENCE = 0.5
"""Seconds that clients have to hang up by themselves once they were told ``server_shutdown``."""

SEND_BUFFER = 64 * 1024
"""Bytes that the system may hold for one client (Linux takes twice as many). Left to itself Linux lets it grow to
4 MiB: for a client that stopped reading that is memory for nothing, and it would be noticed minutes late."""

PATIENCE_PER_CLIENT = 0.0001
"""Seconds, see `_run_on_one_cpu`: those who wait look up 10,000 times a second at most, however many they are."""

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Tracer = Callable[[str, Connection, bytes], None]


class RollcallServer(socketserver.ThreadingTCPServer):
    """The server as an object: construct (which binds and listens), `start`, `stop`.

    ``address`` is where it listens. Raises OSError if it cannot. ``trace`` gets every line on the wire; ``quiet`` is
    True when nobody wants to see single heartbeats, which lets handlers answer them without parsing JSON.
    """

    # socketserver's own defaults lose half a class at the bell: 5 connections may wait to be accepted there.
    request_queue_size = 4096
    # After a crash the port is free again at once. On Windows the same option lets two servers share a port.
    allow_reuse_address = os.name != "nt"
    daemon_threads = True
    block_on_close = False  # stop() hangs up first and joins the handlers itself

    def __init__(
        self,
        config: ServerConfig,
        port: Optional[int] = None,
        trace: Optional[Tracer] = None,
        quiet: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if ":" in config.host:
            self.address_family = socket.AF_INET6
        self.config = config
        self.trace = trace
        self.quiet = quiet and trace is None
        self.clock = clock
        self.epoch = secrets.token_urlsafe(3)
        self.started = int(time.time())
        self.started_at = clock()
        self.roster = Roster(
            max_clients=config.max_clients,
            heartbeat_interval=config.heartbeat_interval,
            connection_timeout=config.connection_timeout,
            registration_timeout=config.registration_timeout,
            clock=clock,
        )
        # The accept thread only. Before socketserver's own constructor: that closes the server if it cannot bind.
        self._next_session = 1
        self._refused: Deque[Tuple[float, socket.socket]] = deque()
        self._reserve: Optional[int] = os.open(os.devnull, os.O_RDONLY)
        self._complained_at = -math.inf
        super().__init__((config.host, config.port if port is None else port), ClientHandler)
        self.allowance = Allowance(config.message_rate, max(LEAST_BURST, 2 * config.message_rate))
        self.journal = Journal()
        self.publisher = Publisher(self.roster, self.epoch, self.journal, clock)
        self.sweeper = Sweeper(self.roster, self._on_sweep, self.journal, clock)
        self._accept_thread = threading.Thread(target=self.serve_forever, name="accept", daemon=True)
        # Guards _handlers; notified when one ends.
        self._handlers_changed = threading.Condition(threading.Lock())
        self._handlers: Dict[int, Connection] = {}

    @property
    def address(self) -> Tuple[str, int]:
        """Host and port that the server really listens on."""
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)

    def server_bind(self) -> None:
        """Bind; an IPv6 wildcard takes IPv4 clients as well. Accepted sockets inherit the send buffer's bound."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if self.address_family == socket.AF_INET6 and hasattr(socket, "IPV6_V6ONLY"):
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def start(self) -> None:
        """Start the threads; the server accepts from now on."""
        self.journal.start()
        self.publisher.start()
        self.sweeper.start()
        self._accept_thread.start()

    def stop(self) -> bool:
        """Tell everyone, hang up and end every thread. The order matters: first nobody new comes, then everybody
        hears why, then nothing else is sent, then the rest is cut. False if something did not end: whatever shows the
        log or the trace takes no more, and a thread waits for it."""
        if self._accept_thread.is_alive():
            self.shutdown()
            self._accept_thread.join()
        self.server_close()
        goodbye = encode(Error("server_shutdown", "the server is stopping"))
        for connection in self._current_handlers():
            connection.send(goodbye, last=True)
        self.publisher.stop()
        self.sweeper.stop()
        for connection in self._current_handlers():
            connection.finish_sending()
        with self._handlers_changed:
            self._handlers_changed.wait_for(lambda: not self._handlers, STOP_PATIENCE)
        for connection in self._current_handlers():
            connection.hang_up()
        with self._handlers_changed:
            ended = self._handlers_changed.wait_for(lambda: not self._handlers, STUCK_AFTER)
        return self.journal.stop() and ended

    def server_close(self) -> None:
        """Close the listening socket, the refused connections and the reserve descriptor."""
        super().server_close()
        while self._refused:
            self._refused.popleft()[1].close()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None

    def full(self) -> Error:
        """What a client beyond ``max_clients`` is told."""
        message = f"the server is full: it takes {self.config.max_clients} clients"
        return Error("server_full", message, RETRY_WHEN_FULL)

    def replace(self, session_id: int) -> None:
        """A member came back on a new connection: end the older one, which the roster has dropped already."""
        self.journal.note(log, logging.INFO, "replaced: client-%d", session_id)
        self._dismiss(session_id, Error("replaced", "this member has connected again from elsewhere"))

    # --- the accept thread ------------------------------------------------------------------------------------

    def get_request(self) -> Tuple[socket.socket, Any]:
        """Accept one connection; of the peer's address only the IP is of use here.

        Without a free descriptor the listening socket would stay readable and the loop would spin: then a reserve is
        given up for a moment, to refuse the client in words.
        """
        try:
            request, address = self.socket.accept()
            return request, _plain_ip(address[0])
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._complain("out of descriptors (%s): refusing clients", error.strerror)
                self._refuse_with_reserve()
            raise  # socketserver goes on with the next connection

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the handler thread of an accepted connection, or refuse it if there are too many."""
        with self._handlers_changed:
            count = len(self._handlers)
        if count >= self.config.max_clients + SPARE_CONNECTIONS:
            self._complain("server_full: %d connections; refusing more", count)
            self._refuse(request)
            return
        session_id = self._next_session
        self._next_session += 1
        label = f"client-{session_id}"
        connection = Connection(request, label, session_id, self.trace, self.clock, peer=client_address)
        # Known to us before it is known to the roster: a lease must never run out of a connection nobody can find.
        with self._handlers_changed:
            self._handlers[session_id] = connection
        try:
            self.sweeper.arm(self.roster.open(session_id))
            # Not a threading.Thread: its objects take 2.5 KiB for each client, and its start() waits for the thread.
            # What it would be good for is here already: process_request_thread says when it is done.
            _thread.start_new_thread(self.process_request_thread, (connection, client_address))
        except (RuntimeError, MemoryError) as error:
            self._complain("cannot start a thread (%s): refusing clients", error)
            self.roster.remove(session_id, LOST)
            with self._handlers_changed:
                del self._handlers[session_id]
            self._refuse(request)

    def service_actions(self) -> None:
        """Called by socketserver in every turn: close the refused who had time to read why."""
        now = self.clock()
        while self._refused and self._refused[0][0] <= now:
            self._refused.popleft()[1].close()

    def _refuse(self, request: socket.socket) -> None:
        """Say ``server_full`` without a thread. The socket stays open for `LAST_WORDS`: closing it at once, with the
        client's register unread, would be a reset, and some systems then throw the words away."""
        try:
            request.setblocking(False)
            request.send(encode(self.full()))
            request.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already
        self._refused.append((self.clock() + LAST_WORDS, request))
        if len(self._refused) > SPARE_CONNECTIONS:
            self._refused.popleft()[1].close()

    def _refuse_with_reserve(self) -> None:
        while self._refused:
            self._refused.popleft()[1].close()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
        try:
            request, _ = self.socket.accept()
            request.setblocking(False)
            request.send(encode(self.full()))
            request.close()
        except OSError:
            threading.Event().wait(0.05)  # nothing to be had at all: a pause instead of a spin
        with contextlib.suppress(OSError):  # the next refusal tries again
            self._reserve = os.open(os.devnull, os.O_RDONLY)

    def _complain(self, message: str, *facts: object) -> None:
        """Warn, but at most once a second: a flood of connections is not a flood of log lines."""
        now = self.clock()
        if now - self._complained_at >= 1.0:
            self._complained_at = now
            self.journal.note(log, logging.WARNING, message, *facts)

    # --- a handler thread -------------------------------------------------------------------------------------

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The life of a handler thread; `ClientHandler` does everything in its constructor, as socketserver has it."""
        connection: Connection = request
        try:
            connection.prepare()
            self.finish_request(request, client_address)
        except Exception:
            self.journal.note_exception(log, "the handler of %s failed", connection.label)
        finally:
            with self._handlers_changed:
                del self._handlers[connection.session_id]
                if not self._handlers:
                    self._handlers_changed.notify_all()

    # --- the sweeper's thread ---------------------------------------------------------------------------------

    def _on_sweep(self, sweep: Sweep) -> None:
        if sweep.changed:
            self.publisher.wake()
        if sweep.extended:
            self.journal.note(log, logging.WARNING, "this server slept: all leases extended by %.1f s", sweep.extended)
        for gone in sweep.expired:
            if gone.entry is None:
                seconds = self.config.registration_timeout
                error = Error("registration_timeout", f"no register message within {seconds:g} s")
                peer = self._dismiss(gone.session_id, error)
                self.journal.note(log, logging.INFO, "registration_timeout: client-%d from %s", gone.session_id, peer)
            else:
                error = Error("heartbeat_timeout", f"no message for {gone.silent_for:.1f} s")
                who, seconds = gone.entry.label, gone.silent_for
                self._dismiss(gone.session_id, error)
                message = "heartbeat_timeout: %s was silent for %.1f s (client-%d)"
                self.journal.note(log, logging.INFO, message, who, seconds, gone.session_id)

    # --- shared -------------------------------------------------------------------------------------------------

    def _current_handlers(self) -> List[Connection]:
        with self._handlers_changed:
            return list(self._handlers.values())

    def _dismiss(self, session_id: int, error: Error) -> str:
        """Tell a client why, and hang up; its own handler does the rest. Returns its address, if it is still there."""
        with self._handlers_changed:
            handler = self._handlers.get(session_id)
        if handler is not None:
            handler.send(encode(error), last=True)
            handler.hang_up()
        return handler.peer if handler is not None else "an address that has gone"


# --- the program --------------------------------------------------------------------------------------------------


def listen(config: ServerConfig, trace: Optional[Tracer], quiet: bool) -> RollcallServer:
    """A server on the first free port of ``port_attempts``. Raises OSError of the last attempt."""
    last = 0 if config.port == 0 else min(config.port_attempts, 65536 - config.port) - 1
    for attempt in range(last + 1):
        try:
            return RollcallServer(config, config.port + attempt, trace, quiet)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or attempt == last:
                raise
            log.warning("port %d is busy; trying %d", config.port + attempt, config.port + attempt + 1)
    raise AssertionError("port_attempts is at least 1")


def _plain_ip(address: str) -> str:
    """The address as people write it: an IPv4 address that came through an IPv6 socket loses its ``::ffff:``."""
    return address[7:] if address.startswith("::ffff:") else address


def reachable_addresses(host: str, port: int) -> List[str]:
    """The addresses that a student can type, best guess first. Nothing is sent to find them."""
    if host not in ("0.0.0.0", "::"):
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    found: Dict[str, None] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket only asks the routing table for the local address (documentation net, RFC 5737).
            probe.connect(("192.0.2.1", 9))
            found[probe.getsockname()[0]] = None
        except OSError:
            pass  # no route: the machine is on no network
    try:
        for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM):
            found[str(info[4][0])] = None
    except OSError:
        pass
    others = [ip for ip in found if not ip.startswith("127.") and ip != "0.0.0.0"]
    return [f"{ip}:{port}" for ip in [*others, "127.0.0.1"]]


def _start_logging(verbose: bool, log_file: Optional[str]) -> None:
    handlers: List[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, encoding="utf-8"))
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
        handlers=handlers,
    )


def _print_trace(direction: str, connection: Connection, data: bytes) -> None:
    print(trace_line(direction, connection, data), flush=True)


def _raise_descriptor_limit(max_clients: int) -> None:
    """Each client is a descriptor, and the soft limit is often 1,024: take what the system allows, and say so if that
    is too little. The server then refuses in words whom it cannot hold."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            hard = soft  # macOS refuses "unlimited"
    needed = max_clients + 2 * SPARE_CONNECTIONS + OWN_DESCRIPTORS  # with those that are being refused
    if hard != resource.RLIM_INFINITY and hard < needed:
        message = "max_clients = %d needs %d descriptors; the system allows %d (ulimit -n)"
        log.warning(message, max_clients, needed, hard)


def _use_small_stacks() -> None:
    if sys.version_info >= (3, 11):
        try:
            threading.stack_size(STACK)
        except ValueError:
            pass  # this platform wants more; its own size will do


def _run_on_one_cpu(max_clients: int) -> None:
    """Keep this process on one processor, in long time slices, where the platform can (Linux).

    Only one Python thread runs at a time anyway. On several processors the others that wake find the interpreter's
    lock taken, and the handlers queue up behind it; on one, each runs undisturbed until it waits again, and the lock is
    free.
    Measured with 1,000 clients on two processors: about twice the heartbeats, and no fewer with both processors busy.

    Whoever waits for the interpreter's lock looks up every 5 ms and asks its owner to hurry. Thousands that wait would
    do nothing else (measured: a quarter of the heartbeats with 10,000), so the more clients there may be, the more
    patient they are. What runs for long must let the others in by itself, see `publisher.BREATH`.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    try:
        allowed = sorted(os.sched_getaffinity(0))
        cpu = allowed[os.getpid() % len(allowed)]  # two servers on one machine rarely choose the same
        os.sched_setaffinity(0, {cpu})
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        sys.setswitchinterval(max(sys.getswitchinterval(), max_clients * PATIENCE_PER_CLIENT))
    except OSError as error:
        log.info("one_cpu: not permitted here (%s)", error.strerror)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the server until SIGINT or SIGTERM. Returns the exit code: 0, 1 (cannot listen), 2 (configuration)."""
    program = program_name("server.py")
    try:
        arguments = load(argv)
        _start_logging(arguments.verbose, None if arguments.log_file is None else str(arguments.log_file))
    except ConfigError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{program}: --log-file {error.filename}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    config = arguments.config
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for --trace: not every terminal can show every name
    if not config.file_found:
        log.warning("no settings file %s: using the defaults", config.file)
    print("Settings:", *config.describe(), sep="\n  ", flush=True)
    if arguments.check_config:
        return 0
    _raise_descriptor_limit(config.max_clients)
    _use_small_stacks()
    if config.one_cpu:
        _run_on_one_cpu(config.max_clients)
    try:
        server = listen(config, _print_trace if arguments.trace else None, not arguments.verbose)
    except OSError as error:
        print(f"{program}: {_cannot_listen(config, error)}", file=sys.stderr)
        return 1
    signals = _catch_signals()
    server.start()
    host, port = server.address
    print(f"Listening on {host}:{port}", flush=True)
    print("Clients connect to:", *reachable_addresses(host, port), sep="\n  ", flush=True)
    _wait_for(signals)
    server.journal.note(log, logging.INFO, "stopping: telling %d clients", len(server.roster))
    if not server.stop():
        os._exit(1)  # a thread waits for a terminal for ever, with a lock that an orderly exit needs
    log.info("stopped")
    return 0


def _catch_signals() -> queue.SimpleQueue[int]:
    """Signals become entries of a queue. Not a `threading.Event`: its lock may be held by the very thread that the
    signal interrupts, while `SimpleQueue.put` is documented to be reentrant."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()
    begun = math.inf

    def on_signal(number: int, frame: Optional[FrameType]) -> None:
        nonlocal begun
        now = time.monotonic()
        if begun == math.inf:
            begun = now
            signals.put(number)
        elif now - begun > SAME_SIGNAL:  # a second Ctrl-C does not wait
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), on_signal)
    return signals


def _wait_for(signals: queue.SimpleQueue[int]) -> None:
    while True:
        try:
            signals.get(timeout=0.5)  # in steps, because a wait without end cannot be interrupted on Windows
            return
        except queue.Empty:
            pass


def _cannot_listen(config: ServerConfig, error: OSError) -> str:
    where = f"cannot listen on {config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        if config.port_attempts > 1:
            where += f" nor on the {config.port_attempts - 1} ports after it"
        return f"{where}: in use by another program; stop that one or choose another with --port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where}: not permitted; ports below 1024 need special rights, choose another with --port"
    return f"{where}: {error.strerror or error}; check host in the settings (0.0.0.0 is every address)"


if __name__ == "__main__":
    sys.exit(main())
