"""Start the frozen programs, see that they find each other, and stop them: once in an open room, once with a code.

With a code a client that nobody tells it gets as far as the question for it: then it has spoken TLS with the server.
One that finds it in its environment joins, through TLS, and is seen there: then both programs derive, prove and verify.

The watcher is `client.Client` from the sources, so that what the executables say on the wire is judged by something
that was not frozen. Both run with an almost empty environment, in a folder with a space in its name, and unpack
themselves into a folder that must be empty again afterwards.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Tuple

from display import display
from environment import ROOT, SetupError, say

sys.path.insert(0, str(ROOT))
from client import Client
from protocol import LEFT
from rollcall.client.events import Event, RosterReplaced, RosterUpdated
from rollcall.wire.address import Address

PATIENCE = 60.0
"""Seconds for each step: far more than the slowest machine with a virus scanner takes."""
GUEST, WATCHER = "Smoke test", "Smoke watcher"
CODE = "KDWH-9RTC-4MXF"
KEPT = ("DISPLAY", "XAUTHORITY", "SYSTEMROOT", "WINDIR")
"""What a program cannot do without: the display, and on Windows the system's folder (for sockets)."""


def smoke(server: Path, client: Path) -> None:
    """Raises `SetupError` with what went wrong and what the programs printed."""
    with tempfile.TemporaryDirectory(prefix="rollcall smoke ") as name, display() as env:
        folder = Path(name)
        unpacked = folder / "unpacked here"
        unpacked.mkdir()
        bare = {key: env[key] for key in KEPT if key in env}
        bare.update({key: str(unpacked) for key in ("TMPDIR", "TMP", "TEMP")})
        bare.update({key: str(folder) for key in ("HOME", "LOCALAPPDATA", "USERPROFILE")})
        for room in (_open_room, _closed_room):
            room(server, client, folder, bare)
            left = sorted(path.name for path in unpacked.iterdir())
            if left:
                raise SetupError(f"left behind by the executables: {', '.join(left)}")
        say("both ended and left nothing behind")


def _open_room(server: Path, client: Path, folder: Path, env: Dict[str, str]) -> None:
    with _serving(server, folder, env) as (_, port):
        with _watching(port) as watcher, _window(client, port, folder, env) as window:
            watcher.wait_until(lambda: GUEST in watcher.here.values(), "the client in the roster")
            say("the client is in the roster")
            window.ask_to_end()
            window.wait_for_end("the client")
            watcher.wait_until(lambda: GUEST not in watcher.here.values(), "the client's goodbye")
            if watcher.reasons != [LEFT]:
                raise SetupError(f"the client went without a goodbye: {watcher.reasons}")


def _closed_room(server: Path, client: Path, folder: Path, env: Dict[str, str]) -> None:
    known = {"ROLLCALL_JOIN_CODE": CODE}
    with _serving(server, folder, {**env, **known}, "--trace") as (started, port):
        with _window(client, port, folder, env) as window:
            started.wait_for_line(r'^> client-\d+ \{"type":"room",.*"closed":true')
            say("the client has asked through TLS what room this is")
            with _watching(port, CODE) as watcher:
                watcher.wait_until(lambda: WATCHER in watcher.here.values(), "who knows the code in the roster")
                if GUEST in watcher.here.values():
                    raise SetupError("the client came into a closed room without the code")
            window.ask_to_end()
            window.wait_for_end("the client")
        with _watching(port, CODE) as watcher, _window(client, port, folder, {**env, **known}) as window:
            watcher.wait_until(lambda: GUEST in watcher.here.values(), "the client that knows the code in the roster")
            started.wait_for_line(rf'joined: "{GUEST}" \(session \d+\) from 127\.0\.0\.1, version 2, TLS')
            say("the client that knows the code is in the roster, through TLS")
            window.ask_to_end()
            window.wait_for_end("the client")
            watcher.wait_until(lambda: GUEST not in watcher.here.values(), "the client's goodbye")


