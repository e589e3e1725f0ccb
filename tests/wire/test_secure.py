"""secure.py over real sockets: TLS under the rules of a Connection, whatever the peer does."""

from __future__ import annotations

import random
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, List, Tuple

import pytest

from rollcall.server.certificate import own_certificate
from rollcall.wire import secure
from rollcall.wire.connection import BACKLOGGED, FAILED, HEARTBEAT_SIZE, MAX_BACKLOG, SENT, Connection
from rollcall.wire.secure import (
    ALPN,
    MAX_OWED,
    RECORD,
    NotRollcall,
    PlainAnswer,
    SecureConnection,
    client_context,
    fingerprint,
    server_context,
)
from tests.helpers import PATIENCE, ROOT, FakeClock, wait_until
from tests.raw_tls import ALERT, CLOSE_NOTIFY, INTERNAL_ERROR, RawTls, shake

PING, PONG = b'{"type":"ping"}\n', b'{"type":"pong","rev":7}\n'


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return own_certificate(tmp_path_factory.mktemp("certificate"), "test").context()


@contextmanager
def sockets(buffer: int = 0) -> Iterator[Tuple[socket.socket, socket.socket]]:
    """A server's and a client's end of one TCP connection, with small buffers if told so."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as far:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        far.connect(listener.getsockname())
        near, _ = listener.accept()
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with near:
            yield near, far


@contextmanager
def server_end(near: socket.socket, context: ssl.SSLContext, first: bytes = b"") -> Iterator[SecureConnection]:
    """The server's connection before its handshake."""
    plain = Connection(near, "client-1", 1)
    plain.prepare()
    connection = SecureConnection(plain, context, first)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def running(*acts: Callable[[], object]) -> Iterator[None]:
    """Each act in a thread of its own, until it ends; what it raises is raised here."""
    failures: List[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    if failures:
        raise failures[0]


@contextmanager
def pair(context: ssl.SSLContext, buffer: int = 0) -> Iterator[Tuple[SecureConnection, SecureConnection]]:
    """Both ends as ours, after the handshake: the server's and the client's."""
    with sockets(buffer) as (near, far), server_end(near, context) as server:
        client = SecureConnection(Connection(far, "server", receive_size=65536), client_context())
        with running(server.handshake):
            client.handshake()
        try:
            yield server, client
        finally:
            client.close()


@contextmanager
def raw_pair(context: ssl.SSLContext, folder: Path, buffer: int = 0) -> Iterator[Tuple[SecureConnection, RawTls]]:
    """Our server's end and a client that makes its records by hand."""
    with sockets(buffer) as (near, far), server_end(near, context) as server:
        with running(server.handshake):
            peer = RawTls(far, folder)
        yield server, peer


def heard(connection: SecureConnection, count: int = 0) -> bytes:
    """What comes: ``count`` bytes, or until the end."""
    data = b""
    while not count or len(data) < count:
        part = connection.receive()
        data += part
        if not part and not connection.nothing_yet:
            return data
    return data


def send_all(connection: SecureConnection, *messages: bytes) -> None:
    """As the publisher does it: send, and flush whenever the socket is writable."""
    for message in messages:
        result = connection.send(message)
        while result == BACKLOGGED:
            select.select([], [connection], [], PATIENCE)
            result = connection.flush()
        assert result == SENT


def flush_all(connection: SecureConnection) -> None:
    """As the publisher does it, until the backlog is empty."""
    result = BACKLOGGED
    while result == BACKLOGGED:
        select.select([], [connection], [], PATIENCE)
        result = connection.flush()
    assert result == SENT and not connection.backlogged


def hear_out(peer: RawTls) -> bytes:
    """What the peer is told until close_notify, behind which FIN must come."""
    data = b""
    while True:
        part = peer.receive()
        if not part:
            assert peer.socket.recv(100) == b""
            return data
        data += part


def fill(connection: SecureConnection, message: bytes) -> int:
    """Send until something has to wait; how many of the messages were sent."""
    for number in range(1, 10_000):
        if connection.send(message) == BACKLOGGED:
            return number
    raise AssertionError("the kernel took everything")


# --- what a handshake comes to --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_ends_speak_and_the_client_knows_the_server(context: ssl.SSLContext, version: str) -> None:
    choice = client_context()
    choice.maximum_version = ssl.TLSVersion[version]
    with sockets() as (near, far), server_end(near, context) as server:
        client = SecureConnection(Connection(far, "server"), choice)
        with running(server.handshake):
            client.handshake()
        assert client.describe().startswith(version.replace("_", ".").replace("v1.", "v1."))
        assert client.send(PING) == SENT
        assert heard(server, len(PING)) == PING
        assert server.send(PONG) == SENT
        assert heard(client, len(PONG)) == PONG
        assert len(fingerprint(client.peer_certificate)) == 64
        client.close()
        assert heard(server) == b""


def test_nothing_old_or_superfluous_is_offered(context: ssl.SSLContext) -> None:
    for each in (context, client_context()):
        assert each.minimum_version == ssl.TLSVersion.TLSv1_2
        assert each.options & ssl.OP_NO_COMPRESSION and each.options & ssl.OP_NO_RENEGOTIATION
        assert all("GCM" in cipher["name"] or "CHACHA20" in cipher["name"] for cipher in each.get_ciphers())
    with pair(context) as (server, client):
        server.send(PONG)
        heard(client, len(PONG))  # a ticket would have come before it
        session = client._tls.session
        assert session is None or not session.has_ticket


@pytest.mark.parametrize("count", [1, 5, 100, 4096])
def test_bytes_that_were_read_already_are_handed_over(context: ssl.SSLContext, count: int) -> None:
    with sockets() as (near, far):
        client = SecureConnection(Connection(far, "server"), client_context())
        with running(client.handshake):
            first = near.recv(count)
            with server_end(near, context, first) as server:
                server.handshake()
                client.send(PING)
                assert heard(server, len(PING)) == PING
        client.close()


def test_a_line_in_one_packet_with_the_end_of_the_handshake_is_not_left_lying(context: ssl.SSLContext) -> None:
    with sockets() as (near, far), server_end(near, context) as server:
        with running(server.handshake):
            tls, _, outgoing = shake(far, client_context())
            tls.write(PING)
            far.sendall(outgoing.read())
        assert server.receive() == PING, "without asking the kernel, which has nothing more"


def test_a_hello_without_our_protocol_is_no_client(context: ssl.SSLContext) -> None:
    browser = client_context()
    browser.set_alpn_protocols(["h2", "http/1.1"])
    with sockets() as (near, far), server_end(near, context) as server:
        with pytest.raises(NotRollcall, match=ALPN):
            with running(server.handshake):
                far.sendall(shake(far, browser)[2].read())
        assert server.send(PONG) == FAILED
        server.close()
        assert far.recv(100) != b"", "close_notify"
        assert far.recv(100) == b""


def test_a_tls_server_that_is_not_ours_is_told_from_one_without_tls(context: ssl.SSLContext, tmp_path: Path) -> None:
    other = own_certificate(tmp_path, "other").context()
    other.set_alpn_protocols(["http/1.1"])
    with sockets() as (near, far), server_end(near, other) as server:
        client = SecureConnection(Connection(far, "server"), client_context())
        with pytest.raises(NotRollcall):
            with running(client.handshake):
                with pytest.raises(NotRollcall):
                    server.handshake()
        client.close()


LINE = b'{"type":"error","code":"bad_message","message":"no JSON"}\n'


@pytest.mark.parametrize("answer", [LINE, LINE[:1]])
def test_a_plain_line_in_the_place_of_a_server_hello_says_that_there_is_no_tls(answer: bytes) -> None:
    with sockets() as (near, far):
        client = SecureConnection(Connection(far, "server"), client_context())
        near.sendall(answer)
        with pytest.raises(PlainAnswer) as caught:
            client.handshake()
        assert caught.value.first == answer
        client.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\n{}",
        b"\x15\x03\x03\x00\x02\x02\x28",  # the alert handshake_failure
        b"\x16\x03\x03\x00\x02{}",
        b"\x16",
    ],
)
def test_every_other_end_of_a_handshake_says_nothing(answer: bytes) -> None:
    with sockets() as (near, far):
        client = SecureConnection(Connection(far, "server"), client_context())
        near.sendall(answer)
        near.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError) as caught:
            client.handshake()
        assert not isinstance(caught.value, (PlainAnswer, NotRollcall))
        client.close()


