"""record.py: nobody waits for it, nothing that was committed is lost, and trouble is told once."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Iterator, List, Optional

import pytest

from rollcall.server import record as record_module
from rollcall.server import record_file
from rollcall.server.facts import Identification, Lesson, Mark, Pause, Person, Stay
from rollcall.server.journal import Journal
from rollcall.server.record import Record
from rollcall.server.record_file import LOCK, NAME, WritableRecord, damaged_files, reading
from rollcall.server.record_tables import TABLES, VERSION, row_of
from tests.helpers import PATIENCE, ROOT, wait_until


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test need not wait for facts to gather."""
    monkeypatch.setattr(record_module, "GATHER", 0.0)
    monkeypatch.setattr(record_module, "RETRY", 0.02)
    monkeypatch.setattr(record_module, "BEAT", 0.05)
    monkeypatch.setattr(record_file, "BUSY", 0.05)


@pytest.fixture
def journal(caplog: pytest.LogCaptureFixture) -> Iterator[Journal]:
    caplog.set_level(logging.INFO)
    journal = Journal()
    journal.start()
    yield journal
    journal.stop()


def stay(
    key: str, begin: float = 100.0, end: Optional[float] = None, name: str = "Mia Lee", device: str = "d1"
) -> Stay:
    return Stay(key, 1, name, begin, end or begin, end, "left" if end else "", device)


def record_in(folder: Path, journal: Journal, **more: Any) -> Record:
    """A record that has begun, a thousand seconds after the beginning of time."""
    record = Record(folder, journal, **{"wall_clock": lambda: 1000.0, **more})
    record.start()
    return record


def rows(folder: Path, query: str = "SELECT id FROM stays ORDER BY id") -> List[Any]:
    with reading(folder) as connection:
        return [] if connection is None else [row if len(row) > 1 else row[0] for row in connection.execute(query)]


def test_facts_are_there_and_the_last_one_counts(tmp_path: Path, journal: Journal) -> None:
    record = record_in(tmp_path / "data", journal)
    record.put(*(stay(f"s{number:03}") for number in range(100)))
    wait_until(lambda: len(rows(record.folder)) == 100, "the first rows")
    record.put(stay("s007", 100.0, 160.5))
    record.put(stay("s008", 100.0, 170.5))
    assert record.stop()
    assert rows(record.folder, "SELECT id, ended FROM stays WHERE how = 'left'") == [("s007", 160.5), ("s008", 170.5)]
    assert rows(record.folder, "SELECT count(*) FROM runs WHERE ended IS NOT NULL") == [1]
    kept = {file.name for file in record.folder.iterdir()} - {f"{NAME}-shm", f"{NAME}-wal"}
    assert kept == {NAME, LOCK}
    database = WritableRecord(record.folder)
    pragmas = ("journal_mode", "synchronous", "secure_delete", "temp_store")
    with database.transaction() as connection:
        assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas] == ["wal", 2, 1, 2]
    database.close()
    assert oct((record.folder / NAME).stat().st_mode)[-3:] == "600" or os.name == "nt"


def test_a_begin_that_is_handed_on_after_the_end_undoes_nothing(tmp_path: Path, journal: Journal) -> None:
    """Two threads take what is new from the book in order, and may hand it on the other way round."""
    record = record_in(tmp_path, journal)
    record.put(stay("s1", 100.0, 160.0), stay("s1", 100.0), stay("s2", 100.0), stay("s3", 100.0, 150.0))
    wait_until(lambda: len(rows(tmp_path)) == 3, "the rows")
    record.put(stay("s3", 100.0))
    assert record.stop()
    ends = rows(tmp_path, "SELECT id, ended, how FROM stays ORDER BY id")
    assert ends == [("s1", 160.0, "left"), ("s2", 1000.0, "stopped"), ("s3", 150.0, "left")]


def test_each_value_of_a_stay_stands_in_its_own_column() -> None:
    found = Stay("id", 7, "Mia", 1.0, 2.0, 3.0, "left", "dev", "teacher")
    row = row_of(found, 99, 5.0)
    columns = dict(zip(TABLES[row.table], row.values))
    assert len(row.values) == len(TABLES["stays"]) and row.key == ("stays", "id")
    assert columns == {
        "id": "id", "run": 99, "member": 7, "name": "Mia", "role": "teacher", "device": "dev", "began": 1.0,
        "seen": 2.0, "ended": 3.0, "how": "left",
    }  # fmt: skip


