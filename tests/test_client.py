"""client.py over real sockets, against our server and against servers that misbehave in every way."""

from __future__ import annotations

import base64
import json
import queue
import socket
import threading
import time
import zlib
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Type, TypeVar

import pytest

import client as client_module
from client import JUST_NOW, Client
from protocol import ERROR_CODES, RETRY, Welcome, encode
from rollcall.client.events import (
    Connected,
    Connecting,
    Disconnected,
    Event,
    PingSent,
    Refused,
    RosterReplaced,
    RosterUpdated,
    RoundTrip,
    Stopped,
    Waiting,
)
from rollcall.client.heartbeat import GOOD_CONNECTION
from rollcall.server.settings import ServerConfig
from rollcall.wire.address import Address
from rollcall.wire.connection import Connection
from server import RollcallServer
from tests.helpers import PATIENCE, FakeClock, RawClient, ShiftedClock, running_server, wait_until

E = TypeVar("E")
WELCOME = Welcome(2, "stand-in", 1, 1, "e1", 0, 0.2, 5.0, 10, "token-1")
ROW = {"id": 1, "name": "Ann", "ip": "h", "port": 1, "since": 0}


class Watched:
    """A running client and its events."""

    def __init__(self, port: int, host: str = "127.0.0.1", **options: Any) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.seen: List[Event] = []
        options.setdefault("uniform", lambda low, high: low)
        self.client = Client(Address(host, port), "Ann", self.events, **options)
        self.client.start()

    def until(self, kind: Type[E], right: Callable[[E], bool] = lambda event: True) -> E:
        """The next event of that kind that is ``right``."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                event = self.events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__} came, but {self.seen[-20:]}") from None
            self.seen.append(event)
            if isinstance(event, kind) and right(event):
                return event


@contextmanager
def watched(port: int, **options: Any) -> Iterator[Watched]:
    built = Watched(port, **options)
    try:
        yield built
    finally:
        built.client.stop()


class StandIn:
    """A server that does what a test tells it, one connection at a time."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        self.peer: Optional[RawClient] = None

    def accept(self) -> RawClient:
        """The next connection, spoken to with `RawClient`'s methods."""
        self.hang_up()
        peer = RawClient.__new__(RawClient)
        peer.socket, _ = self.listener.accept()
        peer._buffer = b""
        self.peer = peer
        return peer

    def registered(self, **changes: Any) -> RawClient:
        """Accept, read the register, welcome, and send a list with one row."""
        peer = self.accept()
        assert peer.line()["type"] == "register"
        peer.send({**json.loads(encode(WELCOME)), **changes})
        peer.send({"type": "client_list", "epoch": changes.get("epoch", "e1"), "rev": 1, "clients": [ROW]})
        return peer

    def hang_up(self) -> None:
        if self.peer is not None:
            self.peer.close()
            self.peer = None


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    built = StandIn()
    yield built
    built.hang_up()
    built.listener.close()


def test_it_registers_beats_and_follows_the_roster() -> None:
    with running_server(heartbeat_interval=0.1, connection_timeout=5) as (_, port), watched(port) as ann:
        connected = ann.until(Connected)
        assert connected.welcome is not None and connected.heartbeat_interval == 0.1
        replaced = ann.until(RosterReplaced)
        assert [(entry.name, entry.id) for entry in replaced.entries] == [("Ann", connected.welcome.member_id)]
        assert ann.until(RoundTrip).seconds >= 0
        with RawClient(port) as ben:
            ben.register("Ben")
            assert ann.until(RosterUpdated).up[0].name == "Ben"
            ben.send({"type": "leave"})
            assert ann.until(RosterUpdated, lambda update: bool(update.down)).down[0].reason == "left"


def test_a_stopped_client_has_left() -> None:
    with running_server() as (_, port), RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        with watched(port) as ann:
            ann.until(Connected)
            watcher.until(lambda message: message.get("up"))
        assert watcher.until(lambda message: message.get("down"))["down"][0]["reason"] == "left"
        ann.until(Stopped)


