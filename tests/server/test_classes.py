"""The folder of classes: what is written is read again, what is broken is said, and nothing is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollcall.program import files
from rollcall.server.class_text import MAX_BYTES, ClassError
from rollcall.server.classes import ClassFolder, check_class_name, import_file, load
from rollcall.server.facts import Person
from tests.helpers import make_link

PEOPLE = [Person("Mia Lee", "A"), Person("Jörg Größl"), Person("=SUM(1;2)", "x;y"), Person("Zoë <b>")]


def test_a_class_that_was_written_is_read_again(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path / "deep" / "classes")
    assert folder.names() == []
    path = folder.write("7b", PEOPLE)
    assert path.read_text(encoding="utf-8") == "Mia Lee; A\nJörg Größl\n=SUM(1,2); x,y\nZoë <b>\n"
    assert folder.names() == ["7b"]
    assert [(one.name, one.group, one.class_name) for one in folder.read("7b").people] == [
        ("Mia Lee", "A", "7b"),
        ("Jörg Größl", "", "7b"),
        ("=SUM(1,2)", "x,y", "7b"),
        ("Zoë <b>", "", "7b"),
    ]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


def test_what_any_editor_saved_is_read_with_its_oddities(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    text = "# 7b, second term\r\n\r\nMia Lee\tred\r\nJörg Größl ; blue\r\nMia Lee\r\nJorg Grossl\r\n" + "x" * 65
    (tmp_path / "7b.txt").write_bytes(text.encode("utf-16"))
    found = folder.read("7b")
    assert [(one.name, one.group) for one in found.people] == [
        *(("Mia Lee", "red"), ("Jörg Größl", "blue"), ("Jorg Grossl", "")),
    ]
    assert [one.line for one in found.oddities] == [5, 6, 7]
    assert "cannot be told apart" in found.oddities[1].text


def test_one_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    folder.write("7b", PEOPLE)
    (tmp_path / "8a.txt").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "8b.txt").mkdir()
    (tmp_path / "8c.txt").write_text("# nobody yet\n")
    (tmp_path / "notes.md").write_text("no class")
    (tmp_path / ".hidden.txt").write_text("no class")
    lists, troubles = folder.read_all()
    assert list(lists) == ["7b"]
    assert len(troubles) == 3 and all(str(tmp_path) in trouble for trouble in troubles)
    assert "picture" in troubles[0] and "folder" in troubles[1] and "no name" in troubles[2]


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", ".", "..", "a/b", "a\\b", "C:", "x" * 41, "7b.", "a\tb", "?"),
        *("con", "COM1", "nul.x", "aux .x", "Conin$", "conout$.7b", "com²", "LPT0"),
    ],
)
def test_a_class_is_never_called_like_something_else_in_the_system(name: str, tmp_path: Path) -> None:
    with pytest.raises(ClassError):
        check_class_name(name)
    with pytest.raises(ClassError):
        ClassFolder(tmp_path).write(name, PEOPLE)
    assert list(tmp_path.iterdir()) == []


def test_the_file_that_is_there_is_used_however_its_name_is_spelt(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    folder.write("Q1 Bär", PEOPLE)
    folder.write("q1 ba\u0308r", PEOPLE[:1])
    assert folder.names() == ["Q1 Bär"] and len(folder.read("Q1 BÄR").people) == 1


def test_what_cannot_be_written_leaves_the_old_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ClassFolder(tmp_path)
    folder.write("7b", PEOPLE)
    for people in ([], [Person(f"Nr {number}") for number in range(1001)], [Person("Mia\nLee")], [Person("x" * 65)]):
        with pytest.raises(ClassError):
            folder.write("7b", people)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClassError, match="No space left"):
        folder.write("7b", PEOPLE[:1])
    assert len(folder.read("7b").people) == 4 and os.listdir(tmp_path) == ["7b.txt"]


def test_renaming_and_forgetting_reach_the_files(tmp_path: Path) -> None:
    folder = ClassFolder(tmp_path)
    folder.write("7b", PEOPLE)
    folder.write("8a", [Person("mia LEE"), Person("Mia Sophie Lee")])
    folder.write("chess", [Person("Lee, Mia")])
    folder.rename("7b", "Jörg Größl", "Jörg Holm")
    assert [person.name for person in folder.read("7b").people][1] == "Jörg Holm"
    with pytest.raises(ClassError, match="is not in 7b"):
        folder.rename("7b", "Nobody", "Somebody")
    with pytest.raises(ClassError, match="is in 7b already"):
        folder.rename("7b", folder.read("7b").people[0].name, "Jörg Holm")
    assert folder.forget("Mia Lee") == ["7b", "8a", "chess"]
    assert folder.names() == ["7b", "8a"] and folder.forget("Mia Lee") == []
    assert [person.name for person in folder.read("8a").people] == ["Mia Sophie Lee"]
    assert not any(b"Mia Lee" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_file_to_import_that_is_none_is_said_in_words(tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    with open(huge, "wb") as file:
        # A hole: it takes no room where there are such.
        file.truncate(2_000_000_000 if os.name == "posix" else MAX_BYTES + 1_000_000)
    pipe = tmp_path / "pipe"
    cases = [
        (tmp_path, "is a folder"),
        (tmp_path / "none.csv", "cannot be read"),
        (huge, "2000 MB" if os.name == "posix" else "3 MB"),
    ]
    if os.name == "posix":
        os.mkfifo(pipe)
        cases.append((pipe, "not a regular file"))
    for path, words in cases:
        with pytest.raises(ClassError) as caught:
            load(path)
        assert words in str(caught.value) and str(path) in str(caught.value)


def test_a_file_that_changes_while_it_is_read_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "growing.csv"
    path.write_text("Mia Lee\n")
    read = files.read

    def read_and_grow(file: Path, most: int) -> bytes:
        data = read(file, most)
        file.write_text("Mia Lee\nBen Roth\n")
        return data

    monkeypatch.setattr(files, "read", read_and_grow)
    with pytest.raises(ClassError, match="changed while it was read"):
        load(path)


def test_importing_answers_with_the_path_and_a_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ClassError) as caught:
        import_file(path)
    assert str(caught.value).startswith(str(path)) and "save it as CSV" in str(caught.value)
    good = tmp_path / "good.csv"
    good.write_text("Vorname,Nachname\nMia,Lee\n")
    make_link(tmp_path / "link.csv", good)
    assert import_file(tmp_path / "link.csv").first_three == ("Mia Lee",)
    assert len(load(good)) < MAX_BYTES


printable_names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=64)


@settings(max_examples=40, deadline=None)  # each one writes to the disk
@given(st.lists(printable_names.filter(lambda name: not set(name) & set("#;")), min_size=1, max_size=5, unique=True))
def test_any_names_come_back_as_they_were(names: List[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = ClassFolder(Path(place))
        try:
            folder.write("7b", [Person(name) for name in names])
        except ClassError:
            return
        assert [person.name for person in folder.read("7b").people] == names
