"""likeness.py: who may take whose row, and nothing is kept of those whom no row shows."""

from __future__ import annotations

from typing import Dict, List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from protocol import Entry
from rollcall.wire.likeness import Likeness, Likenesses, likeness_of

ANN: Likeness = ("Ann", "10.0.0.1", "10.0.0.1")


def test_a_likeness_is_name_and_addresses_and_without_a_name_the_whole_address() -> None:
    assert likeness_of(Entry("a", 1, 7, "Ann", "b")) == likeness_of(Entry("a", 2, 8, "Ann", "b"))
    assert likeness_of(Entry("a", 1, 7, "Ann", "b")) != likeness_of(Entry("a", 1, 7, "Ann", "c"))
    assert likeness_of(Entry("a", 1)) == likeness_of(Entry("a", 1, 9)) != likeness_of(Entry("a", 2))


def test_who_was_alone_of_its_kind_is_taken_back_once() -> None:
    alike = Likenesses()
    alike.arrive(ANN)
    alike.depart(ANN, 1, unseen=False)
    alike.leave(ANN)
    assert alike.taken_back(ANN) == 1
    alike.arrive(ANN)
    alike.forget(ANN, 1)
    assert alike.taken_back(ANN) is None


def test_two_at_once_are_two_from_then_on() -> None:
    alike = Likenesses()
    for member in (1, 2):
        alike.arrive(ANN)
        alike.depart(ANN, member, unseen=False)
        alike.leave(ANN)
    assert alike.taken_back(ANN) == 2
    alike.arrive(ANN)
    alike.arrive(ANN)
    assert alike.taken_back(ANN) is None
    alike.depart(ANN, 3, unseen=False)
    assert alike.taken_back(ANN) is None
    alike.depart(ANN, 4, unseen=True)
    assert alike.taken_back(ANN) == 4


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["come", "go", "vanish", "forget"]))))
def test_nothing_is_kept_of_those_whom_no_row_shows(steps: List[Tuple[str, str]]) -> None:
    alike = Likenesses()
    here: List[Likeness] = []
    rows: Dict[int, Likeness] = {}
    for number, (name, step) in enumerate(steps):
        likeness = (name, "", "")
        if step == "come":
            alike.arrive(likeness)
            here.append(likeness)
        elif step == "forget" and rows:
            oldest = next(iter(rows))
            alike.forget(rows.pop(oldest), oldest)
        elif step in ("go", "vanish") and likeness in here:
            here.remove(likeness)
            alike.depart(likeness, number, unseen=step == "vanish")
            alike.leave(likeness)
            rows[number] = likeness
        taken = alike.taken_back(likeness)
        assert taken is None or rows[taken] == likeness
        assert len(alike) == len({*here, *rows.values()})
