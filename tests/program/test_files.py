"""files.py: what somebody else holds open for a moment is deleted, moved and locked all the same."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Callable, Dict

import pytest

from rollcall.program import files
from rollcall.server.downloads import Downloads
from tests.helpers import held_open


def hold(path: Path) -> None:
    files.Hold(path).close()


def lock(path: Path) -> None:
    with files.locked(path):
        assert path.exists()


def hand_out(path: Path) -> None:
    file = Downloads(path.parent).open(path.name)
    assert file is not None
    with file:
        assert b"".join(file.blocks(0, 9)) == b"content"


ACTS: Dict[str, Callable[[Path], object]] = {
    "unlink": files.remove,
    "replace": lambda path: files.move(path, path.with_name("moved")),
    "open to read": lambda path: files.read(path, 100),
    "open to lock": lock,
    "open to hold": hold,
    "open to hand out": hand_out,
}


@pytest.mark.parametrize("act", ACTS)
def test_what_is_held_open_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    refused = held_open(monkeypatch, act.split()[0], 3, "file")
    ACTS[act](path)
    assert len(refused) == 3
    assert path.exists() == act.startswith("open")


def test_what_is_held_open_for_good_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with monkeypatch.context() as long:
        held_open(long, "unlink", 1000)
        with pytest.raises(PermissionError):
            files.remove(path)
    files.remove(path)
    files.remove(path)  # it is gone already
    assert not os.listdir(tmp_path)


def test_what_somebody_has_open_is_told_as_that_and_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "2026-11-25 0800 7b.csv"
    path.write_bytes(b"as it was")
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    with contextlib.ExitStack() as held, pytest.raises(PermissionError) as refused:
        if sys.platform == "win32":
            held.enter_context(open(path, "rb"))
        else:
            held_open(monkeypatch, "replace", 1)
        files.replace(path, b"content")
    assert (refused.value.filename, refused.value.filename2) == (str(path), None)
    assert str(refused.value).endswith(f"; perhaps another program has it open: {str(path)!r}")
    assert os.listdir(tmp_path) == [path.name] and path.read_bytes() == b"as it was"
