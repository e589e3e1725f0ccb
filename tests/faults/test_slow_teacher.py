"""A teacher whose line takes nothing for a while: what is long waits its turn, and nothing of it is broken or left out.

A class list of 1,000 names is some 300 KB, and a connection's backlog holds 64 KB. Two threads write to a teacher: the
classroom's, and the handler's, which sends a report.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, List

import pytest

from rollcall.server import followers
from rollcall.wire.connection import MAX_BACKLOG
from tests.helpers import wait_until
from tests.server.test_classroom import Teacher, lesson_server, write_class

NAMES = tuple(f"Kid{n} {'Name' * 12}{n}" for n in range(1000))
LASTING = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}


@pytest.mark.parametrize("report_first", [True, False], ids=["behind a report", "before a report"])
def test_a_long_list_beside_a_report_on_a_line_that_takes_nothing(
    report_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_class(tmp_path, names=NAMES)
    with lesson_server(tmp_path, "7b", **LASTING) as (server, port), Teacher(port, buffer=4096) as teacher:
        teacher.act("lesson", do="begin")
        room, real = server.room, followers._news
        sizes: List[int] = []

        def when_the_report_is_stuck(follower: Any, book: Any, lists: Any) -> Any:
            """The list was made while the line was free; when it is to be sent, it is not."""
            message = real(follower, book, lists)
            if report_first and not sizes:
                wait_until(lambda: follower.connection.backlogged, "the report to be stuck")
            if message is not None:
                sizes.append(len(message.rows))
            return message

        monkeypatch.setattr(followers, "_news", when_the_report_is_stuck)
        teacher.send({"type": "follow_class", "ref": 1})
        if not report_first:
            wait_until(lambda: sizes, "the list to be made")
        teacher.send({"type": "attendance", "what": "lesson", "form": "json", "ref": 2})
        connection = next(one for one in room.connections() if one.session_id)
        wait_until(lambda: connection.backlogged and sizes, "both to be on their way")
        pieces, whole = [], 0
        while True:
            raw = teacher.raw_line()
            assert raw, "the server has hung up"
            message = json.loads(raw)
            if message["type"] == "report":
                pieces.append(message["text"])
            elif message["type"] == "class_list" and message.get("whole"):
                whole = len(raw)
                teacher.take(message)
            elif message["type"] == "done" and message["ref"] == 2:
                break
        assert len(json.loads("".join(pieces))["people"]) == 1000
        teacher.send({"type": "ping"})
        while not whole:
            message = teacher.line()
            teacher.take(message)
            whole = len(json.dumps(message)) if message["type"] == "class_list" else 0
        assert whole > MAX_BACKLOG and sorted(row["name"] for row in teacher.rows.values()) == sorted(NAMES)
