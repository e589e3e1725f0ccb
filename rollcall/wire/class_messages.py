"""The messages about people: which class, which lesson, who is missing, and a teacher's words about somebody.

A teacher's window asks with `FollowClass` and gets a `ClassList`: whole, then what has changed, at most once a second.
The acts change what holds; each is answered with ``done`` or ``denied`` (`rollcall.wire.messages`), and everybody who
follows sees the change. `Attendance` asks for a report, which comes as one or more `Report` lines before its ``done``.
What the words mean (states, marks, lessons) stands in ``docs/HEARTBEAT.md``.

As in `messages`: each class is one message, and `TYPES` gives its name on the wire; what reads it from there is in
`class_reading`. Times are Unix seconds by the server's clock. Optional fields that are None or empty are left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Mapping, Optional, Tuple, Union

MAX_CLASSES = 8
"""Classes in one lesson."""

MAX_MARKED = 60
"""Names in one mark: a line has 8 KiB."""

MAX_NOTE = 200
MAX_PIECE = 1000
"""Bytes of a class list that travel in one message."""

MAX_PIECES = 2100
"""Of 1,000 bytes each: the 2 MB that a class list may have."""

MAX_REPORT_PIECE = 100_000
"""Characters of a report in one line."""

MAX_PEOPLE = 2000
"""Rows of a class list: 1,000 on it, and as many guests."""

GUEST = "guest"
"""In the place of a class, for who is on no list of the lesson."""

STATES = ("expected", "missing", "here", "silent", "lost", "left", "excused", "out")

LESSON_ACTS = ("begin", "end", "correct", "split", "join", "discard", "restore", "pause", "go on")
IDENTIFY_ACTS = ("is", "is not", "both", "this one", "two people", "accept", "renamed")
MARKS = ("here", "excused", "out", "absent", "late", "left", "note", "undo")
REPORTS = ("lessons", "lesson", "term", "person", "list", "classes", "class")
FORMS = ("json", "csv", "html", "text")


@dataclass(frozen=True)
class FollowClass:
    """Send me the class, and what changes. ``rev`` is what I have already; None: all of it, again if need be."""

    rev: Optional[int] = None
    ref: Optional[int] = None


@dataclass(frozen=True)
class SetClass:
    """It is about these classes now; none: about nobody."""

    classes: Tuple[str, ...] = ()
    ref: Optional[int] = None


@dataclass(frozen=True)
class LessonAct:
    """``do`` is one of `LESSON_ACTS`. ``lesson`` is the one that it is about, by default the one of now; ``other`` the
    one to be joined with it. ``at`` is a moment: of the begin, the end or the split, by default now; ``classes`` with
    ``begin`` are those that come in now. ``begin``, ``end`` and ``classes`` are what ``correct`` makes of a lesson."""

    do: str
    lesson: str = ""
    other: str = ""
    at: Optional[float] = None
    begin: Optional[float] = None
    end: Optional[float] = None
    classes: Optional[Tuple[str, ...]] = None
    ref: Optional[int] = None


@dataclass(frozen=True)
class Identify:
    """Who somebody is: ``do`` is one of `IDENTIFY_ACTS`, ``member`` the roster's id, ``name`` the one on the list.
    ``accept`` takes all proposals at once; ``renamed`` says that ``name`` stood as ``before`` in ``class_name``."""

    do: str
    member: Optional[int] = None
    name: str = ""
    class_name: str = ""
    before: str = ""
    ref: Optional[int] = None


@dataclass(frozen=True)
class MarkAct:
    """A teacher's word about people of the list: ``kind`` is one of `MARKS`. ``minutes`` belongs to ``late``, ``at`` to
    ``left``; ``undo`` takes back the last one."""

    names: Tuple[str, ...]
    kind: str
    minutes: int = 0
    at: Optional[float] = None
    note: str = ""
    lesson: str = ""
    ref: Optional[int] = None


@dataclass(frozen=True)
class ImportClass:
    """Piece ``part`` of ``parts`` (from 1) of a list, as exported or pasted, for the class ``class_name``. With the
    last piece it is read: the answer says what was found; it is written only if ``write`` is set. ``only`` picks one
    class where a column names several; ``swap`` exchanges first and last names."""

    class_name: str
    part: int
    parts: int
    text: str
    write: bool = False
    swap: bool = False
    only: str = ""
    ref: Optional[int] = None


@dataclass(frozen=True)
class SaveClass:
    """Everybody who is here becomes the list of this class."""

    class_name: str
    ref: Optional[int] = None


@dataclass(frozen=True)
class Attendance:
    """A report: ``what`` is one of `REPORTS`, ``form`` one of `FORMS`."""

    what: str
    lesson: str = ""
    class_name: str = ""
    name: str = ""
    form: str = "json"
    ref: Optional[int] = None


@dataclass(frozen=True)
class Report:
    """Piece ``part`` of ``parts`` of what `Attendance` asked for."""

    part: int
    parts: int
    text: str
    ref: Optional[int] = None


@dataclass(frozen=True)
class PersonRow:
    """One person of the list, or a guest (``class_name`` is `GUEST`). ``key`` is the same as long as it is the same
    person. ``since`` is when the state began; ``found`` the state that the computer alone would say, where a mark says
    another.

    ``members`` has the roster's ids of who is connected under the name, or was last: the first counts. More than one is
    a question: both hers, this one, two people? ``same_computer`` is another name from the same device in this lesson.
    ``came`` is when they came who are here, or were last: a server that was away meanwhile is no break.
    """

    key: str
    name: str
    state: str
    group: str = ""
    class_name: str = ""
    members: Tuple[int, ...] = ()
    typed: str = ""
    since: Optional[float] = None
    late_by: float = 0.0
    found: str = ""
    mark: str = ""
    minutes: int = 0
    at: Optional[float] = None
    note: str = ""
    by: str = ""
    when: Optional[float] = None
    proposal: str = ""
    same_computer: str = ""
    came: Optional[float] = None


@dataclass(frozen=True)
class Vanished:
    """So many vanished at once: a network, a drill?"""

    begin: float
    count: int


@dataclass(frozen=True)
class ClassList:
    """The class at revision ``rev``: all of it (``whole``), or the rows that have changed and the keys that are gone.
    ``counts`` are the people of the list in each state, and add up to ``listed``. No ``classes``: there is none, and
    nothing else means anything. ``available`` are those that could be set; ``comes`` is one that seems to come in."""

    rev: int
    whole: bool
    rows: Tuple[PersonRow, ...] = ()
    gone: Tuple[str, ...] = ()
    classes: Tuple[str, ...] = ()
    available: Tuple[str, ...] = ()
    lesson: str = ""
    begin: Optional[float] = None
    end: Optional[float] = None
    begin_by: str = ""
    paused: bool = False
    counts: Optional[Dict[str, int]] = None
    listed: int = 0
    guests: int = 0
    comes: str = ""
    vanished: Optional[Vanished] = None


Act = Union[FollowClass, SetClass, LessonAct, Identify, MarkAct, ImportClass, SaveClass, Attendance]
AboutClass = Union[Act, Report, ClassList]
ACTS = (FollowClass, SetClass, LessonAct, Identify, MarkAct, ImportClass, SaveClass, Attendance)
ABOUT_CLASS = (*ACTS, Report, ClassList)

TYPES: Mapping[type, str] = {
    FollowClass: "follow_class",
    SetClass: "set_class",
    LessonAct: "lesson",
    Identify: "identify",
    MarkAct: "mark",
    ImportClass: "import_class",
    SaveClass: "save_class",
    Attendance: "attendance",
    Report: "report",
    ClassList: "class_list",
}

_EMPTY: Tuple[Any, ...] = (None, "", (), 0, False)


def _without_empty(message: Any) -> Dict[str, Any]:
    """What is not the default. (0, 1 and False, True are equal to each other, but nothing here may be either.)"""
    return {
        field.name: value
        for field in fields(message)
        for value in [getattr(message, field.name)]
        if field.default is not value and not (value in _EMPTY and field.default in _EMPTY and value == field.default)
    }


def to_fields(message: AboutClass) -> Dict[str, Any]:
    """The message as the object that is sent."""
    found = _without_empty(message)
    if isinstance(message, ClassList):
        found["rows"] = [_without_empty(row) for row in message.rows]
        if message.vanished is not None:
            found["vanished"] = asdict(message.vanished)
    return {"type": TYPES[type(message)], **found}
