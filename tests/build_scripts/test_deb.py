"""The Debian package, of any two programs: what it says of itself. ``test_build.py`` installs the real one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from deb import build_deb


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="this is no Debian")
def test_it_is_made_of_any_two_programs_and_describes_itself(tmp_path: Path) -> None:
    programs, target = tmp_path / "programs", tmp_path / "dist"
    for folder in (programs, target):
        folder.mkdir()
    for name in ("rollcall-client", "rollcall-server"):
        (programs / name).write_text("#!/bin/sh\n")
    package = build_deb(programs, target, "1.2.3", "2.31", 1_700_000_000)
    fields = ("Version", "Depends", "Description")
    said = subprocess.check_output(["dpkg-deb", "--field", str(package), *fields], encoding="utf-8")
    assert "Version: 1.2.3\n" in said and "libc6 (>= 2.31)" in said
    assert "are they really still there?" in said
    assert max(map(len, said.splitlines())) <= 80
