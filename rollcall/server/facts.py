"""Who was here, as values: what is recorded, in three layers that are never mixed, and what is computed from them.

1. *Facts*: a `Stay` is one connection under a typed name; a `Pause` is a time in which nobody could be seen. They grow
   an end and are never changed otherwise.
2. A *lesson* is a class, a begin and an end laid over the facts. It can be corrected, split, joined and discarded.
3. *Words of a teacher*: a `Mark` on a person in a lesson, and an `Identification` of who a typed name is. They are
   undone by a flag and never deleted.

A `LessonTable` and a `TermTable` are computed from these by ``verdicts.py`` as often as anybody asks; nothing of them
is kept. All values are frozen and safe to hand to any thread. Each has an ``id`` by which a later value replaces an
earlier one, so whoever writes them down needs to know only the newest of each.

Times are Unix seconds (wall clock); durations are seconds. An ``end`` of None is something that goes on. Ids are text,
unique over all runs of the server. Names of people are those on the list, unless it says "typed". No state, no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

EXPECTED, MISSING, HERE, SILENT = "expected", "missing", "here", "silent"
LOST, LEFT, EXCUSED, OUT = "lost", "left", "excused", "out"
STATES = (EXPECTED, MISSING, HERE, SILENT, LOST, LEFT, EXCUSED, OUT)
"""What becomes of somebody on the list while a lesson goes on. Each is in exactly one of them."""

TOLD, BELL, ESTIMATED = "told", "bell", "estimated"
"""Who says when a lesson begins or ends: a teacher, the bells of the settings, or what the class did."""

MARK_HERE, MARK_EXCUSED, MARK_OUT = "here", "excused", "out"
MARK_ABSENT, MARK_LATE, MARK_LEFT, MARK_NOTE = "absent", "late", "left", "note"
MARKS = (MARK_HERE, MARK_EXCUSED, MARK_OUT, MARK_ABSENT, MARK_LATE, MARK_LEFT, MARK_NOTE)
"""Here without a computer; excused; out for a moment; not in the room; late by ``minutes``; left ``at``; a note."""

MAX_NOTE = 200
"""Characters of a note."""

ASLEEP, DOWN, PAUSED = "asleep", "down", "paused"
"""Why a pause was: the server's machine slept, the server did not run, a teacher said so."""

IS, IS_NOT, BOTH, RENAMED = "is", "is not", "both", "renamed"
"""What an identification says: the typed name, or the stay, is that person; the stay is not; the stay is that person's
second computer; the person who stood on the list as ``typed`` stands there as ``name`` now."""

ON_TIME, LATE, NEVER = "on time", "late", "never"
STAYED, LEFT_EARLY, LOST_AT = "stayed", "left early", "lost"
"""How somebody came, and how they went."""

PRESENT, UNEXCUSED = "present", "unexcused"
"""For what a lesson counts for somebody, with `LATE` and `EXCUSED`: exactly one of these four."""

STOPPED = "stopped"
"""How a stay ended that the server ended because it stopped."""

CLOCK_SET = "clock set"
"""How a stay ended that goes on as another one: between two lessons the clock was set, and it lies in the first."""

CRASHED = "crashed"
"""How a stay ended that was open when the server died. The others: ``left``, ``lost``, ``kicked``, ``replaced``,
``renamed`` (a new one begins), ``stopped`` (with the server)."""


# --- the first layer: facts -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stay:
    """Somebody was connected under a name. ``member`` is the roster's id, which a new run of the server gives to
    somebody else; ``seen`` the last sign of life; ``end`` the last moment they are known to have been there: of one who
    was lost, that is ``seen``. ``how`` is empty while it goes on. ``device`` is forgotten when the lesson is over."""

    id: str
    member: int
    name: str  # as typed
    begin: float
    seen: float
    end: Optional[float] = None
    how: str = ""
    device: str = ""
    role: str = "member"


@dataclass(frozen=True)
class Pause:
    """Nobody could be seen, or nobody was counted. ``lesson`` is set where a teacher paused that lesson."""

    id: str
    begin: float
    end: Optional[float]
    why: str
    lesson: str = ""


