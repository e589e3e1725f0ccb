"""folders.py: the place on each platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rollcall.program.folders import fallback_folder


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("win32", "LOCALAPPDATA", "{base}/Rollcall"),
        ("darwin", "HOME", "{base}/Library/Application Support/Rollcall"),
        ("linux", "XDG_CONFIG_HOME", "{base}/Rollcall"),
        ("freebsd14", "XDG_CONFIG_HOME", "{base}/Rollcall"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="HOME decides about ~ on POSIX only")
def test_the_place_on_each_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, expected: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert fallback_folder() == Path(expected.format(base=tmp_path))
