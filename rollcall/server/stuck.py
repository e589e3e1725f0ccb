"""The connections whose sockets were full, and the wait for one of them to take something again.

The publisher waits for two things at once, in its own thread only: for its bell, which others ring, and for the stuck
connections that it watches. Normally a selector tells. But a selector can refuse: that of Windows is ``select``, and
Python's takes 512 sockets there (FD_SETSIZE in selectmodule.c; beyond them it fails for all, the bell included); on
Linux ``epoll`` has a limit for each user (``max_user_watches``, epoll(7)). A class that stopped reading must not end
the publisher, so whoever the selector does not take is looked after by hand: now and then its connection is said to be
ready, and trying is the question, for a send never waits.
"""

from __future__ import annotations

import selectors
import socket
import time
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from rollcall.wire.connection import Connection

LOOK, LOOK_FOR_EACH, LOOK_MOST = 0.05, 0.0002, 1.0
"""Seconds from one look at those whom the selector did not take to the next: the more they are, the longer, so that
looking takes about a twentieth of the time (some 10 µs for each; on Windows it is a system call)."""


class Stuck:
    """A selector for the bell and any number of stuck connections. For one thread; ``clock`` is monotonic seconds.

    Iterating over it gives the connections.
    """

    def __init__(self, bell: socket.socket, clock: Callable[[], float]) -> None:
        self._bell = bell
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._selector.register(bell, selectors.EVENT_READ)
        self._registered: Dict[Connection, None] = {}
        self._by_hand: Dict[Connection, None] = {}
        self._next_look = 0.0

    def __iter__(self) -> Iterator[Connection]:
        yield from self._registered
        yield from self._by_hand

    def add(self, connection: Connection) -> None:
        """Watch this connection until `remove`."""
        if connection in self._registered or connection in self._by_hand:
            return
        try:
            self._selector.register(connection, selectors.EVENT_WRITE, connection)
        except (OSError, ValueError):
            if connection.fileno() >= 0:  # else it was closed before it was handed over
                self._by_hand[connection] = None
        else:
            self._registered[connection] = None

    def remove(self, connection: Connection) -> None:
        """Watch it no more; it may then be closed. Nothing if it is not watched."""
        self._by_hand.pop(connection, None)
        if connection in self._registered:
            del self._registered[connection]
            self._selector.unregister(connection)

    def wait(self, seconds: Optional[float]) -> Tuple[bool, List[Connection]]:
        """Wait until something happens, at most so long; None is without a limit. Whether the bell may have rung, and
        which connections may take something."""
        if self._by_hand:
            look = max(0.0, self._next_look - self._clock())
            seconds = look if seconds is None else min(seconds, look)
        try:
            events = self._selector.select(seconds)
        except (OSError, ValueError):
            self._do_without()
            rung, ready = True, []
        else:
            ready = [key.data for key, _ in events if key.fileobj is not self._bell]
            rung = len(events) > len(ready)
        if self._by_hand:
            now = self._clock()
            if now >= self._next_look:
                self._next_look = now + min(LOOK_MOST, max(LOOK, LOOK_FOR_EACH * len(self._by_hand)))
                ready += self._by_hand
        return rung, ready

    def _do_without(self) -> None:
        """The selector has failed: from now on it has the bell only, and who gets stuck later, as long as it can."""
        if not self._registered:
            time.sleep(LOOK)  # not even the bell: the caller looks for itself
        for connection in list(self._registered):
            self.remove(connection)
            self._by_hand[connection] = None

    def close(self) -> None:
        """Forget everyone."""
        for connection in list(self):
            self.remove(connection)
        self._selector.close()