def test_a_brace_after_the_first_byte_is_no_plain_answer() -> None:
    with sockets() as (near, far):
        client = SecureConnection(Connection(far, "server"), client_context())

        def answer() -> None:
            near.sendall(b"\x16")
            wait_until(lambda: near.recv(65536), "the hello")
            wait_until(lambda: not select.select([far], [], [], 0)[0], "the first byte to be read")
            near.sendall(LINE)

        with running(answer):
            with pytest.raises(OSError) as caught:
                client.handshake()
        assert not isinstance(caught.value, PlainAnswer)
        client.close()


# --- a handshake that does not come to its end ----------------------------------------------------------------


def hello() -> bytes:
    """A ClientHello as ours write it."""
    outgoing = ssl.MemoryBIO()
    tls = client_context().wrap_bio(ssl.MemoryBIO(), outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_half_a_hello_and_the_end(context: ssl.SSLContext) -> None:
    with sockets() as (near, far), server_end(near, context) as server:
        far.sendall(hello()[:100])
        far.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError):
            server.handshake()
        server.close()
        assert far.recv(100) == b"", "not a word"


@pytest.mark.parametrize("who", ["itself", "whoever still holds the connection in the clear"])
@pytest.mark.parametrize("sent", [0, 1, 100])
def test_hanging_up_wakes_a_blocked_handshake_and_nothing_is_said(context: ssl.SSLContext, who: str, sent: int) -> None:
    with sockets() as (near, far):
        plain = Connection(near, "client-1", 1)
        server = SecureConnection(plain, context)
        far.sendall(hello()[:sent])
        ended: List[BaseException] = []

        def shake() -> None:
            with pytest.raises(OSError) as caught:
                server.handshake()
            ended.append(caught.value)

        with running(shake):
            other = server if who == "itself" else plain
            assert other.send(b"registration_timeout\n", last=True) == FAILED
            other.hang_up()
        assert len(ended) == 1
        assert far.recv(100) == b""
        server.close()
        plain.hang_up()  # the descriptor is gone; nothing happens


