"""model.py: a lesson played through without a window."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

import pytest

from protocol import ClientList, Departure, Entry, Welcome
from rollcall.client.events import (
    Connected,
    Connecting,
    Disconnected,
    Event,
    PingSent,
    Refused,
    RosterReplaced,
    RosterUpdated,
    RoundTrip,
    Waiting,
)
from rollcall.client.roster_view import RosterView
from rollcall.window.diary import CONNECTION, PEOPLE, clock_text
from rollcall.window.members import UNKNOWN, VANISHED, Row
from rollcall.window.model import BEATS, CONNECTED, CONNECTING, OFFLINE, RECONNECTING, ClientModel
from rollcall.window.people import of_row
from rollcall.window.words import status, title
from rollcall.wire.likeness import GONE_FOR, MAX_GONE

WALL = 1_700_000_000.0
NOTHING: Tuple[object, ...] = ([], [], {})
WELCOME = Welcome(2, "Room 12", 2, 9, "e", 1_700_000_000, 5.0, 20.0, 100, "t")
ANN, ME = Entry("10.0.0.1", 1, 1, "Ann", "10.0.0.1", 60), Entry("10.0.0.2", 2, 2, "Me", "10.0.0.9", 90)
ARRIVAL: List[Event] = [Connecting("h:1", 1), Connected("h:1", 5, 20, WELCOME), RosterReplaced((ANN, ME), 1)]


def playing(*events: Event, now: float = 0.0) -> ClientModel:
    model = ClientModel()
    model.begin("h:1", "Me")
    for event in events:
        model.apply(event, now, WALL)
    return model


def shown(model: ClientModel) -> Dict[str, Row]:
    """What there is to show since the last look, by name."""
    return {row.name: row for row in model.take_changes().shown}


class Table:
    """What stands on the screen: it takes the changes as the window does."""

    def __init__(self, model: ClientModel) -> None:
        self._model = model
        self._rows: Dict[int, Row] = {}

    def rows(self) -> List[Row]:
        changes = self._model.take_changes()
        self._rows.update((row.id, row) for row in changes.shown)
        for member in changes.gone:
            self._rows.pop(member, None)
        return list(self._rows.values())

    def states(self) -> List[str]:
        return sorted(row.state for row in self.rows())

    def ports(self) -> List[Tuple[int, str]]:
        return sorted((row.port, row.state) for row in self.rows())


def log_of(model: ClientModel, kind: str) -> List[str]:
    return [line.text for line in model.diary.lines if line.kind == kind]


def test_the_roster_is_shown_with_the_own_row_marked() -> None:
    model = playing(*ARRIVAL)
    rows = shown(model)
    ann, me = rows["Ann"], rows["Me"]
    assert (ann.address, ann.state, ann.own, ann.went) == ("10.0.0.1:1", "here", False, None)
    assert (me.own, me.address) == (True, "10.0.0.2:2 (seen as 10.0.0.9)")
    assert ann.arrived == WALL + 60, "counted from the server's start"
    assert of_row(ann).stayed(WALL + 100) == 40 and of_row(ann).stayed(WALL) == 0.0
    assert (model.phase, model.count, title(model)) == (CONNECTED, 2, "2 here – Rollcall")
    assert status(model, 0) == "Connected to Room 12"
    assert model.own == me and model.others() == ["Ann"]


def test_a_change_of_one_row_is_one_row_to_show() -> None:
    model = playing(*ARRIVAL)
    assert len(model.take_changes().shown) == 2
    assert model.take_changes() == NOTHING
    model.apply(RosterUpdated((replace(ANN, state="late"),), (), 2), 0, WALL)
    (row,) = model.take_changes().shown
    assert (row.name, row.state, row.silent) == ("Ann", "late", WALL - 7.5), "the server says so after 1.5 intervals"
    assert (model.count, model.here) == (2, 1)
    model.apply(RosterUpdated((ANN,), (), 3), 0, WALL)
    assert shown(model)["Ann"].state == "here"
    assert log_of(model, PEOPLE) == ["Ann was here", "2 people here", "Ann does not answer", "Ann is back"]


def test_who_went_stays_for_five_minutes_with_how_and_when() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    model.apply(RosterUpdated((), (Departure(1, "lost"), Departure(77, "left")), 3), 100, WALL + 70)
    (row,) = model.take_changes().shown
    assert (row.name, row.state, row.went, row.own) == ("Ann", "lost", WALL + 70, False)
    assert of_row(row).stayed(WALL + 9999) == 10, "it does not tick any more"
    assert model.count == 1 and log_of(model, PEOPLE)[-1] == "Ann lost the connection"
    model.expire(100 + GONE_FOR - 0.1)
    assert model.take_changes() == NOTHING
    model.expire(100 + GONE_FOR)
    assert model.take_changes() == ([], [row.id], {})


def test_who_comes_back_is_no_longer_one_who_went() -> None:
    model = playing(*ARRIVAL)
    model.apply(RosterUpdated((), (Departure(1, "lost"),), 2), 0, WALL)
    went = shown(model)["Ann"]
    model.apply(RosterUpdated((ANN,), (), 3), 1, WALL)  # the same row, with its resume token
    assert shown(model)["Ann"] == went._replace(state="here", went=None)
    model.apply(RosterUpdated((), (Departure(1, "left"),), 4), 2, WALL)
    model.take_changes()
    newcomer = replace(ANN, id=9, port=7)  # the same person with a program started anew
    model.apply(RosterUpdated((newcomer,), (), 5), 3, WALL)
    changes = model.take_changes()
    assert [row.name for row in changes.shown] == ["Ann"] and changes.gone == [went.id]
    assert changes.moved == {went.id: changes.shown[0].id}, "the selection may go along"
    model.expire(1e9)
    assert model.take_changes() == NOTHING


def students(*ids: int) -> Tuple[Entry, ...]:
    return tuple(Entry("10.0.0.7", 5000 + number, number, "student", "10.0.0.7", number) for number in ids)


def test_who_has_gone_stays_visible_although_a_newcomer_is_alike() -> None:
    model = playing(*ARRIVAL[:2], RosterReplaced(students(11, 12, 13), 1))
    table = Table(model)
    model.apply(RosterUpdated((), (Departure(12, "lost"),), 2), 0, WALL)
    model.apply(RosterUpdated(students(14), (), 3), 1, WALL)
    model.apply(RosterUpdated((), (Departure(14, "left"),), 4), 2, WALL)
    model.apply(RosterUpdated(students(15), (), 5), 3, WALL)
    assert table.states() == ["here", "here", "here", "left", "lost"]
    model.apply(RosterUpdated(students(12), (), 6), 4, WALL)
    assert table.states() == ["here"] * 4 + ["left"], "its own return is another thing"


def test_of_those_who_are_alike_as_many_come_back_after_a_restart_as_there_are() -> None:
    model = playing(*ARRIVAL[:2], RosterReplaced(students(11, 12, 13, 14), 1))
    table = Table(model)
    model.apply(RosterUpdated((), (Departure(14, "left"),), 2), 0, WALL)
    model.apply(Disconnected("the server is stopping", "server_shutdown", True), 1, WALL)
    model.apply(Connected("h:1", 5, 20, replace(WELCOME, epoch="f")), 2, WALL)
    model.apply(RosterReplaced(students(1, 2), 1), 2, WALL)
    assert table.states() == [VANISHED, "here", "here", "left"]
    model.apply(RosterUpdated(students(3, 4), (), 2), 3, WALL)
    assert table.states() == ["here"] * 4 + ["left"]


def test_a_newcomer_from_another_address_is_somebody_else() -> None:
    model = playing(*ARRIVAL, RosterUpdated((), (Departure(1, "left"),), 2))
    table = Table(model)
    others = (replace(ANN, id=8, ip="10.0.0.8"), replace(ANN, id=9, observed_ip="10.9.9.9"))
    model.apply(RosterUpdated(others, (), 3), 0, WALL)
    assert table.states() == ["here"] * 3 + ["left"]


def test_rows_of_an_original_server_are_known_by_their_whole_address() -> None:
    model = playing(Connected("h:1", 60, 120, None))
    table = Table(model)
    view = RosterView()

    def list_of(*ports: int) -> RosterReplaced:
        return RosterReplaced(view.replace(ClientList(tuple(Entry("10.0.0.7", port) for port in ports))), 0)

    model.apply(list_of(1, 2), 0, WALL)
    model.apply(list_of(1), 1, WALL)
    model.apply(list_of(1, 3), 2, WALL)
    assert table.ports() == [(1, "here"), (2, VANISHED), (3, "here")]
    # Another client of this window, whose ids begin anew.
    model.end(WALL)
    model.begin("h:1", "Me")
    view = RosterView()
    model.apply(Connected("h:1", 60, 120, None), 3, WALL)
    model.apply(list_of(4, 3), 4, WALL)
    rows = table.ports()
    assert rows == [(1, VANISHED), (2, VANISHED), (3, "here"), (4, "here")]


def test_those_who_went_are_bounded() -> None:
    model = playing(*ARRIVAL)
    crowd = tuple(Entry("10.1.0.1", number, number, f"N{number}") for number in range(10, 10 + MAX_GONE + 5))
    model.apply(RosterUpdated(crowd, (), 2), 0, WALL)
    model.apply(RosterUpdated((), tuple(Departure(entry.id, "left") for entry in crowd), 3), 0, WALL)
    changes = model.take_changes()
    assert len([row for row in changes.shown if row.went is not None]) == MAX_GONE and len(changes.gone) == 5


def test_a_new_snapshot_takes_away_who_is_not_in_it() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    model.apply(RosterReplaced((ME,), 9), 0, WALL)
    assert shown(model)["Ann"].state == VANISHED
    model.apply(RosterReplaced((ANN, ME), 10), 0, WALL)
    rows = shown(model)
    assert list(rows) == ["Ann"] and rows["Ann"].state == "here"


def test_who_comes_and_goes_between_two_looks_is_one_who_went() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    new = Entry("h", 3, 3, "New")
    model.apply(RosterUpdated((new,), (), 2), 0, WALL)
    model.apply(RosterUpdated((), (Departure(3, "left"),), 3), 0, WALL)
    assert shown(model)["New"].state == "left"


def test_after_a_restart_of_the_server_the_same_ids_are_other_people() -> None:
    model = playing(*ARRIVAL)
    before = shown(model)
    model.apply(Disconnected("the server closed the connection", None, True), 10, WALL + 100)
    again = replace(WELCOME, epoch="f", member_id=1, started=int(WALL) + 110)
    model.apply(Connected("h:1", 5, 20, again), 12, WALL + 112)
    model.apply(RosterReplaced((replace(ME, id=1, since=1),), 1), 12, WALL + 112)
    changes = model.take_changes()
    rows = {row.name: row for row in changes.shown}
    assert rows["Me"].own and rows["Me"].state == "here" and rows["Me"].arrived == WALL + 111
    assert rows["Ann"].state == VANISHED and rows["Ann"].id == before["Ann"].id
    assert changes.gone == [before["Me"].id], "we went and came back: one row"
    model.apply(RosterUpdated((replace(ANN, id=2, since=3),), (), 2), 13, WALL + 113)
    changes = model.take_changes()
    assert [(row.name, row.state) for row in changes.shown] == [("Ann", "here")]
    assert changes.gone == [before["Ann"].id]


def test_a_clock_of_our_own_that_is_wrong_does_not_matter() -> None:
    hour = 3600.0
    model = playing()
    model.apply(Connected("h:1", 5, 20, replace(WELCOME, uptime=95)), 0, WALL - hour)
    model.apply(RosterReplaced((ANN, ME), 1), 0, WALL - hour)
    assert of_row(shown(model)["Ann"]).stayed(WALL - hour) == 95 - ANN.since


def test_an_ipv6_address_is_written_so_that_it_can_be_typed() -> None:
    model = playing(*ARRIVAL, RosterUpdated((Entry("fe80::1", 5000, 9, "Six", "fe80::1"),), (), 2))
    assert shown(model)["Six"].address == "[fe80::1]:5000"


def test_a_lost_connection_keeps_the_roster_greyed_and_is_one_line() -> None:
    model = playing(*ARRIVAL)
    model.take_changes()
    model.apply(Disconnected("no answer for 12 s", None, True), 100, WALL)
    model.apply(Waiting(4.0, 1, "no answer for 12 s"), 100, WALL)
    assert [row.state for row in model.take_changes().shown] == [UNKNOWN] * 2
    assert (model.phase, model.round_trip()) == (RECONNECTING, None)
    assert (model.cause, model.retry_at) == ("no answer for 12 s", 104)
    model.apply(Connecting("h:1", 2), 104, WALL)
    assert model.phase == RECONNECTING, "a new attempt is no new beginning"
    model.apply(Disconnected("nothing listens at h:1; is the server running?", None, False), 105, WALL)
    model.apply(Waiting(8.0, 3, ""), 105, WALL)
    assert (model.attempt, model.retry_at) == (3, 113)
    model.apply(Connected("h:1", 5, 20, WELCOME), 106, WALL)
    assert [row.state for row in model.take_changes().shown] == ["here"] * 2
    away = [line for line in log_of(model, CONNECTION) if "away" in line]
    assert away == [f"Room 12 away {clock_text(WALL)}–{clock_text(WALL)}: no answer for 12 s"]


def test_a_disconnect_leaves_the_last_roster_and_another_server_does_not() -> None:
    model = playing(*ARRIVAL)
    rows = shown(model)
    model.end(WALL)
    assert (model.phase, status(model, 0), model.count) == (OFFLINE, "", 2)
    model.begin("h:1", "Me")
    assert (model.phase, model.count, status(model, 0)) == (CONNECTING, 2, "Connecting to h:1 …")
    model.apply(RosterUpdated((), (Departure(1, "left"),), 3), 0, WALL)
    model.begin("other:1", "Me")
    assert model.count == 0 and model.take_changes() == ([], sorted(row.id for row in rows.values()), {})


def test_an_original_server_has_no_name_no_ids_of_its_own_and_arrival_times_of_ours() -> None:
    model = playing(Connected("h:1", 60, 120, None), RosterReplaced((Entry("10.0.0.7", 7, 1),), 0))
    (row,) = model.take_changes().shown
    assert (row.name, row.address, row.arrived, row.own) == ("–", "10.0.0.7:7", WALL, False)
    assert status(model, 0) == "Connected to h:1" and model.own is None


def test_heartbeats_are_kept_with_their_round_trips_and_are_not_in_the_log() -> None:
    model = playing(*ARRIVAL)
    lines = model.diary.logged
    assert model.round_trip() is None
    for seq, seconds in ((1, 0.0302), (2, None), (3, 0.0123)):
        model.apply(PingSent(seq), 0, WALL)
        if seconds is not None:
            model.apply(RoundTrip(seq, seconds), 0, WALL)
    assert model.diary.logged == lines
    assert [beat.seconds for beat in model.beats] == [0.0302, None, 0.0123]
    assert model.round_trip() == 0.0123
    for seq in range(4, 4 + 2 * BEATS):
        model.apply(PingSent(seq), 0, WALL)
    assert len(model.beats) == BEATS


@pytest.mark.parametrize("step", [3600.0, -86400.0])
def test_a_clock_that_is_set_changes_no_duration(step: float) -> None:
    model = playing(*ARRIVAL)
    model.look_at_clocks(100, WALL + 100)
    model.apply(RosterUpdated((), (Departure(2, "left"),), 2), 100, WALL + 100)
    before = {name: of_row(row).stayed(WALL + 100) for name, row in shown(model).items()}
    model.look_at_clocks(101, WALL + 101 + step)
    after = shown(model)
    assert {name: of_row(row).stayed(WALL + 101 + step) for name, row in after.items()} == {
        name: seconds + (after[name].went is None) for name, seconds in before.items()
    }
    model.look_at_clocks(102, WALL + 102 + step)
    assert model.take_changes() == NOTHING, "nothing to show anew while the clock goes on"


def test_who_was_there_who_came_meanwhile_and_who_went_unseen_has_a_line_each() -> None:
    model = playing(*ARRIVAL)
    model.apply(Disconnected("no answer for 12 s", None, True), 1, WALL)
    model.apply(Connected("h:1", 5, 20, WELCOME), 2, WALL)
    model.apply(RosterReplaced((ME, Entry("10.0.0.3", 3, 3, "Ben", "10.0.0.3", 99)), 7), 2, WALL)
    assert log_of(model, PEOPLE) == [
        "Ann was here", "2 people here", "Ann went while we were away", "Ben came meanwhile", "2 people here",
    ]  # fmt: skip


def test_leaving_and_being_refused_are_lines_and_a_refusal_stays_until_it_is_done_with() -> None:
    model = playing(*ARRIVAL)
    model.end(WALL)
    assert log_of(model, CONNECTION) == ["connected to Room 12 at h:1", "left"]
    model.begin("h:1", "Me")
    model.apply(Refused("kicked", "out", "stop"), 0, WALL)
    model.end(WALL)
    assert model.phase == "refused" and log_of(model, CONNECTION)[-1] == "not let in: out"
    model.forget()
    assert model.phase == OFFLINE and not model.was_in
