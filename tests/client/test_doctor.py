"""doctor.py and diagnosis.py: each cause is made, in a network of its own, and the doctor finds it.

What cannot be made here (macOS's permission, a system that tells nothing of its neighbours) is played on `likeliest`.
"""

from __future__ import annotations

import errno
import http.server
import json
import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, Optional

import pytest

from rollcall.client import diagnosis, dial, doctor
from rollcall.client.diagnosis import Call, Diagnosis, Seen, likeliest
from rollcall.client.dial import Cancelled
from rollcall.client.doctor import Report, examine
from rollcall.client.finder import Server
from rollcall.wire.address import Address
from rollcall.wire.clock import monotonic
from rollcall.wire.discovery import PORT
from tests.client.test_finder import CLOCK, classroom, server_in
from tests.closed_room import JOIN, room_with_keys
from tests.helpers import ROOT
from tests.network import Network, inside, network

TEACHER = Address("192.168.5.2", 8080)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LISTEN", 0.15)
    monkeypatch.setattr(doctor, "ASK_AT", (0.0, 0.05))
    monkeypatch.setattr(doctor, "FIRST_WORDS", 0.2)
    monkeypatch.setattr(dial, "CONNECT_TIMEOUT", 0.4)


def asked(net: Network, address: Optional[Address] = TEACHER, platform: str = "linux") -> Report:
    """The doctor's report on that computer."""
    CLOCK.shift += 1.0  # a server answers four times a second: this is another one
    with inside(net):
        report = examine(address, platform=platform)
    assert report.diagnosis.sentence and not report.diagnosis.sentence.endswith(".") and report.diagnosis.advice
    return report


@contextmanager
def school() -> Iterator[Any]:
    """A teacher's computer, a student's, and the switch between them, all as they should be."""
    with classroom("192.168.5.2/24", "192.168.5.3/24") as nets:
        for net in nets[:2]:
            net.set("ipv4/neigh/eth0/retrans_time_ms", 20)  # ARP gives up sooner
        yield nets


def swallow(net: Network, what: str) -> None:
    """A firewall: nothing of this kind leaves that computer, which is what its callers see of one."""
    net.ip(f"rule add pref 1 iif lo {what} blackhole")


@contextmanager
def listening(net: Network, port: int = 8080) -> Iterator[socket.socket]:
    with inside(net):
        sock = socket.create_server(("0.0.0.0", port))
    with sock:
        yield sock


def test_nothing_is_wrong() -> None:
    with school() as (teacher, student, _), server_in(teacher):
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.WELL and report.seconds is not None and report.seconds < 0.5
        assert report.facts == (
            "this computer: eth0 has 192.168.5.3/24",
            "a question by eth0 (192.168.5.3): sent",
            "a question to that address: sent",
            "answers: 192.168.5.2:8080  Room 12  (open, 0 here, not met before), rollcall 0.1.0",
            "192.168.5.2 is in this computer's network 192.168.5.0/24",
            f"a call to port 8080 is taken after {report.seconds * 1000:.1f} ms by a Rollcall server, rollcall 0.1.0",
        )
        assert "192.168.5.2 is this computer" in asked(teacher).facts
        everyone = asked(student, None)
        assert (
            everyone.diagnosis.cause == diagnosis.FOUND and "192.168.5.2:8080 (Room 12)" in everyone.diagnosis.sentence
        )


def test_a_server_that_questions_do_not_reach_is_reached_by_its_address() -> None:
    with school() as (teacher, student, _), server_in(teacher):
        swallow(teacher, f"ipproto udp sport {PORT}")
        assert asked(student, None).diagnosis.cause == diagnosis.NOTHING_HEARD
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.WELL, "it says hello, and the server is one of ours"
        assert f"UDP port {PORT}" in report.diagnosis.advice
        assert "no server has answered" in report.facts


def test_a_firewall_on_the_servers_computer() -> None:
    with school() as (teacher, student, _), server_in(teacher):
        swallow(teacher, "ipproto tcp sport 8080")
        assert asked(student).diagnosis.cause == diagnosis.FIREWALL, "it lets questions through, but no calls"
        swallow(teacher, f"ipproto udp sport {PORT}")
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.FIREWALL and "firewall" in report.diagnosis.sentence
        assert "the hardware address of 192.168.5.2 is known, so it is there" in report.facts


