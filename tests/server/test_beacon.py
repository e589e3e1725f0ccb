"""beacon.py: who gets an answer, how often, and that nothing which comes to this port harms the server."""

from __future__ import annotations

import logging
import select
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Optional

import pytest

from rollcall.server import beacon
from rollcall.server.beacon import ANSWERS, ANSWERS_TO_ONE, REMEMBERED, Limits
from rollcall.server.settings import ServerConfig
from rollcall.wire.discovery import (
    GROUP,
    LOOPBACK,
    PORT,
    Answer,
    asking_socket,
    encode_answer,
    encode_question,
    new_question,
    read_answer,
    share_port,
)
from rollcall.wire.messages import RoomInfo
from server import RollcallServer
from tests.closed_room import JOIN, TlsClient, room_with_keys
from tests.helpers import PATIENCE, RawClient, ShiftedClock, wait_until
from tests.network import inside, network

BROADCAST = "192.168.5.255"
CLOCK = ShiftedClock()


@contextmanager
def serving(host: str = "0.0.0.0", port: int = 0, **settings: Any) -> Iterator[RollcallServer]:
    server = RollcallServer(ServerConfig(host=host, port=port, **settings), clock=CLOCK)
    server.start()
    try:
        yield server
    finally:
        assert server.stop()


def answers(sock: socket.socket, seconds: float = 0.15) -> List[Answer]:
    """All that come until it has been silent for so long."""
    found = []
    while select.select([sock], [], [], seconds)[0]:
        answer = read_answer(sock.recv(2000))
        assert answer is not None
        found.append(answer)
    return found


def first_answer(sock: socket.socket, *targets: str) -> Answer:
    """Ask until somebody answers: a beacon that has just been started may not be there yet."""
    for _ in range(100):
        sock.setblocking(False)
        for target in targets:
            sock.sendto(encode_question(new_question()), (target, PORT))
        if select.select([sock], [], [], 0.1)[0]:
            found = answers(sock, 0.02)
            return found[0]
    raise AssertionError("nobody answers")


def quiet_second() -> None:
    """The limits are counted anew with each second of the clock: the next one begins."""
    CLOCK.shift += 1.01 - CLOCK() % 1


def test_a_server_in_the_room_answers_with_what_room_it_is() -> None:
    with serving("127.0.0.1", name="Room 12") as server, asking_socket(LOOPBACK) as sock:
        port = server.address[1]
        with RawClient(port) as ann:
            ann.register("Ann")
            ann.until_type("welcome")

            def own() -> Optional[Answer]:
                sock.sendto(encode_question(question), (GROUP, PORT))
                return next((answer for answer in answers(sock, 0.05) if answer.port == port), None)

            question = new_question()
            found = wait_until(own, "an answer", 5.0)
            assert found is not None
            assert found.question == question and found.here == 1 and found.room.server_name == "Room 12"
            assert (found.room.protocol, found.room.closed, found.room.epoch) == (2, False, server.room.epoch)
            assert found.time is not None and abs(found.time - time.time()) < PATIENCE


def test_a_closed_room_says_so_and_whose_certificate_it_has(tmp_path: Path) -> None:
    with network() as net, inside(net), room_with_keys(tmp_path, join_code=JOIN) as (_, port):
        with asking_socket(LOOPBACK) as sock, TlsClient(port) as ann:
            found = first_answer(sock, GROUP)
            assert found.room.closed and found.hello and found.fingerprint == ann.fingerprint
            told = ann.hello()
            assert told["epoch"] == found.room.epoch and told["closed"] and told["nonce"] and not found.room.nonce


def test_who_is_not_to_be_found_answers_nobody_and_has_no_thread() -> None:
    with network() as net, inside(net), serving("0.0.0.0", discoverable=False) as server:
        assert not server._beacon._thread.is_alive()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("", PORT))
    with serving("::1") as server:
        assert not server._beacon._thread.is_alive(), "discovery is for IPv4"


def test_each_question_is_answered_once_and_four_a_second() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24", "192.168.5.3/24")
        with serving(), asking_socket("192.168.5.2") as sock, asking_socket("192.168.5.3") as other:
            first_answer(sock, GROUP)
            first_answer(other, BROADCAST)
            quiet_second()
            question = encode_question(new_question())
            for target in (GROUP, BROADCAST, "192.168.5.2", GROUP):
                sock.sendto(question, (target, PORT))
            assert len(answers(sock)) == 1
            other.sendto(question, (GROUP, PORT))
            assert len(answers(other)) == 1, "somebody else's question is another one"
            quiet_second()
            for _ in range(2 * ANSWERS_TO_ONE):
                sock.sendto(encode_question(new_question()), (GROUP, PORT))
            other.sendto(encode_question(new_question()), (GROUP, PORT))
            assert len(answers(sock)) == ANSWERS_TO_ONE
            assert len(answers(other)) == 1


