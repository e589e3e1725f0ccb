"""The Rollcall server: who is connected right now, and are they really still there?

``python server.py`` listens on the LAN and keeps a roster of its clients. The threads:

- ``accept``: takes connections (`socketserver`'s loop) and starts a handler thread for each;
- ``client-N``: one for each connection. It alone reads that socket and it answers its pings;
- ``sweeper``: sleeps until a lease is due, removes those who went silent, and sleeps again;
- ``publisher``: sends what changed in the roster to everyone (see ``rollcall/server/publisher.py``);
- ``beacon``: answers whoever asks the network for servers (see ``rollcall/server/beacon.py``);
- ``handshakes``: computes the handshakes of TLS, where this server offers it (see ``rollcall/server/handshakes.py``);
- ``journal``: makes log lines of what the handlers note (see ``rollcall/server/journal.py``);
- ``stdout``, ``stderr`` and the log file: each has a thread that writes to it (see ``rollcall/server/observers.py``);
- the main thread waits for a signal (SIGINT, SIGTERM, SIGHUP) and then stops the others, in the order that
  `RollcallServer.stop` says.

A handler renews its client's lease in the roster with each valid message. All state that threads share is in
`Roster` (members and leases), `Connection` (one socket) and `Room` (who is connected), each with its own
lock; nobody ever holds two of them. Errors of a peer end that peer's connection and nothing else.
"""

from __future__ import annotations

import _thread
import errno
import logging
import math
import os
import platform
import socket
import socketserver
import threading
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Tuple

from protocol import LOST, Error, __version__, encode
from rollcall.program.ending import run
from rollcall.program.folders import data_folder
from rollcall.program.frozen import OwnFiles, program_name
from rollcall.program.os_errors import BLOCKED, file_reason, is_blocked, is_taken, number_of, reason
from rollcall.program.signals import Signals
from rollcall.server import lesson_start
from rollcall.server.beacon import Beacon
from rollcall.server.browsers import BROWSERS
from rollcall.server.class_text import ClassError
from rollcall.server.config import ConfigError, load
from rollcall.server.gate import PLACES_MORE
from rollcall.server.handler import ClientHandler
from rollcall.server.keys import KeysError, RoomKeys, room_keys
from rollcall.server.machine import (
    LOOK_AGAIN,
    listening_address,
    own_address,
    plain_ip,
    raise_descriptor_limit,
    run_on_one_cpu,
    tell_addresses,
    use_small_stacks,
)
from rollcall.server.observers import Observers
from rollcall.server.record_arguments import is_about_record
from rollcall.server.refusals import AT_A_TIME, Refusals
from rollcall.server.room import Room
from rollcall.server.settings import ServerConfig
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import Connection, Trace
from rollcall.wire.discovery import parse_networks
from rollcall.wire.text import counted, printable

log = logging.getLogger("rollcall.server")

SPARE_CONNECTIONS = AT_A_TIME
"""Connections beyond the members and the pool of the unregistered that get a thread all the same: those that end
already, such as the older connection of a member that came back."""

STUCK_AFTER = 2.0
"""Seconds that handlers have to end once they were hung up, and the accept thread once it was told. They wait for
nobody, but the machine may be busy."""

LOOK_UP = 0.1
"""Seconds between two looks of the accept loop whether it shall end (`socketserver` has no other way to be told), and
whether those who were refused have had their time."""

STOP_PATIENCE = 0.5
"""Seconds that clients have to hang up by themselves once they were told ``server_shutdown``."""

SEND_BUFFER = 64 * 1024
"""Bytes that the system may hold for one client (Linux takes twice as many). Left to itself Linux lets it grow to
4 MiB: for a client that stopped reading that is memory for nothing, and it would be noticed minutes late."""

_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _Stopped(Exception):
    """The accept thread's loop is to end."""


