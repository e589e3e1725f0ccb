"""A class on a real server: who is missing, what a teacher does about it, and what is written down."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List

from rollcall.server.config import ServerConfig
from rollcall.server.keys import room_keys
from rollcall.server.lesson_start import begin, classes_of
from server import RollcallServer
from tests.closed_room import ITERATIONS, TEACH, TlsClient
from tests.helpers import PATIENCE, RawClient, ServerProgram, wait_until

NAMES = ("Ann Lee", "Ben Oak", "Cem Yılmaz", "Dora Größl")


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

    def __init__(self, port: int) -> None:
        super().__init__(port)
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
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
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