def test_only_private_sources_are_answered_and_those_that_the_settings_name() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24", "11.0.0.7/24", "12.0.0.7/24")
        with serving(discoverable_networks="12.0.0.0/8"), asking_socket("192.168.5.2") as private:
            first_answer(private, GROUP)
            with asking_socket("11.0.0.7") as public, asking_socket("12.0.0.7") as named:
                for sock, target in ((public, GROUP), (public, "11.0.0.255"), (named, GROUP)):
                    sock.sendto(encode_question(new_question()), (target, PORT))
                assert len(answers(named)) == 1
                assert answers(public) == []


def test_what_is_no_question_gets_no_answer_and_harms_nobody() -> None:
    question = encode_question(new_question())
    garbage = [
        b"",
        b"x",
        question[:-1],
        question + b" " * 300,
        bytes(65000),
        b"{" * 1200,
        encode_answer(Answer(RoomInfo("x", 2, "", False, "e"), 1, "12345678")).ljust(1200),  # our own echo
        b'{"type":"find","question":"a b"}'.ljust(1200),
    ]
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24")
        with serving() as server, asking_socket("192.168.5.2") as sock:
            first_answer(sock, GROUP)
            for data in garbage:
                sock.sendto(data, ("192.168.5.2", PORT))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:  # as if another server had asked
                share_port(echo)
                echo.bind(("192.168.5.2", PORT))
                echo.sendto(encode_question(new_question()), (LOOPBACK, PORT))
                assert not select.select([echo], [], [], 0.1)[0]
            assert answers(sock) == []
            quiet_second()
            assert first_answer(sock, GROUP).port == server.address[1]


def test_two_servers_on_one_computer_are_both_found_and_an_address_asked_alone_reaches_one() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24")
        with serving(name="A") as one, asking_socket("192.168.5.2") as sock, asking_socket(LOOPBACK) as here:
            first_answer(sock, GROUP)
            with serving(name="B") as other:
                both = {one.address[1], other.address[1]}
                for asking, targets in ((sock, (GROUP,)), (sock, (BROADCAST,)), (here, (GROUP,))):

                    def found(asking: socket.socket = asking, targets: Any = targets) -> bool:
                        for target in targets:
                            asking.sendto(encode_question(new_question()), (target, PORT))
                        return {answer.port for answer in answers(asking, 0.1)} == both

                    wait_until(found, f"both, by {targets}", 10.0)
                quiet_second()
                sock.sendto(encode_question(new_question()), ("192.168.5.2", PORT))
                assert [answer.port for answer in answers(sock)] == [other.address[1]], "the one that began last"
            quiet_second()
            assert first_answer(sock, "192.168.5.2").port == one.address[1]


def test_who_listens_at_one_address_answers_from_that_one() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24")
        net.card("eth1", "192.168.6.1/24", "192.168.6.2/24")  # left to itself the system would take the first
        with serving("192.168.6.2"), asking_socket("192.168.6.1") as right, asking_socket("192.168.5.2") as wrong:
            for target in (GROUP, "192.168.6.255", "192.168.6.2"):
                first_answer(right, target)
            right.sendto(encode_question(new_question()), (GROUP, PORT))
            quiet_second()
            right.sendto(encode_question(new_question()), (GROUP, PORT))
            assert select.select([right], [], [], PATIENCE)[0]
            assert right.recvfrom(2000)[1] == ("192.168.6.2", PORT)
            wrong.sendto(encode_question(new_question()), (GROUP, PORT))
            assert answers(wrong) == []


def test_a_server_of_this_computer_alone_is_found_here_and_nowhere_else() -> None:
    with network() as hub, network() as net, network() as far:
        hub.plug(net, "eth0", "192.168.5.2/24")
        hub.plug(far, "eth0", "192.168.5.3/24")
        with inside(far):
            stranger = asking_socket("192.168.5.3")
        with inside(net), serving("127.0.0.1") as server, stranger, asking_socket(LOOPBACK) as here:
            first_answer(here, GROUP)
            for target in (GROUP, BROADCAST):
                stranger.sendto(encode_question(new_question()), (target, PORT))
            assert answers(stranger) == []
            assert set(server._beacon._limits._answers_to) == {LOOPBACK}, "others do not use up what it may answer"


