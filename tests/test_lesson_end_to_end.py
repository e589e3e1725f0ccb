"""A lesson with the real programs as real processes: from the list to what is left of a name that must be forgotten."""

from __future__ import annotations

import csv
import io
import json
import os
import queue
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import pytest

from client import Client
from rollcall.server import attendance
from rollcall.server.record_reading import load
from rollcall.wire.address import Address
from tests.closed_room import TEACH
from tests.helpers import PATIENCE, ROOT, Program, RawClient, ServerProgram, free_port, wait_until
from tests.server.test_classroom import Teacher, until_head, wait_for_line

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")

FIRST = ("Ann", "Ben", "Cem", "Dora", "Eva", "Finn", "Gil", "Hal", "Ida")
NAMES = [f"{first} {last}" for last in ("Lee", "Oak", "Moon") for first in FIRST]
SHORT: Dict[str, Any] = {
    "lesson_interval": 0.4,
    "lesson_timeout": 1.6,
    "late_after": 0,
    "teacher_code": TEACH,
    "message_rate": 0,
}
ANN, BEN, CEM = NAMES[0], NAMES[1], NAMES[2]


def home(folder: Path) -> Dict[str, str]:
    """An account of its own, with nothing in it."""
    return {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "LOCALAPPDATA")}


def command(folder: Path, *arguments: str) -> str:
    """What ``server.py`` says that starts no server."""
    line = [sys.executable, str(ROOT / "server.py"), *arguments]
    done = subprocess.run(line, env={**os.environ, **home(folder)}, encoding="utf-8", capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(teacher: Teacher, **wanted: str) -> None:
    """Wait for these states, by full names with an underscore."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = {row["name"].replace(" ", "_"): row["state"] for row in teacher.rows.values()}
        if all(found.get(name) == state for name, state in wanted.items()):
            return
        assert time.monotonic() < deadline, (found, wanted)
        teacher.send({"type": "ping"})
        teacher.take(teacher.line())


@posix
def test_a_lesson_with_a_client_that_stops_a_server_that_is_killed_and_a_name_that_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "7b.csv").write_text("Name\n" + "\n".join(NAMES) + "\n", encoding="utf-8")
    port, env = free_port(), home(tmp_path)
    with ExitStack() as stack:
        server = stack.enter_context(
            ServerProgram(tmp_path, "--class", str(tmp_path / "7b.csv"), port=port, env=env, **SHORT)
        )
        server.wait_for_line(r"^Imported 7b: 27 names")
        server.wait_for_line(r"^Class 7b: 27 names")
        _, ben = (
            stack.enter_context(Program(ROOT / "client.py", server.address, "--name", name, env=env))
            for name in (ANN, BEN)
        )
        teacher = stack.enter_context(Teacher(port))
        teacher.act("follow_class")
        states(teacher, Ann_Lee="here", Ben_Lee="here", Cem_Lee="expected")
        assert teacher.act("lesson", do="begin")["type"] == "done"
        assert teacher.act("mark", names=[CEM], kind="excused", note="flu")["type"] == "done"
        states(teacher, Cem_Lee="excused", Dora_Lee="missing")
        lesson = teacher.head["lesson"]
        os.kill(ben.pid, signal.SIGSTOP)  # a machine that is gone says nothing
        states(teacher, Ben_Lee="silent")
        states(teacher, Ben_Lee="lost", Ann_Lee="here")
        os.kill(ben.pid, signal.SIGCONT)
        states(teacher, Ben_Lee="here")
        wait_until(
            lambda: CEM.encode() in (tmp_path / "Rollcall" / "record.db-wal").read_bytes(), "the mark on the disk"
        )
        server.kill()
        server = stack.enter_context(ServerProgram(tmp_path, "--class", "7b", port=port, env=env, **SHORT))
        teacher = stack.enter_context(Teacher(port))
        teacher.act("follow_class")
        wait_for_line(teacher)
        assert teacher.head["lesson"] == lesson and teacher.head["begin"], "it goes on"
        states(teacher, Ann_Lee="here", Ben_Lee="here", Cem_Lee="excused", Dora_Lee="missing")
        table = {row["name"]: row for row in json.loads(teacher.report(what="lesson"))["people"]}
        assert [table[name]["came"] for name in (ANN, BEN)] == ["on time"] * 2
        assert not table[ANN]["interruptions"], "the crash is nobody's"
        assert server.stop() == 0
        assert "2 of 27 came; 1 excused, 24 without an excuse." in server.text
        assert "Now: 24 missing, 2 here, 1 excused." in server.text, "a server that stops makes nobody lost"
    check_the_commands(tmp_path)


def check_the_commands(folder: Path) -> None:
    """What a command says of the lesson, until a name of it is forgotten."""
    shown = command(folder, "--attendance")
    assert "2 of 27 came; 1 excused, 24 without an excuse." in shown and "flu" in shown
    assert "2 of 27" in command(folder, "--attendance", "list")
    term = command(folder, "--attendance", "term", "--class", "7b")
    assert all(name in term for name in NAMES)
    assert CEM in command(folder, "--attendance", "term", "--name", CEM)
    assert "flu" in command(folder, "--about", CEM)
    assert "is whole" in command(folder, "--check-record")
    (folder / "7b.csv").unlink()
    command(folder, "--forget", CEM)
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} >= {".db", ".txt"}
    assert not [path for path in kept if CEM.encode() in path.read_bytes()]
    assert [path for path in kept if ANN.encode() in path.read_bytes()]


def test_a_server_without_a_class_writes_nothing_down(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, env=home(tmp_path)) as server:
        with RawClient(server.port) as client:
            client.register(ANN)
            assert client.until_type("welcome")["heartbeat_interval"] == 60
        server.wait_for_line(f'"{ANN}"')
        assert server.stop() == 0
    assert not [path for path in (tmp_path / "Rollcall").rglob("*") if path.suffix not in (".pem", ".json")]


def inhibitor(folder: Path) -> Tuple[Path, str]:
    """A ``systemd-inhibit`` that writes down how it was called and runs what is below it: the file, and a PATH."""
    helper, called = folder / "systemd-inhibit", folder / "called"
    helper.write_text(f'#!/bin/sh\necho "$$ $@" >> {called}\nexec cat\n')
    helper.chmod(0o755)
    called.touch()
    return called, f"{folder}{os.pathsep}{os.environ['PATH']}"


def helper_of(called: Path, number: int) -> int:
    """The process that was called so many times ago, which runs."""
    (line,) = wait_until(lambda: called.read_text().splitlines()[number - 1 : number], f"helper {number}")
    assert "--what=sleep:idle" in line
    pid = int(line.split()[0])
    assert is_alive(pid)
    return pid


def is_alive(pid: int) -> bool:
    """Whether that process runs; one that has ended and that nobody has asked about has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs systemd-inhibit, and /proc")
def test_without_a_record_the_table_is_on_the_terminal_and_awake_is_who_has_a_lesson(tmp_path: Path) -> None:
    (tmp_path / "7b.csv").write_text("Name\nAnn Lee\nBen Oak\n", encoding="utf-8")
    called, path = inhibitor(tmp_path)
    env = {**home(tmp_path), "PATH": path}
    with ServerProgram(tmp_path, "--class", str(tmp_path / "7b.csv"), env=env, record="never", **SHORT) as server:
        server.wait_for_line("^Class 7b: 2 names")
        assert "is written down" not in server.text
        with RawClient(server.port) as ann, Teacher(server.port) as teacher:
            ann.register("Ann Lee")
            assert ann.until_type("welcome") and not called.read_text()
            assert teacher.act("lesson", do="begin")["type"] == "done"
            awake = helper_of(called, 1)
            assert teacher.act("lesson", do="end")["type"] == "done"
            server.wait_for_line(r"^Class 7b: .*\d\d:\d\d–\d\d:\d\d$")
            server.wait_for_line("^Ann Lee +present")
            server.wait_for_line("^1 of 2 came; 0 excused, 1 without an excuse")
            wait_until(lambda: not is_alive(awake), "the helper to end with the lesson")
            assert teacher.act("lesson", do="begin")["type"] == "done"
            awake = helper_of(called, 2)
            before = len(server.stdout_lines)
            assert server.stop() == 0
        assert not is_alive(awake)
        last = server.stdout_lines[before:]
        assert any(line.startswith("Class 7b: ") and "since" in line for line in last), last
        assert any(line.startswith("Ann Lee ") for line in last), "the lesson that went on"
    kept = [path.name for path in (tmp_path / "Rollcall").rglob("*") if path.is_file()]
    assert not [name for name in kept if name.endswith((".db", ".csv", ".html"))], kept


MORNING = ("Ann Lee", "Ben Oak", "Cem Fox", "Dora Gray", "Eva Hill", "Finn Moss", "Gil Park", "Hal Reed", "Ida Snow")
MORNING_TIMES = {**SHORT, "lesson_interval": 1.0, "lesson_timeout": 5.0}
OF_9A = ("Neo Able", "Nia Best", "Nan Cole", "Ned Dunn")


class Laptop:
    """The real client in this process: it beats, and comes back by itself."""

    def __init__(self, port: int, name: str) -> None:
        self.client = Client(Address("127.0.0.1", port), name, queue.Queue())
        self.client.start()

    def __enter__(self) -> Laptop:
        return self

    def __exit__(self, *unused: object) -> None:
        self.client.stop()


def until_vanished(teacher: Teacher, count: int) -> None:
    """Wait until the teacher is told that so many went at once."""
    deadline = time.monotonic() + PATIENCE
    while teacher.head.get("vanished", {}).get("count") != count:
        assert time.monotonic() < deadline, teacher.head
        teacher.send({"type": "ping"})
        teacher.take(teacher.line())


class Morning:
    """7b and 9a on one morning, with a server, two clients and a helper as real processes."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.port = folder, stack, free_port()
        classes = folder / "Rollcall" / "classes"
        classes.mkdir(parents=True)
        for name, names in (("7b", MORNING), ("9a", OF_9A)):
            (classes / f"{name}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        self.called, path = inhibitor(folder)
        self.env = {**home(folder), "PATH": path}
        self.laptops: Dict[str, Laptop] = {}
        self.server, self.teacher = self.start()

    def start(self) -> Tuple[ServerProgram, Teacher]:
        server = ServerProgram(self.folder, "--class", "7b", port=self.port, env=self.env, **MORNING_TIMES)
        self.stack.enter_context(server)
        self.server, self.teacher = server, self.stack.enter_context(Teacher(self.port))
        assert self.teacher.act("follow_class")["type"] == "done"
        return server, self.teacher

    def program(self, name: str) -> Program:
        """A client as a process of its own."""
        command = (ROOT / "client.py", f"127.0.0.1:{self.port}", "--json", "--name", name)
        return self.stack.enter_context(Program(*command, env=self.env))

    def open(self, *names: str) -> None:
        for name in names:
            self.laptops[name] = self.stack.enter_context(Laptop(self.port, name))

    def close(self, *names: str) -> None:
        for name in names:
            self.laptops.pop(name).client.stop()

    def act(self, act: str, **fields: Any) -> None:
        answer = self.teacher.act(act, **fields)
        assert answer["type"] == "done", answer

    def when(self, true: Callable[[], Any], what: str) -> None:
        """Wait until it is so; meanwhile the teacher beats."""

        def look() -> Any:
            self.teacher.send({"type": "ping"})
            return true()

        wait_until(look, what)

    def helper(self, number: int) -> int:
        """The process that keeps the computer awake, called for the so many-th time."""
        self.when(lambda: self.called.read_text().count("\n") >= number, f"helper {number}")
        return helper_of(self.called, number)

    def see(self, **states_by_name: str) -> None:
        states(self.teacher, **states_by_name)


def lesson_of_7b(day: Morning) -> None:
    """Four come in time and Finn, who types "finn"; Cem is late, Dora excused, Eva has no computer, Ida never comes."""
    day.act("mark", names=["Dora Gray"], kind="excused", note="=dentist")
    ann = day.program("Ann Lee")
    ben = day.program("Ben Oak")
    day.open("Gil Park", "Hal Reed", "finn", "Visitor")
    day.see(Ann_Lee="here", Ben_Oak="here", Gil_Park="here", Hal_Reed="here", finn="here", Visitor="here")
    day.act("lesson", do="begin")
    awake = day.helper(1)
    day.open("Cem Fox")
    day.act("mark", names=["Eva Hill"], kind="here")
    day.act("identify", do="accept")
    day.see(Cem_Fox="here", Eva_Hill="here", Dora_Gray="excused", Finn_Moss="here", Ida_Snow="missing")
    lesson = day.teacher.head["lesson"]
    most = ("Cem Fox", "finn", "Gil Park", "Hal Reed")
    day.close(*most)  # a drill
    until_vanished(day.teacher, 4)
    day.open(*most)
    day.see(Cem_Fox="here", Finn_Moss="here", Gil_Park="here", Hal_Reed="here")
    came = time.time()
    day.when(lambda: load(day.folder / "Rollcall").alive > came, "a sign of life in the record")
    day.server.kill()
    wait_until(lambda: not is_alive(awake), "the helper to end with the server")
    day.start()
    day.see(Ann_Lee="here", Ben_Oak="here", Cem_Fox="here", Gil_Park="here", Hal_Reed="here", Finn_Moss="here")
    assert day.teacher.head["lesson"] == lesson, "it goes on"
    day.helper(2)
    os.kill(day.server.pid, signal.SIGSTOP)  # its computer sleeps
    asleep = time.monotonic()
    day.when(lambda: time.monotonic() > asleep + 2.0, "longer than a heartbeat")
    os.kill(day.server.pid, signal.SIGCONT)

    day.when(lambda: "asleep" in {one.why for one in load(day.folder / "Rollcall").pauses}, "the pause in the record")
    day.see(Ann_Lee="here", Ben_Oak="here", Cem_Fox="here", Gil_Park="here", Hal_Reed="here", Finn_Moss="here")
    ben.send_signal(signal.SIGKILL)  # it crashes, and is started again
    day.see(Ben_Oak="lost", Ann_Lee="here")
    ben = day.program("Ben Oak")
    day.see(Ben_Oak="here")
    day.close("Hal Reed")
    day.see(Hal_Reed="left")
    day.act("mark", names=["Hal Reed"], kind="left")
    day.act("lesson", do="end")
    for program in (ann, ben):
        program.send_signal(signal.SIGTERM)


def lesson_of_9a(day: Morning) -> None:
    """Gil's laptop of 7b is left on; Ned never comes."""
    day.close("Cem Fox", "finn", "Visitor")
    day.open(*OF_9A[:3])
    until_head(day.teacher, comes="9a")
    day.act("lesson", do="begin", classes=["9a"])
    day.see(Neo_Able="here", Nia_Best="here", Nan_Cole="here", Ned_Dunn="missing", Gil_Park="here")
    assert {row["name"]: row["class_name"] for row in day.teacher.rows.values()}["Gil Park"] == "guest"
    day.act("lesson", do="end")


BY_HAND = {
    "Ann Lee": ("present", "on time", "stayed", 0),
    "Ben Oak": ("present", "on time", "stayed", 1),
    "Cem Fox": ("late", "late", "stayed", 0),
    "Dora Gray": ("excused", "never", "", 0),
    "Eva Hill": ("present", "on time", "stayed", 0),
    "Finn Moss": ("present", "on time", "stayed", 0),
    "Gil Park": ("present", "on time", "stayed", 0),
    "Hal Reed": ("present", "on time", "left early", 0),
    "Ida Snow": ("unexcused", "never", "", 0),
}
LETTERS = ("✓", "✓", "L0", "E", "✓", "✓", "✓", "✓<", "A")


@posix
def test_a_school_morning_with_real_processes_is_what_a_person_would_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        day = Morning(tmp_path, stack)
        lesson_of_7b(day)
        lesson_of_9a(day)
        assert day.server.stop() == 0
        assert any(line.startswith("Ned Dunn ") for line in day.server.stdout_lines), "the table of the last lesson"
    monkeypatch.setattr(attendance, "data_folder", lambda: tmp_path / "Rollcall")
    out = {form: tmp_path / f"7b.{form}" for form in ("csv", "html", "json")}
    written = [word for form, file in out.items() for word in (f"--{form}", str(file))]
    assert attendance.main(["--attendance", "--class", "7b", *written]) == 0
    found = json.loads(out["json"].read_text(encoding="utf-8"))
    assert {
        one["name"]: (one["counts_as"], one["came"], one["went"], len(one["interruptions"])) for one in found["people"]
    } == BY_HAND
    assert sorted(one["why"] for one in found["pauses"]) == ["asleep", "down"]
    assert [(one["name"], one["perhaps"]) for one in found["guests"]] == [("Visitor", "")]
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(out["csv"].read_text(encoding="utf-8-sig")))}
    assert {name: rows[name]["counts_as"] for name in BY_HAND} == {name: row[0] for name, row in BY_HAND.items()}
    for one in found["people"]:
        row = rows[one["name"]]
        seen = ((row["first_time"], one["first"]), (row["last_time"], one["last"]), (row["went_time"], one["went_at"]))
        assert all(text == (at or "T")[11:19] for text, at in seen), (row, one)
        same = ("present", "present_seconds"), ("late_seconds", "late_seconds"), ("came", "came"), ("went", "went")
        assert all(str(one[key]) == row[column] for key, column in same), (row, one)
    assert rows["Dora Gray"]["note"] == "'=dentist"
    page = out["html"].read_text(encoding="utf-8")
    capsys.readouterr()
    assert attendance.main(["--attendance", "--class", "7b"]) == 0
    shown = capsys.readouterr().out
    summary = "7 of 9 came, 1 of them late, 1 left early; 1 excused, 1 without an excuse."
    for text in (page, shown):
        assert summary in text and text.count("Nobody was counted from") == 2
        for one in found["people"]:
            (line,) = (
                line for line in text.splitlines() if line.startswith((f"{one['name']} ", f"<tr><td>{one['name']}<"))
            )
            assert one["counts_as"] in line and (one["first"] or "T")[11:19] in line
    stem = f"{found['lesson']['begin'][:10]} {found['lesson']['begin'][11:19].replace(':', '')} 7b"
    kept = (
        tmp_path / "Rollcall" / "attendance" / f"{stem.replace(stem[15:17], '') if stem[15:17] == '00' else stem}.csv"
    )
    assert kept.read_bytes() == out["csv"].read_bytes(), "what lies there is what is asked for later"
    term = tmp_path / "term.csv"
    assert attendance.main(["--attendance", "term", "--class", "7b", "--csv", str(term)]) == 0
    cells = [row[-1] for row in csv.reader(io.StringIO(term.read_text(encoding="utf-8-sig")))][1:-1]
    assert sorted(cells) == sorted(LETTERS)
