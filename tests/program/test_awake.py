"""awake.py: the computer stays awake as long as it is held, and no helper is left."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rollcall.program.awake import Awake, helper_command
from tests.helpers import wait_until

unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows needs no helper")


@pytest.fixture
def inhibit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemd-inhibit that writes down how it was called, and runs what is below it."""
    script = tmp_path / "systemd-inhibit"
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\nexec cat\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path / "called"


@unix
def test_it_is_held_once_and_let_go(inhibit: Path) -> None:
    awake = Awake()
    for _ in range(2):
        awake.hold()
        awake.hold()
        wait_until(inhibit.exists, "the helper to be called")
        helper = awake._helper
        assert helper is not None and helper.poll() is None
        assert awake.is_held
        awake.release()
        awake.release()
        assert helper.poll() is not None and not awake.is_held
        assert "--what=sleep:idle" in inhibit.read_text() and "Rollcall" in inhibit.read_text()
        inhibit.unlink()


@unix
def test_without_a_helper_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert helper_command() is None
    awake = Awake()
    awake.hold()
    assert awake._helper is None and awake.is_held
    awake.release()


@unix
def test_on_a_mac_it_watches_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "caffeinate").write_text("#!/bin/sh\n")
    (tmp_path / "caffeinate").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert helper_command("darwin") == ["caffeinate", "-i", "-w", str(os.getpid())]


def test_holding_and_letting_go_raise_nothing_here() -> None:
    awake = Awake()
    awake.hold()
    awake.release()
