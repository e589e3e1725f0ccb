"""The documents say what the program does."""

from __future__ import annotations

import ast
import configparser
import dataclasses
import fnmatch
import json
import re
import socket
import xml.etree.ElementTree
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import pytest

import draw_architecture
import protocol
from protocol import ERROR_CODES, MAX_SERVER_LINE, ClientList, Message, Register, decode, encode
from rollcall.client import events
from rollcall.server.members import Caller
from rollcall.server.roster import Roster
from rollcall.server.settings import OPTIONS
from rollcall.wire import lines, packing, text
from rollcall.wire.errors import ProtocolError
from rollcall.wire.messages import RoomInfo
from tests.helpers import RawClient, running_server
from tests.test_house import FLOOR, FRONT_DOORS, MAY_IMPORT, MODULES, name_of, place_of

ROOT = Path(__file__).resolve().parent.parent
HEARTBEAT = (ROOT / "docs" / "HEARTBEAT.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
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
    assert types_of(EXAMPLES) == {*protocol._READERS, *protocol._ROSTER_READERS, "packed"}


def test_every_error_code_is_listed_with_what_the_client_does() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (retry|ask|stop) \|", HEARTBEAT, re.MULTILINE))
    assert rows == dict(ERROR_CODES)


def test_every_reason_and_state_is_explained() -> None:
    for word in (*protocol.REASONS, *protocol.STATES):
        assert f"`{word}`" in HEARTBEAT


def test_the_configuration_table_is_the_programs_own() -> None:
    section = HEARTBEAT.partition("\n## Configuration\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE)
    table = {key: (json.loads(default), allowed) for key, default, allowed in rows}
    defaults = {option.key: json.loads(json.dumps(option.default)) for option in OPTIONS}
    assert table == {option.key: (defaults[option.key], option.allowed) for option in OPTIONS}


def test_the_limits_are_the_programs_own() -> None:
    from rollcall.client import heartbeat
    from rollcall.server import board, board_lines, browsers, gate, http_head, publisher
    from rollcall.wire import connection, fields

    assert f"at most {lines.MAX_CLIENT_LINE} bytes" in HEARTBEAT
    assert f"| a name | {text.MAX_NAME} characters |" in HEARTBEAT
    assert f"| browsers at once | {browsers.BROWSERS} |" in HEARTBEAT
    assert f"| the head of a browser's request | {http_head.MAX_HEAD} bytes |" in HEARTBEAT
    assert f"More than {board_lines.MAX_TILES} people are numbers only" in HEARTBEAT
    assert f"After {board.STILL_THERE_EVERY:.0f} seconds without one" in HEARTBEAT
    assert f"| other text | {fields.MAX_TEXT} characters |" in HEARTBEAT
    assert f"| nesting | {fields.MAX_NESTING} |" in HEARTBEAT
    assert f"accepts {MAX_SERVER_LINE // 2**20} MiB" in HEARTBEAT
    assert f"of {packing.PACK_FROM}\nbytes or more" in HEARTBEAT
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


def table(title: str) -> List[List[str]]:
    """The cells of the first table below that heading of docs/HEARTBEAT.md, without its head."""
    section = re.split(r"\n#{2,3} ", HEARTBEAT.partition(f" {title}\n")[2])[0]
    lines = section.partition("\n|")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def names(cell: str) -> Set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def fields_of(message: type) -> Set[str]:
    return {field.name for field in dataclasses.fields(message)}


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("register (client)", Register),
        ("welcome (server)", protocol.Welcome),
        ("client_list (server)", protocol.Entry),
        ("hello (client) and room (server)", RoomInfo),
    ],
)
def test_every_field_has_its_row(title: str, message: type) -> None:
    assert {name for row in table(title) for name in names(row[0])} == fields_of(message)


def test_the_fields_that_may_be_absent_are_called_optional() -> None:
    optional = {name for row in table("register (client)") for name in names(row[0]) if "optional" in row[1]}
    every = Register("h", 1, 2, "Ann", "d", "t", False, True, "a", "i", 1, "teacher", "p")
    line = json.loads(encode(every))
    for name in optional:
        for changed in ({**line, name: None}, {key: value for key, value in line.items() if key != name}):
            assert isinstance(decode(json.dumps(changed).encode()), Register)
    assert optional == set(line) - {"type", "client_ip", "client_port", "protocol", "name"}


