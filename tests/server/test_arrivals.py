"""arrivals.py: who joins waits for nobody, nobody can see that they wait, and none waits for long."""

from __future__ import annotations

import threading
from typing import Any, Callable, Dict

from rollcall.server.arrivals import LONGEST, MOST_DEVICES, QUIET, Arrival, Arrivals
from rollcall.server.facts import Person, Stay
from rollcall.server.lesson import LessonBook
from rollcall.server.lesson_state import WallTime
from tests.helpers import PATIENCE, FakeClock


def arrival(at: float, member: int = 1, device: str = "") -> Arrival:
    return Arrival(at, member, f"Student {member}", "member", device, 0)


def book_at(clock: FakeClock) -> LessonBook:
    book = LessonBook(WallTime(clock, clock, clock), timeout=20.0)
    book.know({"7b": [Person("Ann Lee"), Person("Ben Oak")]})
    book.set_class(["7b"])
    return book


def test_those_who_come_are_taken_in_their_order_and_each_once() -> None:
    arrivals = Arrivals()
    assert list(arrivals.taken()) == [] and arrivals.rest(5.0) == 0.0
    for number in range(3):
        assert not arrivals.add(arrival(1.0 + number, number))
    assert [one.member for one in arrivals.taken()] == [0, 1, 2]
    assert list(arrivals.taken()) == []


def test_a_crowd_is_left_to_gather_but_the_first_of_it_not_for_ever() -> None:
    arrivals = Arrivals()
    arrivals.add(arrival(10.0))
    assert arrivals.rest(10.0) == QUIET and arrivals.rest(10.0 + QUIET) == 0.0
    at = 10.0
    while at < 10.0 + LONGEST + 1:  # somebody every tenth of a second
        rest = arrivals.rest(at)
        assert rest <= 10.0 + LONGEST - at + 1e-9 or rest == 0.0
        at += 0.1
        arrivals.add(arrival(at))
    assert arrivals.rest(at) == 0.0, "the first has waited for long enough"


def test_a_device_that_is_known_is_a_reason_to_look_at_once() -> None:
    arrivals = Arrivals()
    assert not arrivals.add(arrival(1.0, 1, "d1")) and not arrivals.add(arrival(1.0, 2, "d2"))
    assert not arrivals.add(arrival(1.0, 3)) and not arrivals.add(arrival(1.0, 4)), "no device is no device"
    assert arrivals.add(arrival(1.0, 5, "d1"))
    for number in range(MOST_DEVICES):
        arrivals.add(arrival(1.0, number, f"e{number}"))
    assert len(arrivals._devices) <= MOST_DEVICES


def test_a_handler_that_tells_who_joined_waits_for_no_lock_of_the_book() -> None:
    book = book_at(FakeClock())
    told = threading.Event()

    def handler() -> None:
        book.arrives(1, "Ann Lee")
        told.set()

    with book._lock:  # somebody makes a table of a thousand
        thread = threading.Thread(target=handler, name="client-1")
        thread.start()
        assert told.wait(PATIENCE)
    thread.join(PATIENCE)
    assert [stay.name for stay in book.stays] == ["Ann Lee"]


def test_whatever_is_asked_or_told_next_knows_who_has_come_and_when() -> None:
    clock = FakeClock()
    looks: Dict[str, Callable[[Any], Any]] = {
        "class_list": lambda book: {row.name: row.state for row in book.class_list().entries}["Ann Lee"] == "here",
        "connected": lambda book: book.connected == {1: False},
        "stays": lambda book: len(book.stays) == 1,
        "who_is_here": lambda book: book.who_is_here() == (Person("Ann Lee"),),
        "gone": lambda book: [fact.end for fact in book.gone(1, "left").facts] == [None, clock()],
        "tick": lambda book: isinstance(book.tick().facts[0], Stay),
        "begin": lambda book: isinstance(book.begin().facts[0], Stay),
        "identify": lambda book: book.identify(1, "Ben Oak").facts,
        "stopping": lambda book: [fact.end for fact in book.stopping().facts] == [None, clock()],
        "table": lambda book: book.begin() and book.table().lines[0].state == "here",
    }
    for name, is_right in looks.items():
        book = book_at(clock)
        came = clock()
        assert not book.arrives(1, "Ann Lee")
        assert book.rest() == QUIET
        clock.advance(1.0)
        assert book.rest() == 0.0
        assert is_right(book), name
        assert [stay.begin for stay in book.stays] == [came], name


def test_nobody_is_lost_whoever_looks_first_and_what_is_new_is_told_once() -> None:
    """What a look without an answer (`class_list`) takes in is in the next answer; so is whose place was taken."""
    book = book_at(FakeClock())
    assert not book.arrives(1, "Ann Lee", device="d1")
    assert book.arrives(2, "Ann Lee", device="d1"), "its own older row has to go"
    assert book.connected == {2: False}
    answer = book.settle()
    assert answer.dismiss == (1,)
    assert [(fact.member, fact.how) for fact in answer.facts if isinstance(fact, Stay)] == [
        (1, ""), (1, "replaced"), (2, ""),
    ]  # fmt: skip
    assert book.settle().facts == () and book.settle().dismiss == ()


def test_all_from_many_threads_are_all_there_while_others_look() -> None:
    book = book_at(FakeClock())
    found: list[object] = []
    begun = threading.Barrier(5)

    def join(first: int) -> None:
        begun.wait(PATIENCE)
        for number in range(first, first + 60):
            book.arrives(number, f"Student {number}")

    threads = [threading.Thread(target=join, args=(first,), name="client") for first in range(0, 240, 60)]
    for thread in threads:
        thread.start()
    begun.wait(PATIENCE)
    while any(thread.is_alive() for thread in threads):
        book.class_list()
        found += book.settle().facts
    for thread in threads:
        thread.join(PATIENCE)
    found += book.settle().facts
    assert sorted(fact.member for fact in found if isinstance(fact, Stay)) == list(range(240))