def test_a_byte_a_second_ends_at_the_deadline(context: ssl.SSLContext) -> None:
    clock = FakeClock()
    data = hello()
    with sockets() as (near, far):
        server = SecureConnection(Connection(near, "client-1", 1, clock=clock), context)

        def trickle() -> None:
            for number in range(5):
                far.sendall(data[number : number + 1])
                wait_until(lambda: not select.select([near], [], [], 0)[0], "it to be read")
                clock.advance(1)
            far.sendall(data[5:6])

        with running(trickle):
            with pytest.raises(TimeoutError):
                server.handshake(clock.now + 5)
        server.close()


def test_a_mute_peer_ends_at_the_deadline(context: ssl.SSLContext) -> None:
    with sockets() as (near, _), server_end(near, context) as server:
        with pytest.raises(TimeoutError):
            server.handshake(time.monotonic() + 0.05)


def test_a_whole_handshake_byte_by_byte(context: ssl.SSLContext) -> None:
    class Slow(socket.socket):
        def sendall(self, data: Any, flags: int = 0) -> None:
            for byte in bytes(data):
                super().sendall(bytes([byte]), flags)

    with sockets() as (near, far), server_end(near, context) as server:
        with Slow(fileno=far.detach()) as slow:
            with running(server.handshake):
                tls, _, outgoing = shake(slow, client_context())
                tls.write(PING)
                slow.sendall(outgoing.read())
            assert heard(server, len(PING)) == PING


