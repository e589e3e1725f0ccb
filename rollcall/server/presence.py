"""When was somebody there? Stays become intervals, and what happened to all is taken out of them.

A server that sleeps or is down sees nobody, and a class that files out for a drill vanishes together: neither is
anybody's absence. Such a time is `Blind`. Whoever was there on both sides of it was there throughout; whoever was not
keeps the gap. Both sides have some slack: the last sign of life lies up to a heartbeat before the server's death, and
after it clients need their time to come back (they retry every 10 s at most; a Wi-Fi that was off needs longer).

No state, no I/O, no threads.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from rollcall.server.facts import CRASHED, PAUSED, STOPPED, Drill, Pause, Stay

FOREVER = float("inf")

BEFORE = 30.0
"""Seconds before a blind time in which a last sign of life may lie: the longest timeout of a lesson, and a bit."""

BACK_AFTER_PAUSE = 60.0
"""Seconds after a pause of the server in which a client is back that was there throughout."""

BACK_AFTER_DRILL = 300.0
"""Seconds after a drill, which ends when half of the class is back, in which the others come."""

VANISH_WITHIN = 60.0
LEAST_VANISHED = 3
"""Half or more of a class, and at least so many, who vanish within so many seconds are one event."""

GOODBYES = frozenset(("left", "kicked"))
"""Ends of a stay that somebody wanted. No pause excuses the ones before it."""


@dataclass(frozen=True)
class Interval:
    """Somebody was there. ``end`` is `FOREVER` as long as they are; ``how`` is how the last stay of it ended."""

    begin: float
    end: float
    how: str = ""


@dataclass(frozen=True)
class Blind:
    """Nobody could be seen from ``begin`` to ``end``. Who went at most ``before`` seconds earlier and came at most
    ``after`` seconds later was there all the time."""

    begin: float
    end: float
    before: float = BEFORE
    after: float = BACK_AFTER_PAUSE
    is_server: bool = True

    def hides_end(self, interval: Interval) -> bool:
        """Whether somebody whose interval ends so may still have been there afterwards."""
        earliest = self.begin if interval.how in GOODBYES else self.begin - self.before
        return earliest <= interval.end <= self.end

    def hides(self, before: Interval, after: Interval) -> bool:
        """Whether the gap between the two is nobody's."""
        return self.hides_end(before) and self.begin <= after.begin <= self.end + self.after


def blind_times(pauses: Iterable[Pause], lesson: str) -> List[Blind]:
    """The pauses that count for the lesson. Two with no more between them than clients need to come back are one."""
    found: List[Blind] = []
    for pause in sorted(pauses, key=lambda one: one.begin):
        if pause.lesson not in ("", lesson):
            continue
        end = FOREVER if pause.end is None else pause.end
        after = BACK_AFTER_DRILL if pause.why == PAUSED else BACK_AFTER_PAUSE
        now = Blind(pause.begin, end, BEFORE, after, pause.why != PAUSED)
        if found and now.begin <= found[-1].end + found[-1].after:
            last = found.pop()
            after = max(last.after, after) if end >= last.end else last.after
            now = Blind(last.begin, max(last.end, end), BEFORE, after, last.is_server and now.is_server)
        found.append(now)
    return found


def intervals_of(stays: Iterable[Stay]) -> List[Interval]:
    """When somebody was there who had these stays, several at once perhaps: while any of them lasted."""
    found: List[Interval] = []
    for stay in sorted(stays, key=lambda one: one.begin):
        end = FOREVER if stay.end is None else max(stay.begin, stay.end)
        now = Interval(stay.begin, end, stay.how)
        if found and now.begin <= found[-1].end:
            last = found.pop()
            later = max(last, now, key=_ends_later)
            now = Interval(last.begin, later.end, later.how)
        found.append(now)
    return found


def _ends_later(one: Interval) -> Tuple[float, bool, str]:
    """Of two that end in the same moment a goodbye says how; the order in which they were recorded says nothing."""
    return one.end, one.how in GOODBYES, one.how


