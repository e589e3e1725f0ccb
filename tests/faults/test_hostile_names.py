"""Names, notes, groups and classes that are formulas, HTML or turn text round: from the wire and from files into every
form of a report, on a real server."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

from rollcall.server import attendance, record
from tests.helpers import RawClient, wait_until
from tests.server.test_classroom import Teacher, lesson_server

LASTING: Dict[str, Any] = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}
LISTED = (
    *("=1+1", "+49 Lee", "-Ann", "@SUM(A1)", "＝Wide", '=HYPERLINK("http://x")', "a,=1+1", "=cmd|' /C calc'!A0"),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "O\"Neil & 'Sons'", "&lt Lee", "</td></tr></table>"),
    *("--><!--", "Mia \u200dLee", "'=Quoted"),
)
GUESTS = ("=2+5;&lt;b&gt;", '"><script>guest()</script>', "@guest", "\t=tab", "\r-return")
REFUSED = ("a\t=1", "a\r\n=1", "Eva\u202eeeL", "\u2067Ann", "Ann\u200f", "a\x1b[2J", "a\u2028line")
NOTE = "=SUM(A1:A9) <b onclick=x()>&amp;\u202e"
CLASS, GROUP = "=7b & co", "=2*3 <i>"
_RUNS = re.compile("[ \u00a0]*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f]")


class Page(HTMLParser):
    """What is markup in a page, and what is text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Dict[str, set[str]] = {}
        self.texts: List[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.tags.setdefault(tag, set()).update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.setdefault("!--", set())


OURS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "table", "thead", "tbody", "tr", "th"),
    *("td", "small", "span", "footer"),
}


def check_page(page: str) -> str:
    """Nothing in it but our own markup; its text."""
    found = Page(page)
    assert set(found.tags) <= OURS, set(found.tags) - OURS
    assert not [name for names in found.tags.values() for name in names if name.startswith("on")]
    assert not _TURNS.search(page)
    return "\n".join(found.texts)


def check_table(text: str, delimiter: str = ",") -> List[List[str]]:
    """No cell of it is computed, whatever a spreadsheet splits it at; the cells."""
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter))
    assert not [cell for row in rows for cell in row if _RUNS.match(cell)]
    for other in ",;\t":
        for row in csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=other):
            assert not [cell for cell in row if _RUNS.match(cell)], (other, row)
    assert not _TURNS.search(text.replace("\r\n", "\n"))
    return rows


def test_what_somebody_calls_himself_is_text_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "GATHER", 0.0)
    folder = tmp_path / "classes"
    folder.mkdir()
    lines = [*LISTED, "Ann Lee; " + GROUP, "Eva\u202eeeL", "\u2067Ann", "Ann\u200f"]
    (folder / f"{CLASS}.txt").write_bytes(("\n".join(lines) + "\n").encode("utf-8"))
    with lesson_server(tmp_path, CLASS, **LASTING) as (server, port), Teacher(port) as teacher:
        for name in (*LISTED, *GUESTS):
            with RawClient(port) as client:
                client.register(name, roster=False)
                assert client.until_type("welcome"), name
        for name in REFUSED:
            with RawClient(port) as client:
                client.register(name)
                assert client.until_type("error")["code"] == "invalid_name", name
        book = server.room.classroom.book
        assert book is not None
        teacher.act("lesson", do="end")  # if half of them were here, it has begun by itself
        teacher.act("lesson", do="begin")
        mark = teacher.act("mark", names=[LISTED[0], LISTED[8]], kind="excused", note=NOTE)
        assert mark["type"] == "done"
        with RawClient(port) as back, RawClient(port) as guest:
            back.register(LISTED[1])
            guest.register(GUESTS[0])
            wait_until(lambda: len(server.room.roster) == 3, "two of them")
            assert teacher.act("lesson", do="end")["type"] == "done"
        lesson = book.lessons[-1]
        wait_until(lambda: len(list((tmp_path / "attendance").glob("*"))) >= 2, "the table")
        term = {"what": "term", "form": "text", "class_name": CLASS}
        wait_until(lambda: LISTED[8] in teacher.report(**term), "the record")
        for what in ("lesson", "list", "term", "person", "lessons"):
            given = {"what": what, "lesson": lesson.id, "class_name": CLASS, "name": LISTED[8]}
            rows = check_table(teacher.report(form="csv", **given))
            assert json.loads(teacher.report(form="json", **given))
            if what != "lessons":
                text = check_page(teacher.report(form="html", **given))
                shown = teacher.report(form="text", **given)
                assert not _TURNS.search(shown)
                assert LISTED[8] in text and LISTED[8] in shown
            if what == "lesson":
                found = json.loads(teacher.report(form="json", **given))
                people = {person["name"]: person for person in found["people"]}
                assert sorted(people) == sorted([*LISTED, "Ann Lee"]), "as they stand on the list"
                assert [one["name"] for one in found["guests"]] == [GUESTS[0]]
                assert people[LISTED[0]]["marks"][0]["note"].startswith("=SUM(A1:A9) <b onclick=x()>&amp;")
                names = [row[rows[0].index("name")].lstrip("'") for row in rows[1:-1]]
                assert {name.replace("'", "") for name in [*LISTED, GUESTS[0]]} <= {
                    one.replace("'", "") for one in names
                }
                assert GROUP in text and CLASS in text
    for file in (tmp_path / "attendance").iterdir():
        text = file.read_bytes().decode("utf-8")
        assert check_table(text) if file.suffix == ".csv" else check_page(text)
        assert re.fullmatch(r"[\w+ -]+\.(csv|html)", file.name)
    monkeypatch.setattr(attendance, "data_folder", lambda: tmp_path)
    out = {form: tmp_path / f"out.{form}" for form in ("csv", "html", "json")}
    written = [word for form, file in out.items() for word in (f"--{form}", str(file))]
    for command in (["--attendance"], ["--attendance", "list"], ["--attendance", "term", "--class", CLASS]):
        assert attendance.main([*command, "--delimiter", ";", *written], folder) == 0
        check_table(out["csv"].read_bytes().decode("utf-8"), ";")
        check_page(out["html"].read_bytes().decode("utf-8"))
        assert json.loads(out["json"].read_bytes().decode("utf-8"))
        assert attendance.main(command, folder) == 0
    for command in (["--about", LISTED[8]], ["--check-record"]):
        assert attendance.main(command, folder) == 0
    assert not _TURNS.search(capsys.readouterr().out.replace("\n", ""))
