"""A class on a real server: who is missing, what a teacher does about it, and what is written down."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

from protocol import Entry
from rollcall.server.keys import room_keys
from rollcall.server.lesson import LessonBook
from rollcall.server.lesson_start import begin, classes_of
from rollcall.server.members import Sweep
from rollcall.server.record_reading import load
from rollcall.server.settings import ServerConfig
from server import RollcallServer
from tests.closed_room import ITERATIONS, TEACH, TlsClient
from tests.helpers import PATIENCE, RawClient, ServerProgram, wait_until
from tests.server.test_board import Browser, ask

NAMES = ("Ann Lee", "Ben Oak", "Cem Yılmaz", "Dora Größl")


SLOW_MACHINE = 0.5
"""Seconds that a busy machine may add to what is measured."""


def write_class(data: Path, name: str = "7b", names: tuple[str, ...] = NAMES) -> None:
    (data / "classes").mkdir(parents=True, exist_ok=True)
    (data / "classes" / f"{name}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


@contextmanager
def lesson_server(data: Path, *classes: str, **settings: Any) -> Iterator[tuple[RollcallServer, int]]:
    """A server in this process that keeps its data there; with classes as if it were started with ``--class``."""
    config = ServerConfig(host="127.0.0.1", port=0, message_rate=0.0, teacher_code=TEACH, **settings)
    keys = room_keys(config, data, lambda text: None, ITERATIONS)
    chosen = classes_of(config, data, classes, lambda text: None)
    server = RollcallServer(config, keys=keys, data=data)
    keys.let_in_own_machine(data, server.address[1], server.room.epoch)
    server.start()
    begin(server.room, chosen)
    try:
        yield server, server.address[1]
    finally:
        assert server.stop()
        keys.forget_own_machine()


class Teacher(TlsClient):
    """A teacher with the class, as its messages tell it."""

    def __init__(self, port: int, buffer: int = 0) -> None:
        super().__init__(port, buffer=buffer)
        self.rows: Dict[str, Dict[str, Any]] = {}
        self.head: Dict[str, Any] = {}
        self.refs = 0
        self.join("Ms Hill", TEACH, "teacher", role="teacher", roster=False)

    def __enter__(self) -> Teacher:
        return self

    def act(self, act: str, **fields: Any) -> Dict[str, Any]:
        """Ask for an act; the answer to it. What comes before it is taken in."""
        self.refs += 1
        self.send({"type": act, "ref": self.refs, **fields})
        while True:
            message = self.line()
            self.take(message)
            if message["type"] in ("done", "denied"):
                assert message["ref"] == self.refs and message["act"] == act
                return message

    def take(self, message: Dict[str, Any]) -> None:
        if message["type"] == "class_list":
            if message.get("whole"):
                self.rows = {}
            self.rows.update({row["key"]: row for row in message.get("rows", ())})
            for key in message.get("gone", ()):
                self.rows.pop(key, None)
            self.head = message

    def until_states(self, **wanted: str) -> None:
        """Wait for these states, by first names."""
        deadline = time.monotonic() + PATIENCE
        while self.states(*wanted) != wanted:
            assert time.monotonic() < deadline, (self.states(*wanted), wanted)
            self.send({"type": "ping"})
            self.take(self.line())

    def states(self, *first_names: str) -> Dict[str, str]:
        found = {row["name"].split()[0].lower(): row["state"] for row in self.rows.values()}
        return {name: found.get(name, "?") for name in first_names}

    def report(self, **fields: Any) -> str:
        self.refs += 1
        self.send({"type": "attendance", "ref": self.refs, **fields})
        pieces: List[str] = []
        while True:
            message = self.line()
            if message["type"] == "report":
                pieces.append(message["text"])
                assert message["part"] == len(pieces)
            elif message["type"] in ("done", "denied"):
                assert message["type"] == "done", message
                return "".join(pieces)


def test_a_lesson_from_the_choice_of_a_class_to_its_table(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, heartbeat_interval=60.0, connection_timeout=120.0, late_after=0.0) as (_, port):
        with RawClient(port) as ann, RawClient(port) as guest, Teacher(port) as teacher:
            ann.register("Ann Lee")
            guest.register("Zed")
            for member in (ann, guest):
                assert member.until_type("welcome")
            assert teacher.act("follow_class")["type"] == "done"
            wait_for_line(teacher)
            assert "classes" not in teacher.head, "there is no class yet"
            assert "there is no class" in teacher.act("set_class", classes=["8x"])["message"]
            assert teacher.act("set_class", classes=["7b"])["type"] == "done"
            teacher.until_states(ann="here", ben="expected", zed="here")
            assert teacher.head["available"] == ["7b"] and teacher.head["guests"] == 1
            assert teacher.act("lesson", do="begin")["type"] == "done"
            teacher.until_states(ann="here", ben="missing", cem="missing")
            with RawClient(port) as cem:
                cem.register("cem yilmaz")
                assert cem.until_type("welcome")
                teacher.until_states(cem="here")
                cem.send({"type": "leave"})
                cem.rest()
            teacher.until_states(cem="left")
            assert teacher.act("mark", names=["Ben Oak"], kind="excused", note="flu")["type"] == "done"
            teacher.until_states(ben="excused")
            (ben,) = [row for row in teacher.rows.values() if row["name"] == "Ben Oak"]
            assert (ben["mark"], ben["note"], ben["by"], ben["found"]) == ("excused", "flu", "Ms Hill", "missing")
            (zed,) = [row for row in teacher.rows.values() if row["name"] == "Zed"]
            assert teacher.act("identify", do="is", member=zed["members"][0], name="Dora Größl")["type"] == "done"
            teacher.until_states(dora="here", zed="?")
            counts = teacher.head["counts"]
            assert sum(counts.values()) == teacher.head["listed"] == 4
            ann.socket.close()
            teacher.until_states(ann="lost")
            assert teacher.act("lesson", do="end")["type"] == "done"
            table = json.loads(teacher.report(what="lesson", lesson=teacher.head.get("lesson", "")) or "{}")
            assert "Ann Lee" in json.dumps(table, ensure_ascii=False)
    found = sorted(path.suffix for path in (tmp_path / "attendance").iterdir())
    assert found == [".csv", ".html"]


def test_the_board_follows_the_class_and_never_says_who_is_missing(tmp_path: Path) -> None:
    write_class(tmp_path)
    lasting: Dict[str, Any] = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}
    with lesson_server(tmp_path, **lasting) as (server, port):
        server.room.viewers.closed = False
        with RawClient(port) as ann, RawClient(port) as guest, Teacher(port) as teacher:
            with Browser(port, "GET /board/events") as board:
                ann.register("ann lee")
                assert "of" not in board.event_with(here=1)
                assert teacher.act("set_class", classes=["7b"])["type"] == "done"
                state = board.event_with(other="3 expected")
                assert (state["here"], state["of"], state["tiles"]) == (1, 4, [[0, "Ann L.", 0]])
                assert teacher.act("lesson", do="begin")["type"] == "done"
                board.event_with(absent="3 missing")
                guest.register("Zed")
                board.event_with(guests=1, here=1)
                assert teacher.act("mark", names=["Ben Oak"], kind="excused")["type"] == "done"
                board.event_with(absent="2 missing", other="1 excused")
                ann.send({"type": "leave"})
                state = board.event_with(absent="2 missing, 1 left", here=0)
                assert state["tiles"] == [] and "Zed" not in json.dumps(state)
            page = ask(port, "GET /board")[2].decode()
            assert ">0 of 4 here<" in page and ">2 missing, 1 left<" in page and "+ 1 guest" in page
            assert not any(name in page for name in ("Ann", "Ben", "Cem", "Dora", "Zed"))
            server.room.viewers.closed = True
            page = ask(port, "GET /board")[2].decode()
            assert ">1 here<" in page and "missing" not in page.partition("<script>")[0].partition("</style>")[2]


def wait_for_line(teacher: Teacher) -> None:
    while not teacher.head:
        teacher.take(teacher.line())


def test_a_start_with_a_class_goes_on_with_the_lesson_after_a_crash(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b", late_after=0.0) as (_, port), Teacher(port) as teacher:
        teacher.act("follow_class")
        assert teacher.act("lesson", do="begin")["type"] == "done"
        teacher.until_states(ann="missing")
        lesson = teacher.head["lesson"]
    with lesson_server(tmp_path, "7b", late_after=0.0) as (_, port), Teacher(port) as teacher:
        teacher.act("follow_class")
        wait_for_line(teacher)
        assert teacher.head["lesson"] == lesson and teacher.head["begin"]


def test_a_short_pause_of_the_server_hides_nobody_who_goes(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b", late_after=0.0) as (server, port), Teacher(port) as teacher:
        teacher.act("follow_class")
        with RawClient(port) as ann:
            ann.register("Ann Lee")
            ann.until_type("welcome")
            teacher.act("lesson", do="begin")
            teacher.until_states(ann="here")
        wait_until(lambda: len(server.room.roster) == 1, "Ann to be gone")
        server.room._on_sweep(Sweep([], False, None, [], 5.0))  # a busy machine: it was within these seconds
        teacher.act("mark", names=["Ben Oak"], kind="excused")
        teacher.until_states(ann="lost", ben="excused")


def test_only_teachers_act_and_a_substitute_begins_and_ends_and_marks(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (_, port), RawClient(port) as ann, Teacher(port) as teacher:
        ann.register("Ann Lee")
        ann.until_type("welcome")
        for act in ("follow_class", "set_class", "attendance"):
            ann.send({"type": act, "what": "lessons"})
            assert "only a teacher" in ann.until_type("denied")["message"]
        code = teacher.act("substitute")["code"]
        with TlsClient(port) as deputy:
            deputy.join("Mr Vale", code, "substitute", role="teacher")
            answers = []
            for fields in (
                {"type": "follow_class"},
                {"type": "lesson", "do": "begin"},
                {"type": "mark", "names": ["Ann Lee"], "kind": "note", "note": "well done"},
                {"type": "lesson", "do": "discard"},
                {"type": "set_class", "classes": []},
                {"type": "attendance", "what": "lessons"},
            ):
                deputy.send(fields)
                answers.append(deputy.until(lambda message: message["type"] in ("done", "denied"))["type"])
            assert answers == ["done"] * 3 + ["denied"] * 3


def test_what_is_taken_back_of_several_is_taken_back_of_each_who_has_something(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (_, port), Teacher(port) as teacher:
        teacher.act("follow_class")
        for name in ("Ann Lee", "Cem Yılmaz"):
            assert teacher.act("mark", names=[name], kind="excused")["type"] == "done"
        teacher.until_states(ann="excused", cem="excused")
        done = teacher.act("mark", names=["Ann Lee", "Ben Oak", "Dora Größl", "Cem Yılmaz"], kind="undo")
        assert (done["type"], done["note"]) == ("done", "nothing was marked for Ben Oak, Dora Größl")
        teacher.until_states(ann="expected", cem="expected")
        denied = teacher.act("mark", names=["Ann Lee", "Ben Oak"], kind="undo")
        assert denied["type"] == "denied" and denied["message"] == 'nothing is marked for "Ann Lee"'
        assert teacher.act("mark", names=["Ann Lee"], kind="undo", lesson="x")["type"] == "denied"


def test_a_renaming_that_is_refused_leaves_the_class_file_as_it_is(tmp_path: Path) -> None:
    write_class(tmp_path)
    file = tmp_path / "classes" / "7b.txt"
    file.write_bytes(file.read_bytes() + b"\n# by hand\n")
    before = file.read_bytes()
    with lesson_server(tmp_path, "7b") as (server, port), Teacher(port) as teacher:
        for name in ("Ann Lee", "", "  "):
            act = {"do": "renamed", "class_name": "7b", "before": "Ann Lee", "name": name}
            assert teacher.act("identify", **act)["message"] == "that is no other name"
            assert file.read_bytes() == before
        act = {"do": "renamed", "class_name": "7b", "before": "Nobody", "name": "Ann Long"}
        assert teacher.act("identify", **act)["type"] == "denied" and file.read_bytes() == before
        assert not server.room.classroom.book._state.said  # type: ignore[union-attr]
        assert teacher.act("identify", **{**act, "before": "Ann Lee"})["type"] == "done"
        assert "Ann Long" in file.read_text(encoding="utf-8") and "Ann Lee" not in file.read_text(encoding="utf-8")


def test_a_list_comes_in_pieces_with_its_preview_and_who_is_here_can_be_one(tmp_path: Path) -> None:
    with lesson_server(tmp_path) as (_, port), RawClient(port) as ann, Teacher(port) as teacher:
        ann.register("Ann Lee")
        ann.until_type("welcome")
        text = "Last name;First name\nOak;Ben\nMoon;Mia\n" + "".join(f"Name{n};Kid\n" for n in range(100))
        pieces = [text[at : at + 900] for at in range(0, len(text), 900)]
        for write in (False, True):
            for number, piece in enumerate(pieces, 1):
                given = {"part": number, "parts": len(pieces), "text": piece, "write": write}
                answer = teacher.act("import_class", class_name="8c", **given)
            assert "102 names" in answer["note"] and "Ben Oak" in answer["note"]
            assert (tmp_path / "classes" / "8c.txt").exists() == write
        wrong = teacher.act("import_class", class_name="8c", part=2, parts=3, text="x")
        assert "another order" in wrong["message"]
        assert teacher.act("save_class", class_name="9a")["note"] == "9a has 1 name"
        assert json.loads(teacher.report(what="classes"))["classes"] == ["8c", "9a"]
        assert "Ann Lee" in teacher.report(what="class", class_name="9a")


def test_without_a_class_nothing_is_kept_and_nothing_is_said(tmp_path: Path) -> None:
    with lesson_server(tmp_path) as (server, port), RawClient(port) as ann:
        ann.register("Ann")
        ann.until_type("welcome")
        assert server.room.classroom.book is None and not server.room.classroom.is_recorded
    assert not list(tmp_path.glob("record*")) and not (tmp_path / "attendance").exists()


def test_the_program_says_the_class_its_times_and_the_table_at_the_end(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), **dict.fromkeys(("XDG_DATA_HOME", "LOCALAPPDATA"), str(tmp_path / "data"))}
    source = tmp_path / "7c.csv"
    source.write_text("Name\nAnn Lee\nBen Oak\n", encoding="utf-8")
    with ServerProgram(tmp_path, "--class", str(source), env=home, late_after=0) as server:
        server.wait_for_line(r"Imported 7c: 2 names \(Ann Lee, Ben Oak")
        server.wait_for_line("^Class 7c: 2 names; everybody types")
        server.wait_for_line(r"Silent after 7\.5 s, lost after 20 s")
        with RawClient(server.port) as ann:
            ann.register("Ann Lee")
            assert ann.until_type("welcome")["heartbeat_interval"] == 5
        assert server.stop() == 0
    folder = tmp_path / "data" / "Rollcall"
    assert (folder / "classes" / "7c.txt").read_text(encoding="utf-8").split("\n")[:2] == ["Ann Lee", "Ben Oak"]
    with ServerProgram(tmp_path, "--class", "7C", env=home) as server:
        server.wait_for_line("^Class 7c: 2 names")
        assert server.stop() == 0
    wait_until((folder / "record.db").exists, "the record")


def test_who_follows_hears_of_lists_without_a_class_and_of_the_end_of_one(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path) as (_, port), Teacher(port) as teacher, Teacher(port) as other:
        for one in (teacher, other):
            one.act("follow_class")
            wait_for_line(one)
            assert one.head["available"] == ["7b"] and "classes" not in one.head
        assert teacher.act("set_class", classes=["7b"])["type"] == "done"
        until_head(other, classes=["7b"])
        assert teacher.act("save_class", class_name="9a")["type"] == "denied", "nobody is here but teachers"
        given = {"part": 1, "parts": 1, "text": "Mia Moon\nBen Oak\n", "write": True}
        assert teacher.act("import_class", class_name="9a", **given)["type"] == "done"
        until_head(other, available=["7b", "9a"])
        assert teacher.act("set_class", classes=[])["type"] == "done"
        until_head(other, classes=None)
        assert not other.rows and other.head["available"] == ["7b", "9a"]


def until_head(teacher: Teacher, **wanted: Any) -> None:
    """Wait until the class is told so."""
    deadline = time.monotonic() + 5
    while any(teacher.head.get(key) != value for key, value in wanted.items()):
        assert time.monotonic() < deadline, (teacher.head, wanted)
        teacher.send({"type": "ping"})
        teacher.take(teacher.line())


def test_a_server_that_stops_ends_everybodys_stay_itself(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port), RawClient(port) as ann, RawClient(port) as ben:
        for client, name in ((ann, "Ann Lee"), (ben, "Ben Oak")):
            client.register(name)
            client.until_type("welcome")
        assert server.stop()
        book = server.room.classroom.book
        assert book is not None
        assert [stay.how for stay in book.stays] == ["stopped"] * 2


def test_who_comes_and_goes_within_a_burst_is_in_the_record_all_the_same(tmp_path: Path) -> None:
    """Those who join are taken in later than they join, and nobody can tell."""
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port):
        came = time.time()
        with ExitStack() as stack:
            clients = [stack.enter_context(RawClient(port)) for _ in range(30)]
            for number, client in enumerate(clients):
                client.register(f"Guest {number}", roster=False, device_id=f"device {number}")
            for client in clients:
                client.until_type("welcome")
            for client in clients[:20]:
                client.send({"type": "leave"})
            with RawClient(port) as again:  # the program of the last one was started anew
                again.register("Guest 29", roster=False, device_id="device 29")
                assert clients[29].until_type("error")["code"] == "replaced", "at once, whoever looks or not"
            wait_until(lambda: len(server.room.roster) <= 10, "the others to be gone")
        wait_until(lambda: len(server.room.roster) == 0, "all to be gone")
        went = time.time()
    stays = {stay.member: stay for stay in load(tmp_path).stays}
    ends = sorted((stay.name, stay.how) for stay in stays.values())
    named = [(f"Guest {number}", "left" if number < 20 else "lost") for number in range(29)]
    assert ends == sorted([*named, ("Guest 29", "replaced"), ("Guest 29", "lost")])
    assert all(came - 0.1 <= stay.begin <= (stay.end or 0.0) <= went + 0.1 for stay in stays.values())


def test_a_client_without_a_name_leaves_no_address_in_the_record(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port), RawClient(port) as old:
        old.register(None, ip="192.0.2.77")
        old.until_type("client_list")
        book = server.room.classroom.book
        assert book is not None
        (stay,) = wait_until(lambda: book.stays, "the stay")
        assert "192.0.2.77" not in stay.name
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"SQLite" in kept and b"192.0.2.77" not in kept


def test_two_windows_of_a_teacher_on_one_computer_stay_both(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (_, port), TlsClient(port) as one, TlsClient(port) as two:
        for client in (one, two):
            client.join("Ms Hill", TEACH, "teacher", role="teacher", roster=False, device_id="0123456789abcdef")
        one.send({"type": "ping"})
        assert one.until(lambda message: message["type"] != "notice")["type"] == "pong"


def test_who_is_heard_before_it_is_said_that_it_fell_silent_is_here(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port), RawClient(port) as ann, Teacher(port) as teacher:
        ann.register("Ann Lee")
        member = ann.until_type("welcome")["member_id"]
        teacher.act("follow_class")
        teacher.until_states(ann="here")
        server.room.classroom.silent(member, 8.0)  # by the sweeper's thread, which was slower than the handler's
        teacher.until_states(ann="silent")
        teacher.until_states(ann="here")


def test_a_late_end_of_an_old_connection_ends_no_newer_stay(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port), RawClient(port), RawClient(port) as ann:
        ann.register("Ann Lee", device_id="0123456789abcdef", instance="a" * 22, attempt=2)
        welcome = ann.until_type("welcome")
        # Its handler is the last to tell, when the next connection of the same member is here already.
        server.room.classroom.gone(welcome["member_id"], "lost", session_id=welcome["session_id"] - 1)
        book = server.room.classroom.book
        assert book is not None
        assert [stay.end for stay in book.stays] == [None]


def test_a_folder_of_classes_that_is_none_stops_no_record(tmp_path: Path) -> None:
    (tmp_path / "classes").write_text("not a folder", encoding="utf-8")
    with lesson_server(tmp_path, record="always") as (server, port), Teacher(port) as teacher:
        assert server.room.classroom.is_recorded
        assert teacher.act("follow_class")["type"] == "done"
        assert "there is no class" in teacher.act("set_class", classes=["7b"])["message"]


def test_a_thousand_names_and_many_guests_reach_a_teacher(tmp_path: Path) -> None:
    write_class(tmp_path, names=tuple(f"Kid{n} Name{n}" for n in range(1000)))
    with lesson_server(tmp_path, "7b", max_clients=400) as (server, port), Teacher(port) as teacher:
        for number in range(300):
            server.room.classroom.joined(Entry("10.0.0.1", 1, 1000 + number, f"Guest {number}", "10.0.0.1", 0), "")
        teacher.act("follow_class")
        wait_until_rows(teacher, 1300)
        assert teacher.head["listed"] == 1000 and teacher.head["whole"]


def wait_until_rows(teacher: Teacher, count: int) -> None:
    while len(teacher.rows) < count:
        teacher.take(teacher.line())


def test_of_two_teachers_the_last_act_wins_and_both_see_it_within_a_second(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (_, port), Teacher(port) as one, Teacher(port) as two:
        for teacher in (one, two):
            teacher.act("follow_class")
            teacher.until_states(ann="expected")
        for _ in range(3):
            for asker, other, kind in ((one, two, "excused"), (two, one, "here")):
                asker.act("mark", names=["Ann Lee"], kind=kind)
                asked = time.monotonic()
                other.until_states(ann=kind)
                assert time.monotonic() - asked < 1.0 + SLOW_MACHINE
        with Teacher(port) as third:  # the window that is opened again
            third.act("follow_class")
            third.until_states(ann="here")
            deadline = time.monotonic() + PATIENCE
            while one.rows != third.rows:  # who marked last, and when, comes with its next message
                assert time.monotonic() < deadline, (one.rows, third.rows)
                one.send({"type": "ping"})
                one.take(one.line())


def test_two_teachers_who_choose_a_class_at_once_open_one_book(tmp_path: Path) -> None:
    write_class(tmp_path)
    write_class(tmp_path, "8c", ("Mia Moon",))
    with lesson_server(tmp_path) as (server, port), Teacher(port) as one, Teacher(port) as two, RawClient(port) as ann:
        ann.register("Ann Lee")
        ann.until_type("welcome")
        one.send({"type": "set_class", "classes": ["7b"]})
        two.send({"type": "set_class", "classes": ["8c"]})
        for teacher in (one, two):
            assert teacher.until(lambda message: message["type"] in ("done", "denied"))["type"] == "done"
            teacher.act("follow_class")
        book = server.room.classroom.book
        assert book is not None and sorted(stay.name for stay in book.stays) == ["Ann Lee", "Ms Hill", "Ms Hill"]
        until_head(one, classes=two.head.get("classes", one.head.get("classes")))


def test_a_bug_in_the_book_ends_nobodys_conversation(tmp_path: Path) -> None:
    write_class(tmp_path)
    with lesson_server(tmp_path, "7b") as (server, port), RawClient(port) as ann:
        del server.room.classroom.book._state  # type: ignore[union-attr]
        ann.register("Ann Lee")
        ann.until_type("welcome")
        ann.send({"type": "ping"})
        ann.until_type("pong")
        server.room.classroom.book._state = LessonBook()._state  # type: ignore[union-attr]


def test_who_is_on_no_list_is_asked_when_a_lesson_of_another_class_begins(tmp_path: Path) -> None:
    write_class(tmp_path)
    write_class(tmp_path, "9a", ("Ann Lee", "Zoe Moon"))
    with lesson_server(tmp_path, "7b", heartbeat_interval=60.0, connection_timeout=120.0) as (server, port):
        with RawClient(port) as ann, RawClient(port) as ben, RawClient(port) as old, Teacher(port) as teacher:
            ann.register("Ann Lee", roster=False)
            ben.register("Ben Oak", roster=False)
            old.register()  # an original client knows four messages
            wait_until(lambda: len(server.room.roster) == 4, "all of them")
            book = server.room.classroom.book
            assert book is not None
            teacher.act("lesson", do="begin")  # if it has not begun by itself: half of the class is here
            assert book.is_running, "the first lesson asks nobody"
            for do in ("end", "begin", "end"):
                assert teacher.act("lesson", do=do)["type"] == "done", "nor does one of the same class"
            assert teacher.act("set_class", classes=["9a"])["type"] == "done"
            assert teacher.act("lesson", do="begin")["type"] == "done"
            notice = ben.until_type("notice")
            words = "a lesson of 9a has begun, and your name is not on its list: who are you?"
            assert notice == {"type": "notice", "about": "another_class", "message": words}
            for member in (ann, old):
                member.send({"type": "ping"})
                kinds: List[str] = []
                while kinds[-1:] != ["pong"]:
                    kinds.append(member.line()["type"])
                assert "notice" not in kinds


def test_a_report_that_takes_long_on_its_way_costs_nobody_the_connection(tmp_path: Path) -> None:
    write_class(tmp_path, names=tuple(f"Kid{n} {'Name' * 12}{n}" for n in range(1000)))
    times = {"heartbeat_interval": 0.4, "connection_timeout": 1.2, "late_after": 0.0}
    with lesson_server(tmp_path, "7b", **times) as (_, port), Teacher(port, buffer=4096) as teacher:
        teacher.act("lesson", do="begin")
        teacher.send({"type": "attendance", "what": "lesson", "form": "json", "ref": 7})
        pause, begun = threading.Event(), time.monotonic()
        while time.monotonic() - begun < 2.4:  # two leases, in which it says nothing, and takes a little all the time
            teacher._buffer += teacher.socket.recv(1600)
            pause.wait(0.01)
        teacher.send({"type": "ping"})
        assert b'"done"' not in teacher._buffer, "it is still on its way"
        assert teacher.until_type("done")["ref"] == 7
        assert teacher.until_type("pong")
