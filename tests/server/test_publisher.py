"""publisher.py over real sockets: everyone has the exact roster, whatever the others do."""

from __future__ import annotations

import json
import logging
import selectors
import socket
import threading
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from protocol import ClientList, RosterDelta, decode
from rollcall.client.roster_view import RosterView
from rollcall.server import publisher as publisher_module
from rollcall.server.journal import Journal
from rollcall.server.members import Caller
from rollcall.server.publisher import PUSH_INTERVAL, RESYNC_INTERVAL, SLOW_AFTER, Publisher
from rollcall.server.roster import Roster
from rollcall.server.roster_lines import BOARD, PACKED, VERSION_1, VERSION_2
from rollcall.wire.connection import BACKLOGGED, SENT, Connection
from tests.helpers import PATIENCE, ShiftedClock, wait_until
from tests.server.test_stuck import MOST, Broken, FailsBeyond, RefusesBeyond

EPOCH = "test"


class Peer:
    """The far end of a connection: reads lines, follows the roster."""

    def __init__(self, listener: socket.socket, publisher: Publisher, form: str, buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(listener.getsockname())
        self.socket.settimeout(PATIENCE)
        near, _ = listener.accept()
        if buffer:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self.connection = Connection(near, "peer", clock=publisher._clock)
        self.view = RosterView()
        self.kinds: List[str] = []
        self._file = self.socket.makefile("rb")
        publisher.add(self.connection, form)

    def message(self) -> Dict[str, Any]:
        fields = json.loads(self._file.readline())
        assert isinstance(fields, dict)
        return fields

    def message_of_board(self) -> Dict[str, Any]:
        fields = json.loads(self._file.readline()[len(b"data: ") :])
        assert self._file.readline() == b"\n" and isinstance(fields, dict)
        return fields

    def follow(self, rev: int) -> None:
        """Read until this peer is at ``rev``."""
        while self.view.rev != rev:
            line = self._file.readline()
            assert line, "hung up"
            message = decode(line, 10_000_000)
            if isinstance(message, ClientList):
                self.view.replace(message)
                self.kinds.append("list")
            else:
                assert isinstance(message, RosterDelta)
                assert self.view.update(message), "a gap"
                self.kinds.append("delta")

    def close(self) -> None:
        self._file.close()
        self.socket.close()


class House:
    """A roster, a running publisher and a listener."""

    def __init__(self) -> None:
        self.clock = ShiftedClock()
        self.roster = Roster(max_clients=5000, clock=self.clock)
        self.publisher = Publisher(self.roster, EPOCH, Journal(), self.clock)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.peers: List[Peer] = []
        self.sessions = 0

    def peer(self, form: str = VERSION_2, buffer: int = 0) -> Peer:
        peer = Peer(self.listener, self.publisher, form, buffer)
        self.peers.append(peer)
        return peer

    def join(self, name: str = "Ann") -> int:
        self.sessions += 1
        self.roster.open(self.sessions)
        assert self.roster.register(self.sessions, Caller(name, "10.0.0.1", 5000, "10.0.0.1")) is not None
        self.publisher.wake()
        return self.sessions

    def leave(self, session: int) -> None:
        self.roster.remove(session, "left")
        self.publisher.wake()

    def assert_exact(self, peer: Peer) -> None:
        peer.follow(self.roster.rev)
        assert list(peer.view.entries.values()) == self.roster.snapshot().entries


@contextmanager
def house() -> Iterator[House]:
    built = House()
    built.publisher.start()
    try:
        yield built
    finally:
        for peer in built.peers:
            built.publisher.release(peer.connection)
        built.publisher.stop()
        for peer in built.peers:
            peer.close()
        built.listener.close()
    notes = built.publisher._journal._notes
    while not notes.empty():  # its thread was not started: what nobody has looked at is still there
        note = notes.get()
        assert note is None or note.level < logging.ERROR, note


def test_a_snapshot_comes_first_and_then_only_deltas() -> None:
    with house() as h:
        h.join("Ann")
        peer = h.peer()
        h.assert_exact(peer)
        for _ in range(5):
            session = h.join()
            h.assert_exact(peer)
        h.leave(session)
        h.assert_exact(peer)
        assert peer.kinds[0] == "list" and set(peer.kinds[1:]) == {"delta"}


def test_version_1_gets_full_lists_and_nothing_for_states() -> None:
    with house() as h:
        h.join()
        peer = h.peer(VERSION_1)
        row = {"ip": "10.0.0.1", "port": 5000}
        assert peer.message() == {"type": "client_list", "clients": [row]}
        # In two steps, each on a deadline: far beyond one it would be a pause of the process.
        h.clock.shift += 5
        h.roster.sweep()
        h.clock.shift += 84.9
        wait_until(lambda: h.roster.sweep().changed, "the member to be late")
        h.publisher.wake()
        other = h.peer()
        h.assert_exact(other)
        h.join()
        assert peer.message() == {"type": "client_list", "clients": [row, row]}


def test_packed_lines_hold_the_same_roster() -> None:
    with house() as h:
        for number in range(50):
            h.join(f"Student {number}")
        peer = h.peer(PACKED)
        assert peer.message()["type"] == "packed"
        h.publisher.resync(peer.connection)
        h.assert_exact(peer)
        h.join("one more")
        h.assert_exact(peer)


def test_changes_within_one_interval_are_one_push() -> None:
    with house() as h:
        h.join()
        peer = h.peer()
        h.assert_exact(peer)
        begun = time.monotonic()
        for _ in range(1000):
            h.join()
        h.assert_exact(peer)
        assert len(peer.kinds) <= 2 + (time.monotonic() - begun) / PUSH_INTERVAL


def test_resync_is_answered_with_a_snapshot() -> None:
    with house() as h:
        h.join()
        peer = h.peer()
        h.assert_exact(peer)
        h.publisher.resync(peer.connection)
        message = peer.message()
        assert (message["type"], message["epoch"], message["rev"]) == ("client_list", EPOCH, 1)


def stuff(h: House, stuck: Peer) -> None:
    """Change the roster until the stuck peer has a backlog."""

    def change() -> bool:
        h.leave(h.join("x" * 64))
        h.publisher.resync(stuck.connection)
        return stuck.connection.backlogged

    wait_until(change, "the stuck peer's backlog")


def test_a_stuck_reader_holds_up_nobody_and_converges_when_it_wakes() -> None:
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = h.peer(buffer=4096), h.peer()
        h.assert_exact(awake)
        stuff(h, stuck)
        h.assert_exact(awake)
        passed_by = h.roster.rev
        for _ in range(50):
            h.leave(h.join())
            h.assert_exact(awake)
        h.assert_exact(stuck)
        assert h.roster.rev > passed_by
        assert len(stuck.kinds) < h.roster.rev / 2, "pushes passed it by"


def test_what_passed_by_a_line_that_somebody_else_has_finished_comes_all_the_same() -> None:
    with house() as h:
        busy, awake = h.peer(buffer=4096), h.peer()
        h.join()
        for peer in (busy, awake):
            h.assert_exact(peer)
        pong = b'{"type":"pong"}\n'
        assert busy.connection.send(pong * 10_000) == BACKLOGGED  # a report, which its own thread sees through
        h.join()
        h.assert_exact(awake)  # the push is over
        taken = b""
        while busy.connection.flush() != SENT or len(taken) < 10_000 * len(pong):
            taken += busy._file.read1(65536)
        h.publisher.finish(busy.connection)
        h.assert_exact(busy)


def test_a_reader_that_takes_nothing_for_too_long_is_hung_up() -> None:
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = h.peer(buffer=4096), h.peer()
        stuff(h, stuck)
        h.clock.shift += SLOW_AFTER / 2
        h.join()
        h.assert_exact(awake)
        assert not stuck.connection._broken
        h.clock.shift += SLOW_AFTER
        h.publisher.wake()
        wait_until(lambda: stuck.connection._broken, "the hang-up")
        h.join()
        h.assert_exact(awake)


@pytest.mark.parametrize("kind", [FailsBeyond, RefusesBeyond, Broken])
def test_more_stuck_readers_than_the_selector_takes_hold_up_nobody(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", kind)
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = [h.peer(buffer=4096) for _ in range(2 * MOST)], h.peer()
        for peer in stuck:
            stuff(h, peer)
        h.assert_exact(awake)
        h.publisher.release(stuck[0].connection)
        wait_until(lambda: stuck[0].connection._closed, "the order to be obeyed", 10)
        h.assert_exact(stuck[1])

        def nothing_more_is_taken() -> bool:
            return all(peer.connection.stalled_for(h.clock()) > 0.3 for peer in stuck[2:])

        wait_until(nothing_more_is_taken, "the kernel to have taken its last byte of each")
        h.clock.shift += SLOW_AFTER
        h.publisher.wake()
        wait_until(lambda: all(peer.connection._broken for peer in stuck[2:]), "the slow to be dropped", 10)
        h.join()
        h.assert_exact(awake)


def test_no_line_is_made_for_who_cannot_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = h.peer(buffer=4096), h.peer()
        stuff(h, stuck)
        h.join()
        h.assert_exact(awake)
        made: List[int] = []
        line = h.publisher._lines.line

        def note(form: str, seen: int) -> Tuple[int, bytes]:
            made.append(seen)
            return line(form, seen)

        monkeypatch.setattr(h.publisher._lines, "line", note)
        rev = h.roster.rev
        h.join()
        h.assert_exact(awake)
        assert made == [rev], "one step for the one that is awake, nothing for the other"


def test_a_board_and_a_window_are_told_the_same_revisions(monkeypatch: pytest.MonkeyPatch) -> None:
    with house() as h:
        window, board = h.peer(PACKED), h.peer(BOARD)
        revisions: Dict[str, List[int]] = {PACKED: [], BOARD: []}
        line = h.publisher._lines.line

        def meanwhile(form: str, seen: int) -> Tuple[int, bytes]:
            if len(revisions[BOARD]) < 5:
                h.join()  # the roster moves on between two lines of a push
            found = line(form, seen)
            if form in revisions and found[0] not in revisions[form]:
                revisions[form].append(found[0])
            return found

        monkeypatch.setattr(h.publisher._lines, "line", meanwhile)
        h.join()
        pushed = "the last push"
        wait_until(lambda: len(revisions[BOARD]) >= 5 and h.publisher._pushed_rev == h.roster.rev, pushed)
        h.assert_exact(window)
        event = board.message_of_board()
        while event["rev"] != window.view.rev:
            event = board.message_of_board()
        assert len(event["tiles"]) == len(window.view.entries) == len(h.roster.snapshot().entries)
        assert revisions[PACKED] == revisions[BOARD]


def test_a_bug_in_a_push_is_logged_and_the_next_push_makes_up_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with house() as h:
        peer = h.peer()
        h.assert_exact(peer)
        push = h.publisher._push
        failed = threading.Event()

        def fail_once(now: float) -> None:
            if not failed.is_set():
                failed.set()
                raise RuntimeError("a bug")
            push(now)

        monkeypatch.setattr(h.publisher, "_push", fail_once)
        h.join()
        h.assert_exact(peer)
        assert failed.is_set()
        h.publisher._journal.stop()
        assert "the publisher failed" in caplog.text and "RuntimeError: a bug" in caplog.text


def test_what_is_released_is_closed_also_after_the_end() -> None:
    h = House()
    h.publisher.start()
    early, late = h.peer(), h.peer()
    h.publisher.release(early.connection)
    wait_until(lambda: early.connection._closed, "the publisher to close it")
    h.publisher.stop()
    h.publisher.release(late.connection)
    assert late.connection._closed
    for peer in h.peers:
        peer.close()
    h.listener.close()


def test_a_question_is_answered_at_once_the_next_after_the_interval_and_many_are_one() -> None:
    with house() as h:
        h.join()
        peer = h.peer()
        h.assert_exact(peer)
        h.publisher.resync(peer.connection)
        assert peer.message()["rev"] == 1
        for _ in range(20):
            h.publisher.resync(peer.connection)
        wait_until(lambda: h.publisher._asking, "the question to be noted")
        h.join("Ben")
        assert peer.message()["type"] == "roster_delta", "no snapshot yet, and nobody is held up by the question"
        h.clock.shift += RESYNC_INTERVAL
        h.publisher.wake()
        message = peer.message()
        assert (message["type"], message["rev"]) == ("client_list", 2)
        wait_until(lambda: not h.publisher._asking, "all twenty to be answered by one")


def test_who_asks_too_soon_is_answered_though_nothing_else_happens() -> None:
    with house() as h:
        h.join()
        peer = h.peer()
        h.assert_exact(peer)
        h.publisher.resync(peer.connection)
        assert peer.message()["type"] == "client_list"
        h.clock.shift += RESYNC_INTERVAL - 0.1
        h.publisher.resync(peer.connection)
        peer.socket.settimeout(SLOW_AFTER / 2)
        assert peer.message()["type"] == "client_list", "the publisher wakes by itself"


@pytest.mark.parametrize("asks_again", [False, True])
def test_a_connection_that_is_released_is_forgotten_with_its_questions(asks_again: bool) -> None:
    with house() as h:
        h.join()
        peer = h.peer()
        h.assert_exact(peer)
        h.publisher.resync(peer.connection)
        assert peer.message()["type"] == "client_list"
        if asks_again:
            h.publisher.resync(peer.connection)
        h.publisher.release(peer.connection)
        wait_until(lambda: peer.connection._closed, "the release")
        assert not h.publisher._asking and not h.publisher._resynced


def test_who_gets_no_roster_may_ask_and_nothing_comes_of_it() -> None:
    with house() as h:
        h.join()
        stranger, peer = h.peer(), h.peer()
        h.assert_exact(peer)
        h.publisher.release(stranger.connection)
        h.publisher.resync(stranger.connection)
        h.join("Ben")
        h.assert_exact(peer)
        assert not h.publisher._asking and list(h.publisher._resynced) == []


def test_a_stuck_reader_is_hung_up_in_time_though_nothing_else_happens() -> None:
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = h.peer(buffer=4096), h.peer()
        stuff(h, stuck)
        wait_until(lambda: stuck.connection.stalled_for(h.clock()) > 0.3, "the kernel to have taken its last byte")
        h.clock.shift += SLOW_AFTER - 0.8
        h.join()
        h.assert_exact(awake)
        wait_until(lambda: stuck.connection._broken, "the hang-up", SLOW_AFTER / 2)
        assert stuck.connection not in list(h.publisher._stuck) and not h.publisher._peers_with(stuck.connection)
        h.join()  # it is hung up once and then left alone
        h.assert_exact(awake)


def test_heartbeats_get_their_turn_in_a_push_to_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.server.publisher.SENDS_PER_BREATH", 2)
    monkeypatch.setattr("rollcall.server.publisher.BREATH", 0.05)
    with house() as h:
        peers = [h.peer() for _ in range(5)]
        for peer in peers:
            h.assert_exact(peer)
        h.join()
        for peer in peers:
            h.assert_exact(peer)
        begun = time.monotonic()
        h.join()
        for peer in peers:
            h.assert_exact(peer)
        assert time.monotonic() - begun >= 0.1, "two breaths in a push to five"


def test_a_push_that_took_long_lets_the_next_one_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.server.publisher.PUSH_SHARE", 1e6)  # any processor time is long now
    with house() as h:
        peer = h.peer()

        def pushed_for_long() -> bool:
            if h.publisher._next_push > h.clock() + 10.0:
                return True
            h.join()  # once more: where processor time has steps, a short push often takes none
            return False

        wait_until(pushed_for_long, "a push that took long", SLOW_AFTER)
        h.publisher._next_push = h.clock()  # else who joined during that push would wait for weeks
        h.publisher.wake()
        h.assert_exact(peer)


def test_stop_returns_when_the_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with house() as h:
        turn, inside = h.publisher._turn, threading.Event()

        def slow_turn() -> None:
            turn()
            if inside.is_set():
                wait_until(lambda: h.publisher._stopping, "the end")
                threading.Event().wait(0.1)

        monkeypatch.setattr(h.publisher, "_turn", slow_turn)
        h.publisher.wake()
        inside.set()
        h.publisher.wake()
        h.publisher.stop()
        assert not h.publisher._thread.is_alive()
        monkeypatch.undo()


def test_a_publisher_that_does_not_end_is_left_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher_module, "STUCK_AFTER", 0.05)
    inside, released = threading.Event(), threading.Event()
    with house() as h:

        def never_ends() -> None:
            inside.set()
            released.wait(PATIENCE)

        monkeypatch.setattr(h.publisher, "_turn", never_ends)
        h.join()
        assert inside.wait(PATIENCE)
        begun = time.monotonic()
        assert not h.publisher.stop() and time.monotonic() - begun < 5
        h.publisher._journal.stop()
        assert "the publisher did not end" in caplog.text
        monkeypatch.setattr(publisher_module, "STUCK_AFTER", PATIENCE)
        released.set()


def test_while_a_push_waits_for_its_time_a_change_rings_no_bell_and_an_order_does() -> None:
    h = House()
    peer = h.peer()
    h.publisher._silence_bell()
    h.publisher._push_waits = True
    h.join()
    assert not h.publisher._bell_rung, "a class that joins would wake the thread for each"
    h.publisher.resync(peer.connection)
    assert h.publisher._bell_rung
    h.publisher.release(peer.connection)
    h.publisher.stop()
    peer.close()
    h.listener.close()


def test_who_is_being_finished_may_be_ordered_again() -> None:
    with house() as h:
        for number in range(200):
            h.join(f"Student {number}")
        stuck, awake = h.peer(buffer=4096), h.peer()
        stuff(h, stuck)
        for _ in range(3):
            h.publisher.finish(stuck.connection)
            h.publisher.finish(awake.connection)
            h.join()
            h.assert_exact(awake)
        h.assert_exact(stuck)  # and nothing has failed: see `house`
