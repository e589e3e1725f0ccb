"""fields.py: what one line may hold is known before any of it is built."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.server.settings import OPTIONS
from rollcall.wire import fields
from rollcall.wire.errors import ProtocolError
from rollcall.wire.fields import MAX_ROWS, MAX_VALUES, parse_object


def refusal(line: bytes) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse_object(line)
    assert caught.value.code == "bad_message"
    return str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"type":"ping","x":[' + b"]" * 300, "not JSON (wrong at character 21)"),
        (b'{"type":"ping","x":' + b"[" * 20 + b"]" * 30, "brackets do not match"),
        (b'{"type":"ping","x":' + b"[" * 300, "brackets do not match"),
        (b'{"type":"ping","x":' + b"[" * 16 + b"]" * 16 + b"}", "nests deeper than 16"),
        (b'{"type":"ping"' + b"}" * 30, "not JSON (wrong at character 15)"),
        (b'{"type":"ping","x":"' + b"[" * 30, "not JSON (wrong at character 19)"),
        (b'{"type":"ping","x":"' + b"[" * 30 + b"\\", "not JSON (wrong at character 19)"),
    ],
)
def test_brackets_that_do_not_match_are_refused(line: bytes, words: str) -> None:
    assert words in refusal(line)


def test_sixteen_levels_are_taken() -> None:
    line = b'{"type":"ping","y":[],"x":' + b"[" * 15 + b"]" * 15 + b"}"
    assert parse_object(line)["y"] == []


def test_values_are_counted_wherever_they_stand() -> None:
    assert len(parse_object(b'{"type":"x","x":[' + b"1," * (MAX_VALUES - 4) + b"1]}")["x"]) == MAX_VALUES - 3
    many = f"the line holds more than {MAX_VALUES} values"
    assert refusal(b'{"type":"x","x":[' + b"1," * MAX_VALUES + b"1]}") == many
    assert refusal(b'{"type":"x","x":[' + b'"",' * (2 * MAX_VALUES) + b"1]}") == many
    assert refusal(b'{"type":"x"' + b',"a":1' * MAX_VALUES + b"}") == many
    assert refusal(b'{"type":"x","x":{"y":{"z":[' + b"[]," * MAX_VALUES + b"1]}}}") == many


def test_commas_and_brackets_of_names_are_no_values() -> None:
    row = b'{"name":"' + b"[{,}]" * 12 + b'\\"","ip":"a","port":1}'
    assert len(parse_object(b'{"type":"x","x":[' + b",".join([row] * 20_000) + b"]}")["x"]) == 20_000


def test_a_line_has_room_for_as_many_rows_as_a_server_takes_members() -> None:
    (option,) = [option for option in OPTIONS if option.key == "max_clients"]
    assert str(MAX_ROWS) in option.allowed


TEXTS = st.lists(st.text(alphabet='"\\[]{},:x\u00e9\n ', max_size=12), max_size=40)


@given(TEXTS, st.integers(0, 3))
def test_the_structure_is_found_whatever_stands_in_texts(texts: List[str], levels: int) -> None:
    value: Any = {f"{number}{one}": [one, {one: [one]}] for number, one in enumerate(texts)}
    for _ in range(levels):
        value = [value]
    message: Dict[str, Any] = {"type": "ping", "x": value}
    line = json.dumps(message, ensure_ascii=False).encode()
    structure = re.sub(rb'"(?:[^"\\]|\\.)*"|[^\[\]{},]', b"", line)
    assert fields._marks_outside_text(line, fields.no_look) == structure
    assert parse_object(line) == message


def test_millions_of_digits_take_no_hours_where_python_has_no_bound_for_them() -> None:
    number = fields._whole_number("12")
    assert number == 12 and type(number) is int
    assert fields._whole_number("9" * 1_000_000) == float("inf")
