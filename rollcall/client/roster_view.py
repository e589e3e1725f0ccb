"""A client's copy of the roster: snapshots and deltas in, and the question whether there is a gap.

The server promises that a delta leads from one revision of one epoch to another. The view applies it only if it is at
exactly that revision; otherwise something was lost and the client asks for `resync`. Belongs to the client's reader
thread; what it returns are new values that other threads may keep.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from protocol import ClientList, Entry, RosterDelta
from rollcall.wire.fields import ROWS_BETWEEN_LOOKS, Look, no_look


class RosterView:
    """The roster as this client knows it: ``entries`` by member id, at revision ``rev`` of ``epoch``."""

    def __init__(self) -> None:
        self.epoch: Optional[str] = None
        self.rev = 0
        self.entries: Dict[int, Entry] = {}
        self._invented: Dict[Tuple[str, int, int], int] = {}
        self._last_invented = 0

    def replace(self, message: ClientList, look: Look = no_look) -> Tuple[Entry, ...]:
        """Take a snapshot and return its entries; those of a version 1 list are given ids that stay theirs, which takes
        a while for thousands: ``look`` is called meanwhile, and ends it by raising."""
        entries = message.clients if message.epoch is not None else self._with_ids(message.clients, look)
        self.epoch = message.epoch
        self.rev = message.rev or 0
        self.entries = {entry.id: entry for entry in entries}
        return entries

    def update(self, message: RosterDelta) -> bool:
        """Apply a delta; False, and nothing changed, if it does not start where this view is."""
        if message.epoch != self.epoch or message.from_rev != self.rev:
            return False
        for entry in message.up:
            self.entries[entry.id] = entry
        for gone in message.down:
            self.entries.pop(gone.id, None)
        self.rev = message.rev
        return True

    def _with_ids(self, clients: Tuple[Entry, ...], look: Look) -> Tuple[Entry, ...]:
        """Version 1 has no ids: the same address keeps the same one, and the second of two equal ones another. None is
        given twice, so that nobody takes the row of who has just left."""
        seen: Dict[Tuple[str, int], int] = {}
        known: Dict[Tuple[str, int, int], int] = {}
        entries = []
        for number, client in enumerate(clients):
            if number % ROWS_BETWEEN_LOOKS == 0:
                look()
            address = (client.ip, client.port)
            seen[address] = seen.get(address, 0) + 1
            key = (*address, seen[address])
            member_id = self._invented.get(key)
            if member_id is None:
                self._last_invented += 1
                member_id = self._last_invented
            known[key] = member_id
            entries.append(Entry(client.ip, client.port, member_id))
        self._invented = known
        return tuple(entries)
