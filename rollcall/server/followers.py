"""Who follows the class: the teachers whose windows show who is missing, and what each of them has got already.

A teacher asks once (``follow_class``). From then on each gets a `ClassList` at most every `TURN` seconds, and only if
something is another than it was told: the rows that have changed since its revision, or all of them after a gap. One
whose socket takes no more is passed by until it does, and then gets what has changed since; nothing is kept for it.

`Followers.tell_all` belongs to the ``classroom`` thread (and, where there is no class yet, to the handler of a teacher
who asks); `add` and `drop` are for the handlers. It owns one lock, which guards who follows.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Dict, Optional, Tuple

from protocol import encode
from rollcall.wire.class_messages import ClassList, Vanished
from rollcall.wire.clock import monotonic
from rollcall.wire.connection import BACKLOGGED, BUSY, Connection

if TYPE_CHECKING:  # a server without a class does without it
    from rollcall.server.lesson import LessonBook

TURN = 1.0
"""Seconds between two messages to one who follows."""


@dataclass
class _Follower:
    """Who gets the class. What it has: the revision (0: that there is no class), and which classes there are."""

    connection: Connection
    seen: Optional[int] = None
    lists: Optional[Tuple[str, ...]] = None
    told_at: float = -TURN


class Followers:
    """See the module. ``finish`` is `Publisher.finish`: it sends the rest where a socket did not take all of it.
    ``clock`` is monotonic seconds."""

    def __init__(self, finish: Callable[[Connection], None], clock: Callable[[], float] = monotonic) -> None:
        self._finish, self._clock = finish, clock
        # Guards _followers. What stands in one of them belongs to whoever tells.
        self._lock = threading.Lock()
        self._followers: Dict[int, _Follower] = {}

    def add(self, session_id: int, connection: Connection, seen: Optional[int]) -> None:
        """This teacher wants the class, from the revision that it has; None: all of it."""
        with self._lock:
            self._followers[session_id] = _Follower(connection, seen)

    def drop(self, session_id: int) -> None:
        """It has gone, or was never there."""
        if self._followers:
            with self._lock:
                self._followers.pop(session_id, None)

    def tell_all(self, book: Optional[LessonBook], lists: Tuple[str, ...]) -> float:
        """Send what is new to those who follow; when those may be told who were told less than a `TURN` ago."""
        with self._lock:
            followers = list(self._followers.values())
        return min((self._tell(one, book, lists) for one in followers), default=math.inf)

    def _tell(self, follower: _Follower, book: Optional[LessonBook], lists: Tuple[str, ...]) -> float:
        """Send what is new to one who follows. One whose line is stuck gets it when it is free."""
        now = self._clock()
        if now < follower.told_at + TURN:
            return follower.told_at + TURN
        message = None if follower.connection.backlogged else _news(follower, book, lists)
        if message is not None:
            result = follower.connection.send(encode(message), if_free=True)  # of 1,000 names it is 300 KB
            if result != BUSY:
                follower.seen, follower.lists, follower.told_at = message.rev, lists, now
            if result == BACKLOGGED:
                self._finish(follower.connection)
        return math.inf


def _news(follower: _Follower, book: Optional[LessonBook], lists: Tuple[str, ...]) -> Optional[ClassList]:
    now = None if book is None else book.class_list(follower.seen)
    if follower.lists == lists and follower.seen == (0 if now is None else now.rev):
        return None
    if now is None:
        return ClassList(0, True, available=lists)
    return ClassList(
        rev=now.rev,
        whole=now.whole,
        rows=now.entries,
        gone=now.gone,
        classes=now.classes,
        available=lists,
        lesson=now.lesson,
        begin=now.begin,
        end=now.end,
        begin_by=now.begin_by,
        paused=now.paused,
        counts=dict(now.counts),
        listed=now.listed,
        guests=now.guests,
        comes=now.comes,
        vanished=None if now.event is None else Vanished(now.event.begin, now.event.count),
    )
