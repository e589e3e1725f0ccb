"""Cuts a stream of bytes into lines, with a bound. No input or output, no threads: who reads the bytes feeds them."""

from __future__ import annotations

from typing import Iterator

from rollcall.wire.errors import ProtocolError

MAX_CLIENT_LINE = 8 * 1024
"""Longest line, in bytes without its end, that a client may send: far above any honest message (a register
with every field full is about 2 KiB) and small enough that 10,000 half-sent lines are no attack."""

MAX_MEMBER_LINE = 512
"""The same once a client of version 2 has registered: a heartbeat has 40 bytes, and no other line of its is longer."""


class LineDecoder:
    """Cuts a stream of bytes into lines, however the network split it.

    One decoder belongs to one connection and to the thread that reads it. Memory is bounded by
    ``max_line`` plus what is fed at once.
    """

    __slots__ = ("_buffer", "_limit", "_searched", "idle", "max_line")

    def __init__(self, max_line: int = MAX_CLIENT_LINE) -> None:
        self.max_line = max_line
        """The limit for lines whose first byte comes from now on, however the bytes are packed into packets. May be
        changed at any time, also between two lines of one `feed`."""
        self._limit = max_line  # of the line that is being read
        self._buffer = bytearray()
        # Bytes at the front of the buffer known to hold no line end: without this, a long line that
        # comes byte by byte is searched from its start each time.
        self._searched = 0
        self.idle = True
        """True between two lines: nothing of an unfinished line is held. To be read only."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each line that ``data`` completes, without its end.

        Raises `ProtocolError` (``line_too_long``) when a line is longer than ``max_line`` bytes, after the lines
        before it were yielded: the same stream gives the same lines and the same error for any split.
        Read the iterator to its end; bytes not yet looked at are lost otherwise.
        """
        buffer = self._buffer
        if not buffer:
            self._limit = self.max_line
        buffer += data
        start = 0
        try:
            while True:
                end = buffer.find(b"\n", max(start, self._searched))
                if end < 0:
                    break
                self._check(end - start)
                line = bytes(buffer[start:end])
                start = end + 1
                yield line[:-1] if line.endswith(b"\r") else line
                self._limit = self.max_line
            self._check(len(buffer) - start)
        finally:
            del buffer[:start]
            self._searched = len(buffer)
            self.idle = not buffer

    def _check(self, length: int) -> None:
        if length > self._limit:
            raise ProtocolError(
                "line_too_long",
                f"a line may have at most {self._limit} bytes; this one has {length} or more",
            )
