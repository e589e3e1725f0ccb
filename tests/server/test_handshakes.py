"""handshakes.py: the steps are done by one thread, one after the other, and nobody waits for it in vain."""

from __future__ import annotations

import threading
from typing import Iterator, List

import pytest

from rollcall.server import handshakes
from rollcall.server.handshakes import Handshakes
from rollcall.server.journal import Journal
from tests.helpers import PATIENCE


@pytest.fixture
def started() -> Iterator[Handshakes]:
    steps = Handshakes(Journal())
    steps.start()
    yield steps
    assert steps.stop()


def test_a_step_is_done_in_the_thread_and_its_outcome_comes_back(started: Handshakes) -> None:
    names: List[str] = []

    def act() -> bool:
        names.append(threading.current_thread().name)
        return len(names) == 2

    assert [started.step(act), started.step(act)] == [False, True]
    assert names == ["handshakes", "handshakes"]


def test_what_a_step_raises_is_its_callers_and_the_thread_goes_on(started: Handshakes) -> None:
    def fail() -> bool:
        raise ConnectionAbortedError("no handshake")

    with pytest.raises(ConnectionAbortedError, match="no handshake"):
        started.step(fail)
    assert started.step(lambda: True)


def test_many_callers_take_turns(started: Handshakes) -> None:
    under_way, most, done = [0], [0], []

    def act() -> bool:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        threading.Event().wait(0.001)
        under_way[0] -= 1
        return True

    threads = [threading.Thread(target=lambda: done.append(started.step(act))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert done == [True] * 20 and most == [1]


def test_before_its_start_and_after_its_end_a_step_is_done_where_it_is_asked_for() -> None:
    steps = Handshakes(Journal())
    here = threading.current_thread().name
    assert steps.step(lambda: threading.current_thread().name == here)
    steps.start()
    assert steps.stop()
    assert steps.step(lambda: threading.current_thread().name == here)


def test_who_comes_between_the_last_step_and_the_end_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "LOOK_UP", 0.01)
    steps = Handshakes(Journal())
    steps.start()
    busy, go_on, done = threading.Event(), threading.Event(), []

    def hold() -> bool:
        busy.set()
        return go_on.wait(PATIENCE)

    first = threading.Thread(target=lambda: done.append(steps.step(hold)))
    first.start()
    assert busy.wait(PATIENCE)
    steps._queue.put(None)  # as `stop` does, while it is still busy
    late = threading.Thread(target=lambda: done.append(steps.step(lambda: True)))
    late.start()
    go_on.set()
    for thread in (first, late):
        thread.join(PATIENCE)
    assert done == [True, True]
    assert steps.stop()
