"""this_machine.py: whose socket leads to this machine, and what of a file is a key."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rollcall.client.this_machine import is_here, read_key
from rollcall.wire.own_machine import MAX_FILE, OwnMachine, file_name
from tests.helpers import held_open


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_a_loopback_address_is_here(host: str) -> None:
    try:
        listener = socket.create_server((host, 0))
    except OSError:
        pytest.skip("this system has one loopback address only")
    with listener, socket.create_connection(listener.getsockname()) as sock:
        assert is_here(sock)


class Elsewhere:
    """The names of a socket that leads away."""

    def __init__(self, peer: str, own: str) -> None:
        self._names = (peer, own)

    def getpeername(self) -> object:
        return (self._names[0], 8080, 0, 0)

    def getsockname(self) -> object:
        return (self._names[1], 50000, 0, 0)


@pytest.mark.parametrize(
    ("peer", "own", "here"),
    [
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.5", "192.168.1.9", False),
        ("::1", "::1", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("fe80::2%eth0", "fe80::1%eth0", False),
        ("@unix", "x", False),
    ],
)
def test_an_address_of_ours_is_here_and_another_is_not(peer: str, own: str, here: bool) -> None:
    assert is_here(Elsewhere(peer, own)) is here  # type: ignore[arg-type]


def test_who_hung_up_already_is_nowhere() -> None:
    with socket.socket() as sock:
        assert not is_here(sock)


def test_a_key_that_somebody_holds_open_for_a_moment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = OwnMachine.new("e1", "ab" * 32)
    (tmp_path / file_name(8080)).write_text(own.to_text())
    refused = held_open(monkeypatch, "open", 3)
    assert read_key(8080, tmp_path) == own and len(refused) == 3


def test_only_a_key_is_read(tmp_path: Path) -> None:
    assert read_key(8080, tmp_path) is None
    own = OwnMachine.new("e1", "ab" * 32)
    file = tmp_path / file_name(8080)
    file.write_text(own.to_text())
    assert read_key(8080, tmp_path) == own and read_key(8081, tmp_path) is None
    for content in (b"", b"{}", b"\xff", b" " * MAX_FILE + own.to_text().encode()):
        file.write_bytes(content)
        assert read_key(8080, tmp_path) is None
    file.unlink()
    file.mkdir()
    assert read_key(8080, tmp_path) is None


def test_without_an_own_folder_it_is_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.client.this_machine.data_folder", lambda: tmp_path)
    own = OwnMachine.new("e1")
    (tmp_path / file_name(8080)).write_text(own.to_text())
    assert read_key(8080) == own
    monkeypatch.setattr("rollcall.client.this_machine.data_folder", lambda: None)
    assert read_key(8080) is None
