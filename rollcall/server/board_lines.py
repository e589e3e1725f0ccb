"""The board as values and as events: who is here, for any screen with a browser.

A `BoardState` is made of one snapshot of the roster. It is sent whole, as one event of a stream (the WHATWG's HTML
standard, "Server-sent events"), never as a difference: whoever missed ten of them needs the last one only, so a board
that is slow, or comes back, is right with the next event. Each is encoded once for all boards (``roster_lines.py``).

It shows what may be seen from across a room: names and states, no addresses. Teachers are not counted: they take the
roll. Who has no name (version 1 of the protocol) is a number. No state, no threads.
"""

from __future__ import annotations

import json
import re
import time
import unicodedata
from dataclasses import dataclass
from typing import List, Tuple

from protocol import LATE, Entry
from rollcall.wire.messages import MEMBER

MAX_TILES = 1000
"""Names on a board; above that it shows numbers only. 1,000 names are 40 KB in each event, and ten pages."""

STILL_THERE = b": still there\nevent: still\ndata: 1\n\n"
"""What a board gets when nothing happens. The comment is for whatever stands between (HTML standard, section 9.2.7,
recommends one about every 15 seconds); the event is for the page, which is not told of comments."""

_NUMBER = re.compile(r"(\d{1,15})")


@dataclass(frozen=True)
class Tile:
    """One person: the member's id, the name, and whether it is late."""

    id: int
    name: str
    late: bool


@dataclass(frozen=True)
class BoardState:
    """What a board shows. ``named`` is False where it may show numbers only, and there are no ``tiles`` then; ``here``
    and ``late`` add up to everybody; the ``unnamed`` are counted among both; ``at`` is the server's time of day."""

    rev: int
    here: int
    late: int
    unnamed: int
    named: bool
    tiles: Tuple[Tile, ...]
    at: str


def board_state(rev: int, entries: List[Entry], named: bool) -> BoardState:
    """The board of this snapshot. ``named`` says whether names may be seen."""
    people = [entry for entry in entries if entry.role == MEMBER]
    late = sum(entry.state == LATE for entry in people)
    tiles: Tuple[Tile, ...] = ()
    if named and len(people) <= MAX_TILES:
        named_people = sorted((entry for entry in people if entry.name), key=lambda entry: sort_key(entry.name))
        tiles = tuple(Tile(entry.id, entry.name, entry.state == LATE) for entry in named_people)
    unnamed = len(people) - len(tiles) if tiles else sum(not entry.name for entry in people)
    return BoardState(rev, len(people) - late, late, unnamed, named, tiles, time.strftime("%H:%M"))


def board_event(state: BoardState) -> bytes:
    """The event that tells it. One line, in ASCII: no name can end it or begin another."""
    document = {
        "rev": state.rev, "here": state.here, "late": state.late, "unnamed": state.unnamed, "named": state.named,
        "tiles": [[tile.id, tile.name, int(tile.late)] for tile in state.tiles],
    }  # fmt: skip
    return b"data: " + json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n\n"


def sort_key(name: str) -> Tuple[object, ...]:
    """Names as people sort them: accents and capitals aside, "Student 2" before "Student 10"."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    parts = _NUMBER.split("".join(char for char in plain if not unicodedata.combining(char)))
    return (*((int(part), "") if part.isdecimal() else (0, part) for part in parts), (0, name))
