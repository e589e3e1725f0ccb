"""protocol.py: every message there and back, every bound, and nothing but `ProtocolError` for garbage."""

from __future__ import annotations

import base64
import dataclasses
import json
import tracemalloc
import zlib
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocol
from protocol import (
    ClientList,
    Departure,
    Entry,
    Error,
    Leave,
    Message,
    Ping,
    Pong,
    Register,
    Resync,
    RosterDelta,
    Unknown,
    Welcome,
    decode,
    encode,
)
from rollcall.wire.errors import ProtocolError
from rollcall.wire.fields import MAX_ROWS, ROWS_BETWEEN_LOOKS
from rollcall.wire.messages import Auth, Denied, Done, Hello, Kick, RoomInfo, Substitute
from rollcall.wire.packing import pack

WELCOME = Welcome(2, "Room 12", 7, 9, "Xk3f", 1_795_520_773, 0.5, 120.0, 100, "fWKqjBFDbwl47oUTGv8fdA")
MESSAGES: List[Message] = [
    Register("192.168.1.5", 50000),
    Register("192.168.1.5", 50000, 2, "Ann", "device", "token", False, True, "app 1", "5f" * 16, 3),
    Register("fe80::1%eth0", 0, 2, "Zoë 👩‍🚀"),
    WELCOME,
    ClientList(()),
    ClientList((Entry("10.0.0.1", 1), Entry("10.0.0.1", 1))),
    ClientList((Entry("10.0.0.1", 1, 3, "Ann", "10.0.0.9", 12, "late"), Entry("h", 0, 4, "", "h")), "Xk3f", 12),
    RosterDelta("Xk3f", 11, 12, (Entry("a", 1, 2, "n", "a"),), (Departure(1, "left"), Departure(3, "lost"))),
    RosterDelta("Xk3f", 11, 12),
    Resync(),
    Ping(),
    Ping(12),
    Pong(),
    Pong(12),
    Pong(12, 3),
    Pong(None, 3),
    Leave(),
    Error("server_full", "the server is full", 5.0),
    Error("kicked", "goodbye"),
    Register("192.168.1.5", 50000, 2, "Ann", role="teacher", proof="5f" * 32),
    dataclasses.replace(WELCOME, role="substitute"),
    ClientList((Entry("10.0.0.1", 1, 3, "Ann", "10.0.0.9", 12, "late", "teacher"),), "Xk3f", 12),
    Hello(),
    Hello("app 1"),
    RoomInfo("Room 12", 2, "app 1", True, "Xk3f"),
    RoomInfo("Room 12", 2, "app 1", False, "Xk3f", "code", "n0nce", ("Ann", "Zoë"), "class", 180),
    RoomInfo("Room 12", 2, "app 1", False, "Xk3f", names=()),
    Auth("n,,n=class,r=abc"),
    Auth("n,,n=class,r=abc", "device"),
    Kick(0),
    Kick(7, 240, "Back after the break, please.", 3),
    Substitute(),
    Substitute(1),
    Done("kick"),
    Done("substitute", 1, "until midnight", "SUB-1234"),
    Denied("kick", "only a teacher may do that"),
    Denied("kick", "only a teacher may do that", 0),
    Unknown("weather"),
]
REGISTER: Dict[str, Any] = {"type": "register", "client_ip": "10.0.0.1", "client_port": 5, "protocol": 2, "name": "Ann"}


def refusal(line: bytes) -> ProtocolError:
    """What a client says of this line, as it reads all kinds."""
    with pytest.raises(ProtocolError) as caught:
        decode(line, protocol.MAX_SERVER_LINE)
    assert caught.value.code in protocol.ERROR_CODES
    return caught.value


def altered(**changes: Any) -> bytes:
    return json.dumps({**REGISTER, **changes}).encode()


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_every_message_survives_the_way(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line[:-1]) == message


def test_the_original_messages_are_exact() -> None:
    assert encode(Register("10.0.0.1", 5)) == b'{"type":"register","client_ip":"10.0.0.1","client_port":5}\n'
    assert encode(Ping()) == b'{"type":"ping"}\n' == protocol.PING_LINE
    assert encode(Pong()) == b'{"type":"pong"}\n' == protocol.PONG_LINE
    assert encode(ClientList((Entry("a", 1),))) == b'{"type":"client_list","clients":[{"ip":"a","port":1}]}\n'


def test_what_can_be_derived_is_left_out() -> None:
    line = encode(ClientList((Entry("a", 1, 2, "n", "a", 3),), "e", 4))
    assert line == (
        b'{"type":"client_list","epoch":"e","rev":4,"clients":[{"id":2,"name":"n","ip":"a","port":1,"since":3}]}\n'
    )


