"""The board as values and as events: who is here, for any screen with a browser.

A `BoardState` is made of one snapshot of the roster. It is sent whole, as one event of a stream (the WHATWG's HTML
standard, "Server-sent events"), never as a difference: whoever missed ten of them needs the last one only, so a board
that is slow, or comes back, is right with the next event. Each is encoded once for all boards (``roster_lines.py``).

It shows what may be seen from across a room: names and states, no addresses. Teachers are not counted: they take the
roll. Who has no name (version 1 of the protocol) is a number, and so is who has gone. The rules are the projector's:
names are short where that tells who it is, and where there is a class it is the name of the list; who is missing is a
number, never a name; so are guests. A browser that may
not see names gets the number of people, and nothing of the class. No state, no threads.
"""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple

from protocol import HERE, LATE, Entry
from rollcall.wire.messages import MEMBER
from rollcall.wire.text import counted, short_name

if TYPE_CHECKING:  # a server without a class does without it
    from rollcall.server.class_entries import ClassList

MAX_TILES = 1000
"""Names on a board; above that it shows numbers only. 1,000 names are 40 KB in each event, and ten pages."""

STILL_THERE = b": still there\nevent: still\ndata: 1\n\n"
"""What a board gets when nothing happens. The comment is for whatever stands between (HTML standard, section 9.2.7,
recommends one about every 15 seconds); the event is for the page, which is not told of comments."""

SILENT = "silent"
_ABSENT, _ELSE = ("lost", "missing", "left"), ("expected", "excused", "out")
"""What may have become of a name of the list that is not here: what a teacher should look at, and what is all right."""

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
    and ``late`` add up to everybody; the ``unnamed`` are counted among both; ``at`` is the server's time of day.
    ``absent`` says how many have gone. With a class all are of the ``listed``, and ``absent`` and ``other`` say in
    numbers and words where the rest is."""

    rev: int
    here: int
    late: int
    unnamed: int
    named: bool
    tiles: Tuple[Tile, ...]
    at: str
    listed: Optional[int] = None
    guests: int = 0
    absent: str = ""
    other: str = ""

    @property
    def here_text(self) -> str:
        return f"{self.here} here" if self.listed is None else f"{self.here} of {self.listed} here"

    @property
    def more(self) -> str:
        """Who is here without a tile; empty for nobody."""
        if self.guests:
            return f"+ {counted(self.guests, 'guest')}"
        return f"+ {self.unnamed} without a name" if self.tiles and self.unnamed else ""

    @property
    def anybody(self) -> bool:
        return self.here + self.late + self.guests > 0


def board_state(
    rev: int, entries: List[Entry], named: bool, the_class: Optional[ClassList] = None, gone: int = 0
) -> BoardState:
    """The board of this snapshot. ``named`` says whether names may be seen. ``the_class`` is the class, if there is
    one: then who is here, and who is not, is whom it says. Otherwise so many have ``gone``."""
    if named and the_class is not None:
        return _class_state(rev, the_class)
    people = [entry for entry in entries if entry.role == MEMBER]
    late = sum(entry.state == LATE for entry in people)
    tiles: Tuple[Tile, ...] = ()
    if named and len(people) <= MAX_TILES:
        named_people = sorted((entry for entry in people if entry.name), key=lambda entry: sort_key(entry.name))
        short = Counter(short_name(entry.name) for entry in named_people)
        tiles = tuple(Tile(entry.id, _tile_name(entry.name, short), entry.state == LATE) for entry in named_people)
    unnamed = len(people) - len(tiles) if tiles else sum(not entry.name for entry in people)
    absent = f"{gone} gone" if gone and named else ""
    return BoardState(rev, len(people) - late, late, unnamed, named, tiles, time.strftime("%H:%M"), absent=absent)


def _class_state(rev: int, the_class: ClassList) -> BoardState:
    counts = the_class.counts
    here, late = counts.get(HERE, 0), counts.get(SILENT, 0)
    names = [(one.name, one.state) for one in the_class.entries if one.key.startswith("n:")]
    shown = [(name, state == SILENT) for name, state in names if state in (HERE, SILENT)]
    short = Counter(short_name(name) for name, _ in shown)
    tiles = (
        Tile(number, _tile_name(name, short), is_late)
        for number, (name, is_late) in enumerate(sorted(shown, key=lambda one: sort_key(one[0])))
    )
    return BoardState(
        rev, here, late, 0, True, tuple(tiles) if len(shown) <= MAX_TILES else (), time.strftime("%H:%M"),
        the_class.listed, the_class.guests, _words(counts, _ABSENT), _words(counts, _ELSE),
    )  # fmt: skip


def _tile_name(name: str, short: Mapping[str, int]) -> str:
    """As the projector has it: in short where that tells who it is. ``short`` counts the short names."""
    return short_name(name) if short[short_name(name)] == 1 else name


def _words(counts: Mapping[str, int], states: Sequence[str]) -> str:
    return ", ".join(f"{counts[state]} {state}" for state in states if counts.get(state))


def board_event(state: BoardState) -> bytes:
    """The event that tells it. One line, in ASCII: no name can end it or begin another."""
    document: Dict[str, Any] = {
        "rev": state.rev, "here": state.here, "late": state.late, "unnamed": state.unnamed, "named": state.named,
        "tiles": [[tile.id, tile.name, int(tile.late)] for tile in state.tiles],
    }  # fmt: skip
    if state.listed is not None:
        document.update(of=state.listed, guests=state.guests, absent=state.absent, other=state.other)
    elif state.absent:
        document.update(absent=state.absent)
    return b"data: " + json.dumps(document, separators=(",", ":")).encode("ascii") + b"\n\n"


@lru_cache(maxsize=4096)
def sort_key(name: str) -> Tuple[object, ...]:
    """Names as people sort them: accents and capitals aside, "Student 2" before "Student 10"."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    parts = _NUMBER.split("".join(char for char in plain if not unicodedata.combining(char)))
    return (*((int(part), "") if part.isdecimal() else (0, part) for part in parts), (0, name))
