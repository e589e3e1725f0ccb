"""known_servers.py: what is kept of servers, for whom, and what happens to a file that cannot be used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rollcall.client.known_file import MAX_FILE
from rollcall.client.trust import KnownServer, Trust
from rollcall.program import files
from rollcall.window.known_servers import KnownServers
from rollcall.wire.scram_keys import ClientKeys
from tests.helpers import held_open

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


def test_what_cannot_be_read_now_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "known-servers.json"
    KnownServers(tmp_path).keep(Trust((A,)), with_keys=True)
    before = file.read_bytes()
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with monkeypatch.context() as held:
        held_open(held, "open", 1000, file.name)
        known = KnownServers(tmp_path)
        known.keep(known.trust.with_server(B), with_keys=True)
        assert known.trust.servers == (B,) and known.damage == ""
    assert file.read_bytes() == before and not list(tmp_path.glob("*.damaged"))
    known.keep(known.trust.with_server(replace(B, name="Library 2")), with_keys=True)
    assert [known.name for known in KnownServers(tmp_path).trust.servers] == ["Library 2", "Room 12"]


def test_keys_are_forgotten_in_a_file_that_could_not_be_read_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"class": ClientKeys(b"c" * 32, b"k" * 32, b"s" * 16, 600_000)}
    KnownServers(tmp_path).keep(Trust((replace(A, keys=keys),)), with_keys=True)
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with monkeypatch.context() as held:
        held_open(held, "open", 1000, "known-servers.json")
        known = KnownServers(tmp_path)
    known.forget_keys()
    assert KnownServers(tmp_path).trust.servers == (A,)
