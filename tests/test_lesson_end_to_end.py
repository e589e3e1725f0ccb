"""A lesson with the real programs as real processes: from the list to what is left of a name that must be forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest

from tests.closed_room import TEACH
from tests.helpers import PATIENCE, ROOT, Program, RawClient, ServerProgram, free_port, wait_until
from tests.server.test_classroom import Teacher, wait_for_line

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
