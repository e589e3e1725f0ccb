"""finder.py and asker.py: servers are found in every network that a classroom can be; what strangers send is bounded.

The layouts are network namespaces, each with a real server and a real finder; what needs time is played on `Findings`.
"""

from __future__ import annotations

import json
import queue
import socket
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.client import asker, finder
from rollcall.client.asker import Arrived, Asker, Way
from rollcall.client.finder import (
    GONE_AFTER,
    MOST,
    MOST_FROM_ONE,
    QUESTIONS,
    Asking,
    Finder,
    FinderEvent,
    Findings,
    Found,
    Gone,
    Server,
    describe,
    to_json,
)
from rollcall.client.trust import KnownServer, Trust
from rollcall.program.os_errors import number_of
from rollcall.server.settings import ServerConfig
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.discovery import GROUP, LOOPBACK, LOOPBACK_BROADCAST, PORT, Answer, encode_answer, read_question
from rollcall.wire.messages import RoomInfo
from server import RollcallServer
from tests.helpers import PATIENCE, ROOT, ShiftedClock, running_server, wait_until
from tests.network import Network, inside, network

CLOCK = ShiftedClock()
"""The servers'."""


@contextmanager
def server_in(net: Network, name: str = "Room 12", port: int = 8080, host: str = "0.0.0.0") -> Iterator[RollcallServer]:
    with inside(net):
        server = RollcallServer(ServerConfig(host=host, port=port, name=name), clock=CLOCK)
        server.start()
    try:
        wait_until(lambda: server._beacon._joined, "the beacon")
        yield server
    finally:
        assert server.stop()


@contextmanager
def finder_in(net: Network, also: Sequence[str] = ()) -> Iterator[queue.Queue[FinderEvent]]:
    events: queue.Queue[FinderEvent] = queue.Queue()
    with inside(net):
        looking = Finder(events, also)
        looking.start()
    try:
        yield events
    finally:
        assert looking.stop()


def until(events: queue.Queue[FinderEvent], right: Callable[[Any], bool], timeout: float = 10.0) -> Any:
    deadline = monotonic() + timeout
    seen: List[FinderEvent] = []
    while True:
        try:
            seen.append(events.get(timeout=max(0.01, deadline - monotonic())))
        except queue.Empty:
            raise AssertionError(f"it did not come; what came is {seen}") from None
        if right(seen[-1]):
            return seen[-1]


def found_at(events: queue.Queue[FinderEvent], *addresses: str) -> Server:
    """Wait until a server is found at exactly these addresses."""

    def right(event: FinderEvent) -> bool:
        return isinstance(event, Found) and sorted(map(str, event.server.addresses)) == sorted(addresses)

    found = until(events, right)
    assert isinstance(found, Found)
    return found.server


@contextmanager
def classroom(*addresses: str) -> Iterator[List[Network]]:
    """A switch, and a computer for each address."""
    with network() as hub, network() as one, network() as other:
        nets = [one, other]
        for net, address in zip(nets, addresses):
            hub.plug(net, "eth0", address)
        yield [*nets, hub]


# --- the layouts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "client"),
    [("192.168.5.2/24", "192.168.5.3/24"), ("169.254.7.8/16", "169.254.9.1/16"), ("10.0.0.2/8", "10.200.0.3/8")],
    ids=["no router", "link-local only", "a large network"],
)
def test_a_switch_and_nothing_else(server: str, client: str) -> None:
    with classroom(server, client) as (teacher, student, _), server_in(teacher), finder_in(student) as events:
        began = monotonic()
        first = found_at(events, f"{server.partition('/')[0]}:8080")
        assert monotonic() - began < 1.5
        assert (first.name, first.closed, first.here, first.own) == ("Room 12", False, 0, False)


def test_a_netmask_that_is_wrong_does_not_matter_to_multicast() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/28") as (teacher, student, _):
        with server_in(teacher), finder_in(student) as events:
            found_at(events, "192.168.5.2:8080")


def test_a_switch_that_passes_on_no_multicast() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/24") as (teacher, student, hub), server_in(teacher):
        for end in ("end1", "end2"):
            hub.ip(f"link set {end} type bridge_slave mcast_flood off")
        with finder_in(student) as events:
            found_at(events, "192.168.5.2:8080")


