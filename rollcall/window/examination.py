"""*Cannot find it?* A look at the network that takes some seconds, in a thread of its own, and what came of it.

No widgets. The thread is `doctor`; it ends when somebody says so, or by itself, and nobody waits for it without a
limit.
"""

from __future__ import annotations

import threading
from typing import Optional

from rollcall.client.dial import Cancelled
from rollcall.client.doctor import examine
from rollcall.program.os_errors import reason
from rollcall.window.words import sentence
from rollcall.wire.address import Address

LOOKING = "Looking what is wrong. This takes some seconds …"
STUCK_AFTER = 2.0
"""Seconds that the thread has to end."""


class Examination:
    """One look, of the network or at ``address``. ``said`` is what there is to say about it."""

    def __init__(self, address: Optional[Address]) -> None:
        self.said = LOOKING
        self._address = address
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, name="doctor", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """True when there is nothing more to come."""
        return not self._thread.is_alive()

    def _look(self) -> None:
        try:
            found = examine(self._address, self._stopping.is_set).diagnosis
        except Cancelled:
            return
        except OSError as error:
            self.said = sentence(f"this computer's network cannot be looked at: {reason(error)}")
            return
        self.said = f"{sentence(found.sentence)} {found.advice}".strip()  # one store: the window reads it

    def stop(self) -> None:
        """Whatever it finds is of no interest any more."""
        self._stopping.set()
        self._thread.join(STUCK_AFTER)
