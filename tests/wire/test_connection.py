"""connection.py over real sockets: nobody waits for a peer that does not read."""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import contextmanager
from typing import Iterator, List, Tuple

import pytest

from rollcall.wire.connection import BACKLOGGED, BUSY, FAILED, MAX_BACKLOG, SENT, Connection, trace_line
from tests.helpers import FakeClock, wait_until


@contextmanager
def pair(clock: FakeClock, trace: List[Tuple[str, bytes]] | None = None) -> Iterator[Tuple[Connection, socket.socket]]:
    """A connection and its peer, over loopback TCP, with small kernel buffers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        near.connect(listener.getsockname())
        far, _ = listener.accept()
    record = None if trace is None else lambda way, _, data: trace.append((way, data))
    connection = Connection(near, "client-1", 1, record, clock)
    connection.prepare()
    far.settimeout(30)
    try:
        yield connection, far
    finally:
        connection.close()
        far.close()


def fill(connection: Connection) -> bytes:
    """Send until something has to wait; returns what was sent."""
    sent = b""
    for number in range(100_000):
        block = b"%08d" % number * 1000
        sent += block
        if connection.send(block) == BACKLOGGED:
            return sent
    raise AssertionError("the kernel took everything")


def read_exactly(far: socket.socket, count: int, connection: Connection) -> bytes:
    data = bytearray()
    while len(data) < count:
        connection.flush()
        far.settimeout(0.05)
        try:
            data += far.recv(65536)
        except socket.timeout:
            continue
    return bytes(data)


def test_small_sends_go_out_at_once() -> None:
    with pair(FakeClock()) as (connection, far):
        assert connection.send(b"hello\n") == SENT
        assert far.recv(100) == b"hello\n"
        assert not connection.backlogged and connection.stalled_for(5000.0) == 0.0
        far.sendall(b"answer")
        assert connection.receive() == b"answer"


def test_a_peer_that_does_not_read_makes_a_backlog_and_nobody_waits() -> None:
    clock = FakeClock()
    with pair(clock) as (connection, far):
        sent = fill(connection)
        clock.advance(7)
        assert connection.backlogged
        assert connection.stalled_for(clock.now) == 7.0
        assert connection.send(b"after\n") == BACKLOGGED
        assert connection.flush() == BACKLOGGED
        assert read_exactly(far, len(sent) + 6, connection) == sent + b"after\n"
        assert connection.flush() == SENT
        assert not connection.backlogged and connection.stalled_for(clock.now) == 0.0


def test_a_byte_that_is_taken_ends_the_stall() -> None:
    clock = FakeClock()
    with pair(clock) as (connection, far):
        fill(connection)
        clock.advance(9)
        while connection.stalled_for(clock.now):
            far.recv(65536)
            connection.flush()
        assert connection.stalled_for(clock.now) == 0.0


def test_the_backlog_is_bounded_and_too_much_ends_the_connection() -> None:
    with pair(FakeClock()) as (connection, _):
        fill(connection)
        line = b"x" * 1024
        results = {connection.send(line) for _ in range(MAX_BACKLOG // len(line))}
        assert results == {BACKLOGGED}
        assert connection.send(line) == FAILED
        assert connection.send(b"more") == FAILED
        assert connection.receive() == b""


def test_what_is_longer_than_a_backlog_waits_until_nothing_else_does() -> None:
    clock, long = FakeClock(), b"x" * (MAX_BACKLOG + 1)
    trace: List[Tuple[str, bytes]] = []
    with pair(clock, trace) as (connection, far):
        sent = fill(connection)
        traced = len(trace)
        assert connection.send(long, if_free=True) == BUSY and len(trace) == traced
        assert read_exactly(far, len(sent), connection) == sent and connection.flush() == SENT
        assert connection.send(long, if_free=True) in (SENT, BACKLOGGED)
        assert read_exactly(far, len(long), connection) == long
        connection.hang_up()
        assert connection.send(b"more", if_free=True) == FAILED


def test_after_the_last_message_nothing_else_goes_out() -> None:
    with pair(FakeClock()) as (connection, far):
        assert connection.send(b"why it ends\n", last=True) == SENT
        assert connection.send(b"a late push\n") == FAILED
        connection.finish_sending()
        with far.makefile("rb") as stream:
            assert stream.read() == b"why it ends\n"


def test_two_writers_never_mix_their_lines() -> None:
    with pair(FakeClock()) as (connection, far):
        lines = {name: b"%s" % name * 3000 + b"\n" for name in (b"a", b"b")}

        def write(name: bytes) -> None:
            for _ in range(50):
                while connection.backlogged and connection.flush() == BACKLOGGED:
                    pass
                connection.send(lines[name])

        writers = [threading.Thread(target=write, args=(name,)) for name in lines]
        for writer in writers:
            writer.start()
        received = bytearray()
        while received.count(b"\n") < 100:
            connection.flush()
            far.settimeout(0.05)
            try:
                received += far.recv(65536)
            except socket.timeout:
                continue
        for writer in writers:
            writer.join()
        assert set(bytes(received).splitlines(keepends=True)) == set(lines.values())


def test_hanging_up_from_another_thread_ends_a_blocked_receive() -> None:
    with pair(FakeClock()) as (connection, _):
        results: List[bytes] = []
        reader = threading.Thread(target=lambda: results.append(connection.receive()))
        reader.start()
        connection.hang_up()
        reader.join(30)
        assert results == [b""]
        assert connection.send(b"too late") == FAILED


def test_finish_sending_lets_the_peer_read_to_the_end() -> None:
    with pair(FakeClock()) as (connection, far):
        connection.send(b"last words\n")
        connection.finish_sending()
        assert far.makefile("rb").read() == b"last words\n"
        far.sendall(b"still heard")
        assert connection.receive() == b"still heard"


def test_what_is_stuck_goes_out_before_fin() -> None:
    with pair(FakeClock()) as (connection, far):
        sent = fill(connection)
        assert connection.send(b"why it ends\n", last=True) == BACKLOGGED
        assert connection.finish_sending() == BACKLOGGED
        assert connection.backlogged, "for the publisher, which flushes it"
        assert read_exactly(far, len(sent) + 12, connection) == sent + b"why it ends\n"
        assert connection.flush() == SENT
        far.settimeout(30)
        assert far.recv(100) == b""


def test_who_drains_does_not_make_others_wait_for_the_peer() -> None:
    """A socket with a timeout makes every send wait that long, MSG_DONTWAIT or not."""
    with pair(FakeClock()) as (connection, far):
        connection.send(bytes(50_000_000))  # more than any kernel takes
        connection.finish_sending()
        drain = threading.Thread(target=connection.drain, args=(30,))
        drain.start()
        far.sendall(b"x")
        wait_until(lambda: not select.select([connection], [], [], 0)[0], "the reader to read")
        begun = time.monotonic()
        for _ in range(100):
            assert connection.flush() == BACKLOGGED
        assert time.monotonic() - begun < 10
        connection.hang_up()
        drain.join(30)
        assert not drain.is_alive()


def test_a_broken_connection_is_a_failed_send_and_no_exception() -> None:
    with pair(FakeClock()) as (connection, far):
        far.close()
        wait_until(lambda: connection.send(b"x" * 4096) == FAILED, "the reset to arrive")
        connection.hang_up()
        connection.close()
        connection.hang_up()


def test_draining_ends_with_the_peer() -> None:
    with pair(FakeClock()) as (connection, far):
        far.sendall(b"unread" * 100)
        far.shutdown(socket.SHUT_WR)
        connection.finish_sending()
        connection.drain(30)
        assert far.recv(10) == b""


def test_a_trace_gets_what_was_sent_and_shows_it_escaped() -> None:
    trace: List[Tuple[str, bytes]] = []
    with pair(FakeClock(), trace) as (connection, _):
        connection.send(b'{"type":"pong"}\n')
        assert trace == [(">", b'{"type":"pong"}\n')]
        connection.send(b"why it ends\n", last=True)
        connection.send(b"a late push\n")
        assert trace[1:] == [(">", b"why it ends\n")], "what does not go out is not traced"
        assert trace_line("<", connection, b"\x1b[2J\xff\r\n") == "< client-1 \\x1b[2J\\xff"
        line = b'{"type":"register","instance": "5f\\"3c","resume_token":"7.x","name":"Ann"}\n'
        shown = trace_line("<", connection, line)
        assert shown == '< client-1 {"type":"register","instance": "…","resume_token":"…","name":"Ann"}'
        shown = trace_line("<", connection, b'{"type":"auth","data":"n=class,r=x","proof":"5f","code":"SUB-7H2K"}\n')
        assert shown == '< client-1 {"type":"auth","data":"…","proof":"…","code":"SUB…"}'
        shown = trace_line(">", connection, b'{"type":"done","act":"board_link","code":"/board?link=pDq0"}\n')
        assert shown == '> client-1 {"type":"done","act":"board_link","code":"/board…"}'
        assert "kicked" in trace_line(">", connection, b'{"type":"error","code":"kicked"}\n')


@pytest.mark.parametrize("again", [1, 2])
def test_closing_twice_is_harmless(again: int) -> None:
    with pair(FakeClock()) as (connection, _):
        for _ in range(again):
            connection.close()
        assert connection.flush() == SENT


def test_a_part_that_is_taken_ends_the_stall_and_the_rest_may_stall_again() -> None:
    clock = FakeClock()

    def flushed_after(seconds: float) -> float:
        clock.advance(seconds)
        assert connection.flush() == BACKLOGGED
        return connection.stalled_for(clock.now)

    with pair(clock) as (connection, far):
        assert connection.send(b"x" * 8_000_000) == BACKLOGGED
        for _ in range(2):
            wait_until(lambda: flushed_after(1.0) > 2.0, "the kernel to take nothing more", 5.0)
            wait_until(lambda: far.recv(65536) and flushed_after(1.0) == 0.0, "the kernel to take a part", 5.0)


def test_the_first_send_or_flush_that_breaks_says_so() -> None:
    with pair(FakeClock()) as (connection, _):
        connection._socket.shutdown(socket.SHUT_WR)  # the connection does not know
        assert connection.send(b"x") == FAILED
    with pair(FakeClock()) as (connection, _):
        fill(connection)
        connection._socket.shutdown(socket.SHUT_WR)
        assert connection.flush() == FAILED and connection.send(b"x") == FAILED


def test_what_is_stuck_is_not_counted_and_what_follows_is_bounded_to_the_byte() -> None:
    with pair(FakeClock()) as (connection, _):
        assert connection.send(b"x" * 8_000_000) == BACKLOGGED
        assert connection.send(b"x" * (MAX_BACKLOG - 1)) == BACKLOGGED
        assert connection.send(b"x") == BACKLOGGED
        assert connection.send(b"x") == FAILED


def test_the_bound_is_for_each_backlog_anew() -> None:
    with pair(FakeClock()) as (connection, far):
        for _ in range(2):
            size = len(fill(connection))
            assert connection.send(b"x" * MAX_BACKLOG) == BACKLOGGED
            read_exactly(far, size + MAX_BACKLOG, connection)
            assert connection.flush() == SENT


def test_small_lines_leave_at_once_and_the_kernel_probes_a_silent_peer() -> None:
    with pair(FakeClock()) as (connection, _):
        assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_draining_is_bounded_in_bytes() -> None:
    with pair(FakeClock()) as (connection, far):
        stop = threading.Event()

        def flood() -> None:
            far.settimeout(0.05)
            while not stop.is_set():
                try:
                    far.send(b"x" * 4096)
                except OSError:  # nobody reads any more
                    pass

        flooder = threading.Thread(target=flood)
        drainer = threading.Thread(target=connection.drain, args=(3600,))
        flooder.start()
        drainer.start()
        drainer.join(5)
        ended = not drainer.is_alive()
        stop.set()
        flooder.join()
        connection.hang_up()
        drainer.join()
        assert ended


def test_draining_is_bounded_in_time() -> None:
    clock = FakeClock()
    with pair(clock) as (connection, far):
        far.sendall(b"x" * 4096)  # there is always something to read
        connection.drain(0.0)
        assert connection.receive(), "the time was over: nothing was read"
        connection.drain(0.01)  # the clock stands still: the socket's own timeout ends it
        far.sendall(b"more")
        connection._socket.settimeout(None)
        assert connection.receive() == b"more"


def test_a_closed_connection_is_shut_down_no_more() -> None:
    with pair(FakeClock()) as (connection, far):
        connection.close()
        connection.prepare()  # somebody was faster than its handler
        connection.finish_sending()
        connection.hang_up()
        assert connection.send(b"too late") == FAILED and far.recv(10) == b""