class RollcallServer(socketserver.ThreadingTCPServer):
    """The server as an object: construct (which binds and listens), `start`, `stop`.

    ``address`` is where it listens. Raises OSError if it cannot. ``trace`` gets every line on the wire; ``quiet`` is
    True when nobody wants to see single heartbeats, which lets handlers answer them without parsing JSON. ``keys`` are
    those of the room's door; without them it is open, and speaks no TLS.
    """

    # socketserver's own defaults lose half a class at the bell: 5 connections may wait to be accepted there.
    request_queue_size = 4096
    # After a crash the port is free again at once. On Windows the same option lets two servers share a port, whatever
    # the first one wants, unless that has said that it does not: see server_bind.
    allow_reuse_address = os.name != "nt"
    daemon_threads = True
    block_on_close = False  # stop() hangs up first and joins the handlers itself

    def __init__(
        self,
        config: ServerConfig,
        port: Optional[int] = None,
        trace: Optional[Trace] = None,
        quiet: bool = True,
        clock: Callable[[], float] = monotonic,
        keys: Optional[RoomKeys] = None,
        data: Optional[Path] = None,
        log_file: Optional[Path] = None,
    ) -> None:
        self.address_family, target = listening_address(config.host, config.port if port is None else port)
        # The accept thread only. Before socketserver's own constructor: that closes the server if it cannot bind.
        self._next_session = 1
        self._refusals = Refusals(clock)
        self._complained_at = -math.inf
        self._stopping = False
        super().__init__(target, ClientHandler)
        self.room = Room(config, trace, quiet, clock, keys, data, log_file)
        self._accept_thread = threading.Thread(target=self._accept, name="accept", daemon=True)
        host, own_port = self.address
        networks = parse_networks(config.discoverable_networks)
        self._beacon = Beacon(host, partial(self.room.answer, own_port), self.room.journal, networks, clock)

    @property
    def address(self) -> Tuple[str, int]:
        """Host and port that the server really listens on."""
        return own_address(self.socket)

    def server_bind(self) -> None:
        """Bind; an IPv6 wildcard takes IPv4 clients as well. Accepted sockets inherit the send buffer's bound."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if self.address_family == socket.AF_INET6 and hasattr(socket, "IPV6_V6ONLY"):
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows. Microsoft, "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def start(self) -> None:
        """Start the threads; the server accepts from now on."""
        self.room.start()
        self._accept_thread.start()
        if self.room.config.discoverable:
            self._beacon.start()

    def stop(self) -> bool:
        """Tell everyone, hang up and end every thread. The order matters: first nobody new comes, then everybody
        hears why, then nothing else is sent, then the rest is cut. False if a thread did not end in time."""
        ended = [self._stop_accepting(), self._beacon.stop()]
        self.room.classroom.stopping()
        self.server_close()
        room, goodbye = self.room, Error("server_shutdown", "the server is stopping")
        for connection in room.connections():
            room.last_words(connection, goodbye)
        ended += [room.publisher.stop(), room.sweeper.stop()]
        for connection in room.connections():
            connection.finish_sending()
        room.wait_until_empty(STOP_PATIENCE)
        for connection in room.connections():
            connection.hang_up()
        ended.append(room.wait_until_empty(STUCK_AFTER))
        ended += [room.handshakes.stop(), room.classroom.stop()]
        room.note_wrong_codes(room.attempts.tallies())
        ended.append(room.journal.stop())
        return all(ended)

    def _stop_accepting(self) -> bool:
        self._stopping = True
        if self._accept_thread.is_alive():
            self._accept_thread.join(STUCK_AFTER)
            if self._accept_thread.is_alive():
                self.room.journal.note(log, logging.ERROR, "the accept thread did not end within %g s", STUCK_AFTER)
                return False
        return True

    def server_close(self) -> None:
        """Close the listening socket, the refused connections and the reserve descriptor."""
        super().server_close()
        self._refusals.close()

    # --- the accept thread ------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            self.serve_forever(LOOK_UP)
        except (_Stopped, OSError, ValueError):
            if not self._stopping:
                raise  # else `stop` may have closed the socket already, if it had to wait for too long

    def get_request(self) -> Tuple[socket.socket, Any]:
        """Accept one connection; of the peer's address only the IP is of use here.

        Without a free descriptor the listening socket would stay readable and the loop would spin: then a reserve is
        given up for a moment, to refuse the client in words.
        """
        try:
            request, address = self.socket.accept()
            return request, plain_ip(address[0])
        except OSError as error:
            if error.errno in _OUT_OF_DESCRIPTORS:
                self._complain("out of descriptors (%s): refusing clients", error.strerror)
                self._refusals.refuse_next(self.socket, self._too_many())
                self.room.make_way()  # the next one need not be refused
            raise  # socketserver goes on with the next connection

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the handler thread of an accepted connection, or refuse it if there are too many."""
        count, config = len(self.room), self.room.config
        if count >= 2 * config.max_clients + PLACES_MORE + BROWSERS + SPARE_CONNECTIONS:
            self._complain("server_full: %d connections; refusing more", count)
            self._refusals.refuse(request, self._too_many())
            return
        session_id = self._next_session
        self._next_session += 1
        label = f"client-{session_id}"
        connection = Connection(request, label, session_id, self.room.trace, self.room.clock, peer=client_address)
        self.room.enter(connection)
        try:
            # Not a threading.Thread: its objects take 2.5 KiB for each client, and its start() waits for the thread.
            # What it would be good for is here already: process_request_thread says when it is done.
            _thread.start_new_thread(self.process_request_thread, (connection, client_address))
        except (RuntimeError, MemoryError) as error:
            self._complain("cannot start a thread (%s): refusing clients", error)
            self.room.roster.remove(session_id, LOST)
            self.room.leave(session_id)
            self._refusals.refuse(request, self._too_many())
            self.room.make_way()  # as when descriptors have run out

    def service_actions(self) -> None:
        """Called by socketserver in every turn, each `LOOK_UP` at least: end the loop if `stop` wants that, and close
        the refused who had time to read why. (Its own `shutdown` waits for the loop without a limit.)"""
        if self._stopping:
            raise _Stopped
        self._refusals.let_go()

    def _too_many(self) -> bytes:
        """The words for who is refused; none in a closed room, where TLS is spoken (see `Room.last_words`)."""
        full = self.room.full("the server is full: more connections than it can hold")
        return b"" if self.room.keys.closed else encode(full)

    def _complain(self, message: str, *facts: object) -> None:
        """Warn, but at most once a second: a flood of connections is not a flood of log lines."""
        now = self.room.clock()
        if now - self._complained_at >= 1.0:
            self._complained_at = now
            self.room.journal.note(log, logging.WARNING, message, *facts)

    # --- a handler thread -------------------------------------------------------------------------------------

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The life of a handler thread; `ClientHandler` does everything in its constructor, as socketserver has it."""
        connection: Connection = request
        try:
            connection.prepare()
            self.finish_request(request, client_address)
        except Exception:
            peer = connection.peer
            self.room.journal.note_exception(log, "the handler of %s failed", connection.label, about=peer)
        finally:
            self.room.leave(connection.session_id)


# --- the program --------------------------------------------------------------------------------------------------


def listen(
    config: ServerConfig, trace: Optional[Trace], quiet: bool, **more: Any
) -> RollcallServer:
    """A server on the first free port of ``port_attempts``. Raises OSError of the last attempt."""
    last = 0 if config.port == 0 else min(config.port_attempts, 65536 - config.port) - 1
    for attempt in range(last + 1):
        try:
            return RollcallServer(config, config.port + attempt, trace, quiet, **more)
        except OSError as error:
            if not is_taken(error) or attempt == last:
                raise
            log.warning("port %d is busy; trying %d", config.port + attempt, config.port + attempt + 1)
    raise AssertionError("port_attempts is at least 1")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the server until SIGINT, SIGTERM or SIGHUP. Returns the exit code: 0, 1 (cannot listen, or a thread did not
    end), 2 (configuration, or a closed room that cannot be closed)."""
    if is_about_record(argv):
        from rollcall.server import attendance  # and what it needs: a server that serves does without

        return attendance.main(argv)
    observers = Observers()
    own_files = OwnFiles()  # held while the program runs: whoever cleans up temporary files passes them by
    try:
        return _run(argv, observers)
    finally:
        observers.stop()
        own_files.close()


