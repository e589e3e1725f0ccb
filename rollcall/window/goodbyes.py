"""Clients that say goodbye while the window goes on: the server may take its time to answer. No widgets.

A thread each, joined before Tk is destroyed. Belongs to the window's thread.
"""

from __future__ import annotations

import threading
from typing import Callable, List

from rollcall.wire.clock import monotonic


class Goodbyes:
    """Those that are being said."""

    def __init__(self) -> None:
        self._threads: List[threading.Thread] = []

    def say(self, stop: Callable[[], None]) -> None:
        """``stop`` ends a client; it waits, but not for ever."""
        thread = threading.Thread(target=stop, name="goodbye", daemon=True)
        thread.start()
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]

    def wait(self, seconds: float) -> None:
        """Until all are said, or so long: a client that cannot end has told so by then."""
        deadline = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
