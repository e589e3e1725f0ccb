"""Run every check: ``python build_scripts/test.py [arguments for pytest]``.

Needs nothing but Python 3.9 or newer (and root on Debian, for what only apt can bring). Makes its own virtual
environment with pinned contents, brings a display and Tk if there are none, runs ruff, mypy and pytest, and ends with
pytest's own summary. The exit code is 0 only if all three are content.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import Dict, Iterator, List

from environment import ROOT, SetupError, apt_install, environment, say, step

REQUIREMENTS = ROOT / "build_scripts" / "requirements-test.txt"
DISPLAY_TIMEOUT = 30.0


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
    env = dict(os.environ)
    if not _tk_is_here() or not sys.platform.startswith("linux") or env.get("DISPLAY"):
        yield env
        return
    try:
        if shutil.which("Xvfb") is None:
            apt_install(["xvfb"], "the tests of the window need a display, and Xvfb is not installed")
    except SetupError as error:
        say(f"{error}\nThe tests of the window are skipped.")
        yield env
        return
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(
        command, pass_fds=[write_end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(write_end)
        try:
            number = _display_number(read_end)
            env.update(DISPLAY=f":{number}", ROLLCALL_DISPLAY="required")
            say(f"Xvfb shows :{number}")
            yield env
        finally:
            os.close(read_end)
            server.terminate()


def _display_number(read_end: int) -> str:
    digits = b""
    while not digits.endswith(b"\n"):
        ready, _, _ = select.select([read_end], [], [], DISPLAY_TIMEOUT)
        piece = os.read(read_end, 16) if ready else b""
        if not piece:
            raise SystemExit("Xvfb did not start; try it by hand: Xvfb :99")
        digits += piece
    return digits.decode().strip()


def _tk_is_here() -> bool:
    # In a process of its own: Tk may have come only with the package.
    probe: List[str] = [sys.executable, "-c", "import tkinter"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return True
    try:
        if sys.platform.startswith("linux") and sys.executable.startswith("/usr/bin/"):
            apt_install(["python3-tk"], "the window needs Tk, and this Python has none")
            return subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode == 0
        raise SetupError("this Python was built without Tk; use one that has it (python -m tkinter shows a window)")
    except SetupError as error:
        say(f"{error}\nThe tests of the window are skipped.")
        return False


if __name__ == "__main__":
    sys.exit(main())
