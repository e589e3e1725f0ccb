"""A look at an X display, for tests of programs whose windows belong to another process.

Speaks to libX11 itself, which is wherever Tk is, so that nothing need be installed.
"""

from __future__ import annotations

import ctypes
from types import TracebackType
from typing import Any, List, Optional, Type

from tests.helpers import wait_until

VIEWABLE = 2
KEY_PRESS, KEY_RELEASE = 2, 3
CLIENT_MESSAGE = 33
SUBSTRUCTURE_NOTIFY = 1 << 19
SHIFT = 1


class _Attributes(ctypes.Structure):
    """``XWindowAttributes``, of which only ``map_state`` is of interest."""

    _fields_ = (
        ("place", ctypes.c_int * 5),
        ("visual", ctypes.c_void_p),
        ("root", ctypes.c_ulong),
        ("shape", ctypes.c_int * 4),
        ("planes", ctypes.c_ulong * 2),
        ("save_under", ctypes.c_int),
        ("colormap", ctypes.c_ulong),
        ("map_installed", ctypes.c_int),
        ("map_state", ctypes.c_int),
        ("rest", ctypes.c_long * 8),
    )


class _ClassHint(ctypes.Structure):
    _fields_ = (("name", ctypes.c_void_p), ("class_name", ctypes.c_void_p))


class _ClientMessage(ctypes.Structure):
    """``XClientMessageEvent``, padded to the size of an ``XEvent``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 16),
    )


class _Key(ctypes.Structure):
    """``XKeyEvent``, padded to the size of an ``XEvent``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("root", ctypes.c_ulong),
        ("subwindow", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
        ("place", ctypes.c_int * 4),
        ("state", ctypes.c_uint),
        ("keycode", ctypes.c_uint),
        ("same_screen", ctypes.c_int),
        ("padding", ctypes.c_long * 16),
    )


