"""Run every check: ``python build_scripts/test.py [arguments for pytest]``.

Needs nothing but Python 3.9 or newer (and root on Debian, for what only apt can bring). Makes its own virtual
environment with pinned contents, brings a display and Tk if there are none, runs ruff, mypy and pytest, and ends with
pytest's own summary. The exit code is 0 only if all three are content.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import Dict, Iterator

from display import display, need_tk
from environment import ROOT, SetupError, environment, say, step

REQUIREMENTS = ROOT / "build_scripts" / "requirements-test.txt"


def main() -> int:
    """Run all checks; returns the exit code."""
    try:
        python = str(environment("test", REQUIREMENTS))
    except SetupError as error:
        say(str(error))
        return 2
    failed = [name for name in ("ruff", "mypy") if not _check(python, name)]
    with _display() as env:
        sys.stdout.flush()
        tests = subprocess.run([python, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, env=env, check=False)
    return tests.returncode or (1 if failed else 0)


def _check(python: str, name: str) -> bool:
    command = [python, "-m", name, *(["check", "--quiet", "."] if name == "ruff" else ["--no-error-summary"])]
    with step(name):
        done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode != 0:
        say(f"{name} FAILED (see above); the tests run all the same")
    return done.returncode == 0


@contextmanager
def _display() -> Iterator[Dict[str, str]]:
    """The environment for the tests, with a display if one can be had. Tests of the window are skipped without one;
    where this script has brought it they may not be (``ROLLCALL_DISPLAY=required``)."""
    with ExitStack() as stack:
        try:
            need_tk()
            env = stack.enter_context(display())
        except SetupError as error:
            say(f"{error}\nThe tests of the window are skipped.")
            env = dict(os.environ)
        yield env


if __name__ == "__main__":
    sys.exit(main())
