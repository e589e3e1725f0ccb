"""Whose act it is, and that it was not done: what `acts` and `class_acts` share. No state, no threads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List

from rollcall.server.room import Room
from rollcall.wire.connection import Connection


class NotDone(Exception):
    """The act was not done. ``str(error)`` says why, for a person."""


@dataclass
class Asker:
    """Whose act it is: its label for the log, its own row, what it is, and where it is. ``pieces`` are those of a list
    that comes in parts. Belongs to the handler's thread."""

    room: Room
    connection: Connection
    member_id: int
    role: str
    address: str
    pieces: List[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return self.connection.label

    @property
    def session_id(self) -> int:
        return self.connection.session_id

    @property
    def name(self) -> str:
        """By what name the record says who marked."""
        known = self.room.roster.known_as(self.member_id)
        return "" if known is None else known.entry.name
