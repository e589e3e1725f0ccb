"""Between a client that does everything right and the server there is a network that does not."""

from __future__ import annotations

import queue
import socket
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List

from client import Client
from rollcall.client import events
from rollcall.client.events import Event
from rollcall.wire.address import Address
from tests.faults.watched import watched
from tests.helpers import PATIENCE, RawClient, wait_until
from tests.proxy import BOTH, DOWN, UP, Proxy


class Followed:
    """A real client and everything that happened to it. Whoever waits for something does ``meanwhile``."""

    def __init__(self, port: int, name: str, meanwhile: Callable[[], None] = lambda: None, **more: Any) -> None:
        self._meanwhile = meanwhile
        self.queue: queue.Queue[Event] = queue.Queue()
        self.happened: List[Event] = []
        self.client = Client(Address("127.0.0.1", port), name, self.queue, **more)
        self.client.start()

    def count(self, kind: type) -> int:
        while True:
            try:
                self.happened.append(self.queue.get_nowait())
            except queue.Empty:
                return sum(isinstance(event, kind) for event in self.happened)

    def wait_for(self, kind: type, count: int = 1) -> None:
        def happened() -> bool:
            self._meanwhile()
            return self.count(kind) >= count

        wait_until(happened, f"{count} x {kind.__name__}; there were {self.happened}")


@contextmanager
def following(port: int, name: str, *meanwhile: Callable[[], None], **more: Any) -> Iterator[Followed]:
    followed = Followed(port, name, *meanwhile, **more)
    try:
        yield followed
    finally:
        followed.client.stop()


def test_every_message_may_come_in_single_bytes() -> None:
    with watched(heartbeat_interval=0.1, connection_timeout=PATIENCE) as seen, Proxy(seen.port) as proxy:
        proxy.slice = 1
        with following(proxy.port, "Sliced") as sliced:
            sliced.wait_for(events.RosterReplaced)
            sliced.wait_for(events.RoundTrip, 3)
            with seen.member("Another") as another:
                sliced.wait_for(events.RosterUpdated)
                another.send({"type": "leave"})
            sliced.wait_for(events.RosterUpdated, 2)
            assert sliced.count(events.Disconnected) == 0


def test_every_line_may_come_in_two_parts_wherever_it_is_cut() -> None:
    lines = [
        b'{"type":"register","client_ip":"10.0.0.1","client_port":5,"protocol":2,"name":"Zo\xc3\xab"}\n',
        b'{"type":"ping","seq":12}\n',
        b'{"type":"resync"}\r\n',
    ]
    said = b"".join(lines)
    with watched(max_clients=1000) as seen:
        for cut in range(1, len(said)):
            with RawClient(seen.port) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                client.send(said[:cut])
                client.send(said[cut:])
                assert client.until_type("welcome")
                assert client.until_type("pong")["seq"] == 12
                client.send({"type": "leave"})
                client.rest()


def test_a_slow_network_is_no_absence_and_a_dead_one_is_noticed_by_both() -> None:
    with watched(heartbeat_interval=0.1, connection_timeout=1.0) as seen, Proxy(seen.port) as proxy:
        with following(proxy.port, "Far away", seen.beat) as far:
            far.wait_for(events.RoundTrip)
            proxy.latency = 0.15
            before = far.count(events.RoundTrip)
            far.wait_for(events.RoundTrip, before + 5)
            assert far.count(events.Disconnected) == 0
            proxy.latency = 0.0
            for way in (UP, DOWN):
                gone, back = far.count(events.Disconnected), far.count(events.Connected)
                proxy.lost.add(way)
                far.wait_for(events.Disconnected, gone + 1)
                proxy.flow()
                far.client.retry_now()
                far.wait_for(events.Connected, back + 1)
                seen.beat()
                assert seen.roster() == ["Far away", "Witness"]


def test_a_network_that_stalls_and_goes_on_loses_nothing() -> None:
    with watched(heartbeat_interval=0.1, connection_timeout=PATIENCE) as seen, Proxy(seen.port) as proxy:
        with following(proxy.port, "Patient") as patient:
            patient.wait_for(events.RoundTrip)
            proxy.stall(*BOTH)
            members = [seen.member(f"Member {number}") for number in range(5)]
            for member in members[:3]:
                member.send({"type": "leave"})
                member.rest()
                member.close()
            seen.beat()
            proxy.flow()
            wait_until(lambda: names(patient) == seen_names(seen), "the same roster")
            assert patient.count(events.Disconnected) == 0
            for member in members[3:]:
                member.close()


def names(followed: Followed) -> List[str]:
    """Whom this client shows."""
    rows: dict[int, str] = {}
    followed.count(object)
    for event in followed.happened:
        if isinstance(event, events.RosterReplaced):
            rows = {entry.id: entry.name for entry in event.entries}
        elif isinstance(event, events.RosterUpdated):
            rows.update({entry.id: entry.name for entry in event.up})
            for gone in event.down:
                rows.pop(gone.id, None)
    return sorted(rows.values())


def seen_names(seen: Any) -> List[str]:
    return sorted(entry.name for entry in seen.server.room.roster.snapshot().entries)


def test_a_network_that_resets_everything_again_and_again() -> None:
    with watched(heartbeat_interval=0.1, connection_timeout=1.0) as seen, Proxy(seen.port) as proxy:
        with following(proxy.port, "Unlucky", seen.beat, uniform=lambda low, high: 0.0) as unlucky:
            for turn in range(5):
                unlucky.wait_for(events.Connected, turn + 1)
                proxy.reset()
                unlucky.wait_for(events.Disconnected, turn + 1)
                unlucky.client.retry_now()
            unlucky.wait_for(events.Connected, 6)
            welcomes = [event.welcome for event in unlucky.happened if isinstance(event, events.Connected)]
            assert len({welcome.member_id for welcome in welcomes if welcome}) == 1, "the same row each time"
            assert seen.roster() == ["Unlucky", "Witness"]


def test_who_comes_back_from_another_address_keeps_the_row() -> None:
    with watched() as seen:
        with seen.member("Roaming", instance="5f" * 16, attempt=1) as first:
            first.send({"type": "resync"})
            row = next(one for one in first.until_type("client_list")["clients"] if one["name"] == "Roaming")
        with RawClient(seen.port, source="127.0.0.2") as second:
            second.register("Roaming", instance="5f" * 16, attempt=2)
            clients = second.until_type("client_list")["clients"]
            (again,) = [one for one in clients if one["name"] == "Roaming"]
            assert again["id"] == row["id"] and again["observed_ip"] == "127.0.0.2"
            second.send({"type": "leave"})
            second.rest()
