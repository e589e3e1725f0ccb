"""known_file.py: what a program without a window reads of the servers that were met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rollcall.client.known_file import MAX_FILE, NAME, met_before, parse
from rollcall.client.trust import KnownServer, Trust


def write(folder: Path, **more: object) -> None:
    content = {"device": "0" * 32, "servers": Trust((KnownServer("ab" * 32, "Room 12"),)).to_json(), **more}
    (folder / NAME).write_text(json.dumps(content))


def test_who_was_met_is_read_and_what_cannot_be_used_is_nobody(tmp_path: Path) -> None:
    assert met_before(tmp_path) == Trust()
    write(tmp_path)
    assert [known.name for known in met_before(tmp_path).servers] == ["Room 12"]
    write(tmp_path, servers=[{"fingerprint": "x"}])
    assert met_before(tmp_path) == Trust()
    (tmp_path / NAME).write_bytes(b"[" * MAX_FILE)
    assert met_before(tmp_path) == Trust()
    with pytest.raises(ValueError, match="larger than 256 KiB"):
        parse(b" " * (MAX_FILE + 1))
