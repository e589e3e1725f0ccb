"""stuck.py: the bell and the stuck are heard whatever the selector does."""

from __future__ import annotations

import selectors
import socket
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator, List, Set, Tuple

import pytest

from rollcall.server import stuck as stuck_module
from rollcall.server.stuck import LOOK, Stuck
from rollcall.wire.connection import Connection
from tests.helpers import FakeClock

MOST = 4


class FailsBeyond(selectors.DefaultSelector):
    """As ``select`` of Windows, with a smaller number."""

    def select(self, timeout: Any = None) -> Any:
        if len(self.get_map()) > MOST:
            raise ValueError("too many file descriptors in select()")
        return super().select(timeout)


class RefusesBeyond(selectors.DefaultSelector):
    """As ``epoll`` of Linux at its limit for each user."""

    def register(self, *arguments: Any) -> Any:
        if len(self.get_map()) >= MOST:
            raise OSError(28, "No space left on device")
        return super().register(*arguments)


class Broken(selectors.DefaultSelector):
    def select(self, timeout: Any = None) -> Any:
        raise OSError(12, "Cannot allocate memory")


class Watched:
    def __init__(self, stack: ExitStack, clock: FakeClock) -> None:
        self.bell, self.ringer = (stack.enter_context(end) for end in socket.socketpair())
        self.stuck = Stuck(self.bell, clock)
        self.connections: List[Connection] = []
        self._stack = stack

    def add(self, count: int) -> None:
        for _ in range(count):
            near, far = socket.socketpair()
            self._stack.enter_context(far)
            self.connections.append(Connection(near, "peer"))
            self.stuck.add(self.connections[-1])


@contextmanager
def watched(clock: FakeClock) -> Iterator[Watched]:
    with ExitStack() as stack:
        built = Watched(stack, clock)
        yield built
        built.stuck.close()
        for connection in built.connections:
            connection.close()


@pytest.mark.parametrize("kind", [selectors.DefaultSelector, FailsBeyond, RefusesBeyond, Broken])
def test_everybody_is_ready_at_last_and_the_bell_is_heard(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", kind)
    monkeypatch.setattr(stuck_module, "LOOK", 0.001)
    clock = FakeClock()
    with watched(clock) as w:
        w.add(3 * MOST)
        assert sorted(map(id, w.stuck)) == sorted(map(id, w.connections))
        w.ringer.send(b"!")
        seen: Set[Connection] = set()
        rung = False
        for _ in range(4):
            heard, ready = w.stuck.wait(0.0)
            rung, seen = rung or heard, seen | set(ready)
            clock.advance(LOOK)
        assert rung and seen == set(w.connections)
        for connection in w.connections:
            w.stuck.remove(connection)
            w.stuck.remove(connection)
        assert not list(w.stuck)


def test_a_look_is_not_repeated_with_each_ring_of_the_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", FailsBeyond)
    clock = FakeClock()
    with watched(clock) as w:
        w.ringer.send(b"!")
        w.add(2 * MOST)
        looks: List[Tuple[bool, int]] = []
        for step in (0.0, LOOK / 2, LOOK / 2):
            clock.advance(step)
            rung, ready = w.stuck.wait(None)
            looks.append((rung, len(ready)))
        assert looks == [(True, 2 * MOST), (True, 0), (True, 2 * MOST)]
        w.bell.recv(1)
        clock.advance(LOOK)
        assert w.stuck.wait(None) == (False, w.connections), "no wait without end while somebody must be looked after"


def test_who_was_closed_before_is_not_watched() -> None:
    with watched(FakeClock()) as w:
        near, far = socket.socketpair()
        gone = Connection(near, "peer")
        gone.close()
        far.close()
        w.stuck.add(gone)
        assert not list(w.stuck)
