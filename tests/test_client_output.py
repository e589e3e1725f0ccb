"""client.py as a program whose output nobody reads: it stays a member, costs bounded memory, and leaves when told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

import pytest

from protocol import ClientList, Departure, Entry, Welcome, delta_line, encode, entry_json
from rollcall.client.command_line import LAST_LINES, LEAVING
from rollcall.program.outlet import MOST
from tests.helpers import PATIENCE, ROOT, Program, ServerProgram, full_pipe, needs_full, wait_until

CLIENT = ROOT / "client.py"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and signals as POSIX has them")
A_SECOND = LEAVING + LAST_LINES + 0.7
"""Seconds: what the program promises, and what a busy machine takes to end a process."""


class Flood:
    """A server that tells of more and more changes, and counts what was taken."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.sent = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="flood")
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(encode(Welcome(2, "flood", 1, 1, "e", 0, 60.0, 120.0, 10, "t")))
            connection.sendall(encode(ClientList((Entry("h", 1, 1, "Ann"),), "e", 0)))
            connection.settimeout(0.1)
            entry = entry_json(Entry("10.0.0.1", 5000, 2, "x" * 64, "10.0.0.2", 7))
            while not self._stopping:
                rest = b"".join(
                    delta_line("e", rev, rev + 1, [entry], [Departure(3, "left")])
                    for rev in range(self.sent, self.sent + 100)
                )
                while rest and not self._stopping:
                    try:
                        rest = rest[connection.send(rest) :]
                    except socket.timeout:
                        continue
                    except OSError:
                        return
                self.sent += 100

    def close(self) -> None:
        self._stopping = True
        self._thread.join()
        self._socket.close()


@pytest.fixture
def flood() -> Iterator[Flood]:
    flood = Flood()
    yield flood
    flood.close()


def memory(program: Program) -> float:
    """MB of the process that are in memory."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match.group(1)) / 1024


@contextmanager
def ends_within_a_second(program: Program, number: int = signal.SIGTERM) -> Iterator[None]:
    begun = time.monotonic()
    program.send_signal(number)
    yield
    assert program.wait() == 0
    assert time.monotonic() - begun < A_SECOND


@posix
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_output_that_nobody_reads_costs_no_membership_and_no_time(tmp_path: Path, form: List[str]) -> None:
    with ServerProgram(tmp_path, "--verbose", heartbeat_interval=0.1, connection_timeout=0.4) as server:
        with full_pipe() as pipe, Program(CLIENT, server.address, "--name", "Ann", *form, stdout=pipe) as ann:
            wait_until(lambda: server.text.count("ping from client-1\n") > 10, "heartbeats for more than the timeout")
            with ends_within_a_second(ann):
                server.wait_for_line('left: "Ann"')
        assert "heartbeat_timeout" not in server.text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_flood_that_nobody_reads_is_bounded_and_ended_within_a_second(flood: Flood) -> None:
    with full_pipe() as pipe, Program(CLIENT, f"127.0.0.1:{flood.port}", "--name", "Ann", stdout=pipe) as ann:
        wait_until(lambda: flood.sent >= MOST, "as many changes as may wait")
        before = memory(ann)
        wait_until(lambda: flood.sent >= 3 * MOST, "three times as many")
        assert memory(ann) - before < 10.0
        with ends_within_a_second(ann):
            pass


@posix
def test_who_reads_again_is_told_how_much_is_missing(flood: Flood) -> None:
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as source:
        try:
            program = Program(CLIENT, f"127.0.0.1:{flood.port}", "--name", "Ann", "--json", stdout=writing)
        finally:
            os.close(writing)
        with program:
            program.wait_for_line("^client.py: stdout takes no more: what it should show is dropped and counted$")
            kinds = []
            for line in source:
                event = json.loads(line)
                kinds.append(event["event"])
                if event["event"] == "dropped":
                    break
            assert event["lines"] > 0 and kinds[:3] == ["connecting", "connected", "roster"]
            assert json.loads(next(source))["event"] == "roster_update", "and then it goes on"
            program.kill()


@needs_full
def test_output_to_a_full_disk_is_switched_off_and_the_member_stays(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--verbose", heartbeat_interval=0.1, connection_timeout=0.4) as server:
        with open("/dev/full", "w") as full:
            with Program(CLIENT, server.address, "--name", "Ann", stdout=full.fileno()) as ann:
                wait_until(lambda: server.text.count("ping from client-1\n") > 10, "heartbeats")
                with ends_within_a_second(ann):
                    server.wait_for_line('left: "Ann"')
                assert ann.lines == ["client.py: stdout is switched off: No space left on device"]


@posix
@pytest.mark.parametrize("shell", ['exec "$@" >&-', 'exec "$@" >&- 2>&-'])
def test_without_output_it_is_a_member_all_the_same(tmp_path: Path, shell: str) -> None:
    with ServerProgram(tmp_path) as server:
        with Program(CLIENT, server.address, "--name", "Ann", shell=shell) as ann:
            server.wait_for_line('joined: "Ann"')
            with ends_within_a_second(ann):
                server.wait_for_line('left: "Ann"')


@posix
def test_a_terminal_that_was_closed_is_a_goodbye(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server:
        with Program(CLIENT, server.address, "--name", "Ann") as ann:
            ann.wait_for_line("here: Ann")
            with ends_within_a_second(ann, signal.SIGHUP):
                server.wait_for_line('left: "Ann"')
            assert ann.lines[-1].endswith("stopped")


@posix
def test_a_client_in_the_background_outlives_its_terminal(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--verbose", heartbeat_interval=0.1, connection_timeout=1.0) as server:
        with Program(CLIENT, server.address, "--name", "Ann", shell="""trap '' HUP INT; exec "$@" """) as ann:
            ann.wait_for_line("here: Ann")
            ann.send_signal(signal.SIGHUP)
            ann.send_signal(signal.SIGINT)
            beats = server.text.count("ping from client-1\n")
            wait_until(lambda: server.text.count("ping from client-1\n") > beats + 3, "more heartbeats")
            with ends_within_a_second(ann):
                server.wait_for_line('left: "Ann"')


@posix
def test_a_server_that_does_not_answer_the_goodbye_does_not_hold_up_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with Program(CLIENT, f"127.0.0.1:{mute.getsockname()[1]}", "--name", "Ann") as ann:
            connection, _ = mute.accept()
            with connection:
                connection.settimeout(PATIENCE)
                connection.recv(1000)
                connection.sendall(encode(Welcome(2, "mute", 1, 1, "e", 0, 60.0, 120.0, 10, "t")))
                ann.wait_for_line("connected to")
                with ends_within_a_second(ann):
                    pass