def test_a_card_that_comes_later_is_listened_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beacon, "LOOK_AGAIN", 0.05)
    with network() as hub, network() as net, network() as far, inside(net), serving():
        hub.plug(net, "eth0", "192.168.5.2/24")
        hub.plug(far, "eth0", "192.168.5.3/24")
        with inside(far):
            stranger = asking_socket("192.168.5.3")
        with stranger:
            first_answer(stranger, GROUP)
            net.ip("link del eth0")
            hub.plug(net, "eth0", "192.168.5.2/24")
            first_answer(stranger, GROUP)
            net.ip("addr del 192.168.5.2/24 dev eth0")

            def members() -> str:  # <net/ipv4/igmp.c>: the group's four bytes as a number of this machine
                return Path("/proc/net/igmp").read_text().split("eth0")[1]

            group = f"{int.from_bytes(socket.inet_aton(GROUP), sys.byteorder):08X}"
            wait_until(lambda: group not in members(), "the membership to end: a socket may have twenty (ip(7))")


def test_a_port_that_somebody_keeps_costs_a_line_and_not_the_server(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "rollcall.server")
    with network() as net, inside(net), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as selfish:
        selfish.bind(("0.0.0.0", PORT))
        with serving("127.0.0.1") as server:
            wait_until(lambda: "not found by itself" in caplog.text, "the line")
            with RawClient(server.address[1]) as ann:
                ann.register("Ann")
                assert ann.until_type("welcome")
    assert [record.getMessage() for record in caplog.records] == [
        f"this server is not found by itself, its address must be typed: UDP port {PORT}: Address already in use"
    ]


def test_a_bug_in_the_answer_ends_the_beacon_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "rollcall.server")
    with network() as net, inside(net), serving("127.0.0.1") as server, asking_socket(LOOPBACK) as sock:
        first_answer(sock, GROUP)
        server._beacon._describe = lambda question: read_answer(b"")  # type: ignore[assignment, return-value]
        quiet_second()
        sock.sendto(encode_question(new_question()), (GROUP, PORT))
        wait_until(lambda: "an error in the beacon" in caplog.text, "the line")
        assert answers(sock) == []
        with RawClient(server.address[1]) as ann:
            ann.register("Ann")
            assert ann.until_type("welcome")


def test_a_flood_is_thrown_away_and_members_notice_nothing() -> None:
    with network() as net, inside(net):
        net.card("eth0", "192.168.5.2/24")
        with serving("0.0.0.0") as server, asking_socket("192.168.5.2") as sock, asking_socket(LOOPBACK) as other:
            first_answer(sock, GROUP)
            reads, one_more = [0], server._beacon._pace.one_more

            def counted(now: float) -> float:
                reads[0] += 1
                return one_more(now)

            server._beacon._pace.one_more = counted  # type: ignore[method-assign]
            with RawClient(server.address[1]) as ann:
                ann.register("Ann", roster=False)
                ann.until_type("welcome")
                began, slowest = time.monotonic(), 0.0
                while time.monotonic() - began < 0.7:
                    for number in range(500):
                        other.sendto(encode_question(f"flood{number:08}"), (LOOPBACK, PORT))
                    sent = time.monotonic()
                    ann.send(b'{"type":"ping","seq":1}\n')
                    ann.until_type("pong")
                    slowest = max(slowest, time.monotonic() - sent)
                took = time.monotonic() - began
            assert reads[0] <= beacon.READS * (took + 2), "most of it was never looked at"
            assert slowest < 0.5
            first_answer(sock, GROUP)


def test_the_limits_of_a_second_and_what_is_remembered() -> None:
    limits = Limits()
    assert not limits.has_had_enough("10.0.0.1", 7.0)
    assert limits.is_new("10.0.0.1", 5000, "q1") and not limits.is_new("10.0.0.1", 5000, "q1")
    assert all(limits.is_new("10.0.0.1", 5000, f"q{number}") for number in range(2, 1 + ANSWERS_TO_ONE))
    assert limits.has_had_enough("10.0.0.1", 7.9) and not limits.has_had_enough("10.0.0.2", 7.9)
    assert not limits.has_had_enough("10.0.0.1", 8.0)
    for number in range(ANSWERS):
        assert not limits.has_had_enough(f"10.0.1.{number}", 8.0)
        assert limits.is_new(f"10.0.1.{number}", 5000, "q")
    assert limits.has_had_enough("10.0.0.2", 8.5), "as many as it gives in all"
    for number in range(REMEMBERED):
        limits.is_new("10.0.0.3", 5000, f"q{number}")
    assert len(limits._answered) == REMEMBERED
    assert limits.is_new("10.0.0.1", 5000, "q1"), "long forgotten"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="servers of two users: tried on Linux")
def test_servers_may_share_the_port_whoever_runs_them() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        share_port(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT), "it would want one and the same user"
