"""The ends that Windows announces without a signal: a console that is closed, a person who logs off, a shutdown.

Ctrl-C and Ctrl-Break are signals, there too. Of a console that is closed the C library makes SIGBREAK as well, but it
returns at once, and the process is ended when whoever was told has returned. Logging off and shutting down are told to
windows only: a program in which user32.dll is loaded, as ``ctypes`` does, gets no console event for them (Microsoft,
"HandlerRoutine callback function", remarks). What that page advises is done here, in every program: a window that is
never shown, which hears WM_QUERYENDSESSION and WM_ENDSESSION. Tk tells its own windows of the first only, as
WM_SAVE_YOURSELF; but that is a question, which any other program may answer with no, and then nobody should have left.

Whoever is told waits until the process has ended by itself, after its goodbyes; for `PATIENCE` at most, because after
five seconds Windows ends it (console: "SetConsoleCtrlHandler"; windows: the registry's HungAppTimeout).

`Ends` decides, on any platform. `EndWatch` owns the handler, which runs in a thread of the system's, and the window,
which has a thread of ours. That is a daemon: it waits in the system, and the process may end while it does.
"""

from __future__ import annotations

import sys
import threading
from typing import Callable, Optional

CLOSED, LOGGED_OFF, SHUT_DOWN = 2, 5, 6
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT and CTRL_SHUTDOWN_EVENT, as a console tells them."""

QUERY_END, END, CLOSE_WINDOW, DESTROYED = 0x0011, 0x0016, 0x0010, 0x0002
"""WM_QUERYENDSESSION, WM_ENDSESSION, WM_CLOSE and WM_DESTROY, as a window hears them."""

PATIENCE = 4.5
"""Seconds that the process has for its goodbyes. The server needs two with 1,000 clients."""

SOON = 2.0
"""Seconds for the hidden window to come or to go: far more than it takes, and no more than a person waits."""

TITLE = "Rollcall waits for the end of the session"
"""The name of the window that is never shown. Windows shows it only if we kept it from shutting down."""


class Ends:
    """What to do about each event and message. ``note`` is told of the end, in whatever thread that is, and returns at
    once. Setting ``over`` lets everyone go who waits; otherwise the end of the process does."""

    def __init__(self, note: Callable[[], None], patience: float = PATIENCE) -> None:
        self._note = note
        self._patience = patience
        self.over = threading.Event()

    def console_event(self, event: int) -> bool:
        """A console's event. False if others may look after it, such as Python's signals."""
        if event not in (CLOSED, LOGGED_OFF, SHUT_DOWN):
            return False
        self._hold()
        return True

    def window_message(self, message: int, is_certain: bool) -> Optional[int]:
        """A window's message; what the window answers, or None if it is about something else."""
        if message == QUERY_END:
            return 1  # as far as we are concerned
        if message == END:
            if is_certain:
                self._hold()
            return 0
        return None

    def _hold(self) -> None:
        self._note()
        self.over.wait(self._patience)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _ANSWER = ctypes.c_ssize_t
    _MESSAGE = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
    _WINDOW_PROCEDURE = -4
    _kernel32, _user32 = ctypes.WinDLL("kernel32"), ctypes.WinDLL("user32")
    # Without these a handle or a pointer above 2**31 would lose its upper half.
    _user32.CreateWindowExW.restype = wintypes.HWND
    _user32.CreateWindowExW.argtypes = (
        wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD, *[ctypes.c_int] * 4,
        *[wintypes.HANDLE] * 3, wintypes.LPVOID,
    )  # fmt: skip
    _user32.SetWindowLongPtrW.argtypes = (wintypes.HWND, ctypes.c_int, ctypes.c_void_p)
    _user32.DefWindowProcW.restype, _user32.DefWindowProcW.argtypes = _ANSWER, _MESSAGE
    _user32.PostMessageW.argtypes = _MESSAGE
    _user32.GetMessageW.argtypes = (ctypes.POINTER(wintypes.MSG), wintypes.HWND, wintypes.UINT, wintypes.UINT)
    _user32.DispatchMessageW.argtypes = (ctypes.POINTER(wintypes.MSG),)

    class EndWatch:
        """Hears of the ends for ``ends``, until `close`. ``window`` is the handle of the window; None if the system
        gave us none."""

        def __init__(self, ends: Ends) -> None:
            self._ends = ends
            self.window: Optional[int] = None
            # What the system calls must live as long as this.
            self._console_handler = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(ends.console_event)
            self._procedure = ctypes.WINFUNCTYPE(_ANSWER, *_MESSAGE)(self._hear)
            self._is_made = threading.Event()
            self._thread = threading.Thread(target=self._run, name="ends", daemon=True)
            _kernel32.SetConsoleCtrlHandler(self._console_handler, True)
            self._thread.start()
            self._is_made.wait(SOON)

        def close(self) -> None:
            """Hear no more, and let those go who wait."""
            self._ends.over.set()
            _kernel32.SetConsoleCtrlHandler(self._console_handler, False)
            if self.window:
                _user32.PostMessageW(self.window, CLOSE_WINDOW, 0, 0)
            self._thread.join(SOON)

        # --- the window's thread ------------------------------------------------------------------------------

        def _run(self) -> None:
            # Of a class that every process has (a label). A "message-only" window would not be told.
            self.window = _user32.CreateWindowExW(0, "STATIC", TITLE, 0, 0, 0, 0, 0, None, None, None, None)
            if self.window:
                pointer = ctypes.cast(self._procedure, ctypes.c_void_p)
                _user32.SetWindowLongPtrW(self.window, _WINDOW_PROCEDURE, pointer)
            self._is_made.set()
            message = wintypes.MSG()
            while self.window and _user32.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                _user32.DispatchMessageW(ctypes.byref(message))

        def _hear(self, window: int, message: int, first: int, second: int) -> int:
            said = self._ends.window_message(message, bool(first))
            if said is not None:
                return said
            if message == DESTROYED:
                _user32.PostQuitMessage(0)
            return int(_user32.DefWindowProcW(window, message, first, second))


def watch_ends(note: Callable[[], None]) -> Callable[[], None]:
    """From now on ``note`` is told of the ends that are no signals, until the function is called that this returns.
    After `signal.signal`: of all handlers of a console the last one is asked first."""
    if sys.platform == "win32":
        return EndWatch(Ends(note)).close
    return lambda: None
