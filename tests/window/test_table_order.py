"""table_order.py: which rows, in which order, and the roster as text."""

from __future__ import annotations

import csv
import io
import random
import time
from typing import Any, List

import pytest

from protocol import HERE, KICKED, LATE, LEFT, LOST
from rollcall.window.model import UNKNOWN, Changes, Row
from rollcall.window.table_order import (
    ADDRESS,
    FOR,
    NAME,
    STATE,
    STATES,
    TableOrder,
    as_csv,
    as_text,
    duration_text,
    marked_name,
    state_text,
)

WALL = 1_700_000_000.0


def row(number: int, name: str = "", state: str = HERE, ip: str = "10.0.0.1", **more: Any) -> Row:
    base = Row(number, name or f"N{number}", ip, 5000, f"{ip}:5000", state, False, WALL - number, None)
    return base._replace(**more)


def ordered(rows: List[Row], column: str, descending: bool = False, wanted: str = "") -> List[int]:
    order = TableOrder()
    random.Random(1).shuffle(rows)
    order.update(Changes(rows, []))
    if column != order.column:
        order.sort_by(column)
    if descending:
        order.sort_by(column)
    order.filter = wanted
    return order.order()


def test_names_sort_without_regard_to_case() -> None:
    rows = [row(1, "bea"), row(2, "Abe"), row(3, "Éva"), row(4, "cal"), row(5, "Abe")]
    assert ordered(rows, NAME) == [2, 5, 1, 4, 3]
    assert ordered(rows, NAME, descending=True) == [3, 4, 1, 5, 2]


def test_states_sort_by_how_much_somebody_is_there() -> None:
    rows = [row(1, state=KICKED, went=WALL), row(2, state=LATE), row(3), row(4, state=LEFT, went=WALL)]
    rows += [row(5, state=LOST, went=WALL), row(6, state=UNKNOWN)]
    assert ordered(rows, STATE) == [3, 2, 6, 5, 4, 1]


def test_addresses_sort_as_numbers_and_other_text_comes_last() -> None:
    addresses = ["10.0.0.10", "10.0.0.9", "fe80::1%eth0", "not an ip", "9.9.9.9"]
    rows = [row(number, ip=ip) for number, ip in enumerate(addresses)]
    assert [addresses[number] for number in ordered(rows, ADDRESS)] == [
        "9.9.9.9", "10.0.0.9", "10.0.0.10", "fe80::1%eth0", "not an ip",
    ]  # fmt: skip


def test_durations_sort_by_arrival_and_who_went_comes_last() -> None:
    rows = [row(1, arrived=WALL - 5), row(2, arrived=WALL - 50), row(3, arrived=WALL - 1, went=WALL, state=LEFT)]
    assert ordered(rows, FOR) == [1, 2, 3]


def test_the_filter_looks_into_every_text_column() -> None:
    rows = [row(1, "Ann"), row(2, "Ben", ip="10.9.9.9"), row(3, "Cleo", state=LATE)]
    assert ordered(rows, NAME, wanted=" aNN ") == [1]
    assert ordered(rows, NAME, wanted="9.9") == [2]
    assert ordered(rows, NAME, wanted="late") == [3]
    assert ordered(rows, NAME, wanted="nobody") == []


def test_changes_replace_and_remove() -> None:
    order = TableOrder()
    order.update(Changes([row(1), row(2)], []))
    order.update(Changes([row(1, "Z")], [2, 99]))
    assert [order.rows[member].name for member in order.order()] == ["Z"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"), (86399, "23:59:59"), (183600, "2 d 3 h")],
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_every_state_has_a_shape_and_a_word_and_who_went_the_time() -> None:
    for state, text in STATES.items():
        shape, _, word = text.partition(" ")
        assert len(shape) == 1 and not shape.isalnum() and word
        assert state_text(row(1, state=state)) == text
    assert state_text(row(1, state="new")) == "– new"
    at = time.strftime("%H:%M", time.localtime(WALL))
    assert state_text(row(1, state=LOST, went=WALL)) == f"✕ connection lost {at}"


def test_text_has_aligned_columns() -> None:
    text = as_text([row(1, "Ann"), row(2, "A much longer name", own=True)], WALL)
    assert text.splitlines() == [
        "Name                      State   Connected for  Address",
        "Ann                       ● here  0:01           10.0.0.1:5000",
        "A much longer name (you)  ● here  0:02           10.0.0.1:5000",
    ]
    assert marked_name(row(3, "Me")) == "Me"


def test_csv_is_read_back_and_a_name_is_no_formula() -> None:
    names = ["=1+1", "+1", "-1", "@x", 'quo"te, and comma', "plain"]
    rows = [row(number, name) for number, name in enumerate(names)] + [row(9, "gone", state=LEFT, went=WALL)]
    read = list(csv.DictReader(io.StringIO(as_csv(rows, WALL))))
    assert [line["name"] for line in read] == ["'=1+1", "'+1", "'-1", "'@x", 'quo"te, and comma', "plain", "gone"]
    assert [read[0][key] for key in ("state", "seconds", "address", "port")] == [HERE, "0", "10.0.0.1", "5000"]
    assert read[0]["went"] == "" and read[6]["went"][:10] == time.strftime("%Y-%m-%d", time.localtime(WALL))
