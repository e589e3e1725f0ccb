"""registrar.py: the tables of lessons that are over are on the disk, and stay right."""

from __future__ import annotations

import errno
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest

from rollcall.program import files
from rollcall.server import record as record_module
from rollcall.server.attendance_files import FOLDER, expire, ours, stem
from rollcall.server.facts import Identification, Lesson, LessonTable, Mark, Pause, Person, Stay
from rollcall.server.journal import Journal
from rollcall.server.record import Record
from rollcall.server.record_reading import load
from rollcall.server.registrar import Registrar, table_lines
from rollcall.server.verdicts import lesson_table
from tests.helpers import held_open, wait_until
from tests.server.school import School
from tests.server.test_reports import DAY

LESSON = Lesson("l1", ("7b",), (Person("Mia Lee", "", "7b"),), DAY, DAY + 5400)


class Known:
    """A book: the newest value of each id, and tables computed of them."""

    def __init__(self) -> None:
        self.facts: Dict[str, object] = {}

    def of(self, kind: type) -> List[object]:
        return [fact for fact in self.facts.values() if isinstance(fact, kind)]

    @property
    def lessons(self) -> Tuple[Lesson, ...]:
        return tuple(fact for fact in self.facts.values() if isinstance(fact, Lesson) and fact.begin is not None)

    def table(self, lesson_id: str = "") -> Optional[LessonTable]:
        lesson = self.facts.get(lesson_id)
        if not isinstance(lesson, Lesson):
            return None
        kinds: Any = (self.of(Stay), self.of(Pause), self.of(Mark), self.of(Identification))
        return lesson_table(lesson, kinds[0], kinds[1], kinds[2], kinds[3], DAY + 9000)


@pytest.fixture
def book() -> Known:
    return Known()


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    monkeypatch.setattr(record_module, "GATHER", 0.0)
    journal = Journal()
    record = Record(tmp_path, journal, wall_clock=lambda: DAY)
    yield record
    assert record.stop() and journal.stop()


def told(record: Record, registrar: Registrar, book: Known, *facts: object) -> None:
    """These happen, and the record's thread has done what follows."""
    for fact in facts:
        book.facts[fact.id] = fact  # type: ignore[attr-defined]
    registrar.hand_on(facts)  # type: ignore[arg-type]
    if record._thread.ident is None:
        record.start()
    done = threading.Event()
    record.do(done.set)
    assert done.wait(30)


def names(folder: Path) -> List[str]:
    return [file.name for file in ours(folder)]


def text(folder: Path, lesson: Lesson) -> str:
    return (folder / FOLDER / f"{stem(lesson)}.csv").read_text("utf-8-sig")


def test_at_the_end_of_a_lesson_its_table_is_written(tmp_path: Path, record: Record, book: Known) -> None:
    registrar = Registrar(record, book)
    told(record, registrar, book, replace(LESSON, end=None), Stay("s", 1, "mia lee", DAY + 10, DAY + 10))
    assert names(tmp_path) == []
    told(record, registrar, book, LESSON)
    assert names(tmp_path) == ["2026-11-25 0800 7b.csv", "2026-11-25 0800 7b.html"]
    assert ",Mia Lee,on the list,present,on time,0,stayed," in text(tmp_path, LESSON)
    assert "Class 7b: Wednesday 25 November 2026, 08:00–09:30" in table_lines(book)


def test_what_is_corrected_afterwards_is_corrected_there(tmp_path: Path, record: Record, book: Known) -> None:
    registrar = Registrar(record, book)
    told(record, registrar, book, LESSON, Lesson("l2", ("9a",), (), DAY + 6000))
    assert ",unexcused,never," in text(tmp_path, LESSON)
    told(record, registrar, book, Mark("m", "l1", "Mia Lee", "excused", DAY + 6000, "Ms Gray", note="dentist"))
    assert ",excused,never," in text(tmp_path, LESSON) and "dentist" in text(tmp_path, LESSON)
    told(record, registrar, book, Stay("s", 1, "mimi", DAY, DAY + 5390, DAY + 5390, "lost"))
    assert ",mimi,guest," in text(tmp_path, LESSON), "known only when its time was up"
    told(record, registrar, book, Identification("i", "is", "Mia Lee", DAY + 6100, "7b", "mimi"))
    assert ",mimi,guest," not in text(tmp_path, LESSON)
    told(record, registrar, book, Pause("p", DAY + 100, DAY + 200, "asleep"))
    page = (tmp_path / FOLDER / f"{stem(LESSON)}.html").read_text("utf-8")
    assert "the server&#x27;s computer slept" in page
    moved = replace(LESSON, begin=DAY - 1800)
    told(record, registrar, book, moved)
    assert names(tmp_path) == ["2026-11-25 0730 7b.csv", "2026-11-25 0730 7b.html"], "not in two places"
    told(record, registrar, book, replace(moved, discarded=True))
    assert names(tmp_path) == []
    wait_until(lambda: load(tmp_path).lessons[0].discarded, "the record to have all of it")


