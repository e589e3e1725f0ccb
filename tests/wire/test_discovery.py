"""discovery.py: the datagrams and their bounds. What strangers send is nothing or right, never an exception."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.wire.discovery import (
    GROUP,
    MAX_DATAGRAM,
    MAX_HERE,
    PORT,
    QUESTION_SIZE,
    TTL,
    Answer,
    Pace,
    encode_answer,
    encode_question,
    is_answered,
    new_question,
    parse_networks,
    read_answer,
    read_question,
)
from rollcall.wire.messages import RoomInfo
from tests.helpers import ROOT

ROOM = RoomInfo("Room 12", 2, "rollcall 0.1.0", True, "Xk3f")
ANSWER = Answer(ROOM, 8080, "c31e0c35ab7ef2a17c1f4b6a60fbe2a4", 3, "ab" * 32, True, 1795520773.25)


def changed(**fields: Any) -> bytes:
    """An answer in which something is otherwise."""
    answer: Dict[str, Any] = {**json.loads(encode_answer(ANSWER)), **fields}
    return json.dumps(answer).encode()


def test_a_question_is_a_padded_line_with_a_text_of_its_own() -> None:
    question = new_question()
    data = encode_question(question)
    assert len(data) == QUESTION_SIZE == 1200 and data.endswith(b" \n") and data.count(b"\n") == 1
    assert json.loads(data) == {"type": "find", "question": question}
    assert read_question(data) == question != new_question()


def test_an_answer_says_what_room_it_is_and_keeps_for_itself_what_belongs_to_a_conversation() -> None:
    assert read_answer(encode_answer(ANSWER)) == ANSWER
    talkative = RoomInfo("Room 12", 2, "rollcall 0.1.0", True, "Xk3f", "code", "SECRET", ("Ann", "Ben"), "class", 180)
    data = encode_answer(Answer(talkative, 8080, "question1"))
    assert b"SECRET" not in data and b"Ann" not in data and b"record" not in data
    read = read_answer(data)
    assert read is not None and read.room.teacher == "code" and read.here is None and not read.fingerprint


@pytest.mark.parametrize("character", ["\\", '"', "👍", "ä", "\u00a0"])
def test_no_answer_is_longer_than_a_question(character: str) -> None:
    longest = RoomInfo(character * 64, 2, "x" * 64, True, character * 64, "this machine")
    data = encode_answer(Answer(longest, 65535, "q" * 64, MAX_HERE, "f" * 64, True, 1e15))
    assert len(data) <= QUESTION_SIZE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        encode_question("c31e0c35")[:-1],
        encode_question("c31e0c35").ljust(MAX_DATAGRAM + 1),
        encode_question("short"),
        encode_question("q" * 65),
        encode_question("of two words"),
        b'{"type":"find","question":["c31e0c35"]}'.ljust(1200),
        b'{"type":"find"}'.ljust(1200),
        b'{"type":"room","question":"c31e0c35"}'.ljust(1200),
        b'["find","c31e0c35"]'.ljust(1200),
        (b"[" * 600 + b"]" * 600),
        b"\xff" * 1200,
        bytes(1200),
    ],
)
def test_what_is_no_question_is_nothing(data: bytes) -> None:
    assert read_question(data) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"port": 0},
        {"port": 65536},
        {"port": "8080"},
        {"port": None},
        {"question": 7},
        {"question": None},
        {"server_name": "x" * 65},
        {"server_name": "a\u202eb"},
        {"server_name": "\x1b[2J"},
        {"server_name": None},
        {"protocol": 1},
        {"epoch": "x" * 65},
        {"type": "find"},
    ],
)
def test_what_is_no_answer_is_nothing(fields: Dict[str, Any]) -> None:
    assert read_answer(changed(**fields)) is None


def test_what_is_odd_in_an_answer_but_not_needed_is_left_out() -> None:
    odd = read_answer(
        changed(here=-1, fingerprint="zz", hello="yes", time="now", names=["a\x00"] * 50, app=7, closed=None)
    )
    assert odd == Answer(RoomInfo("Room 12", 2, "", False, "Xk3f"), 8080, ANSWER.question)
    many = read_answer(changed(here=10**15, time=float(2**60)))
    assert many is not None and many.here == MAX_HERE and many.time is None
    assert read_answer(changed(more="x" * MAX_DATAGRAM)) is None, "longer than any answer"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=2,
)


@given(st.binary(max_size=1500) | st.binary(max_size=200).map(lambda data: data.ljust(1200)))
def test_bytes_from_anybody_never_raise(data: bytes) -> None:
    assert read_question(data) is None and read_answer(data) is None


@settings(max_examples=60)
@given(st.sampled_from(sorted(json.loads(encode_answer(ANSWER)))), JSON, st.integers(0, 300), st.integers(0, 255))
def test_one_thing_wrong_in_a_datagram_never_raises(key: str, value: Any, place: int, byte: int) -> None:
    read = read_answer(changed(**{key: value}))
    assert read is None or (0 < read.port < 65536 and len(read.room.server_name) <= 64)
    question = json.dumps({"type": "find", "question": value}).encode().ljust(1200)
    assert (read_question(question) is None) or isinstance(value, str)
    for data, reader in (
        (bytearray(encode_answer(ANSWER)), read_answer),
        (bytearray(encode_question("q" * 8)), read_question),
    ):
        data[place % len(data)] = byte
        reader(bytes(data))


@pytest.mark.parametrize(
    ("ip", "answered"),
    [
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.168.255.1", True),
        ("169.254.7.8", True),
        ("127.0.0.1", True),
        ("8.8.8.8", False),
        ("192.0.2.1", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("", False),
        ("fe80::1", False),
    ],
)
def test_only_addresses_that_stay_within_a_site_are_answered(ip: str, answered: bool) -> None:
    assert is_answered(ip) is answered


def test_other_networks_are_answered_where_the_settings_name_them() -> None:
    networks = parse_networks(" 192.0.2.0/24, 198.51.100.7;203.0.113.5/28 ")
    assert [is_answered(ip, networks) for ip in ("192.0.2.9", "198.51.100.7", "203.0.113.1")] == [True] * 3
    assert not is_answered("198.51.100.8", networks) and parse_networks("") == parse_networks("  ") == ()
    for wrong in ("192.0.2.0/33", "everyone", "fd00::/8", "192.0.2"):
        with pytest.raises(ValueError, match="is no network; write them as"):
            parse_networks(wrong)


def test_a_pace_lets_so_many_through_in_each_second() -> None:
    pace = Pace(3)
    assert [pace.one_more(now) for now in (5.0, 5.1)] == [0.0, 0.0]
    assert pace.one_more(5.25) == 0.75
    assert pace.one_more(6.0) == 0.0


# --- docs/HEARTBEAT.md ----------------------------------------------------------------------------------------------

SECTION = (ROOT / "docs" / "HEARTBEAT.md").read_text(encoding="utf-8").partition("\n## Finding servers\n")[2]
SECTION = SECTION.partition("\n## ")[0]


def test_the_numbers_that_a_foreign_client_needs_are_the_programs_own() -> None:
    from rollcall.client import finder, look
    from rollcall.server import beacon

    rows = dict(re.findall(r"^\| ([^|`]+) \| ([^|]+) \|$", SECTION, re.MULTILINE))
    assert rows["multicast group, TTL"] == f"{GROUP}, {TTL}" and rows["UDP port"] == str(PORT)
    assert rows["a question"] == f"{QUESTION_SIZE} to {MAX_DATAGRAM} bytes"
    limits = f"{beacon.ANSWERS_TO_ONE} a second to one address, {beacon.ANSWERS} in all"
    assert rows["answers of a server"] == limits
    assert rows["datagrams that a server looks at"] == f"{beacon.READS} a second"
    assert finder.ASK_AFTER == (0, 1, 2, 4) and "at once, after 1, 2 and 4 seconds" in SECTION
    assert f"then every {finder.REGULARLY:.0f} seconds" in SECTION
    assert f"keeps {finder.MOST} addresses, {finder.MOST_FROM_ONE} of one" in SECTION
    assert f"not answered for {finder.GONE_AFTER:.0f} seconds" in SECTION
    assert f"It looks for {look.LOOK_FOR:.0f} seconds" in SECTION


def test_the_examples_are_what_is_sent() -> None:
    question, answer = re.findall(r"```\n(.*?)\n```", SECTION, re.DOTALL)
    text = json.loads(question)["question"]
    assert read_question(question.encode().ljust(QUESTION_SIZE - 1) + b"\n") == text
    assert encode_question(text).split() == [question.encode()]
    read = read_answer(answer.encode())
    assert read is not None and read.question == text and encode_answer(read) == answer.encode() + b"\n"


def test_every_field_of_an_answer_and_every_cause_of_the_doctors_is_listed() -> None:
    from rollcall.client import diagnosis, finder

    listed = set(re.findall(r"^\| `(\w+)` \|", SECTION, re.MULTILINE))
    assert listed == {field.name for field in dataclasses.fields(Answer)} - {"room"}
    assert {f"`{field.name}`" for field in dataclasses.fields(finder.Server)} <= set(re.findall(r"`\w+`", SECTION))
    for cause in diagnosis.CAUSES:
        assert f"`{cause}`" in SECTION
