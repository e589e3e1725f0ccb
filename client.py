"""The client without a window: connect, register, beat, follow the roster, and come back by itself.

A `Client` has two threads. The reader connects, registers, reads until the connection ends, waits as the backoff says
and begins again. The heartbeat thread pings at the interval that the server told, and ends a connection whose
server does not answer any more; both share the state below one lock. Everything that happens becomes an event in a
`queue.Queue` (see ``rollcall/client/events.py``): nothing calls back, so whoever shows it does so in its own thread.

Also a program, for scripts and for watching without a screen: ``python client.py HOST[:PORT]``
(see ``rollcall/client/command_line.py``); with ``--find`` and ``--doctor`` it joins nothing (``look.py`` beside that).
"""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Optional, Sequence, Tuple

import protocol
from protocol import (
    ERROR_CODES,
    PROTOCOL_VERSION,
    RETRY,
    ClientList,
    Error,
    Message,
    Pong,
    RosterDelta,
    Welcome,
    encode,
)
from rollcall.client import events
from rollcall.client.calls import CallAgain, Ended, Ending, ending_of, messages
from rollcall.client.catch_up import CatchUp
from rollcall.client.command_line import read_arguments, show
from rollcall.client.dial import STEP, Cancelled, NotOurs, connect
from rollcall.client.door import Door
from rollcall.client.events import Event
from rollcall.client.heartbeat import GOOD_CONNECTION, Backoff, Heartbeat
from rollcall.client.look import look
from rollcall.client.roster_view import RosterView
from rollcall.client.trust import Trust
from rollcall.program.ending import run
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import BULK_SIZE, FAILED, Connection
from rollcall.wire.errors import ProtocolError
from rollcall.wire.scram_keys import MIN_ITERATIONS
from rollcall.wire.text import check_name

log = logging.getLogger("rollcall.client")

MOST_EVENTS = 10_000
"""Events that may wait for whoever shows them. Then the client reads no more, and TCP holds the server back."""

GOODBYE = 0.4
"""Seconds that `Client.stop` gives the server to answer a goodbye."""

STUCK_AFTER = 2.0
"""Seconds that the threads then have to end. They wait for nobody once the connection is hung up; where the system does
not let go of one, it is left to itself, which costs a thread and nothing else: it ends with the process."""

ORIGINAL_INTERVAL = 5.0
ORIGINAL_TIMEOUT = 120.0
"""Seconds. The server of the original system sends no `welcome` and tells nobody what its lease is: it may be anything
that somebody has put into its settings, so we beat often enough for any."""

JUST_NOW = 10.0
"""Seconds after our own call in which "replaced" may be about an older call of ours: a server that did not run for a
while reads them all at once, and those of version 0.1.0 believe the last that they read."""


