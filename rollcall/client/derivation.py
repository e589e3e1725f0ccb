"""Keys in place of a code, derived in a thread of its own: half a second, or three on an old machine, uninterruptible.

Whoever waits looks up every `dial.STEP` seconds whether somebody said stop; the thread, ``deriver``, is left to itself
then, and ends within those seconds. No connection is open meanwhile.
"""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable

from rollcall.client.dial import STEP, Cancelled
from rollcall.wire.codes import Folded
from rollcall.wire.scram_keys import Challenge, ClientKeys, derive_client_keys


def derive(code: Folded, challenge: Challenge, stopping: Callable[[], bool]) -> ClientKeys:
    """The keys of this code for this challenge. Raises `Cancelled` when ``stopping()`` came true meanwhile."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def work() -> None:
        try:
            answer.put(derive_client_keys(code, challenge))
        except Exception as error:  # whatever it is, it belongs to whoever waits
            answer.put(error)

    threading.Thread(target=work, name="deriver", daemon=True).start()
    while not stopping():
        try:
            result = answer.get(timeout=STEP)
        except queue.Empty:
            continue
        if isinstance(result, ClientKeys):
            return result
        raise result
    raise Cancelled
