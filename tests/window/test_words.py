"""words.py and join.py: how things stand, said to people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol import ERROR_CODES, RETRY, Entry
from rollcall.client.events import (
    CodeNeeded,
    Connected,
    Connecting,
    Disconnected,
    PingSent,
    Refused,
    RoomSeen,
    RosterReplaced,
    RoundTrip,
    Stopped,
)
from rollcall.window import words
from rollcall.window.join import CODE, HINT, NAME, OWN_NAME, SERVER, CannotJoin, card_words, read_fields, record_text
from rollcall.window.model import REFUSED
from tests.window.test_model import ARRIVAL, ME, WALL, playing

ROOM = RoomSeen("h:1", "Room 12", "", False, True, "code", None, "always", 180)


def test_a_lost_connection_says_why_and_what_next() -> None:
    model = playing(*ARRIVAL, Disconnected("no answer for 12 s", None, True), now=100)
    model.retry_at = 104.0
    assert words.status(model, 100) == "No answer for 12 s. Trying again in 4 s."
    assert words.status(model, 104) == "No answer for 12 s. Trying again now."
    assert (words.sign(model), words.loudness(model), words.title(model)) == ("◌", "warn", "not connected – Rollcall")
    student = words.student(model, 100)
    assert (student.loudness, student.word, student.name) == ("warn", "◌ Not connected", "Me")
    assert (student.detail, student.step) == ("Room 12 does not answer.\nTrying again in 4 s.", words.NOW)
    model.cause = "there is no way to 10.0.0.1; is this computer on the network?"
    assert words.student(model, 104).detail == "There is no way to 10.0.0.1.\nTrying again now."


def test_a_student_reads_name_room_and_since_when() -> None:
    model = playing(*ARRIVAL)
    student = words.student(model, 0)
    assert (student.loudness, student.word, student.name, student.step) == ("good", "● You are here", "Me", "")
    assert student.detail.startswith("Room 12 · since ")
    model = playing(*ARRIVAL[:2], RosterReplaced((replace(ME, state="late"),), 1))
    assert words.student(model, 0).word == "◐ Not heard" and words.student(model, 0).loudness == "warn"
    model = playing(Connected("h:1", 60, 120, None), RosterReplaced((Entry("10.0.0.7", 7, 1),), 0))
    assert words.student(model, 0).detail == "h:1", "an original server has no name, and does not say who we are"


@pytest.mark.parametrize("code", sorted(code for code, action in ERROR_CODES.items() if action != RETRY))
def test_a_refusal_says_why_and_what_to_do(code: str) -> None:
    model = playing(Connecting("h:1", 1), Refused(code, "because", ERROR_CODES[code]), Stopped())
    assert model.phase == REFUSED and not model.is_running
    assert words.status(model, 0) == f"Because. {words.ADVICE.get(code, 'Ask whoever runs the room.')}".strip()
    student = words.student(model, 0)
    assert student.loudness == "bad" and student.word.startswith("✕ ") and student.step == words.AGAIN
    assert bool(card_words(model, 0, "", False).code) == (code in ("code_required", "bad_code"))


def test_others_are_counted() -> None:
    assert [words.others(number) for number in (0, 1, 2)] == ["nobody else", "1 other", "2 others"]


def test_the_round_trip_is_the_last_one_that_was_answered() -> None:
    model = playing(*ARRIVAL)
    assert words.round_trip(model) == ""
    for event in (PingSent(1), RoundTrip(1, 0.0123), PingSent(2)):
        model.apply(event, 0, WALL)
    assert words.round_trip(model) == "12 ms"
    said = [words.milliseconds(value) for value in (0.00026, 0.0094, 0.0123, 1.5)]
    assert said == ["0.3 ms", "9.4 ms", "12 ms", "1500 ms"]


@pytest.mark.parametrize(
    ("server", "name", "sentence", "field"),
    [
        ("h", " ", "Your name is missing.", NAME),
        ("h", "student01", OWN_NAME, NAME),
        ("", "Ann", HINT, SERVER),
        ("h:x", "Ann", "'x' is not a port", SERVER),
        ("h", "x" * 65, "65 characters", NAME),
    ],
)
def test_what_cannot_be_joined_with_is_said_and_where(server: str, name: str, sentence: str, field: str) -> None:
    with pytest.raises(CannotJoin) as failure:
        read_fields(server, name)
    assert sentence in str(failure.value) and failure.value.field == field and field != CODE


def test_the_card_says_where_it_leads_and_what_is_written_down() -> None:
    model = playing()
    card = card_words(model, 0, "", False)
    assert (card.title, card.button, card.code, card.record) == ("Join", "Cancel", "", "")
    model.apply(ROOM, 0, WALL)
    card = card_words(model, 0, "", False)
    assert (card.title, card.code) == ("Join Room 12", "Code of the room")
    assert card.record == "This room keeps a record of who was here, for 180 days."
    assert record_text(replace(ROOM, record="never")) == "This room keeps no record of who was here."
    model.forget()
    assert card_words(model, 0, "", True).code == "The teacher's code"
    assert card_words(model, 0, "", False).button == "Join"
    assert card_words(model, 0, "wrong", False).loudness == "bad"
    model.begin("another:1", "Me")
    assert model.room is None, "what one server said is not about another"


def test_a_code_that_is_typed_after_a_warning_is_for_the_server_that_was_warned_of() -> None:
    model = playing(CodeNeeded("h:1", "Room 12", "ab" * 32, False, "class", True, "Compare this."))
    assert card_words(model, 0, "", False).said == "Compare this."
    assert (model.accepted("h:1"), model.accepted("h:2")) == ("ab" * 32, "")
    model.begin("h:1", "Me")
    assert model.accepted("h:1") == ""


def test_who_was_removed_reads_when_to_come_again() -> None:
    model = playing(*ARRIVAL, Refused("kicked", "you were removed", "stop", retry_after=120.0), now=100)
    assert words.student(model, 101).detail == "You were removed. You can join again in 1 min."
    assert words.student(model, 101).step == "" and words.student(model, 220).step == words.AGAIN