class Client:
    """Keeps this machine in the roster of the server at ``address`` under ``name``, until `stop`.

    ``events`` receives everything that happens. ``reconnect`` False ends the client after the first connection.
    ``code``, ``teacher``, ``trust`` (what is known of servers), ``device_id``, ``accept``, ``least_iterations`` and
    ``own_folder`` are for the way in: see `Door`; ``door.trust`` is what is known by now, and an empty ``name`` asks
    for those to choose from. Raises `ProtocolError` for a name that no server takes, and `codes.UnfitCode` for what can
    be no code: ValueErrors both. Thread-safe.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        events: queue.Queue[Event],
        *,
        reconnect: bool = True,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time.time,
        uniform: Callable[[float, float], float] = random.uniform,
        code: str = "",
        teacher: bool = False,
        trust: Optional[Trust] = None,
        device_id: str = "",
        accept: str = "",
        least_iterations: int = MIN_ITERATIONS,
        own_folder: Optional[Path] = None,
    ) -> None:
        self.address = address
        self.name = check_name(name) if name else ""
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
        self._catch_up: Optional[CatchUp] = None  # from the registration on, where the server speaks version 2
        self._version = 0

        # The reader's thread only (but what is kept may be read by all):
        way = (code, teacher, trust or Trust(), device_id, accept, least_iterations, own_folder)
        self.door = Door(address, self.name, self._tell, *way)
        self._called_at = 0.0
        self._may_doubt = True
        self._backoff = Backoff(uniform)
        self._view = RosterView()
        self._connected_at: Optional[float] = None

    def start(self) -> None:
        """Start the threads."""
        self._reader.start()
        self._beater.start()

    def stop(self) -> None:
        """Say goodbye and end both threads, within a second whatever they are doing; `STUCK_AFTER` more at most. May be
        called twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
            connection, version = self._connection, self._version
        if connection is not None:
            if version == PROTOCOL_VERSION:
                connection.send(encode(protocol.Leave()))
            connection.finish_sending()
        if self._reader.ident is not None:
            self._reader.join(GOODBYE)
            if connection is not None:
                connection.hang_up()
            deadline = monotonic() + STUCK_AFTER
            for thread in (self._reader, self._beater):
                thread.join(max(0.0, deadline - monotonic()))
                if thread.is_alive():
                    log.error("the %s thread did not end within %g s; it is left to itself", thread.name, STUCK_AFTER)

    def retry_now(self) -> None:
        """Skip the wait before the next attempt."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()

    def act(self, message: Message) -> bool:
        """Send a teacher's act, such as `protocol.messages.Kick`. What becomes of it is an event, `events.Done` or
        `events.Denied`, with its ``ref``. False where we are in no room, or in one of version 1: it was not sent."""
        with self._changed:
            connection = self._connection if self._version == PROTOCOL_VERSION else None
        return connection is not None and connection.send(encode(message)) != FAILED

    def _tell(self, event: Event) -> None:
        """Put an event into the queue. Where that is bounded and full, this waits: then TCP holds the server back."""
        while True:
            try:
                self._events.put(event, timeout=0.0 if self._stopping else STEP)
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
            cause = f"an error in this program: {error!r}"
            self._tell(events.Disconnected(cause, None, self._connected_at is not None))
            raise
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            self._tell(events.Stopped())

    def _keep_connected(self) -> None:
        attempt = 0
        while not self._stopping:
            attempt += 1
            self._tell(events.Connecting(str(self.address), attempt))
            ending = self._one_connection()
            if self._stopping:
                break
            connected_at, self._connected_at = self._connected_at, None
            code = ending.error.code if ending.error else None
            self._tell(events.Disconnected(ending.cause, code, connected_at is not None))
            if connected_at is not None and self._clock() - connected_at >= GOOD_CONNECTION:
                self._backoff.reset()
                self._may_doubt = True
            action = ending.action or (ERROR_CODES.get(code, RETRY) if code else RETRY)
            if code == "replaced" and self._may_doubt and self._clock() - self._called_at <= JUST_NOW:
                self._may_doubt, action = False, RETRY
            if ending.error is not None and action != RETRY:
                error = ending.error
                self._tell(events.Refused(error.code, error.message, action, error.retry_after))
                break
            if not self._reconnect:
                break
            if connected_at is not None:
                attempt = 0
            self._wait(ending, attempt)

    def _wait(self, ending: Ending, attempt: int) -> None:
        seconds = self._backoff.next(ending.error.retry_after if ending.error else None)
        with self._changed:
            if self._hurry or self._stopping:
                self._hurry = False
                return
        self._tell(events.Waiting(seconds, attempt + 1, ending.cause))
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._stopping, seconds)
            self._hurry = False

    def _one_connection(self) -> Ending:
        """One attempt: calls until one of them is over for another reason than that the next must be made otherwise."""
        self.door.begin()
        try:
            while True:
                try:
                    self._call()
                except CallAgain as again:
                    if again.challenge is not None:
                        self.door.derive(again.challenge, lambda: self._stopping)
                except Ended as ended:
                    if self._connected_at is not None or not self.door.calls_again(ended.error):
                        raise
        except (Ended, NotOurs, Cancelled, ProtocolError, OSError) as error:
            return ending_of(error, self._cause, self.address)
        finally:
            with self._changed:
                self._cause = None

    def _call(self) -> None:
        sock = connect(self.address, lambda: self._stopping)
        connection = Connection(sock, "server", clock=self._clock, receive_size=BULK_SIZE)
        try:
            connection.prepare()
            connection = self.door.open(connection, sock)
            self._converse(connection, sock.getsockname())
        finally:
            with self._changed:
                self._connection = self._heartbeat = self._catch_up = None
                self._version = 0
            connection.close()

    def _converse(self, connection: Connection, own: Tuple[Any, ...]) -> None:
        with self._changed:
            if self._stopping:
                raise Cancelled
            self._connection = connection
            self._hurry = False
        self._wait_for_answer()
        self.door.shake(connection)
        incoming = messages(connection, self.address, self._look)
        register = self.door.enter(connection, incoming, str(own[0]), int(own[1]))
        self._called_at = self._clock()
        self._wait_for_answer()
        connection.send(encode(register))
        for message in incoming:
            with suppress(Cancelled):
                self._obey(connection, message)
        raise Ended("the server closed the connection")

    def _wait_for_answer(self) -> None:
        """What we say now is to be answered soon, or the heartbeat thread hangs up."""
        with self._changed:
            self._heartbeat = Heartbeat(self._clock(), self._wall_clock())
            self._changed.notify_all()

    def _look(self) -> None:
        """Between two steps of a work that may be long."""
        if self._stopping:
            raise Cancelled

    def _obey(self, connection: Connection, message: Message) -> None:
        if isinstance(message, Pong):
            self._answered(message)
        elif isinstance(message, RosterDelta):
            self._update_roster(connection, message)
        elif isinstance(message, ClientList):
            if self._connected_at is None:
                self._registered(1, ORIGINAL_INTERVAL, ORIGINAL_TIMEOUT, None)
            entries = self._view.replace(message, self._look)
            with self._changed:
                if self._catch_up is not None:
                    self._catch_up.listed()
            self._tell(events.RosterReplaced(entries, self._view.rev))
        elif isinstance(message, Welcome):
            self.door.welcomed(message)
            self._registered(PROTOCOL_VERSION, message.heartbeat_interval, message.connection_timeout, message)
        elif isinstance(message, Error):
            raise Ended(message.message or message.code, message)
        else:
            event = events.told(message)
            if event is not None:
                self._tell(event)

    def _registered(self, version: int, interval: float, timeout: float, welcome: Optional[Welcome]) -> None:
        now = self._clock()
        self._connected_at = now
        with self._changed:
            if version == PROTOCOL_VERSION and self._catch_up is None:  # a second welcome brings no list
                self._catch_up = CatchUp(now)
            self._version = version
            if self._heartbeat is not None:
                self._heartbeat.registered(now, interval, timeout, self._uniform(0.0, 1.0))
            self._changed.notify_all()
        self._tell(events.Connected(str(self.address), interval, timeout, welcome, self.door.fingerprint))

    def _answered(self, pong: Pong) -> None:
        now = self._clock()
        with self._changed:
            heartbeat = self._heartbeat
            seconds = heartbeat.answered(now, pong.seq) if heartbeat is not None else None
            seq = pong.seq if pong.seq is not None else heartbeat.last_seq if heartbeat is not None else 0
            if pong.rev is not None and self._catch_up is not None:
                self._catch_up.told(pong.rev, self._view.rev, now)
        if seconds is not None:
            self._tell(events.RoundTrip(seq, seconds))

    def _update_roster(self, connection: Connection, delta: RosterDelta) -> None:
        catch_up = self._catch_up  # only this thread makes or forgets one
        if catch_up is None:
            return  # not registered, or nothing that version 1 knows
        fits = self._view.update(delta)
        with self._changed:
            if fits:
                catch_up.moved(delta.rev)
            else:
                catch_up.gap(self._clock())
            ask = catch_up.ask(self._clock())
        if fits:
            self._tell(events.RosterUpdated(delta.up, delta.down, delta.rev))
        if ask:
            connection.send(encode(protocol.Resync()))

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
                ask = beat.dead is None and self._catch_up is not None and self._catch_up.ask(self._clock())
                if beat.dead is not None:
                    self._cause = beat.dead
                    self._heartbeat = None
                    self._hurry = beat.slept
            if beat.dead is not None:
                connection.hang_up()
                continue
            if beat.ping is not None:
                with suppress(queue.Full):  # whoever shows it may be slow; the server must hear of us all the same
                    self._events.put_nowait(events.PingSent(beat.ping))
                connection.send(encode(protocol.Ping(beat.ping if version == PROTOCOL_VERSION else None)))
            if ask:
                connection.send(encode(protocol.Resync()))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the client until it ends, SECONDS have passed, or a signal says goodbye. Returns the exit code."""
    arguments = read_arguments(argv)
    if arguments.find or arguments.doctor:
        return look(arguments)
    happened: queue.Queue[Event] = queue.Queue(MOST_EVENTS)
    client = Client(arguments.server, arguments.name, happened, **arguments.options)
    return show(client, happened, arguments)


if __name__ == "__main__":
    run(main)