def test_a_handshake_has_an_end(context: ssl.SSLContext) -> None:
    """A hello of 96 KiB: OpenSSL would take it, one of ours is 100 times smaller."""
    with sockets() as (near, far), server_end(near, context) as server:
        size = 96 * 1024
        message = b"\x01" + size.to_bytes(3, "big") + bytes(size)
        records = b"".join(
            b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part
            for part in (message[at : at + 16000] for at in range(0, len(message), 16000))
        )
        with running(lambda: _send_until_cut(far, records)):
            with pytest.raises(ConnectionAbortedError, match="no end"):
                server.handshake()
            server.close()


def _send_until_cut(far: socket.socket, data: bytes) -> None:
    try:
        far.sendall(data)
    except ConnectionError:
        pass


def test_not_a_word_in_the_clear_after_the_take_over(context: ssl.SSLContext) -> None:
    with sockets() as (near, far):
        plain = Connection(near, "client-1", 1)
        server = SecureConnection(plain, context)
        assert plain._lock is server._lock, "or one shuts down a descriptor that the other has closed"
        assert plain.send(b'{"type":"error"}\n', last=True) == FAILED
        assert server.send(b'{"type":"error"}\n') == FAILED
        server.finish_sending()
        assert far.recv(100) == b""
        server.close()


# --- load ----------------------------------------------------------------------------------------------------


def test_a_reader_and_a_writer_on_each_side_corrupt_nothing(context: ssl.SSLContext) -> None:
    """What an SSLSocket does not stand: of 188 connections 54 broke."""
    dice = random.Random(12)
    there = [b"%d:" % number + b"x" * dice.choice((0, 1, 30, 300, 5000, 40_000)) + b"\n" for number in range(400)]
    back = [b"%d;" % number + b"y" * dice.choice((0, 1, 30, 300, 5000, 40_000)) + b"\n" for number in range(400)]
    with pair(context, buffer=16384) as (server, client):
        server.receive_size = 208
        received: List[bytes] = []
        with running(
            lambda: send_all(client, *there),
            lambda: send_all(server, *back),
            lambda: received.append(heard(client, sum(map(len, back)))),
        ):
            got = heard(server, sum(map(len, there)))
        assert got == b"".join(there)
        assert received == [b"".join(back)]


def test_several_writers_never_mix_their_lines(context: ssl.SSLContext) -> None:
    lines = {name: b"%s" % name * 6000 + b"\n" for name in (b"a", b"b", b"c")}
    with pair(context) as (server, client):
        received: List[bytes] = []
        with running(
            *(partial(send_all, server, *[line] * 40) for line in lines.values()),
            lambda: received.append(heard(client, 120 * 6001)),
        ):
            pass
        counts = {line: received[0].splitlines(keepends=True).count(line) for line in lines.values()}
        assert counts == dict.fromkeys(lines.values(), 40)


# --- what records can hold -------------------------------------------------------------------------------------


