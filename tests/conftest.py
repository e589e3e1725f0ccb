"""What holds for every test: nothing may be left behind, and windows need a display."""

from __future__ import annotations

import _thread
import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import hypothesis
import pytest
from hypothesis import HealthCheck

from tests.helpers import wait_until

for name in ("SIGINT", "SIGHUP"):
    # Under nohup, or behind an & in a script, they would be ignored in the programs that are tested, too.
    if getattr(signal, name, None) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.SIG_DFL)

if sys.platform == "win32":
    import ctypes

    # Under Wine the first window starts a process that shows them all. It must not be one of the programs that are
    # tested: their pipes would stay open with it.
    ctypes.WinDLL("user32").GetDesktopWindow()

    # Of many windows in one process Tcl now and then cannot make one: it "couldn't read file init.tcl: No error", under
    # Wine and on Windows (ivadomed/ivadomed#930, alteryx/evalml#2580). A program makes one window, the tests hundreds.
    with suppress(ImportError):
        import _tkinter

        create = _tkinter.create

        def create_patiently(*arguments: Any) -> Any:
            for _ in range(5):
                try:
                    return create(*arguments)
                except _tkinter.TclError as error:
                    if "couldn't read file" not in str(error):
                        raise
                    print(error, file=sys.stderr)
            return create(*arguments)

        _tkinter.create = create_patiently

# How long it takes to make up an input tells of the machine, not of the tests. Between two edits fewer inputs will do.
hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.settings.register_profile("fast", hypothesis.settings.get_profile("any machine"), max_examples=20)
hypothesis.settings.load_profile("fast" if os.environ.get("ROLLCALL_TESTS") == "fast" else "any machine")

DATA = tempfile.mkdtemp(prefix="rollcall-tests-")
# What the programs that are tested keep must not stand with what this user's own ones have.
os.environ.update(dict.fromkeys(("XDG_DATA_HOME", "LOCALAPPDATA"), DATA))


def pytest_unconfigure() -> None:
    shutil.rmtree(DATA, ignore_errors=True)


GRACE = 5.0
"""Seconds that a thread which is ending already has to end."""


def _sockets() -> Dict[str, str]:
    """Open sockets of this process: descriptor to inode. Linux only; elsewhere nothing is compared."""
    found: Dict[str, str] = {}
    folder = Path("/proc/self/fd")
    for entry in folder.iterdir() if folder.is_dir() else ():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:"):
            found[entry.name] = target
    return found


def _children() -> List[str]:
    found: List[str] = []
    for file in Path("/proc/self/task").glob("*/children") if sys.platform.startswith("linux") else ():
        try:
            found += file.read_text().split()
        except OSError:
            continue  # that thread has just ended
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also what takes minutes: a soak, long runs of noise")
    parser.addoption("--soak", metavar="SECONDS", type=float, default=600.0, help="how long the soak takes (600)")


@pytest.hookimpl(tryfirst=True)  # before the plugin looks for the groups
def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Where tests run in several processes: a file in one, and what shows windows in one, too."""
    shows_windows = {item.path for item in items if "needs_display" in getattr(item, "fixturenames", ())}
    for item in items:
        group = "display" if item.path in shows_windows else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> Optional[str]:
    """Short names for long values: pytest puts a test's name into the environment, and Windows takes 32,767
    characters there."""
    return ascii(val[:50]) + "..." if isinstance(val, (str, bytes)) and len(val) > 1000 else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("long") and not item.config.getoption("--long"):
        pytest.skip("takes minutes: run it with --long")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What stands before the first test (modules, strategies, the tests themselves) need not be looked through again
    after each of them: that took 30 ms of every test. The same goes for Tk's connection to the display, which stays."""
    if sys.platform != "win32" and any("needs_display" in getattr(item, "fixturenames", ()) for item in session.items):
        _move_pointer_away()
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail any test after which a thread, a socket or a child process is still there."""
    threads_before, count_before = set(threading.enumerate()), _thread._count()
    sockets_before = set(_sockets().values())
    children_before = set(_children())
    yield
    for thread in set(threading.enumerate()) - threads_before:
        thread.join(GRACE)
    left = [thread.name for thread in set(threading.enumerate()) - threads_before if thread.is_alive()]
    assert not left, f"threads left behind: {left}"
    # Handler threads have no Thread object. A few microseconds after their last act they are gone.
    wait_until(lambda: _thread._count() <= count_before, "every thread to end", GRACE)
    sockets = set(_sockets().values()) - sockets_before
    # What is left may be garbage, and what belongs to Tk must not be collected in another thread later. To look for
    # garbage after each test takes as long as a third of the fast ones.
    if sockets or "needs_display" in request.fixturenames or os.environ.get("ROLLCALL_TESTS") != "fast":
        gc.collect()
        gc.freeze()  # what outlives a test need not be looked through after each of the others: that took 0.1 s each
        sockets = set(_sockets().values()) - sockets_before
    assert not sockets, f"sockets left behind: {sockets}"
    children = set(_children()) - children_before
    assert not children, f"child processes left behind: {children}"


@pytest.fixture
def needs_display() -> None:
    """Skip where no window can be shown; but where a display was promised its absence is a failure."""
    problem = ""
    try:
        import tkinter  # noqa: F401
    except ImportError:
        problem = "this Python has no Tk"
    if not problem and sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        problem = "there is no display"
    if problem:
        assert os.environ.get("ROLLCALL_DISPLAY") != "required", problem
        pytest.skip(problem)


def _move_pointer_away() -> None:
    """Put the mouse into the corner, where no window is. Without a window manager Tk gives the focus to the window
    under the pointer, and goes on knowing it when that window has gone: with several windows one after the other, as
    only tests have them in a process, ``focus -force`` then ends it (Tk 8.6.13, seen in ``TkSetFocusWin``)."""
    try:
        import tkinter
    except ImportError:
        return  # the tests of windows say so themselves
    try:
        root = tkinter.Tk()
    except tkinter.TclError:
        return  # no display: the same
    root.geometry("1x1+0+0")
    root.update()
    x, y = root.winfo_screenwidth() - 1 - root.winfo_rootx(), root.winfo_screenheight() - 1 - root.winfo_rooty()
    root.event_generate("<Motion>", warp=True, x=x, y=y)
    root.update()
    root.destroy()