def test_a_network_for_guests_that_keeps_its_clients_apart() -> None:
    with network() as hub, network() as teacher, network() as student:
        hub.plug(teacher, "eth0", "192.168.5.2/24", isolated=True)
        hub.plug(student, "eth0", "192.168.5.3/24", isolated=True)
        student.set("ipv4/neigh/eth0/retrans_time_ms", 20)
        with server_in(teacher):
            report = asked(student)
            assert report.diagnosis.cause == diagnosis.GUEST_NETWORK and "guest network" in report.diagnosis.sentence
            assert any("is not to be had" in fact for fact in report.facts)
            assert asked(student, None).diagnosis.cause == diagnosis.NOTHING_HEARD
            assert asked(student, platform="darwin").diagnosis.cause == diagnosis.MAC, "there it looks like that"


def test_another_network_than_the_servers() -> None:
    with network() as hub, network() as student:
        hub.plug(student, "eth0", "192.168.7.3/24")
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.WRONG_NETWORK and "192.168.7.0/24" in report.diagnosis.sentence
        assert "192.168.5.2 is in another network" in report.facts
        student.ip("route add default via 192.168.7.1")
        student.ip("neigh add 192.168.7.1 lladdr 02:00:00:00:00:01 dev eth0")  # a router that leads nowhere
        assert asked(student).diagnosis.cause == diagnosis.WRONG_NETWORK


def test_a_server_that_is_not_running() -> None:
    with school() as (_, student, hub), network() as other:
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.NOT_RUNNING and "not running" in report.diagnosis.sentence
        hub.plug(other, "eth0", "192.168.5.9/24")
        with server_in(other, "Room 13"):
            elsewhere = asked(student)
            assert elsewhere.diagnosis.cause == diagnosis.NOT_RUNNING
            assert "answers at 192.168.5.9:8080 (Room 13): try that one" in elsewhere.diagnosis.advice


def test_a_server_on_another_port() -> None:
    with school() as (teacher, student, _), server_in(teacher, port=8081):
        report = asked(student)
        assert report.diagnosis == Diagnosis(
            diagnosis.WRONG_PORT,
            "The port is wrong: a Rollcall server is there, at 192.168.5.2:8081",
            "Type 192.168.5.2:8081.",
        )
        with listening(teacher):
            assert asked(student).diagnosis.cause == diagnosis.WRONG_PORT, "whatever listens at the other one"


def test_another_program_at_that_port() -> None:
    with school() as (teacher, student, _):
        with inside(teacher):
            web = http.server.HTTPServer(("0.0.0.0", 8080), http.server.BaseHTTPRequestHandler)
        with web:
            thread = threading.Thread(target=web.handle_request)
            thread.start()
            report = asked(student)
            thread.join()
        assert report.diagnosis.cause == diagnosis.OTHER_PROGRAM and "a web server" in report.diagnosis.sentence


@pytest.mark.parametrize(
    ("words", "cause", "who"),
    [
        (b"SSH-2.0-x\r\n", diagnosis.OTHER_PROGRAM, "an SSH server"),
        (b"", diagnosis.OTHER_PROGRAM, "it hangs up without a word"),
        (b'{"type":"error","code":"bad_message","message":"m"}\n', diagnosis.WELL, "of an older version"),
        (
            b'{"type":"room","server_name":"R","protocol":2,"app":"rollcall 9","epoch":"e"}\n',
            diagnosis.WELL,
            "rollcall 9",
        ),
        (b'{"what":1}\n', diagnosis.OTHER_PROGRAM, "something else"),
        (b'{"type":"room"}\n', diagnosis.OTHER_PROGRAM, "something else"),
        (b'{"type":"news"}\n', diagnosis.OTHER_PROGRAM, "something else"),
    ],
)
def test_who_answers_is_told_by_what_it_says(words: bytes, cause: str, who: str) -> None:
    with network() as net, listening(net) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        report = asked(net, Address("127.0.0.1", 8080))
        thread.join()
        assert report.diagnosis.cause == cause and any(who in fact for fact in report.facts)


def test_a_closed_room_is_known_by_its_refusal(tmp_path: Path) -> None:
    with network() as net, inside(net), room_with_keys(tmp_path, join_code=JOIN, discoverable=False) as (_, port):
        report = examine(Address("127.0.0.1", port))
        assert report.diagnosis.cause == diagnosis.WELL and "whose room is closed" in report.facts[-1]


