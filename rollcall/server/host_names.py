"""Which names of a server in the address bar are this server's.

A page from elsewhere can make a browser call any address of its own network: it lets its own name point there (DNS
rebinding), and the browser takes the answer for that page's. The name that the browser then says in ``Host`` is a
stranger's, so who is here is shown under our own names only: an address in digits (no name server can make those point
elsewhere), ``localhost``, this machine's name, alone, with ``.local`` (RFC 6762) and with its domain, and what the
settings add (``board_names``).

Nothing is asked of a name server, which can take seconds: the domain is what this machine itself says it is. No
threads; nothing changes after the start.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import FrozenSet, Iterable, Iterator, Optional

_HOST = re.compile(r"(?:\[([0-9a-f:.]{2,45})(?:%[^\]]{1,64})?\]|([^\s:\[\]/@]{1,253}))(?::[0-9]{0,5})?", re.IGNORECASE)
_RESOLVER = Path("/etc/resolv.conf")


class OwnNames:
    """The names and addresses under which this server answers a browser. ``more`` are names of the settings, separated
    by commas or spaces; ``hostname`` and ``domains`` are the machine's own if they are not given."""

    def __init__(
        self, more: str = "", hostname: Optional[str] = None, domains: Optional[Iterable[str]] = None
    ) -> None:
        full = _plain(socket.gethostname() if hostname is None else hostname)
        short, _, domain = full.partition(".")
        endings = {"local", domain, *map(_plain, _own_domains() if domains is None else domains)} - {""}
        known = {"localhost", short, *(f"{short}.{ending}" for ending in endings)} if short else {"localhost"}
        self._names: FrozenSet[str] = frozenset(known | set(map(_plain, re.split(r"[\s,;]+", more))) - {""})

    def __contains__(self, host: object) -> bool:
        """Whether the value of a ``Host`` is one of ours, with or without a port."""
        match = _HOST.fullmatch(str(host))
        if match is None:
            return False
        try:
            ipaddress.ip_address(match.group(1) or match.group(2))
        except ValueError:
            return match.group(2) is not None and _plain(match.group(2)) in self._names
        return True


def _plain(name: str) -> str:
    return name.strip().rstrip(".").lower()


def _own_domains() -> Iterator[str]:
    """The domains that this machine puts behind its name: Windows tells one in the environment, others in the settings
    of their resolver (resolv.conf(5), ``domain`` and ``search``)."""
    yield os.environ.get("USERDNSDOMAIN", "")
    try:
        lines = _RESOLVER.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if words[:1] in (["domain"], ["search"]):
            yield from words[1:7]
