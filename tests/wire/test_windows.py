"""windows.py: hanging up and sending as Windows needs it, on sockets that are as stubborn as those of Windows."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import socket
import threading
from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple, Union

import pytest

from rollcall.wire import connection as connection_module
from rollcall.wire import windows
from rollcall.wire.connection import BACKLOGGED, SENT, Connection
from rollcall.wire.windows import CANCELLED, NOTHING_TO_CANCEL, PIECE, Canceller, send_some
from tests.helpers import PATIENCE, FakeClock, wait_until

SHUT_DOWN = 10058
"""WSAESHUTDOWN: what a ``recv`` fails with there that begins after the shutdown."""

INVALID_HANDLE = 6


def error_of(number: int) -> OSError:
    error = OSError(errno.EINVAL, "as Windows says it")
    setattr(error, "winerror", number)  # noqa: B010 (mypy knows no such attribute here)
    return error


class LikeWindows(socket.socket):
    """A connected socket whose `shutdown` wakes nobody, but whose `cancel` does. ``far`` is its other end."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        super().__init__(fileno=near.detach())
        self.far = far
        self.waiting = threading.Event()
        self._shut = self._cancelled = False

    def shutdown(self, how: int) -> None:
        self._shut = self._shut or how == socket.SHUT_RDWR
        super().shutdown(socket.SHUT_WR)

    def recv(self, *arguments: Any) -> bytes:
        self.waiting.set()
        if self._shut:
            raise error_of(SHUT_DOWN)
        data = super().recv(*arguments)
        if self._cancelled:
            self._cancelled = False
            raise error_of(CANCELLED)
        return data

    def cancel(self) -> None:
        self._cancelled = True
        self.far.sendall(b"!")  # which wakes it, and which it then forgets


@contextmanager
def like_windows() -> Iterator[Tuple[Connection, LikeWindows]]:
    near, far = socket.socketpair()
    with LikeWindows(near, far) as sock, far:
        connection = Connection(sock, "client-1", 1)
        yield connection, sock
        connection.close()


class Reader:
    """A thread in `Connection.receive`, and what came of it."""

    def __init__(self, connection: Connection) -> None:
        self.results: queue.Queue[Union[bytes, Exception]] = queue.Queue()
        self._connection = connection
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            self.results.put(self._connection.receive())
        except Exception as error:
            self.results.put(error)

    def result(self) -> Union[bytes, Exception]:
        return self.results.get(timeout=PATIENCE)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """Nothing can be cancelled any more; the sentences about that."""
    sentences: List[str] = []
    canceller = Canceller(lambda handle: INVALID_HANDLE)
    canceller.tell = sentences.append
    monkeypatch.setattr(connection_module, "_canceller", canceller, raising=False)
    monkeypatch.setattr(connection_module, "LOOK_UP", 0.02, raising=False)
    return sentences


def test_hanging_up_wakes_the_reader_whom_the_shutdown_does_not_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    with like_windows() as (connection, sock):

        def cancel(handle: int) -> int:
            assert handle == sock.fileno() and connection._lock.locked()
            sock.cancel()
            return 0

        monkeypatch.setattr(connection_module, "_canceller", Canceller(cancel), raising=False)
        reader = Reader(connection)
        assert sock.waiting.wait(PATIENCE)
        connection.hang_up()
        try:
            assert reader.result() == b""
        finally:
            sock.far.close()  # or the reader would be left behind
        assert connection.receive() == b"", "also the next time, when the system says 10058"


def test_what_somebody_else_cancelled_is_read_again() -> None:
    with like_windows() as (connection, sock):
        reader = Reader(connection)
        assert sock.waiting.wait(PATIENCE)
        sock.waiting.clear()
        sock.cancel()
        wait_until(lambda: sock.waiting.is_set() or not reader.results.empty(), "another recv")
        sock.far.sendall(b"line\n")
        assert reader.result() == b"line\n"


def test_an_end_that_is_not_ours_stays_an_error() -> None:
    with like_windows() as (connection, sock):
        sock._shut = True
        assert isinstance(Reader(connection).result(), OSError)


def test_only_a_refusal_is_told_and_only_once() -> None:
    codes = iter((0, NOTHING_TO_CANCEL, INVALID_HANDLE, INVALID_HANDLE))
    canceller = Canceller(lambda handle: next(codes))
    assert [canceller.cancel(1), canceller.cancel(1), canceller.works] == ["", "", True]
    assert "error 6" in canceller.cancel(1)
    assert [canceller.cancel(1), canceller.works] == ["", False]


