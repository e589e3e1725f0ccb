"""roster_view.py: snapshots, deltas, gaps, and lists without ids."""

from __future__ import annotations

import pytest

from protocol import ClientList, Departure, Entry, RosterDelta
from rollcall.client.roster_view import RosterView
from rollcall.wire.fields import ROWS_BETWEEN_LOOKS

ANN, BEN = Entry("a", 1, 1, "Ann", "a"), Entry("b", 2, 2, "Ben", "b")


def test_deltas_lead_from_one_revision_to_the_next() -> None:
    view = RosterView()
    assert view.replace(ClientList((ANN,), "e", 5)) == (ANN,)
    assert view.update(RosterDelta("e", 5, 7, (BEN,), (Departure(1, "left"), Departure(99, "lost"))))
    assert (view.rev, list(view.entries.values())) == (7, [BEN])


def test_a_gap_or_another_epoch_changes_nothing() -> None:
    view = RosterView()
    assert not view.update(RosterDelta("e", 0, 1, (ANN,)))
    view.replace(ClientList((ANN,), "e", 5))
    for delta in (RosterDelta("e", 6, 7, (BEN,)), RosterDelta("e", 4, 6, (BEN,)), RosterDelta("f", 5, 6, (BEN,))):
        assert not view.update(delta)
    assert (view.rev, list(view.entries.values())) == (5, [ANN])


def test_rows_of_a_version_1_list_keep_the_ids_that_they_were_given() -> None:
    view = RosterView()
    same = Entry("a", 1)
    first = view.replace(ClientList((same, same, Entry("b", 2))))
    assert len({entry.id for entry in first}) == 3
    second = view.replace(ClientList((same, Entry("c", 3), Entry("b", 2))))
    assert (second[0].id, second[2].id) == (first[0].id, first[2].id)
    assert second[1].id not in {entry.id for entry in first}


def test_no_id_is_given_twice_to_rows_of_a_version_1_list() -> None:
    view = RosterView()
    (ann, ben) = view.replace(ClientList((Entry("a", 1), Entry("b", 2))))
    (still,) = view.replace(ClientList((Entry("a", 1),)))
    assert still.id == ann.id
    (_, cleo) = view.replace(ClientList((Entry("a", 1), Entry("c", 3))))
    assert cleo.id not in (ann.id, ben.id), "she has not the row of who has just left"
    view.replace(ClientList(()))
    (dora,) = view.replace(ClientList((Entry("d", 4),)))
    assert dora.id not in (ann.id, ben.id, cleo.id)


class Stopped(Exception):
    pass


def test_a_long_version_1_list_can_be_left_in_the_middle_and_nothing_has_changed() -> None:
    view = RosterView()
    (ann,) = view.replace(ClientList((Entry("a", 1),)))
    looks = [None] * 3

    def look() -> None:
        looks.pop()
        if not looks:
            raise Stopped

    with pytest.raises(Stopped):
        view.replace(ClientList(tuple(Entry("b", port) for port in range(3 * ROWS_BETWEEN_LOOKS))), look)
    assert list(view.entries.values()) == [ann]
    assert view.replace(ClientList((Entry("a", 1),))) == (ann,)
