"""The sockets with which a client asks every network that it is on, "who is there?".

One for each own IPv4 address, bound to it: so the question leaves by that card whatever the routing table says (a VPN
that has taken the default route, no route at all), and its sender is the address that a server there can answer. Each
question goes to the multicast group and to the broadcast address, because networks exist that swallow one of them. This
computer is asked over its loopback interface alike, which all of its servers hear, with or without a network.

An `Asker` belongs to one thread and has none of its own. What the datagrams hold is in ``rollcall/wire/discovery.py``.
"""

from __future__ import annotations

import errno
import ipaddress
import selectors
import socket
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from rollcall.wire.discovery import (
    GROUP,
    LOOPBACK,
    LOOPBACK_BROADCAST,
    PORT,
    asking_socket,
    encode_question,
    receive,
)
from rollcall.wire.interfaces import Interface, InterfaceAddress, interfaces

MOST_SOCKETS = 32
"""Own addresses that are asked from. Machines that run many containers have more; the real cards come first."""

READS_AT_ONCE = 64
"""Datagrams taken from one socket before the next one has its turn."""

ANY = "0.0.0.0"


@dataclass(frozen=True)
class Way:
    """One of our own addresses, and whom it asks. ``aside``: it leads to a VPN, or inside this computer."""

    ip: str
    card: str
    targets: Tuple[str, ...]
    loopback: bool = False
    aside: bool = False


@dataclass(frozen=True)
class Sent:
    """A question left by this way, or why it did not."""

    way: Way
    error: Optional[OSError] = None


@dataclass(frozen=True)
class Arrived:
    """A datagram that came in answer to this way's questions."""

    data: bytes
    ip: str
    way: Way


def ways() -> List[Way]:
    """The own addresses to ask from, the likeliest first. Where the system tells none, one that leaves it to the
    system."""
    try:
        found = interfaces()
    except OSError:
        return [_here(), Way(ANY, "", (GROUP, "255.255.255.255"))]
    rows = [_way(card, address) for card in found if card.up for address in card.addresses if not address.is_ipv6]
    rows.sort(key=lambda way: (not way.loopback, way.aside))
    unique = list({way.ip: way for way in reversed(rows)}.values())[::-1]
    return unique[:MOST_SOCKETS]


def _here() -> Way:
    # To the address itself as well: not every system delivers a broadcast to itself.
    return Way(LOOPBACK, "", (GROUP, LOOPBACK_BROADCAST, LOOPBACK), loopback=True)


def _way(card: Interface, address: InterfaceAddress) -> Way:
    if card.loopback and address.ip == LOOPBACK:
        return _here()
    targets = (GROUP, address.broadcast) if address.broadcast else (GROUP,)
    return Way(address.ip, card.name, targets, card.loopback, card.is_vpn or card.is_inside)


class Asker:
    """Asks by all `ways`, and each address of ``also`` by itself (IPv4 in digits, others are passed over: a name would
    be looked up here, and might take half a minute). `close` it in the end."""

    def __init__(self, also: Sequence[str] = ()) -> None:
        self.ask_also(also)
        self._sockets: Dict[Way, socket.socket] = {}
        self._problems: Dict[Way, OSError] = {}
        self._selector = selectors.DefaultSelector()

    def ask_also(self, also: Sequence[str]) -> None:
        """These addresses by themselves, in the place of the ones before; from the next `refresh` on."""
        self._also = tuple(ip for ip in also if _is_ipv4(ip))

    @property
    def own(self) -> List[str]:
        """The addresses of this computer."""
        return [way.ip for way in (*self._sockets, *self._problems)]

    def refresh(self) -> bool:
        """Look at the network cards again. True if there is something new to ask by."""
        now = ways()
        if self._also:
            now.append(Way(ANY, "", self._also))
        for way in [way for way in self._sockets if way not in now]:
            self._forget(way)
        self._problems = {way: error for way, error in self._problems.items() if way in now}
        new = [way for way in now if way not in self._sockets]
        opened = False
        for way in new:
            try:
                sock = asking_socket(way.ip)
            except OSError as error:
                self._problems[way] = error  # and again at the next look: an address can be there before it works
                continue
            self._problems.pop(way, None)
            self._sockets[way] = sock
            self._selector.register(sock, selectors.EVENT_READ, way)
            opened = True
        return opened

    def ask(self, question: str) -> List[Sent]:
        """Send the question everywhere; it left by a way if one of its targets could be reached."""
        datagram = encode_question(question)
        sent = [Sent(way, error) for way, error in self._problems.items()]
        for way, sock in self._sockets.items():
            errors = [error for target in way.targets for error in [_send(sock, datagram, target)]]
            sent.append(Sent(way, None if None in errors else errors[0]))
        return sent

    def receive(self, seconds: float, bell: Optional[socket.socket] = None) -> List[Arrived]:
        """What has come, after waiting for so long at most, or until ``bell`` can be read."""
        if bell is not None:
            self._selector.register(bell, selectors.EVENT_READ)
        try:
            ready = self._selector.select(max(0.0, seconds))
        finally:
            if bell is not None:
                self._selector.unregister(bell)
        return [arrived for key, _ in ready if key.data is not None for arrived in self._read(key.data)]

    def _read(self, way: Way) -> List[Arrived]:
        found: List[Arrived] = []
        try:
            while len(found) < READS_AT_ONCE:
                got = receive(self._sockets[way])
                if got is None:
                    break
                found.append(Arrived(got[0], got[1], way))
        except OSError as error:
            self._forget(way)  # the next look opens it again
            self._problems[way] = error
        return found

    def _forget(self, way: Way) -> None:
        sock = self._sockets.pop(way)
        self._selector.unregister(sock)
        sock.close()

    def close(self) -> None:
        """Close the sockets."""
        for way in list(self._sockets):
            self._forget(way)
        self._selector.close()


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _send(sock: socket.socket, datagram: bytes, target: str) -> Optional[OSError]:
    try:
        sock.sendto(datagram, (target, PORT))
    except (BlockingIOError, InterruptedError):
        return OSError(errno.ENOBUFS, "the network takes nothing more at this moment")
    except OSError as error:
        return error
    return None