def test_a_vpn_that_has_taken_the_default_route_changes_nothing() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/24") as (teacher, student, _):
        with student.tunnel("10.8.0.3/24"), teacher.tunnel("10.8.0.2/24"):
            for net in (student, teacher):
                net.ip("route add default dev tun0")
            with server_in(teacher), finder_in(student) as events:
                asking = until(events, lambda event: isinstance(event, Asking))
                assert asking.cards[0] == "eth0", "the real network before the VPN"
                found_at(events, "192.168.5.2:8080")


def test_several_cards_lead_to_one_server_with_several_addresses() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/24") as (teacher, student, _), network() as second:
        second.plug(teacher, "eth1", "10.1.0.2/16")
        second.plug(student, "eth1", "10.1.0.3/16")
        teacher.card("eth2", "192.168.7.2/24")  # which the student is not on
        with server_in(teacher), finder_in(student) as events:
            found_at(events, "192.168.5.2:8080", "10.1.0.2:8080")


def test_two_servers_on_one_computer_one_of_them_on_the_second_port() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/24") as (teacher, student, _):
        with server_in(teacher, "A"), server_in(teacher, "B", 8081), finder_in(student) as events:
            names: Dict[str, str] = {}
            while len(names) < 2:
                server = until(events, lambda event: isinstance(event, Found)).server
                names[server.name] = str(server.addresses[0])
            assert names == {"A": "192.168.5.2:8080", "B": "192.168.5.2:8081"}


def test_servers_of_the_own_computer_are_found_without_a_network_and_called_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finder, "ASK_AFTER", (0.0,))
    monkeypatch.setattr(finder, "REGULARLY", 100.0)
    with network() as net, server_in(net, "A"), server_in(net, "B", 8081, "127.0.0.1"), finder_in(net) as events:
        asking = until(events, lambda event: isinstance(event, Asking))
        assert asking == Asking(())
        found = [until(events, lambda event: isinstance(event, Found)).server for _ in range(2)]
        assert {str(server.addresses[0]) for server in found} == {"127.0.0.1:8080", "127.0.0.1:8081"}
        assert all(server.own for server in found)
        assert "this computer" in describe(Found(found[0])) and "no network" in describe(asking)
        net.card("eth0", "192.168.5.2/24")  # a network comes: it is asked at once
        until(events, lambda event: isinstance(event, Asking) and event.cards == ("eth0",), 3.0)
        server = found_at(events, "127.0.0.1:8080", "192.168.5.2:8080")
        assert str(server.addresses[0]) == "127.0.0.1:8080" and server.own, "for itself the one that never changes"


def test_a_cable_that_comes_later_and_a_server_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finder, "GONE_AFTER", 1.0)
    monkeypatch.setattr(finder, "REGULARLY", 0.2)
    monkeypatch.setattr(finder, "ASK_AFTER", (0.0,))
    with network() as hub, network() as teacher, network() as student, finder_in(student) as events:
        until(events, lambda event: event == Asking(()))
        hub.plug(teacher, "eth0", "192.168.5.2/24")
        with server_in(teacher):
            hub.plug(student, "eth0", "192.168.5.3/24")
            server = found_at(events, "192.168.5.2:8080")
        gone = until(events, lambda event: isinstance(event, Gone))
        assert gone.server.key == server.key


def test_who_is_behind_a_router_is_found_when_asked_by_address() -> None:
    with network() as router, network() as teacher, network() as student:
        router.ip("link add to-teacher type veth peer name eth0 netns " + teacher.name)
        router.ip("link add to-student type veth peer name eth0 netns " + student.name)
        for net, card, address in (
            (router, "to-teacher", "192.168.5.1/24"),
            (router, "to-student", "192.168.6.1/24"),
            (teacher, "eth0", "192.168.5.2/24"),
            (student, "eth0", "192.168.6.3/24"),
        ):
            net.ip(f"addr add {address} dev {card} broadcast +")
            net.ip(f"link set {card} up")
        teacher.ip("route add default via 192.168.5.1")
        student.ip("route add default via 192.168.6.1")
        router.set("ipv4/ip_forward", 1)
        with server_in(teacher), finder_in(student, ["192.168.5.2"]) as events:
            found_at(events, "192.168.5.2:8080")