@contextmanager
def _serving(server: Path, folder: Path, env: Dict[str, str], *more: str) -> Iterator[Tuple[_Started, int]]:
    """The server and its port; asked to end, and waited for, in the end."""
    with _running([str(server), "--host", "127.0.0.1", "--port", "0", *more], folder, env) as started:
        port = int(started.wait_for_line(r"^Listening on 127\.0\.0\.1:(\d+)").group(1))
        say(f"the server listens on port {port}")
        yield started, port
        started.ask_to_end()
        started.wait_for_end("the server")


def _window(client: Path, port: int, folder: Path, env: Dict[str, str]) -> ContextManager[_Started]:
    return _running(
        [str(client), "--server", f"127.0.0.1:{port}", "--name", GUEST, "--connect", "--no-find"], folder, env
    )


class _Started:
    """A program that runs and writes into a file, which every platform lets us read meanwhile."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    def _text(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, self._text(), re.MULTILINE)
            if found:
                return found
            if ended or time.monotonic() > deadline:
                raise SetupError(f"{self.process.args!r} printed nothing like {pattern}, but:\n{self._text()}")
            time.sleep(0.02)

    def wait_for_end(self, what: str) -> None:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise SetupError(f"{what} did not end in {PATIENCE:g} s; it printed:\n{self._text()}") from None
        if code != 0:
            raise SetupError(f"{what} ended with {code}; it printed:\n{self._text()}")

    def ask_to_end(self) -> None:
        """As a person would: Ctrl-C or the close button on Windows, SIGTERM elsewhere."""
        if sys.platform != "win32":
            self.process.terminate()
        elif not _close_window():
            self.process.send_signal(signal.CTRL_BREAK_EVENT)


class _Watcher:
    """Another client of the same server: ``here`` is the roster by member id, ``reasons`` why members went."""

    def __init__(self, events: queue.Queue[Event]) -> None:
        self._events = events
        self.here: Dict[int, str] = {}
        self.reasons: List[str] = []

    def wait_until(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            try:
                self._apply(self._events.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise SetupError(f"after {PATIENCE:g} s still not: {what}") from None

    def _apply(self, event: Event) -> None:
        if isinstance(event, RosterReplaced):
            self.here = {entry.id: entry.name or "" for entry in event.entries}
        elif isinstance(event, RosterUpdated):
            self.here.update({entry.id: entry.name or "" for entry in event.up})
            for gone in event.down:
                self.here.pop(gone.id, None)
                self.reasons.append(gone.reason)


@contextmanager
def _running(command: List[str], folder: Path, env: Dict[str, str]) -> Iterator[_Started]:
    output = folder / (Path(command[0]).stem + ".txt")
    flags: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)  # Windows: for Ctrl-Break, which is not for us
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file, creationflags=flags,
            start_new_session=True,  # a group of its own: an executable in one file is two processes
        )  # fmt: skip
    try:
        yield _Started(process, output)
    finally:
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        elif process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def _watching(port: int, code: str = "") -> Iterator[_Watcher]:
    events: queue.Queue[Event] = queue.Queue()
    client = Client(Address("127.0.0.1", port), WATCHER, events, code=code)
    client.start()
    try:
        yield _Watcher(events)
    finally:
        client.stop()


def _close_window() -> bool:
    """On Windows: press the close button of Rollcall's window. False if there is none, or elsewhere."""
    if sys.platform != "win32":
        return False
    import ctypes

    user32 = ctypes.windll.user32
    found: List[Optional[int]] = []

    @ctypes.WINFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_void_p)
    def look(window: Optional[int], unused: Optional[int]) -> bool:
        text = ctypes.create_unicode_buffer(64)
        user32.GetClassNameW(ctypes.c_void_p(window), text, 64)
        if text.value == "TkTopLevel" and user32.IsWindowVisible(ctypes.c_void_p(window)):
            user32.GetWindowTextW(ctypes.c_void_p(window), text, 64)
            if "Rollcall" in text.value:
                found.append(window)
        return True

    user32.EnumWindows(look, 0)
    for window in found:
        user32.PostMessageW(ctypes.c_void_p(window), 0x0010, 0, 0)  # WM_CLOSE
    return bool(found)
