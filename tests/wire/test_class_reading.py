"""class_messages.py and class_reading.py: what is said about a class goes over the wire and back; what is wrong in it
is refused where it asks for something, and left out where it only shows something."""

from __future__ import annotations

import json
from typing import Any, Dict

import pytest

from protocol import Message, decode, encode
from rollcall.wire import class_messages as messages
from rollcall.wire.class_messages import (
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
from rollcall.wire.errors import ProtocolError

MOST = 200_000  # of a line of the server's
FULL_ROW = PersonRow(
    "n:Ann", "Ann", "late", "b", "7b", (7, 8), "ann", 1.5, 60.0, "missing", "late", 3, 2.5, "bus", "Ms Hill", 9.0,
    "Anna", "Al",
)  # fmt: skip
EXAMPLES = (
    FollowClass(),
    FollowClass(7, 1),
    SetClass(("7a", "7b"), 2),
    SetClass(),
    LessonAct("begin", classes=("9a",), ref=3),
    LessonAct("correct", "id", begin=1.5, end=2.5, classes=()),
    LessonAct("join", "id", "other"),
    LessonAct("split", at=0.0),
    Identify("is", 7, "Ann Lee"),
    Identify("renamed", name="Ann Lee", class_name="7b", before="Ann", ref=4),
    MarkAct(("Ann Lee", "Ben"), "late", 10, note="the bus", lesson="id"),
    MarkAct(("Ann Lee",), "left", at=12.5),
    ImportClass("7b", 2, 3, 'a;b\r\n"c', True, True, "7b", 5),
    SaveClass("7b"),
    Attendance("term", class_name="7b", form="csv"),
    Report(1, 2, "{\n", 6),
    ClassList(0, True, available=("7b",)),
    ClassList(
        9, False, (PersonRow("n:Ben", "Ben", "here"),), ("g:1",), ("7b",), ("7b", "9a"), "id", 1.5, 2.5, "bell", True,
        dict.fromkeys(messages.STATES, 1), 8, 2, "9a", Vanished(1.25, 24),
    ),
)  # fmt: skip


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_each_message_is_the_same_at_the_other_end(message: Message) -> None:
    line = encode(message)
    assert decode(line.rstrip(b"\n"), MOST) == message
    assert {type(one) for one in EXAMPLES} == set(messages.TYPES), "each kind has its example here"


def test_a_row_has_every_field_at_the_other_end_and_costs_nothing_for_those_it_has_not() -> None:
    full = ClassList(1, True, (FULL_ROW,))
    read = decode(encode(full).rstrip(b"\n"), MOST)
    assert isinstance(read, ClassList)
    assert vars(read.rows[0]) == {**vars(FULL_ROW), "state": "here"}, "a state that nobody knows is the plainest"
    plain = json.loads(encode(ClassList(1, True, (PersonRow("n:Ben", "Ben", "here"),))))
    assert plain["rows"] == [{"key": "n:Ben", "name": "Ben", "state": "here"}]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"type": "set_class", "classes": "7b"}, "classes"),
        ({"type": "set_class", "classes": ["c"] * 9}, "8 names"),
        ({"type": "set_class", "classes": ["a\nb"]}, "control"),
        ({"type": "lesson", "do": "erase"}, "begin, end"),
        ({"type": "lesson", "do": "begin", "at": True}, "at"),
        ({"type": "lesson", "do": "begin", "at": -1}, "at"),
        ({"type": "lesson", "do": "begin", "at": 253_402_300_800}, "at"),
        ({"type": "identify", "do": "is", "member": "7"}, "member"),
        ({"type": "mark", "names": ["n"] * 61, "kind": "here"}, "60 names"),
        ({"type": "mark", "names": ["n"], "kind": "gone"}, "kind"),
        ({"type": "mark", "names": ["n"], "kind": "late", "minutes": 1441}, "minutes"),
        ({"type": "mark", "names": ["n"], "kind": "note", "note": "x" * 201}, "200 characters"),
        ({"type": "import_class", "class_name": "7b", "part": 3, "parts": 2, "text": ""}, "part"),
        ({"type": "import_class", "class_name": "7b", "part": 1, "parts": 2101, "text": ""}, "parts"),
        ({"type": "import_class", "class_name": "7b", "part": 1, "parts": 1, "text": "x" * 1001}, "1000 characters"),
        ({"type": "save_class"}, "class_name"),
        ({"type": "attendance", "what": "all"}, "what"),
        ({"type": "attendance", "what": "term", "form": "xlsx"}, "form"),
    ],
)
def test_an_act_with_anything_wrong_in_it_is_refused_whole(line: Dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        decode(json.dumps(line).encode())


def test_what_is_only_shown_is_cut_and_escaped_and_never_a_reason_to_hang_up() -> None:
    row = {
        "key": "n:A", "name": "A\u202eb\n", "state": 7, "members": [1, "2", True, None], "since": "soon", "late_by": -1,
        "minutes": "x", "note": "n" * 500, "group": [], "at": True,
    }  # fmt: skip
    line = {"type": "class_list", "rev": 1, "whole": True, "rows": [row], "gone": ["g:1", 7], "counts": {"here": "x"}}
    line.update(begin="eight", paused="yes", vanished={"count": "x"}, available="7b", listed=None)
    found = decode(json.dumps(line).encode(), MOST)
    assert isinstance(found, ClassList)
    shown = found.rows[0]
    assert (shown.state, shown.members, shown.since, shown.late_by, shown.at) == ("here", (1,), None, 0.0, None)
    assert shown.name == "A\\u202eb\\n" and len(shown.note) == messages.MAX_NOTE + len("…")
    assert (found.gone, found.begin, found.paused, found.listed) == (("g:1",), None, False, 0)
    assert found.counts == dict.fromkeys(messages.STATES, 0) and found.vanished == Vanished(0.0, 0)
