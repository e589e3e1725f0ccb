"""Who cannot be taken hears why, and the socket goes in time."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing

from rollcall.server.handler import LAST_WORDS
from rollcall.server.refusals import AT_A_TIME, Refusals
from tests.helpers import FakeClock


def test_the_words_arrive_and_the_socket_stays_until_they_may_have_been_read() -> None:
    clock = FakeClock()
    with closing(Refusals(clock)) as refusals:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(b"a register that nobody reads")
            refusals.refuse(ours, b"full\n")
            assert theirs.recv(100) == b"full\n" and theirs.recv(100) == b"", "the words, then the end of the stream"
            clock.advance(LAST_WORDS - 0.1)
            refusals.let_go()
            assert ours.fileno() >= 0
            clock.advance(0.1)
            refusals.let_go()
            assert ours.fileno() < 0


def test_many_are_bounded_and_the_oldest_goes_first() -> None:
    with closing(Refusals(FakeClock())) as refusals, ExitStack() as stack:
        ours = []
        for _ in range(AT_A_TIME + 3):
            one, other = socket.socketpair()
            stack.enter_context(other)
            ours.append(one)
            refusals.refuse(one, b"")
        assert [one.fileno() >= 0 for one in ours] == [False] * 3 + [True] * AT_A_TIME
    assert all(one.fileno() < 0 for one in ours)


def test_who_has_gone_already_is_no_error() -> None:
    with closing(Refusals(FakeClock())) as refusals:
        ours, theirs = socket.socketpair()
        theirs.close()
        refusals.refuse(ours, b"full\n")
        refusals.refuse(ours, b"full\n")


def test_the_reserve_is_taken_again_whether_there_was_somebody_or_not() -> None:
    with closing(Refusals(FakeClock())) as refusals, socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as caller:
            refusals.refuse_next(listening, b"full\n")
            assert caller.recv(100) == b"full\n" and caller.recv(100) == b""
        assert refusals._reserve is not None
        listening.setblocking(False)
        refusals.refuse_next(listening, b"full\n")
        assert refusals._reserve is not None
