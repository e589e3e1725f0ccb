"""table_order.py: which lines, in which groups and order, and the list as text."""

from __future__ import annotations

import csv
import io
import random
import time
from typing import Any, List

import pytest

from protocol import HERE, KICKED, LATE, LEFT, LOST
from rollcall.window.members import UNKNOWN, Row
from rollcall.window.people import GUESTS, PRESENT, Person, numbers, of_row
from rollcall.window.table_order import (
    ADDRESS,
    FOR,
    GROUP,
    NAME,
    SINCE,
    STATE,
    TableOrder,
    as_csv,
    as_table,
    duration_text,
    stayed_text,
)

WALL = 1_700_000_000.0


def person(number: int, name: str = "", state: str = HERE, ip: str = "10.0.0.1", **more: Any) -> Person:
    base = Row(number, name or f"N{number}", ip, 5000, f"{ip}:5000", state, False, WALL - number, None)
    return of_row(base._replace(**more))


def ordered(people: List[Person], column: str, descending: bool = False, wanted: str = "") -> List[int]:
    """The numbers of the people, without the headings."""
    order = TableOrder()
    random.Random(1).shuffle(people)
    order.update(people, [])
    if column != order.column:
        order.sort_by(column)
    if descending:
        order.sort_by(column)
    order.filter = wanted
    return [int(key) for key in order.lines() if not key.startswith(GROUP)]


def test_names_sort_as_people_sort_them() -> None:
    people = [person(1, "bea"), person(2, "Abe"), person(3, "Éva"), person(4, "Eva 10"), person(5, "Eva 2")]
    assert ordered(people, NAME) == [2, 1, 3, 5, 4]
    assert ordered(people, NAME, descending=True) == [4, 5, 3, 1, 2]


def test_who_needs_attention_stands_first_whatever_is_sorted_by() -> None:
    people = [person(1, state=KICKED, went=WALL), person(2, state=LATE), person(3), person(4, state=LEFT, went=WALL)]
    people += [person(5, state=LOST, went=WALL), person(6, state=UNKNOWN)]
    assert ordered(people, STATE) == [2, 5, 4, 3, 6, 1]
    assert ordered(people, NAME) == [2, 4, 5, 3, 6, 1]
    order = TableOrder()
    order.update(people, [])
    assert [group for group, _ in order.groups()] == ["attention", "present", "quiet"]
    assert order.heading("attention", 3) == "NEEDS ATTENTION · 3" and order.heading(PRESENT, 2) == "LAST SEEN HERE · 2"


def test_the_other_way_round_leaves_names_as_they_were() -> None:
    people = [person(1, "Ann"), person(2, "Ben"), person(3, "Cal", state=UNKNOWN)]
    assert ordered(people, STATE) == [1, 2, 3] and ordered(people, STATE, descending=True) == [3, 1, 2]


def test_addresses_sort_as_numbers_and_other_text_comes_last() -> None:
    addresses = ["10.0.0.10", "10.0.0.9", "fe80::1%eth0", "not an ip", "9.9.9.9"]
    people = [person(number, ip=ip) for number, ip in enumerate(addresses)]
    assert [addresses[number] for number in ordered(people, ADDRESS)] == [
        "9.9.9.9", "10.0.0.9", "10.0.0.10", "fe80::1%eth0", "not an ip",
    ]  # fmt: skip


def test_times_sort_by_arrival() -> None:
    people = [person(1, arrived=WALL - 5), person(2, arrived=WALL - 50), person(3, arrived=WALL - 1)]
    assert ordered(people, FOR) == [3, 1, 2] and ordered(people, SINCE) == [2, 1, 3]


def test_the_search_looks_into_every_text_and_needs_no_accents() -> None:
    people = [person(1, "Björk"), person(2, "Ben", ip="10.9.9.9"), person(3, "Cleo", state=LATE)]
    assert ordered(people, NAME, wanted=" bJORk ") == [1]
    assert ordered(people, NAME, wanted="9.9") == [2]
    assert ordered(people, NAME, wanted="not answering") == [3]
    assert ordered(people, NAME, wanted="nobody") == []


def test_changes_replace_and_remove_and_a_number_filters() -> None:
    order = TableOrder()
    order.update([person(1), person(2), person(3, state=LATE)], [])
    order.update([person(1, "Z")], ["2", "99"])
    assert [order.people[key].name for key in order.lines() if not key.startswith(GROUP)] == ["N3", "Z"]
    assert list(order.changed) == ["1", "2", "3"]
    order.number = numbers(list(order.people.values()), False)[1]
    assert order.lines() == ["group attention", "3"] and order.is_filtered
    order.replace([person(1, "Z"), person(7)])
    assert set(order.people) == {"1", "7"}


def test_guests_offer_their_proposals() -> None:
    order = TableOrder()
    guests = [Person(str(n), f"G{n}", HERE, GUESTS, proposal="Mia" if n < 2 else "") for n in range(4)]
    order.update(guests, [])
    assert order.heading(GUESTS, 4) == "GUESTS · 4     Accept all 2 proposals"
    order.update([], ["0"])
    assert order.heading(GUESTS, 3).endswith("Accept 1 proposal")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"), (86399, "23:59:59"), (183600, "2 d 3 h")],
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert stayed_text(person(int(seconds)), WALL) == text
    assert stayed_text(person(1, state=UNKNOWN), WALL) == stayed_text(Person("1", "N", "missing", ""), WALL) == ""


def test_a_pasted_list_has_columns_and_no_formulas() -> None:
    at = time.strftime("%H:%M", time.localtime(WALL - 1))
    lines = as_table([person(1, "Ann"), person(1, "=1+1", own=True)], WALL).splitlines()
    assert lines == [
        "Name\tState\tSince\tHere for\tAddress",
        f"Ann\t● here\t{at}\t0:01\t10.0.0.1:5000",
        f"'=1+1 (you)\t● here\t{at}\t0:01\t10.0.0.1:5000",
    ]


def test_csv_is_read_back_and_a_name_is_no_formula() -> None:
    names = ["=1+1", "+1", "-1", "@x", 'quo"te, and comma', "plain"]
    people = [person(number, name) for number, name in enumerate(names)] + [person(9, "gone", state=LEFT, went=WALL)]
    read = list(csv.DictReader(io.StringIO(as_csv(people, WALL))))
    assert [line["name"] for line in read] == ["'=1+1", "'+1", "'-1", "'@x", 'quo"te, and comma', "plain", "gone"]
    assert [read[0][key] for key in ("state", "seconds", "address", "port")] == [HERE, "0", "10.0.0.1", "5000"]
    assert read[0]["went"] == "" and read[6]["went"][:10] == time.strftime("%Y-%m-%d", time.localtime(WALL))