class Screen:
    """A display, by default the one that ``DISPLAY`` names. A context manager: its socket is closed at the end."""

    def __init__(self, display: Optional[str] = None) -> None:
        self._x: Any = ctypes.CDLL("libX11.so.6")
        for name in ("XOpenDisplay", "XSetErrorHandler"):
            getattr(self._x, name).restype = ctypes.c_void_p
        for name in ("XDefaultRootWindow", "XInternAtom", "XkbKeycodeToKeysym"):
            getattr(self._x, name).restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(display.encode() if display else None))
        assert self._display, "there is no display"
        # A window may go between two questions; libX11 would end the process then.
        self._ignore = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda display, error: 0)
        self._handler_before = self._x.XSetErrorHandler(self._ignore)

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._x.XSync(self._display, 0)
        self._x.XSetErrorHandler(ctypes.c_void_p(self._handler_before))
        self._x.XCloseDisplay(self._display)

    def shown(self, class_name: str) -> List[int]:
        """The windows of that class that can be seen."""
        found: List[int] = []
        unknown = [int(self._x.XDefaultRootWindow(self._display))]
        while unknown:
            window = unknown.pop()
            if self._class_of(window) == class_name and self._is_shown(window):
                found.append(window)
            unknown += self._children(window)
        return found

    def title(self, window: int) -> str:
        """What the window's title says (EWMH, _NET_WM_NAME); empty if it says nothing."""
        name = ctypes.c_ulong(self._x.XInternAtom(self._display, b"_NET_WM_NAME", 0))
        kind, count, rest = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_ulong()
        form, text = ctypes.c_int(), ctypes.c_void_p()
        found = [ctypes.byref(part) for part in (kind, form, count, rest, text)]
        longest, any_type = ctypes.c_long(256), ctypes.c_ulong(0)
        where = (self._display, ctypes.c_ulong(window), name, ctypes.c_long(0), longest, 0, any_type)
        if self._x.XGetWindowProperty(*where, *found) != 0 or not text:
            return ""
        said = ctypes.string_at(text, count.value).decode("utf-8")
        self._x.XFree(text)
        return said

    def press_close(self, window: int) -> None:
        """What a window manager does when somebody presses the close button (ICCCM 4.1.2.7, WM_DELETE_WINDOW)."""
        self._ask(window, b"WM_DELETE_WINDOW")

    def _ask(self, window: int, protocol: bytes) -> None:
        protocols, wanted = (self._x.XInternAtom(self._display, name, 0) for name in (b"WM_PROTOCOLS", protocol))
        data = (ctypes.c_long * 5)(wanted, 0, window, 0, 0)
        event = _ClientMessage(CLIENT_MESSAGE, 0, 1, self._display, window, protocols, 32, data)
        self._x.XSendEvent(self._display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
        self._x.XSync(self._display, 0)

    def _wait_for_ping(self, window: int) -> None:
        """Wait until the window's program has dealt with all that the display has told it so far (EWMH, _NET_WM_PING:
        it sends the question on to the root window)."""
        root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))
        self._x.XSelectInput(self._display, root, ctypes.c_long(SUBSTRUCTURE_NOTIFY))
        self._ask(window, b"_NET_WM_PING")
        answer = (ctypes.c_long * 24)()
        wait_until(
            lambda: self._x.XCheckTypedEvent(self._display, CLIENT_MESSAGE, ctypes.byref(answer)), "the window's answer"
        )
        self._x.XSelectInput(self._display, root, ctypes.c_long(0))

    def type(self, window: int, text: str) -> None:
        """Type into the field of the window that has its cursor; a line feed is the key Return."""
        # A program that does not know yet that its window is shown has its cursor nowhere: the keys would be lost.
        # It shows its fields when it has dealt with that and is idle, and gives them the cursor when it hears that they
        # are shown: three rounds.
        for _ in range(3):
            self._wait_for_ping(window)
        self._x.XSetInputFocus(self._display, ctypes.c_ulong(window), 1, ctypes.c_ulong(0))
        root = self._x.XDefaultRootWindow(self._display)
        for char in text:
            keysym = ctypes.c_ulong(0xFF0D if char == "\n" else ord(char))
            code = self._x.XKeysymToKeycode(self._display, keysym) & 0xFF
            shifted = self._x.XkbKeycodeToKeysym(self._display, code, 0, 0) != keysym.value
            for kind in (KEY_PRESS, KEY_RELEASE):
                place = (ctypes.c_int * 4)()
                event = _Key(kind, 0, 1, self._display, window, root, 0, 0, place, SHIFT if shifted else 0, code, 1)
                self._x.XSendEvent(self._display, ctypes.c_ulong(window), 1, ctypes.c_long(3), ctypes.byref(event))
        self._x.XSync(self._display, 0)

    def set_resources(self, text: str) -> None:
        """What ``xrdb`` does, and desktops with it: the property RESOURCE_MANAGER of the root window. It stays as long
        as somebody is connected to the screen."""
        name, kind = (self._x.XInternAtom(self._display, word, 0) for word in (b"RESOURCE_MANAGER", b"STRING"))
        root, data = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display)), text.encode()
        where = (self._display, root, ctypes.c_ulong(name), ctypes.c_ulong(kind))
        self._x.XChangeProperty(*where, 8, 0, data, len(data))
        self._x.XSync(self._display, 0)

    def _class_of(self, window: int) -> str:
        hint = _ClassHint()
        if not self._x.XGetClassHint(self._display, ctypes.c_ulong(window), ctypes.byref(hint)):
            return ""
        text = ctypes.string_at(hint.class_name).decode("latin-1")
        for part in (hint.name, hint.class_name):
            self._x.XFree(ctypes.c_void_p(part))
        return text

    def _is_shown(self, window: int) -> bool:
        attributes = _Attributes()
        answered = self._x.XGetWindowAttributes(self._display, ctypes.c_ulong(window), ctypes.byref(attributes))
        return bool(answered) and attributes.map_state == VIEWABLE

    def _children(self, window: int) -> List[int]:
        root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        children = ctypes.POINTER(ctypes.c_ulong)()
        where = [ctypes.byref(part) for part in (root, parent, children, count)]
        if not self._x.XQueryTree(self._display, ctypes.c_ulong(window), *where):
            return []
        found = [int(children[number]) for number in range(count.value)]
        if children:
            self._x.XFree(children)
        return found
