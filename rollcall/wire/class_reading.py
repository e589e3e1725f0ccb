"""What stands in a line about people (`class_messages`), read and bounded: by the server what a teacher asks, by a
client what it is told.

A teacher's act that has anything wrong in it is refused whole, as every message of a client is (`fields.wrong` says
what). What a *server* says to be shown is read generously instead: a text is cut and escaped, a number that is none is
left out, a word that is not known becomes the plainest, because a window must not give up its connection for a cell.
The rows of a list are bounded all the same. No state, no I/O.
"""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Tuple

from rollcall.wire import fields as read
from rollcall.wire.class_messages import (
    FORMS,
    IDENTIFY_ACTS,
    LESSON_ACTS,
    MARKS,
    MAX_CLASSES,
    MAX_MARKED,
    MAX_NOTE,
    MAX_PEOPLE,
    MAX_PIECE,
    MAX_PIECES,
    MAX_REPORT_PIECE,
    REPORTS,
    STATES,
    AboutClass,
    Attendance,
    ClassList,
    FollowClass,
    Identify,
    ImportClass,
    LessonAct,
    MarkAct,
    PersonRow,
    Report,
    SaveClass,
    SetClass,
    Vanished,
)
from rollcall.wire.clock import YEAR_3001
from rollcall.wire.fields import MAX_TEXT
from rollcall.wire.text import MAX_NAME, check_name, counted, printable

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
        came=_number(row, "came"),
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
