"""Connections that the server cannot take are refused in words, without a thread.

Owned by the accept thread, which alone calls it. A socket that was refused stays open for a moment: closing it at once,
with the client's ``register`` unread, would be a reset, and some systems then throw the words away.

Without a free descriptor nothing can be accepted at all, so the listening socket would stay readable and the accept
loop would spin. A reserve is held for that: it is given up for a moment, for the one connection that is refused.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections import deque
from typing import Callable, Deque, Optional, Tuple

from rollcall.server.handler import LAST_WORDS

AT_A_TIME = 32
"""Refused connections that stay open; beyond that the oldest goes early."""

NOTHING_TO_BE_HAD = 0.05
"""Seconds of pause where not even the reserve helps."""


class Refusals:
    """Those who were refused and may still read why, and the reserve descriptor. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused: Deque[Tuple[float, socket.socket]] = deque()
        self._reserve: Optional[int] = os.open(os.devnull, os.O_RDONLY)

    def refuse(self, request: socket.socket, words: bytes) -> None:
        """Say ``words``, and hang up after `LAST_WORDS`."""
        try:
            request.setblocking(False)
            if words:
                request.send(words)
            request.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is gone already
        self._refused.append((self._clock() + LAST_WORDS, request))
        if len(self._refused) > AT_A_TIME:
            self._refused.popleft()[1].close()

    def refuse_next(self, listening: socket.socket, words: bytes) -> None:
        """Descriptors have run out: accept one with the reserve, say ``words``, close it, take the reserve again."""
        self.close()
        try:
            request, _ = listening.accept()
            request.setblocking(False)
            if words:
                request.send(words)
            request.close()
        except OSError:
            threading.Event().wait(NOTHING_TO_BE_HAD)  # a pause instead of a spin
        with contextlib.suppress(OSError):  # the next refusal tries again
            self._reserve = os.open(os.devnull, os.O_RDONLY)

    def let_go(self) -> None:
        """Close those who had time to read why."""
        now = self._clock()
        while self._refused and self._refused[0][0] <= now:
            self._refused.popleft()[1].close()

    def close(self) -> None:
        """Close all of it, the reserve included."""
        while self._refused:
            self._refused.popleft()[1].close()
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
