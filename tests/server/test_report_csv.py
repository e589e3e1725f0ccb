"""report_csv.py: RFC 4180, and nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
import re
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.report_csv import csv_bytes, delimiter_of, harmless
from rollcall.server.sheet import DISCLAIMER


def read(data: bytes, delimiter: str = ",") -> List[List[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True))


def test_the_bytes() -> None:
    assert (
        csv_bytes(("name", "note"), [("Größl, Jörg", 'he said "yes"'), ("x", 5)])
        == (
            '\ufeffname,note\r\n"Größl, Jörg","he said ""yes"""\r\nx,5\r\n'
            + DISCLAIMER.replace(DISCLAIMER, f'"{DISCLAIMER}"')
        ).encode()
        + b"\r\n"
    )
    assert read(csv_bytes(("a", "b"), [("1;2", None), (-1.5, "")], ";"), ";")[1:3] == [["1;2", ""], ["-1.5", ""]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-Lee", "'-Lee"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "  '=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\t=1", " '=1"),
        ("a\r\n=1", "a =1"),
        ("x;=1", "x;'=1"),
        ('x","=1', 'x","\'=1'),
        ("Anne-Marie O'Neil", "Anne-Marie O'Neil"),
        ("mia@school", "mia@school"),
        ("2 + 2", "2 + 2"),
    ],
)
def test_formulas_are_text(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.sampled_from([",", ";", "\t"]))
def test_whatever_is_in_it_can_be_read_and_is_never_a_formula(cells: List[str], delimiter: str) -> None:
    data = csv_bytes([str(number) for number in range(len(cells))], [cells], delimiter)
    rows = read(data, delimiter)
    assert len(rows) == 3 and len(rows[1]) == len(cells) and rows[2] == [DISCLAIMER]
    assert data.count(b"\n") == data.count(b"\r\n") == 3
    for other in ",;\t":  # a program that takes another separator splits it elsewhere
        for cell in re.split(f"[{other}\r\n]", data.decode("utf-8-sig", "replace")):
            assert not re.match('[ "]*[=+@\uff1d\uff0b\uff0d\uff20-]', cell), cell


def test_separators_as_people_say_them() -> None:
    assert [delimiter_of(text) for text in (",", ";", "tab", "TAB", "\\t", "\t", " ; ", "semicolon")] == [
        ",", ";", "\t", "\t", "\t", "\t", ";", ";",
    ]  # fmt: skip
    assert delimiter_of("|") is None and delimiter_of("") is None
