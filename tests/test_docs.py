"""The documents say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

import protocol
from protocol import ERROR_CODES, MAX_SERVER_LINE, ClientList, Message, decode, encode
from rollcall.server import config

ROOT = Path(__file__).resolve().parent.parent
HEARTBEAT = (ROOT / "docs" / "HEARTBEAT.md").read_text(encoding="utf-8")
BUILDING = (ROOT / "docs" / "BUILDING.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES: List[str] = re.findall(r"```json\n(.*?)\n```", HEARTBEAT, re.DOTALL)
PACKED = '"type":"packed"'


def types_of(examples: List[str]) -> set[str]:
    return {str(json.loads(example)["type"]) for example in examples}


@pytest.mark.parametrize("example", [text for text in EXAMPLES if PACKED not in text])
def test_every_example_is_one_line_and_is_what_we_send(example: str) -> None:
    assert "\n" not in example
    message: Message = decode(example.encode(), MAX_SERVER_LINE)
    assert not isinstance(message, protocol.Unknown)
    sent: Dict[str, Any] = json.loads(encode(message))
    assert sent == json.loads(example)


def test_the_packed_example_unpacks_to_what_is_said_of_it() -> None:
    (example,) = [text for text in EXAMPLES if PACKED in text]
    inside = re.search(r"It unpacks to `(.+)`", HEARTBEAT)
    assert inside is not None
    assert decode(example.encode(), MAX_SERVER_LINE) == decode(inside.group(1).encode()) == ClientList((), "Xk3f", 1)


def test_every_message_type_has_an_example() -> None:
    assert types_of(EXAMPLES) == set(protocol._READERS) | {"packed"}


def test_every_error_code_is_listed_with_what_the_client_does() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (retry|ask|stop) \|", HEARTBEAT, re.MULTILINE))
    assert rows == dict(ERROR_CODES)


def test_every_reason_and_state_is_explained() -> None:
    for word in (*protocol.REASONS, *protocol.STATES):
        assert f"`{word}`" in HEARTBEAT


def test_the_configuration_table_is_the_programs_own() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \|", HEARTBEAT, re.MULTILINE)
    table = {key: (json.loads(default), allowed) for key, default, allowed in rows}
    assert table == {option.key: (option.default, option.allowed) for option in config.OPTIONS}


def test_the_limits_are_the_programs_own() -> None:
    from rollcall.client import heartbeat
    from rollcall.server import gate, publisher
    from rollcall.wire import connection, fields, lines, text

    assert f"at most {lines.MAX_CLIENT_LINE} bytes" in HEARTBEAT
    assert f"| a name | {text.MAX_NAME} characters |" in HEARTBEAT
    assert f"| other text | {fields.MAX_TEXT} characters |" in HEARTBEAT
    assert f"| nesting | {fields.MAX_NESTING} |" in HEARTBEAT
    assert f"accepts {MAX_SERVER_LINE // 2**20} MiB" in HEARTBEAT
    assert f"of {protocol.PACK_FROM}\nbytes or more" in HEARTBEAT
    assert f"`max_clients` + {gate.PLACES_MORE} |" in HEARTBEAT
    assert f"| {lines.MAX_MEMBER_LINE} bytes | `line_too_long` |" in HEARTBEAT
    assert f"within {heartbeat.PROOF:.0f}\n  seconds" in HEARTBEAT
    assert f"| {connection.MAX_BACKLOG // 1024} KiB |" in HEARTBEAT
    assert f"| {publisher.SLOW_AFTER:.0f} s without a byte taken |" in HEARTBEAT
    assert f"one push every {publisher.PUSH_INTERVAL * 1000:.0f} ms" in HEARTBEAT
    assert f"not answered within {heartbeat.REGISTER_TIMEOUT:.0f} seconds" in HEARTBEAT
    assert f"min({heartbeat.ANSWER_TIMEOUT:.0f} s," in HEARTBEAT
    assert f"min({heartbeat.BACKOFF_MOST:.0f} s, {heartbeat.BACKOFF_FIRST} s" in HEARTBEAT
    assert f"after {heartbeat.GOOD_CONNECTION:.0f} seconds of good connection" in HEARTBEAT


@pytest.mark.parametrize("text", [README, HEARTBEAT, BUILDING], ids=["README", "HEARTBEAT", "BUILDING"])
def test_what_is_linked_and_named_exists(text: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert any((folder / target).exists() for folder in (ROOT, ROOT / "docs")), target
    titles = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in headings, anchor
    for program in re.findall(r"python (\S+\.py)", text):
        assert (ROOT / program).is_file(), program


def test_the_first_screen_of_the_readme_has_both_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:20])
    assert "python server.py" in first_screen and "python build_scripts/test.py" in first_screen
