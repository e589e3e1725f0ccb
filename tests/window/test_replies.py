"""replies.py: who asks hears, once, what became of it."""

from __future__ import annotations

from typing import Any, List

import pytest

from rollcall.client.events import Denied, Disconnected, Done, Reported, Stopped
from rollcall.window import replies as module
from rollcall.window.replies import NOBODY_TO_ASK, TOO_LONG, Replies, Reply
from rollcall.wire.class_messages import MAX_PIECE, Attendance, ImportClass


def asking(is_connected: bool = True) -> Any:
    sent: List[Any] = []
    return Replies(lambda message: not sent.append(message) and is_connected), sent, []  # type: ignore[func-returns-value]


def test_a_report_is_put_together_and_goes_to_who_asked() -> None:
    replies, sent, got = asking()
    replies.ask(Attendance("lesson"), lambda reply: got.append(("lesson", reply)))
    replies.ask(Attendance("term"), lambda reply: got.append(("term", reply)))
    lesson, term = (message.ref for message in sent)
    assert lesson != term and not got
    for event in (Reported(1, 2, "Ann ", lesson), Reported(1, 1, "all", term), Reported(2, 2, "Lee", lesson)):
        assert replies.take(event)
    assert replies.take(Done("attendance", lesson, "")) and got == [("lesson", Reply("Ann Lee"))]
    assert replies.take(Denied("attendance", term, "of which class?"))
    assert got[1] == ("term", Reply(why="Of which class?"))
    assert not replies.take(Done("attendance", lesson, "")), "an answer nobody waits for is somebody else's"
    assert not replies.take(Done("kick", None, "he is out"))


def test_whoever_waits_is_told_when_there_is_nobody_to_ask() -> None:
    replies, _, got = asking(is_connected=False)
    replies.ask(Attendance("lesson"), got.append)
    assert got == [Reply(why=NOBODY_TO_ASK)]
    for end in (Disconnected("gone", None, True), Stopped()):
        replies, _, got = asking()
        replies.ask(Attendance("lesson"), got.append)
        assert not replies.take(end) and got == [Reply(why=NOBODY_TO_ASK)]


def test_a_report_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CHARACTERS", 10)
    replies, sent, got = asking()
    replies.ask(Attendance("lesson"), got.append)
    for _ in range(3):
        assert replies.take(Reported(1, 9, "123456", sent[0].ref))
    assert got == [Reply(why=TOO_LONG)]


def test_a_list_goes_piece_by_piece_and_stops_where_it_is_refused() -> None:
    replies, sent, got = asking()
    text = "Ann Lee\n" * 300
    replies.send_list("7b", text, got.append, write=True, swap=False, only="")
    while not got:
        assert replies.take(Done("import_class", sent[-1].ref, "300 names"))
    assert len(sent) == 3 and "".join(one.text for one in sent) == text and got == [Reply(note="300 names")]
    assert all(isinstance(one, ImportClass) and one.write and len(one.text) <= MAX_PIECE for one in sent)
    replies.send_list("7b", text, got.append)
    assert replies.take(Denied("import_class", sent[-1].ref, "no")) and len(sent) == 4 and got[1].why == "No."
