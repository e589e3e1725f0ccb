"""Times and verdicts as words: the same in every form of a report.

A report is read where it was made, so times are local ones, by the rules of this computer's time zone. A time of
another day than the lesson's begin says which; where the clocks were changed in between, each says which of the two it
is.

No state, no threads, no I/O; what depends on the zone is asked of the system.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Optional

from rollcall.server.facts import (
    ASLEEP,
    DOWN,
    LATE,
    LEFT_EARLY,
    LOST_AT,
    MARK_ABSENT,
    MARK_EXCUSED,
    MARK_HERE,
    MARK_LATE,
    MARK_LEFT,
    MARK_OUT,
    PAUSED,
    Finding,
    Lesson,
    Mark,
)
from rollcall.wire.text import counted

MARKED = {
    MARK_HERE: "here without a computer",
    MARK_EXCUSED: "excused",
    MARK_OUT: "out for a moment",
    MARK_ABSENT: "not in the room",
}
"""What a mark says, where it says nothing more."""

PAUSED_BY = {ASLEEP: "the server's computer slept", DOWN: "the server did not run", PAUSED: "paused by the teacher"}


def day(at: float) -> str:
    """``Wednesday 25 November 2026``."""
    moment = time.localtime(at)
    return f"{time.strftime('%A', moment)} {moment.tm_mday} {time.strftime('%B %Y', moment)}"


def iso_date(at: Optional[float]) -> str:
    """``2026-11-25``; nothing for None."""
    return "" if at is None else time.strftime("%Y-%m-%d", time.localtime(at))


def iso_time(at: Optional[float]) -> str:
    """``08:00:05``; nothing for None."""
    return "" if at is None else time.strftime("%H:%M:%S", time.localtime(at))


def iso(at: Optional[float]) -> Optional[str]:
    """``2026-11-25T08:00:05+01:00``."""
    return None if at is None else datetime.fromtimestamp(int(at)).astimezone().isoformat()


class Clock:
    """Says times near ``base``, to the minute or to the second."""

    def __init__(self, base: float, until: float) -> None:
        self._base = base
        self._zoned = time.localtime(base).tm_gmtoff != time.localtime(until).tm_gmtoff

    def minute(self, at: Optional[float]) -> str:
        """``08:00``; nothing for None."""
        return self._said(at, "%H:%M")

    def second(self, at: Optional[float]) -> str:
        """``08:00:05``; nothing for None."""
        return self._said(at, "%H:%M:%S")

    def _said(self, at: Optional[float], form: str) -> str:
        if at is None:
            return ""
        moment = time.localtime(at)
        text = time.strftime(form, moment)
        if iso_date(at) != iso_date(self._base):
            text = f"{moment.tm_mday} {time.strftime('%b', moment)} {text}"
        return f"{text} {zone(at)}" if self._zoned else text


def zone(at: float) -> str:
    """``UTC+1``: how far local time is from it then."""
    minutes = (time.localtime(at).tm_gmtoff or 0) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def minutes(seconds: float) -> str:
    """``12 min``, to the nearest one; less than half of one is seconds."""
    return f"{seconds:.0f} s" if 0 < seconds < 30 else f"{int(seconds / 60 + 0.5)} min"


def classes(lesson: Lesson) -> str:
    """``Class 7b``, ``Classes 7a and 7b``."""
    names = list(lesson.classes)
    if len(names) < 2:
        return f"Class {names[0]}" if names else "No class"
    return f"Classes {', '.join(names[:-1])} and {names[-1]}"


def lesson_time(lesson: Lesson, until: Optional[float] = None) -> str:
    """``08:00–09:30``, or that it goes on, or that it has not begun."""
    if lesson.begin is None:
        return "not begun"
    end = lesson.end if lesson.end is not None else until
    clock = Clock(lesson.begin, lesson.begin if end is None else end)
    begin = clock.minute(lesson.begin)
    if lesson.end is not None:
        return f"{begin}–{clock.minute(lesson.end)}"
    return f"since {begin}" if until is None else f"since {begin}, as of {clock.second(until)}"


def came(finding: Finding) -> str:
    """``on time``, ``late by 12 min``, ``never``."""
    # Whole minutes that have passed, as a teacher writes it down: nobody is late by more than they were.
    return f"late by {int(finding.late_by // 60)} min" if finding.came == LATE else finding.came


def went(finding: Finding, clock: Clock) -> str:
    """``stayed``, ``left early at 08:55``, ``lost at 08:55:10``; nothing for who never came or is still here."""
    if finding.went == LEFT_EARLY:
        return f"left early at {clock.minute(finding.went_at)}"
    if finding.went == LOST_AT:
        return f"lost at {clock.second(finding.went_at)}"
    return finding.went


def marked(mark: Mark, clock: Clock) -> str:
    """What a mark says, without its note."""
    if mark.kind == MARK_LATE:
        return f"late by {mark.minutes} min"
    if mark.kind == MARK_LEFT:
        return f"left at {clock.minute(mark.at)}"
    return MARKED.get(mark.kind, "")


def by_whom(mark: Mark, clock: Clock) -> str:
    """``Ms Gray, 08:05``."""
    return ", ".join(text for text in (mark.by, clock.minute(mark.when)) if text)


def interruptions(count: int, seconds: float) -> str:
    """``2 (3 min)``; nothing for none."""
    return f"{count} ({minutes(seconds)})" if count else ""


def people(number: int) -> str:
    """``1 person``, ``27 people``."""
    return "1 person" if number == 1 else f"{number} people"


def times(number: int) -> str:
    """``once``, ``3 times``."""
    return "once" if number == 1 else f"{number} times"


def lessons(number: int) -> str:
    """``1 lesson``, ``82 lessons``."""
    return counted(number, "lesson")
