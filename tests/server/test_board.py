"""rollcall/server/board.py: what a browser gets, and what becomes of one that does wrong. With raw sockets."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import re
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from rollcall.server import board
from rollcall.server.downloads import BLOCK
from rollcall.server.settings import ServerConfig
from rollcall.wire.connection import Connection, trace_line
from rollcall.wire.likeness import GONE_FOR
from server import RollcallServer
from tests.closed_room import JOIN, room_with_keys
from tests.conftest import _sockets
from tests.helpers import PATIENCE, RawClient, ServerProgram, ShiftedClock, running_server, wait_until

WINDOWS = "User-Agent: Mozilla/5.0 (Windows NT 10.0)\r\n"


class Browser:
    """A socket that asks for one page. ``fields`` are lines of the head; without a host it says 127.0.0.1."""

    def __init__(self, port: int, asks: str = "", fields: str = "", host: str = "127.0.0.1", buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.held = b""
        if asks:
            self.say(f"{asks} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """What comes up to ``end``, that included; less if the server closes before."""
        while end not in self.held:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                break
            self.held += data
        before, found, self.held = self.held.partition(end)
        return before + found

    def head(self) -> Tuple[int, Dict[str, str]]:
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), lines
        return int(lines[0].split()[1]), {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }

    def rest(self) -> bytes:
        return self.until(b"\0no such end\0")

    def event(self) -> Dict[str, Any]:
        """The next state of a board."""
        while True:
            block = self.until(b"\n\n").decode()
            assert block, "the server closed the stream"
            if block.startswith("data: "):
                state: Dict[str, Any] = json.loads(block[6:])
                return state

    def event_with(self, **wanted: Any) -> Dict[str, Any]:
        while True:
            state = self.event()
            if all(state.get(name) == value for name, value in wanted.items()):
                return state

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()


def ask(port: int, asks: str, fields: str = "", host: str = "127.0.0.1") -> Tuple[int, Dict[str, str], bytes]:
    with Browser(port, asks, fields, host) as browser:
        status, found = browser.head()
        return status, found, browser.rest()


def statuses(port: int, data: bytes) -> int:
    """The status of the answer to these bytes; 0 if there is none."""
    with Browser(port) as browser:
        browser.say(data)
        return browser.head()[0]


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Tuple[RollcallServer, int]]:
    with running_server(downloads=str(folder), **settings) as (server, port):
        yield server, port


CONTENT = os.urandom(3 * BLOCK + 17)
NAME = "rollcall-client-1-windows.exe"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (folder / ".hidden").write_bytes(b"secret")
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def test_the_pages_are_there_and_say_what_a_browser_may_do(files: Path) -> None:
    with serving(files, name="Room <12>") as (server, port):
        for path, words in (("/", "program for Windows"), ("/board", "Nobody is here yet"), ("/x", "no such page")):
            status, fields, body = ask(port, f"GET {path}", WINDOWS)
            text = body.decode()
            assert status == (404 if path == "/x" else 200) and words in text
            assert int(fields["content-length"]) == len(body)
            assert fields["connection"] == "close" and fields["x-content-type-options"] == "nosniff"
            assert fields["referrer-policy"] == "no-referrer" and fields["content-type"] == "text/html; charset=utf-8"
            assert fields["content-security-policy"].startswith("default-src 'none'")
            assert not any(name.startswith("access-control") for name in fields)
            age = time.time() - parsedate_to_datetime(fields["date"]).timestamp()
            assert fields["date"].endswith(" GMT") and -2 < age < PATIENCE
            assert f"http://127.0.0.1:{port}" in text or f">127.0.0.1:{port}<" in text
            assert "Room <12>" not in text
            head = ask(port, f"HEAD {path}", WINDOWS)
            assert head[0] == status and head[1]["content-length"] == fields["content-length"] and head[2] == b""
        assert "<h1>Room &lt;12&gt;</h1>" in ask(port, "GET /")[2].decode()
        wait_until(lambda: len(server.room) == 0, "the browsers to be gone")
        assert len(server.room.browsers) == len(server.room.gate) == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405), (b"DELETE /x HTTP/1.1\r\n\r\n", 405),
        (b"GET /\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), (b"GET / HTTP/1.1\r\n\r\n", 421),
        (b"GET /board HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET http://evil.example/board HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 421),
        (b"GET http://127.0.0.1/board HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + 65536 * b"x" + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + 9000 * b"X: y\r\n" + b"\r\n", 431),
        (b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404), (b"GET /\\ HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", 404),
        (b"GET // HTTP/1.1\r\nHost: localhost\r\n\r\n", 404), (b"GET /BOARD HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /board/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 404), (b"GET /?x HTTP/1.0\r\nHost: localhost\n\n", 200),
    ],
)  # fmt: skip
def test_bad_requests_are_refused_in_the_same_clothes(data: bytes, expected: int, shared: int) -> None:
    assert statuses(shared, data) == expected


@contextmanager
def shared_server(folder: Path) -> Iterator[RollcallServer]:
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0, downloads=str(folder), discoverable=False))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def kept_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RollcallServer]:
    """One server for the many tests that only ask it something."""
    place = tmp_path_factory.mktemp("place")
    (place / "secret").write_bytes(b"secret")
    folder = place / "downloads"
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (folder / ".hidden").write_bytes(b"secret")
    with shared_server(folder) as server:
        yield server


@pytest.fixture
def shared(kept_server: RollcallServer) -> Iterator[int]:
    before = set(_sockets().values())
    yield kept_server.address[1]
    wait_until(lambda: len(kept_server.room) == 0 and set(_sockets().values()) <= before, "everyone to be gone")


def test_a_foreign_name_is_told_what_to_do_and_more_names_can_be_set() -> None:
    with running_server(board_names="roll.example, other") as (_, port):
        status, _, body = ask(port, "GET /board", host="evil.example")
        assert status == 421 and b"board_names" in body and b"evil.example" in body
        assert b"here" not in body.partition(b"</style>")[2].replace(b"there", b"")
        hosts = ("ROLL.example:80", "other", "third")
        assert [ask(port, "HEAD /board", host=host)[0] for host in hosts] == [200, 200, 421]
        allowed = ask(port, "PUT /")[1]["allow"]
        assert allowed == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "..", "../secret", "..%2fsecret", "%2e%2e%2fsecret", "%2e%2e/secret", "..%5csecret", "..\\secret", ".hidden",
        "%2ehidden", "", ".", NAME + "%00", NAME + "/", "/" + NAME, "./" + NAME, "CON", "nul", NAME + ".", NAME + "%20",
        NAME + "::$DATA", NAME.upper(), "/etc/passwd", "%2fetc%2fpasswd", "%ff", "%", "%zz",
    ],
)  # fmt: skip
def test_nothing_but_the_files_of_the_folder(path: str, shared: int) -> None:
    status, _, body = ask(shared, f"GET /downloads/{path}")
    assert status == 404 and b"secret" not in body


def test_a_file_comes_whole_or_in_part_with_its_sum(shared: int) -> None:
    total = hashlib.sha256(CONTENT)
    tag = f'"{total.hexdigest()}"'
    status, fields, body = ask(shared, f"GET /downloads/{NAME.replace('c', '%63')}")
    assert (status, body) == (200, CONTENT) and fields["etag"] == tag and fields["accept-ranges"] == "bytes"
    assert fields["repr-digest"] == f"sha-256=:{base64.b64encode(total.digest()).decode()}:"
    assert fields["content-disposition"] == f"attachment; filename*=UTF-8''{NAME}"
    assert fields["content-type"] == "application/octet-stream" and "sandbox" in fields["content-security-policy"]
    for wanted, right in ((f"Range: bytes={BLOCK}-\r\n", True), (f"Range: bytes={BLOCK}-\r\nIf-Range: {tag}\r\n", True),
                          (f'Range: bytes={BLOCK}-\r\nIf-Range: "older"\r\n', False)):  # fmt: skip
        status, fields, body = ask(shared, f"GET /downloads/{NAME}", wanted)
        assert (status, body) == ((206, CONTENT[BLOCK:]) if right else (200, CONTENT))
        assert not right or fields["content-range"] == f"bytes {BLOCK}-{len(CONTENT) - 1}/{len(CONTENT)}"
    status, fields, body = ask(shared, f"GET /downloads/{NAME}", "Range: bytes=999999999-\r\n")
    assert (status, fields["content-range"], body) == (416, f"bytes */{len(CONTENT)}", b"")
    status, fields, body = ask(shared, f"HEAD /downloads/{NAME}", "Range: bytes=1-\r\n")
    assert (status, fields["content-length"], body) == (200, str(len(CONTENT)), b"")


def test_nothing_after_a_head_is_read_as_a_line(shared: int) -> None:
    with Browser(shared) as browser, Browser(shared, "GET /board/events") as events:
        register = b'{"type":"register","client_ip":"h","client_port":1,"protocol":2,"name":"Eve"}\n'
        browser.say(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + register)
        assert browser.head()[0] == 200 and b"welcome" not in browser.rest()
        assert events.event()["here"] == 0
        events.say(register)
        with RawClient(shared) as ann:
            ann.register("Ann")
            assert events.event_with(here=1)["tiles"][0][1] == "Ann"
        events.event_with(here=0)
        events.say(b"x" * (board.MAX_CHATTER + 1))
        events.rest()


def test_a_request_that_comes_byte_by_byte_is_answered() -> None:
    with running_server() as (_, port), Browser(port) as browser:
        for byte in b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n":
            browser.say(bytes((byte,)))
        assert browser.head()[0] == 200


def test_browsers_that_ask_for_nothing_or_slowly_are_gone_at_the_deadline(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running_server(registration_timeout=0.3) as (server, port), ExitStack() as stack:
        mute = [stack.enter_context(Browser(port)) for _ in range(6)]
        slow = stack.enter_context(Browser(port))
        slow.say(b"GET / HTTP/1.1\r\nHost: local")
        stop = threading.Event()

        def dribble() -> None:
            try:
                while not stop.wait(0.05):
                    slow.say(b"x")
            except OSError:
                pass

        thread = threading.Thread(target=dribble)
        thread.start()
        assert [browser.rest() for browser in (*mute, slow)] == [b""] * 7
        stop.set()
        thread.join()
        wait_until(lambda: len(server.room) == 0, "all to be gone")
    assert caplog.text.count("registration_timeout: ") == 6
    assert caplog.text.count("a browser that stalled: client-7 from 127.0.0.1") == 1


def test_a_download_lasts_as_long_as_blocks_are_taken_and_no_longer(files: Path) -> None:
    (files / NAME).write_bytes(os.urandom(20 * BLOCK))
    with serving(files, registration_timeout=0.5) as (server, port), ExitStack() as stack:
        slow = stack.enter_context(Browser(port, f"GET /downloads/{NAME}", buffer=8192))
        stalled = stack.enter_context(Browser(port, f"GET /downloads/{NAME}", buffer=8192))
        assert slow.head()[0] == 200
        got, pause = len(slow.held), threading.Event()
        while got < 20 * BLOCK:
            data = slow.socket.recv(BLOCK)
            assert data, "cut off although it reads"
            got += len(data)
            pause.wait(0.05 * len(data) / BLOCK)
        wait_until(lambda: len(server.room) == 0, "the stalled one to be gone", 5.0)
        assert len(stalled.rest()) < 20 * BLOCK


def test_a_file_that_is_changed_while_it_is_sent_is_cut_off(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = files / NAME
    path.write_bytes(b"1" * (60 * BLOCK))
    with serving(files) as (_, port), Browser(port, f"GET /downloads/{NAME}", buffer=8192) as browser:
        status, fields = browser.head()
        path.write_bytes(b"2" * (60 * BLOCK))
        body = browser.rest()
        assert status == 200 and len(body) < int(fields["content-length"]) and b"2" not in body
        wait_until(lambda: "cut off, because the file was changed" in caplog.text, "the log to say so")


def test_the_board_follows_who_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "STILL_THERE_EVERY", 0.1)
    with running_server(registration_timeout=0.4, heartbeat_interval=0.4, connection_timeout=60) as (_, port):
        with Browser(port, "GET /board/events") as browser, ExitStack() as stack:
            status, fields = browser.head()
            assert (status, fields["content-type"], fields["cache-control"]) == (200, "text/event-stream", "no-store")
            assert browser.until(b"\n\n") == b"retry: 2000\n\n"
            assert browser.event() == {"rev": 0, "here": 0, "late": 0, "unnamed": 0, "named": True, "tiles": []}
            for _ in range(6):
                assert browser.until(b"\n\n").startswith(b": still there\nevent: still\n"), "longer than its lease"
            ann = stack.enter_context(RawClient(port))
            ann.register("Ann")
            assert [(name, late) for _, name, late in browser.event_with(here=1)["tiles"]] == [("Ann", 0)]
            assert browser.event_with(late=1)["here"] == 0
            ann.send({"type": "ping"})
            browser.event_with(here=1, late=0)
            with RawClient(port) as old:
                old.register()
                assert [name for _, name, _ in browser.event_with(unnamed=1)["tiles"]] == ["Ann"]
            ann.send({"type": "leave"})
            assert browser.event_with(here=0, late=0, absent="2 gone")["tiles"] == []
            assert b'id="absent">2 gone</span>' in ask(port, "GET /board")[2]
            with RawClient(port) as back:
                back.register("Ann")
                browser.event_with(here=1, absent="1 gone")


def test_who_went_long_ago_is_not_counted_any_more_though_nothing_else_happens() -> None:
    clock = ShiftedClock()
    with running_server(clock=clock) as (server, port), Browser(port, "GET /board/events") as browser:
        for name in ("Ann Lee", "Ann Loo"):
            with RawClient(port) as one:
                one.register(name)
                assert [shown for _, shown, _ in browser.event_with(here=1)["tiles"]] == ["Ann L."]
        browser.event_with(here=0, absent="2 gone")
        clock.shift += GONE_FOR + PATIENCE
        server.room.publisher._ring()
        assert "absent" not in browser.event()
        server.room.viewers.closed = True
        with RawClient(port) as one, Browser(port, "GET /board/events") as numbers:
            one.register("Ann Lee")
            numbers.event_with(here=1)
            one.close()
            assert numbers.event_with(here=0).get("absent") is None, "nothing but how many are here"


def test_the_board_is_exact_while_a_class_joins_leaves_is_cut_off_and_dies() -> None:
    with running_server(heartbeat_interval=0.3, connection_timeout=1.2) as (server, port), ExitStack() as stack:
        browser = stack.enter_context(Browser(port, "GET /board/events"))
        clients = {f"Student {number}": stack.enter_context(RawClient(port)) for number in range(30)}
        for name, client in clients.items():
            client.register(name, roster=False)
        over = threading.Event()

        def beat() -> None:
            while not over.wait(0.1):
                for client in list(clients.values()):
                    client.send({"type": "ping"})

        def assert_exact(here: int) -> None:
            tiles = browser.event_with(here=here, late=0)["tiles"]
            assert [(name, late) for _, name, late in tiles] == [(name, 0) for name in clients]
            assert {name for _, name, _ in tiles} == {entry.name for entry in server.room.roster.snapshot().entries}

        beating = threading.Thread(target=beat, name="beating")
        beating.start()
        try:
            assert_exact(30)
            for name in [f"Student {number}" for number in range(0, 30, 3)]:
                clients.pop(name).send({"type": "leave"})
            assert_exact(20)
            for name in [f"Student {number}" for number in range(1, 30, 3)][:5]:
                clients.pop(name).socket.close()
            assert_exact(15)
            for number in range(16, 30, 3):
                del clients[f"Student {number}"]  # its connection stays, and nothing comes any more
            assert_exact(10)
        finally:
            over.set()
            beating.join()


def test_a_page_from_elsewhere_gets_no_events(shared: int) -> None:
    status, fields, _ = ask(shared, "GET /board/events", "Origin: http://evil.example\r\n")
    assert status == 403 and "access-control-allow-origin" not in fields
    with Browser(shared, "GET /board/events", "Origin: http://127.0.0.1\r\n") as browser:
        assert browser.head()[0] == 200
    assert ask(shared, "HEAD /board/events")[2] == b""


def test_a_board_that_does_not_read_holds_up_nobody_and_is_dropped() -> None:
    names = ["\u00e9" * 60 + f"{number:04}" for number in range(150)]  # 360 bytes each in an event
    # Nobody pings while the room fills, and each registers at once, and is read: a slow machine is no fault.
    room = running_server(registration_timeout=0.5, max_clients=200, heartbeat_interval=60, connection_timeout=200)
    with room as (server, port), ExitStack() as stack:
        deaf = stack.enter_context(Browser(port, "GET /board/events", buffer=4096))
        reader = stack.enter_context(Browser(port, "GET /board/events"))
        ann = stack.enter_context(RawClient(port))
        ann.register("Ann", roster=False)
        for here, name in enumerate(names, 2):
            stack.enter_context(RawClient(port)).register(name, roster=False)
            if here % 10 == 1:
                rev = reader.event_with(here=here)["rev"]
        assert rev >= 151
        session = next((one for one in server.room.connections() if one.session_id == 1), None)  # None: dropped already
        count = 0
        while session is not None and not session.backlogged and len(server.room) > 152:
            count += 1
            ann.send({"type": "ping", "seq": count})
            assert ann.until_type("pong", 2.0)["seq"] == count
            with RawClient(port) as passing:
                passing.register(f"P{count}", roster=False)
                reader.event_with(here=152)
            reader.event_with(here=151)
        wait_until(lambda: len(server.room) == 152, "the deaf one to be dropped", 5.0)
        deaf.rest()


def test_boards_and_downloads_end_with_the_server_and_hear_no_line_of_ours(files: Path) -> None:
    (files / NAME).write_bytes(os.urandom(90 * BLOCK))
    with serving(files) as (server, port), ExitStack() as stack:
        boards = [stack.enter_context(Browser(port, "GET /board/events")) for _ in range(3)]
        download = stack.enter_context(Browser(port, f"GET /downloads/{NAME}", buffer=8192))
        assert [browser.event()["here"] for browser in boards] == [0, 0, 0]
        download.head()
        began = time.monotonic()
        rests: List[bytes] = []
        reading = [threading.Thread(target=lambda one=one: rests.append(one.rest())) for one in (*boards, download)]
        for thread in reading[:3]:
            thread.start()
        assert server.stop() and time.monotonic() - began < 2.0
        reading[3].start()
        for thread in reading:
            thread.join()
        assert not any(b"server_shutdown" in rest for rest in rests) and len(rests) == 4
        assert 0 < max(map(len, rests)) < 90 * BLOCK


def test_browsers_have_a_pool_of_their_own_and_take_no_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(max_clients=1) as (server, port), ExitStack() as stack:
        server.room.browsers._places = 3
        boards = []
        for _ in range(3):
            boards.append(stack.enter_context(Browser(port, "GET /board/events")))
            boards[-1].event()  # so that the first is the oldest
        ann = stack.enter_context(RawClient(port))
        ann.register("Ann")
        assert ann.line()["type"] == "welcome"
        newest = stack.enter_context(Browser(port, "GET /board/events"))
        assert newest.event()["here"] == 1
        boards[0].rest()  # the oldest has gone for it
        ann.send({"type": "ping"})
        assert ann.until_type("pong")["type"] == "pong"


def test_when_all_places_are_taken_by_running_downloads_of_this_address_the_next_waits(files: Path) -> None:
    (files / NAME).write_bytes(os.urandom(90 * BLOCK))
    with serving(files) as (server, port), ExitStack() as stack:
        server.room.browsers._places = 2
        for _ in range(2):
            assert stack.enter_context(Browser(port, f"GET /downloads/{NAME}", buffer=8192)).head()[0] == 200
        status, fields, body = ask(port, "GET /")
        assert status == 503 and fields["retry-after"] == "30" and b"Too many browsers" in body


def test_a_closed_room_shows_numbers_until_a_link_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    trace: List[str] = []

    def tracing(direction: str, connection: Connection, data: bytes) -> None:
        trace.append(trace_line(direction, connection, data))

    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0), trace=tracing)
    server.room.viewers.closed = True
    server.start()
    port = server.address[1]
    try:
        with RawClient(port) as ann:
            ann.register("Ann")
            ann.until_type("client_list")
            link = server.room.viewers.link()
            page = ask(port, "GET /board")[2]
            assert b"Ann" not in page and b'class="board numbers"' in page and b"1 here" in page
            with Browser(port, "GET /board/events") as browser:
                assert browser.event() == {"rev": 1, "here": 1, "late": 0, "unnamed": 0, "named": False, "tiles": []}
            assert b"It will ask for the code" in ask(port, "GET /")[2]
            assert ask(port, f"HEAD {link}")[0] == 303, "whoever only looks whether it is there does not use it up"
            status, fields, _ = ask(port, f"GET {link}")
            assert (status, fields["location"]) == (303, "/board")
            cookie = f"Cookie: other=1; {fields['set-cookie'].partition(';')[0]}\r\n"
            assert b">Ann<" in ask(port, "GET /board", cookie)[2]
            with Browser(port, "GET /board/events", cookie) as browser:
                assert browser.event()["tiles"] == [[1, "Ann", 0]]
            status, fields, body = ask(port, f"GET {link}")
            assert status == 404 and "set-cookie" not in fields and b"used already" in body
            assert ask(port, "GET /board?" + "&".join("x" * 9))[0] == 303
    finally:
        server.stop()
    secrets = (link.partition("=")[2], cookie.strip().rpartition("=")[2])
    seen = caplog.text + "".join(trace)
    assert not any(secret in seen for secret in secrets) and "Set-Cookie" not in seen
    assert any(re.fullmatch(r"< client-\d+ GET /board HTTP/1.1", line) for line in trace)
    assert any(re.fullmatch(r"> client-\d+ HTTP/1.1 303 See Other", line) for line in trace)


def test_the_log_has_one_line_for_a_browser_and_nobody_forges_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with running_server() as (_, port):
        ask(port, "GET /a%0Ab%22?secret")
        statuses(port, b"GET /\r\n")
    lines = [record.getMessage() for record in caplog.records if record.name == "rollcall.board"]
    assert lines == [
        r'a browser: client-1 from 127.0.0.1: GET "/a\nb\"": 404',
        "a browser: client-2 from 127.0.0.1: no request: 400",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/board", "/board/events", f"/downloads/{NAME}"])
def test_without_board_a_browser_reads_what_this_is(path: str, files: Path) -> None:
    with serving(files, board=False) as (_, port):
        status, fields, body = ask(port, f"GET {path}", host="evil.example")
        assert (status, fields["content-type"]) == (404, "text/plain; charset=utf-8")
        assert b"This is a Rollcall server" in body and b"type the same address" in body


def test_a_room_with_a_code_is_closed_for_browsers_too(tmp_path: Path) -> None:
    with room_with_keys(tmp_path, join_code=JOIN) as (server, port):
        page = ask(port, "GET /")[2]
        assert b"It will ask for the code" in page and JOIN.encode() not in page
        with Browser(port, "GET /board/events") as events:
            assert events.event()["named"] is False
            session = server.room.connections()[0].session_id
            server.room.dismiss(session, server.room.full("x"))
            assert b"error" not in events.rest()


def test_without_downloads_there_are_none(files: Path) -> None:
    with running_server(downloads=False) as (_, port):
        assert ask(port, f"GET /downloads/{NAME}")[0] == 404
        body: Optional[bytes] = ask(port, "GET /")[2]
        assert body is not None and b"cannot be downloaded here" in body and b"build.py" not in body


def test_when_something_has_run_out_a_browser_goes_after_those_who_have_not_registered() -> None:
    with running_server() as (server, port), Browser(port, "GET /board/events") as events, RawClient(port) as mute:
        events.event()
        wait_until(lambda: len(server.room) == 2, "both to be there")
        server.room.make_way()
        assert mute.line()["code"] == "server_full"
        server.room.make_way()
        assert b"error" not in events.rest(), "and hears no line of ours"


HOSTILE = [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + bytes(65536).replace(b"\0", b"x") + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
    (b"GET /\r\n", 400),  # HTTP/0.9
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    *((b"GET /downloads/" + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 404) for path in (
        b"../secret", b"%2e%2e/secret", b"..%2fsecret", b"..\\secret", b"%2e%2e%5csecret", b"link.exe", b"folder.exe",
        b"a%00.exe", b"con", b"NUL.exe", b"COM1", b"a.exe::$DATA", b"/etc/passwd", b"a.exe/..", b"pipe.exe")),
    (b"GET http://localhost/downloads/../secret HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET http://evil.example/board HTTP/1.1\r\nHost: localhost\r\n\r\n", 421),
    (b"GET /board HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    (b"GET /board/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403),
    (b"GET /downloads/a.exe HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
]  # fmt: skip
"""What the whole program is asked, and its answers."""


def test_the_real_program_answers_each_hostile_request_and_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    (folder / "folder.exe").mkdir(parents=True)
    (folder / "a.exe").write_bytes(b"x")
    (tmp_path / "secret").write_bytes(b"secret")
    if hasattr(os, "mkfifo"):
        (folder / "link.exe").symlink_to(tmp_path / "secret")
        os.mkfifo(folder / "pipe.exe")
    program = ServerProgram(tmp_path, downloads=str(folder), registration_timeout=1.0, discoverable=False)
    with program as server, ExitStack() as stack:
        idle = [stack.enter_context(Browser(server.port)) for _ in range(6)]
        slow = stack.enter_context(Browser(server.port))
        slow.say(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        for data, expected in HOSTILE:
            with Browser(server.port) as browser:
                browser.say(data)
                status, fields = browser.head()
                assert status == expected, data[:80]
                assert b"secret" not in browser.rest() and "access-control-allow-origin" not in fields
        assert [browser.rest() for browser in (*idle, slow)] == [b""] * 7, "gone at their deadline"
        with RawClient(server.port) as ann:
            ann.register("Ann")
            assert ann.until_type("welcome")["protocol"] == 2
        assert server.stop() == 0
        assert "Traceback" not in server.text