def test_every_event_of_the_command_line_client_is_listed_with_its_fields() -> None:
    listed = {row[0].strip("`"): names(row[1]) for row in table("Events")}
    assert listed == {kind: fields_of(event) for event, kind in events._KINDS.items()}
    welcome = protocol.Welcome(2, "n", 1, 1, "e", 0, 1.0, 2.0, 1, "SECRET")
    shown = events.to_json(events.Connected("h:1", 1.0, 2.0, welcome))["welcome"]
    assert fields_of(protocol.Welcome) - set(shown) == {"resume_token"}


def test_every_warning_about_a_server_is_listed_and_so_is_every_refusal_of_ours() -> None:
    assert tuple(row[0].strip("`") for row in table("What a client says to whom")) == events.WARNINGS
    (refused,) = [row for row in table("Events") if row[0] == "`refused`"]
    assert set(events.OURS) <= names(refused[2])


def test_the_bounds_and_waits_of_a_client_are_the_programs_own() -> None:
    import client
    from rollcall.client import catch_up, dial, heartbeat
    from rollcall.server import allowance, publisher, room
    from rollcall.wire import fields

    assert f"| rows of a server's line | {fields.MAX_ROWS} |" in HEARTBEAT
    assert f"| values of a server's line | {fields.MAX_VALUES} |" in HEARTBEAT
    assert f"{fields.MAX_ROWS:,} rows" in HEARTBEAT and f"{fields.MAX_VALUES:,} values" in HEARTBEAT
    assert f"at most {dial.CONNECT_TIMEOUT:.0f} seconds for each address" in HEARTBEAT
    assert f"(at most {heartbeat.MOST_RETRY_AFTER:.0f} s of it)" in HEARTBEAT
    assert f"`server_full` ({room.RETRY_WHEN_FULL:.0f} s)" in HEARTBEAT
    assert f"`rate_limited` ({allowance.RETRY_WHEN_RATE_LIMITED:.0f} s)" in HEARTBEAT
    assert f"again after {catch_up.LIST_TIMEOUT:.0f} seconds without a list" in HEARTBEAT
    assert f"leaves\n{catch_up.RESYNC_INTERVAL:.0f} seconds between two requests" in HEARTBEAT
    assert f"not reached it after {catch_up.SETTLE:.0f} seconds" in HEARTBEAT
    assert f"for {client.GOODBYE} seconds at most" in HEARTBEAT
    assert f"within {client.JUST_NOW:.0f} seconds of its own call" in HEARTBEAT
    assert f"ping every {client.ORIGINAL_INTERVAL:.0f} seconds without `seq`" in HEARTBEAT
    assert publisher.RESYNC_INTERVAL == 1.0 and "more often than once a second" in HEARTBEAT


def test_lengths_are_code_points_and_a_carriage_return_counts_for_the_line() -> None:
    assert "👍 is one" in HEARTBEAT
    name = "👍" * text.MAX_NAME
    register = encode(Register("h", 1, 2, name))
    assert decode(register) == Register("h", 1, 2, name)
    assert "a `\\r` counts" in HEARTBEAT
    line = b'{"type":"ping"}'.ljust(lines.MAX_CLIENT_LINE)
    assert list(lines.LineDecoder().feed(line + b"\n")) == [line]
    assert list(lines.LineDecoder().feed(line[:-1] + b"\r\n")) == [line[:-1]]
    with pytest.raises(ProtocolError):
        list(lines.LineDecoder().feed(line + b"\r\n"))


def test_whole_numbers_have_no_fraction_and_seconds_may() -> None:
    assert "`1.0` is wrong" in HEARTBEAT
    for line in (b'{"type":"ping","seq":1.0}', b'{"type":"client_list","clients":[{"ip":"a","port":1.0}]}'):
        with pytest.raises(ProtocolError):
            decode(line, MAX_SERVER_LINE)
    welcome = protocol.Welcome(2, "n", 1, 1, "e", 0, 60.0, 120.0, 1, "t")
    assert decode(encode(welcome).replace(b"60.0", b"60")) == welcome


def test_limits_hold_for_known_fields() -> None:
    assert "All limits hold for the fields that are described here" in HEARTBEAT
    unknown = {"type": "ping", "seq": 1, "new": ["x" * 5000, "\u202e", -1.5, 2**70, {"deep": {"er": None}}]}
    assert decode(json.dumps(unknown).encode()) == protocol.Ping(1)


