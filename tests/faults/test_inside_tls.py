"""Peers that break the rules of TLS, or keep them and stop half-way through the proof of the code."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, Union

import pytest

from tests.closed_room import JOIN, TlsClient
from tests.faults.test_half_calls import COUNT, DEADLINE, REGISTER, ended, linger
from tests.faults.test_noise import CORPUS, broken
from tests.faults.watched import watched
from tests.helpers import PATIENCE, RawClient
from tests.raw_tls import ALERT, CLOSE_NOTIFY, INTERNAL_ERROR, RawTls

HELLO = b'{"type":"hello"}\n'


def mute(client: TlsClient, turn: int) -> None:
    """TLS, and then nothing."""


def half_a_proof(client: TlsClient, turn: int) -> None:
    """The first message of an exchange, and then nothing."""
    if turn == 0:
        client.begin()


def proven_and_mute(client: TlsClient, turn: int) -> None:
    """The code, and then nothing."""
    if turn == 0:
        assert client.prove()["type"] == "auth"


def a_byte_at_a_time(client: TlsClient, turn: int) -> None:
    """A registration that is never done."""
    if turn < 20:
        client.send(REGISTER[turn : turn + 1])


@pytest.mark.parametrize("act", [mute, half_a_proof, proven_and_mute, a_byte_at_a_time])
def test_fifty_who_never_register_are_gone_in_time(act: Callable[[TlsClient, int], None], tmp_path: Path) -> None:
    with watched(tmp_path, registration_timeout=2 * DEADLINE) as seen, ExitStack() as stack:
        callers: List[TlsClient] = []
        for _ in range(COUNT):  # each acts at once: on a slow machine fifty handshakes take longer than one caller has
            callers.append(stack.enter_context(TlsClient(seen.port)))
            callers[-1].socket.settimeout(PATIENCE)
            act(callers[-1], 0)
            seen.beat()
        turn, pace = 1, threading.Event()
        while callers:
            for caller in list(callers):
                caller.socket.settimeout(PATIENCE)
                with suppress(OSError):
                    act(caller, turn)
                if ended(caller):
                    callers.remove(caller)
            seen.beat()
            turn += 1
            pace.wait(0.01)
            assert turn < 100 * PATIENCE


def plain_lines(raw: RawTls) -> None:
    """In the clear after the handshake."""
    raw.socket.sendall(REGISTER)


def single_bytes(raw: RawTls) -> None:
    """Records of one byte, as many as the server takes."""
    for _ in range(5000):
        raw.send(b" ")


def empty_records(raw: RawTls) -> None:
    """Records without content, as many as the server takes."""
    for _ in range(5000):
        raw.send(b"")


def key_updates(raw: RawTls) -> None:
    """Keys that change again and again, each with the request that the server's change, too."""
    for _ in range(5000):
        raw.socket.sendall(raw.key_update())


def an_alert(raw: RawTls) -> None:
    """A fatal alert in the middle of a line."""
    raw.send(HELLO[:5])
    raw.send(INTERNAL_ERROR, ALERT)


def a_cut(raw: RawTls) -> None:
    """The end of TCP without an end of TLS, in the middle of a record."""
    raw.socket.sendall(raw.record(HELLO)[:11])
    raw.socket.shutdown(socket.SHUT_WR)


def a_reset(raw: RawTls) -> None:
    """A reset in the middle of a record."""
    raw.socket.sendall(raw.record(HELLO)[:11])
    linger(raw.socket)
    raw.socket.close()


def an_early_end(raw: RawTls) -> None:
    """close_notify, and lines behind it."""
    raw.send(CLOSE_NOTIFY, ALERT)
    raw.send(REGISTER)


def a_forged_record(raw: RawTls) -> None:
    """A record that somebody on the way has changed."""
    record = bytearray(raw.record(HELLO))
    record[-1] ^= 1
    raw.socket.sendall(bytes(record))


FLOODS = (single_bytes, empty_records, key_updates)
BREAKS = (*FLOODS, plain_lines, an_alert, a_cut, a_reset, an_early_end, a_forged_record)


@pytest.mark.parametrize("act", BREAKS)
def test_who_breaks_a_rule_of_tls_ends_alone(act: Callable[[RawTls], None], tmp_path: Path) -> None:
    with watched(tmp_path, registration_timeout=2 * DEADLINE, message_rate=20.0) as seen:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", seen.port), PATIENCE) as sock:
                raw = RawTls(sock, tmp_path)
                with suppress(OSError):  # the server may hang up in the middle of it
                    act(raw)
                    while sock.recv(65536):
                        pass
            seen.beat()


def test_hundreds_who_begin_with_tls_and_leave(tmp_path: Path) -> None:
    with watched(tmp_path, registration_timeout=PATIENCE) as seen:
        for turn in range(200):
            client = TlsClient(seen.port)
            if turn % 2:
                linger(client.socket)
            client.close()
            if turn % 50 == 0:
                seen.beat()


def test_broken_lines_inside_tls(tmp_path: Path) -> None:
    chance = random.Random(5)
    with watched(tmp_path, max_clients=1000) as seen:
        for turn in range(60):
            with TlsClient(seen.port) as client, suppress(OSError):
                if turn % 2:
                    assert client.prove()["type"] == "auth"
                    client.register(f"Member {turn}")
                for _ in range(8):
                    client.send(broken(chance.choice(CORPUS), chance) + b"\n")
                client.send({"type": "leave"})
                while client.raw_line():
                    pass


@pytest.mark.parametrize("version", [1, 2])
def test_who_speaks_in_the_clear_hears_one_word(version: int, tmp_path: Path) -> None:
    with watched(tmp_path) as seen, RawClient(seen.port) as client:
        client.register("Ann" if version == 2 else None)
        assert [message["code"] for message in client.rest()] == ["code_required"]


class Overheard(TlsClient):
    """Somebody knows what it said, all of it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.said: List[Union[bytes, Dict[str, Any]]] = []

    def send(self, message: Union[bytes, Dict[str, Any]]) -> None:
        self.said.append(message)
        super().send(message)

    def __enter__(self) -> Overheard:
        return self


def test_a_proof_that_was_heard_is_worth_nothing_on_another_connection(tmp_path: Path) -> None:
    with watched(tmp_path) as seen:
        with Overheard(seen.port) as ann:
            assert ann.prove(JOIN)["type"] == "auth"
        first, proof = ann.said
        with TlsClient(seen.port) as eve:
            eve.send(first)
            assert eve.line()["type"] == "auth"
            eve.send(proof)
            assert [message["code"] for message in eve.rest()] == ["bad_message"], "another nonce"


def test_hundreds_of_wrong_codes_are_mostly_not_looked_at_and_cost_others_nothing(tmp_path: Path) -> None:
    with watched(tmp_path) as seen:
        answers: Dict[str, int] = {}
        for turn in range(300):
            with TlsClient(seen.port, source="127.0.0.2") as guesser:
                answer = guesser.prove(f"WRNG-{turn:04d}-KEYS", device_id=f"device {turn}")
                answers[answer["code"]] = answers.get(answer["code"], 0) + 1
            if turn % 50 == 0:
                seen.beat()
        assert answers == {"bad_code": 60, "rate_limited": 240}, "60 a minute from one address"
        with TlsClient(seen.port, source="127.0.0.2") as refused:
            assert refused.prove(JOIN)["code"] == "rate_limited"
        seen.member("Ann", instance="a" * 32).close()
