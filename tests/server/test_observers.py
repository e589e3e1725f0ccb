"""observers.py, and who watches the real server: a pipe that broke or is full, a full disk, a terminal that is gone.

Whatever happens to those who watch, the class is served, heartbeats are answered, and the server ends when it is told.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from protocol import __version__
from rollcall.program.outlet import Outlet
from rollcall.server.journal import FAULTS_AT_ONCE
from rollcall.server.observers import Observers, _ToOutlet
from rollcall.server.settings import ServerConfig
from server import RollcallServer
from tests.helpers import (
    PATIENCE,
    ROOT,
    Program,
    RawClient,
    ServerProgram,
    free_port,
    full_pipe,
    needs_full,
    wait_until,
)

SERVER = ROOT / "server.py"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes and signals as POSIX has them")


class Unseen:
    """``server.py`` on a known port, whatever can be seen of it."""

    def __init__(self, *arguments: str, **options: Any) -> None:
        self.port = free_port()
        command = [str(SERVER), "--host", "127.0.0.1", "--port", str(self.port), *arguments]
        self.program = Program(*command, **options)
        try:
            wait_until(self._listens, "the server to listen")
        except BaseException:
            self.program.kill()
            raise

    def _listens(self) -> bool:
        assert self.program._process.poll() is None, f"it has ended:\n{self.program.text}"
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
        except OSError:
            return False
        return True

    def __enter__(self) -> Unseen:
        return self

    def __exit__(self, *unused: object) -> None:
        self.program.kill()

    def serves_a_class(self, count: int = 5, beats: int = 20) -> None:
        """Everyone gets in and hears of everyone, and every heartbeat is answered."""
        with ExitStack() as stack:
            clients = [stack.enter_context(RawClient(self.port)) for _ in range(count)]
            for number, client in enumerate(clients):
                client.register(f"Student {number}")
                client.until_type("welcome")
            for client in clients:
                for seq in range(beats):
                    client.send({"type": "ping", "seq": seq})
                    client.until(lambda message, seq=seq: message.get("seq") == seq)  # type: ignore[misc]

    def ends(self) -> None:
        """It says goodbye to a client and ends in order, soon."""
        with RawClient(self.port) as client:
            client.register("Last")
            client.until_type("welcome")
            begun = time.monotonic()
            self.program.send_signal(signal.SIGTERM)
            assert client.until_type("error")["code"] == "server_shutdown"
        assert self.program.wait() == 0
        assert time.monotonic() - begun < 5.0
        assert "Traceback" not in self.program.text


@contextmanager
def broken_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@posix
@pytest.mark.parametrize("arguments", [[], ["--trace"]], ids=" ".join)
def test_output_whose_reader_has_gone_hurts_nobody(arguments: List[str]) -> None:
    with broken_pipe() as pipe, Unseen(*arguments, stdout=pipe) as server:
        server.serves_a_class()
        server.ends()
        assert [line for line in server.program.lines if "stdout" in line] == [
            line for line in server.program.lines if "WARNING" in line and "stdout is switched off: Broken pipe" in line
        ]
        assert server.program.text.count("stdout is switched off") == 1


@posix
def test_a_trace_whose_reader_goes_in_the_middle_hurts_nobody(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as source:
        try:
            server = Unseen("--trace", stdout=writing)
        finally:
            os.close(writing)
        with server:
            with RawClient(server.port) as ann:
                ann.register("Ann")
                assert any("welcome" in line for line in source)
                source.close()
                server.serves_a_class()
                ann.send({"type": "ping", "seq": 1})
                ann.until_type("pong")
            server.ends()
            assert server.program.text.count("stdout is switched off: Broken pipe") == 1


@needs_full
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_hurts_nobody(stream: str) -> None:
    with open("/dev/full", "w") as full:
        with Unseen("--trace", **{stream: full.fileno()}) as server:
            server.serves_a_class()
            server.ends()
            if stream == "stdout":
                server.program.wait_for_line("WARNING .*stdout is switched off: No space left on device")
            else:
                ours = r"[<>] |Sett|List|Client|This room|Certificate|Open http|or type|  "
                assert not [line for line in server.program.lines if not re.match(ours, line)]


@posix
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_without_output_it_serves_all_the_same(closed: str) -> None:
    with Unseen("--trace", shell=f'exec "$@" {closed}') as server:
        server.serves_a_class()
        server.ends()
        if closed == ">&-":
            server.program.wait_for_line("WARNING .*--trace: there is no stdout to show it on")


@posix
@pytest.mark.parametrize("streams", [["stdout"], ["stderr"], ["stdout", "stderr"]], ids=" and ".join)
def test_whoever_does_not_read_holds_up_neither_the_class_nor_the_end(streams: List[str]) -> None:
    with full_pipe() as pipe, Unseen("--trace", "--verbose", **dict.fromkeys(streams, pipe)) as server:
        server.serves_a_class()
        server.ends()


@posix
def test_a_reader_that_hangs_is_told_of_where_somebody_still_reads(tmp_path: Path) -> None:
    log = tmp_path / "rollcall.log"
    arguments = ["--trace", "--log-file", str(log), "--config", str(tmp_path / "config.toml")]
    (tmp_path / "config.toml").write_text("[server]\nmessage_rate = 0\n")
    with full_pipe() as pipe, Unseen(*arguments, stdout=pipe, stderr=pipe) as server:
        with RawClient(server.port) as ann:
            ann.register("Ann", roster=False)
            ann.until_type("welcome")
            for _ in range(120):
                ann.send(b'{"type":"ping"}\n' * 50)
                for _ in range(50):
                    ann.until_type("pong")
        wait_until(lambda: "stdout takes no more" in log.read_text(encoding="utf-8"), "the log to say so")
        server.ends()
        assert log.read_text(encoding="utf-8").count("takes no more") == 1


@needs_full
def test_a_log_file_on_a_full_disk_is_switched_off_with_one_line() -> None:
    with Unseen("--log-file", "/dev/full") as server:
        server.serves_a_class()
        server.ends()
        told = [line for line in server.program.lines if "/dev/full" in line]
        assert len(told) == 1 and told[0].endswith("the log file /dev/full is switched off: No space left on device")
        server.program.wait_for_line('joined: "Student 4"')


def test_the_log_file_begins_each_start_with_the_version_and_the_address(tmp_path: Path) -> None:
    log = tmp_path / "rollcall.log"
    for _ in range(2):
        with ServerProgram(tmp_path, "--log-file", str(log)) as server:
            begins = [
                rf"Rollcall server {re.escape(__version__)}, Python 3\.",
                rf"Listening on 127\.0\.0\.1:{server.port}$",
            ]
            assert server.stop() == 0
            assert server.text.count("Listening on") == 1, "on a terminal once"
        for line, begin in zip(log.read_text(encoding="utf-8").splitlines(), begins):
            assert re.search(begin, line)
        log.replace(tmp_path / "before.log")


def test_the_log_file_has_a_bound(tmp_path: Path) -> None:
    log = tmp_path / "rollcall.log"
    with ServerProgram(tmp_path, "--verbose", "--log-file", str(log), log_file_size=0.01, message_rate=0) as server:
        with RawClient(server.port) as ann:
            ann.register("Ann", roster=False)
            ann.until_type("welcome")
            ann.send(b'{"type":"ping"}\n' * 500)
            for _ in range(500):
                ann.until_type("pong")
        assert server.stop() == 0
    parts = [file for file in tmp_path.iterdir() if file.name.startswith(log.name)]
    assert sorted(file.name for file in parts) == ["rollcall.log", "rollcall.log.1"]
    assert all(file.stat().st_size <= 10_000 for file in parts)
    assert log.read_text(encoding="utf-8").rstrip().endswith("stopped")


def test_every_line_of_a_trace_is_whole(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--trace", message_rate=0) as server:
        begun = threading.Barrier(8)

        def beat() -> None:
            with RawClient(server.port) as client:
                client.register("Student", roster=False)
                client.until_type("welcome")
                begun.wait()
                for seq in range(200):
                    client.send({"type": "ping", "seq": seq})
                    client.until_type("pong")

        students = [threading.Thread(target=beat) for _ in range(8)]
        for student in students:
            student.start()
        for student in students:
            student.join()
        assert server.stop() == 0
        lines = [line for line in server.stdout_lines if line[:2] in ("< ", "> ")]
        assert len([line for line in lines if "ping" in line]) == 1600
        assert all(re.fullmatch(r"[<>] client-\d+ \{[^{}]*\}", line) for line in lines)
        assert not [line for line in server.stdout_lines if line.startswith(("<", ">")) != (line in lines)]
        assert all(line.count("client-") <= 1 and line for line in server.stdout_lines)


@pytest.mark.parametrize(
    ("line", "kind"),
    [(b"GET / HTTP/1.1\r\n\r\n", "a browser"), (b"{nonsense}\n", "bad_message")],
    ids=["browser", "rubbish"],
)
def test_the_log_cannot_be_filled_by_one_peer(tmp_path: Path, line: bytes, kind: str) -> None:
    with ServerProgram(tmp_path) as server:
        for _ in range(4 * FAULTS_AT_ONCE):
            with RawClient(server.port) as stranger:
                stranger.send(line)
                while stranger.raw_line():
                    pass
        with RawClient(server.port) as ann:
            ann.register("Ann")
            server.wait_for_line('joined: "Ann"')
        assert server.stop() == 0
        assert len([line for line in server.lines if f" {kind}: client-" in line]) == FAULTS_AT_ONCE + 1
        left_out = 3 * FAULTS_AT_ONCE
        server.wait_for_line(rf"lines left out about 127\.0\.0\.1: {left_out}, the last: {kind}: client-80 from")


def test_the_log_cannot_be_forged_by_a_name_or_a_device(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server:
        with RawClient(server.port) as client:
            client.register('Ann" (session 5) from 10.0.0.9', device_id="d\u200b\u00ad\ufff9\U000e0041, resumed")
            client.until_type("welcome")
        server.wait_for_line(
            r'joined: "Ann\\" \(session 5\) from 10\.0\.0\.9" \(session 1\) from 127\.0\.0\.1, version 2, '
            r'device "d\\u200b\\xad\\ufff9\\U000e0041, resumed"$'
        )
        server.wait_for_line(r'lost: "Ann\\" \(session 5\) from 10\.0\.0\.9" \(client-1\)$')
        with RawClient(server.port) as old:
            old.register(ip="h (session 9)\u00ad", port=7)
            server.wait_for_line(r'joined: "h \(session 9\)\\xad:7" \(session 2\)')
        assert server.stop() == 0


@posix
def test_a_terminal_that_was_closed_is_a_goodbye(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server, RawClient(server.port) as ann:
        ann.register("Ann")
        ann.until_type("welcome")
        server.send_signal(signal.SIGHUP)
        assert ann.until_type("error")["code"] == "server_shutdown"
        assert server.wait() == 0
        assert server.lines[-1].endswith("stopped")


@posix
def test_a_server_in_the_background_outlives_its_terminal() -> None:
    with Unseen(shell="""trap '' HUP INT; exec "$@" """) as server:
        server.program.send_signal(signal.SIGHUP)
        server.program.send_signal(signal.SIGINT)
        server.serves_a_class()
        server.ends()


def test_a_line_that_cannot_be_made_is_said_and_raises_nothing() -> None:
    lines: List[str] = []
    outlet = Outlet("stderr", lines.append, print)
    outlet.start()
    record = logging.makeLogRecord({"msg": "%d clients", "args": ("no number",)})
    assert _ToOutlet(outlet).handle(record)
    assert outlet.stop(PATIENCE)
    assert lines[0].startswith("a log line could not be made of '%d clients' and ('no number',)")


def test_a_bug_in_the_trace_ends_the_trace_and_no_conversation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*unused: object) -> str:
        raise RuntimeError("a bug in the trace")

    monkeypatch.setattr("rollcall.server.observers.trace_line", fail)
    watching = Observers()
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0), trace=watching.trace)
    server.start()
    try:
        with RawClient(server.address[1]) as ann:
            ann.register("Ann")
            ann.until_type("client_list")
            ann.send({"type": "ping", "seq": 1})
            assert ann.until_type("pong")["seq"] == 1
    finally:
        server.stop()
        watching.stop()
    assert capsys.readouterr().err.count("the trace failed and is switched off: Traceback") == 1