def test_where_nothing_can_be_sent_that_is_said() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24")
        asking = Asker()
        asking.refresh()
        net.ip("addr del 192.168.5.2/24 dev eth0")  # between two looks
        sent = asking.ask("question1")
        asking.close()
    told = finder._asking(sent)
    assert told.cards == () and told.problem.startswith("no question could be sent by 1 network card: ")
    assert told.problem in describe(told)


def test_on_every_system_a_server_on_this_computer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a namespace, so nothing is sent but over the loopback interface; other servers may be there as well."""
    ways = asker.ways()
    assert ways[0].targets == (GROUP, LOOPBACK_BROADCAST, LOOPBACK) and ways[0].loopback
    monkeypatch.setattr(asker, "ways", lambda: ways[:1])
    with running_server(name="Room 12") as (_, port), running_server(name="Room 13") as (_, other):
        events: queue.Queue[FinderEvent] = queue.Queue()
        looking = Finder(events)
        looking.start()
        try:
            both = {Address(LOOPBACK, port): "Room 12", Address(LOOPBACK, other): "Room 13"}
            while both:
                found = until(events, lambda event: isinstance(event, Found) and event.server.addresses[0] in both)
                assert found.server.own and found.server.name == both.pop(found.server.addresses[0])
        finally:
            assert looking.stop()


# --- what strangers send --------------------------------------------------------------------------------------------


ROOM = RoomInfo("Room 12", 2, "rollcall 0.1.0", False, "Xk3f")
WAY = Way("192.168.5.3", "eth0", ())
OWN = ["127.0.0.1", "192.168.5.3"]


def arrived(
    ip: str = "192.168.5.2", way: Way = WAY, question: str = "question", port: int = 8080, **room: Any
) -> Arrived:
    return Arrived(encode_answer(Answer(replace(ROOM, **room), port, question, 3)), ip, way)


def findings(always: Sequence[str] = ()) -> Findings:
    empty = Findings(always)
    empty.asked("question")
    return empty


def test_only_answers_to_own_questions_count_and_each_once() -> None:
    state = findings()
    assert state.heard(arrived(question="another"), OWN, 0.0) == []
    assert len(state.heard(arrived(), OWN, 0.0)) == 1
    assert state.heard(arrived(server_name="Changed"), OWN, 1.0) == [], "one answer to one question"
    state.asked("second")
    assert state.heard(arrived(question="second"), OWN, 1.0) == [], "nothing new"
    state.asked("third")
    (changed,) = state.heard(arrived(question="third", server_name="Changed"), OWN, 2.0)
    assert isinstance(changed, Found) and changed.server.name == "Changed" and changed.server.key == "Xk3f:8080"
    for number in range(QUESTIONS):
        state.asked(f"later{number}")
    assert state.heard(arrived("192.168.5.9", question="third"), OWN, 3.0) == [], "too late"


def test_the_sender_is_the_address_whatever_the_answer_says() -> None:
    data = json.loads(arrived().data)
    data.update(ip="6.6.6.6", address="6.6.6.6", host="evil.example", addresses=["6.6.6.6:1"])
    (event,) = findings().heard(Arrived(json.dumps(data).encode(), "192.168.5.2", WAY), OWN, 0.0)
    assert isinstance(event, Found) and event.server.addresses == (Address("192.168.5.2", 8080),)


def test_silence_for_ten_seconds_is_the_end_address_by_address() -> None:
    state = findings()
    state.heard(arrived(), OWN, 0.0)
    state.heard(arrived("10.0.0.2"), OWN, 5.0)
    assert state.next_end() == GONE_AFTER
    assert state.expire(OWN, GONE_AFTER - 0.01) == []
    (one_less,) = state.expire(OWN, GONE_AFTER)
    assert isinstance(one_less, Found) and one_less.server.addresses == (Address("10.0.0.2", 8080),)
    (gone,) = state.expire(OWN, 5.0 + GONE_AFTER)
    assert isinstance(gone, Gone) and gone.server == one_less.server and state.next_end() is None


def test_a_server_that_was_started_again_is_another_one() -> None:
    state = findings()
    state.heard(arrived(), OWN, 0.0)
    state.asked("second")
    kinds = {type(event) for event in state.heard(arrived(question="second", epoch="new"), OWN, 1.0)}
    assert kinds == {Found, Gone}


def test_there_are_at_most_fifty_of_which_few_from_one_computer_and_a_place_for_who_was_asked() -> None:
    state = findings(["192.168.5.200"])
    for port in range(1000, 1000 + 2 * MOST_FROM_ONE):
        state.heard(arrived("192.168.5.2", port=port, epoch=f"e{port}"), OWN, 0.0)
    assert len(state._places) == MOST_FROM_ONE
    for number in range(3, 3 + 2 * MOST):
        state.heard(arrived(f"192.168.5.{number}", epoch=f"e{number}"), OWN, 0.0)
    assert len(state._places) == MOST
    assert state.heard(arrived("192.168.5.199"), OWN, 0.0) == []
    assert len(state.heard(arrived("192.168.5.200"), OWN, 0.0)) == 1
    assert sum(len(sources) for sources in state._questions.values()) == MOST + 1


def test_the_best_address_comes_first() -> None:
    state, vpn = findings(), Way("10.8.0.3", "tun0", (), aside=True)
    for ip, way in (("10.8.0.2", vpn), ("169.254.1.2", WAY), ("192.168.5.2", WAY)):
        (event,) = state.heard(arrived(ip, way), OWN, 0.0)
    assert isinstance(event, Found)
    assert [one.host for one in event.server.addresses] == ["192.168.5.2", "169.254.1.2", "10.8.0.2"]


def test_servers_that_tell_no_epoch_are_told_apart() -> None:
    state = findings()
    data = arrived().data.replace(b'"Xk3f"', b'""')
    (one,) = state.heard(Arrived(data, "192.168.5.2", WAY), OWN, 0.0)
    (two,) = state.heard(Arrived(data, "192.168.5.4", WAY), OWN, 0.0)
    assert isinstance(one, Found) and isinstance(two, Found) and one.server.key != two.server.key


@given(st.binary(max_size=1500))
def test_bytes_from_anybody_are_nothing(data: bytes) -> None:
    assert findings().heard(Arrived(data, "192.168.5.2", WAY), OWN, 0.0) == []


def test_a_flood_of_answers_with_stolen_questions_is_bounded() -> None:
    """Somebody in the room hears the question, and answers it a thousand times from many ports, and with garbage."""
    with classroom("192.168.5.66/24", "192.168.5.3/24") as (villain, student, hub), network() as teacher:
        hub.plug(teacher, "eth0", "192.168.5.2/24")
        with inside(villain):
            ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ears.bind(("", PORT))
            ears.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("192.168.5.66")
            )
            ears.settimeout(PATIENCE)
        with ears, server_in(teacher), finder_in(student) as events:
            data, source = ears.recvfrom(2000)
            question = read_question(data)
            assert question is not None
            for number in range(1000):
                ears.sendto(b"\xff" * number, source)
                ears.sendto(arrived(question=question, port=1 + number, epoch=f"e{number}").data, source)
            ears.sendto(bytes(60000), source)
            found_at(events, "192.168.5.2:8080")
            told = []
            with pytest.raises(queue.Empty):
                while True:
                    told.append(events.get(timeout=0.3))
            assert len(told) <= MOST_FROM_ONE + 2


def test_names_are_shown_without_what_moves_the_line() -> None:
    server = Server("k", (Address("10.0.0.2"),), "Room\u200b 12", True, None, False, "app", 2, "", False)
    assert describe(Found(server)) == "10.0.0.2:8080  Room\\u200b 12  (closed, not met before)"
    known = replace(server, fingerprint="cd" * 32)
    met = Trust((KnownServer("cd" * 32, "Another name"),))
    assert describe(Found(known), met).endswith("(closed, met before)") and to_json(Found(known), met)["met"] is True
    assert "not met before" in describe(Found(known), Trust((KnownServer("ef" * 32),)))
    assert to_json(Found(known))["met"] is False and to_json(Found(server), met)["met"] is False
    assert "gone" in describe(Gone(server))
    assert to_json(Found(server))["addresses"] == ["10.0.0.2:8080"] and to_json(Gone(server))["event"] == "gone"
    assert to_json(Asking(("eth0",), "p")) == {"event": "asking", "cards": ("eth0",), "problem": "p"}


# --- sockets and the thread -----------------------------------------------------------------------------------------


def test_a_machine_with_very_many_addresses_is_asked_from_some_the_real_ones_first() -> None:
    with network() as net, inside(net):
        net.ip("link add docker0 type bridge")
        net.ip("link set docker0 up")
        net.card("docker1")
        net.ip("link set docker1 master docker0")
        for number in range(asker.MOST_SOCKETS + 5):
            net.ip(f"addr add 10.9.{number}.1/24 dev docker0")
        net.card("eth0", "192.168.5.3/24")
        ways = asker.ways()
        assert [way.ip for way in ways[:2]] == [LOOPBACK, "192.168.5.3"] and len(ways) == asker.MOST_SOCKETS
        assert ways[1].targets == (GROUP, "192.168.5.255") and ways[2].aside


def test_without_the_systems_table_the_system_chooses_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("not here")

    monkeypatch.setattr("rollcall.client.asker.interfaces", refuse)
    with network() as net, server_in(net), inside(net):
        asking = Asker()
        assert asking.refresh() and not asking.refresh()
        assert asking.own == [LOOPBACK, "0.0.0.0"]
        sent = asking.ask("question")
        assert sent[0].error is None and sent[1].error is not None, "there is no network here"
        assert number_of(sent[1].error) is not None
        wait_until(lambda: asking.ask("question1") and asking.receive(0.1), "an answer over the loopback interface")
        asking.close()


def test_names_are_not_looked_up_by_the_finder() -> None:
    with network() as net, inside(net):
        asking = Asker(["localhost", "fe80::1", "", "127.0.0.1"])
        asking.refresh()
        assert [sent.way.targets for sent in asking.ask("question1")][1:] == [("127.0.0.1",)]
        asking.close()


def test_a_finder_stops_at_once_and_a_bug_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with network() as net:
        with finder_in(net) as events:
            until(events, lambda event: isinstance(event, Asking))
            began = monotonic()
        assert monotonic() - began < 0.5
        monkeypatch.setattr(finder, "new_question", lambda: 1 // 0)
        monkeypatch.setattr("threading.excepthook", lambda arguments: None)
        with finder_in(net) as events:
            assert "ZeroDivisionError" in until(events, lambda event: isinstance(event, Asking)).problem


# --- the program ----------------------------------------------------------------------------------------------------


def test_the_program_lists_the_servers_and_says_when_there_is_none() -> None:
    with classroom("192.168.5.2/24", "192.168.5.3/24") as (teacher, student, _):
        with student.program(ROOT / "client.py", "--find", "nowhere.invalid") as client:
            assert client.wait() == 1 and "nowhere.invalid" in client.text and "Traceback" not in client.text
        with student.program(ROOT / "client.py", "--find", "--for", "0.3") as client:
            assert client.wait() == 1
            assert client.lines == ["asking eth0", "no server has answered; client.py --doctor says why that may be"]
        with server_in(teacher):
            with student.program(ROOT / "client.py", "--find", "--for", "0.5") as client:
                assert client.wait() == 0
                assert client.lines == ["asking eth0", "192.168.5.2:8080  Room 12  (open, 0 here, not met before)"]
            with student.program(ROOT / "client.py", "--find", "--json", "localhost") as client:
                client.wait_for_line('"found"')
                assert client.stop() == 0
                asking, found = map(json.loads, client.stdout_lines)
            assert asking == {"event": "asking", "cards": ["eth0"], "problem": ""}
            assert (found["event"], found["addresses"], found["name"]) == ("found", ["192.168.5.2:8080"], "Room 12")


def test_where_there_is_ipv6_alone_nothing_is_found_and_the_typed_address_joins(tmp_path: Path) -> None:
    with classroom() as (teacher, student, hub):
        for net, address in ((teacher, "fe80::1/64"), (student, "fe80::2/64")):
            hub.plug(net, "eth0")
            net.ip(f"addr add {address} dev eth0 nodad")
        arguments = (ROOT / "server.py", "--config", tmp_path / "c.toml", "--host", "::", "--port", "8080")
        (tmp_path / "c.toml").write_text("[server]\n")
        with teacher.program(*arguments) as server:
            server.wait_for_line(r"\[fe80::1%eth0\]:8080")
            with student.program(ROOT / "client.py", "--find", "--for", "0.3") as client:
                assert client.wait() == 1
            typed = ("[fe80::1%eth0]:8080", "--name", "Ann", "--for", "1")
            with student.program(ROOT / "client.py", *typed) as client:
                assert client.wait() == 0 and "connected" in client.text
            assert "http://" not in server.text, "no browser takes an address with a card in it"
            assert server.stop() == 0
