"""trust.py: what is kept of servers comes back as it was, is bounded, and nothing else is taken from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict

import pytest

from rollcall.client.trust import MAX_ADDRESSES, MAX_SERVERS, KnownServer, Trust
from rollcall.wire.scram_keys import MAX_ITERATIONS, MIN_ITERATIONS, ClientKeys

KEYS = ClientKeys(b"c" * 32, b"s" * 32, b"a" * 16, MIN_ITERATIONS)
ONE = KnownServer("ab" * 32, "Room 12", ("10.0.0.1:8080",), True, MIN_ITERATIONS, {"class": KEYS})
OTHER = KnownServer("cd" * 32, "Room 7", ("10.0.0.1:8080", "[fe80::1%eth0]:8080"))


def test_what_is_written_comes_back() -> None:
    trust = Trust((ONE, OTHER))
    text = json.dumps(trust.to_json())
    assert Trust.from_json(json.loads(text)) == trust and Trust.from_json([]) == Trust()
    assert "c" * 32 not in repr(trust) and "Y2Nj" not in repr(trust), "keys are shown nowhere"


def test_a_server_is_its_certificate_and_the_rest_are_hints() -> None:
    trust = Trust((ONE, OTHER))
    assert trust.find("ab" * 32) == ONE and trust.find("ef" * 32) is None
    assert trust.at("10.0.0.1:8080") == (ONE, OTHER) and trust.at("10.0.0.2:8080") == ()
    assert trust.closed_like("Room 12", "10.0.0.1:8080") == ONE and trust.closed_like("Room 12") == ONE
    assert trust.closed_like("Room 12", "10.0.0.2:8080") is None, "both must match"
    assert trust.closed_like("Room 7", "10.0.0.1:8080") is None, "it was open"
    assert trust.without("ab" * 32) == Trust((OTHER,)) and trust.without_address("10.0.0.1:8080") == Trust()
    assert trust.with_server(replace(OTHER, closed=True)).servers == (replace(OTHER, closed=True), ONE)


def test_it_is_bounded() -> None:
    trust = Trust()
    for number in range(MAX_SERVERS + 1):
        server = KnownServer(f"{number:064x}")
        for port in range(MAX_ADDRESSES + 1):
            server = server.at(f"h:{port}")
        trust = trust.with_server(server)
    assert len(trust.servers) == MAX_SERVERS and trust.find("0" * 64) is None
    assert trust.servers[0].addresses == tuple(f"h:{port}" for port in range(MAX_ADDRESSES, 0, -1))
    assert trust.servers[0].at("h:2").addresses == ("h:2", "h:4", "h:3", "h:1")
    assert Trust.from_json(trust.to_json()) == trust


def test_keys_raise_what_is_asked_for_at_least_and_can_be_left_out() -> None:
    more = replace(KEYS, iterations=MIN_ITERATIONS + 1)
    assert ONE.with_keys("class", more).least_iterations == MIN_ITERATIONS + 1
    assert ONE.with_keys("class", more).with_keys("class", KEYS).least_iterations == MIN_ITERATIONS + 1
    assert ONE.without_keys("class").keys == {} and ONE.without_keys("teacher") == ONE
    assert Trust((ONE,)).without_keys().servers == (replace(ONE, keys={}),)
    assert Trust((ONE.with_keys("substitute", KEYS),)).to_json() == Trust((ONE,)).to_json(), "good until midnight"


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": "AB" * 32}, {"fingerprint": "ab"}, {"fingerprint": None}, {"fingerprint": "ab" * 32 + "\n"},
        {"name": "x" * 65}, {"name": "\x1b[2J"}, {"name": 1}, {"name": None},
        {"addresses": "h:1"}, {"addresses": [1]}, {"addresses": ["x" * 301]}, {"addresses": ["h"] * 5},
        {"closed": 1}, {"closed": None}, {"closed": "yes"},
        {"least_iterations": True}, {"least_iterations": -1}, {"least_iterations": MAX_ITERATIONS + 1},
        {"least_iterations": 1.0}, {"least_iterations": None},
        {"keys": []}, {"keys": {"root": KEYS.to_text()}}, {"keys": {"class": 1}}, {"keys": {"class": "x" * 10_000}},
        {"keys": {"class": replace(KEYS, iterations=4).to_text()}}, {"keys": {"class": KEYS.to_text() + "\n"}},
        {"keys": {"class": replace(KEYS, salt=b"short").to_text()}}, {"more": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_nothing_else_is_taken_from_a_file(change: Dict[str, Any]) -> None:
    row = Trust((ONE,)).to_json()[0]
    assert Trust.from_json([row])
    with pytest.raises(ValueError):
        Trust.from_json([{**row, **change}])


@pytest.mark.parametrize("content", [None, {}, "x", 1, [1], [[]], [None]])
def test_what_is_no_list_of_servers(content: object) -> None:
    with pytest.raises(ValueError):
        Trust.from_json(content)


def test_too_many_and_twice_the_same_are_refused() -> None:
    rows = [{"fingerprint": f"{number:064x}"} for number in range(MAX_SERVERS + 1)]
    assert len(Trust.from_json(rows[1:]).servers) == MAX_SERVERS
    for wrong in (rows, [rows[0], rows[0]]):
        with pytest.raises(ValueError):
            Trust.from_json(wrong)


def test_doubts_are_for_this_run_and_end_with_a_proof() -> None:
    trust = Trust((OTHER,)).with_doubt("ab" * 32).with_doubt("ab" * 32)
    assert trust.doubted == ("ab" * 32,) and trust.to_json() == Trust((OTHER,)).to_json()
    for kept in (
        trust.without(OTHER.fingerprint),
        trust.without_address("h"),
        trust.without_keys(),
        trust.with_server(OTHER),
    ):
        assert kept.doubted == trust.doubted
    assert trust.with_server(ONE).doubted == ()
    for number in range(MAX_SERVERS + 1):
        trust = trust.with_doubt(f"{number:064x}")
    assert len(trust.doubted) == MAX_SERVERS and "0" * 64 not in trust.doubted
