"""known_servers.py: what is kept of servers, for whom, and what happens to a file that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rollcall.client.trust import KnownServer, Trust
from rollcall.window.known_servers import MAX_FILE, KnownServers

A, B = KnownServer("a" * 64, "Room 12", ("h:1",), closed=True), KnownServer("b" * 64, "Library")


def test_what_one_window_has_learned_does_not_undo_what_another_has(tmp_path: Path) -> None:
    one, other = KnownServers(tmp_path), KnownServers(tmp_path)
    assert one.device_id == other.device_id and one.damage == ""
    one.keep(one.trust.with_server(A), with_keys=True)
    other.keep(other.trust.with_server(B), with_keys=True)
    third = KnownServers(tmp_path)
    assert third.trust.servers == (B, A) and third.device_id == one.device_id
    one.keep(one.trust.with_server(replace(A, name="Room 13")), with_keys=True)
    assert {known.name for known in KnownServers(tmp_path).trust.servers} == {"Room 13", "Library"}


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    known = KnownServers(None)
    known.keep(Trust((A,)), with_keys=True)
    assert known.trust.servers == (A,) and KnownServers(None).trust.servers == () and len(known.device_id) == 32


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'{"device": 7}', b'{"device": "' + b"0" * 32 + b'"}', b"x" * (MAX_FILE + 1), b"\xff"],
)
def test_what_cannot_be_used_is_put_aside_and_said(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "known-servers.json"
    file.write_bytes(data)
    known = KnownServers(tmp_path)
    assert "is damaged" in known.damage and known.trust == Trust()
    assert (tmp_path / "known-servers.json.damaged").read_bytes() == data
    assert KnownServers(tmp_path).damage == "", "the next start is quiet"
    assert json.loads(file.read_text())["servers"] == []
