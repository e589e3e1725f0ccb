"""How many may be in the room, and who takes a seat.

Plain state of the roster, which calls all of this under its lock. A seat is taken when a connection registers, not
before, and given back when its member goes or another session takes the row over.
"""

from __future__ import annotations

from typing import Dict

from rollcall.wire.messages import MEMBER
from rollcall.wire.text import counted

TEACHERS = 8
"""Seats for teachers and substitutes. They take none of ``max_clients``, nor of an address: a full class must not keep
its teacher out."""


class RosterFull(Exception):
    """All seats are taken; ``str()`` says which limit that was, for the person who is refused."""


class Seats:
    """The seats that are taken. ``most`` bounds those of the class, ``most_per_address`` those of them that come from
    one address (0 is no limit), and `TEACHERS` those who are none of the class."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._class = 0
        self._teachers = 0  # and substitutes
        self._per_address: Dict[str, int] = {}

    def missing(self, role: str, address: str) -> str:
        """Why nobody else can come in as this and from this address; empty if somebody can."""
        if role != MEMBER:
            return "" if self._teachers < TEACHERS else f"the {counted(TEACHERS, 'seat')} for teachers are taken"
        if self._class >= self._most:
            return f"the server is full: it takes {counted(self._most, 'client')}"
        if 0 < self._most_per_address <= self._per_address.get(address, 0):
            return f"the server takes {counted(self._most_per_address, 'client')} from one address, and has them"
        return ""

    def take(self, role: str, address: str) -> None:
        """Somebody sits down, whether there was a seat or not."""
        if role != MEMBER:
            self._teachers += 1
            return
        self._class += 1
        if self._most_per_address:
            self._per_address[address] = self._per_address.get(address, 0) + 1

    def give_back(self, role: str, address: str) -> None:
        """Somebody who took a seat as this and from there gets up."""
        if role != MEMBER:
            self._teachers -= 1
            return
        self._class -= 1
        if self._most_per_address:
            left = self._per_address[address] - 1
            if left:
                self._per_address[address] = left
            else:
                del self._per_address[address]
