"""Where a server is, as people type it. No state, no threads, no network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rollcall.wire.text import printable

DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Address:
    """Where a server is. ``str()`` gives it as a person types it."""

    host: str
    port: int = field(default=DEFAULT_PORT)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``HOST``, ``HOST:PORT``, ``[IPv6]:PORT`` or a bare IPv6 address.

    Raises ValueError with a sentence for the person who typed it.
    """
    text = text.strip()
    match = re.fullmatch(r"\[([^\[\]]+)\](?::(.*))?", text)
    if match:
        host, port_text = match.group(1), match.group(2)
    elif text.count(":") > 1:
        host, port_text = text, None
    else:
        host, _, rest = text.partition(":")
        port_text = rest if ":" in text else None
    if not re.fullmatch(r"[^\s\[\]/@]{1,253}", host) or not host.isprintable():
        raise ValueError(
            f"{printable(text)!r} is not a server address; type HOST or HOST:PORT, such as 192.168.1.20:8080"
        )
    return Address(host, default_port if port_text is None else parse_port(port_text))


def parse_port(text: str, lowest: int = 1) -> int:
    """A TCP port that a person typed. Raises ValueError with a sentence for that person."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not lowest <= int(digits) <= 65535:
        raise ValueError(f"{printable(text)!r} is not a port; it must be a whole number from {lowest} to 65535")
    return int(digits)
