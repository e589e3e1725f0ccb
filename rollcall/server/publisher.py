"""Sends the roster to everyone, and finishes what slow sockets could not take.

Only the publisher's one thread sends roster messages, so a snapshot and the deltas after it are in order by
construction. A handler that has registered a client hands the connection over with `add` and never pushes itself.

The roster is state, not a stream: of each connection the publisher keeps only the revision that it has seen. A push
brings everyone from there to now, with each distinct step encoded once for all. While a connection is backlogged,
pushes pass it by; when it has drained it gets one catch-up. So a slow reader costs constant memory, and one that takes
no byte for `SLOW_AFTER` seconds is hung up.

Other threads only append to the inbox and ring the bell (`wake`); all other state belongs to the thread. What was
given to the publisher is closed by the publisher: a descriptor must not be reused while a selector knows it.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Callable, Deque, Dict, List, NamedTuple, Optional, Tuple

from rollcall.server.journal import Journal
from rollcall.server.roster import Roster
from rollcall.server.roster_lines import BOARD, FORMS, NEVER, VERSION_1, RosterLines
from rollcall.server.stuck import Stuck
from rollcall.wire.clock import BREATH, monotonic
from rollcall.wire.connection import BACKLOGGED, BUSY, SENT, Connection

if TYPE_CHECKING:
    from rollcall.server.class_entries import ClassList

log = logging.getLogger("rollcall.publisher")

PUSH_INTERVAL = 0.045
"""Seconds from the start of one push to the start of the next, at least: a burst of joins is one push. What happens
just after a push is still with everyone within 50 ms."""

PUSH_SHARE = 2.0
"""A push that took this thread more than half the interval stretches it by this factor: heartbeats get at least half
the time. Processor time counts, not the clock: while a class joins, the handlers run in the middle of a push, and a
push that waited for them is no reason to let the next one wait."""

SENDS_PER_BREATH = 128
"""After so many sends the publisher rests for a `BREATH`. A push to thousands takes a while, and sending does not let
others run: whoever sends gets the interpreter's lock back before they wake. So heartbeats wait for 128 sends."""

RESYNC_INTERVAL = 1.0
"""Seconds from one snapshot that a client asked for to the next: who asks more often waits so long. A snapshot is a
thousand times longer than the question."""

SLOW_AFTER = 10.0
"""Seconds without a byte taken after which a connection is dropped (``slow_consumer``)."""

STUCK_AFTER = 2.0
"""Seconds that the thread has to end. It waits for nobody; if it does not, something is wrong with the system."""


class _Order(NamedTuple):
    """What another thread wants of the publisher's thread."""

    what: str
    connection: Connection
    form: Optional[str] = None


