"""sheet.py: what a terminal shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.sheet import DISCLAIMER, Cell, Column, Sheet, Table, lines, width

COLUMNS = (Column("Name"), Column("Came"), Column("Minutes", numeric=True))


def sheet(*names: str) -> Sheet:
    rows = tuple((Cell(name), Cell("late", beside="by 6 min"), Cell("90")) for name in names)
    return Sheet("Class 7b", ("a fact",), (Table(COLUMNS, rows, "Guests", "nobody"),), ("a note",))


def test_columns_stand_below_each_other_whatever_the_letters() -> None:
    assert lines(sheet("Mia Lee", "李小龍", "Zoe\u0301")) == [
        "Class 7b",
        "a fact",
        "",
        "Guests:",
        "Name     Came             Minutes",
        "Mia Lee  late (by 6 min)       90",
        "李小龍   late (by 6 min)       90",
        "Zoe\u0301      late (by 6 min)       90",
        "",
        "a note",
        DISCLAIMER,
    ]


def test_a_table_without_rows_says_so() -> None:
    assert lines(sheet())[2:5] == ["", "Guests:", "nobody"]


@given(st.text(max_size=40))
def test_no_name_moves_the_cursor(name: str) -> None:
    found = lines(sheet(name))
    assert all(line.isprintable() for line in found) and len(found) == len(lines(sheet("x")))
    assert width(name) <= 2 * len(name)
