"""Whether the room is closed, and which browsers may see names in it.

In an open room everyone may see who is here, with the program as well as with a browser. In a closed one a browser gets
numbers only, because it cannot prove that it knows the code. The teacher's window can have a link made (`link`): it
works once (`redeem`), and what it gives is a cookie that this run of the server knows again.

Links and cookies are random and 128 bits long, and only their digests are kept: whoever measures how long a comparison
takes learns about a digest. Both are bounded, and forgotten when the server ends. No lock: each step is one operation
of a deque, which is atomic.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from typing import Deque, Optional

MAX_LINKS, MAX_COOKIES = 16, 64
"""Links that nobody has opened yet, and browsers that may see names: beyond them the oldest is no longer good."""


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


class Viewers:
    """Who may see names. Every method is thread-safe."""

    def __init__(self, closed: bool = False) -> None:
        self.closed = closed
        """True if the room has a code."""
        # Cookies of one host are shared by all its ports: two servers on one machine must not overwrite each other's.
        self._cookie = f"rollcall-{secrets.token_hex(4)}"
        self._links: Deque[bytes] = deque(maxlen=MAX_LINKS)
        self._cookies: Deque[bytes] = deque(maxlen=MAX_COOKIES)

    def link(self) -> str:
        """A new path that shows names to the first browser that opens it."""
        token = secrets.token_urlsafe(16)
        self._links.append(_digest(token))
        return f"/board?link={token}"

    def redeem(self, token: str) -> Optional[str]:
        """The value of a ``Set-Cookie`` for whoever opens a link first; None for anybody else."""
        try:
            self._links.remove(_digest(token))
        except ValueError:
            return None
        cookie = secrets.token_urlsafe(16)
        self._cookies.append(_digest(cookie))
        # For this browser's session (RFC 6265bis, section 4.1): no script reads it, no page from elsewhere sends it.
        return f"{self._cookie}={cookie}; Path=/board; HttpOnly; SameSite=Strict"

    def may_see_names(self, cookies: str) -> bool:
        """Whether the browser with this ``Cookie`` line may see who is here."""
        if not self.closed:
            return True
        pairs = (pair.strip().partition("=") for pair in cookies.split(";"))
        return any(name == self._cookie and _digest(value) in self._cookies for name, _, value in pairs)
