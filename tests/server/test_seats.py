"""The seats of a room: for the class, for one address, for teachers."""

from __future__ import annotations

import random

from rollcall.server.seats import TEACHERS, Seats
from rollcall.wire.messages import MEMBER, TEACHER


def test_a_full_class_keeps_no_teacher_out_and_teachers_keep_nobody_out() -> None:
    seats = Seats(1, 0)
    seats.take(MEMBER, "10.0.0.2")
    assert seats.missing(MEMBER, "10.0.0.3") == "the server is full: it takes 1 client"
    for _ in range(TEACHERS):
        assert not seats.missing(TEACHER, "10.0.0.2")
        seats.take(TEACHER, "10.0.0.2")
    assert seats.missing(TEACHER, "10.0.0.4") == f"the {TEACHERS} seats for teachers are taken"
    seats.give_back(MEMBER, "10.0.0.2")
    assert not seats.missing(MEMBER, "10.0.0.3")


def test_an_address_has_its_own_limit_which_teachers_do_not_use_up() -> None:
    seats = Seats(10, 1)
    seats.take(TEACHER, "10.0.0.2")
    assert not seats.missing(MEMBER, "10.0.0.2")
    seats.take(MEMBER, "10.0.0.2")
    assert seats.missing(MEMBER, "10.0.0.2") == "the server takes 1 client from one address, and has them"
    assert not seats.missing(MEMBER, "10.0.0.3")


def test_what_was_taken_and_given_back_leaves_nothing() -> None:
    seats, chance = Seats(500, 3), random.Random(5)
    taken = [(chance.choice([MEMBER, TEACHER]), f"10.0.0.{chance.randrange(9)}") for _ in range(300)]
    for seat in taken:
        seats.take(*seat)
    chance.shuffle(taken)
    for seat in taken:
        seats.give_back(*seat)
    assert (seats._class, seats._teachers, seats._per_address) == (0, 0, {})
