"""The folder in which lessons are kept is in trouble: the server goes on, says so in one line, and tries again."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from rollcall.server import record as record_module
from rollcall.server import record_file
from rollcall.server.facts import DOWN
from rollcall.server.lesson_start import begin
from rollcall.server.record_file import APPLICATION, NAME, damaged_files
from tests.helpers import PATIENCE, RawClient, wait_until
from tests.server.test_classroom import Teacher, lesson_server, wait_for_line, write_class

LASTING: Dict[str, Any] = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for name, seconds in (("GATHER", 0.0), ("RETRY", 0.05), ("RETRY_MOST", 0.1), ("BEAT", 0.1)):
        monkeypatch.setattr(record_module, name, seconds)
    monkeypatch.setattr(record_file, "BUSY", 0.05)
    caplog.set_level(logging.INFO)


def told(caplog: pytest.LogCaptureFixture) -> List[str]:
    """What the log says of the record and of classes."""
    return [one.getMessage() for one in caplog.records if one.name in ("rollcall.record", "rollcall.classroom")]


def tables(data: Path) -> List[str]:
    folder = data / "attendance"
    return sorted(path.suffix for path in folder.iterdir()) if folder.is_dir() else []


def a_lesson(teacher: Teacher, *more: str) -> None:
    for do in ("begin", *more, "end"):
        assert teacher.act("lesson", do=do)["type"] == "done"


def earlier_run(data: Path) -> None:
    """A server that was stopped in the middle of a lesson, to which Ben was excused."""
    with lesson_server(data, "7b", **LASTING) as (_, port), Teacher(port) as teacher:
        assert teacher.act("lesson", do="begin")["type"] == "done"
        assert teacher.act("mark", names=["Ben Oak"], kind="excused")["type"] == "done"


def test_a_newer_record_is_left_alone_and_the_tables_are_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_class(tmp_path)
    with contextlib.closing(sqlite3.connect(str(tmp_path / NAME))) as other:
        other.executescript(f"CREATE TABLE t (a); PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 99")
    before = (tmp_path / NAME).read_bytes()
    with lesson_server(tmp_path, "7b", **LASTING) as (server, port), Teacher(port) as teacher:
        a_lesson(teacher)
        wait_until(lambda: len(tables(tmp_path)) == 2, "the table")
        assert not [line for line in begin(server.room, ["7b"]) if "written down" in line]
    (line,) = told(caplog)
    assert line.startswith("there is no record: ") and "newer Rollcall" in line
    assert (tmp_path / NAME).read_bytes() == before


def test_a_record_that_is_locked_at_the_start_is_gone_on_with_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_class(tmp_path)
    earlier_run(tmp_path)
    other = sqlite3.connect(str(tmp_path / NAME), isolation_level=None)
    other.executescript("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE held (a); DROP TABLE held")
    with contextlib.closing(other), lesson_server(tmp_path, "7b", **LASTING) as (_, port):
        with Teacher(port) as teacher, RawClient(port) as ann:
            teacher.act("follow_class")
            wait_for_line(teacher)
            assert not teacher.head.get("begin"), "nobody knows of the lesson"
            ann.register("Ann Lee")
            assert teacher.act("mark", names=["Cem Yılmaz"], kind="excused")["type"] == "done"
            wait_until(lambda: told(caplog), "the line")
            other.close()
            teacher.until_states(ann="here", ben="excused", cem="excused", dora="missing")
            assert teacher.head["begin"]
            assert teacher.act("lesson", do="end")["type"] == "done"
            wait_until(lambda: len(tables(tmp_path)) == 2, "the table")
            (lesson,) = [one for one in json.loads(teacher.report(what="lessons"))["lessons"] if not one["discarded"]]
            found = json.loads(teacher.report(what="lesson", lesson=lesson["id"]))
            assert [pause["why"] for pause in found["pauses"]] == [DOWN]
            assert {one["name"]: one["counts_as"] for one in found["people"]}["Ann Lee"] == "late"
    first, last = told(caplog)
    assert f"{NAME} cannot be written: another program keeps it locked; close what has it open; the server" in first
    assert last.startswith("the record is written again: ")


def test_half_a_record_costs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_class(tmp_path)
    earlier_run(tmp_path)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[: len(whole) // 2])
    with lesson_server(tmp_path, "7b", **LASTING) as (_, port), Teacher(port) as teacher:
        a_lesson(teacher)
        wait_until(lambda: len(tables(tmp_path)) == 2, "the table")
        wait_until(lambda: json.loads(teacher.report(what="lessons"))["lessons"], "the new record")
    (line,) = told(caplog)
    assert (
        "was damaged: it was put aside as" in line
        and damaged_files(tmp_path)[0].read_bytes() == whole[: len(whole) // 2]
    )


def test_a_file_in_the_place_of_a_folder_is_said_once_and_what_was_to_be_in_it_comes_when_it_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_class(tmp_path)
    wrong = tmp_path / "attendance"
    wrong.write_text("no folder")
    with lesson_server(tmp_path, "7b", **LASTING) as (_, port), Teacher(port) as teacher:
        a_lesson(teacher)
        a_lesson(teacher, "pause", "go on")
        wait_until(lambda: any("attendance cannot be written" in line for line in told(caplog)), "the line")
        wrong.unlink()
        wait_until(lambda: len(tables(tmp_path)) in (2, 4), "the tables, though nothing happens any more")
        wait_until(lambda: any("this is over" in line for line in told(caplog)), "the end of it")
    assert len(told(caplog)) == 2, told(caplog)


def test_a_file_in_the_place_of_the_classes_says_so_to_who_imports(tmp_path: Path) -> None:
    (tmp_path / "classes").write_text("no folder")
    given = {"part": 1, "parts": 1, "text": "Mia Moon\n", "write": True}
    with lesson_server(tmp_path, record="always") as (_, port), Teacher(port) as teacher:
        answer = teacher.act("import_class", class_name="9a", **given)
        assert answer["type"] == "denied" and "cannot be written" in answer["message"]
        (tmp_path / "classes").unlink()
        assert teacher.act("import_class", class_name="9a", **given)["type"] == "done"
        assert teacher.act("set_class", classes=["9a"])["type"] == "done"


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Something is mounted there; the test is skipped where this user may not do that."""
    folder.mkdir(exist_ok=True)
    if not sys.platform.startswith("linux") or os.geteuid() or run("mount", *options, str(folder)):
        pytest.skip("this user may not mount a disk")
    try:
        yield
    finally:
        assert not run("umount", "-l", str(folder))