def bridged(intervals: Sequence[Interval], blinds: Sequence[Blind], until: Optional[float]) -> List[Interval]:
    """The same without the gaps that are nobody's. A blind time that lasts until the end of the lesson has no other
    side: who was there at its begin has stayed. ``until`` is that end, None while the lesson goes on."""
    found: List[Interval] = []
    for now in intervals:
        last = found[-1] if found else None
        if last is not None and any(blind.hides(last, now) for blind in blinds):
            found[-1] = Interval(last.begin, now.end, now.how)
        else:
            found.append(now)
    if found and until is not None and found[-1].end < until:
        last = found[-1]
        if any(blind.end >= until and blind.hides_end(last) for blind in blinds):
            found[-1] = Interval(last.begin, until)
    return found


def still_there(intervals: Sequence[Interval], blinds: Sequence[Blind], now: float) -> List[Interval]:
    """The same while the lesson goes on. A server that has just ended, and has not come back yet, ended the last stay
    of everybody: as far as anybody knows they are there. Once it is back there is a blind time, which says the rest."""
    last = intervals[-1] if intervals else None
    if last is None or last.how not in (STOPPED, CRASHED) or not last.end <= now <= last.end + BEFORE:
        return list(intervals)
    if any(blind.hides_end(last) for blind in blinds):
        return list(intervals)
    return [*intervals[:-1], Interval(last.begin, FOREVER)]


def unexplained(events: Iterable[Drill], blinds: Sequence[Blind]) -> Tuple[Drill, ...]:
    """The events that are more than the server's own absence: of that nobody need be asked."""
    servers = [blind for blind in blinds if blind.is_server]
    return tuple(one for one in events if not any(own.begin - own.before <= one.begin <= own.end for own in servers))


def drills(people: Mapping[str, Sequence[Interval]], begin: float, until: float) -> List[Drill]:
    """The times between ``begin`` and ``until`` at which half or more of those who were there vanished together."""
    begins = sorted(one.begin for intervals in people.values() for one in intervals)
    gone = sorted((one.end, name) for name, intervals in people.items() for one in intervals if one.end < FOREVER)
    ends = [end for end, _ in gone]
    found: List[Drill] = []
    at = bisect_left(ends, begin)
    while at < len(gone) and ends[at] < until:
        now = ends[at]
        last = bisect_right(ends, min(now + VANISH_WITHIN, until))
        were_here = bisect_right(begins, now) - bisect_left(ends, now)
        names = dict.fromkeys(name for _, name in gone[at:last])
        if len(names) >= LEAST_VANISHED and 2 * len(names) >= were_here:
            found.append(Drill(now, len(names), tuple(names)))
            at = last
        else:
            at += 1
    return found


def blind_of(drill: Drill, people: Mapping[str, Sequence[Interval]]) -> List[Blind]:
    """The time of a drill: until half of those who vanished are back. An empty list if they did not come back."""
    back: Dict[str, float] = {}
    for name in drill.names:
        for one in people[name]:
            if one.begin > drill.begin:
                back.setdefault(name, one.begin)
    returns = sorted(back.values())
    half = (drill.count + 1) // 2
    if len(returns) < half:
        return []
    return [Blind(drill.begin, returns[half - 1], 0.0, BACK_AFTER_DRILL, is_server=False)]


def overlap(intervals: Iterable[Interval], begin: float, until: float) -> float:
    """Seconds of the intervals that lie between the two."""
    return sum(max(0.0, min(one.end, until) - max(one.begin, begin)) for one in intervals)


def gaps(intervals: Sequence[Interval], begin: float, until: float) -> Tuple[Tuple[float, float], ...]:
    """The times between two of the intervals, as far as they lie between ``begin`` and ``until``."""
    pairs = ((max(one.end, begin), min(after.begin, until)) for one, after in zip(intervals, intervals[1:]))
    return tuple((left, back) for left, back in pairs if left < back)