def test_unknown_fields_are_ignored_and_unknown_types_are_named() -> None:
    assert decode(b'{"type":"ping","seq":1,"new":{"x":[1]}}') == Ping(1)
    assert decode(b'{"type":"we\\u0007ather"}') == Unknown("we\\x07ather")


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"client_port": -1}, "bad_message", "client_port: must be a whole number from 0 to 65535"),
        ({"client_port": 65536}, "bad_message", "client_port"),
        ({"client_port": True}, "bad_message", "client_port"),
        ({"client_port": 5.0}, "bad_message", "client_port"),
        ({"client_port": "5"}, "bad_message", "client_port"),
        ({"client_ip": 5}, "bad_message", "client_ip: must be text of at most 64 characters"),
        ({"client_ip": "x" * 65}, "bad_message", "client_ip"),
        ({"client_ip": "a\nb"}, "bad_message", "client_ip: must be text without control characters; it contains U+00"),
        ({"name": ""}, "invalid_name", "name: is empty; it needs 1 to 64 characters"),
        ({"name": "  \t "}, "invalid_name", "name: is empty"),
        ({"name": None}, "invalid_name", "name: must be text"),
        ({"name": "x" * 65}, "invalid_name", "name: has 65 characters; it may have 1 to 64"),
        ({"name": "a\x1bb"}, "invalid_name", "U+001B"),
        ({"name": "a\u202eb"}, "invalid_name", "U+202E"),
        ({"name": "\ud800"}, "invalid_name", "U+D800"),
        ({"name": "a\u2028b"}, "invalid_name", "U+2028"),
        ({"name": "\u200d\u200d"}, "invalid_name", "no visible character"),
        ({"protocol": 3}, "unsupported_protocol", "protocol: this server speaks 1 and 2"),
        ({"protocol": True}, "unsupported_protocol", "protocol"),
        ({"roster": 1}, "bad_message", "roster: must be true or false"),
        ({"packed": "yes"}, "bad_message", "packed: must be true or false"),
        ({"device_id": "x" * 65}, "bad_message", "device_id"),
        ({"resume_token": 5}, "bad_message", "resume_token"),
        ({"app": []}, "bad_message", "app"),
        ({"instance": 5}, "bad_message", "instance"),
        ({"instance": "x" * 65}, "bad_message", "instance: must be text of at most 64 characters"),
        ({"attempt": -1}, "bad_message", "attempt: must be a whole number"),
        ({"attempt": "1"}, "bad_message", "attempt"),
        ({"proof": "x" * 65}, "bad_message", "proof"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_right(changes: Dict[str, Any], code: str, words: str) -> None:
    error = refusal(altered(**changes))
    assert error.code == code
    assert words in str(error)


def test_nobody_asks_to_be_anything_but_a_teacher() -> None:
    for role in ("member", "substitute", "king", 5, None):
        message = decode(altered(role=role))
        assert isinstance(message, Register) and message.role == "member"


def test_a_sentence_for_a_person_shows_what_cannot_be_shown() -> None:
    assert decode(b'{"type":"kick","id":1,"message":"a\\u001b[1mb"}') == Kick(1, 0, "a\\x1b[1mb")
    assert decode(b'{"type":"denied","act":"kick","message":"a\\nb"}') == Denied("kick", "a\\nb")


def test_names_are_trimmed_and_all_scripts_are_welcome() -> None:
    for name in ("x" * 64, "Ann-Marie O'Neill", "李小龍", "עדנה", "👩‍🚀", "Ǻ"):
        message = decode(altered(name=f"  {name} "))
        assert isinstance(message, Register) and message.name == name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"GET / HTTP/1.1", "not JSON"),
        (b"[1]", "must be an object"),
        (b"{}", 'with a "type"'),
        (b'{"type":1}', 'with a "type"'),
        (b'{"type":"ping"', "not JSON (wrong at character 14)"),
        (b'{"type":"ping"}{"type":"ping"}', "not JSON"),
        (b'{"type":"ping","seq":NaN}', "not JSON"),
        (b'{"type":"error","code":"x","retry_after":Infinity}', "not JSON"),
        (b'{"type":"error"}', "code: must be text of at most 64 characters"),
        (b'{"type":"error","code":null}', "code"),
        (b'{"type":"ping","seq":9007199254740992}', "seq: must be a whole number from 0 to 9007199254740991"),
        (b'{"type":"ping","seq":-1}', "seq"),
        (b'{"type":"ping","x":"\xff"}', "not UTF-8 (byte 20)"),
        (b'{"type":"client_list"}', "clients: must be a list of objects"),
        (b'{"type":"client_list","clients":[1]}', "clients"),
        (b'{"type":"client_list","clients":null}', "clients"),
        (b'{"type":"client_list","epoch":"e","clients":[]}', "rev: must be a whole number"),
        (b'{"type":"client_list","epoch":"e","rev":1,"clients":[{"ip":"a","port":1}]}', "id: must be a whole number"),
        (b'{"type":"client_list","epoch":"e","rev":1,"clients":[{"ip":null,"port":1,"id":1}]}', "ip: must be text"),
        (b'{"type":"client_list","clients":[{"ip":"a","port":1.0}]}', "port: must be a whole number"),
        (b'{"type":"roster_delta","epoch":"e","rev":2,"down":[{"id":null}]}', "id"),
        (b'{"type":"roster_delta","epoch":null,"rev":2}', "epoch"),
        (b'{"type":"roster_delta","epoch":"e","rev":2,"up":{}}', "up: must be a list of objects"),
        (b'{"type":"roster_delta","epoch":"e","from":-1,"rev":2}', "from"),
        (b'{"type":"roster_delta","epoch":"e","from":1}', "rev"),
        (b'{"type":"auth"}', "data: must be text of at most 1000 characters"),
        (b'{"type":"auth","data":"' + b"x" * 1001 + b'"}', "data"),
        (b'{"type":"kick"}', "id: must be a whole number"),
        (b'{"type":"kick","id":1,"minutes":241}', "minutes: must be a whole number from 0 to 240"),
        (b'{"type":"kick","id":1,"message":"' + b"x" * 201 + b'"}', "message: must be a text of at most 200"),
        (b'{"type":"kick","id":1,"message":5}', "message"),
        (b'{"type":"room","server_name":"a","protocol":2,"epoch":"e","names":"Ann"}', "names: must be a list"),
        (b'{"type":"room","server_name":"a","protocol":2,"epoch":"e","closed":"yes"}', "closed: must be true or false"),
        (b'{"type":"packed"}', "zlib: must be a zlib stream in base64"),
        (b'{"type":"packed","zlib":"@@"}', "zlib"),
    ],
)
def test_a_broken_line_is_refused_with_a_sentence(line: bytes, words: str) -> None:
    error = refusal(line)
    assert error.code == "bad_message"
    assert words in str(error)


