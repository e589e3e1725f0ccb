"""windows_ends.py: who closes the console, logs off or shuts down waits for the goodbyes."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from rollcall.program import windows_ends
from rollcall.program.windows_ends import CLOSED, END, LOGGED_OFF, QUERY_END, SHUT_DOWN, TITLE, Ends
from tests.helpers import PATIENCE, ROOT, Program, RawClient, ServerProgram, wait_until

CTRL_C, CTRL_BREAK, WM_PAINT = 0, 1, 15

windows = pytest.mark.skipif(sys.platform != "win32", reason="Windows only")


@pytest.mark.parametrize("event", [CLOSED, LOGGED_OFF, SHUT_DOWN])
def test_a_console_that_ends_is_kept_until_the_goodbyes_are_said(event: int) -> None:
    noted = threading.Event()
    ends = Ends(noted.set, PATIENCE)
    answers: List[bool] = []
    system = threading.Thread(target=lambda: answers.append(ends.console_event(event)))
    system.start()
    assert noted.wait(PATIENCE)
    assert system.is_alive() and not answers
    ends.over.set()
    system.join()
    assert answers == [True]


def test_nobody_is_kept_for_longer_than_the_system_waits() -> None:
    noted: List[str] = []
    ends = Ends(lambda: noted.append("end"), patience=0.01)
    assert ends.console_event(CLOSED) and noted == ["end"]
    assert 3.0 < windows_ends.PATIENCE < 5.0


@pytest.mark.parametrize("event", [CTRL_C, CTRL_BREAK])
def test_what_is_a_signal_is_left_to_python(event: int) -> None:
    noted: List[str] = []
    assert not Ends(lambda: noted.append("end"), 0.01).console_event(event) and noted == []


def test_a_shutdown_that_is_called_off_ends_nothing() -> None:
    noted: List[str] = []
    ends = Ends(lambda: noted.append("end"), 0.01)
    assert ends.window_message(WM_PAINT, True) is None
    assert (ends.window_message(QUERY_END, False), ends.window_message(END, False), noted) == (1, 0, [])
    assert (ends.window_message(QUERY_END, False), ends.window_message(END, True), noted) == (1, 0, ["end"])


def user32() -> Any:
    import ctypes
    from ctypes import wintypes

    library: Any = getattr(ctypes, "WinDLL")("user32")  # noqa: B009
    library.SendMessageW.argtypes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
    library.SendMessageW.restype = ctypes.c_ssize_t
    library.FindWindowExW.argtypes = (wintypes.HWND, wintypes.HWND, wintypes.LPCWSTR, wintypes.LPCWSTR)
    library.FindWindowExW.restype = wintypes.HWND
    library.GetWindowThreadProcessId.argtypes = (wintypes.HWND, ctypes.POINTER(wintypes.DWORD))
    return library


def hidden_windows() -> Dict[int, int]:
    """The window of each program: process id to handle."""
    import ctypes
    from ctypes import wintypes

    library, window = user32(), None
    found: Dict[int, int] = {}
    while True:
        window = library.FindWindowExW(None, window, "STATIC", TITLE)
        if not window:
            return found
        process = wintypes.DWORD()
        library.GetWindowThreadProcessId(window, ctypes.byref(process))
        found[process.value] = window


@windows
def test_the_window_hears_what_the_system_says() -> None:
    noted = threading.Event()
    ends = Ends(noted.set, PATIENCE)
    watch = getattr(windows_ends, "EndWatch")(ends)  # noqa: B009
    try:
        assert user32().SendMessageW(watch.window, QUERY_END, 0, 0) == 1
        assert not noted.is_set()
        system = threading.Thread(target=lambda: user32().SendMessageW(watch.window, END, 1, 0))
        system.start()
        assert noted.wait(PATIENCE) and system.is_alive()
        ends.over.set()
        system.join()
    finally:
        watch.close()
    assert not watch._thread.is_alive()


@windows
def test_the_consoles_handler_can_be_called_by_the_system() -> None:
    noted = threading.Event()
    ends = Ends(noted.set, PATIENCE)
    watch = getattr(windows_ends, "EndWatch")(ends)  # noqa: B009
    answers: List[int] = []
    try:
        system = threading.Thread(target=lambda: answers.extend(map(watch._console_handler, (CTRL_C, CLOSED))))
        system.start()
        assert noted.wait(PATIENCE) and system.is_alive()
    finally:
        watch.close()
    system.join()
    assert answers == [0, 1], "Ctrl-C is Python's; a console that is closed waits"


@windows
def test_a_server_says_goodbye_before_the_session_ends(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server, RawClient(server.port) as client:
        client.register("Ann")
        client.until_type("client_list")
        user32().SendMessageW(hidden_windows()[server.pid], QUERY_END, 0, 0)
        client.send({"type": "ping", "seq": 1})
        assert client.until_type("pong")["seq"] == 1
        user32().SendMessageW(hidden_windows()[server.pid], END, 1, 0)
        assert client.until_type("error")["code"] == "server_shutdown"
        assert server.wait() == 0
        assert server.lines[-1].endswith("stopped")


@windows
@pytest.mark.parametrize("script", ["client.py", "client_gui.py"])
def test_a_client_says_goodbye_before_the_session_ends(tmp_path: Path, script: str) -> None:
    with ServerProgram(tmp_path) as server:
        how = [server.address] if script == "client.py" else ["--server", server.address, "--connect", "--no-find"]
        with Program(ROOT / script, *how, "--name", "Ann", env={"LOCALAPPDATA": str(tmp_path)}) as client:
            server.wait_for_line('joined: "Ann"')
            window = wait_until(lambda: hidden_windows().get(client.pid), "the window that is never shown")
            user32().SendMessageW(window, END, 1, 0)
            server.wait_for_line('left: "Ann"')
            assert client.wait() == 0


@windows
def test_without_a_console_a_server_works_and_says_goodbye(tmp_path: Path) -> None:
    """As pythonw.exe starts it: ``sys.stdout`` and ``sys.stderr`` are None."""
    log = tmp_path / "server.log"
    pythonw = Path(sys.executable).with_name("pythonw.exe")
    command = [str(pythonw), str(ROOT / "server.py"), "--host", "127.0.0.1", "--port", "0", "--log-file", str(log)]
    with subprocess.Popen(command, cwd=tmp_path, creationflags=getattr(subprocess, "DETACHED_PROCESS", 0)) as server:
        try:

            def listening() -> Optional[re.Match[str]]:
                return re.search(r"Listening on 127\.0\.0\.1:(\d+)", log.read_text("utf-8") if log.exists() else "")

            port = int(wait_until(listening, "the log to say where it listens").group(1))  # type: ignore[union-attr]
            with RawClient(port) as client:
                client.register("Ann")
                client.until_type("client_list")
                user32().SendMessageW(hidden_windows()[server.pid], END, 1, 0)
                assert client.until_type("error")["code"] == "server_shutdown"
            assert server.wait(PATIENCE) == 0
        finally:
            server.kill()
    assert log.read_text("utf-8").endswith("stopped\n")
