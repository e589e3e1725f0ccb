"""When does a lesson begin and end, and whose is it, if nobody says so? By the bells of the settings, or by the class.

Bells are local times of day, ``"08:00-09:30"``, on every day; a lesson may last over midnight, and where the clock
changes in between it is shorter or longer. `estimated_begin` and `estimated_end` look at who came and went. They are
computed from what is known so far, and say the same whenever they are asked once it has happened.

No state, no I/O, no threads.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, Optional, Sequence, Tuple

from rollcall.server.names import Directory

MOST_BELLS = 50

ALONE = 600.0
"""Seconds after the first of the list at which a lesson has begun to which half of it never comes."""

NEVER_COME = 1800.0
"""Seconds after the first of the list from which on half of it will not come any more. Before that the lesson has not
begun: who prepares the room early and the first pupil would make everybody late."""

SETTLED = 900.0
"""Seconds for which less than a quarter must be left before the lesson has ended: a class that files out for a drill
comes back before that, and one that goes for a break does not. The end is when they went, whenever that is noticed."""

SETTLED_TOLD = 2700.0
"""The same for a lesson that a teacher began, who is there to end it: only a forgotten one ends by itself."""

ARRIVALS_WITHIN = 300.0
LEAST_ARRIVALS = 3
"""Most of the arrivals of so many seconds, and of at least so many, tell which class comes in."""

LocalTime = Callable[[float], time.struct_time]


@dataclass(frozen=True)
class Bell:
    """A lesson every day, in minutes since midnight. One whose end is not after its begin ends on the next day."""

    begin: int
    end: int

    def on(self, day: time.struct_time, offset: int) -> Tuple[float, float]:
        """Begin and end as Unix time, ``offset`` days after ``day``."""
        next_day = 1 if self.end <= self.begin else 0
        return _at(day, offset, self.begin), _at(day, offset + next_day, self.end)


def _at(day: time.struct_time, offset: int, minutes: int) -> float:
    date = (day.tm_year, day.tm_mon, day.tm_mday + offset, minutes // 60, minutes % 60, 0, 0, 0, -1)
    return time.mktime(date)


def read_bells(texts: Iterable[str]) -> Tuple[Bell, ...]:
    """The bells of the settings, in their order of the day. Raises `ValueError` with a sentence."""
    found = []
    for text in texts:
        match = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)\s*", text)
        hours = [int(part) for part in match.groups()] if match else []
        if not hours or hours[0] > 23 or hours[2] > 23 or hours[1] > 59 or hours[3] > 59:
            raise ValueError(f'"{text[:40]}" is not a begin and an end; right would be "08:00-09:30"')
        if hours[:2] == hours[2:]:
            raise ValueError(f"{text.strip()} has no length")
        found.append(Bell(60 * hours[0] + hours[1], 60 * hours[2] + hours[3]))
    if len(found) > MOST_BELLS:
        raise ValueError(f"there are {len(found)} lessons in a day; there may be at most {MOST_BELLS}")
    found.sort(key=lambda bell: bell.begin)
    for bell, after in zip(found, found[1:]):
        if after.begin < bell.end or bell.end < bell.begin:
            raise ValueError(
                f"the lesson at {_clock(after.begin)} begins before the one at {_clock(bell.begin)} has ended"
            )
    return tuple(found)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def bell_lesson(bells: Iterable[Bell], now: float, local: LocalTime = time.localtime) -> Optional[Tuple[float, float]]:
    """Begin and end of the lesson in which ``now`` lies by the bells."""
    day = local(now)
    for bell in bells:
        for offset in (-1, 0):
            begin, end = bell.on(day, offset)
            if begin <= now < end:
                return begin, end
    return None


def estimated_begin(arrivals: Iterable[float], listed: int, now: float) -> Optional[float]:
    """When a lesson began for whose list of so many these have arrived; None if it has not yet."""
    times = sorted(arrivals)
    half = (listed + 1) // 2
    if not times or not half:
        return None
    if len(times) >= half:
        return times[half - 1]
    return times[0] + ALONE if now >= times[0] + NEVER_COME else None


def estimated_end(
    last_seen: Sequence[float], now: float, last_pause: float = 0.0, settled: float = SETTLED
) -> Optional[float]:
    """When a lesson ended of which those who came were last seen then (infinity: they are here); None if it has not.
    ``last_pause`` is when the server could see again: before that nobody could come back."""
    if not last_seen:
        return None
    gone = sorted(last_seen, reverse=True)[quarter_of(len(last_seen)) - 1]
    return gone if now - max(gone, last_pause) >= settled else None


def quarter_of(count: int) -> int:
    """If the last but so many goes, less than a quarter is left."""
    return (count + 3) // 4


def class_that_comes(
    arrivals: Sequence[str], present: Optional[Directory], lists: Dict[str, Directory]
) -> Optional[str]:
    """Which other class most of those who arrived belong to, by the names they typed; None if it is not plain."""
    if len(arrivals) < LEAST_ARRIVALS:
        return None
    ours = _fitting(arrivals, present) if present is not None else 0
    counted = sorted((_fitting(arrivals, directory), name) for name, directory in lists.items())
    if not counted or 2 * counted[-1][0] <= len(arrivals) or counted[-1][0] <= ours:
        return None
    is_plain = len(counted) < 2 or counted[-2][0] < counted[-1][0]
    return counted[-1][1] if is_plain else None


def _fitting(typed: Sequence[str], directory: Directory) -> int:
    found = (directory.find(name) for name in typed)
    return sum(bool(match.name or match.proposal) for match in found)
