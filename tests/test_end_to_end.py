"""The real programs as real processes: what a class would see."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Set

import pytest

from tests.helpers import PATIENCE, ROOT, Program, RawClient, ServerProgram, wait_until

SHORT: Dict[str, Any] = {"heartbeat_interval": 0.2, "connection_timeout": 1.0}
CLIENT = ROOT / "client.py"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")


def joined(address: str, name: str, *more: str) -> Program:
    return Program(CLIENT, address, "--name", name, *more)


def test_the_server_shows_its_settings_and_where_it_listens(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, name="Room 12", max_clients=7, **SHORT) as server:
        text = server.text
        for line in (
            r"heartbeat_interval +. 0.2 +.config.toml",
            r"connection_timeout +. 1 +.config.toml",
            r"max_clients +. 7 +.config.toml",
            r"registration_timeout +. 10 +.default",
            r"port +. 0 +.command line",
            rf"^Listening on 127.0.0.1:{server.port}$",
        ):
            server.wait_for_line(line)
        server.wait_for_line(rf"^  127.0.0.1:{server.port}  \(only on this computer\)$")
        assert text.index("Settings") < text.index("Listening")
        assert server.stop() == 0
        assert "Traceback" not in server.text


def test_a_client_registers_and_pings_and_the_log_shows_it(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--verbose", **SHORT) as server, joined(server.address, "Ann") as ann:
        server.wait_for_line(r'joined: "Ann" \(session 1\)')
        for _ in range(3):
            server.wait_for_line("ping from client-1")
            server.wait_for_line("pong to client-1")
        ann.wait_for_line(r"connected to .*a heartbeat every 0.2 s")
        ann.wait_for_line(r"1 here: Ann")
        ann.wait_for_line(r"pong 2 after \d")
        assert ann.stop() == 0
        server.wait_for_line('left: "Ann"')


def test_the_wire_can_be_watched(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--trace", **SHORT) as server, joined(server.address, "Ann"):
        server.wait_for_line(r'^< client-1 \{"type":"register".*"name":"Ann"')
        server.wait_for_line(r'^> client-1 \{"type":"welcome"')
        server.wait_for_line(r'^> client-1 \{"type":"client_list"')
        server.wait_for_line(r'^< client-1 \{"type":"ping","seq":1\}$')
        server.wait_for_line(r'^> client-1 \{"type":"pong","seq":1,"rev":1\}$')


@posix
def test_a_client_that_freezes_is_removed_and_the_others_are_told(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server:
        with joined(server.address, "Watcher") as watcher, joined(server.address, "Frozen") as frozen:
            watcher.wait_for_line("Frozen is here|here: .*Frozen")
            frozen.wait_for_line("here: ")
            frozen.send_signal(signal.SIGSTOP)  # no FIN, no goodbye: as a crashed machine
            watcher.wait_for_line("Frozen is late")
            watcher.wait_for_line(r"member \d lost")
            match = server.wait_for_line(r'heartbeat_timeout: "Frozen" was silent for ([0-9.]+) s')
            assert float(match.group(1)) >= 1.0
            frozen.send_signal(signal.SIGCONT)
            watcher.wait_for_line("Frozen is here", skip=len(watcher.lines))


def test_five_clients_ping_independently_and_stay(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, "--verbose", **SHORT) as server, ExitStack() as stack:
        crowd = [stack.enter_context(joined(server.address, f"Student {n}")) for n in range(5)]
        for client in crowd:
            client.wait_for_line("pong 20 after", timeout=60)  # twenty intervals, four timeouts
        for number in range(1, 6):
            line = f"ping from client-{number}\n"
            wait_until(lambda line=line: server.text.count(line) >= 20, "twenty pings in the log")  # type: ignore[misc]
        assert "heartbeat_timeout" not in server.text and "lost" not in server.text
        assert not any("lost the connection" in client.text for client in crowd)


def roster_of(client: Program) -> Set[int]:
    """The member ids that a ``--json`` client has heard of on its present connection."""
    members: Set[int] = set()
    for line in list(client.stdout_lines):
        event = json.loads(line)
        if event["event"] == "disconnected":
            members = set()
        elif event["event"] == "roster":
            members = {entry["id"] for entry in event["entries"]}
        elif event["event"] == "roster_update":
            members |= {entry["id"] for entry in event["up"]}
            members -= {gone["id"] for gone in event["down"]}
    return members


def test_the_bell_a_hundred_clients_at_the_same_instant(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, max_clients=100) as server, ExitStack() as stack:
        crowd: List[RawClient] = []
        problems: List[str] = []
        bell = threading.Barrier(101)
        # Guards crowd and problems.
        lock = threading.Lock()

        def student(number: int) -> None:
            bell.wait()
            try:
                client = RawClient(server.port)
                client.register(f"Student {number}")
                with lock:
                    crowd.append(client)
                known: Set[int] = set()
                while len(known) < 100:
                    message = client.line()
                    if message["type"] == "client_list":
                        known = {row["id"] for row in message["clients"]}
                    known |= {row["id"] for row in message.get("up", ())}
            except (OSError, AssertionError) as error:
                with lock:
                    problems.append(f"{number}: {error!r}")

        students = [threading.Thread(target=student, args=(number,)) for number in range(100)]
        for thread in students:
            thread.start()
        bell.wait()
        begun = time.monotonic()
        for thread in students:
            thread.join()
        print(f"100 clients saw 100 after {time.monotonic() - begun:.2f} s")
        for client in crowd:
            stack.callback(client.close)
        assert problems == []
        wait_until(lambda: server.text.count("joined: ") == 100, "the log to say so")


def test_after_a_crash_of_the_server_everyone_is_back_by_themselves(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with ServerProgram(tmp_path, **SHORT) as server:
            port = server.port
            crowd = [stack.enter_context(joined(server.address, f"Student {n}", "--json")) for n in range(5)]
            for client in crowd:
                wait_until(lambda client=client: len(roster_of(client)) == 5, "five in the roster")  # type: ignore[misc]
            server.kill()  # no goodbye
            server.wait()
        for client in crowd:
            client.wait_for_line('"disconnected"')
            assert roster_of(client) == set()
        with ServerProgram(tmp_path, port=port, **SHORT) as again:
            for number in range(5):
                again.wait_for_line(f'joined: "Student {number}" ', timeout=60)
            for client in crowd:
                wait_until(lambda client=client: roster_of(client) == set(range(1, 6)), "all back", 60)  # type: ignore[misc]


@posix
def test_a_server_that_was_stopped_for_longer_than_the_timeout_throws_nobody_out(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server, ExitStack() as stack:
        crowd = [stack.enter_context(joined(server.address, f"Student {n}", "--json")) for n in range(4)]
        for client in crowd:
            wait_until(lambda client=client: len(roster_of(client)) == 4, "four in the roster")  # type: ignore[misc]
        before = roster_of(crowd[0])
        patient = stack.enter_context(RawClient(server.port))
        patient.register("Patient")
        patient.until_type("client_list")
        server.send_signal(signal.SIGSTOP)
        for client in crowd:
            client.wait_for_line("no answer for")
        patient.send(b'{"type":"ping","seq":1}\n')
        # Far longer than the timeout of a second: nobody of ours can have been heard in time.
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() - begun > 2.0, "a pause of twice the timeout")
        patient.send(b'{"type":"ping","seq":2}\n')
        server.send_signal(signal.SIGCONT)
        server.wait_for_line("this server did not run for .* s: all leases are extended")
        assert patient.until(lambda message: message.get("seq") == 2)
        patient.send({"type": "leave"})
        for client in crowd:
            wait_until(lambda client=client: roster_of(client) == before, "the same four members", 60)  # type: ignore[misc]
        assert "heartbeat_timeout" not in server.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_ends_tells_everyone(tmp_path: Path, number: int) -> None:
    with ServerProgram(tmp_path, max_clients=500) as server, ExitStack() as stack:
        crowd = [stack.enter_context(RawClient(server.port)) for _ in range(200)]
        for client in crowd:
            client.register("x", roster=False)
        for client in crowd:
            client.line()
        assert server.stop(number) == 0
        assert server.lines[-1].endswith("stopped")
        for client in crowd:
            assert client.rest()[-1]["code"] == "server_shutdown"
        assert "Traceback" not in server.text


def test_an_original_client_sees_what_it_knows(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server, RawClient(server.port) as original:
        original.send(b'{"type":"register","client_ip":"192.168.1.5","client_port":50000}\n')
        alone = b'{"type":"client_list","clients":[{"ip":"192.168.1.5","port":50000}]}\n'
        assert original.raw_line() == alone
        with joined(server.address, "Ann", "--for", "60") as ann:
            both = json.loads(original.raw_line())
            assert both["clients"][0] == {"ip": "192.168.1.5", "port": 50000}
            assert set(both["clients"][1]) == {"ip", "port"} and both["clients"][1]["ip"] == "127.0.0.1"
            ann.wait_for_line("2 here: 192.168.1.5:50000, Ann")
            original.send(b'{"type":"ping"}\n')
            assert original.raw_line() == b'{"type":"pong"}\n'
            assert ann.stop() == 0
        assert original.raw_line() == alone


def test_busy_ports_are_passed_over_loudly_but_an_explicit_one_is_not(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with Program(ROOT / "server.py", "--host", "127.0.0.1", "--port", str(port)) as server:
            assert server.wait() == 1
            assert f"cannot listen on 127.0.0.1:{port}: in use by another program" in server.text
            assert "Traceback" not in server.text
        file = tmp_path / "busy.toml"
        file.write_text(f"[server]\nport = {port}\nport_attempts = 50\n")
        with Program(ROOT / "server.py", "--host", "127.0.0.1", "--config", file) as server:
            server.wait_for_line(rf"WARNING .*port {port} is busy; trying {port + 1}")
            assert int(server.wait_for_line(r"^Listening on 127.0.0.1:(\d+)$").group(1)) > port
            assert server.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["server.py", "--check-config"], 0, "max_clients           = 100"),
        (["server.py", "--version"], 0, "Rollcall server 0."),
        (["server.py", "--help"], 0, "--log-file"),
        (["server.py", "--config", "tests"], 2, "tests: cannot be read: it is a folder, not a file"),
        (["server.py", "--port", "x"], 2, "'x' is not a port"),
        (["server.py", "--prot", "1"], 2, "unrecognized arguments"),
        (["server.py", "--log-file", "no/such/folder/log"], 2, "cannot be written"),
        (["server.py", "--log-file", "tests"], 2, "cannot be written: it is a folder, not a file"),
        (["server.py", "--host", "not a host"], 2, "--host 'not a host' is wrong"),
        (["server.py", "--host", "192.0.2.77"], 1, "cannot listen on 192.0.2.77:"),
        (["server.py", "--host", "10.0.0.5:8080", "--check-config"], 2, "without a port"),
        (["server.py", "--config", "none.toml"], 2, "--config none.toml: there is no such file"),
        (["client.py"], 2, "required: HOST[:PORT]"),
        (["client.py", "h:x"], 2, "'x' is not a port"),
        (["client.py", "h", "--name", ""], 2, "name: is empty"),
        (["client.py", "h", "--for", "-1"], 2, "--for: must be a number of seconds above 0"),
        (["client.py", "--version"], 0, "Rollcall client 0."),
        (["client.py", "127.0.0.1:1", "--no-reconnect"], 1, "nothing listens at 127.0.0.1:1"),
        (["client.py", "127.0.0.1:1", "--for", "0.2"], 1, "trying again"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_codes_and_sentences(arguments: List[str], code: int, words: str) -> None:
    with Program(*arguments) as program:
        assert program.wait() == code, program.text
        assert words in program.text
        assert "Traceback" not in program.text


def test_a_broken_settings_file_is_one_message(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[server]\nport = 8080\nmax_client = 5\n")
    with Program(ROOT / "server.py", "--config", file) as server:
        assert server.wait() == 2
        assert server.lines == [f"server.py: {file}, line 3: max_client is not known; did you mean max_clients?"]


WITHOUT_FILE = """
import sys
from pathlib import Path
import server
from rollcall.server import config
config.program_folder = lambda: Path(sys.argv[1])
sys.exit(server.main(sys.argv[2:]))
"""


def test_a_missing_settings_file_is_said_and_no_obstacle(tmp_path: Path) -> None:
    with Program("-c", WITHOUT_FILE, tmp_path, "--host", "127.0.0.1", "--port", "0") as server:
        server.wait_for_line("no settings file .*config.toml: using the defaults")
        server.wait_for_line("^Listening on")
        assert server.stop() == 0


def test_a_settings_file_that_is_not_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "config.toml.txt").write_text("[server]\nport = 9000\n")
    with Program("-c", WITHOUT_FILE, tmp_path, "--check-config") as server:
        assert server.wait() == 2
        assert server.lines[-1].endswith("config.toml.txt: is not read, because of its name; call it config.toml")
    (tmp_path / "config.toml").write_text("[server]\nport = 9001\n")
    with Program("-c", WITHOUT_FILE, tmp_path, "--check-config") as server:
        assert server.wait() == 0
        server.wait_for_line("WARNING .*config.toml.txt is not read; the settings are those of config.toml")


def test_the_log_goes_to_a_file_as_well(tmp_path: Path) -> None:
    log = tmp_path / "rollcall.log"
    with ServerProgram(tmp_path, "--log-file", str(log)) as server, joined(server.address, "Zoë", "--for", "60") as zoe:
        zoe.wait_for_line("here: Zoë")
        assert server.stop() == 0
    assert 'joined: "Zoë"' in log.read_text(encoding="utf-8")


def test_a_client_that_is_refused_ends_with_1(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, max_clients=1) as server, RawClient(server.port) as first:
        first.register("First")
        first.until_type("client_list")
        with joined(server.address, "Second", "--no-reconnect", "--json") as second:
            assert second.wait() == 1
            events = [json.loads(line) for line in second.stdout_lines]
            assert [event["event"] for event in events] == ["connecting", "disconnected", "stopped"]
            assert events[1]["code"] == "server_full"


def test_a_terminal_that_cannot_show_a_name_ends_nothing(tmp_path: Path) -> None:
    narrow = {"PYTHONIOENCODING": "ascii"}
    with ServerProgram(tmp_path, **SHORT) as server:
        with Program(CLIENT, server.address, "--name", "Zoë", env=narrow) as zoe:
            zoe.wait_for_line(r"1 here: Zo\\xeb")
            assert zoe.stop() == 0
            assert "Traceback" not in zoe.text


@posix
def test_output_that_nobody_reads_any_more_is_no_error(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server:
        command = f'"{sys.executable}" -u "{CLIENT}" {server.address} --name Ann | head -n 2'
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, encoding="utf-8", timeout=PATIENCE, check=False
        )
        assert (len(done.stdout.splitlines()), done.stderr) == (2, "")
        server.wait_for_line('left: "Ann"')


def test_a_client_leaves_after_its_time(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, **SHORT) as server, joined(server.address, "Ann", "--for", "1") as ann:
        assert ann.wait() == 0
        server.wait_for_line('left: "Ann"')
