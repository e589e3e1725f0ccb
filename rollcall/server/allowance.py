"""How much a client may send, and how a conversation ends that was nobody's broken message. No state, no threads."""

from __future__ import annotations

from protocol import Error
from rollcall.wire.text import counted

RETRY_WHEN_RATE_LIMITED = 10.0
"""Seconds, sent as ``retry_after``."""

LEAST_BURST = 10
"""Messages that a client may send at once however low the rate: it must be able to register, beat and leave."""


class Refusal(Exception):
    """The conversation ends with this error, which is no broken message."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.code)
        self.error = error


PER_MESSAGE = 100
"""Bytes of a line that cost as much as one message: no honest member's line is longer, and parsing takes its time."""

PART = 0.25
"""What a receive of a member costs that completes no line: a heartbeat byte by byte is no attack, a flood of bytes is.
Before the registration it costs nothing: the length of a line and the deadline bound what there may be, and a network
that delivers single bytes must not keep a long name out."""


def weight(line: bytes) -> float:
    """What a line costs, in messages."""
    return max(1.0, len(line) / PER_MESSAGE)


class Allowance:
    """How many messages a client may send: ``rate`` a second, ``burst`` at once (GCRA, ITU-T I.371, annex A).

    Immutable, one for all clients; rate 0 is no limit. Of each client only one number is kept, instead of a bucket and
    a time: the moment at which it would be back at nothing.
    """

    __slots__ = ("_cost", "_rate", "_tolerance")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._cost = 1.0 / rate if rate else 0.0
        self._tolerance = self._cost * burst

    def spend(self, used_until: float, now: float, messages: float = 1.0) -> float:
        """So many messages at monotonic time ``now`` by a client that was at ``used_until`` (0 at first): where it is
        then. Raises `Refusal` (``rate_limited``) if that is too much."""
        used_until = (used_until if used_until > now else now) + self._cost * messages
        if used_until - now > self._tolerance:
            most = f"more than {counted(self._rate, 'message')} a second, of {PER_MESSAGE} bytes each"
            what = f"{most}; an honest client sends one in each heartbeat interval"
            raise Refusal(Error("rate_limited", what, RETRY_WHEN_RATE_LIMITED))
        return used_until