def test_a_server_that_hangs() -> None:
    with school() as (teacher, student, _), listening(teacher):
        report = asked(student)
        assert report.diagnosis.cause == diagnosis.HANGS and "says nothing" in report.diagnosis.sentence


def test_a_computer_on_no_network() -> None:
    with network() as net:
        assert asked(net).diagnosis.cause == asked(net, None).diagnosis.cause == diagnosis.NO_NETWORK
        assert asked(net, Address("127.0.0.1", 8080)).diagnosis.cause == diagnosis.NOT_RUNNING, "it has itself"


def test_a_computer_that_nobody_gave_an_address() -> None:
    with network() as hub, network() as student:
        hub.plug(student, "eth0", "169.254.7.8/16")
        report = asked(student, None)
        assert report.diagnosis.cause == diagnosis.NO_ROUTER and "169.254" in report.diagnosis.sentence


def test_a_firewall_on_this_computer() -> None:
    with school() as (teacher, student, _), server_in(teacher):
        student.ip("rule add pref 1 iif lo to 192.168.5.2 prohibit")
        assert asked(student).diagnosis.cause == diagnosis.OWN_FIREWALL


def test_a_name_that_nobody_knows() -> None:
    with school() as (_, student, _):
        report = asked(student, Address("nowhere.invalid", 8080))
        assert report.diagnosis.cause == diagnosis.UNKNOWN_NAME and "nowhere.invalid" in report.diagnosis.sentence


def test_clocks_that_differ_are_told() -> None:
    with school() as (teacher, student, _), server_in(teacher) as server:
        server._beacon._describe = lambda question: replace(server.room.answer(8080, question), time=time.time() - 125)
        assert any(re.match("its clock is 12[456] s behind this computer's", fact) for fact in asked(student).facts)


def test_somebody_says_stop() -> None:
    with network() as net, inside(net):
        began = monotonic()
        with pytest.raises(Cancelled):
            examine(None, lambda: True)
        assert monotonic() - began < 0.2


SERVER = Server("k", (Address("192.168.5.2", 8081),), "Room 12", False, 0, False, "rollcall", 2, "", True)
NETWORK = "192.168.5.0/24"
UNREACHABLE = OSError(errno.EHOSTUNREACH, "No route to host")


def cause(call: Optional[Call], platform: str = "linux", **seen: Any) -> str:
    if call is not None:
        seen = {"address": TEACHER, "ip": "192.168.5.2", "network": NETWORK, **seen}
    return likeliest(Seen(networks=(NETWORK,), call=call, **seen), platform).cause


def test_what_cannot_be_made_here() -> None:
    assert cause(None, "darwin", sent=(UNREACHABLE,)) == diagnosis.MAC
    assert cause(None, "linux", sent=(UNREACHABLE,)) == diagnosis.NO_NETWORK
    assert cause(None, "win32", sent=(OSError(errno.EACCES, "x"),)) == diagnosis.OWN_FIREWALL
    assert cause(None, "darwin", sent=(UNREACHABLE, None)) == diagnosis.NOTHING_HEARD
    assert cause(Call(diagnosis.NO_WAY), "darwin") == diagnosis.MAC
    assert cause(Call(diagnosis.NO_WAY), "win32") == diagnosis.GUEST_NETWORK
    assert cause(Call(diagnosis.SILENT), "win32") == diagnosis.FIREWALL, "nothing is known of the neighbour"
    assert cause(Call(diagnosis.SILENT), neighbour=False) == diagnosis.GUEST_NETWORK
    assert cause(Call(diagnosis.SILENT), neighbour=False, servers=(SERVER,)) == diagnosis.FIREWALL, "it has answered"
    assert cause(Call(diagnosis.FAILED, words="w")) == diagnosis.UNKNOWN


def test_the_program_says_what_is_most_likely_and_what_to_do() -> None:
    with school() as (teacher, student, _):
        with student.program(ROOT / "client.py", "--doctor", "192.168.5.2") as client:
            assert client.wait() == 1
            assert client.lines[-2].startswith("Most likely: The computer 192.168.5.2 is there, and no program listens")
            assert client.lines[-1].startswith("What to do: Start the server there")
        with server_in(teacher):
            report = json.loads(json.dumps(asked(student, None).to_json()))
            assert report["cause"] == diagnosis.FOUND and report["servers"][0]["addresses"] == ["192.168.5.2:8080"]