def _run(argv: Optional[Sequence[str]], observers: Observers) -> int:
    program = program_name("server.py")
    try:
        arguments = load(argv)
        config = arguments.config
        observers.start_logging(arguments.verbose, arguments.log_file, config.log_file_size)
    except ConfigError as error:
        observers.complain(f"{program}: {error}")
        return 2
    except OSError as error:
        observers.complain(f"{program}: --log-file {error.filename}: cannot be written: {file_reason(error)}")
        return 2
    if arguments.log_file is not None and not arguments.check_config:
        observers.note_in_file(f"Rollcall server {__version__}, Python {platform.python_version()}")
    for warning in arguments.warnings:
        log.warning("%s", warning)
    if not config.file_found:
        log.warning("no settings file %s: using the defaults", config.file)
    if arguments.trace and not observers.has_stdout:
        log.warning("--trace: there is no stdout to show it on")
    observers.say("Settings:", *(f"  {line}" for line in config.describe()))
    if arguments.check_config:
        return 0
    try:
        keys = room_keys(config, data_folder(), partial(log.warning, "%s"))
    except KeysError as error:
        observers.complain(f"{program}: {error}")
        return 2
    data = data_folder()
    try:
        classes = lesson_start.classes_of(config, data, arguments.classes, observers.say)
    except ClassError as error:
        observers.complain(f"{program}: --class {error}")
        return 2
    raise_descriptor_limit(config.max_clients, 2 * (SPARE_CONNECTIONS + BROWSERS))  # half of them: refused, and files
    use_small_stacks()
    if config.one_cpu:
        run_on_one_cpu(config.max_clients)
    try:
        trace = observers.trace if arguments.trace else None
        server = listen(config, trace, not arguments.verbose, keys=keys, data=data, log_file=arguments.log_file)
    except OSError as error:
        observers.complain(f"{program}: {_cannot_listen(config, error)}")
        return 1
    return _serve(server, observers, classes)


