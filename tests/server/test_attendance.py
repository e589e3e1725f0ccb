"""attendance.py: the record on the command line, with a term in it that was computed by hand."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List, Optional, Tuple

import pytest

from rollcall.program.folders import data_folder
from rollcall.server.attendance import main, run
from rollcall.server.facts import Identification, Lesson, Mark, Pause, Person, Stay
from rollcall.server.record_arguments import add_arguments, is_about_record
from rollcall.server.record_file import NAME, WritableRecord
from rollcall.server.record_tables import Fact, end_of_run, row_of, start_of_run
from rollcall.server.sheet import DISCLAIMER
from tests.helpers import ROOT
from tests.server.test_reports import DAY

LIST = tuple(Person(name, "", "7b") for name in ("Ágnes Tóth", "Ben Okafor", "Mia Lee"))


def day(number: int) -> Tuple[Lesson, List[Stay]]:
    """A lesson of 7b, from 08:00 to 09:30, with all of the list in it."""
    begin = DAY + number * 86_400
    lesson = Lesson(f"l{number}", ("7b",), LIST, begin, begin + 5400)
    stays = [
        Stay(f"{number}-{person}", person, name.name, begin - 60, begin + 5400, begin + 5400, "left")
        for person, name in enumerate(LIST)
    ]
    return lesson, stays


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of 7b and one lesson of 9a at the same time as one of them."""
    folder = tmp_path_factory.mktemp("term")
    (one, here), (two, late), (three, lost) = day(0), day(1), day(2)
    late[1] = Stay("1-1", 1, "ben okafor", DAY + 86_400 + 745, DAY + 86_400 + 5400, DAY + 86_400 + 5400, "left")
    late[2] = Stay("1-2", 2, "mia", DAY + 86_400, DAY + 86_400 + 5400, DAY + 86_400 + 5400, "left")
    lost[2] = Stay("2-2", 2, "Lee, Mia", DAY + 172_800, DAY + 172_800 + 3000, DAY + 172_800 + 3000, "left")
    facts: List[Fact] = [
        one, two, three, *here, *late, *lost[1:],
        Lesson("l9", ("9a",), (Person("Zoë Ng", "", "9a"),), DAY + 86_400, DAY + 86_400 + 2700),
        Identification("i1", "is", "Mia Lee", DAY + 87_000, "7b", "mia", by="Ms Gray"),
        Mark("m1", "l2", "Ágnes Tóth", "excused", DAY + 172_800, "Ms Gray", note="dentist"),
        Pause("p1", DAY + 1800, DAY + 2400, "asleep"),
    ]  # fmt: skip
    database = WritableRecord(folder)
    rows = [start_of_run(1, DAY - 600, None), *(row_of(fact, 1, DAY) for fact in facts)]
    assert not database.write(rows, end_of_run(1, DAY + 200_000))
    database.close()
    return folder