def test_records_of_one_byte_and_of_none(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        for byte in PING:
            peer.send(bytes([byte]))
            assert server.receive() == bytes([byte])
        for _ in range(20):
            peer.send(b"")
            assert server.receive() == b"" and server.nothing_yet
        peer.socket.sendall(b"".join(peer.record(bytes([byte])) for byte in PING))
        server.receive_size = HEARTBEAT_SIZE
        parts = [server.receive() for _ in range(-(-len(PING) * 23 // HEARTBEAT_SIZE))]
        assert b"".join(parts) == PING
        assert max(map(len, parts)) <= HEARTBEAT_SIZE // 22 + 1, "one look at the kernel for each receive"
        peer.send(CLOSE_NOTIFY, ALERT)
        assert server.receive() == b"" and not server.nothing_yet


def test_half_a_record_is_nothing_yet(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        record = peer.record(PING + b"x" * 9000)
        for byte in record[:50]:
            peer.socket.sendall(bytes([byte]))
            assert server.receive() == b"" and server.nothing_yet
        peer.socket.sendall(record[50:])
        assert heard(server, len(PING) + 9000) == PING + b"x" * 9000
        assert not server.nothing_yet


def test_key_updates_are_answered_and_leave_nothing(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        for _ in range(300):
            peer.socket.sendall(peer.key_update())
            assert server.receive() == b"" and server.nothing_yet
        assert not server._outgoing.pending
        peer.send(PING)
        assert heard(server, len(PING)) == PING
        server.send(PONG)
        assert peer.receive() == PONG


def test_a_flood_of_key_updates_by_a_peer_that_reads_nothing_ends_and_grows_nothing(
    context: ssl.SSLContext, tmp_path: Path
) -> None:
    with raw_pair(context, tmp_path, buffer=2048) as (server, peer):

        def flood() -> None:
            for _ in range(200):
                _send_until_cut(peer.socket, b"".join(peer.key_update() for _ in range(100)))

        server.receive_size = 4096
        with running(flood):
            with pytest.raises(ConnectionAbortedError, match="takes no answers"):
                while True:
                    server.receive()
            assert MAX_OWED < server._outgoing.pending <= MAX_OWED + 5000
            server.close()


def test_key_updates_behind_a_stuck_roster_go_out_after_the_record_that_is_ahead(
    context: ssl.SSLContext, tmp_path: Path
) -> None:
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        roster = bytes(range(256)) * 4000
        assert server.send(roster) == BACKLOGGED
        for _ in range(10):
            peer.socket.sendall(peer.key_update())
            assert server.receive() == b"" and server.nothing_yet
        assert server.send(PONG, last=True) == BACKLOGGED
        assert server.finish_sending() == BACKLOGGED
        received: List[bytes] = []
        with running(lambda: received.append(hear_out(peer))):
            flush_all(server)
        assert received == [roster + PONG]


def test_an_alert_in_the_middle_breaks_the_connection(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        peer.send(INTERNAL_ERROR, ALERT)
        with pytest.raises(ConnectionAbortedError, match="internal error"):
            server.receive()
        assert server.send(PONG) == FAILED


@pytest.mark.parametrize("data", [b'{"type":"ping"}\n', b"\x17\x03\x03\x00\x20" + bytes(32), b"\x16\x03\x01\xff\xff"])
def test_what_is_no_record_breaks_the_connection_and_the_peer_hears_an_alert(
    context: ssl.SSLContext, tmp_path: Path, data: bytes
) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        peer.socket.sendall(data)
        with pytest.raises(ConnectionAbortedError, match=r"TLS: [a-z ]+$"):
            heard(server)
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            peer.receive()
        assert server.send(PONG) == FAILED


# --- ends ------------------------------------------------------------------------------------------------------


def test_an_end_without_close_notify_was_cut(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        peer.send(PING)
        peer.socket.shutdown(socket.SHUT_WR)
        assert heard(server, len(PING)) == PING
        with pytest.raises(ConnectionResetError, match="close_notify"):
            server.receive()


def test_an_end_with_close_notify_is_one(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        server.receive_size = 65536
        peer.socket.sendall(peer.record(PING) + peer.record(CLOSE_NOTIFY, ALERT))
        assert server.receive() == PING
        for _ in range(3):
            assert server.receive() == b"" and not server.nothing_yet, "without asking the kernel"


def test_last_line_close_notify_fin(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        assert server.send(b"why it ends\n", last=True) == SENT
        assert server.finish_sending() == SENT
        assert server.send(b"too late\n") == FAILED
        assert peer.receive() == b"why it ends\n"
        assert peer.receive() == b"", "close_notify"
        assert peer.socket.recv(100) == b"", "FIN, though the peer has sent no close_notify"


def test_the_last_line_and_close_notify_go_through_the_backlog(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        message = b"0123456789abcde\n" * 500
        count = fill(server, message)
        assert server.send(b"why it ends\n", last=True) == BACKLOGGED
        assert server.finish_sending() == BACKLOGGED
        assert server.send(b"too late\n") == FAILED
        received: List[bytes] = []
        with running(lambda: received.append(hear_out(peer))):
            flush_all(server)
        assert received == [message * count + b"why it ends\n"]


def test_close_notify_waits_where_the_kernel_is_full_to_the_last_byte(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        sent = 0
        while not server._outgoing.pending:  # whole records until the kernel takes no more; no plaintext behind them
            server._tls.write(b"x" * 1000)
            server._push_locked()
            sent += 1000
        assert not server.backlogged
        assert server.finish_sending() == BACKLOGGED
        assert server.backlogged, "for the publisher, which only watches what is"
        received: List[bytes] = []
        with running(lambda: received.append(hear_out(peer))):
            flush_all(server)
        assert received == [b"x" * sent]


@pytest.mark.parametrize("end", ["hang_up", "close"])
def test_hanging_up_and_closing_say_close_notify_unless_half_a_line_would_look_whole(
    context: ssl.SSLContext, tmp_path: Path, end: str
) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        server.send(b"a line\n")
        getattr(server, end)()
        assert peer.receive() == b"a line\n"
        assert peer.receive() == b""
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        server.send(bytes(50_000_000))
        peer.absorb()  # there is room for close_notify now, and the rest of the record that is ahead
        getattr(server, end)()
        with pytest.raises(ConnectionResetError):
            while True:
                assert peer.receive()


def test_hanging_up_ends_a_blocked_receive(context: ssl.SSLContext) -> None:
    with pair(context) as (server, client):
        results: List[bytes] = []
        with running(lambda: results.append(server.receive())):
            server.hang_up()
        assert results == [b""] and not server.nothing_yet
        assert server.send(b"too late") == FAILED
        assert heard(client) == b""


def test_the_peer_is_heard_after_our_last_word(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        record = peer.record(PING)
        peer.socket.sendall(record[:10])
        assert server.receive() == b"" and server.nothing_yet
        server.finish_sending()
        peer.socket.sendall(record[10:])
        assert heard(server, len(PING)) == PING
        peer.send(CLOSE_NOTIFY, ALERT)
        assert heard(server) == b""


def test_draining_waits_for_the_peer_only_so_long(context: ssl.SSLContext, tmp_path: Path) -> None:
    with raw_pair(context, tmp_path) as (server, peer):
        server.send(b"why it ends\n", last=True)
        server.finish_sending()
        peer.send(PING * 100)
        peer.socket.shutdown(socket.SHUT_WR)
        server.drain(PATIENCE)
        assert peer.receive() == b"why it ends\n"


# --- memory ------------------------------------------------------------------------------------------------------


def test_stuck_readers_share_one_plaintext_and_have_one_record_ahead(context: ssl.SSLContext) -> None:
    roster = bytes(range(256)) * 1000
    clock = FakeClock()
    with pair(context, buffer=4096) as (one, reader), pair(context, buffer=4096) as (other, _):
        for connection in (one, other):
            connection._clock = clock
            assert connection.send(roster) == BACKLOGGED
            assert connection._backlog is not None
            assert {chunk.obj for chunk in connection._backlog} == {roster}
            assert all(chunk.obj is roster for chunk in connection._backlog)
            assert connection._outgoing.pending <= RECORD + 64 <= 16 * 1024
        clock.advance(9)
        assert one.stalled_for(clock.now) == 9
        assert other.send(b"x" * (MAX_BACKLOG + 1)) == FAILED, "bounded as ever"
        received: List[bytes] = []
        with running(lambda: received.append(heard(reader, len(roster)))):
            flush_all(one)
        assert received == [roster]


def test_what_is_encrypted_ahead_stays_in_one_place_and_a_short_line_may_be_it(
    context: ssl.SSLContext, tmp_path: Path
) -> None:
    """A pong that the kernel takes in part, or not at all, is a backlog like any other."""
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        lines = 0
        while server.send(PONG * 40) == SENT:
            lines += 40
        assert server.backlogged and server._ahead == 40 * len(PONG)
        assert 0 < server._outgoing.pending <= RECORD + 64
        assert server.send(b"why it ends\n", last=True) == BACKLOGGED
        assert server.finish_sending() == BACKLOGGED
        received: List[bytes] = []
        with running(lambda: received.append(hear_out(peer))):
            flush_all(server)
        assert received == [PONG * (lines + 40) + b"why it ends\n"]


def test_each_step_of_a_handshake_is_computed_where_it_is_told(context: ssl.SSLContext) -> None:
    where: List[str] = []

    def elsewhere(step: Callable[[], bool]) -> bool:
        done: List[bool] = []

        def act() -> None:
            where.append(threading.current_thread().name)
            done.append(step())

        with running(act):
            pass
        return done[0]

    with sockets() as (near, far), server_end(near, context) as server:
        client = SecureConnection(Connection(far, "server"), client_context())
        with running(lambda: server.handshake(compute=elsewhere)):
            client.handshake()
        assert len(where) >= 2 and threading.current_thread().name not in where
        server.send(PONG)
        assert client.receive() == PONG
        client.close()


def test_a_peer_that_takes_part_of_a_record_is_not_stalled(
    context: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel may take any part of what it is given. Which, is its own business: here it is given a hundred bytes."""
    clock, send_raw = FakeClock(), secure._send_raw
    with raw_pair(context, tmp_path, buffer=4096) as (server, peer):
        server._clock = clock
        assert server.send(bytes(50_000_000)) == BACKLOGGED
        monkeypatch.setattr(secure, "_send_raw", lambda connection, data: send_raw(connection, data[:100]))

        def part_was_taken() -> bool:
            peer.socket.recv(700)
            clock.advance(9)
            assert server._backlog
            before, rest = server._outgoing.pending, len(server._backlog[0])
            server.flush()
            return 0 < server._outgoing.pending < before and len(server._backlog[0]) == rest

        wait_until(part_was_taken, "some bytes of a record to be taken, and others not")
        assert server.stalled_for(clock.now) == 0


IDLE = """
import gc, socket, sys, threading
from pathlib import Path
from rollcall.server.certificate import own_certificate
from rollcall.wire.connection import HEARTBEAT_SIZE, Connection
from rollcall.wire.secure import SecureConnection, client_context

def resident():
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])

context, choice = own_certificate(Path(sys.argv[1]), "idle").context(), client_context()
kept = []
with socket.create_server(("127.0.0.1", 0)) as listener:
    for number in range(100):
        if number == 20:
            gc.collect()
            before = resident()
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
        client = SecureConnection(Connection(far, "server"), choice)
        server = SecureConnection(Connection(near, "client"), context)
        client.prepare()
        server.prepare()
        thread = threading.Thread(target=server.handshake)
        thread.start()
        client.handshake()
        thread.join()
        server.receive_size = HEARTBEAT_SIZE
        server.send(b"x" * 30_000)
        got = 0
        while got < 30_000:
            got += len(client.receive())
        client.send(b"ping")
        while not server.receive():
            pass
        kept.append((client, server))
gc.collect()
print((resident() - before) / 80)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured where /proc tells")
def test_an_idle_connection_costs_at_most_40_kib(tmp_path: Path) -> None:
    """Both ends are in one process here, so it is twice that."""
    done = subprocess.run(
        [sys.executable, "-c", IDLE, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, timeout=PATIENCE, check=True
    )
    assert float(done.stdout) <= 2 * 40


@pytest.mark.parametrize("module", ["server", "client"])
def test_an_open_room_pays_nothing_for_tls_and_needs_no_ssl(module: str) -> None:
    code = f"""
import sys
sys.modules["ssl"] = None
sys.modules["cryptography"] = None
import {module}
assert "rollcall.wire.secure" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=PATIENCE, check=True)


def test_a_context_wants_both_halves(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        server_context(str(tmp_path / "nothing.pem"))