# --- the second layer: lessons --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """One line of a class list. Within a lesson of several classes no two have the same ``name``."""

    name: str
    group: str = ""
    class_name: str = ""


@dataclass(frozen=True)
class Lesson:
    """``people`` is the list as it was at the begin. Without a ``begin`` it is being prepared: it can have marks."""

    id: str
    classes: Tuple[str, ...]
    people: Tuple[Person, ...]
    begin: Optional[float] = None
    end: Optional[float] = None
    begin_by: str = TOLD
    end_by: str = TOLD
    late_after: float = 300.0
    left_early: float = 300.0  # before the end: who goes later has stayed
    discarded: bool = False


# --- the third layer: a teacher's words -----------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """``minutes`` belongs to `MARK_LATE`, ``at`` to `MARK_LEFT`. ``by`` is who marked, ``when`` is when."""

    id: str
    lesson: str
    name: str
    kind: str
    when: float
    by: str = ""
    minutes: int = 0
    at: Optional[float] = None
    note: str = ""
    undone: bool = False


@dataclass(frozen=True)
class Identification:
    """Who somebody is. With ``stay`` it is about that stay alone; otherwise about everybody in ``class_name`` who types
    ``typed``, in all its lessons, or in ``lesson`` only."""

    id: str
    kind: str
    name: str
    when: float
    class_name: str = ""
    typed: str = ""
    stay: str = ""
    lesson: str = ""
    by: str = ""
    undone: bool = False


# --- computed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drill:
    """Half of those who were here or more vanished within a minute: the network, a drill, or the end."""

    begin: float
    count: int
    names: Tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """Two answers. ``late_by`` belongs to `LATE`; ``went`` is empty where nobody came or the lesson goes on with them;
    ``went_at`` belongs to `LEFT_EARLY` and `LOST_AT`."""

    came: str
    late_by: float = 0.0
    went: str = ""
    went_at: Optional[float] = None


@dataclass(frozen=True)
class Verdict:
    """One person in one lesson. ``result`` is what holds; ``found`` is what the computer found, the same where nobody
    marked otherwise. ``mark`` is the one that decides, ``left_mark`` the one that says when they left, ``note`` the
    last mark with a note. ``interruptions`` are (from, until)."""

    name: str
    group: str
    class_name: str
    counts: str
    result: Finding
    found: Finding
    first: Optional[float] = None
    last: Optional[float] = None
    present: float = 0.0
    interruptions: Tuple[Tuple[float, float], ...] = ()
    mark: Optional[Mark] = None
    left_mark: Optional[Mark] = None
    note: Optional[Mark] = None
    state: str = ""  # the live one, while the lesson goes on; where it is over, the last
    found_state: str = ""  # the same, if nobody had marked anything


@dataclass(frozen=True)
class GuestLine:
    """Somebody who is on no list, as typed. ``proposal`` is whom they might be."""

    name: str
    first: float
    last: float
    present: float
    proposal: str = ""


@dataclass(frozen=True)
class LessonTable:
    """A whole lesson. ``counted`` is False if nobody on the list came, or it was discarded. ``until`` is its end, or
    the moment of which this is true."""

    lesson: Lesson
    until: float
    lines: Tuple[Verdict, ...]
    guests: Tuple[GuestLine, ...] = ()
    pauses: Tuple[Pause, ...] = ()
    drills: Tuple[Drill, ...] = ()
    counted: bool = True


@dataclass(frozen=True)
class TermRow:
    """One person, under the newest name. A cell of None: not on the list then. The numbers are lessons, and apart:
    who was late or left early was there, too."""

    name: str
    group: str
    cells: Tuple[Optional[Verdict], ...]
    present: int = 0
    excused: int = 0
    unexcused: int = 0
    late: int = 0
    left_early: int = 0
    late_seconds: float = 0.0


@dataclass(frozen=True)
class TermTable:
    """Names by lessons, the oldest first; only lessons that count."""

    class_name: str
    lessons: Tuple[Lesson, ...]
    rows: Tuple[TermRow, ...] = ()
