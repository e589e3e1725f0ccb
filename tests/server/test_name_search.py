"""name_search.py: a person is found however the name is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollcall.server.name_search import NameSearch

LINES = (
    'joined: "Jörg Größl" (client-7)',
    'left: "Groessl, Joerg"',
    "<tr><td>J&ouml;rg Gr&#246;&szlig;l</td></tr>",
    "2026-11-25,08:00:00,7b,,GRÖSSL JÖRG,on the list",
    "Jo\u0308rg Gro\u0308ßl;A",
)


@pytest.mark.parametrize("line", LINES)
def test_it_is_found(line: str) -> None:
    assert NameSearch(["Ben", "Jörg Größl"]).is_in(line)


@pytest.mark.parametrize("line", ["", "Jörg", "Jörg Groß", "Jörg A. Größl sen. is another one"[:9], "Georg Größl"])
def test_others_are_not(line: str) -> None:
    assert not NameSearch(["Jörg Größl"]).is_in(line)


@pytest.mark.parametrize(
    ("name", "text"),
    [("O'Neil", "O&#x27;Neil"), ("O'Neil", "O’NEIL,1"), ("Anne-Marie Bo", "bo, anne marie"), ("Yılmaz", "a Yilmaz b"),
     ("Łukasz", "Lukasz"), ("李小龍", "<td>李小龍</td>"), ("student01", '"student01"')],
)  # fmt: skip
def test_pairs(name: str, text: str) -> None:
    assert NameSearch([name]).is_in(text)


def test_a_name_within_the_name_of_somebody_else_is_theirs() -> None:
    search = NameSearch(["Mia Lee"], others=["Anna-Mia Lee", "Ben"])
    assert not search.is_in("Anna-Mia Lee; A") and not search.is_in("Lee, Anna-Mia")
    assert search.is_in("Anna-Mia Lee sat beside Mia Lee")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_only_its_lines_go(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "7b.txt"
    file.write_bytes("Zoe\r\nÁgnes Tóth\r\nGrößl, Jörg;B\r\nZoë Ng\n".encode(encoding))
    assert NameSearch(["Jörg Größl"]).without_lines(file) == 1
    assert file.read_bytes() == "Zoe\r\nÁgnes Tóth\r\nZoë Ng\n".encode(encoding)
    before = file.stat().st_mtime_ns
    assert NameSearch(["Jörg Größl"]).without_lines(file) == 0 and file.stat().st_mtime_ns == before


def test_a_line_ends_where_its_file_says(tmp_path: Path) -> None:
    file = tmp_path / "old.txt"
    file.write_bytes("a\r\nMia Lee\u2026, says\nb\rMia Lee".encode("cp1252"))
    assert NameSearch(["Mia Lee"]).without_lines(file) == 2 and file.read_bytes() == b"a\r\nb\r"
