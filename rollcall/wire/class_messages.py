"""The messages about people: which class, which lesson, who is missing, and a teacher's words about somebody.

A teacher's window asks with `FollowClass` and gets a `ClassList`: whole, then what has changed, at most once a second.
The acts change what holds; each is answered with ``done`` or ``denied`` (`rollcall.wire.messages`), and everybody who
follows sees the change. `Attendance` asks for a report, which comes as one or more `Report` lines before its ``done``.
What the words mean (states, marks, lessons) stands in ``docs/HEARTBEAT.md``.

As in `messages`: each class is one message, `TYPES` gives its name on the wire, `READERS` what reads it. Times are Unix
seconds by the server's clock. Optional fields that are None or empty are left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

from rollcall.wire import fields as read
from rollcall.wire.clock import YEAR_3001
from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.text import MAX_NAME, check_name, counted, printable

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
    """One person of the list, or a guest (``class_name`` is "guest"). ``key`` is the same as long as it is the same
    person. ``found`` is what the computer alone would say, where a mark says otherwise. More than one of ``members``,
    the roster's ids, is a question: both hers, this one, two people?"""

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


# --- reading --------------------------------------------------------------------------------------------------

_Fields = Mapping[str, Any]


def _ref(line: _Fields) -> Optional[int]:
    return read.optional_integer(line, "ref")


def _moment(line: _Fields, key: str) -> Optional[float]:
    """Unix seconds, from 1970 to the year 3000; None if absent."""
    value: Any = line.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < YEAR_3001:
        raise read.wrong(key, "a time in Unix seconds")
    return float(value)


def _one_of(line: _Fields, key: str, choices: Tuple[str, ...]) -> str:
    value = line.get(key)
    if not isinstance(value, str) or value not in choices:
        raise read.wrong(key, "one of " + ", ".join(choices))
    return value


def _text(line: _Fields, key: str, limit: int = MAX_TEXT) -> str:
    return read.text(line, key, limit, "")


def _list(line: _Fields, key: str, most: int) -> Optional[Tuple[str, ...]]:
    """Names of people or classes."""
    value = line.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > most:
        raise read.wrong(key, f"a list of at most {counted(most, 'name')}")
    return tuple(map(check_name, value))


def _note(line: _Fields) -> str:
    value = line.get("note")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NOTE:
        raise read.wrong("note", f"a text of at most {counted(MAX_NOTE, 'character')}")
    return printable(" ".join(value.split()), MAX_NOTE)


def _read_lesson(line: _Fields) -> LessonAct:
    return LessonAct(
        do=_one_of(line, "do", LESSON_ACTS),
        lesson=_text(line, "lesson"),
        other=_text(line, "other"),
        at=_moment(line, "at"),
        begin=_moment(line, "begin"),
        end=_moment(line, "end"),
        classes=_list(line, "classes", MAX_CLASSES),
        ref=_ref(line),
    )


def _read_identify(line: _Fields) -> Identify:
    return Identify(
        do=_one_of(line, "do", IDENTIFY_ACTS),
        member=read.optional_integer(line, "member"),
        name=_text(line, "name", MAX_NAME),
        class_name=_text(line, "class_name", MAX_NAME),
        before=_text(line, "before", MAX_NAME),
        ref=_ref(line),
    )


def _read_mark(line: _Fields) -> MarkAct:
    return MarkAct(
        names=_list(line, "names", MAX_MARKED) or (),
        kind=_one_of(line, "kind", MARKS),
        minutes=read.integer(line, "minutes", 0, 1440) if line.get("minutes") is not None else 0,
        at=_moment(line, "at"),
        note=_note(line),
        lesson=_text(line, "lesson"),
        ref=_ref(line),
    )


def _piece(line: _Fields, limit: int) -> str:
    """Part of a text with its line ends and whatever else is in it: whoever puts the parts together looks at it."""
    value = line.get("text")
    if not isinstance(value, str) or len(value) > limit:
        raise read.wrong("text", f"a text of at most {counted(limit, 'character')}")
    return value


