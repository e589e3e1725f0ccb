"""The script that runs every check: what it explains, what it leaves out, and what goes on to pytest."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.helpers import PATIENCE, ROOT

SCRIPT = ROOT / "build_scripts" / "test.py"


@pytest.fixture(scope="module")
def script() -> Dict[str, Any]:
    """What the script defines. Not imported: the standard library has a module of that name."""
    return runpy.run_path(str(SCRIPT))


def run(*command: object, folder: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_explains_and_makes_nothing(tmp_path: Path, option: str) -> None:
    scripts = tmp_path / "build_scripts"
    scripts.mkdir()
    for file in SCRIPT.parent.glob("*.py"):
        shutil.copy(file, scripts)
    before = sorted(tmp_path.rglob("*"))
    done = run(scripts / "test.py", option, folder=tmp_path, PYTHONDONTWRITEBYTECODE="1", PATH="", COLUMNS="120")
    assert done.returncode == 0, done.stdout
    assert sorted(tmp_path.rglob("*")) == before
    for word in ("ruff", "mypy", "pytest --help", "--fast", "tests/server/test_roster.py", ".venv", "exit code"):
        assert word in done.stdout, word


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["-x", "-q", "tests/server/test_roster.py"],
        ["-k", "a heartbeat and not late", "--lf"],
        ["--durations=5", "tests/test_server.py::test_others", "-vv"],
        ["--fas"],
    ],
)
def test_other_arguments_go_on_to_pytest_as_they_are(script: Dict[str, Any], given: List[str]) -> None:
    assert script["read_arguments"](given) == (False, given)
    fast, arguments = script["read_arguments"]([*given, "--fast"])
    assert fast and arguments == [*(f"--ignore={path}" for path in script["SLOW"]), *given]


def test_fast_leaves_out_what_is_slow_unless_it_is_named_and_all_else_is_in(script: Dict[str, Any]) -> None:
    slow = [ROOT / path for path in script["SLOW"]]
    assert all(path.exists() for path in slow)
    files = set(ROOT.glob("tests/**/test_*.py"))
    left_out = {file for file in files for path in slow if path in (file, *file.parents)}
    named = ROOT / "tests" / "test_server.py"
    assert named in left_out
    for given, expected in (([], files - left_out), ([str(named)], {named})):
        arguments = script["read_arguments"](["--fast", *given])[1]
        done = run("-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments)
        assert done.returncode == 0, done.stdout
        assert {ROOT / line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line} == expected
