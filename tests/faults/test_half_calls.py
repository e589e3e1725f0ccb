"""Peers that call and then do not do what a client does: they say nothing, or too little, or too slowly."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, List, Optional

import pytest

from tests.faults.watched import watched
from tests.helpers import PATIENCE, RawClient, wait_until

COUNT = 50
DEADLINE = 0.5
"""Seconds that they have to register."""

REGISTER = b'{"type":"register","client_ip":"10.0.0.1","client_port":5,"protocol":2,"name":"Slow"}\n'
CLIENT_HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(range(32)) + b"\x20" + bytes(32)
"""The beginning of a TLS hello, whose 512 bytes never come."""


def ended(client: RawClient) -> bool:
    """The server has closed this connection, or reset it."""
    client.socket.settimeout(0.0)
    try:
        while client.socket.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


SAYINGS: Dict[str, Callable[[int], bytes]] = {
    "nothing": lambda turn: b"",
    "a byte at a time": lambda turn: REGISTER[turn : turn + 1] if turn < 20 else b"",
    "white space": lambda turn: b" ",
    "empty lines": lambda turn: b"\r\n" if turn < 3 else b"",
    "half a TLS hello": lambda turn: CLIENT_HELLO if turn == 0 else b"",
    "a TLS hello a byte at a time": lambda turn: CLIENT_HELLO[turn : turn + 1],
    "half a register": lambda turn: REGISTER[:40] if turn == 0 else b"",
    "half a request of HTTP": lambda turn: b"GET / HTTP/1.1\r\nHost: a" if turn == 0 else b"",
}


@pytest.fixture(params=["open", "closed"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Optional[Path]:
    """For `watched`: an open room or a closed one."""
    return tmp_path if request.param == "closed" else None


@pytest.mark.parametrize("saying", list(SAYINGS))
def test_fifty_who_never_register_are_gone_in_time(saying: str, folder: Optional[Path]) -> None:
    with watched(folder, registration_timeout=DEADLINE) as seen, ExitStack() as stack:
        callers = [stack.enter_context(RawClient(seen.port)) for _ in range(COUNT)]
        turn, pace = 0, threading.Event()
        while callers:
            said = SAYINGS[saying](turn)
            for caller in list(callers):
                if ended(caller):
                    callers.remove(caller)
                elif said:
                    try:
                        caller.socket.send(said)
                    except OSError:
                        callers.remove(caller)
            seen.beat()
            turn += 1
            pace.wait(0.01)
            assert turn < 100 * PATIENCE
        seen.is_exact()


def test_a_tls_hello_in_the_middle_of_a_line_is_a_broken_line(folder: Optional[Path]) -> None:
    with watched(folder, registration_timeout=DEADLINE) as seen, RawClient(seen.port) as client:
        client.send(b"{" + CLIENT_HELLO + b"\n")
        said = [message["code"] for message in client.rest()]
        assert said == ["bad_message" if folder is None else "code_required"]


def linger(sock: socket.socket) -> None:
    """Closing it is a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("how", ["FIN", "RST", "register and RST"])
def test_a_thousand_who_call_and_leave(how: str) -> None:
    with watched(registration_timeout=PATIENCE) as seen:
        for turn in range(1000):
            with socket.create_connection(("127.0.0.1", seen.port), PATIENCE) as sock:
                if how != "FIN":
                    linger(sock)
                if how.startswith("register"):
                    sock.send(REGISTER)
            if turn % 100 == 0:
                seen.beat()


def test_who_is_reset_in_the_middle_of_a_push_takes_nobody_along() -> None:
    with watched(max_clients=400) as seen, ExitStack() as stack:
        victims: List[RawClient] = []
        for number in range(20):
            victim = RawClient(seen.port, buffer=4096)
            victim.register(f"Victim {number}")
            victims.append(stack.enter_context(victim))
        crowd = [stack.enter_context(seen.member(f"Member {number} " + "x" * 40)) for number in range(60)]
        for victim in victims:
            linger(victim.socket)
            victim.close()
        last = crowd.pop()
        last.send({"type": "leave"})
        wait_until(lambda: len(seen.server.room.roster) == 1 + len(crowd), "the others to stay and the victims to go")
        seen.beat()
        for member in crowd:
            member.send({"type": "leave"})