def test_it_obeys_the_interval_of_the_welcome(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann:
        peer = stand_in.registered(heartbeat_interval=0.1)
        assert [peer.until_type("ping")["seq"] for _ in range(3)] == [1, 2, 3]
        ann.until(PingSent)


DELTA = {"type": "roster_delta", "epoch": "e1", "from": 1, "rev": 2, "up": [{**ROW, "id": 2}]}


def no_ping(message: Dict[str, Any]) -> bool:
    return bool(message["type"] != "ping")


def test_a_lost_delta_or_another_epoch_is_answered_with_one_resync(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollcall.client.catch_up.RESYNC_INTERVAL", 0.2)
    with watched(stand_in.port) as ann:
        peer = stand_in.registered(heartbeat_interval=60, connection_timeout=120)
        peer.send(DELTA)
        assert ann.until(RosterUpdated).rev == 2
        peer.send({**DELTA, "from": 5, "rev": 6})
        peer.send({**DELTA, "from": 6, "rev": 7})
        assert peer.until(no_ping) == {"type": "resync"}
        peer.send({"type": "client_list", "epoch": "e1", "rev": 9, "clients": [ROW]})
        assert ann.until(RosterReplaced, lambda event: event.rev == 9)
        asked = time.monotonic()
        for _ in range(100):
            peer.send({**DELTA, "epoch": "e2", "from": 9, "rev": 10})
        assert peer.until(no_ping) == {"type": "resync"}
        peer.send({"type": "client_list", "epoch": "e1", "rev": 10, "clients": [ROW]})
        for _ in range(100):
            peer.send({**DELTA, "from": 11, "rev": 12})
        assert peer.until(no_ping) == {"type": "resync"}
        assert time.monotonic() - asked > 0.2, "not as often as somebody likes to make it ask"


def test_a_list_that_never_comes_is_asked_for_and_deltas_that_fit_are_taken(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollcall.client.catch_up.LIST_TIMEOUT", 0.3)
    with watched(stand_in.port) as ann:
        peer = stand_in.registered(heartbeat_interval=60, connection_timeout=120)
        ann.until(RosterReplaced)
        peer.send(json.loads(encode(WELCOME)))  # once more, and no list
        peer.send(DELTA)
        assert ann.until(RosterUpdated).rev == 2
        stand_in.hang_up()
        peer = stand_in.accept()
        peer.line()
        peer.send(json.loads(encode(WELCOME)))
        for _ in range(2):
            assert peer.until(no_ping) == {"type": "resync"}, "without any delta"
        peer.send({"type": "client_list", "epoch": "e1", "rev": 7, "clients": [ROW]})
        assert ann.until(RosterReplaced).rev == 7


def test_a_revision_that_only_a_pong_tells_is_asked_for(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.client.catch_up.SETTLE", 0.1)
    with watched(stand_in.port) as ann:
        peer = stand_in.registered(heartbeat_interval=4.0)
        peer.until_type("ping")
        peer.send({"type": "pong", "seq": 1, "rev": 2})  # the only one: nothing else will tell
        assert peer.until(no_ping) == {"type": "resync"}
        peer.send({"type": "client_list", "epoch": "e1", "rev": 2, "clients": [ROW]})
        assert ann.until(RosterReplaced, lambda event: event.rev == 2)


def test_a_server_that_takes_the_call_and_says_nothing_is_dead(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollcall.client.heartbeat.REGISTER_TIMEOUT", 0.2)
    with watched(stand_in.port, reconnect=False) as ann:
        stand_in.accept()
        ended = ann.until(Disconnected)
        assert not ended.was_connected and "did not answer" in ended.cause
        ann.until(Stopped)


def test_a_server_that_stops_answering_is_dead_and_the_client_comes_back(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann:
        stand_in.registered(heartbeat_interval=0.1, connection_timeout=0.5)
        lost = ann.until(Disconnected)
        assert lost.was_connected and lost.cause.startswith("no answer for 0.")
        assert ann.until(Waiting).seconds > 0
        peer = stand_in.accept()
        assert peer.line()["resume_token"] == "token-1"


def test_a_clock_that_was_put_forward_costs_a_ping(stand_in: StandIn) -> None:
    shift = FakeClock(0.0)
    options: Dict[str, Any] = {"uniform": lambda low, high: high, "wall_clock": lambda: time.time() + shift()}
    with watched(stand_in.port, **options) as ann:
        peer = stand_in.registered(heartbeat_interval=60, connection_timeout=120)
        ann.until(RosterReplaced)
        for _ in range(2):
            shift.advance(3600)
            ping = peer.line()
            peer.send({"type": "pong", "seq": ping["seq"], "rev": 1})
            assert ann.until(RoundTrip).seq == ping["seq"]
        assert not any(isinstance(event, Disconnected) for event in ann.seen)


def test_a_laptop_that_slept_reconnects_at_once(stand_in: StandIn) -> None:
    shift = FakeClock(0.0)
    # The first ping would come after the whole minute: only the clocks can tell.
    options: Dict[str, Any] = {"uniform": lambda low, high: high, "wall_clock": lambda: time.time() + shift()}
    with watched(stand_in.port, **options) as ann:
        stand_in.registered(heartbeat_interval=60, connection_timeout=120)
        ann.until(RosterReplaced)
        shift.advance(3600)
        lost = ann.until(Disconnected)
        assert "this computer slept" in lost.cause
        ann.until(Connecting)
        assert not any(isinstance(event, Waiting) for event in ann.seen)
        stand_in.registered()


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_error_code_has_its_consequence(stand_in: StandIn, code: str) -> None:
    with watched(stand_in.port) as ann:
        peer = stand_in.accept()
        peer.line()
        peer.send({"type": "error", "code": code, "message": "because"})
        stand_in.hang_up()
        if code == "code_required":  # the next call is encrypted: what then comes is in tests/client/test_door.py
            assert stand_in.accept().socket.recv(1) == b"\x16"
            return
        ended = ann.until(Disconnected)
        assert (ended.code, ended.cause) == (code, "because")
        if code == "replaced":  # it may be about an older call of its own
            stand_in.accept().send({"type": "error", "code": code, "message": "because"})
        if ERROR_CODES[code] == RETRY:
            ann.until(Waiting)
            assert stand_in.accept().line()["type"] == "register"
        else:
            refused = ann.until(Refused)
            assert (refused.code, refused.action) == (code, ERROR_CODES[code])
            ann.until(Stopped)


def test_the_wish_to_be_left_alone_for_a_while_is_honoured(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann:
        stand_in.accept().send({"type": "error", "code": "server_full", "message": "full", "retry_after": 200})
        assert ann.until(Waiting).seconds >= 200
        ann.client.retry_now()
        ann.until(Connecting)
        stand_in.registered()


def test_nobody_listening_is_a_sentence_and_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with watched(port) as ann:
        assert "nothing listens at 127.0.0.1" in ann.until(Disconnected).cause
        assert [ann.until(Waiting).seconds for _ in range(3)] == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    "garbage",
    [
        b'{"type":"welcome"}\n',
        b"{" + b"\xff" * 100 + b"\n",
        b'{"type":"packed","zlib":"eJz"}\n',
        b'{"type":"client_list","clients":' + b"[" * 5000 + b"\n",
    ],
)
def test_garbage_from_a_server_is_a_sentence(stand_in: StandIn, garbage: bytes) -> None:
    with watched(stand_in.port, reconnect=False) as ann:
        peer = stand_in.accept()
        peer.line()
        peer.send(garbage)
        assert "this is not a Rollcall server, or it is out of order: " in ann.until(Disconnected).cause
        ann.until(Stopped)


def test_messages_that_only_clients_send_and_unknown_ones_are_ignored(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann:
        peer = stand_in.registered()
        peer.send(b'{"type":"weather"}\n{"type":"ping"}\n{"type":"pong","seq":99}\n')
        peer.send({"type": "client_list", "epoch": "e1", "rev": 5, "clients": []})
        assert ann.until(RosterReplaced, lambda event: event.rev == 5).entries == ()


def stopped_within_a_second(ann: Watched) -> None:
    begun = time.monotonic()
    ann.client.stop()
    # The promise is one second; the rest is for a machine that is busy with other things.
    assert time.monotonic() - begun < 5.0
    ann.until(Stopped)


def test_it_stops_while_it_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ann = Watched(port, uniform=lambda low, high: 3600.0)
    ann.until(Waiting)
    stopped_within_a_second(ann)


def test_it_stops_while_the_server_is_silent(stand_in: StandIn) -> None:
    ann = Watched(stand_in.port)
    stand_in.registered()
    ann.until(Connected)
    stopped_within_a_second(ann)


def test_it_stops_while_it_connects() -> None:
    """A listener whose queue is full: on Linux further connects stay unanswered, as in a black hole."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        ann = Watched(listener.getsockname()[1])
        ann.until(Connecting)
        stopped_within_a_second(ann)
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("row", [b'{"id":1,"ip":"","port":0}', b"{}"], ids=["a roster", "a bomb"])
def test_it_stops_while_it_reads_a_roster_without_end(stand_in: StandIn, row: bytes) -> None:
    """As many packed lines as fit, each of which is most of a second's work, or would be half a minute's."""
    count = 50_000 if b"id" in row else 5_000_000
    rows = zlib.compress(b'{"type":"client_list","epoch":"e1","rev":1,"clients":[' + b",".join([row] * count) + b"]}")
    ann = Watched(stand_in.port, reconnect=False)
    peer = stand_in.registered()
    ann.until(RosterReplaced)
    peer.send((b'{"type":"packed","zlib":"' + base64.b64encode(rows) + b'"}\n') * 3)
    if b"id" in row:
        ann.until(RosterReplaced)
    stopped_within_a_second(ann)
    assert not any(isinstance(event, Disconnected) and "ip" in event.cause for event in ann.seen)


def test_what_a_newer_server_says_otherwise_ends_no_connection(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann:
        peer = stand_in.registered(heartbeat_interval=4.0, uptime="a while", new=None)
        ann.until(RosterReplaced)
        peer.send({**DELTA, "up": [{**ROW, "id": 2, "state": "asleep", "observed_ip": None, "role": "teacher"}]})
        assert ann.until(RosterUpdated).up[0].state == "here"
        peer.send({**DELTA, "from": 2, "rev": 3, "up": None, "down": [{"id": 2, "reason": "moved"}], "tip": []})
        assert ann.until(RosterUpdated).down[0].reason == "lost"
        peer.send({"type": "weather"})
        peer.send({"type": "error", "code": "lunch", "message": None, "retry_after": "soon"})
        lost = ann.until(Disconnected)
        assert (lost.code, lost.cause) == ("lunch", "lunch")
        ann.until(Waiting)


def test_it_stops_while_a_name_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()
    real = socket.getaddrinfo

    def slow(host: str, *rest: Any, **options: Any) -> Any:
        if options.get("flags"):
            return real(host, *rest, **options)
        asked.set()
        release.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "slow")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    ann = Watched(1, host="rollcall.invalid")
    assert asked.wait(PATIENCE)
    stopped_within_a_second(ann)
    release.set()


def test_an_unknown_name_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str, *rest: Any, **options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with watched(1, host="rollcall.invalid", reconnect=False) as ann:
        assert "the name rollcall.invalid is not known here" in ann.until(Disconnected).cause


def test_a_client_that_was_never_started_can_be_stopped() -> None:
    Client(Address("127.0.0.1", 1), "Ann", queue.Queue()).stop()


class Original:
    """The original server as far as its clients can tell: version 1 only, unknown fields ignored, full lists."""

    def __init__(self, stand_in: StandIn) -> None:
        self.peer = stand_in.accept()
        register = self.peer.line()
        self.own: Dict[str, Any] = {"ip": register["client_ip"], "port": register["client_port"]}

    def send_list(self, *others: Dict[str, Any]) -> None:
        self.peer.send({"type": "client_list", "clients": [self.own, *others]})


def test_it_works_with_an_original_server(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "ORIGINAL_INTERVAL", 0.1)
    with watched(stand_in.port) as ann:
        original = Original(stand_in)
        original.send_list()
        connected = ann.until(Connected)
        assert connected.welcome is None and connected.connection_timeout == 120
        assert len(ann.until(RosterReplaced).entries) == 1
        for _ in range(3):
            assert original.peer.raw_line() == b'{"type":"ping"}\n'
            original.peer.send(b'{"type":"pong"}\n')
            ann.until(RoundTrip)
        original.send_list({"ip": "10.0.0.7", "port": 7})
        assert [entry.ip for entry in ann.until(RosterReplaced).entries] == ["127.0.0.1", "10.0.0.7"]


def test_an_original_server_is_pinged_often_enough_for_any_lease() -> None:
    assert (client_module.ORIGINAL_INTERVAL, client_module.ORIGINAL_TIMEOUT) == (5.0, 120.0)


def test_each_call_says_whose_it_is_and_which(stand_in: StandIn) -> None:
    with watched(stand_in.port) as ann, watched(stand_in.port) as ben:
        calls = []
        for _ in range(4):
            calls.append(stand_in.accept().line())
            stand_in.hang_up()
        ann.client.retry_now()
        ben.client.retry_now()
        numbers: Dict[str, List[int]] = {}
        for call in calls:
            numbers.setdefault(call["instance"], []).append(call["attempt"])
        assert len(numbers) == 2 and all(len(instance) == 32 for instance in numbers)
        assert all(attempts == sorted(set(attempts)) and attempts[0] == 1 for attempts in numbers.values())


def test_calls_that_wait_while_the_server_sleeps_throw_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.client.heartbeat.REGISTER_TIMEOUT", 0.15)
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0))
    port = server.address[1]
    with ExitStack() as stack:
        # It listens and reads nothing: each call of each client stays in the queue, and they give up and call again.
        crowd = [stack.enter_context(watched(port)) for _ in range(5)]
        for client in crowd:
            client.until(Connecting, lambda event: event.attempt >= 4)
        server.start()
        stack.callback(server.stop)
        monkeypatch.setattr("rollcall.client.heartbeat.REGISTER_TIMEOUT", 5.0)
        for client in crowd:
            client.client.retry_now()
            client.until(Connected)
        wait_until(lambda: len(server.room.gate) == 0, "every call to be read")
        wait_until(lambda: len(server.room) == len(server.room.roster) == len(crowd), "each to be there once")
        for client in crowd:
            assert not any(isinstance(event, Refused) for event in client.seen)


def test_replaced_is_believed_the_second_time_and_doubted_again_after_a_good_connection(stand_in: StandIn) -> None:
    clock = ShiftedClock()
    replaced = {"type": "error", "code": "replaced", "message": "elsewhere"}
    with watched(stand_in.port, clock=clock) as ann:
        stand_in.registered().send(replaced)
        ann.until(Waiting)
        peer = stand_in.registered()
        ann.until(Connected)
        clock.shift += GOOD_CONNECTION + 1
        peer.send(replaced)
        refused = ann.until(Refused)
        assert refused.code == "replaced", "long after its own call that was about somebody else"
        ann.until(Stopped)


def test_a_queue_that_nobody_empties_delays_no_heartbeat(stand_in: StandIn) -> None:
    events: queue.Queue[Event] = queue.Queue(1)
    client = Client(Address("127.0.0.1", stand_in.port), "Full", events)
    client.start()
    try:
        peer = stand_in.registered(heartbeat_interval=0.1, connection_timeout=30.0)
        assert [peer.until_type("ping")["seq"] for _ in range(3)] == [1, 2, 3]
    finally:
        client.stop()


def test_a_queue_that_nobody_empties_holds_the_server_back_and_not_the_end() -> None:
    events: queue.Queue[Event] = queue.Queue(1)
    with running_server() as (server, port):
        client = Client(Address("127.0.0.1", port), "Full", events)
        client.start()
        wait_until(lambda: len(server.room.roster) == 1, "the registration")
        client.stop()  # conftest sees that no thread is left
        assert events.qsize() == 1
        wait_until(lambda: len(server.room.roster) == 0, "the goodbye")


def test_replaced_is_doubted_once_and_again_only_after_a_good_connection(stand_in: StandIn) -> None:
    clock = ShiftedClock()
    replaced = {"type": "error", "code": "replaced", "message": "elsewhere"}
    with watched(stand_in.port, clock=clock) as ann:
        stand_in.registered().send(replaced)
        ann.until(Waiting)
        stand_in.registered()
        ann.until(Connected)
        clock.shift += GOOD_CONNECTION + 1
        stand_in.hang_up()
        ann.until(Waiting)
        stand_in.registered().send(replaced)  # a good connection lies between
        ann.until(Waiting)
        stand_in.registered().send(replaced)  # and here none
        assert ann.until(Refused).code == "replaced"
        ann.until(Stopped)


def test_a_connection_that_was_not_good_earns_nothing(stand_in: StandIn) -> None:
    clock = ShiftedClock()
    replaced = {"type": "error", "code": "replaced", "message": "elsewhere"}
    with watched(stand_in.port, clock=clock) as ann:
        stand_in.registered().send(replaced)
        first = ann.until(Waiting).seconds
        stand_in.registered()
        ann.until(Connected)
        clock.shift += GOOD_CONNECTION - 5
        stand_in.hang_up()
        assert ann.until(Waiting).seconds > first, "the backoff goes on"
        stand_in.registered().send(replaced)
        assert ann.until(Refused).code == "replaced"
        ann.until(Stopped)


def test_the_backoff_begins_again_after_a_good_connection(stand_in: StandIn) -> None:
    clock = ShiftedClock()
    with watched(stand_in.port, clock=clock) as ann:
        waits = []
        for seconds in (0.0, 0.0, GOOD_CONNECTION):
            stand_in.registered()
            ann.until(Connected)
            clock.shift += seconds
            stand_in.hang_up()
            waits.append(ann.until(Waiting).seconds)
            ann.client.retry_now()
        assert waits[0] < waits[1] and waits[2] == waits[0]


@pytest.mark.parametrize(("age", "final"), [(JUST_NOW - 5, False), (JUST_NOW + 1, True)])
def test_replaced_is_doubted_just_after_a_call_only(stand_in: StandIn, age: float, final: bool) -> None:
    clock = ShiftedClock()
    with watched(stand_in.port, clock=clock) as ann:
        stand_in.registered()
        ann.until(Connected)
        clock.shift += 300.0
        stand_in.hang_up()
        ann.until(Waiting)
        peer = stand_in.registered()  # its own call: the age of the first one is of no matter
        ann.until(Connected)
        clock.shift += age
        peer.send({"type": "error", "code": "replaced", "message": "elsewhere"})
        if final:
            assert ann.until(Refused).code == "replaced"
            ann.until(Stopped)
        else:
            ann.until(Waiting)


def test_while_a_list_is_on_its_way_no_delta_asks_for_another(stand_in: StandIn) -> None:
    gap = {"type": "roster_delta", "epoch": "e1", "from": 5, "rev": 6, "up": [{**ROW, "id": 2}]}
    with watched(stand_in.port, uniform=lambda low, high: high) as ann:  # the first ping comes after a minute
        peer = stand_in.registered(heartbeat_interval=60, connection_timeout=120)
        ann.until(RosterReplaced)
        for number in range(5):
            peer.send({**gap, "from": 5 + number, "rev": 6 + number})
        assert peer.line() == {"type": "resync"}
        peer.send({"type": "client_list", "epoch": "e1", "rev": 20, "clients": [ROW]})
        ann.until(RosterReplaced, lambda event: event.rev == 20)
        peer.send({**gap, "from": 20, "rev": 21})
        assert ann.until(RosterUpdated).rev == 21
        ann.client.stop()
        assert peer.rest() == [{"type": "leave"}]


class SlowToTake(queue.Queue[Event]):
    """Holds up whoever puts an event of this kind until the client is stopping, and a moment longer."""

    def __init__(self, kind: Type[Any]) -> None:
        super().__init__()
        self.kind = kind
        self.held = threading.Event()
        self.client: Optional[Client] = None

    def put(self, item: Event, block: bool = True, timeout: Optional[float] = None) -> None:
        if isinstance(item, self.kind):
            self.held.set()
            wait_until(lambda: self.client is None or self.client._stopping, "the client to be stopped")
            threading.Event().wait(0.1)
        super().put(item, block, timeout)


@pytest.mark.parametrize("kind", [PingSent, Stopped], ids=["heartbeat", "reader"])
def test_stop_returns_when_both_threads_have_ended(kind: Type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "GOODBYE", 0.01)
    events = SlowToTake(kind)
    with running_server(heartbeat_interval=0.1, connection_timeout=60) as (server, port):
        client = events.client = Client(Address("127.0.0.1", port), "Ann", events)
        client.start()
        wait_until(lambda: len(server.room.roster) == 1, "the registration")
        assert kind is Stopped or events.held.wait(PATIENCE)
        client.stop()
        assert not client._reader.is_alive() and not client._beater.is_alive()


def test_a_thread_that_does_not_end_is_left_and_told(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The reader waits in a system that does not let go of it, and the server says nothing."""
    monkeypatch.setattr(client_module, "STUCK_AFTER", 0.05)
    with watched(stand_in.port) as ann:
        stand_in.registered()
        ann.until(RosterReplaced)
        with monkeypatch.context() as patched:
            for ending in ("hang_up", "finish_sending"):
                patched.setattr(Connection, ending, lambda self: None)
            stopping = threading.Thread(target=ann.client.stop, daemon=True)
            stopping.start()
            try:
                wait_until(lambda: not stopping.is_alive(), "stop to return", 5)
            finally:
                stand_in.hang_up()
        assert "the reader thread did not end" in caplog.text
        monkeypatch.setattr(client_module, "STUCK_AFTER", PATIENCE)
