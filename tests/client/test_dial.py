"""dial.py: what the client says to somebody who has reached something else. The other servers are real where Python
brings one, else a socket that says what such a server says first."""

from __future__ import annotations

import http.server
import queue
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import Callable, Iterator

import pytest

from client import Client
from rollcall.client.dial import NotOurs, connect, first_words, say
from rollcall.client.events import Disconnected, Event
from rollcall.wire.address import Address
from tests.helpers import PATIENCE

HERE = Address("127.0.0.1", 9)


def sentence_at(port: int) -> str:
    """Why the client's first connection ended."""
    events: queue.Queue[Event] = queue.Queue()
    client = Client(Address("127.0.0.1", port), "Ann", events, reconnect=False)
    client.start()
    try:
        while True:
            event = events.get(timeout=PATIENCE)
            if isinstance(event, Disconnected):
                return event.cause
    finally:
        client.stop()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for one call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                answer(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join()


def test_a_web_server_is_called_one() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_address[1]
        sentence = sentence_at(port)
        assert sentence.startswith("this is not a Rollcall server (it answers like a web server)")
        assert f"127.0.0.1:{port}" in sentence
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_that_waits_for_encryption_and_says_nothing() -> None:
    def answer(peer: socket.socket) -> None:
        with pytest.raises((ssl.SSLError, OSError)):
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(peer, server_side=True)

    with answering(answer) as port:
        assert sentence_at(port) == (
            f"the server closed the connection without a word; is there a Rollcall server at 127.0.0.1:{port}?"
        )


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "a server with encryption"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "an SSH server"),
        (b"220 mail.example ESMTP\r\n", "a mail or file server"),
        (b"<html>", "a web server"),
        (b"\xff\xfd\x18", "something else"),
        (b"hello\n", "something else"),
    ],
)
def test_others_are_called_what_they_are(first: bytes, kind: str) -> None:
    def answer(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(first)

    with answering(answer) as port:
        assert f"this is not a Rollcall server (it answers like {kind}" in sentence_at(port)


def test_what_may_be_ours_passes() -> None:
    for first in (b"{", b'{"type":"welcome"}\n', b"\r\n", b' \n{"type"'):
        assert first_words(lambda first=first: first, HERE) == first  # type: ignore[misc]


def test_other_errors_of_the_network_stay_what_they_are() -> None:
    def receive() -> bytes:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        first_words(receive, HERE)
    with pytest.raises(NotOurs):
        first_words(lambda: b"", HERE)


def test_a_link_local_address_without_its_card_is_said_so_and_nothing_is_looked_up() -> None:
    for host, words in (("fe80::1", "such as fe80::1%"), ("fe80::1%nix", "no network card 'nix'")):
        with pytest.raises(OSError) as caught:
            connect(Address(host), lambda: False)
        assert words in say(caught.value, Address(host))