def test_a_huge_number_is_only_out_of_range() -> None:
    assert refusal(b'{"type":"ping","seq":' + b"9" * 8000 + b"}").code == "bad_message"
    assert decode(b'{"type":"error","code":"x","retry_after":' + b"9" * 400 + b"}") == Error("x", "", 1e6)


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'["[",'])
def test_nesting_is_bounded_before_it_is_parsed(unit: bytes) -> None:
    deep = b'{"type":"ping","x":' + unit * 2500
    assert "nests deeper than 16" in str(refusal(deep))


def test_brackets_inside_text_do_not_nest() -> None:
    name = "[{" * 20 + '\\"['
    assert decode(altered(name=name)) == Register("10.0.0.1", 5, 2, name)
    many = b'{"type":"ping","x":[' + b"[]," * 100 + b"[]]}"
    assert decode(many) == Ping()


def test_packed_lines_are_the_same_message_and_short_ones_stay() -> None:
    roster = ClientList(tuple(Entry("10.0.0.1", n, n, f"Student {n}", "10.0.0.1") for n in range(200)), "e", 200)
    line = encode(roster)
    packed = pack(line)
    assert len(packed) < len(line) / 4
    assert decode(packed[:-1], protocol.MAX_SERVER_LINE) == roster
    assert pack(encode(Ping())) == encode(Ping())


def test_a_packed_line_cannot_unpack_to_more_than_a_line_may_have() -> None:
    bomb = zlib.compress(b" " * 50_000_000, 9)
    line = b'{"type":"packed","zlib":"' + base64.b64encode(bomb) + b'"}'
    with pytest.raises(ProtocolError, match="at most 20000 bytes"):
        decode(line, 20_000)
    cut = b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(b'{"type":"ping"}')[:-4]) + b'"}'
    with pytest.raises(ProtocolError, match="one whole zlib stream"):
        decode(cut, 20_000)
    twice = b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(line)) + b'"}'
    assert decode(twice, 10_000_000) == Unknown("packed")


def packed_rows(row: bytes, count: int) -> bytes:
    """A packed list of equal rows, however many."""
    line = b'{"type":"client_list","epoch":"e","rev":1,"clients":[' + b",".join([row] * count) + b"]}"
    return b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(line, 9)) + b'"}'