class Publisher:
    """The thread that pushes ``roster`` to every connection that was added, and ``the_class``, if there is one, to
    boards. Every public method is thread-safe."""

    def __init__(
        self,
        roster: Roster,
        epoch: str,
        journal: Journal,
        clock: Callable[[], float] = monotonic,
        the_class: Callable[[], Optional[ClassList]] = lambda: None,
    ) -> None:
        self._roster = roster
        self._journal = journal
        self._clock = clock
        self._lines = RosterLines(roster, epoch, the_class)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        # Appending and popping are atomic; the bell is rung after the append and cleared before the pops.
        self._inbox: Deque[_Order] = deque()
        self._bell_rung = False
        # True while a push is only waiting for its time: a change of the roster need not ring then. A class that joins
        # would wake the thread for each of them otherwise.
        self._push_waits = False
        self._bell, self._bell_in = socket.socketpair()
        self._bell.setblocking(False)
        self._bell_in.setblocking(False)
        self._stopping = False
        self._ended = False
        # True while the class, or how many have gone, may be another than boards show. Lowered before that is read.
        self._class_moved = False
        # From here on: the publisher's thread only.
        self._stuck = Stuck(self._bell, clock)
        self._seen: Dict[str, Dict[Connection, int]] = {form: {} for form in FORMS}
        self._resynced: Dict[Connection, float] = {}  # when whoever asks next gets its next snapshot, at the earliest
        self._asking: Dict[Connection, float] = {}  # who has asked too soon, and when its snapshot is due
        self._behind = False
        self._board_line = b""  # what all boards were told; empty if that differs
        self._gone_end: Optional[float] = None  # when somebody who went counts no more
        self._pushed_rev = 0
        self._next_push = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> bool:
        """Stop and join the thread; connections released from now on are closed by the caller's thread. False if it
        does not end: then it and all that is its own are left to the end of the process."""
        self._stopping = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join(STUCK_AFTER)
            if self._thread.is_alive():
                self._journal.note(log, logging.ERROR, "the publisher did not end within %g s", STUCK_AFTER)
                return False
        self._stuck.close()
        self._ended = True  # only now: from here on the handlers that end obey by themselves
        self._obey()
        self._bell.close()
        self._bell_in.close()
        return True

    def wake(self) -> None:
        """The roster has changed."""
        if not self._push_waits:
            self._ring()

    def class_moved(self) -> None:
        """Something in the class may be another, of which the roster knows nothing."""
        if self._seen[BOARD]:  # a look from outside the thread: a board that is just being added gets it all anyway
            self._class_moved = True
            self.wake()

    def _ring(self) -> None:
        if self._bell_rung:
            return
        self._bell_rung = True
        try:
            self._bell_in.send(b"!")
        except OSError:
            pass  # full: it rings already; closed: nobody listens any more

    def add(self, connection: Connection, form: str) -> None:
        """From now on keep this connection up to date, beginning with a snapshot."""
        self._inbox.append(_Order("add", connection, form))
        self.wake()

    def resync(self, connection: Connection) -> None:
        """The client saw a gap: its next roster message is a snapshot."""
        self._order(_Order("resync", connection))

    def finish(self, connection: Connection) -> None:
        """A send was `BACKLOGGED`: finish it when the socket is writable, and bring up to date what was passed by."""
        self._order(_Order("finish", connection))

    def release(self, connection: Connection) -> None:
        """The conversation is over: forget the connection and close it."""
        self._order(_Order("release", connection))
        if self._ended:
            self._obey()

    def _order(self, order: _Order) -> None:
        self._inbox.append(order)
        self._ring()

    # --- the publisher's thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:
                self._journal.note_exception(log, "the publisher failed; it goes on in %g s", PUSH_INTERVAL)
                self._lines.forget()
                self._behind = True  # whoever should have heard of something by now
                time.sleep(PUSH_INTERVAL)

    def _turn(self) -> None:
        dirty = self._push_waits = self._dirty()
        rung, ready = self._stuck.wait(self._patience(dirty))
        self._push_waits = False  # before the inbox and the roster are read: what comes after this rings
        if rung:
            self._silence_bell()
        for connection in ready:
            self._flush(connection)
        self._obey()
        now = self._clock()
        self._answer_resyncs(now)
        self._drop_slow(now)
        self._count_gone(now)
        if self._dirty() and now >= self._next_push:
            self._push(now)

    def _patience(self, dirty: bool) -> Optional[float]:
        """Seconds to sleep if nothing happens; None is until something happens."""
        now = self._clock()
        if dirty:
            return max(0.0, self._next_push - now)
        patience = [due - now for due in self._asking.values()]
        stalled = [connection.stalled_for(now) for connection in self._stuck]
        if stalled:
            patience.append(SLOW_AFTER - max(stalled))
        if self._seen[BOARD] and self._gone_end is not None:
            patience.append(self._gone_end - now)
        return max(0.0, min(patience)) if patience else None

    def _dirty(self) -> bool:
        return self._behind or self._class_moved or self._roster.rev != self._pushed_rev

    def _silence_bell(self) -> None:
        try:
            self._bell.recv(64)
        except BlockingIOError:
            pass
        self._bell_rung = False  # before the inbox is read: an order after this rings again

    def _obey(self) -> None:
        while True:
            try:
                order = self._inbox.popleft()
            except IndexError:
                return
            connection = order.connection
            if order.what == "add" and order.form is not None:
                self._seen[order.form][connection] = NEVER
                self._behind = True
            elif order.what == "resync":
                self._asking.setdefault(connection, self._resynced.get(connection, 0.0))
            elif order.what == "finish":
                self._watch(connection)
            elif order.what == "release":
                self._forget(connection)
                connection.close()

    def _answer_resyncs(self, now: float) -> None:
        for connection in [connection for connection, due in self._asking.items() if due <= now]:
            del self._asking[connection]
            for peers in self._peers_with(connection):
                peers[connection] = NEVER
                self._resynced[connection] = now + RESYNC_INTERVAL
                self._behind = True

    def _push(self, now: float) -> None:
        begun = time.thread_time()
        rev, listed = self._roster.rev, self._roster.list_rev
        self._behind = False
        moved, self._class_moved = self._class_moved and bool(self._seen[BOARD]), False
        behind = [one for form in FORMS for one in self._who_is_behind(form, listed if form == VERSION_1 else rev)]
        # All lines first, of one moment of the roster, then the sends, the boards' among the first: while it sends the
        # roster moves on, and every revision that the connections are apart is one more line to encode.
        self._lines.begin([(form, seen) for form, _, seen in behind] + ([(BOARD, NEVER)] if moved else []))
        if moved and self._is_news_for_boards():
            behind = [*self._who_is_behind(BOARD, rev), *(one for one in behind if one[0] != BOARD)]
        lines = {(form, seen): self._lines.line(form, seen) for form, seen in {(one[0], one[2]) for one in behind}}
        if any(form == BOARD and line != self._board_line for (form, _), (_, line) in lines.items()):
            self._board_line = b""  # not every board is told this
        for number, (form, connection, seen) in enumerate(behind, 1):
            if number % SENDS_PER_BREATH == 0:
                time.sleep(BREATH)
            reached, line = lines[form, seen]
            result = connection.send(line, if_free=True)
            if result != BUSY:  # else whoever has made it so has it finished, and then it catches up
                self._seen[form][connection] = reached
            if result == BACKLOGGED:
                self._watch(connection)
        self._lines.forget()  # snapshots of thousands need not wait in memory for the next push
        self._pushed_rev = rev
        self._next_push = now + max(PUSH_INTERVAL, PUSH_SHARE * (time.thread_time() - begun))

    def _who_is_behind(self, form: str, rev: int) -> List[Tuple[str, Connection, int]]:
        """Who can take a line of this form and has not seen that revision, with what was seen."""
        return [
            (form, connection, seen)
            for connection, seen in self._seen[form].items()
            if (seen < rev or seen == NEVER) and not connection.backlogged
        ]

    def _is_news_for_boards(self) -> bool:
        """Boards are behind if the class, or the number of those who have gone, is not what they were told last."""
        line = self._lines.line(BOARD, NEVER)[1]
        if line == self._board_line:
            return False
        self._board_line = line
        self._seen[BOARD] = dict.fromkeys(self._seen[BOARD], NEVER)
        return True

    def _watch(self, connection: Connection) -> None:
        if self._ended:
            return
        if connection.backlogged:
            self._stuck.add(connection)
        elif self._peers_with(connection):
            self._behind = True  # somebody else has finished it, and a push may have passed it by

    def _flush(self, connection: Connection) -> None:
        result = connection.flush()
        if result == BACKLOGGED:
            return
        self._stuck.remove(connection)
        if result == SENT and self._peers_with(connection):
            self._behind = True

    def _count_gone(self, now: float) -> None:
        """Who went long ago is not counted any more on boards."""
        if self._seen[BOARD]:
            self._gone_end = self._roster.next_gone_end
            if self._gone_end is not None and self._gone_end <= now and self._roster.expire_gone(now):
                self._class_moved = True

    def _drop_slow(self, now: float) -> None:
        for connection in [connection for connection in self._stuck if connection.stalled_for(now) >= SLOW_AFTER]:
            message = "slow_consumer: %s from %s took no byte for %g s"
            label, peer = connection.label, connection.peer
            self._journal.note(log, logging.WARNING, message, label, peer, SLOW_AFTER, about=peer)
            self._forget(connection)
            connection.hang_up()

    def _forget(self, connection: Connection) -> None:
        self._stuck.remove(connection)
        self._asking.pop(connection, None)
        self._resynced.pop(connection, None)
        for peers in self._peers_with(connection):
            del peers[connection]

    def _peers_with(self, connection: Connection) -> List[Dict[Connection, int]]:
        """The one table that holds this connection, or none."""
        return [peers for peers in self._seen.values() if connection in peers]