def test_where_nothing_can_be_cancelled_a_reader_looks_up(told: List[str]) -> None:
    with like_windows() as (first, _):
        first.hang_up()
    assert len(told) == 1 and "CancelIoEx" in told[0]
    for _ in range(2):
        with like_windows() as (connection, sock):
            sock.far.sendall(b"line\n")
            assert connection.receive() == b"line\n"
            reader = Reader(connection)
            connection.hang_up()
            assert reader.result() == b""
    assert len(told) == 1


def test_what_is_closed_is_not_cancelled(told: List[str]) -> None:
    with like_windows() as (connection, _):
        connection.close()
        connection.hang_up()
    assert not told


def test_a_late_hang_up_never_hits_the_next_socket_with_the_same_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread closes a connection and waits for a datagram on the next socket, which mostly gets the same handle;
    this one hangs up at the same time."""
    if windows.canceller is None:

        def wake(handle: int) -> int:
            with socket.socket(fileno=os.dup(handle)) as copy, contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)  # wakes who waits there; an error, because it is not connected
            return 0

        monkeypatch.setattr(connection_module, "_canceller", Canceller(wake), raising=False)
    victims: queue.SimpleQueue[Any] = queue.SimpleQueue()
    addresses: queue.SimpleQueue[Any] = queue.SimpleQueue()
    closed: queue.SimpleQueue[bool] = queue.SimpleQueue()
    hits: List[str] = []

    def reopen() -> None:
        for connection in iter(victims.get, None):
            handle = connection.fileno()
            connection.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bystander:
                bystander.bind(("127.0.0.1", 0))
                same[0] += bystander.fileno() == handle
                addresses.put(bystander.getsockname())
                try:
                    if bystander.recv(10) != b"hello":
                        hits.append("nothing came")
                except OSError as error:
                    hits.append(str(error))
            closed.put(True)  # only then the handle is free for the next victim

    same = [0]
    thread = threading.Thread(target=reopen, daemon=True)
    thread.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            for _ in range(10_000):
                connection = Connection(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "victim")
                victims.put(connection)
                connection.hang_up()
                sender.sendto(b"hello", addresses.get(timeout=PATIENCE))
                closed.get(timeout=PATIENCE)
        finally:
            victims.put(None)
            thread.join(PATIENCE)
    assert not thread.is_alive() and not hits
    assert same[0] > 5000, "or there was nothing to hit"


@contextmanager
def narrow_pair() -> Iterator[Tuple[socket.socket, socket.socket]]:
    """Two ends of a TCP connection that holds little."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as near:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        near.connect(listener.getsockname())
        far, _ = listener.accept()
        with far:
            yield near, far


def test_a_send_without_the_flag_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_DONT_WAIT", 0)
    line = os.urandom(200_000)
    with narrow_pair() as (near, far):
        connection = Connection(near, "client-1", clock=FakeClock())
        results: List[int] = []
        sender = threading.Thread(target=lambda: results.append(connection.send(line)))
        sender.start()
        try:
            wait_until(lambda: results, "the send to return, though the peer reads nothing", 5)
        finally:
            received = bytearray()
            far.settimeout(0.01)
            while len(received) < len(line):
                try:
                    received += far.recv(65536)
                except socket.timeout:
                    connection.flush()
            sender.join(PATIENCE)
        assert results == [BACKLOGGED] and received == line
        wait_until(lambda: connection.flush() == SENT, "the backlog to be empty")


def test_a_send_asks_before_each_piece() -> None:
    sizes: List[int] = []

    class Counting(socket.socket):
        def send(self, data: Any, *flags: int) -> int:
            sizes.append(len(data))
            return super().send(data, *flags)

    near, far = socket.socketpair()
    with Counting(fileno=near.detach()) as counting, far:
        counting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        assert send_some(counting, b"x" * 10_000) == 10_000
        assert sizes == [PIECE, PIECE, 10_000 - 2 * PIECE]
        received = 0
        while received < 10_000:
            received += len(far.recv(65536))
        sizes.clear()
        counting.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        eighth = counting.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 8
        assert send_some(counting, b"x" * 1500) > 0 and max(sizes) == max(512, eighth)