def _serve(server: RollcallServer, observers: Observers, classes: Sequence[str]) -> int:
    """Run a server that listens until a signal says goodbye; the exit code."""
    signals = Signals()
    host, port = server.address
    keys = server.room.keys
    keys.let_in_own_machine(data_folder(), port, server.room.epoch)
    server.room.classroom.say = lambda lines: observers.say(*lines)
    server.start()
    listening = f"Listening on {Address(host, port)}"
    observers.say(listening)
    observers.note_in_file(listening)
    observers.say(*keys.describe())
    observers.say(*lesson_start.begin(server.room, classes))
    pages = server.room.config.board
    told = tell_addresses(observers.say, host, port, pages=pages)
    for offer in server.room.downloads.offers():
        observers.say(f"To download: {printable(offer.name)}, {offer.size / 1e6:.1f} MB", f"  SHA-256 {offer.sum}")
    while signals.wait(math.inf if told else LOOK_AGAIN) is None:
        told = tell_addresses(observers.say, host, port, once_there=True, pages=pages)
    server.room.journal.note(log, logging.INFO, "stopping: telling %s", counted(len(server.room.roster), "client"))
    ended = server.stop()
    keys.forget_own_machine()
    observers.say(*server.room.classroom.last_words())
    if not ended:
        log.error("a thread did not end; it is left behind")
    log.info("stopped")
    return 0 if ended else 1


def _cannot_listen(config: ServerConfig, error: OSError) -> str:
    where = f"cannot listen on {Address(config.host, config.port)}"
    if is_taken(error):
        if config.port_attempts > 1:
            where += f" nor on the {counted(config.port_attempts - 1, 'port')} after it"
        if number_of(error) == BLOCKED:
            return f"{where}: another program or Windows keeps it for itself; choose another with --port"
        return f"{where}: in use by another program; stop that one or choose another with --port"
    if is_blocked(error):
        return f"{where}: not permitted; ports below 1024 need special rights, choose another with --port"
    return f"{where}: {reason(error)}; check host in the settings (0.0.0.0 is every address)"


if __name__ == "__main__":
    run(main)
