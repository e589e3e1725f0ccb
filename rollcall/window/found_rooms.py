"""The rooms of this network, for the card: a finder looks for them while the card is to be seen, and no longer.

What a server says of itself is a hint, which anybody can give; who it is, the client finds out when it is joined. Why
none is found can be examined. One thread only; the finder has its own, and so has the examination.
"""

from __future__ import annotations

import ipaddress
import queue
from typing import Callable, Dict, List, Optional, Sequence

from rollcall.client.finder import Finder, FinderEvent, Found, Gone, Server, met_words
from rollcall.client.trust import Trust
from rollcall.window.examination import Examination
from rollcall.window.join import FoundRoom
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address

MOST_EVENTS = 1000


class Rooms:
    """Who has answered."""

    def __init__(self) -> None:
        self._servers: Dict[str, Server] = {}

    def take(self, event: FinderEvent) -> bool:
        """True if there is something else to show."""
        if isinstance(event, Found):
            self._servers[event.server.key] = event.server
        elif isinstance(event, Gone):
            self._servers.pop(event.server.key, None)
        return isinstance(event, (Found, Gone))

    def listed(self, trust: Trust) -> List[FoundRoom]:
        """All of them, for the card. ``trust`` has the servers that were met before."""
        return [_room(server, trust) for server in self._servers.values()]


class FoundRooms:
    """``servers`` were used before: whoever stands there by digits is asked, wherever it is. ``trust`` tells which were
    met."""

    def __init__(self, servers: Sequence[str], trust: Callable[[], Trust]) -> None:
        self._trust = trust
        self._also = by_digits(servers)
        self._finder: Optional[Finder] = None
        self._examination: Optional[Examination] = None
        self._examined_in = ""
        self._forget()

    def _forget(self) -> None:
        self._events: queue.Queue[FinderEvent] = queue.Queue(MOST_EVENTS)
        self._rooms = Rooms()

    def look(self, is_wanted: bool) -> Optional[List[FoundRoom]]:
        """Start or end looking, as it is wanted now; the rooms, if they are others than at the last call."""
        if is_wanted and self._finder is None:
            self._finder = Finder(self._events, self._also)
            self._finder.start()
        elif not is_wanted and self._finder is not None:
            self.stop()
            return []
        is_changed = False
        while not self._events.empty():
            is_changed = self._rooms.take(self._events.get_nowait()) or is_changed
        return self._rooms.listed(self._trust()) if is_changed else None

    def examine(self, server: str, phase: str) -> None:
        """Find out why that server is not reached, or why none is found. What is said holds for this ``phase`` of the
        connection: whoever tries again reads how that goes."""
        if self._examination is not None:
            self._examination.stop()
        address: Optional[Address] = None
        try:
            address = parse_address(server, DEFAULT_PORT) if server.strip() else None
        except ValueError:
            pass  # what is wrong with it is said when it is joined; the network can be looked at
        self._examination, self._examined_in = Examination(address), phase

    def examined(self, phase: str) -> str:
        """What came of that; empty for nothing."""
        if self._examination is None:
            return ""
        if phase != self._examined_in:
            self._examination.stop()
            self._examination = None
            return ""
        return self._examination.said

    def name_of(self, server: str) -> str:
        """What the server at this address calls itself, if it answers."""
        return next((room.name for room in self._rooms.listed(self._trust()) if room.address == server.strip()), "")

    def stop(self) -> None:
        """Look no more; what was found is forgotten."""
        examination, self._examination = self._examination, None
        if examination is not None:
            examination.stop()
        finder, self._finder = self._finder, None
        if finder is not None:
            finder.stop()
        self._forget()


def by_digits(servers: Sequence[str]) -> List[str]:
    """The addresses among them that need no name server, without their ports."""
    hosts = (server.rpartition(":")[0] or server for server in servers)
    return [host for host in hosts if _is_ipv4(host)]


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


def _room(server: Server, trust: Trust) -> FoundRoom:
    facts = [f"{server.here} here"] if server.here is not None else []
    if server.closed:
        facts.append("needs a code")
    if server.own:
        facts.append("this computer")
    facts.append(met_words(server, trust))
    address = str(server.addresses[0])
    return FoundRoom(address, server.name or address, " · ".join(facts), server.closed)
