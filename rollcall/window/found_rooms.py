"""The rooms of this network, for the card: a finder looks for them while the card is to be seen, and no longer.

What a server says of itself is a hint, which anybody can give; who it is, the client finds out when it is joined. The
servers that were used before are asked wherever they are: those that stand there by digits, and the last one also by
its name (school-pc.local), once the system has said what address that has. Why none is found can be examined. One
thread only; the finder has its own, and so have a name that is looked up and the examination.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
from typing import Any, Callable, Dict, List, Optional, Sequence

from rollcall.client.dial import look_up
from rollcall.client.finder import Finder, FinderEvent, Found, Gone, Server, met_words
from rollcall.client.trust import Trust
from rollcall.window.examination import Examination
from rollcall.window.join import FoundRoom
from rollcall.wire.address import DEFAULT_PORT, Address, parse_address

MOST_EVENTS = 1000
MOST_DIGITS = 4
"""Addresses of one name that are asked."""


class Rooms:
    """Who has answered."""

    def __init__(self) -> None:
        self._servers: Dict[str, Server] = {}

    def name_at(self, addresses: Sequence[str]) -> str:
        """What the server that is reached by one of these addresses calls itself; empty for none."""
        for server in self._servers.values():
            if not {str(address) for address in server.addresses}.isdisjoint(addresses):
                return server.name or str(server.addresses[0])
        return ""

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
    """Looks for rooms while that is wanted. ``trust`` tells which servers were met."""

    def __init__(self, trust: Callable[[], Trust]) -> None:
        self._trust = trust
        self._also: List[str] = []
        self._hosts: Dict[str, List[str]] = {}  # what addresses a name has, as far as the system has said
        self._looked_up = ""  # the name that is looked up, or was
        self._answer: Optional[queue.SimpleQueue[Any]] = None
        self._finder: Optional[Finder] = None
        self._examination: Optional[Examination] = None
        self._examined_in = ""
        self._forget()

    def _forget(self) -> None:
        self._events: queue.Queue[FinderEvent] = queue.Queue(MOST_EVENTS)
        self._rooms = Rooms()

    def look(self, is_wanted: bool, servers: Sequence[str] = ()) -> Optional[List[FoundRoom]]:
        """Start or end looking, as it is wanted now; the rooms, if they are others than at the last call. ``servers``
        were used before, the last one first."""
        if is_wanted and self._finder is None:
            self._also = by_digits(servers)
            self._look_up(servers[0] if servers else "")
            self._finder = Finder(self._events, self._also)
            self._finder.start()
        elif not is_wanted and self._finder is not None:
            self.stop()
            return []
        if self._finder is not None and self._answer is not None and not self._answer.empty():
            self._take_addresses(self._answer.get(), self._finder)
        is_changed = False
        while not self._events.empty():
            is_changed = self._rooms.take(self._events.get_nowait()) or is_changed
        return self._rooms.listed(self._trust()) if is_changed else None

    def _look_up(self, server: str) -> None:
        """What address the last server has, if it is there by its name. A name is looked up each time: it may be the
        same school's computer in another place."""
        address = _address(server)
        if address is not None and not _is_address(address.host):
            self._looked_up, self._answer = address.host, look_up(address)

    def _take_addresses(self, answer: Any, finder: Finder) -> None:
        """The system has said it, or that it does not know: then the room is asked for when somebody joins it."""
        self._answer = None
        found = answer if isinstance(answer, list) else []
        digits = list(dict.fromkeys(str(one[4][0]) for one in found if one[0] == socket.AF_INET))[:MOST_DIGITS]
        if digits:
            self._hosts[self._looked_up] = digits
            finder.ask_also([*digits, *self._also])

    def examine(self, server: str, phase: str) -> None:
        """Find out why that server is not reached, or why none is found. What is said holds for this ``phase`` of the
        connection: whoever tries again reads how that goes."""
        if self._examination is not None:
            self._examination.stop()
        address = _address(server)  # what is wrong with it is said when it is joined; the network can be looked at
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
        """What the server at this address, or of this name, calls itself, if it answers."""
        address = _address(server)
        if address is None:
            return ""
        hosts = (address.host, *self._hosts.get(address.host, ()))
        return self._rooms.name_at([str(Address(host, address.port)) for host in hosts])

    def stop(self) -> None:
        """Look no more; what was found is forgotten."""
        examination, self._examination = self._examination, None
        if examination is not None:
            examination.stop()
        finder, self._finder = self._finder, None
        if finder is not None:
            finder.stop()
        self._answer = None
        self._forget()


def by_digits(servers: Sequence[str]) -> List[str]:
    """The addresses among them that need no name server, without their ports."""
    hosts = (server.rpartition(":")[0] or server for server in servers)
    return [host for host in hosts if _is_ipv4(host)]


def _address(server: str) -> Optional[Address]:
    """What is typed there as an address; None while it is none."""
    try:
        return parse_address(server, DEFAULT_PORT) if server.strip() else None
    except ValueError:
        return None


def _is_ipv4(text: str) -> bool:
    return _is_address(text) and ":" not in text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
        return True
    except ValueError:
        return False


def _room(server: Server, trust: Trust) -> FoundRoom:
    facts = [f"{server.here} here"] if server.here is not None else []
    if server.closed:
        facts.append("code")
    if server.own:
        facts.append("this computer")
    facts.append(met_words(server, trust))
    address = str(server.addresses[0])
    return FoundRoom(address, server.name or address, " · ".join(facts), server.closed)
