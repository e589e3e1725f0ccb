"""Rows of people, told by nothing but what a server says of them. What a connection does to them is in test_model."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict

from protocol import HERE, LATE, LOST, Departure, Entry
from rollcall.client.events import RosterUpdated
from rollcall.window.members import SILENT_AFTER, UNKNOWN, VANISHED, Members, Row
from rollcall.wire.likeness import GONE_FOR

WALL = 1_700_000_000.0
ANN, BEN = Entry("10.0.0.1", 1, 1, "Ann", "10.0.0.9", 60), Entry("fe80::2", 2, 2, "Ben", "fe80::2", 90)


def room() -> Members:
    members = Members()
    members.be_fresh(True)
    members.connected(2, WALL, 4.0)
    members.replace((ANN, BEN), 0.0, WALL)
    return members


def taken(members: Members) -> Dict[str, Row]:
    return {row.name: row for row in members.take_changes().shown}


def test_a_row_is_made_once_and_anew_when_it_is_another() -> None:
    members = room()
    rows = taken(members)
    assert rows["Ann"].address == "10.0.0.1:1 (seen as 10.0.0.9)" and rows["Ben"].address == "[fe80::2]:2"
    assert (rows["Ann"].arrived, rows["Ann"].own, rows["Ben"].own) == (WALL + 60, False, True)
    assert members.own is rows["Ben"] and members.rows()[1] is rows["Ann"], "nothing has changed"
    assert members.take_changes() == ([], [], {}) and members.changed == 1
    members.update(RosterUpdated((replace(ANN, state=LATE),), (), 2), 0.0, WALL + 100)
    late = taken(members)
    assert list(late) == ["Ann"] and (late["Ann"].state, late["Ann"].silent) == (LATE, WALL + 100 - SILENT_AFTER * 4.0)
    assert (members.count, members.here, members.others()) == (2, 1, ["Ann"])
    members.shift(-50.0)
    moved = taken(members)
    assert (moved["Ann"].silent, moved["Ben"].arrived) == (WALL + 50 - SILENT_AFTER * 4.0, WALL + 40)
    members.be_fresh(False)
    assert {row.state for row in taken(members).values()} == {UNKNOWN}
    members.be_fresh(False)
    assert not members.take_changes().shown


def test_who_went_keeps_a_row_until_they_are_back_or_it_is_old() -> None:
    members = room()
    members.take_changes()
    said = members.update(RosterUpdated((), (Departure(1, LOST), Departure(7, LOST)), 2), 10.0, WALL + 10)
    gone = taken(members)["Ann"]
    assert said == ["Ann lost the connection"] and (gone.state, gone.went) == (LOST, WALL + 10)
    members.expire(10.0 + GONE_FOR - 1)
    assert [row.name for row in members.all_rows()] == ["Ben", "Ann"]
    assert members.update(RosterUpdated((replace(ANN, id=9),), (), 3), 20.0, WALL + 20) == ["Ann joined"]
    changes = members.take_changes()
    assert (changes.gone, changes.moved, [row.state for row in changes.shown]) == ([1], {1: 9}, [HERE])
    members.update(RosterUpdated((), (Departure(9, LOST),), 4), 30.0, WALL)
    members.expire(30.0 + GONE_FOR)
    assert [row.name for row in members.all_rows()] == ["Ben"]


def test_ids_that_are_given_out_anew_are_other_people_and_another_server_has_none_of_them() -> None:
    members = room()
    members.take_changes()
    members.begin_anew(1.0, WALL)
    assert {row.state for row in taken(members).values()} == {VANISHED} and members.own is None
    members.connected(None, None, 4.0)
    zoe = Entry("h", 1, 1, "Zoe")
    assert members.replace((zoe,), 2.0, WALL + 2) == ["Zoe was here"]
    assert members.rows()[1].id == members.base + 1 and members.rows()[1].arrived == WALL + 2
    assert {row.name for row in members.all_rows()} == {"Ann", "Ben", "Zoe"}
    members.clear()
    assert members.all_rows() == [] and len(members.take_changes().gone) == 3