def _read_import(line: _Fields) -> ImportClass:
    parts = read.integer(line, "parts", 1, MAX_PIECES)
    return ImportClass(
        class_name=_text(line, "class_name", MAX_NAME),
        part=read.integer(line, "part", 1, parts),
        parts=parts,
        text=_piece(line, MAX_PIECE),
        write=read.flag(line, "write", False),
        swap=read.flag(line, "swap", False),
        only=_text(line, "only", MAX_NAME),
        ref=_ref(line),
    )


def _read_attendance(line: _Fields) -> Attendance:
    return Attendance(
        what=_one_of(line, "what", REPORTS),
        lesson=_text(line, "lesson"),
        class_name=_text(line, "class_name", MAX_NAME),
        name=_text(line, "name", MAX_NAME),
        form=_one_of(line, "form", FORMS) if line.get("form") is not None else "json",
        ref=_ref(line),
    )


def _read_report(line: _Fields) -> Report:
    parts = read.integer(line, "parts", 1)
    return Report(read.integer(line, "part", 1, parts), parts, _piece(line, MAX_REPORT_PIECE), _ref(line))


def _said(line: _Fields, key: str, limit: int = MAX_NAME) -> str:
    """What a server says to be shown: never a reason to give the connection up."""
    value = line.get(key)
    return printable(value, limit) if isinstance(value, str) else ""


def _number(line: _Fields, key: str) -> Optional[float]:
    value: Any = line.get(key)
    return float(value) if type(value) in (int, float) and 0 <= value < YEAR_3001 else None


def _texts(line: _Fields, key: str) -> Tuple[str, ...]:
    value = line.get(key)
    found: List[Any] = value if isinstance(value, list) else []
    return tuple(printable(one, MAX_NAME) for one in found[:MAX_PEOPLE] if isinstance(one, str))


def _read_row(row: _Fields) -> PersonRow:
    members = row.get("members")
    ids: List[Any] = members if isinstance(members, list) else []
    return PersonRow(
        key=read.text(row, "key", 2 * MAX_NAME),
        name=_said(row, "name"),
        state=read.choice_or("here", row, "state", STATES),
        group=_said(row, "group"),
        class_name=_said(row, "class_name"),
        members=tuple(one for one in ids[:MAX_TEXT] if type(one) is int),
        typed=_said(row, "typed"),
        since=_number(row, "since"),
        late_by=_number(row, "late_by") or 0.0,
        found=_said(row, "found"),
        mark=_said(row, "mark"),
        minutes=read.integer_or(0, row, "minutes"),
        at=_number(row, "at"),
        note=_said(row, "note", MAX_NOTE),
        by=_said(row, "by"),
        when=_number(row, "when"),
        proposal=_said(row, "proposal"),
        same_computer=_said(row, "same_computer"),
    )


def _read_class_list(line: _Fields) -> ClassList:
    counts, vanished = line.get("counts"), line.get("vanished")
    return ClassList(
        rev=read.integer(line, "rev"),
        whole=read.flag(line, "whole", False),
        rows=tuple(map(_read_row, read.rows(line, "rows"))),
        gone=_texts(line, "gone"),
        classes=_texts(line, "classes"),
        available=_texts(line, "available"),
        lesson=_said(line, "lesson"),
        begin=_number(line, "begin"),
        end=_number(line, "end"),
        begin_by=_said(line, "begin_by"),
        paused=line.get("paused") is True,
        counts={state: read.integer_or(0, counts, state) for state in STATES} if isinstance(counts, dict) else None,
        listed=read.integer_or(0, line, "listed"),
        guests=read.integer_or(0, line, "guests"),
        comes=_said(line, "comes"),
        vanished=Vanished(_number(vanished, "begin") or 0.0, read.integer_or(0, vanished, "count"))
        if isinstance(vanished, dict)
        else None,
    )


READERS: Mapping[str, Callable[[_Fields], AboutClass]] = {
    "follow_class": lambda line: FollowClass(read.optional_integer(line, "rev"), _ref(line)),
    "set_class": lambda line: SetClass(_list(line, "classes", MAX_CLASSES) or (), _ref(line)),
    "lesson": _read_lesson,
    "identify": _read_identify,
    "mark": _read_mark,
    "import_class": _read_import,
    "save_class": lambda line: SaveClass(read.text(line, "class_name", MAX_NAME), _ref(line)),
    "attendance": _read_attendance,
    "report": _read_report,
    "class_list": _read_class_list,
}
