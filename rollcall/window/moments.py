"""Times of day and numbers of minutes as a teacher types them, and lessons as the server's report has them. No widgets.

Times that are typed are local, and of the day that they are about; on the wire they are Unix seconds.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, List, Optional, Tuple

from rollcall.window.diary import minute_text
from rollcall.wire.clock import local_time

_TIME = re.compile(r"\s*(\d{1,2})\s*[:.h ]\s*(\d{2})\s*")
_MINUTES = re.compile(r"\s*(\d{1,3})\s*(min\.?|minutes?)?\s*")
MOST_MINUTES = 600
DAY = 86_400.0


class NotATime(ValueError):
    """What was typed is none; ``str()`` is a sentence."""


def read_time(text: str, day: float) -> float:
    """``8:05`` on the day of that Unix time, in Unix seconds. Raises `NotATime`."""
    match = _TIME.fullmatch(text)
    hour, minute = (int(part) for part in match.groups()) if match else (99, 99)
    if hour > 23 or minute > 59:
        raise NotATime(f'"{text.strip()[:20]}" is not a time of day, such as 8:05.')
    there = local_time(day)
    return time.mktime((there.tm_year, there.tm_mon, there.tm_mday, hour, minute, 0, 0, 0, -1))


def read_minutes(text: str) -> int:
    """A number of minutes. Raises `NotATime`."""
    match = _MINUTES.fullmatch(text)
    if match is None or not int(match.group(1)) <= MOST_MINUTES:
        raise NotATime(f'"{text.strip()[:20]}" is not a number of minutes from 0 to {MOST_MINUTES}.')
    return int(match.group(1))


@dataclass(frozen=True)
class LessonRow:
    """A lesson of the record; ``end`` is None while it goes on."""

    id: str
    classes: Tuple[str, ...]
    begin: float
    end: Optional[float]
    listed: int
    came: int
    discarded: bool

    def day(self) -> str:
        """``Wed 25 Nov``; with the year where it is not this one."""
        began = local_time(self.begin)
        return time.strftime("%a %d %b" if began.tm_year == time.localtime().tm_year else "%a %d %b %Y", began)

    def stamp(self) -> str:
        """For the name of a file: ``2026-11-25 08-00``."""
        return time.strftime("%Y-%m-%d %H-%M", local_time(self.begin))

    def times(self) -> str:
        """``08:00–09:30``, or since when."""
        if self.end is None:
            return f"since {minute_text(self.begin)}"
        return f"{minute_text(self.begin)}–{minute_text(self.end)}"

    def corrected(self, begin: str, end: str) -> Tuple[Optional[float], Optional[float]]:
        """What was typed over begin and end: each only where it says something else. Raises `NotATime`."""
        new_begin = new_end = None
        if begin.strip() != minute_text(self.begin):
            new_begin = read_time(begin, self.begin)
        if self.end is not None and end.strip() != minute_text(self.end):
            new_end = read_time(end, self.end)
            if new_end < (new_begin or self.begin):
                new_end += DAY  # a night course
        return new_begin, new_end


def read_lessons(text: str) -> List[LessonRow]:
    """The lessons of the server's report, the newest first. What is not as it should be is left out."""
    found = [_lesson(one) for one in _listed(text, "lessons")]
    return sorted((one for one in found if one is not None), key=lambda one: one.begin, reverse=True)


def read_lesson(text: str) -> List[LessonRow]:
    """The one lesson in the server's report of it, or none."""
    try:
        content = json.loads(text)
        people = content["people"]
        came = sum(one["counts_as"] in ("present", "late") for one in people)
        found = _lesson({**content["lesson"], "listed": len(people), "came": came})
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return [] if found is None else [found]


def read_names(text: str, key: str) -> List[str]:
    """The names in the server's report: of ``people``, who have one each, or of ``classes``."""
    found = [one.get("name") if isinstance(one, dict) else one for one in _listed(text, key)]
    return [one for one in found if isinstance(one, str)]


def read_people(text: str) -> str:
    """The list of a class as lines that can be changed and sent back; with a second column where there are groups."""
    people = [one for one in _listed(text, "people") if isinstance(one, dict)]
    rows = [(str(one.get("name", "")), str(one.get("group") or "")) for one in people]
    if any(group for _, group in rows):
        return "".join(f"{name}\t{group}\n" for name, group in [("name", "group"), *rows])
    return "".join(f"{name}\n" for name, _ in rows)


def _listed(text: str, key: str) -> List[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found = content.get(key) if isinstance(content, dict) else None
    return found if isinstance(found, list) else []


def _lesson(one: Any) -> Optional[LessonRow]:
    try:
        begin, end = (datetime.fromisoformat(one[key]).timestamp() if one[key] else None for key in ("begin", "end"))
        classes = tuple(map(str, one["classes"]))
        if begin is None:
            return None
        numbers = int(one["listed"]), int(one["came"])
        return LessonRow(str(one["id"]), classes, begin, end, *numbers, bool(one["discarded"]))
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