def test_a_table_that_somebody_looks_at_in_excel_is_written_when_it_is_closed(
    tmp_path: Path, record: Record, book: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar = Registrar(record, book)
    said: List[str] = []
    monkeypatch.setattr(record, "_say", lambda level, message, *facts: said.append(message % facts))
    told(record, registrar, book, LESSON, replace(LESSON, id="l2", classes=("9a",)))
    with monkeypatch.context() as open_there:
        open_there.setattr(files, "PATIENCE", 0.0)
        open_there.setattr(files, "OTHERS_HOLD_FILES", True)
        real = os.replace

        def refuse(path: Any, target: Any) -> None:
            if str(target).endswith("7b.csv"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            real(path, target)

        open_there.setattr(os, "replace", refuse)
        told(record, registrar, book, Mark("m", "l1", "Mia Lee", "excused", DAY + 6000, "Ms Gray", note="dentist"))
        told(record, registrar, book, Stay("s", 1, "mimi", DAY + 9000, DAY + 9000))
    page = (tmp_path / FOLDER / f"{stem(LESSON)}.html").read_text("utf-8")
    assert "dentist" in page and "dentist" not in text(tmp_path, LESSON)
    told(record, registrar, book, Stay("t", 2, "momo", DAY + 9001, DAY + 9001))
    assert "dentist" in text(tmp_path, LESSON), "with whatever happens next"
    line, over = said
    assert "7b.csv cannot be written: Permission denied; perhaps another program has it open; the server goes" in line
    assert over.startswith("this is over, and what waited for it is done: ")
    moved = replace(LESSON, begin=DAY - 1800)
    held_open(monkeypatch, "unlink", 1, "2026-11-25 0800 7b.csv")
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    told(record, registrar, book, moved)
    told(record, registrar, book, Stay("u", 3, "mumu", DAY + 9002, DAY + 9002))
    assert [name for name in names(tmp_path) if "7b" in name] == ["2026-11-25 0730 7b.csv", "2026-11-25 0730 7b.html"]


def test_after_a_restart_it_knows_what_was_written(tmp_path: Path, record: Record, book: Known) -> None:
    told(record, Registrar(record, book), book, LESSON)
    told(record, Registrar(record, book), book, replace(LESSON, classes=("7b", "7c")))
    assert names(tmp_path) == ["2026-11-25 0800 7b+7c.csv", "2026-11-25 0800 7b+7c.html"]


def test_what_is_too_old_goes_and_what_is_not_ours_stays(tmp_path: Path, record: Record, book: Known) -> None:
    told(record, Registrar(record, book), book, LESSON, replace(LESSON, id="l2", begin=DAY - 86_400, end=DAY - 80_000))
    mine = tmp_path / FOLDER / "2020-01-01 mine.csv"
    mine.write_text("mine")
    assert len(names(tmp_path)) == 4
    expire(tmp_path, DAY + 3600)
    assert names(tmp_path) == ["2026-11-25 0800 7b.csv", "2026-11-25 0800 7b.html"] and mine.exists()


def test_names_of_classes_make_names_of_files() -> None:
    assert stem(replace(LESSON, classes=("7b/../..", "Ma: LK 1"))) == "2026-11-25 0800 7b+Ma_LK_1"
    assert stem(replace(LESSON, classes=())) == "2026-11-25 0800 lesson"
    assert len(stem(replace(LESSON, classes=("x" * 200,)))) < 120


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set")
def test_no_lesson_takes_the_files_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        twice = 1792887600.0  # 2026-10-25 02:20 in summer time; at 03:00 it is 02:00 again
        begins = [twice, twice + 3600, twice + 5, twice + 3605, twice + 7200]
        assert [stem(replace(LESSON, begin=begin)) for begin in begins] == [
            "2026-10-25 0220 7b", "2026-10-25 0220 UTC+1 7b", "2026-10-25 022005 7b", "2026-10-25 022005 UTC+1 7b",
            "2026-10-25 0320 7b",
        ]  # fmt: skip
    finally:
        monkeypatch.undo()
        time.tzset()


def test_with_the_book_of_a_server(tmp_path: Path, record: Record) -> None:
    school = School("07:55")
    registrar = Registrar(record, school.book)
    record.start()
    registrar.hand_on(school.note(school.book.set_class(["7b"])).facts)
    registrar.hand_on(school.note(school.book.joined(1, "Mia Lee")).facts)
    school.to("08:00")
    registrar.hand_on(school.note(school.book.begin()).facts)
    school.to("09:30")
    registrar.hand_on(school.note(school.book.end()).facts)
    both = ["2026-11-25 0800 7b.csv", "2026-11-25 0800 7b.html"]
    wait_until(lambda: names(tmp_path) == both, "the table in both forms")
    assert "1 of 27 came; 0 excused, 26 without an excuse." in table_lines(school.book)
    wait_until(lambda: len(load(tmp_path).stays) == 1, "the stay")
