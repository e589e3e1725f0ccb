"""What the server's own machine refuses, with TLS and codes: descriptors, room on the disk, a folder to write to."""

from __future__ import annotations

import ssl
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List

import pytest

from tests.closed_room import TlsClient
from tests.helpers import ROOT, Program, RawClient, ServerProgram, free_port, wait_until

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes limits and folders that Linux has")
CODE = {"ROLLCALL_JOIN_CODE": "KDWH-9RTC-4MXF"}


@linux
def test_running_out_of_descriptors_ends_nobody_who_is_in_through_tls(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, descriptors=64, max_clients=500) as server, ExitStack() as stack:
        first = stack.enter_context(TlsClient(server.port))
        first.register("First", roster=False)
        first.until_type("welcome")
        crowd: List[TlsClient] = []
        refused = 0
        while refused < 5:
            assert len(crowd) < 100
            try:
                client = stack.enter_context(TlsClient(server.port))
            except (ssl.SSLError, OSError):  # a word in the clear, as there is no time for a handshake, or none at all
                refused += 1
                continue
            client.register("x", roster=False)
            client.until_type("welcome")
            crowd.append(client)
        server.wait_for_line("out of descriptors")
        first.send({"type": "ping", "seq": 7})
        assert first.until_type("pong")["seq"] == 7
        for client in crowd:
            client.close()

        def comes_in() -> bool:
            try:
                with TlsClient(server.port) as other:
                    other.register("y", roster=False)
                    return str(other.line()["type"]) == "welcome"
            except (ssl.SSLError, OSError):
                return False

        wait_until(comes_in, "the server to take clients again")
        assert server.stop() == 0
        assert "Traceback" not in server.text


def started(tmp_path: Path, where: str, env: Dict[str, str]) -> Program:
    """A server whose data cannot be written: its folder is read-only to everybody, or nothing can be written at all
    (a limit of 0 bytes for files, which is a full disk but for the number of the error)."""
    command = [str(ROOT / "server.py"), "--host", "127.0.0.1", "--port", str(free_port()), "--trace"]
    if where == "read-only":
        return Program(*command, env={**env, "XDG_DATA_HOME": "/sys"})
    return Program(*command, env={**env, "XDG_DATA_HOME": str(tmp_path)}, shell='ulimit -f 0; exec "$@"')


@linux
@pytest.mark.parametrize("where", ["read-only", "full"])
def test_an_open_room_opens_wherever_its_data_cannot_be_kept(tmp_path: Path, where: str) -> None:
    with started(tmp_path, where, {}) as server:
        port = int(server.wait_for_line(r"^Listening on 127\.0\.0\.1:(\d+)").group(1))
        with RawClient(port) as ann:
            ann.register("Ann")
            ann.until_type("client_list")
            server.wait_for_line("the certificate of this server cannot be kept there: .* offers no TLS")
            server.wait_for_line(
                r"own-machine-\d+.json: cannot be written .* the window on this machine is nobody special"
            )
            ann.send({"type": "leave"})
            ann.rest()
        assert server.stop() == 0 and "Traceback" not in server.text


@linux
@pytest.mark.parametrize("where", ["read-only", "full"])
def test_a_closed_room_does_not_open_without_its_certificate(tmp_path: Path, where: str) -> None:
    with started(tmp_path, where, CODE) as server:
        assert server.wait() == 2
        (line,) = [line for line in server.lines if "cannot be kept" in line]
        assert "The folder must be one that the server may write to" in line and "Traceback" not in server.text
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == [], "nothing half-written"


@linux
def test_a_closed_room_opens_on_a_full_disk_once_it_has_its_certificate(tmp_path: Path) -> None:
    port = free_port()
    env = {**CODE, "XDG_DATA_HOME": str(tmp_path)}
    command = [str(ROOT / "server.py"), "--host", "127.0.0.1", "--port", str(port)]
    with Program(*command, env=env) as before:
        before.wait_for_line("^Listening on")
        assert before.stop() == 0
    kept = {file.name: file.read_bytes() for file in tmp_path.rglob("server-*")}
    assert sorted(kept) == [f"server-{port}.json", f"server-{port}.pem"]
    env["ROLLCALL_JOIN_CODE"] = "QQMX-3467-WYTR"
    with Program(*command, env=env, shell='ulimit -f 0; exec "$@"') as server:
        server.wait_for_line("^Listening on")
        server.wait_for_line("this room's codes cannot be kept there")
        with TlsClient(port) as client:
            assert client.hello()["closed"]
            client.register("Ann")
            assert [message["code"] for message in client.rest()] == ["code_required"]
        assert server.stop() == 0 and "Traceback" not in server.text
    assert {file.name: file.read_bytes() for file in tmp_path.rglob("server-*")} == kept, "what was there is whole"