def peak_of(line: bytes) -> int:
    """Bytes that Python had at most for refusing this line."""
    tracemalloc.start()
    try:
        refusal(line)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("row", [b'{"id":1,"ip":"","port":0}', b"{}", b"[]", b"1", b'"ab"', b'"["'])
def test_a_packed_line_of_millions_of_rows_is_refused_before_they_are_built(row: bytes) -> None:
    count = 4_000_000 // len(row)
    line = packed_rows(row, count)
    assert len(line) < 30_000
    # The line is 4 MB, its marks are as much, and both are there several times; objects would be 100 MB and more.
    assert peak_of(line) < 30_000_000


def test_fifty_thousand_rows_are_taken_and_not_one_more() -> None:
    row = b'{"id":1,"ip":"","port":0}'
    message = decode(packed_rows(row, MAX_ROWS), protocol.MAX_SERVER_LINE)
    assert isinstance(message, ClientList) and len(message.clients) == MAX_ROWS
    assert "the line has 50001 rows; it may have at most 50000" in str(refusal(packed_rows(row, MAX_ROWS + 1)))


def test_rows_of_both_lists_of_a_delta_count() -> None:
    half = b",".join([b'{"id":1}'] * 25_001)
    line = b'{"type":"roster_delta","epoch":"e","rev":2,"up":[' + half + b'],"down":[' + half + b"]}"
    assert "the line has 50002 rows" in str(refusal(line))


class Stopped(Exception):
    pass


class Looks:
    """Counts how often somebody looks, and says stop at one of the looks."""

    def __init__(self, stop_at: Optional[int] = None) -> None:
        self.count = 0
        self.stop_at = stop_at

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.stop_at:
            raise Stopped


def test_a_long_work_is_ended_by_whoever_looks() -> None:
    line = packed_rows(b'{"id":1,"ip":"","port":0}', 20 * ROWS_BETWEEN_LOOKS)
    looks = Looks()
    assert isinstance(decode(line, protocol.MAX_SERVER_LINE, looks), ClientList)
    assert looks.count >= 20 + 4
    for look in (1, 3, 5, looks.count):
        with pytest.raises(Stopped):
            decode(line, protocol.MAX_SERVER_LINE, Looks(look))


SERVER_LINES: List[Dict[str, Any]] = [
    {"type": "ping", "seq": None},
    {"type": "pong", "seq": None, "rev": None},
    {"type": "error", "code": "x", "message": None, "retry_after": None},
    {**json.loads(encode(WELCOME)), "uptime": None},
    {"type": "client_list", "clients": [{"ip": "a", "port": 1, "id": None, "name": None}], "epoch": None, "rev": None},
    {**json.loads(encode(WELCOME)), "role": None},
    {"type": "hello", "app": None},
    {"type": "kick", "id": 1, "message": None, "ref": None},
    {"type": "done", "act": "kick", "ref": None, "note": None},
    {"type": "denied", "act": "kick", "message": "no", "ref": None},
    {"type": "room", "server_name": "a", "protocol": 2, "epoch": "e", "names": None, "record_days": None},
    {"type": "roster_delta", "epoch": "e", "from": None, "rev": 2, "up": None, "down": None},
    {"type": "roster_delta", "epoch": "e", "rev": 2, "down": [{"id": 1, "reason": None}]},
    {
        "type": "client_list",
        "epoch": "e",
        "rev": 2,
        "clients": [
            {"ip": "a", "port": 1, "id": 1, "name": None, "observed_ip": None, "since": None, "state": None}
        ],
    },
]


