"""What a client keeps of the servers that it met through TLS, so that it knows them again.

A server **is** the fingerprint of its certificate; its name and addresses are hints that are kept with it. Beside them
stand what was learned in an exchange that *proved* something: whether it wanted a code, how many iterations it asked
for at least, and for each user name the keys that stand in place of the code (`ClientKeys`, so that a reconnect derives
nothing).

`Trust` is a value: a change makes another one. So the client's reader thread and a window can share it without a lock,
and two windows of one person can put together what each has learned (`Trust.with_server`). Where it is stored is the
caller's: with the keys it is as secret as the code and belongs into a file of mode 0600, `without_keys` is for who does
not want that. `Trust.from_json` takes nothing from such a file that is not exactly as `to_json` writes it.

No I/O, no threads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Tuple

from rollcall.wire.scram import CLASS, TEACHER
from rollcall.wire.scram_keys import MAX_ITERATIONS, ClientKeys
from rollcall.wire.text import MAX_NAME, forbidden_character

MAX_SERVERS = 32
"""Servers that are kept; who was met longest ago makes room."""

MAX_ADDRESSES = 4
"""Addresses kept of one server, the last ones."""

MAX_ADDRESS = 300
"""Characters of an address: a host name has at most 253 (RFC 1035), then the port."""

KEPT_USERS = (CLASS, TEACHER)
"""Whose keys are worth keeping; a substitute's are good until midnight."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_FIELDS = {"fingerprint", "name", "addresses", "closed", "least_iterations", "keys"}


@dataclass(frozen=True)
class KnownServer:
    """One server that was met. ``closed``: it wanted the code, and proved that it knows it. ``addresses`` are as
    ``str(Address)`` writes them, the last first; ``least_iterations`` is what it ever asked for, 0 if nothing."""

    fingerprint: str
    name: str = ""
    addresses: Tuple[str, ...] = ()
    closed: bool = False
    least_iterations: int = 0
    keys: Mapping[str, ClientKeys] = field(default_factory=dict, repr=False)

    def at(self, address: str) -> KnownServer:
        """The same, met at this address."""
        others = tuple(known for known in self.addresses if known != address)
        return replace(self, addresses=(address, *others)[:MAX_ADDRESSES])

    def with_keys(self, user: str, keys: ClientKeys) -> KnownServer:
        """The same, after an exchange in which both sides proved that they know the code."""
        least = max(self.least_iterations, keys.iterations)
        return replace(self, least_iterations=least, keys={**self.keys, user: keys})

    def without_keys(self, user: str) -> KnownServer:
        """The same, after it did not take what these keys proved."""
        return replace(self, keys={kept: keys for kept, keys in self.keys.items() if kept != user})


@dataclass(frozen=True)
class Trust:
    """All servers that are known, who was met last first.

    ``doubted`` are fingerprints of strangers with whom an exchange has failed: before another code is taken for one of
    them, a person is warned. They are for this run, and in no file: whoever proves that he knows the code is none."""

    servers: Tuple[KnownServer, ...] = ()
    doubted: Tuple[str, ...] = ()

    def find(self, fingerprint: str) -> Optional[KnownServer]:
        """The server with this fingerprint, if it was ever met."""
        return next((known for known in self.servers if known.fingerprint == fingerprint), None)

    def at(self, address: str) -> Tuple[KnownServer, ...]:
        """Who was met at this address."""
        return tuple(known for known in self.servers if address in known.addresses)

    def closed_like(self, name: str, address: str = "") -> Optional[KnownServer]:
        """A closed room of this name, at this address if one is given: what somebody would imitate."""
        for known in self.at(address) if address else self.servers:
            if known.closed and known.name == name:
                return known
        return None

    def with_server(self, server: KnownServer) -> Trust:
        """This and what is known of ``server`` now, in place of what was."""
        others = tuple(known for known in self.servers if known.fingerprint != server.fingerprint)
        doubted = tuple(stranger for stranger in self.doubted if stranger != server.fingerprint)
        return Trust((server, *others)[:MAX_SERVERS], doubted)

    def with_doubt(self, fingerprint: str) -> Trust:
        """This after an exchange with a stranger that has failed."""
        others = tuple(stranger for stranger in self.doubted if stranger != fingerprint)
        return replace(self, doubted=(fingerprint, *others)[:MAX_SERVERS])

    def without(self, fingerprint: str) -> Trust:
        """Forget a server: at the next meeting it is a stranger."""
        return replace(self, servers=tuple(known for known in self.servers if known.fingerprint != fingerprint))

    def without_address(self, address: str) -> Trust:
        """Forget whoever was met at this address: the next who is there is a stranger."""
        return replace(self, servers=tuple(known for known in self.servers if address not in known.addresses))

    def without_keys(self) -> Trust:
        """The same without anything that stands in place of a code."""
        return replace(self, servers=tuple(replace(known, keys={}) for known in self.servers))

    def to_json(self) -> List[Dict[str, Any]]:
        """For a file of mode 0600."""
        return [
            {
                "fingerprint": known.fingerprint,
                "name": known.name,
                "addresses": list(known.addresses),
                "closed": known.closed,
                "least_iterations": known.least_iterations,
                "keys": {user: keys.to_text() for user, keys in known.keys.items() if user in KEPT_USERS},
            }
            for known in self.servers
        ]

    @classmethod
    def from_json(cls, content: object) -> Trust:
        """What `to_json` wrote. Raises ValueError, with the reason, if anything in it is something else: keys that
        somebody has put there would open a door to him."""
        if not isinstance(content, list) or len(content) > MAX_SERVERS:
            raise ValueError(f"the known servers must be a list of at most {MAX_SERVERS}")
        servers = tuple(map(_server, content))
        if len({known.fingerprint for known in servers}) != len(servers):
            raise ValueError("a known server stands there twice")
        return cls(servers)


def _server(row: object) -> KnownServer:
    if not isinstance(row, dict) or not set(row) <= _FIELDS:
        raise ValueError("a known server must be an object with the fields of one")
    fingerprint, addresses, closed = row.get("fingerprint"), row.get("addresses", []), row.get("closed", False)
    least, keys = row.get("least_iterations", 0), row.get("keys", {})
    if not isinstance(fingerprint, str) or not _FINGERPRINT.fullmatch(fingerprint):
        raise ValueError("the fingerprint of a known server must be 64 hexadecimal digits")
    if not isinstance(addresses, list) or len(addresses) > MAX_ADDRESSES:
        raise ValueError(f"the addresses of a known server must be a list of at most {MAX_ADDRESSES}")
    if not isinstance(closed, bool):
        raise ValueError('"closed" of a known server must be true or false')
    if type(least) is not int or not 0 <= least <= MAX_ITERATIONS:  # True is an int, too
        raise ValueError(f'"least_iterations" of a known server must be a whole number from 0 to {MAX_ITERATIONS}')
    if not isinstance(keys, dict) or not set(keys) <= set(KEPT_USERS):
        raise ValueError("the keys of a known server must be those of its user names")
    return KnownServer(
        fingerprint=fingerprint,
        name=_text(row.get("name", ""), MAX_NAME),
        addresses=tuple(_text(address, MAX_ADDRESS) for address in addresses),
        closed=closed,
        least_iterations=least,
        keys={user: _keys(text) for user, text in keys.items()},
    )


def _keys(text: object) -> ClientKeys:
    if not isinstance(text, str) or len(text) > 400:
        raise ValueError("the keys of a known server must be text")
    return ClientKeys.from_text(text)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit or forbidden_character(value):
        raise ValueError(f"a text of a known server must have at most {limit} characters, and none that is not shown")
    return value