def test_half_closing_is_closing_after_what_came_before_is_answered() -> None:
    assert "Half-closing" in HEARTBEAT
    with running_server() as (_, port), RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        for version_2, reason in ((True, "lost"), (False, "left")):
            with RawClient(port) as half:
                half.register("Half" if version_2 else None)
                half.until_type("client_list")
                half.send({"type": "ping"})
                half.socket.shutdown(socket.SHUT_WR)
                assert [message["type"] for message in half.rest() if message["type"] == "pong"] == ["pong"]
            assert watcher.until(lambda message: message.get("down"))["down"][0]["reason"] == reason


def test_what_is_said_of_unknown_types_is_what_the_server_does() -> None:
    with running_server() as (_, port), RawClient(port) as original, RawClient(port) as newer:
        original.register()
        original.send({"type": "chat", "text": "hello"})
        original.send({"type": "ping"})
        assert original.until(lambda message: message["type"] != "client_list") == {"type": "pong"}
        newer.register("Newer")
        newer.send({"type": "chat", "text": "hello"})
        assert newer.until_type("error")["code"] == "bad_message"


def test_a_delta_has_no_id_twice_and_may_come_between_resync_and_the_list() -> None:
    assert "No id is in both" in HEARTBEAT and "Until it comes there may be more deltas" in HEARTBEAT
    roster = Roster()
    roster.open(1)
    joined = roster.register(1, Caller("Ann", "h", 1, "h", 2))
    assert joined is not None
    rev = roster.rev - 1
    roster.remove(1, protocol.LEFT)
    roster.open(2)
    assert roster.register(2, Caller("Ann", "h", 1, "h", 2, joined.resume_token)) is not None
    changes = roster.changes_since(rev)
    assert changes is not None
    assert ([entry.id for entry in changes.up], changes.down) == ([joined.entry.id], []), "it went and came again"


DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def headings(document: Path) -> Set[str]:
    titles = re.findall(r"^#+ (.*)", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_what_is_linked_and_named_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        file = document.parent / target if target else document
        assert file.exists(), target
        assert not anchor or anchor in headings(file), f"{target}#{anchor}"
    for program in re.findall(r"python (\S+\.py)", text):
        assert (ROOT / program).is_file(), program


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
def test_every_file_of_ours_that_is_named_is_where_it_is_said_to_be(document: Path) -> None:
    places = (ROOT, ROOT / "build_scripts", ROOT / "benchmarks")  # the latter two: documents about one folder
    for name in re.findall(r"`([\w./-]+\.(?:py|c|sh|bat|toml|md))`", document.read_text(encoding="utf-8")):
        is_ours = not name.startswith("/") and any((place / name).is_file() for place in places)
        assert is_ours or name.startswith("/etc/"), name


# --- docs/ARCHITECTURE.md ---------------------------------------------------------------------------------------------


def rows(title: str) -> List[List[str]]:
    """The cells of the table below that heading, without its head."""
    section = ARCHITECTURE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def named_place(words: str) -> str:
    """A room or front door as the document calls it, by the name that the rules of the house have for it."""
    bare = words.strip("`").rstrip("/")
    if bare == "the floor":
        return FLOOR
    room = bare.rpartition("/")[2]
    return f"{room} room" if room in FRONT_DOORS else room[:-3] if room.endswith(".py") else room


def test_the_rooms_are_as_the_house_has_them() -> None:
    table = {named_place(room): {named_place(name) for name in may.split(", ")} for room, may, _ in rows("The rooms")}
    assert table == {place: (may - {place} or {"nothing"}) for place, may in MAY_IMPORT.items()}


def test_every_module_is_named_in_its_room() -> None:
    for room, _, content in rows("The rooms"):
        named = set(re.findall(r"`([a-z_]+)`", content))
        modules = {file.stem for file in MODULES if place_of(name_of(file)) == named_place(room)} - {"__init__"}
        if not room.endswith(".py`"):
            assert named == modules, room


def test_each_walk_passes_files_that_are_there_and_a_join_passes_none_twice() -> None:
    section = ARCHITECTURE.partition("## The life of a join")[2].partition("\n## ")[0]
    walk = re.findall(r"`([\w/]+\.py)`", section)
    assert walk[0] == "server.py" and walk[-1] == "rollcall/window/table.py"
    assert sorted(walk) == sorted(set(walk))


def threads_and_locks() -> Iterator[Tuple[str, str, str]]:
    """What the code makes: ``thread`` and its name, or ``lock of`` and the class, and the file."""
    for file in MODULES:
        for part in ast.parse(file.read_text(encoding="utf-8")).body:
            owner = part.name if isinstance(part, ast.ClassDef) else ""
            for node in ast.walk(part):
                if not isinstance(node, ast.Call):
                    continue
                call = ast.unparse(node.func).rpartition(".")[2]
                if call == "Thread":
                    names = [word.value for word in node.keywords if word.arg == "name"]
                    assert names and isinstance(names[0], ast.Constant), f"{file.name}: a thread without a name"
                    yield "thread", str(names[0].value), file.relative_to(ROOT).as_posix()
                elif call in ("Lock", "RLock", "Semaphore") or (call == "Condition" and not node.args):
                    yield "lock of", owner, file.relative_to(ROOT).as_posix()


def test_the_table_has_every_thread_and_lock_and_no_other() -> None:
    table = {
        (kind, name, file)
        for what, files, _, _ in rows("Threads and locks")
        for kind, name in re.findall(r"^(thread|lock of) `([\w-]+)`$", what)
        for file in re.findall(r"`([^`]+)`", files)
    }
    without_an_object = {("thread", "main", f"{door}.py") for door in FRONT_DOORS}
    without_an_object.add(("thread", "client-N", "rollcall/server/handler.py"))
    assert table == set(threads_and_locks()) | without_an_object


def test_the_picture_is_what_the_script_draws_and_shows_what_the_table_says() -> None:
    drawn = draw_architecture.picture()
    assert draw_architecture.TARGET.read_text(encoding="utf-8") == drawn, "run build_scripts/draw_architecture.py"
    xml.etree.ElementTree.fromstring(drawn)
    grids = (draw_architecture.SERVER, draw_architecture.CLIENT)
    shown = {("thread", name) for grid in grids for name, _, _ in grid.threads}
    shown |= {("lock of", shared.name) for grid in grids for shared in grid.shared if shared.locked}
    told = {
        match for what, *_ in rows("Threads and locks") for match in re.findall(r"^(thread|lock of) `([\w-]+)`$", what)
    }
    assert shown == told - {("lock of", "CrashReporter")}, "that one is for all threads, when they fail"
    assert all(len(marks) == len(grid.shared) for grid in grids for _, _, marks in grid.threads)


def test_the_documents_are_short() -> None:
    assert len(ARCHITECTURE.splitlines()) <= 120
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 50, "one screen"


# --- .editorconfig ----------------------------------------------------------------------------------------------------


def wishes_for(name: str) -> Dict[str, str]:
    """What ``.editorconfig`` says of a file of that name: later sections win."""
    rules = configparser.ConfigParser()
    rules.read_string("[top]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    wishes: Dict[str, str] = {}
    for section in rules.sections():
        choice = re.fullmatch(r"\*\.\{(.+)\}", section)
        patterns = [f"*.{ending}" for ending in choice.group(1).split(",")] if choice else [section]
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            wishes.update(rules[section])
    return wishes


def text_files() -> List[Path]:
    places = (".", "docs", ".github/workflows", "build_scripts", "benchmarks", "rollcall/*", "tests", "tests/*")
    endings = ("py", "md", "toml", "txt", "bat", "sh", "command", "yml", "c", "svg", "spec", "desktop")
    return sorted({file for place in places for ending in endings for file in ROOT.glob(f"{place}/*.{ending}")})


def test_the_files_are_as_the_editorconfig_says() -> None:
    files = text_files()
    found = {file.name for file in files}
    assert found >= {"server.py", "handler.py", "test_roster.py", "README.md", "architecture.svg", "build.bat"}
    ruff = re.search(r"^line-length = (\d+)$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert ruff is not None and wishes_for("server.py")["max_line_length"] == ruff.group(1), "ruff holds that one"
    for file in files:
        wishes, data = wishes_for(file.name), file.read_bytes()
        text = data.decode("utf-8" if wishes["charset"] == "utf-8" else "ascii")
        end = {"lf": "\n", "crlf": "\r\n"}[wishes["end_of_line"]]
        assert not text or text.endswith(end), f"{file.name} ends in the middle of a line"
        for number, line in enumerate(text.split(end), 1):
            where = f"{file.name}:{number}"
            assert "\n" not in line and "\r" not in line, f"{where}: another end of line"
            assert line == line.rstrip(), f"{where}: spaces at the end"
            assert not line.lstrip(" ").startswith("\t"), f"{where}: a tab"


def test_the_first_screen_of_the_readme_has_both_commands() -> None:
    first_screen = "\n".join(README.splitlines()[:20])
    assert "python server.py" in first_screen and "python build_scripts/test.py" in first_screen
