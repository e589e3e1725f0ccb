"""class_book.py, listing.py: the class as the server sees it, and the roster where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import List

from protocol import Departure
from rollcall.client.events import Disconnected, RosterReplaced, RosterUpdated
from rollcall.window.class_book import ClassBook
from rollcall.window.diary import minute_text
from rollcall.window.listing import Listing
from rollcall.window.model import ClientModel
from rollcall.window.people import numbers
from rollcall.wire.class_messages import ClassList, LessonAct, PersonRow, Vanished
from tests.window.test_model import ANN, ARRIVAL, WALL, playing

ROWS = (
    PersonRow("a", "Ann", "here", class_name="7b", members=(1,)),
    PersonRow("b", "Ben", "missing", class_name="7b", since=WALL),
)
WHOLE = ClassList(1, True, ROWS, (), ("7b",), ("7b", "9a"), begin=WALL, listed=2)


def names(listing: Listing, model: ClientModel) -> List[str]:
    listing.refresh(model)
    return sorted(f"{person.name} {person.state}" for person in listing.order.people.values())


def test_the_class_stands_in_place_of_the_roster_and_gives_it_back() -> None:
    model, listing = playing(*ARRIVAL), Listing()
    assert names(listing, model) == ["Ann here", "Me here"]
    listing.book.take(WHOLE)
    assert names(listing, model) == ["Ann here", "Ben missing"]
    assert listing.order.people["a"].address == "10.0.0.1:1", "what the roster knows of her"
    model.apply(Disconnected("no answer", None, True), 0, WALL)
    assert names(listing, model) == ["Ann unknown", "Ben missing"], "nobody knows who is here by now"
    texts = [number.text for number in numbers(list(listing.order.people.values()), True)]
    assert texts == ["1 of 2 last seen here", "1 missing"]
    for event in ARRIVAL:
        model.apply(event, 0, WALL)
    assert names(listing, model) == ["Ann here", "Ben missing"]
    listing.book.take(replace(WHOLE, rev=2, whole=False, rows=(replace(ROWS[1], state="here"),), gone=("a",)))
    assert names(listing, model) == ["Ben here"]
    listing.book.take(ClassList(3, True, available=("7b",)))
    assert names(listing, model) == ["Ann here", "Me here"] and not listing.book.is_set
    model.apply(RosterReplaced((ANN,), 9), 0, WALL)
    assert names(listing, model) == ["Ann here", "Me gone"]


def test_of_a_large_class_only_who_is_another_is_looked_at() -> None:
    model, listing = playing(*ARRIVAL), Listing()
    listing.book.take(WHOLE)
    listing.refresh(model)
    people, order = dict(listing.order.people), listing.order
    order.changed.clear()
    listing.refresh(model)
    assert not order.changed and all(order.people[key] is person for key, person in people.items())
    listing.book.take(replace(WHOLE, rev=2, whole=False, rows=(replace(ROWS[1], state="lost"),)))
    listing.refresh(model)
    assert list(order.changed) == ["b"] and order.people["a"] is people["a"]
    order.changed.clear()
    model.apply(RosterUpdated((replace(ANN, port=9),), (), 2), 0, WALL)
    version = order.version
    listing.refresh(model)
    assert list(order.changed) == ["a"] and order.people["a"].address == "10.0.0.1:9" and order.version > version
    model.apply(RosterUpdated((), (Departure(1, "lost"),), 3), 0, WALL)
    listing.book.take(replace(WHOLE, rev=3, whole=False, rows=(), gone=("b",)))
    listing.refresh(model)
    assert list(order.people) == ["a"] and order.people["a"].address == "", "the roster knows her no more"


def test_the_headline_says_which_class_and_since_when_and_what_comes_next() -> None:
    book = ClassBook()
    assert (book.title(), book.lesson_text(), book.lesson_step(), book.attention()) == ("No class", "", None, None)
    book.take(WHOLE)
    step = book.lesson_step()
    assert step is not None and (step.label, step.act) == ("End lesson", LessonAct("end"))
    assert (book.title(), book.lesson_text()) == ("Class 7b", f"Lesson since {minute_text(WALL)}")
    book.take(replace(WHOLE, classes=("7b", "9a"), end=WALL + 60))
    step = book.lesson_step()
    assert step is not None and (step.label, step.act) == ("Begin lesson", LessonAct("begin"))
    assert book.title() == "Classes 7b, 9a" and "–" in book.lesson_text()
    assert book.missing() == ["Ben"]
    before = book.changed
    book.clear()
    assert book.changed != before and not book.rows and not book.is_set


def test_what_happened_to_all_is_one_line_with_what_to_do() -> None:
    book = ClassBook()
    book.take(replace(WHOLE, vanished=Vanished(WALL, 12)))
    step = book.attention()
    assert step is not None and step.why == f"12 vanished at once, at {minute_text(WALL)}."
    assert (step.label, step.act) == ("Pause the lesson", LessonAct("pause"))
    book.take(replace(WHOLE, paused=True))
    step = book.attention()
    assert step is not None and (step.label, step.act) == ("Go on", LessonAct("go on"))
    book.take(replace(WHOLE, comes="9a"))
    step = book.attention()
    assert step is not None and (step.label, step.act) == ("Begin 9a", LessonAct("begin", classes=("9a",)))
    book.take(replace(WHOLE, comes="7b"))
    assert book.attention() is None
