"""The real programs in a closed room, and somebody who freezes, guesses, or reads nothing."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List

import pytest

from rollcall.wire.codes import fold
from rollcall.wire.scram import ClientExchange
from rollcall.wire.scram_keys import ClientKeys, derive_client_keys
from tests.closed_room import TlsClient
from tests.helpers import ROOT, Program, RawClient, ServerProgram

CODE, TEACHERS = "KDWH-9RTC-4MXF", "HXWJ-33KQ-PPMT"
STUCK, CROWD = 60, 900


class Guesser(TlsClient):
    """Sends proofs made with any keys: a wrong code costs nothing that way."""

    def __enter__(self) -> Guesser:
        return self

    def try_as(self, user: str, known: Dict[bytes, ClientKeys]) -> str:
        """One exchange with the keys that are known for the server's salt, or with made up ones; how it ended."""
        exchange = ClientExchange(user, self.binding)
        self.send({"type": "auth", "data": exchange.first()})
        answer = self.line()
        if answer["type"] == "auth":
            challenge = exchange.challenged(answer["data"])
            if user == "class" and challenge.salt not in known:
                known[challenge.salt] = derive_client_keys(fold(CODE), challenge)
            guess = ClientKeys(os.urandom(32), bytes(32), challenge.salt, challenge.iterations)
            self.send({"type": "auth", "data": exchange.final(known.get(challenge.salt, guess))})
            answer = self.line()
        return str(answer.get("code", answer["type"]))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_who_freezes_is_gone_and_back_and_who_guesses_is_stopped(tmp_path: Path) -> None:
    known: Dict[bytes, ClientKeys] = {}
    times: Dict[str, Any] = {"heartbeat_interval": 0.2, "connection_timeout": 1.0}
    env = {"ROLLCALL_JOIN_CODE": CODE}
    with ServerProgram(tmp_path, join_code=CODE, teacher_code=TEACHERS, **times) as server, ExitStack() as stack:
        ann, bob = (
            stack.enter_context(Program(ROOT / "client.py", server.address, "--name", name, env=env))
            for name in ("Ann", "Bob")
        )
        ann.wait_for_line("Bob is here|here: .*Bob")
        bob.wait_for_line("connected to .* encrypted")
        bob.send_signal(signal.SIGSTOP)

        answers: List[str] = []
        for turn in range(32):
            with Guesser(server.port) as student:
                answers.append(student.try_as("teacher", known))
            if turn % 4 == 0:
                with Guesser(server.port) as student:
                    assert student.try_as("class", known) == "auth", "nobody else is locked out"
        assert answers == ["bad_code"] * 30 + ["rate_limited"] * 2
        server.wait_for_line("wrong code")

        ann.wait_for_line(r"member \d lost")
        server.wait_for_line(r'heartbeat_timeout: "Bob" was silent')
        said = len(bob.lines), len(ann.lines)
        bob.send_signal(signal.SIGCONT)
        bob.wait_for_line("connected to .* encrypted", skip=said[0])  # by itself, with the keys that it has
        ann.wait_for_line("Bob is here", skip=said[1])
        assert "bad_code" not in bob.text
        assert server.stop() == 0 and "Traceback" not in server.text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measured where /proc tells")
def test_stuck_readers_inside_tls_cost_what_plain_ones_cost(tmp_path: Path) -> None:
    """A roster of 250 KB, more than the system takes for one reader: none has a copy of its own, encrypted or not."""
    with ServerProgram(tmp_path, max_clients=5000, message_rate=0) as server, ExitStack() as stack:

        def resident() -> int:
            text = Path(f"/proc/{server.pid}/smaps_rollup").read_text()
            return int(re.search(r"^Rss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]

        stack.enter_context(TlsClient(server.port)).send({"type": "hello"})  # loads TLS
        for number in range(CROWD):
            member = stack.enter_context(RawClient(server.port))
            member.register(f"{number:04d}" + "\N{HANGUL SYLLABLE HAN}" * 60, roster=False)
            member.until_type("welcome")
        costs: Dict[str, float] = {}
        for kind in (RawClient, TlsClient):
            before, name = resident(), kind.__name__
            readers = [stack.enter_context(kind(server.port, buffer=4096)) for _ in range(STUCK)]
            for number, reader in enumerate(readers):  # at once: each push is encoded once, for who joined before it
                reader.register(f"{name} {number}")
            server.wait_for_line(f'joined: "{name} {STUCK - 1}"')
            with RawClient(server.port) as late:  # whose list comes after theirs, in the order of joining
                late.register("Late")
                late.until_type("client_list")
            costs[name] = (resident() - before) / STUCK
        print(costs)
        assert costs["TlsClient"] - costs["RawClient"] < 100
