"""Whose is a stay: the list, and what teachers have said, the later word winning."""

from __future__ import annotations

from typing import Any

from rollcall.server.facts import BOTH, IS, IS_NOT, RENAMED, Identification, Lesson, Person, Stay
from rollcall.server.identity import Identities, newest_name, plain_name, renamings
from rollcall.server.names import Match

PEOPLE = tuple(Person(name, "", "7b") for name in ("Mia Lee", "Max Huber", "Ben Roth"))
LESSON = Lesson("L", ("7b",), PEOPLE, 0.0)
number = iter(range(10_000))


def said(kind: str, name: str, **more: Any) -> Identification:
    nth = next(number)
    return Identification(f"i{nth}", kind, name, float(nth), **more)


def stay(name: str, stay_id: str = "s", role: str = "member") -> Stay:
    return Stay(stay_id, 1, name, 0.0, 0.0, role=role)


def test_the_list_comes_last_and_the_word_on_a_stay_first() -> None:
    alias = said(IS, "Max Huber", class_name="7b", typed="maxi")
    here = said(IS, "Ben Roth", stay="s", lesson="L")
    assert Identities(LESSON, []).of(stay("mia lee")) == Match(name="Mia Lee")
    assert Identities(LESSON, []).of(stay("maxi")) == Match()
    assert Identities(LESSON, [alias]).of(stay("MAXI", "other")) == Match(name="Max Huber")
    assert Identities(LESSON, [here, alias]).of(stay("maxi")) == Match(name="Ben Roth")
    assert Identities(LESSON, [alias]).of(stay("maxi", role="teacher")) == Match()


def test_what_is_said_of_another_class_or_lesson_is_not_about_this_one() -> None:
    other_class = said(IS, "Max Huber", class_name="9a", typed="x")
    other_lesson = said(IS, "Max Huber", class_name="7b", typed="x", lesson="M")
    undone = said(IS, "Max Huber", class_name="7b", typed="x", undone=True)
    assert Identities(LESSON, [other_class, other_lesson, undone]).of(stay("x")) == Match()


def test_this_is_not_mia_takes_the_stay_away_until_somebody_says_she_is() -> None:
    no = said(IS_NOT, "Mia Lee", stay="s")
    assert Identities(LESSON, [no]).of(stay("Mia Lee")) == Match()
    assert Identities(LESSON, [no]).of(stay("mia")) == Match(), "nor is it proposed"
    assert Identities(LESSON, [no]).of(stay("Mia Lee", "another")) == Match(name="Mia Lee")
    yes = said(BOTH, "Mia Lee", stay="s")
    assert Identities(LESSON, [yes, no]).of(stay("Mia Lee")) == Match(name="Mia Lee")


def test_whoever_is_renamed_stays_one_person_in_both_directions() -> None:
    renamed = [said(RENAMED, "Mia Klein", class_name="7b", typed="Mia Lee")]
    new_list = Lesson("N", ("7b",), (Person("Mia Klein"), Person("Ben Roth")), 0.0)
    old_word = said(IS, "Mia Lee", class_name="7b", typed="mimi")
    new_word = said(IS, "Mia Klein", class_name="7b", typed="mk")
    assert Identities(new_list, [*renamed, old_word]).of(stay("mimi")) == Match(name="Mia Klein")
    assert Identities(new_list, renamed).of(stay("mia LEE")) == Match(name="Mia Klein"), "typed out of habit"
    assert Identities(LESSON, [*renamed, new_word]).of(stay("mk")) == Match(name="Mia Lee")
    assert Identities(new_list, [said(IS, "Gone", class_name="7b", typed="x")]).of(stay("x")) == Match()


def test_renamings_that_go_round_in_a_circle_end() -> None:
    circle = renamings(
        [said(RENAMED, "B", class_name="7b", typed="A"), said(RENAMED, "A", class_name="7b", typed="B")], ["7b"]
    )
    assert newest_name("A", circle) in ("A", "B")
    assert renamings([said(RENAMED, "B", class_name="9a", typed="A")], ["7b"]) == {}


def test_in_a_lesson_of_two_classes_a_name_of_both_has_its_class_behind_it() -> None:
    people = (Person("Mia Lee (7a)", "", "7a"), Person("Mia Lee (7b)", "", "7b"))
    both = Lesson("B", ("7a", "7b"), people, 0.0)
    word = said(IS, "Mia Lee", class_name="7b", typed="mimi")
    assert Identities(both, [word]).of(stay("mimi")) == Match(name="Mia Lee (7b)")
    assert plain_name("Mia Lee (7b)", "7b") == "Mia Lee" and plain_name("Mia Lee (7a)", "7b") == "Mia Lee (7a)"
