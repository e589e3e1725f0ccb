"""followers.py: what teachers who follow get, how often, and what becomes of one whose socket takes no more."""

from __future__ import annotations

import math
import socket
from contextlib import ExitStack, contextmanager
from typing import Iterator, List, Tuple

from protocol import decode
from rollcall.server.facts import Person
from rollcall.server.followers import TURN, Followers
from rollcall.server.lesson import LessonBook
from rollcall.wire.class_messages import ClassList
from rollcall.wire.connection import SENT, Connection
from rollcall.wire.lines import LineDecoder
from tests.helpers import FakeClock

LISTS = ("7b", "9a")
MOST = 200_000  # of a line of the server's


class Window:
    """A teacher's end of a connection."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.connection, self.near = Connection(near, "peer"), near
        self._far = far
        self._lines = LineDecoder(MOST)
        far.settimeout(0.0)

    def read(self) -> List[ClassList]:
        """What has come since the last call."""
        data = b""
        try:
            while True:
                data += self._far.recv(1 << 16)
        except BlockingIOError:
            pass
        found = [decode(line, MOST) for line in self._lines.feed(data)]
        assert all(isinstance(message, ClassList) for message in found)
        return found  # type: ignore[return-value]


@contextmanager
def windows(count: int) -> Iterator[List[Window]]:
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(count)]
        for end in (end for pair in pairs for end in pair):
            stack.enter_context(end)
        yield [Window(*pair) for pair in pairs]


def book_of(*names: str) -> LessonBook:
    book = LessonBook()
    book.know({"7b": [Person(name) for name in names]})
    book.set_class(["7b"])
    return book


def following(*found: Window) -> Tuple[Followers, FakeClock, List[Connection]]:
    clock = FakeClock()
    unfinished: List[Connection] = []
    followers = Followers(unfinished.append, clock)
    for number, window in enumerate(found):
        followers.add(number, window.connection, None)
    return followers, clock, unfinished


def test_the_whole_class_comes_once_and_then_what_changes_at_most_once_a_turn() -> None:
    with windows(1) as (mine,):
        followers, clock, _ = following(mine)
        book = book_of("Ann Lee", "Ben Oak")
        assert followers.tell_all(book, LISTS) == math.inf
        (whole,) = mine.read()
        assert whole.whole and [row.name for row in whole.rows] == ["Ann Lee", "Ben Oak"]
        assert whole.available == LISTS and whole.classes == ("7b",) and whole.listed == 2
        book.joined(1, "ben oak")
        assert followers.tell_all(book, LISTS) == clock() + TURN and mine.read() == [], "told less than a turn ago"
        clock.advance(TURN)
        assert followers.tell_all(book, LISTS) == math.inf
        (news,) = mine.read()
        assert not news.whole and [(row.name, row.state) for row in news.rows] == [("Ben Oak", "here")]
        clock.advance(TURN)
        assert followers.tell_all(book, LISTS) == math.inf and mine.read() == [], "nothing is new"


def test_who_goes_is_told_nothing_more_and_who_comes_back_goes_on_from_what_it_has() -> None:
    with windows(2) as (mine, other):
        followers, clock, _ = following(mine, other)
        book = book_of("Ann Lee")
        followers.tell_all(book, LISTS)
        (had,) = mine.read()
        followers.drop(0)
        followers.drop(0)  # the handler's last word, whether it was there or not
        book.joined(1, "Ann Lee")
        clock.advance(TURN)
        followers.tell_all(book, LISTS)
        assert mine.read() == [] and len(other.read()) == 2
        followers.add(2, mine.connection, had.rev)
        followers.tell_all(book, LISTS)
        (news,) = mine.read()
        assert not news.whole and [row.state for row in news.rows] == ["here"]


def test_without_a_class_it_hears_of_the_lists_and_when_they_change() -> None:
    with windows(1) as (mine,):
        followers, clock, _ = following(mine)
        followers.tell_all(None, ())
        assert mine.read() == [ClassList(0, True)]
        clock.advance(TURN)
        followers.tell_all(None, LISTS)
        assert mine.read() == [ClassList(0, True, available=LISTS)]


def test_who_takes_no_more_is_passed_by_and_gets_all_that_it_missed_in_one_message() -> None:
    with windows(1) as (mine,):
        followers, clock, unfinished = following(mine)
        names = [f"Student {number} {'x' * 40}" for number in range(1000)]
        book = book_of(*names)
        mine.near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        followers.tell_all(book, LISTS)
        assert unfinished == [mine.connection], "somebody else sends the rest"
        for number, name in enumerate(names[:2]):
            book.joined(number, name)
            clock.advance(TURN)
            followers.tell_all(book, LISTS)
        found = mine.read()
        while mine.connection.flush() != SENT:
            found += mine.read()
        found += mine.read()
        assert [message.whole for message in found] == [True], "nothing was kept for it meanwhile"
        followers.tell_all(book, LISTS)
        (news,) = mine.read()
        assert [row.name for row in news.rows] == names[:2]
