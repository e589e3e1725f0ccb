"""class_acts.py: what a substitute may do of all that a teacher can do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

from rollcall.server.acts import ACTS
from rollcall.wire.class_messages import FORMS, IDENTIFY_ACTS, LESSON_ACTS, REPORTS
from rollcall.wire.messages import TYPES
from tests.closed_room import TlsClient
from tests.helpers import RawClient
from tests.server.test_classroom import Teacher, lesson_server, write_class

DAY = 86_400.0
Fields = Dict[str, Any]


class Deputy(Teacher):
    """A substitute, by a code that a teacher has made."""

    def __init__(self, port: int, code: str) -> None:
        TlsClient.__init__(self, port)
        self.rows, self.head, self.refs = {}, {}, 0
        assert self.join("Mr Vale", code, "substitute", role="teacher", roster=False)["role"] == "substitute"

    def __enter__(self) -> Deputy:
        return self

    def tried(self, acts: List[Tuple[str, Fields]]) -> List[str]:
        """What each was answered with: ``done``, or why not."""
        answers = (self.act(act, **fields) for act, fields in acts)
        return [answer["type"] if answer["type"] == "done" else answer["message"] for answer in answers]


def not_theirs(member: int, before: str, now: str) -> List[Tuple[str, Fields]]:
    """Every act of the protocol that a substitute may not do, each in a form that a teacher could ask for."""
    person = {"name": "Ann Lee", "member": member, "class_name": "7b", "before": "Ben Oak"}
    acts: List[Tuple[str, Fields]] = [("identify", {"do": do, **person}) for do in IDENTIFY_ACTS]
    of_lesson = {"lesson": before, "other": now, "begin": time.time() - 60, "at": time.time() - 30}
    acts += [("lesson", {"do": do, **of_lesson}) for do in ("correct", "split", "join", "discard", "restore")]
    acts += [("attendance", {"what": what, "class_name": "7b", "name": "Ann Lee"}) for what in REPORTS]
    acts += [("attendance", {"what": "lesson", "lesson": now, "form": form}) for form in FORMS]
    acts += [("import_class", {"class_name": "7b", "part": 1, "parts": 1, "text": "Eve Moon", "write": write})
             for write in (False, True)]  # fmt: skip
    acts += [("save_class", {"class_name": "9a"}), ("set_class", {"classes": ["8c"]}), ("set_class", {"classes": []})]
    return [*acts, ("kick", {"id": member}), ("substitute", {}), ("board_link", {})]


def test_a_substitute_leads_the_lessons_of_today_and_opens_nothing_else(tmp_path: Path) -> None:
    write_class(tmp_path)
    write_class(tmp_path, "8c", ("Mia Moon", "Ned Fox"))
    lists = {path: path.read_bytes() for path in (tmp_path / "classes").iterdir()}
    lasting = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}
    with lesson_server(tmp_path, "7b", **lasting) as (server, port), RawClient(port) as ann, Teacher(port) as teacher:
        ann.register("Ann Lee")
        member = ann.until_type("welcome")["member_id"]
        book = server.room.classroom.book
        assert book is not None
        lessons: List[str] = []
        for back in (DAY, 0.0):  # a lesson of yesterday, and one of today
            for do in ("begin", "end"):
                assert teacher.act("lesson", do=do)["type"] == "done"
            lessons += [one.id for one in book.lessons if one.id not in lessons]
            if back:
                earlier = {"begin": time.time() - back - 60, "end": time.time() - back}
                assert teacher.act("lesson", do="correct", lesson=lessons[0], **earlier)["type"] == "done"
        before, today = lessons
        with Deputy(port, teacher.act("substitute")["code"]) as deputy:
            mark = {"names": ["Ben Oak"], "kind": "excused"}
            theirs: List[Tuple[str, Fields]] = [
                ("follow_class", {}),
                ("mark", mark),  # beforehand
                ("lesson", {"do": "begin", "at": time.time() - 5}),
                ("mark", mark),
                ("lesson", {"do": "pause"}),
                ("lesson", {"do": "go on"}),
                ("lesson", {"do": "end"}),
                ("mark", {**mark, "lesson": today}),  # afterwards
                ("mark", {**mark, "lesson": today, "kind": "undo"}),
                ("lesson", {"do": "begin", "classes": ["8c"]}),
                ("mark", {"names": ["Mia Moon"], "kind": "here"}),
                ("lesson", {"do": "end"}),
            ]
            assert deputy.tried(theirs) == ["done"] * len(theirs)
            refused = not_theirs(member, before, today)
            assert deputy.tried(refused) == ["only a teacher may do that"] * 7 + [
                "only the teacher may do that"
            ] * 5 + ["only a teacher may do that"] * (len(refused) - 12)
            named = {act for act, _ in theirs + refused}
            assert named == {TYPES[kind] for kind in ACTS}, "all acts that there are"
            done = {fields["do"] for act, fields in theirs + refused if act == "lesson"}
            assert done == set(LESSON_ACTS)
            others: List[Tuple[str, Fields]] = [
                ("mark", {**mark, "lesson": before}),
                ("lesson", {"do": "begin", "at": time.time() - DAY}),
                ("lesson", {"do": "begin", "classes": ["4x"]}),
            ]
            said = deputy.tried(others)
            assert said[0] == "a substitute marks the lessons of today"
            assert said[1] == "a substitute's lessons are those of today"
            assert 'there is no class "4x"' in said[2]
            assert server.room.keys.substitute_is_valid()
        ann.send({"type": "ping"})
        assert ann.until_type("pong"), "nobody was removed"
        assert not [stay for stay in book.stays if stay.how == "kicked"]
    assert {path: path.read_bytes() for path in (tmp_path / "classes").iterdir()} == lists