def command(folder: Path, *words: str) -> Tuple[Optional[int], List[str], List[str]]:
    """The exit code, what was said, and what was complained of."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name")
    add_arguments(parser)
    said: List[str] = []
    complaints: List[str] = []
    code = run(parser.parse_args(words), folder, None, said.append, complaints.append)
    return code, said, complaints


def shown(folder: Path, *words: str) -> List[str]:
    code, said, complaints = command(folder, *words)
    assert code == 0 and not complaints, complaints
    return [re.sub("  +", " | ", line.strip()) for line in said]


def refused(folder: Path, *words: str) -> str:
    code, said, complaints = command(folder, *words)
    assert code in (1, 2) and not said
    return "; ".join(complaints)


def test_the_last_lesson_and_one_by_its_time(term: Path) -> None:
    last = shown(term, "--attendance")
    assert last[0] == "Class 7b: Friday 27 November 2026, 08:00–09:30"
    assert last[1] == "2 of 3 came, 1 left early; 1 excused, 0 without an excuse."
    assert last[4:7] == [
        "Ágnes Tóth | excused | never | excused (Ms Gray, 08:00: dentist)",
        "Ben Okafor | present | on time | stayed | 07:59:00 | 09:30:00 | 90 min",
        "Mia Lee | present | on time | left early at 08:50 | 08:00:00 | 08:50:00 | 50 min",
    ]
    assert last[-1] == DISCLAIMER
    first = "Class 7b: Wednesday 25 November 2026, 08:00–09:30"
    for when in ("2026-11-25 08:00", "2026-11-25 09:29", "2026-11-25T08:30", "2026-11-25", "2026-11-25 07:45"):
        assert shown(term, "--attendance", when)[0] == first
    assert shown(term, "--attendance", "2026-11-25", "8:00")[0] == first, "without quotes"
    assert "the server's computer slept" in "\n".join(shown(term, "--attendance", "2026-11-25"))


def test_which_of_several(term: Path) -> None:
    assert refused(term, "--attendance", "2026-11-26 08:00") == (
        'there are several lessons at 2026-11-26 08:00: "2026-11-26 08:00" --class 7b; "2026-11-26 08:00" --class 9a'
    )
    assert shown(term, "--attendance", "2026-11-26 08:00", "--class", "9a")[1].startswith("0 of 1 came")
    late = shown(term, "--attendance", "2026-11-26 08:00", "--class", "7b")
    assert "Ben Okafor | late | late by 12 min | stayed | 08:12:25 | 09:30:00 | 78 min" in late
    assert "Mia Lee | present | on time | stayed | 08:00:00 | 09:30:00 | 90 min" in late, "she typed mia"


def test_what_cannot_be_found_is_told_with_what_there_is(term: Path, tmp_path: Path) -> None:
    assert refused(term, "--attendance", "2026-11-25 14:00") == (
        'there is no lesson at 2026-11-25 14:00: "2026-11-25 08:00" --class 7b'
    )
    for wrong in ("tomorrow", "2026-02-31", "2026-11-25 25:00"):
        assert refused(term, "--attendance", wrong).endswith(
            'is wrong: it must be list, term, or a time such as "2026-11-25 08:00"'
        )
    assert refused(term, "--attendance", "--class", "8c") == "there is no lesson of class 8c in the record"
    assert "the classes are 7b, 9a" in refused(term, "--attendance", "term", "--class", "8c")
    assert refused(term, "--attendance", "term") == "say which class: --class 7b or --class 9a"
    assert refused(term, "--attendance", "term", "--name", "Zed") == 'nobody is called "Zed" in class 7b, 9a'
    assert refused(tmp_path, "--attendance").startswith("there is no lesson in the record yet (")
    assert '--delimiter "|" is wrong: it must be , or ; or tab' in refused(term, "--attendance", "--delimiter", "|")
    assert refused(term, "--attendance", "--html", str(tmp_path / "no" / "x.html")).endswith(
        "x.html: cannot be written: No such file or directory"
    )
    assert command(term, "--csv", "x.csv")[0] == 2
    assert command(term)[0] is None and command(term, "--name", "x", "--class", "7b")[0] is None, "not about the record"


def test_the_term_and_one_person_in_all_forms_alike(term: Path, tmp_path: Path) -> None:
    rows = shown(term, "--attendance", "term", "--class", "7b")
    assert rows[1] == "3 lessons that count, 25 November 2026 to 27 November 2026."
    assert rows[4:7] == ["Ágnes Tóth | 3 | 2 | 1 | 0 | 0 | 0 | 0", "Ben Okafor | 3 | 3 | 0 | 0 | 1 | 12 | 0",
                         "Mia Lee | 3 | 3 | 0 | 0 | 0 | 0 | 1"]  # fmt: skip
    assert rows[10:13] == ["Ágnes Tóth | ✓ | ✓ | E", "Ben Okafor | ✓ | L12 | ✓", "Mia Lee | ✓ | ✓ | ✓<"]
    files = [tmp_path / f"term.{form}" for form in ("csv", "html", "json")]
    wanted = [word for file in files for word in (f"--{file.suffix[1:]}", str(file))]
    assert shown(term, "--attendance", "term", "--class", "7b", "--delimiter", ";", *wanted) == [
        f"Written: {file}" for file in (files[1], files[2], files[0])
    ]
    table = list(csv.reader(io.StringIO(files[0].read_text("utf-8-sig"), newline=""), delimiter=";"))
    assert [row[0] + row[-1] for row in table[1:4]] == ["Ágnes TóthE", "Ben Okafor✓", "Mia Lee✓<"]
    assert [person["late_seconds"] for person in json.loads(files[2].read_bytes())["people"]] == [0, 745, 0]
    assert ">L12</td>" in files[1].read_text("utf-8")
    for name in ("Mia Lee", "mia lee", "Lee, Mia"):
        page = shown(term, "--attendance", "term", "--name", name)
        assert page[:2] == ["Mia Lee", "Class 7b, 25 November 2026 to 27 November 2026."]
        assert "Ben" not in "\n".join(page) and "Lee" in page[0]


def test_the_list(term: Path, tmp_path: Path) -> None:
    rows = shown(term, "--attendance", "list")
    assert rows[2:7] == [
        "Lesson | Class | Came | Late | Excused | Unexcused | Guests",
        "2026-11-25 08:00–09:30 | 7b | 3 of 3 | 0 | 0 | 0 | 0",
        "2026-11-26 08:00–09:30 | 7b | 3 of 3 | 1 | 0 | 0 | 0",
        "2026-11-26 08:00–08:45 | 9a | 0 of 1 | 0 | 0 | 1 | 3 | does not count",
        "2026-11-27 08:00–09:30 | 7b | 2 of 3 | 0 | 1 | 0 | 0",
    ]
    assert len(shown(term, "--attendance", "list", "--class", "9a")) == 6
    shown(term, "--attendance", "list", "--csv", str(tmp_path / "l.csv"), "--json", str(tmp_path / "l.json"))
    assert (tmp_path / "l.csv").read_bytes().count(b"\r\n") == 6
    assert [one["came"] for one in json.loads((tmp_path / "l.json").read_bytes())["lessons"]] == [3, 3, 0, 2]


def test_the_check(term: Path, tmp_path: Path) -> None:
    found = shown(term, "--check-record")
    assert found[0].startswith(f"{term / NAME} is whole: version 1, 0.")
    assert found[1:] == [
        "In it: 8 stays, 4 lessons, 1 mark, 1 pause, 1 identification.",
        "From 2026-11-25 to 2026-11-27.",
        "A server does not write to it at the moment.",
    ]
    assert shown(tmp_path, "--check-record") == [f"There is no record yet ({tmp_path / NAME})."]
    (tmp_path / NAME).write_bytes((term / NAME).read_bytes()[:-8192])
    code, said, _ = command(tmp_path, "--check-record")
    assert code == 1 and "it is damaged" in said[0] and "puts a damaged record.db aside" in said[1]


def test_as_a_process(term: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    folder = data_folder()
    assert folder is not None and tmp_path in folder.parents
    shutil.copytree(term, folder)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", ROOT / "server.py", "--attendance", "2026-11-25 08:00"],
        stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Class 7b: Wednesday 25 November 2026, 08:00–09:30\n3 of 3 came; 0 excused")


def test_the_servers_own_command_line_is_left_to_it(capfd: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--port", "0", "--name"], ["--class", "7b", "--help"], ["--config", "--attendanc"]):
        assert not is_about_record(words)
    assert is_about_record(["--port", "1", "--json=x"]) and is_about_record(["--attendance", "list"])
    assert main(["--attendance", "list", "--port", "1"]) == 2
    assert main(["--csv=x.csv"]) == 2
    told = capfd.readouterr().err.splitlines()
    assert told == [
        "--port: cannot be used together with a command about the record",
        "--csv, --html and --json write a report: say which one with --attendance or --about",
    ]
