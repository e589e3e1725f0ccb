"""record_reading.py: what was written comes back, and what a crash left open has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from rollcall.server import record as record_module
from rollcall.server.facts import Identification, Lesson, Mark, Pause, Person, Stay
from rollcall.server.journal import Journal
from rollcall.server.record import Record
from rollcall.server.record_file import RecordError, WritableRecord
from rollcall.server.record_reading import Recorded, load
from rollcall.server.record_tables import Fact, row_of, sign_of_life, start_of_run
from tests.helpers import wait_until

PEOPLE = (Person("Mia Lee", "A", "7b"), Person('O\'Neil "Größl" 李', "", "7b"))
LESSON = Lesson("l1", ("7b", "7c"), PEOPLE, 100.0, 200.5, "bell", "estimated", 60.0, 30.0)
FACTS = Recorded(
    (Stay("s1", 7, "mia", 100.25, 160.5, 160.5, "left", "", "member"),),
    (Pause("p1", 120.0, 130.0, "asleep"), Pause("p2", 140.0, 150.0, "paused", "l1")),
    (Lesson("l0", ("9a",), ()), LESSON),
    (
        Mark("m1", "l1", "Mia Lee", "late", 110.0, "Ms Gray", 5, None, "dentist", True),
        Mark("m2", "l1", "x", "left", 111.0, "", 0, 150.0),
    ),
    (
        Identification("i1", "is", "Mia Lee", 112.0, "7b", "mia", "", "", "Ms Gray"),
        Identification("i2", "is not", "x", 113.0, "", "", "s1", "l1", "", True),
    ),
    alive=1000.0,
)  # fmt: skip


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    monkeypatch.setattr(record_module, "GATHER", 0.0)
    monkeypatch.setattr(record_module, "BEAT", 0.05)
    journal = Journal()
    journal.start()
    yield journal
    journal.stop()


def test_every_fact_comes_back_as_it_was(tmp_path: Path, journal: Journal) -> None:
    assert load(tmp_path) == Recorded()
    record = Record(tmp_path, journal, wall_clock=lambda: 1000.0)
    record.put(*FACTS.stays, *FACTS.pauses, *FACTS.lessons, *FACTS.marks, *FACTS.identifications)
    record.start()
    wait_until(lambda: load(tmp_path).stays, "the facts")
    assert load(tmp_path) == FACTS._replace(is_running=True)
    assert record.stop()
    assert load(tmp_path) == FACTS
    late = load(tmp_path, since=201.0, until=300.0)
    assert (late.stays, late.pauses, [lesson.id for lesson in late.lessons]) == ((), (), ["l0"])
    assert [word.id for word in late.identifications] == ["i1"] and not late.marks
    assert load(tmp_path, until=99.0).stays == ()


def dead_run(folder: Path, run: int, began: float, alive: float, *facts: Fact) -> None:
    """What a run leaves behind that was killed after its last sign of life."""
    database = WritableRecord(folder)
    rows = [start_of_run(run, began, None), *(row_of(fact, run, began) for fact in facts)]
    assert not database.write(rows, sign_of_life(run, alive))
    database.close()


def test_a_stay_that_was_open_when_the_server_died_has_ended_with_its_last_sign_of_life(tmp_path: Path) -> None:
    open_stay = Stay("s1", 1, "Mia Lee", 100.0, 100.0)
    dead_run(tmp_path, 1, 90.0, 155.0, open_stay, Stay("s2", 2, "Ben", 157.0, 157.0))
    found = load(tmp_path)
    assert found.stays == (
        Stay("s1", 1, "Mia Lee", 100.0, 155.0, 155.0, "crashed"),
        Stay("s2", 2, "Ben", 157.0, 157.0, 157.0, "crashed"),  # came after the last sign, was written with it
    )
    assert load(tmp_path, since=160.0).stays == (), "it is over, whatever stands in the row"
    dead_run(tmp_path, 2, 210.0, 300.0, Stay("s3", 1, "Mia Lee", 211.0, 211.0))
    down = Pause("down-1", 155.0, 210.0, "down")
    assert load(tmp_path).pauses == (down,) and load(tmp_path, since=220.0).pauses == ()
    assert load(tmp_path).alive == 300.0
    told = Pause("p", 155.0, 210.5, "down")  # by the server, when it went on with the lesson
    dead_run(tmp_path, 3, 400.0, 500.0, told)
    assert load(tmp_path).pauses == (told, Pause("down-2", 300.0, 400.0, "down"))


def test_what_goes_on_goes_on(tmp_path: Path) -> None:
    database = WritableRecord(tmp_path)
    stay = Stay("s1", 1, "Mia Lee", 100.0, 100.0, device="d")
    assert not database.write([start_of_run(1, 90.0, None), row_of(stay, 1, 0)], sign_of_life(1, 155.0))
    found = load(tmp_path)
    assert found.is_running and found.stays == (Stay("s1", 1, "Mia Lee", 100.0, 155.0, device="d"),)
    database.close()


def test_what_somebody_changed_by_hand_is_told(tmp_path: Path) -> None:
    database = WritableRecord(tmp_path)
    with database.transaction() as connection:
        connection.execute("INSERT INTO lessons (id, classes, people) VALUES ('l1', 'nonsense', '[]')")
    database.close()
    with pytest.raises(RecordError, match="the record has been changed by hand: lesson l1: Expecting value"):
        load(tmp_path)
    (tmp_path / "record.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(RecordError, match=r"cannot be read: it is damaged; python server.py --check-record says more"):
        load(tmp_path)
