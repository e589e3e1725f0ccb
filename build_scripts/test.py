"""Run every check: ``python build_scripts/test.py [--fast] [arguments for pytest]``.

Needs nothing but Python 3.9 or newer (and root on Debian, for what only apt can bring). Makes its own virtual
environment with pinned contents, brings a display and Tk if there are none, runs ruff, mypy and pytest, and ends with
pytest's own summary. The exit code is 0 only if all three are content.

``--fast`` is for the minute between two edits: the same ruff and mypy, but mypy runs beside the tests, and of the tests
only those of the rooms, the messages and the documents (see `SLOW`).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from display import display, need_tk
from environment import ROOT, SetupError, apt_install, environment, say, step

REQUIREMENTS = ROOT / "build_scripts" / "requirements-test.txt"

SLOW: Tuple[str, ...] = (
    "tests/benchmarks",  # measure programs
    "tests/build_scripts",  # build executables and packages
    "tests/test_end_to_end.py",  # real programs as processes
    "tests/faults",  # bad networks, floods, whole servers
    "tests/test_closed_room.py",  # real programs as processes
    "tests/test_lesson_end_to_end.py",  # the same, for half a lesson
    "tests/server/test_classroom.py",  # a whole server for each test
    "tests/server/test_door.py",  # the same
    "tests/window/test_class_window.py",  # real windows and servers
    "tests/window/test_morning_in_windows.py",
    "tests/test_server.py",  # a whole server for each test, which takes half a second to stop
    "tests/test_client.py",  # the same, and real waits
    "tests/test_client_gui.py",  # real windows
    "tests/test_client_output.py",  # real programs as processes, whose output nobody reads
    "tests/server/test_observers.py",  # the same of the server
    "tests/server/test_board.py",  # a whole server for many of them, and downloads that stall
    "tests/server/test_board_in_chromium.py",  # a real browser
    "tests/server/test_machine.py",  # networks of their own
    "tests/server/test_beacon.py",  # the same
    "tests/client/test_finder.py",  # the same
    "tests/client/test_doctor.py",  # the same
    "tests/client/test_door.py",  # servers that lie, each with a handshake and a derivation
    "tests/server/test_acts.py",  # a whole server for each test
    "tests/server/test_record_reading.py",  # a term of a thousand lessons in a real database
    "tests/window/test_address_sign.py",  # real windows
    "tests/window/test_fields.py",  # the same
    "tests/window/test_found_rooms.py",  # the same
    "tests/window/test_theme.py",  # the same
    "tests/window/test_morning_in_windows.py",  # the same, with a server, for a whole morning
    "tests/server/test_lesson_start.py",  # whole servers
    "tests/server/test_record.py",  # a real database, killed, locked, full
    "tests/client/test_errand.py",  # servers that answer slowly
    "tests/program/test_signals.py",  # real processes
    "tests/wire/test_windows.py",  # thousands of real sockets
    "tests/server/test_publisher.py",  # real sockets, filled until they take no more
    "tests/program/test_ending.py",  # real processes
    "tests/program/test_crash.py",  # real processes
    "tests/window/test_clipboard.py",  # real windows
    "tests/window/test_settings.py",  # real processes
    "tests/window/test_dialogs.py",  # real windows in processes of their own
    "tests/wire/test_secure.py",  # floods and stalls through TLS
    "tests/server/test_roster_model.py",  # thousands of random lessons
)
"""What ``--fast`` leaves out. Named, and not the other way round: the tests of a new module are in it by themselves."""

SIDE_BY_SIDE = ["-n", "2", "--dist", "loadgroup"]
"""How pytest runs everything, or all that is fast: in two processes, as most tests wait for something. Those of a file
stay together, and so do all that show windows, which would take the focus from each other (see tests/conftest.py)."""

LEFT_OUT = [f"--ignore={path}" for path in SLOW]

COMMANDS: Dict[str, List[str]] = {"ruff": ["check", "--quiet", "."], "mypy": ["--no-error-summary"]}

EXAMPLES = """\
examples:
  test.py                                everything, as before a commit: some minutes
  test.py --fast                         half a minute at most, once the environment is made
  test.py tests/server/test_roster.py    one file
  test.py -k heartbeat -x                what has that word in its name, up to the first failure
  test.py --fast --lf                    of the fast ones those that failed last time

The first run makes a virtual environment below .venv (a minute, and a network). The exit code is 0 if ruff, mypy and
pytest are content, 2 if something is missing here, else pytest's own or 1. For pytest's options: pytest --help.
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the checks; returns the exit code."""
    fast, arguments = read_arguments(argv)
    try:
        python = str(environment("test", REQUIREMENTS))
    except SetupError as error:
        say(str(error))
        return 2
    failed = not _check(python, "ruff")
    with ExitStack() as stack:
        if fast:
            began, mypy = time.monotonic(), stack.enter_context(_started(python, "mypy"))
        else:
            failed |= not _check(python, "mypy")
        env = stack.enter_context(_display())
        if not fast:
            _bring_chromium()
        if fast:
            env = {**env, "ROLLCALL_TESTS": "fast"}
        sys.stdout.flush()
        side_by_side = SIDE_BY_SIDE if arguments in ([], LEFT_OUT) else []
        tests = subprocess.run([python, "-m", "pytest", *side_by_side, *arguments], cwd=ROOT, env=env, check=False)
        if fast:
            found = mypy.communicate()[0].rstrip()
            if found:
                print(found)
            failed |= not _verdict("mypy", mypy.returncode)
            say(f"--fast: {time.monotonic() - began:.1f} s; left out: {' '.join(SLOW)}")
    return tests.returncode or (1 if failed else 0)


def read_arguments(argv: Optional[Sequence[str]] = None) -> Tuple[bool, List[str]]:
    """Whether ``--fast`` was asked for, and the arguments for pytest. ``--help`` ends the program here."""
    parser = argparse.ArgumentParser(
        prog="test.py",
        usage="test.py [-h] [--fast] [arguments for pytest]",
        description="Run every check of Rollcall: ruff, mypy and the tests. It needs no preparation.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    left_out = "ruff, mypy beside the tests, and only the tests that need no whole server, window, program or build"
    parser.add_argument("--fast", action="store_true", help=left_out)
    options, others = parser.parse_known_args(argv)
    return options.fast, [*(LEFT_OUT if options.fast else []), *others]


def _check(python: str, name: str) -> bool:
    with step(name):
        done = subprocess.run([python, "-m", name, *COMMANDS[name]], cwd=ROOT, check=False)
    return _verdict(name, done.returncode)


@contextmanager
def _started(python: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """A check that runs beside something else; what it says can be had at the end."""
    command = [python, "-m", name, *COMMANDS[name]]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        yield process


def _verdict(name: str, code: int) -> bool:
    if code != 0:
        say(f"{name} FAILED (see above)")
    return code == 0


def _bring_chromium() -> None:
    """The browser that the pages are looked at with. Where it cannot be had those tests are skipped."""
    if sys.platform.startswith("linux") and shutil.which("chromedriver") is None:
        try:
            apt_install(["chromium", "chromium-driver"], "pages are tested in Chromium, and it is not installed")
        except SetupError as error:
            say(f"{error}\nThe tests in Chromium are skipped.")


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
        # pytest rewrites every test file before it runs: a quarter of --fast. What comes out is kept, even where
        # somebody wants no bytecode between the sources.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        yield {**env, "PYTHONPYCACHEPREFIX": str(ROOT / ".venv" / "bytecode")}


if __name__ == "__main__":
    sys.exit(main())
