"""What happened and when, as lines for people. No widgets.

One line for one thing: an outage is a single line, however many attempts it takes, and it says in the end from when to
when. Bounded: the oldest lines go first. One thread only, as the model that owns it.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Deque, Iterable, Iterator, NamedTuple, Optional

from rollcall.wire.clock import local_time

LOG_LINES = 2000
"""Lines that are kept."""

PEOPLE, CONNECTION = "people", "connection"
"""What a line is about."""


class LogLine(NamedTuple):
    """One thing that happened at ``wall`` (Unix time). ``kind`` is PEOPLE or CONNECTION."""

    wall: float
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{clock_text(self.wall)}  {self.text}"


def clock_text(wall: float) -> str:
    """Local time of day."""
    return time.strftime("%H:%M:%S", local_time(wall))


def minute_text(wall: float) -> str:
    """Local time of day, as it is said."""
    return time.strftime("%H:%M", local_time(wall))


def day_text(wall: float) -> str:
    """The day, for the first line of it."""
    return time.strftime("%A, %d %B %Y", local_time(wall))


def with_days(lines: Iterable[LogLine], day: str = "") -> Iterator[str]:
    """The lines as text, and before the first of each day which day it is. ``day`` is the one that stands already."""
    for line in lines:
        if day_text(line.wall) != day:
            day = day_text(line.wall)
            yield day
        yield str(line)


class Diary:
    """The lines. ``logged`` counts all ever written; ``rewritten`` goes up when a line that stood is another."""

    def __init__(self) -> None:
        self.lines: Deque[LogLine] = deque(maxlen=LOG_LINES)
        self.logged = 0
        self.rewritten = 0
        self._outage: Optional[int] = None  # the number of the line about the outage that goes on
        self._words = self._cause = ""

    def note(self, wall: float, kind: str, text: str) -> None:
        """Write a line."""
        self.lines.append(LogLine(wall, kind, text))
        self.logged += 1

    def away(self, wall: float, words: str, cause: str) -> None:
        """``words`` ("server away") begins, for ``cause``; nothing if it goes on already."""
        if self._outage is None:
            self._outage, self._words, self._cause = self.logged, words, cause
            self.note(wall, CONNECTION, f"{words} since {clock_text(wall)}: {cause}")

    def over(self, wall: float) -> None:
        """It is over, one way or the other: its line says from when to when."""
        number, self._outage = self._outage, None
        if number is None:
            return
        place = number - (self.logged - len(self.lines))
        if place >= 0:
            begun = self.lines[place]
            text = f"{self._words} {clock_text(begun.wall)}–{clock_text(wall)}: {self._cause}"
            self.lines[place] = begun._replace(text=text)
            self.rewritten += 1
