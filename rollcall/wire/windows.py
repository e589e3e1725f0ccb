"""What Windows does otherwise with a socket, and how `Connection` gets the same from it. Elsewhere nothing here runs.

**Hanging up.** ``shutdown`` does not wake a ``recv`` that another thread is blocked in, on any Windows up to 11
(rust-lang/rust#121594 and #122095, python/cpython#91913); one that begins afterwards fails at once with 10058. So a
`Canceller` follows: CancelIoEx ends whatever waits for a handle, whichever thread began it (Microsoft, "CancelIoEx
function"), and the blocked ``recv`` fails with 995. Between the two nothing is lost: what came before the shutdown is
cancelled, what comes after it fails by itself. ``closesocket`` would wake the reader as well, but another socket may
get the handle while the reader is on its way into ``recv``. For the same reason a cancel belongs under the lock that
guards closing. It does not wait: Python's sockets are opened for overlapped calls.

**Sending.** There is no ``MSG_DONTWAIT``. A non-blocking socket would need a wait of its own before each ``recv`` (a
second system call for each heartbeat, and one that nothing is documented to cancel), so sockets stay blocking there
too, and `send_some` asks before each piece. When ``select`` says writable, a ``send`` waits only if it is longer than
the room in the system's buffer (Microsoft, "select function", on ``writefds``), and a socket is not writable before a
good part of that is free: all that a short send needs on Windows (Microsoft KB 214397, on SO_SNDBUF), a third of it on
Linux, which is what Wine asks (``sk_stream_min_wspace``).
"""

from __future__ import annotations

import logging
import select
import socket
import sys
from typing import Callable, Optional

log = logging.getLogger("rollcall.wire")

PIECE, LINE = 4096, 512
"""Bytes that are sent after each look, at most: enough for each line but a roster in one piece. It is also at most an
eighth of the system's buffer, which Windows and our server give 64 KiB; a short line does not ask for that."""

NOTHING_TO_CANCEL = 1168
"""ERROR_NOT_FOUND: nobody waits for that handle."""

CANCELLED = 995
"""WSA_OPERATION_ABORTED: what a call fails with that was cancelled."""


class Canceller:
    """Ends the calls that wait for a socket. ``cancel`` takes a handle and returns an error of the system, or 0.

    ``works`` is False from the first time on that the system refused; whoever waits must then look up by himself.
    ``tell`` gets one sentence about that, once; a server puts something there that does not wait for a terminal.
    """

    def __init__(self, cancel: Callable[[int], int]) -> None:
        self._cancel = cancel
        self.works = True
        self.tell: Callable[[str], None] = log.warning

    def cancel(self, handle: int) -> str:
        """Cancel, under the lock that guards closing. Returns what to `tell` without that lock; mostly nothing."""
        code = self._cancel(handle)
        if code in (0, NOTHING_TO_CANCEL) or not self.works:
            return ""
        self.works = False
        return f"CancelIoEx failed (error {code}): connections that end may do so a second late"


def was_cancelled(error: OSError) -> bool:
    """A call failed because it was cancelled."""
    return getattr(error, "winerror", None) == CANCELLED


def send_some(sock: socket.socket, data: bytes | memoryview) -> int:
    """How many bytes of ``data`` a blocking socket took without waiting. Raises OSError, ValueError if it is closed."""
    view = memoryview(data)
    taken, piece = 0, LINE
    if len(view) > LINE:
        piece = min(PIECE, max(LINE, sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 8))
    while taken < len(view) and select.select((), (sock,), (), 0)[1]:
        taken += sock.send(view[taken : taken + piece])
    return taken


def _cancel_io_ex() -> Optional[Canceller]:
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    function = ctypes.WinDLL("kernel32", use_last_error=True).CancelIoEx
    # Without these a handle above 2**31 would lose its upper half.
    function.argtypes = (wintypes.HANDLE, wintypes.LPVOID)
    function.restype = wintypes.BOOL
    return Canceller(lambda handle: 0 if function(handle, None) else ctypes.get_last_error())


canceller = _cancel_io_ex()
