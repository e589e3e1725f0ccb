"""events.py: every event is a sentence and a JSON object, and no secret is in either."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import List, Optional, Tuple

import pytest

import protocol
from protocol import Departure, Entry, Welcome
from rollcall.client import events
from rollcall.client.events import describe, to_json
from rollcall.wire import messages
from rollcall.wire.class_messages import ClassList

PRINT = "ab" * 32
WELCOME = Welcome(2, "Room 12", 7, 9, "Xk3f", 1_795_520_773, 0.5, 120.0, 100, "SECRET")
ALL: List[Tuple[events.Event, str]] = [
    (events.Connecting("h:1", 1), "connecting to h:1"),
    (events.Connecting("h:1", 3), "connecting to h:1 (attempt 3)"),
    (events.Connected("h:1", 0.5, 2, WELCOME), "connected to h:1 (Room 12), a heartbeat every 0.5 s"),
    (events.Connected("h:1", 60, 120, None), "connected to h:1 (an original server), a heartbeat every 60 s"),
    (
        events.Connected("h:1", 5, 9, replace(WELCOME, role="teacher"), PRINT),
        "connected to h:1 (Room 12) as a teacher, encrypted, a heartbeat every 5 s",
    ),
    (
        events.RoomSeen("h:1", 'A "\x1b', PRINT, True, True, "code", None, "", None),
        'h:1 is "A \\"\\x1b", a closed room, met before',
    ),
    (events.RoomSeen("h:1", "A", PRINT, False, False, "code", ("Ann",), "class", 7), 'h:1 is "A", an open room'),
    (events.CodeNeeded("h:1", "Room 12", PRINT, False, "class", False), '"Room 12" needs a code'),
    (
        events.CodeNeeded("h:1", "Room 12", PRINT, True, "teacher", True, "Beware."),
        '"Room 12" needs another code than that, the teacher\'s',
    ),
    (events.ServerWarning("no_tls", "Beware."), "WARNING: Beware."),
    (events.ServerKnown(PRINT, "Room 12", True), '"Room 12" will be known again'),
    (events.Done("kick", 1, "for ten minutes"), "kick: done, for ten minutes"),
    (events.Done("substitute", None, "", "SUB-SECRET"), "substitute: done"),
    (events.Denied("kick", 2, "only a teacher may do that"), "kick: denied: only a teacher may do that"),
    (events.Notice("kicked", "look at this one", 9), "note: look at this one (member 9)"),
    (events.Notice("kicked", "look around", None), "note: look around"),
    (events.ClassListed(ClassList(1, True, listed=27, guests=1)), "the class: 27 names, 1 guest"),
    (events.Reported(1, 2, "Ann", 7), "a report, piece 1 of 2"),
    (events.RosterReplaced((), 1), "0 here: nobody"),
    (events.RosterReplaced((Entry("a", 1, 1, "Ann"), Entry("b", 2, 2)), 2), "2 here: Ann, b:2"),
    (
        events.RosterUpdated((Entry("a", 1, 1, "Ann", "a", 0, "late"),), (Departure(2, "lost"),), 3),
        "Ann is late, member 2 lost",
    ),
    (events.PingSent(4), "ping 4"),
    (events.RoundTrip(4, 0.0123), "pong 4 after 12.3 ms"),
    (events.Disconnected("no answer for 12.0 s", None, True), "lost the connection: no answer for 12.0 s"),
    (events.Disconnected("nothing listens", None, False), "no connection: nothing listens"),
    (events.Waiting(4.04, 2, "x"), "trying again in 4.0 s"),
    (events.Refused("kicked", "goodbye", "stop"), "refused (kicked): goodbye"),
    (events.Dropped(1), "1 line missing here: nobody took more"),
    (events.Stopped(), "stopped"),
]


@pytest.mark.parametrize(("event", "text"), ALL, ids=[text for _, text in ALL])
def test_every_event_is_a_sentence_and_an_object(event: events.Event, text: str) -> None:
    assert describe(event) == text
    line = json.dumps(to_json(event))
    assert json.loads(line)["event"]
    assert "SECRET" not in line + repr(text)
    assert "SECRET" not in repr(event) or isinstance(event, events.Connected)


def test_no_event_is_forgotten() -> None:
    assert {type(event) for event, _ in ALL} == set(events.Event.__args__)  # type: ignore[attr-defined]
    assert len({to_json(event)["event"] for event, _ in ALL}) == len(events.Event.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (messages.Done("kick", 3, "gone", ""), events.Done("kick", 3, "gone", "")),
        (messages.Denied("kick", "not a teacher", 3), events.Denied("kick", 3, "not a teacher")),
        (messages.Notice("kicked", "Mia is back", 4), events.Notice("kicked", "Mia is back", 4)),
        (protocol.Pong(1), None),
    ],
)
def test_what_the_server_tells_is_an_event_and_a_heartbeat_is_none(
    message: protocol.Message, event: Optional[events.Event]
) -> None:
    assert events.told(message) == event
