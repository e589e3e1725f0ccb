"""rollcall/server/host_names.py: under which names a browser is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollcall.server import host_names
from rollcall.server.host_names import OwnNames

NAMES = OwnNames("roll.school.example, Roll", hostname="Teacher-PC", domains=["lan.school.example", "corp."])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.0.0.1:8080", "192.168.1.20:8080", "203.0.113.9", "[::1]:8080", "[fe80::1%25eth0]",
        "[fd00::5]", "roll:80",
        "localhost", "LOCALHOST:8081", "teacher-pc", "Teacher-PC:8080", "teacher-pc.", "teacher-pc.local",
        "teacher-pc.local.:8080", "teacher-pc.lan.school.example", "teacher-pc.corp", "roll.school.example",
    ],
)  # fmt: skip
def test_our_own_names(host: str) -> None:
    assert host in NAMES


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "teacher-pc.evil.example", "teacher-pcs", "localhost.evil.example",
        "127.0.0.1.evil.example",
        "school.example", "local", "a@127.0.0.1", "127.0.0.1:8080:8080", "127.0.0.1:port", "[127.0.0.1", "[evil]",
        "127.0.0.1, evil", "127.0.0.1 evil", "::1", "0x7f.1", "127.1", "[::1]evil",
    ],
)  # fmt: skip
def test_everything_else_is_a_stranger(host: str) -> None:
    assert host not in NAMES


def test_a_full_host_name_has_its_domain_with_it() -> None:
    names = OwnNames(hostname="pc.school.example", domains=())
    assert "pc" in names and "pc.school.example" in names and "pc.local" in names and "pc.other.example" not in names
    assert "" not in OwnNames(hostname="", domains=()) and "localhost" in OwnNames(hostname="", domains=())


def test_the_domains_are_those_that_the_machine_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# search no.example\nnameserver 192.0.2.1\nsearch a.example b.example\ndomain c.example\n")
    monkeypatch.setattr(host_names, "_RESOLVER", file)
    monkeypatch.setenv("USERDNSDOMAIN", "CORP.EXAMPLE")
    names = OwnNames(hostname="pc")
    assert all(f"pc.{domain}.example" in names for domain in ("a", "b", "c", "corp"))
    assert "pc.no.example" not in names
    monkeypatch.setattr(host_names, "_RESOLVER", tmp_path / "none")
    assert "pc.a.example" not in OwnNames(hostname="pc")
