"""client_model.py: a lesson played through without a window."""

from __future__ import annotations

from typing import List

import pytest

from client_model import (
    ADVICE,
    CONNECTED,
    CONNECTING,
    LOG_LINES,
    OFFLINE,
    RECONNECTING,
    REFUSED,
    ClientModel,
    clock_text,
)
from events import (
    Connected,
    Connecting,
    Disconnected,
    Event,
    PingSent,
    Refused,
    RosterReplaced,
    RosterUpdated,
    RoundTrip,
    Stopped,
    Waiting,
)
from protocol import ERROR_CODES, RETRY, Departure, Entry, Welcome

WALL = 1_700_000_000.0
WELCOME = Welcome(2, "Room 12", 2, 9, "e", 1_700_000_000, 5.0, 20.0, 100, "t")
ANN, ME = Entry("10.0.0.1", 1, 1, "Ann", "10.0.0.1", 60), Entry("10.0.0.2", 2, 2, "Me", "10.0.0.9", 90)
ARRIVAL: List[Event] = [Connecting("h:1", 1), Connected("h:1", 5, 20, WELCOME), RosterReplaced((ANN, ME), 1)]


def playing(*events: Event, now: float = 0.0) -> ClientModel:
    model = ClientModel()
    model.begin("h:1")
    for event in events:
        model.apply(event, now, WALL)
    return model


def test_the_roster_is_shown_with_the_own_row_marked() -> None:
    model = playing(*ARRIVAL)
    ann, me = model.rows()
    assert (ann.name, ann.address, ann.state, ann.own, ann.stale) == ("Ann", "10.0.0.1:1", "here", False, False)
    assert (me.own, me.address) == (True, "10.0.0.2:2 (seen as 10.0.0.9)")
    assert ann.since == clock_text(WALL + 60), "counted from the server's start"
    assert (model.phase, model.count, model.title()) == (CONNECTED, 2, "2 here – Rollcall")
    assert model.status(0) == "Connected to Room 12 at h:1."


def test_a_change_of_one_row_is_one_row_to_show() -> None:
    model = playing(*ARRIVAL)
    assert len(model.take_changes().shown) == 2
    assert model.take_changes() == ([], [])
    late = Entry("10.0.0.1", 1, 1, "Ann", "10.0.0.1", 60, "late")
    model.apply(RosterUpdated((late,), (), 2), 0, WALL)
    (row,) = model.take_changes().shown
    assert (row.id, row.state) == (1, "late")
    model.apply(RosterUpdated((), (Departure(1, "lost"), Departure(77, "left")), 3), 0, WALL)
    assert model.take_changes() == ([], [1])
    assert model.log[-1].endswith("Ann lost, member 77 left")


def test_a_new_snapshot_takes_away_who_is_not_in_it() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    model.apply(RosterReplaced((ME,), 9), 0, WALL)
    assert model.take_changes() == ([], [1])
    model.apply(RosterReplaced((ANN, ME), 10), 0, WALL)
    assert [row.id for row in model.take_changes().shown] == [1]


def test_who_comes_and_goes_between_two_looks_is_only_gone() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    new = Entry("h", 3, 3, "New")
    model.apply(RosterUpdated((new,), (), 2), 0, WALL)
    model.apply(RosterUpdated((), (Departure(3, "left"),), 3), 0, WALL)
    assert model.take_changes() == ([], [3])


def test_a_lost_connection_says_why_and_what_next_and_keeps_the_roster_greyed() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    model.apply(Disconnected("no answer for 12 s", None, True), 100, WALL)
    model.apply(Waiting(4.0, 1, "no answer for 12 s"), 100, WALL)
    assert model.status(100) == "Lost the connection: no answer for 12 s. Trying again in 4 s."
    assert model.status(103) == "Lost the connection: no answer for 12 s. Trying again in 1 s."
    assert model.status(104) == "Lost the connection: no answer for 12 s. Trying again now."
    shown = model.take_changes().shown
    assert [(row.stale, row.state) for row in shown] == [(True, "unknown")] * 2
    assert (model.phase, model.round_trip_text(), model.title()) == (RECONNECTING, "–", "reconnecting – Rollcall")
    model.apply(Connecting("h:1", 2), 104, WALL)
    assert model.phase == RECONNECTING, "a new attempt is no new beginning"
    model.apply(Disconnected("nothing listens at h:1; is the server running?", None, False), 105, WALL)
    model.apply(Waiting(8.0, 3, ""), 105, WALL)
    assert model.status(105) == (
        "No connection: nothing listens at h:1; is the server running? Trying again in 8 s (attempt 3)."
    )
    model.apply(Connected("h:1", 5, 20, WELCOME), 106, WALL)
    assert all(not row.stale for row in model.take_changes().shown)


@pytest.mark.parametrize("code", sorted(code for code, action in ERROR_CODES.items() if action != RETRY))
def test_a_refusal_says_why_and_what_to_do(code: str) -> None:
    model = playing(Connecting("h:1", 1), Refused(code, "because", ERROR_CODES[code]), Stopped())
    status = model.status(0)
    assert model.phase == REFUSED and not model.is_running
    assert status.startswith("Refused: because. ") and status.endswith(ADVICE.get(code, "Ask whoever runs the server."))


def test_a_disconnect_leaves_the_last_roster_and_another_server_does_not() -> None:
    model = playing(*ARRIVAL)
    model.end()
    assert (model.phase, model.status(0), model.count) == (OFFLINE, "Not connected.", 2)
    model.begin("h:1")
    assert (model.phase, model.count, model.status(0)) == (CONNECTING, 2, "Connecting to h:1 …")
    model.begin("other:1")
    assert model.count == 0 and model.take_changes().gone == [1, 2]


def test_an_original_server_has_no_name_no_ids_of_its_own_and_arrival_times_of_ours() -> None:
    model = playing(Connected("h:1", 60, 120, None), RosterReplaced((Entry("10.0.0.7", 7, 1),), 0))
    (row,) = model.rows()
    assert (row.name, row.address, row.since, row.own) == ("–", "10.0.0.7:7", clock_text(WALL), False)
    assert model.status(0) == "Connected to h:1."


def test_the_log_is_bounded_and_beats_are_not_in_it() -> None:
    model = playing(*ARRIVAL)
    lines = len(model.log)
    model.apply(PingSent(1), 0, WALL)
    model.apply(RoundTrip(1, 0.0123), 0, WALL)
    assert len(model.log) == lines and model.round_trip_text() == "12.3 ms"
    for _ in range(2 * LOG_LINES):
        model.apply(Connecting("h:1", 1), 0, WALL)
    assert len(model.log) == LOG_LINES and model.logged == lines + 2 * LOG_LINES