def test_nobody_waits_and_what_is_too_much_is_counted(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "MOST_WAITING", 50)
    hangs, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        assert go_on.wait(PATIENCE)

    record = record_in(tmp_path, journal)
    record.do(hang)  # as a disk does
    assert hangs.wait(PATIENCE)
    for number in range(60):
        record.put(stay(f"s{number:02}"))
    go_on.set()
    assert record.stop()
    assert len(rows(tmp_path)) == 50
    wait_until(lambda: "10 facts lost: the disk does not take them" in caplog.messages, "the line")


def test_what_is_kept_while_nothing_can_be_written_has_a_bound(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_module, "MOST_KEPT", 10)
    (tmp_path / "file").write_text("no folder")
    record = record_in(tmp_path / "file", journal)
    record.put(*(stay(f"s{number % 20}") for number in range(100)))
    assert record.stop()
    journal.stop()
    assert "55 facts lost: the disk does not take them" in caplog.messages, "those of nine stays and the run are kept"
    assert any(text.startswith("10 rows could not be written and are lost: ") for text in caplog.messages)


def test_what_cannot_be_written_is_kept_and_tried_again_and_said_once(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_in(tmp_path, journal)
    record.put(stay("before"))
    wait_until(lambda: rows(tmp_path) == ["before"], "the first row")
    other = sqlite3.connect(str(tmp_path / NAME), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    record.put(stay("during"))
    wait_until(lambda: "keeps it locked" in record.trouble, "trouble")
    record.put(stay("during too"))
    wait_until(lambda: record._retry > 0.1, "more tries")
    other.close()
    wait_until(lambda: rows(tmp_path) == ["before", "during", "during too"], "the rows")
    wait_until(lambda: not record.trouble, "the end of the trouble")
    assert record.stop()
    journal.stop()
    told = [text for text in caplog.messages if "cannot be written" in text or "written again" in text]
    assert told == [
        f"{tmp_path / NAME} cannot be written: another program keeps it locked; close what has it open; "
        "the server goes on, and tries again",
        "the record is written again: 2 rows",
    ]


def test_a_full_disk_is_told_and_costs_nothing_that_was_committed(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_in(tmp_path, journal)
    record.put(stay("before"))
    wait_until(lambda: rows(tmp_path) == ["before"], "the first row")
    pragmas = record_file._PRAGMAS
    monkeypatch.setattr(record_file, "_PRAGMAS", (*pragmas, "PRAGMA max_page_count = 16"))
    record.do(record._close)  # it is opened again, with room for so many pages
    record.put(*(stay(f"s{number:03}", name="x" * 400) for number in range(300)))
    wait_until(lambda: "the disk is full" in record.trouble, "trouble")
    assert rows(tmp_path) == ["before"]
    monkeypatch.setattr(record_file, "_PRAGMAS", pragmas)
    wait_until(lambda: len(rows(tmp_path)) == 301, "all rows")
    assert record.stop()


def test_the_end_says_what_is_lost(tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    record = record_in(tmp_path / "file", journal)
    record.put(stay("s"))
    assert record.stop()
    journal.stop()
    assert any(text.startswith("2 rows could not be written and are lost: ") for text in caplog.messages)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="whom nothing is forbidden")
def test_a_folder_that_may_not_be_written(tmp_path: Path, journal: Journal) -> None:
    record = record_in(tmp_path, journal)
    record.put(stay("s"))
    assert record.stop()
    (tmp_path / NAME).chmod(0o400)
    tmp_path.chmod(0o500)
    try:
        assert rows(tmp_path) == ["s"], "reading goes on"
        again = record_in(tmp_path, journal)
        again.put(stay("t"))
        wait_until(lambda: again.trouble, "trouble")
        assert again.stop() and rows(tmp_path) == ["s"]
    finally:
        tmp_path.chmod(0o700)


def test_half_a_database_is_put_aside_and_a_new_one_begins(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_in(tmp_path, journal)
    record.put(*(stay(f"s{number:04}") for number in range(2000)))
    assert record.stop()
    whole = (tmp_path / NAME).read_bytes()
    for broken in (whole[: len(whole) // 2], b"this is no database\n" * 500, whole[:-4096]):
        (tmp_path / NAME).write_bytes(broken)
        again = record_in(tmp_path, journal, wall_clock=lambda: 1_764_000_000.0)
        again.put(stay("new"))
        assert again.stop()
        assert rows(tmp_path) == ["new"]
        (aside,) = (file for file in damaged_files(tmp_path) if not file.name.endswith(("-wal", "-shm")))
        assert aside.read_bytes() == broken
        aside.unlink()
    journal.stop()
    assert any("the record was damaged: it was put aside as " in text for text in caplog.messages)


def test_the_database_of_a_newer_version_or_of_somebody_else_is_left_alone(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for pragmas, said in (
        (
            [f"application_id = {record_file.APPLICATION}", "user_version = 99"],
            "was written by a newer Rollcall (version 99 of the rec",
        ),
        (["user_version = 3"], "is the database of another program; it is left alone"),
    ):
        file = tmp_path / NAME
        file.unlink(missing_ok=True)
        with sqlite3.connect(str(file)) as other:
            other.execute("CREATE TABLE t (a)")
            for pragma in pragmas:
                other.execute(f"PRAGMA {pragma}")
        other.close()
        before = file.read_bytes()
        record = record_in(tmp_path, journal)
        record.put(stay("s"))
        assert record.stop() and said in record.trouble
        assert file.read_bytes() == before and not damaged_files(tmp_path)
        wait_until(lambda words=said: any(words in text for text in caplog.messages), "the line")  # type: ignore[misc]


class Interrupted:
    """A connection before whose third question somebody else makes the database."""

    def __init__(self, reader: sqlite3.Connection, writer: sqlite3.Connection) -> None:
        self._reader, self._writer = reader, writer
        self.rollback = reader.rollback

    def execute(self, statement: str) -> sqlite3.Cursor:
        if "sqlite_master" in statement:
            record_file._make(self._writer)
        return self._reader.execute(statement)


def test_a_database_that_is_being_made_meanwhile_is_not_another_programs(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with contextlib.closing(sqlite3.connect(str(path), isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL").close()
        with contextlib.closing(sqlite3.connect(str(path))) as reader:
            assert record_file._version(Interrupted(reader, writer), path) == 0  # type: ignore[arg-type]
            assert record_file._version(reader, path) == VERSION


def test_two_servers_do_not_write_into_one_record(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = record_in(tmp_path, journal), Record(tmp_path, journal, wall_clock=lambda: 2000.0)
    first.put(stay("first"))
    wait_until(lambda: rows(tmp_path) == ["first"], "the first row")
    second.start()
    second.put(stay("second"))
    wait_until(lambda: "another Rollcall on this computer keeps it" in second.trouble, "trouble")
    assert first.stop()
    wait_until(lambda: rows(tmp_path) == ["first", "second"], "the other's turn")
    assert second.stop()


def test_a_row_that_we_made_wrong_does_not_keep_the_others_out(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_in(tmp_path, journal)
    record.put(stay("a"), stay("b", name="\ud800"), stay("c", begin=object()), stay("d"))  # type: ignore[arg-type]
    record.put(Pause("p", 2**70, None, "asleep"), "no fact")  # type: ignore[arg-type]
    assert record.stop()
    journal.stop()
    assert rows(tmp_path) == ["a", "d"]
    assert sum("does not take was left out" in text for text in caplog.messages) == 3
    assert sum("a fact could not be recorded" in text for text in caplog.messages) == 1


def test_what_is_to_be_done_in_its_thread_is_done_and_may_fail(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    record = record_in(tmp_path, journal)
    done: List[str] = []
    record.do(lambda: done.append(threading.current_thread().name))
    record.do((tmp_path / "missing").unlink)
    record.do(lambda: done.append(str(1 // 0)))
    record.put(stay("s"))
    assert record.stop()
    journal.stop()
    assert done == ["record"] and rows(tmp_path) == ["s"]
    assert any("missing cannot be written: " in text for text in caplog.messages)
    assert any("ZeroDivisionError" in text for text in caplog.messages)


_DIES = """
import sys, time
from pathlib import Path
from rollcall.server import record as module
from rollcall.server.facts import Identification, Lesson, Mark, Pause, Person, Stay
from rollcall.server.journal import Journal
from rollcall.server.record import Record
module.GATHER, module.BEAT = 0.01, 0.1
record = Record(Path(sys.argv[1]), Journal())
record.start()
began = time.time()
record.put(Stay("open", 1, "Mia Lee", began, began))
record.put(Stay("ended", 2, "Ben Okafor", began, began + 0.1, began + 0.1, "left"))
print(began, flush=True)
time.sleep(60)
"""


def test_after_sigkill_all_is_there_and_what_was_open_ends_with_the_last_sign_of_life(
    tmp_path: Path, journal: Journal
) -> None:
    command = [sys.executable, "-c", _DIES, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as child:
        try:
            assert child.stdout is not None
            began = float(child.stdout.readline())
            alive = "SELECT alive FROM runs"
            wait_until(lambda: (rows(tmp_path, alive) or [0])[0] > began + 0.2, "signs of life")
        finally:
            killed = time.time()
            child.kill()
    (last,) = rows(tmp_path, alive)
    assert rows(tmp_path, "SELECT id, ended FROM stays ORDER BY id") == [("ended", began + 0.1), ("open", None)]
    record = record_in(tmp_path, journal)
    wait_until(lambda: rows(tmp_path, "SELECT ended FROM stays WHERE id = 'open'") == [last], "the end of the stay")
    assert killed - 1 < last <= killed, "at most the time between two signs of life before the end"
    assert rows(tmp_path, "SELECT how FROM stays WHERE id = 'open'") == ["crashed"]
    assert record.stop()
    assert rows(tmp_path, "SELECT count(*) FROM runs WHERE ended IS NULL") == [0]


def lesson(key: str, begin: float, end: Optional[float] = None) -> Lesson:
    return Lesson(key, ("7b",), (Person("Mia Lee", "", "7b"),), begin, end)


def in_files(folder: Path, *words: str) -> List[str]:
    """Files in which one of the words stands."""
    return [
        file.name
        for file in folder.rglob("*")
        if file.is_file() and any(w.encode() in file.read_bytes() for w in words)
    ]


def test_devices_are_known_until_the_lesson_ends(tmp_path: Path, journal: Journal) -> None:
    record = record_in(tmp_path, journal)
    record.put(lesson("l", 100.0), stay("s", 100.0, 150.0, device="device-secret"), stay("open", device="other-secret"))
    devices = "SELECT device FROM stays ORDER BY id"
    wait_until(lambda: rows(tmp_path, devices) == ["other-secret", "device-secret"], "the rows")
    record.put(lesson("l", 100.0, 200.0))
    wait_until(lambda: rows(tmp_path, devices) == ["", ""], "the end of the lesson")
    record.put(stay("open", 100.0, 250.0, device="other-secret"), stay("t", 260.0, device="third-secret"))
    wait_until(lambda: rows(tmp_path, devices) == ["", "", ""], "somebody who came in no lesson")
    assert record.stop()
    assert not in_files(tmp_path, "device-secret", "other-secret", "third-secret")


def test_what_is_too_old_goes_from_the_bytes_too(tmp_path: Path, journal: Journal) -> None:
    cleaned: List[float] = []
    old, new, day = 1_700_000_000.0, 1_764_000_000.0, 86400.0
    first = record_in(tmp_path, journal, wall_clock=lambda: old)
    first.put(lesson("old", old, old + 3600), stay("old", old, old + 60, name="Oldest Pupil"), lesson("on", old))
    first.put(
        Mark("m", "old", "Oldest Pupil", "late", old), Identification("i", "is", "Oldest Pupil", old, "7b", "oldie")
    )
    first.put(Lesson("never", ("7b",), (Person("Oldest Pupil"),)), Pause("p", old, old + 1, "asleep"))
    first.put(stay("late", new - 179 * day, new - 179 * day + 60, name="Kept Pupil"))
    assert first.stop() and in_files(tmp_path, "Oldest Pupil")
    second = record_in(tmp_path, journal, days=180, clean=cleaned.append, wall_clock=lambda: new)
    wait_until(lambda: cleaned, "the cleaning")
    assert second.stop()
    assert rows(tmp_path) == ["late"] and rows(tmp_path, "SELECT count(*) FROM marks") == [0]
    assert rows(tmp_path, "SELECT id FROM lessons") == [] and rows(tmp_path, "SELECT id FROM pauses") == []
    assert cleaned == [new - 180 * day]
    assert not in_files(tmp_path, "Oldest Pupil", "oldie") and in_files(tmp_path, "Kept Pupil") == [NAME]