def without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_null(inner) for key, inner in value.items() if inner is not None}
    return [without_null(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("fields", SERVER_LINES, ids=lambda fields: json.dumps(fields)[:60])
def test_null_is_absent_for_every_optional_field(fields: Dict[str, Any]) -> None:
    message = decode(json.dumps(fields).encode(), protocol.MAX_SERVER_LINE)
    assert message == decode(json.dumps(without_null(fields)).encode(), protocol.MAX_SERVER_LINE)


def test_null_is_absent_for_every_optional_field_of_a_registration() -> None:
    every = encode(Register("h", 5, 2, "Ann", "device", "token", False, True, "app", "instance", 2, "teacher", "proof"))
    optional = set(json.loads(every)) - {"type", "client_ip", "client_port", "name"}
    for key in optional:
        changed = {**json.loads(every), key: None}
        assert decode(json.dumps(changed).encode()) == decode(json.dumps(without_null(changed)).encode()), key
    assert optional == {field.name for field in dataclasses.fields(Register)} - {"client_ip", "client_port", "name"}


@pytest.mark.parametrize("message", [WELCOME, *MESSAGES[:3]], ids=repr)
def test_null_is_no_value_of_a_required_field(message: Message) -> None:
    fields = json.loads(encode(message))
    of_registration = {"client_ip", "client_port", "name"}
    required = of_registration if isinstance(message, Register) else set(fields) - {"uptime", "role"}
    for key in required & set(fields):
        assert key in str(refusal(json.dumps({**fields, key: None}).encode()))


STRANGE = [None, True, -1, 1.5, 2**60, "new", "x" * 2000, "a\nb", [], ["x"], {"x": 1}]


@pytest.mark.parametrize("value", STRANGE, ids=repr)
def test_what_a_newer_server_puts_into_an_optional_field_ends_nothing(value: Any) -> None:
    row = {"id": 1, "ip": "a", "port": 1}
    odd = {**row, "name": value, "observed_ip": value, "since": value, "state": value, "role": value}
    message = decode(json.dumps({"type": "client_list", "epoch": "e", "rev": 1, "clients": [odd]}).encode(), 10**6)
    assert isinstance(message, ClientList)
    (entry,) = message.clients
    assert entry.state == "here" and entry.since == 0
    assert (entry.name, entry.observed_ip) == (("new", "new") if value == "new" else ("", "a"))
    down = {"type": "roster_delta", "epoch": "e", "rev": 1, "down": [{"id": 1, "reason": value}]}
    assert decode(json.dumps(down).encode(), 10**6) == RosterDelta("e", 0, 1, (), (Departure(1, "lost"),))
    error = decode(json.dumps({"type": "error", "code": "new", "message": value}).encode(), 10**6)
    assert isinstance(error, Error) and (error.message != "") == isinstance(value, str)
    assert decode(json.dumps({"type": "pong", "seq": value, "rev": value}).encode(), 10**6) == Pong()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("2.5", 2.5), ("3600", 3600.0), ("1e999", 1e6), ("-1", None), ('"5"', None), ("true", None)],
)
def test_a_wish_to_wait_is_bounded_and_nonsense_is_none(value: str, seconds: Optional[float]) -> None:
    line = b'{"type":"error","code":"x","message":"m","retry_after":' + value.encode() + b"}"
    assert decode(line, protocol.MAX_SERVER_LINE) == Error("x", "m", seconds)


def test_a_server_unpacks_nothing() -> None:
    line = b'{"type":"packed","zlib":"' + base64.b64encode(zlib.compress(b'{"type":"ping"}')) + b'"}'
    assert decode(line) == Unknown("packed")


def test_a_welcome_with_an_impossible_heartbeat_is_refused() -> None:
    for interval in (0, 120.0, 500):
        line = json.dumps({**json.loads(encode(WELCOME)), "heartbeat_interval": interval}).encode()
        assert "heartbeat_interval" in str(refusal(line))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_protocol_error(line: bytes) -> None:
    try:
        decode(line)
    except ProtocolError as error:
        assert error.code in protocol.ERROR_CODES
        assert str(error).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({key for message in MESSAGES for key in json.loads(encode(message))} - {"type"})


@given(st.sampled_from([json.loads(encode(message)) for message in MESSAGES]), st.sampled_from(FIELDS), JSON)
def test_any_value_in_any_field_gives_a_message_or_a_protocol_error(
    fields: Dict[str, Any], key: str, value: Any
) -> None:
    try:
        message = decode(json.dumps({**fields, key: value}).encode())
    except ProtocolError as error:
        assert str(error).isprintable()
    else:
        encode(message)


def test_every_error_code_has_an_action() -> None:
    assert set(protocol.ERROR_CODES.values()) == {protocol.RETRY, protocol.ASK, protocol.STOP}
    assert protocol.ERROR_CODES["replaced"] == protocol.STOP
    assert protocol.ERROR_CODES["server_full"] == protocol.RETRY
    assert protocol.ERROR_CODES["invalid_name"] == protocol.ASK


def test_a_delta_of_one_step_need_not_say_where_it_begins() -> None:
    assert encode(RosterDelta("e", 11, 12)) == b'{"type":"roster_delta","epoch":"e","rev":12}\n'
    assert encode(RosterDelta("e", 10, 12)) == b'{"type":"roster_delta","epoch":"e","from":10,"rev":12}\n'
    assert decode(b'{"type":"roster_delta","epoch":"e","rev":12}') == RosterDelta("e", 11, 12)
    assert decode(b'{"type":"roster_delta","epoch":"e","rev":0}') == RosterDelta("e", 0, 0)
