"""forgetting.py and record_traces.py: whoever is forgotten stands in no byte of the folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import List

import pytest

from rollcall.server import record_file
from rollcall.server.attendance_files import write
from rollcall.server.facts import Identification, Lesson, Mark, Person, Stay
from rollcall.server.forgetting import expire_log, forget_person, mentions
from rollcall.server.record_file import NAME, WritableRecord, reading
from rollcall.server.record_reading import Recorded, load
from rollcall.server.record_tables import Fact, end_of_run, row_of, start_of_run
from rollcall.server.record_traces import SeveralPeople, of_person
from rollcall.server.recorded import Tables
from tests.server.test_attendance import command, shown
from tests.server.test_reports import DAY

SIGUR = "Björk Sigurðardóttir"
LIST = tuple(Person(name, "", "7b") for name in (SIGUR, "Ben Okafor", "Mia Lee", "Mia Sophie Lee"))
END = DAY + 5400


def stay(key: str, name: str, begin: float = DAY, device: str = "") -> Stay:
    return Stay(key, 1, name, begin, begin + 60, begin + 60, "left", device)


def facts() -> List[Fact]:
    lesson = Lesson("l1", ("7b",), LIST, DAY, END)
    return [
        lesson,
        Lesson("l2", ("7b",), (*LIST[1:], Person("Björk Jónsdóttir", "", "7b")), DAY + 86_400, END + 86_400),
        Lesson("l3", ("9a",), (Person("Zoë Ng", "", "9a"),), DAY + 2e5, DAY + 2e5 + 60),
        stay("s1", SIGUR), stay("s2", "Sigurdardottir, Bjork"), stay("s3", "bibi"), stay("s4", "student01"),
        stay("s5", "student01", DAY + 86_400), stay("s6", "Ben Okafor"), stay("s7", SIGUR.upper(), DAY - 9e5),
        stay("s8", "Mia Lee"), stay("s9", "Björk Jónsdóttir", DAY + 86_460),
        Identification("i1", "is", SIGUR, DAY, "7b", "bibi", by="Ms Gray"),
        Identification("i2", "is", SIGUR, DAY, "7b", "student01", lesson="l1"),
        Identification("i3", "renamed", "Björk Jónsdóttir", DAY + 80_000, "7b", SIGUR),
        Identification("i4", "is not", "Mia Lee", DAY, stay="s8", by="Björk Sigurðardóttir"),
        Mark("m1", "l1", SIGUR, "late", DAY, "Ms Gray", 5),
        Mark("m2", "l2", "Björk Jónsdóttir", "excused", DAY + 86_400),
        Mark("m3", "l1", "Ben Okafor", "note", DAY, "Ms Gray", note="sat with Bjork Sigurdardottir"),
    ]  # fmt: skip


LOG = """\
2026-11-25 08:00:00,000 INFO    rollcall.server: joined: "Björk Sigurðardóttir" (client-1)
2026-11-25 08:00:01,000 INFO    rollcall.server: joined: "bibi" (client-2)
2026-11-25 08:00:02,000 INFO    rollcall.server: joined: "Ben Okafor" (client-3)
2026-11-25 08:00:03,000 INFO    rollcall.server: left: "Sigurdardottir, Bjork" (client-4)
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A record, its tables, class lists, a log and a damaged database."""
    folder = tmp_path / "data"
    database = WritableRecord(folder)
    log = tmp_path / "server.log"
    log.write_text(LOG, encoding="utf-8")
    log.with_name("server.log.1").write_text(LOG, encoding="utf-8")
    rows = [start_of_run(1, DAY - 600, str(log)), *(row_of(fact, 1, DAY) for fact in facts())]
    assert not database.write(rows, end_of_run(1, DAY + 3e5))
    database.close()
    found = load(folder)
    for table in Tables(found).all(found.lessons):
        assert len(write(folder, table)) == 2
    (folder / "attendance" / "2026-11-20 0800 7b.csv").write_text(
        f"date,name\r\n1,{SIGUR}\r\n2,Zoë\r\n", encoding="utf-8"
    )
    classes = folder / "classes"
    classes.mkdir()
    (classes / "7b.txt").write_bytes(f"Ben Okafor\r\n{SIGUR}; A\r\n".encode("utf-16"))
    (classes / "9a.txt").write_text("Zoë Ng\n", encoding="utf-8")
    (folder / f"{NAME}.damaged-20261101-080000").write_bytes(b"half" + SIGUR.encode())
    return folder


def where(folder: Path, *words: str) -> List[str]:
    """Files in whose bytes one of the words stands, in one of the encodings that we write."""
    codes = ("utf-8", "utf-16-le")
    needles = [word.encode(code) for word in words for code in codes]
    files = sorted(file for file in folder.parent.rglob("*") if file.is_file())
    return [file.name for file in files if any(needle in file.read_bytes() for needle in needles)]


def test_whoever_is_forgotten_stands_in_no_byte(data: Path) -> None:
    hers = (SIGUR, SIGUR.upper(), "Sigurdardottir", "Jónsdóttir", "bibi")
    assert len(where(data, *hers)) == 10, (
        "the record, two tables in two forms, an old one, a list, two logs, a damaged one"
    )
    with reading(data):  # who has it open keeps SQLite from emptying its log by itself
        done = shown(data, "--forget", "Bjork Jonsdottir")
        assert where(data, *hers) == [], "by any of her names"
    assert done == [
        f"{data / NAME}: 6 stays, 2 class lists, 2 marks, 3 identifications",
        f"{data / 'attendance'}: 2 tables written again",
        f"{data / 'attendance' / '2026-11-20 0800 7b.csv'}: 1 line taken out",
        f"{data / 'classes' / '7b.txt'}: 1 line taken out",
        f"{data.parent / 'server.log'}: 3 lines taken out",
        f"{data.parent / 'server.log.1'}: 3 lines taken out",
        f"{data / NAME}.damaged-20261101-080000: deleted, because nothing can be taken out of a damaged database",
    ]
    left = load(data)
    assert [one.id for one in left.stays] == ["s6", "s8", "s5"], "student01 was hers in one lesson only"
    assert [(one.id, one.note) for one in left.marks] == [("m3", "(removed)")]
    assert [(one.id, one.by) for one in left.identifications] == [("i4", "(removed)")]
    assert [len(one.people) for one in left.lessons] == [3, 3, 1]
    assert "Ben Okafor" in (data / "attendance" / "2026-11-25 0800 7b.html").read_text("utf-8")
    assert (data / "classes" / "7b.txt").read_bytes().decode("utf-16") == "Ben Okafor\r\n"
    assert shown(data, "--forget", "Bjork Jonsdottir")[0].endswith("0 stays, 0 class lists, 0 marks, 0 identifications")


def test_a_name_that_fits_several_is_asked_about(data: Path) -> None:
    found = load(data)
    assert of_person(found, "Mia Lee").names == ("Mia Lee",), "exactly one of them"
    assert [one.id for one in of_person(found, "lee mia").stays] == ["s8"], "it was not hers, but stands under her name"
    two = Lesson("x", ("7b",), (Person("Mia Ann Lee"), Person("Mia Sophie Lee")))
    with pytest.raises(SeveralPeople) as caught:
        of_person(Recorded(lessons=(two,)), "Mia Lee")
    assert caught.value.names == ["Mia Ann Lee", "Mia Sophie Lee"]


def test_a_guest_is_forgotten_by_what_they_typed(data: Path) -> None:
    assert [one.id for one in of_person(load(data), "student01").stays] == ["s5"]
    shown(data, "--forget", "student01")
    assert "s5" not in [one.id for one in load(data).stays] and "s4" in [one.id for one in load(data).stays]


def test_everything_about_one_person(data: Path) -> None:
    lines = shown(data, "--about", SIGUR)
    text = "\n".join(lines)
    assert lines[:2] == ["All that is kept of Björk Jónsdóttir / Björk Sigurðardóttir", "On the list of 7b."]
    for part in (
        "2026-11-25 08:00:00 | 2026-11-25 08:01:00 | bibi | left",
        "2026-11-25 08:00:00 | late by 5 min | Ms Gray",
        '"student01" is "Björk Sigurðardóttir" | 7b',
        f"{data / 'classes' / '7b.txt'} | 1",
        f"{data.parent / 'server.log'} | 3",
        "Wed 2026-11-25 (08:00–09:30) | late | late by 5 min (found: on time) | left early at 08:01",
    ):
        assert part in text, part
    assert "Ben" not in text and len(mentions(data, data / "classes", of_person(load(data), SIGUR))) == 8
    code, said, complaints = command(data, "--about", SIGUR, "--json", str(data.parent / "her.json"))
    assert (code, complaints) == (0, []) and said == [f"Written: {data.parent / 'her.json'}"]
    assert '"typed": [' in (data.parent / "her.json").read_text("utf-8")
    assert command(data, "--about", SIGUR, "--csv", "x.csv")[2] == [
        "this has no rows for a spreadsheet: use --html or --json"
    ]


def test_a_server_that_runs_is_not_written_behind_its_back(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_file, "BUSY", 0.05)
    database = WritableRecord(data)
    assert command(data, "--forget", SIGUR)[2] == ["a server runs that keeps the record: stop it first"]
    database.close()
    other = sqlite3.connect(str(data / NAME), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    code, _, complaints = command(data, "--forget", SIGUR)
    other.close()
    assert code == 1 and "another program keeps it locked" in complaints[0]
    assert where(data, SIGUR), "nothing was done by half"


def test_where_there_is_no_record_the_files_are_still_searched(tmp_path: Path) -> None:
    (tmp_path / "classes").mkdir()
    (tmp_path / "classes" / "7b.txt").write_text("Mia Lee\nBen\nAnna-Mia Lee\n")
    assert forget_person(tmp_path, tmp_path / "classes", "mia lee") == [
        f"{tmp_path / 'classes' / '7b.txt'}: 1 line taken out"
    ]
    assert (tmp_path / "classes" / "7b.txt").read_text() == "Ben\nAnna-Mia Lee\n", "who is somebody else"
    assert shown(tmp_path, "--forget", "mia lee") == ['Nothing is kept of "mia lee".']


def test_a_log_forgets_what_is_too_old(tmp_path: Path) -> None:
    log, older = tmp_path / "server.log", tmp_path / "server.log.1"
    old = '2026-11-23 09:00:00,000 INFO    rollcall: joined: "Mia"\nTraceback\n  old\n'
    new = '2026-11-24 09:00:00,000 INFO    rollcall: joined: "Ben"\n2026-11-23 is no date of a line\n'
    log.write_text(old + new)
    older.write_text(old)
    expire_log(log, DAY - 86_400)
    assert log.read_text() == new and not older.exists()
    before = log.stat().st_mtime_ns
    expire_log(log, DAY - 86_400)
    assert log.stat().st_mtime_ns == before
    log.write_text("no log of ours\n2020-01-01 08:00:00 x\n")
    expire_log(log, DAY)
    assert log.read_text().startswith("no log of ours")
