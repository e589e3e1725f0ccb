"""What all handlers share, and who is connected.

A `Room` holds together what one run of the server is made of: the settings, the clock, the roster, and the three
threads that serve everybody (publisher, sweeper, journal). `RollcallServer` accepts connections and owns a room; each
handler meets the room and never the server.

The room itself owns one thing: the dict of connections, each from before its lease begins until its handler has ended,
with the lock that guards it. Whoever wants to end somebody else's conversation does it here (`dismiss`): the words go
out without waiting, the socket is hung up, and the connection's own handler does the rest.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Dict, Iterable, List, Optional, Set, Tuple

from protocol import LOST, PROTOCOL_VERSION, REPLACED, Error, Message, __version__, encode
from rollcall.server.allowance import LEAST_BURST, Allowance
from rollcall.server.attempts import Attempts, Tally
from rollcall.server.browsers import Browsers
from rollcall.server.classroom import NEVER, Classroom
from rollcall.server.downloads import Downloads
from rollcall.server.gate import PLACES_MORE, Bans, Gate
from rollcall.server.handshakes import Handshakes
from rollcall.server.host_names import OwnNames
from rollcall.server.journal import Journal
from rollcall.server.keys import RoomKeys
from rollcall.server.members import Sweep
from rollcall.server.publisher import Publisher
from rollcall.server.roster import Roster
from rollcall.server.settings import ServerConfig
from rollcall.server.sweeper import Sweeper
from rollcall.server.viewers import Viewers
from rollcall.wire import windows
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import BACKLOGGED, Connection, Trace
from rollcall.wire.discovery import Answer
from rollcall.wire.messages import RoomInfo
from rollcall.wire.text import quoted

if TYPE_CHECKING:
    from rollcall.server.class_entries import ClassList

log = logging.getLogger("rollcall.server")

RETRY_WHEN_FULL = 5.0
"""Seconds, sent as ``retry_after``."""


class Room:
    """One run of the server without its listening socket. Every public method is thread-safe.

    ``trace`` gets every line on the wire; ``quiet`` is True when nobody wants to see single heartbeats, which lets
    handlers answer them without parsing JSON. ``clock`` is monotonic seconds. Without ``keys`` it is an open
    room that speaks no TLS.
    """

    def __init__(
        self,
        config: ServerConfig,
        trace: Optional[Trace] = None,
        quiet: bool = True,
        clock: Callable[[], float] = monotonic,
        keys: Optional[RoomKeys] = None,
        data: Optional[Path] = None,
        log_file: Optional[Path] = None,
    ) -> None:
        self.config = config
        self.keys = RoomKeys() if keys is None else keys
        self.trace = trace
        self.quiet = quiet and trace is None
        self.clock = clock
        self.data = data
        self._log_file = log_file
        self.epoch = secrets.token_urlsafe(3)
        self.started = int(time.time())
        self.started_at = clock()
        self.roster = Roster(
            max_clients=config.max_clients,
            max_per_address=config.max_per_address,
            heartbeat_interval=config.heartbeat_interval,
            connection_timeout=config.connection_timeout,
            version_1_timeout=config.version_1_lease,
            registration_timeout=config.registration_timeout,
            clock=clock,
        )
        self.gate = Gate(config.max_clients + PLACES_MORE)
        self.bans = Bans(clock)
        self.attempts = Attempts(clock)
        self.allowance = Allowance(config.message_rate, max(LEAST_BURST, 2 * config.message_rate))
        self.journal = Journal(clock=clock, most_at_once=2 * config.max_clients)
        self.handshakes = Handshakes(self.journal)
        self.publisher = Publisher(self.roster, self.epoch, self.journal, clock, self._class)
        ends, moved = (self._take_place, self.publisher.finish), self.publisher.class_moved
        self.classroom = Classroom(config, self.journal, data, *ends, moved=moved, tell=self.tell_member)
        self.sweeper = Sweeper(
            self.roster,
            self._on_sweep,
            self.journal,
            clock,
            interval=config.heartbeat_interval,
            timeout=min(config.connection_timeout, config.version_1_lease),
        )
        self.browsers = Browsers()
        self.viewers = Viewers(self.keys.closed)
        self.downloads = Downloads(config.downloads_folder)
        self.own_names = OwnNames(config.board_names)
        # Guards both tables; notified when the last connection has ended.
        self._changed = threading.Condition(threading.Lock())
        self._connections: Dict[int, Connection] = {}
        self._teachers: Set[int] = set()

    def _class(self) -> Optional[ClassList]:
        return self.classroom.current()

    def start(self) -> None:
        """Start the threads that serve everybody."""
        self.journal.start()
        if windows.canceller is not None:
            windows.canceller.tell = partial(self.journal.note, log, logging.WARNING)
        self.publisher.start()
        self.sweeper.start()
        if self.keys.certificate is not None:
            self.handshakes.start()

    # --- who is connected -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """The number of connections, registered or not."""
        with self._changed:
            return len(self._connections)

    def connections(self) -> List[Connection]:
        """Those that are connected at this moment."""
        with self._changed:
            return list(self._connections.values())

    def enter(self, connection: Connection) -> None:
        """A connection was accepted; it stands in the pool of the unregistered and has a lease until its deadline. If
        the pool is full somebody else has to go."""
        session_id = connection.session_id
        with self._changed:
            # Before its lease begins: none may run out of a connection nobody can find.
            self._connections[session_id] = connection
        crowded_out = self.gate.enter(session_id, connection.peer)
        if crowded_out is not None:
            self._crowd_out(crowded_out)
        self.sweeper.arm(self.roster.open(session_id))

    def secured(self, connection: Connection) -> None:
        """This one takes the place of the plain connection of its session."""
        with self._changed:
            if connection.session_id in self._connections:
                self._connections[connection.session_id] = connection

    def make_way(self) -> None:
        """Something has run out, such as descriptors or threads: end one connection that has not registered, or a
        browser's."""
        crowded_out = self.gate.crowd_out()
        if crowded_out is None:
            crowded_out = self.browsers.crowd_out()
        if crowded_out is not None:
            self._crowd_out(crowded_out)

    def _crowd_out(self, session_id: int) -> None:
        # It may have just registered: then it stays. Or be refused already, with time to read why: that ends now.
        if self.roster.drop_unregistered(session_id):
            peer = self.dismiss(session_id, self.full("too many connections have not registered"))
            self.journal.note(log, logging.INFO, "crowded out: client-%d from %s", session_id, peer, about=peer)

    def meet_browser(self, session_id: int, address: str) -> bool:
        """A connection turned out to be a browser's: it leaves the pool of the unregistered for that of the browsers.
        If that is full somebody has to go; True if it is this one."""
        self.gate.leave(session_id)
        crowded_out = self.browsers.enter(session_id, address)
        if crowded_out is not None and crowded_out != session_id:
            peer = self.dismiss(crowded_out, None)
            self.journal.note(log, logging.INFO, "crowded out: client-%d from %s", crowded_out, peer, about=peer)
        return crowded_out == session_id

    def leave(self, session_id: int) -> None:
        """The handler of this connection has ended, or was never started."""
        self.gate.leave(session_id)
        with self._changed:
            del self._connections[session_id]
            self._teachers.discard(session_id)
            if not self._connections:
                self._changed.notify_all()

    def wait_until_empty(self, seconds: float) -> bool:
        """Wait for the last connection to end, at most so long. True if it has."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._connections, seconds)

    def dismiss(self, session_id: int, error: Optional[Error]) -> str:
        """Tell a client why, or nothing, and hang up; its own handler does the rest. Returns its address, if it is
        still there."""
        with self._changed:
            connection = self._connections.get(session_id)
        if connection is None:
            return "an address that has gone"
        if error is not None:
            self.last_words(connection, error)
        connection.hang_up()
        return connection.peer

    def last_words(self, connection: Connection, error: Error) -> None:
        """Tell a client why its connection ends. In a closed room nothing is said in the clear unasked: in the place of
        the answer to a TLS hello it would look as if somebody had taken TLS away. A browser is told nothing: it would
        be a part of the file that it is being sent."""
        if connection.speaks_lines and (connection.is_secure or not self.keys.closed):
            connection.send(encode(error), last=True)

    def replace(self, session_id: int) -> None:
        """A member came back on a new connection: end the older one, which the roster has dropped already."""
        peer = self.dismiss(session_id, Error("replaced", "this member has connected again from elsewhere"))
        self.journal.note(log, logging.INFO, "replaced: client-%d", session_id, about=peer, member=True)

    # --- the class --------------------------------------------------------------------------------------------

    def open_classroom(self) -> None:
        """From now on there is a class here, or everybody is written down. May be called again."""
        self.classroom.open(lambda: self.roster.snapshot().entries, self._log_file)

    def _take_place(self, member_id: int, error: Error) -> None:
        """A member's place was taken by the same computer under the same name: its older row goes."""
        known = self.roster.known_as(member_id)
        if known is not None and self.roster.remove(known.session_id, REPLACED) is not None:
            self.publisher.wake()
            peer = self.dismiss(known.session_id, error)
            message = "replaced: %s (client-%d) has joined again from the same computer"
            who = quoted(known.entry.label)
            self.journal.note(log, logging.INFO, message, who, known.session_id, about=peer, member=True)

    def tell_member(self, member_id: int, message: Message) -> None:
        """Send this to a member, if it is here; not to an original client, which has no name and knows four messages.
        Nobody is waited for."""
        known = self.roster.known_as(member_id)
        if known is None or not known.entry.name:
            return
        with self._changed:
            connection = self._connections.get(known.session_id)
        if connection is not None and connection.send(encode(message)) == BACKLOGGED:
            self.publisher.finish(connection)

    # --- teachers ---------------------------------------------------------------------------------------------

    def teaches(self, session_id: int) -> None:
        """This connection is a teacher's: `tell_teachers` reaches it as long as it is there."""
        with self._changed:
            self._teachers.add(session_id)

    def tell_teachers(self, message: Message) -> None:
        """Send this to every teacher. Nobody is waited for."""
        with self._changed:
            teachers = [self._connections[session_id] for session_id in self._teachers]
        for connection in teachers:
            if connection.send(encode(message)) == BACKLOGGED:
                self.publisher.finish(connection)

    def note_wrong_codes(self, tallies: Iterable[Tally]) -> None:
        """What the log says of wrong codes: how many, and from where."""
        for tally in tallies:
            self.journal.note(log, logging.WARNING, "%s", str(tally))

    def full(self, why: str) -> Error:
        """What a client is told for whom there is no place."""
        return Error("server_full", why, RETRY_WHEN_FULL)

    # --- what room this is ------------------------------------------------------------------------------------

    def info(self, nonce: str = "", names: Optional[Tuple[str, ...]] = None) -> RoomInfo:
        """What is told to whoever asks. ``names`` to choose from are for those who may see them."""
        return RoomInfo(
            server_name=self.config.name,
            protocol=PROTOCOL_VERSION,
            app=f"rollcall {__version__}",
            closed=self.keys.closed,
            epoch=self.epoch,
            teacher=self.keys.teacher,
            nonce=nonce,
            names=names,
            record=self.config.record,
            record_days=None if self.config.record == NEVER else self.config.record_days,
        )

    def answer(self, port: int, question: str) -> Answer:
        """The same for whoever asks the network for servers; ``port`` is where this one listens."""
        certificate = self.keys.certificate
        return Answer(
            room=self.info(),
            port=port,
            question=question,
            here=len(self.roster),
            fingerprint="" if certificate is None else certificate.fingerprint,
            hello=True,
            time=round(time.time(), 3),
        )

    # --- the sweeper's thread ---------------------------------------------------------------------------------

    def _on_sweep(self, sweep: Sweep) -> None:
        if sweep.changed:
            self.publisher.wake()
        if sweep.paused >= self.config.heartbeat_interval:  # in less nobody goes because of it
            self.classroom.paused(sweep.paused)
        for member_id, seconds in sweep.late:
            self.classroom.silent(member_id, seconds)
        for gone in sweep.expired:
            if gone.entry is None:
                # Without a word: no honest client is that slow but by its network's fault, and those of version 0.1.0
                # would take "registration_timeout" for the end.
                what = "a browser that stalled" if gone.session_id in self.browsers else "registration_timeout"
                peer = self.dismiss(gone.session_id, None)
                message = f"{what}: client-%d from %s"
                self.journal.note(log, logging.INFO, message, gone.session_id, peer, about=peer)
            else:
                error = Error("heartbeat_timeout", f"no message for {gone.silent_for:.1f} s")
                who, seconds = quoted(gone.entry.label), gone.silent_for
                self.classroom.gone(gone.entry.id, LOST, gone.silent_for, gone.session_id)
                peer = self.dismiss(gone.session_id, error)
                message = "heartbeat_timeout: %s was silent for %.1f s (client-%d)"
                self.journal.note(log, logging.INFO, message, who, seconds, gone.session_id, about=peer, member=True)