def run(*command: str) -> int:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=PATIENCE).returncode
    except OSError:
        return 1


BIG = {"part": 1, "parts": 1, "text": "".join(f"Name Number{n}\n" for n in range(60)), "write": True}


def test_a_full_disk_costs_nothing_that_there_is_room_for_afterwards(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    with mounted(data, "-t", "tmpfs", "-o", "size=400k", "tmpfs"):
        write_class(data)
        old = (data / "classes" / "7b.txt").read_bytes()
        with lesson_server(data, "7b", **LASTING) as (_, port), Teacher(port) as teacher, RawClient(port) as ann:
            ann.register("Ann Lee")
            wait_until(lambda: b"Ann Lee" in (data / f"{NAME}-wal").read_bytes(), "the record")
            with contextlib.suppress(OSError), open(data / "filler", "wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 512)
            a_lesson(teacher)
            answer = teacher.act("import_class", class_name="7b", **BIG)
            assert answer["type"] == "denied" and "7b.txt cannot be written: No space left" in answer["message"]
            assert (data / "classes" / "7b.txt").read_bytes() == old
            wait_until(lambda: len(told(caplog)) == 2, "both lines")
            (data / "filler").unlink()
            wait_until(lambda: len(told(caplog)) == 4 and len(tables(data)) == 2, "the end of it")
            wait_until(lambda: json.loads(teacher.report(what="lessons"))["lessons"][0]["end"], "the lesson")
            (lesson,) = json.loads(teacher.report(what="lessons"))["lessons"]
            assert (lesson["came"], lesson["listed"]) == (1, 4)
            ann.send({"type": "ping"})
            assert ann.until_type("pong")
    lines = sorted(told(caplog))
    assert [line.rpartition("/")[2] for line in lines if "tries again" in line] == [
        f"{written} cannot be written: {why}; the server goes on, and tries again"
        for written, why in ((lines[0].rpartition("/")[2].partition(" cannot")[0], "No space left on device"),
                             (NAME, "the disk is full"))
    ]  # fmt: skip


def test_a_folder_that_may_not_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = tmp_path / "data"
    write_class(data)
    earlier_run(data)
    with contextlib.ExitStack() as stack:
        with mounted(data, "--bind", str(data)):
            assert not run("mount", "-o", "remount,ro,bind", str(data))
            _, port = stack.enter_context(lesson_server(data, "7b", **LASTING))
            teacher = stack.enter_context(Teacher(port))
            teacher.act("follow_class")
            teacher.until_states(ben="excused", ann="missing")  # it can be read, and so the lesson goes on
            assert teacher.act("lesson", do="end")["type"] == "done"
            answer = teacher.act("import_class", class_name="7b", **BIG)
            assert answer["type"] == "denied" and "cannot be written: Read-only file system" in answer["message"]
            wait_until(lambda: len(told(caplog)) == 2, "both lines")
        wait_until(lambda: len(told(caplog)) == 4 and len(tables(data)) == 2, "the end of it")
        wait_until(lambda: json.loads(teacher.report(what="lessons"))["lessons"][0]["end"], "the lesson")
    assert sum("tries again" in line and "ead-only" in line for line in told(caplog)) == 2, told(caplog)
