"""What the projector shows and how large: names as tiles that are read from 8 m. No widgets.

The rules: who is here by name; how many are missing as a number, and by name only if the teacher asks for it, which no
start remembers; guests as a number; no address, no note. The letters are a thirtieth of the screen's height or more;
for more than 40 people a fiftieth or more, and who still has no place comes on the next page. Each state has a sign, an
outline and a word: they are told apart without colours.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Dict, List, Tuple

from protocol import HERE
from rollcall.window.names import name_key
from rollcall.window.people import GUESTS, MISSING, SILENT, WORDS, Person, numbers
from rollcall.wire.text import counted, short_name

MANY = 40
"""People up to whom the letters are `LEAST` of the height, and above whom `LEAST_OF_MANY`."""
LARGEST, LEAST, LEAST_OF_MANY = 1 / 18, 1 / 30, 1 / 50
PAGE_FOR = 10.0
"""Seconds that a page is shown."""

SOLID, DASHED, DOTTED = "", "dashed", "dotted"
OUTLINES: Dict[str, Tuple[str, str]] = {HERE: ("good", SOLID), SILENT: ("warn", DASHED)}
"""How a tile is drawn, by state: loudness and outline. Whoever is not here: "bad", dotted."""


@dataclass(frozen=True)
class Tile:
    """One person: ``word`` stands below the name unless they are simply here."""

    sign: str
    name: str
    word: str
    loudness: str
    outline: str


@dataclass(frozen=True)
class Picture:
    """All that is shown at one time. ``numbers`` are texts with their loudness; ``guests`` is empty for none."""

    title: str
    numbers: Tuple[Tuple[str, str], ...]
    tiles: Tuple[Tile, ...]
    guests: str = ""


@dataclass(frozen=True)
class Grid:
    """Where tiles go: so many columns and rows on each of the ``pages``; ``size`` is the height of the letters in
    pixels, ``gap`` what is between two tiles."""

    columns: int
    rows: int
    pages: int
    size: int
    gap: int

    def on_page(self, count: int) -> int:
        """How many of ``count`` tiles stand on each page: full lines, and the pages alike."""
        return min(self.columns * self.rows, self.columns * math.ceil(count / self.pages / self.columns))


def picture(title: str, people: List[Person], has_class: bool, show_missing: bool) -> Picture:
    """What there is to show of these people."""
    listed = sorted((person for person in people if person.group != GUESTS), key=lambda person: name_key(person.name))
    shown = [person for person in listed if show_missing or person.state in OUTLINES]
    short = Counter(short_name(person.name) for person in shown)
    tiles = tuple(_tile(person, short[short_name(person.name)] == 1) for person in shown)
    guests = len(people) - len(listed)
    found = tuple((number.text, number.kind) for number in numbers(listed, has_class))
    return Picture(title, found, tiles, f"+ {counted(guests, 'guest')}" if guests else "")


def _tile(person: Person, is_alone: bool) -> Tile:
    sign, _, word = WORDS.get(person.state, f"– {person.state}").partition(" ")
    loudness, outline = OUTLINES.get(person.state, ("bad" if person.state == MISSING else "muted", DOTTED))
    name = short_name(person.name) if is_alone else person.name
    return Tile(sign, name, "" if person.state == HERE else word, loudness, outline)


def grid(count: int, widest: float, width: int, height: int, screen: int, zoom: float = 1.0) -> Grid:
    """The largest letters with which ``count`` tiles fit into that place, or the smallest that may be, and pages.
    ``widest`` is the width of the longest name in letters of height 1; ``screen`` is the height of the whole screen."""
    least = screen * (LEAST if count <= MANY else LEAST_OF_MANY) * max(1.0, zoom)
    size = max(least, screen * LARGEST * zoom)
    while True:
        gap = max(2, round(size * 0.35))
        columns = max(1, int((width + gap) // (min(width, size * (widest + 2.6)) + gap)))
        rows = max(1, int((height + gap) // (size * 2.3 + gap)))
        if columns * rows >= count or size <= least:
            break
        size = max(least, size * 0.96)
    return Grid(columns, rows, max(1, math.ceil(count / (columns * rows))), math.ceil(size), gap)
