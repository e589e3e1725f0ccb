"""Which call of a client is its newest, in whatever order they are read."""

from __future__ import annotations

from rollcall.server.instances import REMEMBERED, Instances


def test_the_newest_attempt_is_known_while_its_member_is_here_and_after_it_went() -> None:
    instances = Instances(1)
    assert instances.newest("a") == (None, 0)
    instances.came("a", 7, 3)
    assert instances.newest("a") == (7, 3)
    instances.went("a")
    assert instances.newest("a") == (7, 3)
    instances.came("a", 7, 4)
    assert instances.newest("a") == (7, 4) and not instances._gone


def test_a_call_that_found_no_seat_makes_the_older_ones_void() -> None:
    instances = Instances(1)
    instances.refused("a", 5)
    assert instances.newest("a") == (None, 5)
    instances.came("b", 1, 1)
    instances.refused("b", 2)
    assert instances.newest("b") == (1, 2)
    instances.went("b")
    instances.refused("b", 6)
    assert instances.newest("b") == (1, 6), "its row is known all the same"


def test_clients_without_an_instance_are_never_taken_for_each_other() -> None:
    instances = Instances(1)
    instances.came("", 7, 3)
    instances.refused("", 4)
    instances.went("")
    assert instances.newest("") == (None, 0)


def test_those_who_went_are_bounded_and_the_oldest_are_forgotten() -> None:
    instances = Instances(1)
    for number in range(REMEMBERED):
        instances.refused(str(number), 1)
    instances.refused("0", 2)  # called again: it is the newest now
    instances.refused("another", 1)
    assert instances.newest("0") == (None, 2) and instances.newest("1") == (None, 0)
    assert len(instances._gone) == REMEMBERED
    assert Instances(REMEMBERED + 5)._most == REMEMBERED + 5
