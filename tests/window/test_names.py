"""names.py: how people read, sort and look for names."""

from __future__ import annotations

import random

import pytest

from rollcall.window.names import clipped, first_name, fold, is_nobodys_name, name_key
from rollcall.wire.text import short_name


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("Björk Sigurðardóttir", "bjork"),
        ("Łukasz", "luk"),
        ("GRÖẞL", "grossl"),
        ("Ali Yılmaz", "yilmaz"),
        ("Ægir", "aeg"),
    ],
)
def test_somebody_is_found_by_what_is_on_every_keyboard(name: str, typed: str) -> None:
    assert typed in fold(name)


def test_names_sort_as_people_sort_them() -> None:
    names = ["Abe", "bea", "Bea 2", "Bea 10", "Élodie", "Emil", "Östen", "Otto", "Student 2", "Student 10", "Zoë", "李"]
    shuffled = names[:]
    random.Random(1).shuffle(shuffled)
    assert sorted(shuffled, key=name_key) == names
    assert sorted(["10", "a", "9", ""], key=name_key) == ["", "9", "10", "a"]


@pytest.mark.parametrize(
    ("name", "first", "short"),
    [("Mia Lee", "Mia", "Mia L."), ("Lee, Mia", "Mia", "Mia L."), ("Mia", "Mia", "Mia"),
     ("Ana de la Cruz", "Ana", "Ana C."), ("Zoë 7", "Zoë", "Zoë 7"), (",", ",", ",")],
)  # fmt: skip
def test_what_somebody_is_called(name: str, first: str, short: str) -> None:
    assert (first_name(name), short_name(name)) == (first, short)


@pytest.mark.parametrize("name", ["student01", "Student 7", "root", "PC-07", "Schüler", "test", "ADMIN"])
def test_an_account_is_nobody_s_name(name: str) -> None:
    assert is_nobodys_name(name)


@pytest.mark.parametrize("name", ["Mia", "Student Lee", "Rooty", "Test Pilot", "Gästa", "李"])
def test_a_name_is_a_name(name: str) -> None:
    assert not is_nobodys_name(name)


def test_what_does_not_fit_ends_in_dots() -> None:
    assert clipped("Mia Lee", 7, len) == "Mia Lee"
    assert clipped("Mia Lee", 5, len) == "Mia…" and clipped("Mia Lee", 6, len) == "Mia L…"
    assert clipped("Mia", 0, len) == "…"


def test_what_nobody_sees_makes_no_other_name() -> None:
    assert fold("M\u200bia\ufeff Lee\u00ad") == fold("mia lee")
