"""found_rooms.py: the rooms of this network, while the card is to be seen."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any, List

import pytest

from rollcall.client import asker
from rollcall.client.finder import Asking, Found, Gone, Server
from rollcall.client.trust import KnownServer, Trust
from rollcall.window.examination import LOOKING
from rollcall.window.found_rooms import FoundRooms, Rooms, by_digits
from rollcall.window.join import FoundRoom
from rollcall.wire.address import Address
from tests.helpers import free_port, running_server, wait_until


def server(key: str, **more: Any) -> Server:
    usual = Server(key, (Address(f"10.0.0.{key}", 8080),), f"Room {key}", False, 3, False, "", 2, "", True)
    return replace(usual, **more)


def test_rooms_come_and_go_with_what_there_is_to_know() -> None:
    rooms = Rooms()
    assert not rooms.take(Asking(("eth0",))), "nothing to show"
    own = server("2", here=None, own=True, fingerprint="ab" * 32)
    assert rooms.take(Found(server("1", closed=True))) and rooms.take(Found(own))
    met = Trust((KnownServer("ab" * 32),))
    assert rooms.listed(met) == [
        FoundRoom("10.0.0.1:8080", "Room 1", "3 here · code · not met before", closed=True),
        FoundRoom("10.0.0.2:8080", "Room 2", "this computer · met before"),
    ]
    assert rooms.listed(Trust())[1].note == "this computer · not met before"
    assert rooms.take(Gone(server("1"))) and [room.name for room in rooms.listed(met)] == ["Room 2"]


def test_who_was_used_before_is_asked_where_it_stands_by_digits() -> None:
    known = ["192.168.1.20:8080", "school.example:80", "[::1]:9", "10.1.1.1"]
    assert by_digits(known) == ["192.168.1.20", "10.1.1.1"]


def test_a_room_of_this_computer_is_found_while_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent but over the loopback interface."""
    ways = asker.ways()
    monkeypatch.setattr(asker, "ways", lambda: ways[:1])
    found = FoundRooms(Trust)
    with running_server(name="Room 12") as (_, port):
        assert found.look(False) is None
        seen: List[FoundRoom] = []

        def is_found() -> bool:
            seen[:] = found.look(True) or seen
            return any(room.address == f"127.0.0.1:{port}" and room.name == "Room 12" for room in seen)

        wait_until(is_found, "the room")
        assert found.look(False) == [] and found.look(False) is None
    found.stop()


def test_the_last_server_is_asked_by_its_name_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network card is asked by, and nothing is sent but to the loopback interface, as the name says."""
    monkeypatch.setattr(asker, "ways", lambda: [])
    asked: List[str] = []

    def getaddrinfo(host: str, port: int, **more: Any) -> List[Any]:
        if more.get("flags"):
            raise socket.gaierror(socket.EAI_NONAME, "no digits")
        asked.append(host)
        v6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [v6, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    found = FoundRooms(Trust)
    with running_server(name="Room 12") as (_, port):
        servers = [f"school-pc.local:{port}", "other.example"]

        def is_found() -> bool:
            found.look(True, servers)
            return found.name_of(servers[0]) == "Room 12"

        wait_until(is_found, "the room")
        assert asked == ["school-pc.local"], "the last one, and no other"
        assert found.name_of(f"127.0.0.1:{port}") == "Room 12" and found.name_of("other.example") == ""
        assert found.name_of("not an address") == found.name_of("") == ""
        found.look(False)

        def unknown(*unused: Any, **more: Any) -> List[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        found.look(True, servers)
        wait_until(lambda: found.look(True, servers) is None and found._answer is None, "that it is not known")
    found.stop()


def test_who_finds_none_is_told_why_and_what_to_do_until_they_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "ways", lambda: [])
    found = FoundRooms(Trust)
    assert found.examined("offline") == ""
    found.examine(f"127.0.0.1:{free_port()}", "offline")
    assert found.examined("offline") == LOOKING
    wait_until(lambda: found.examined("offline") != LOOKING, "what came of it")
    assert found.examined("offline").startswith("Nothing listens at port ") or "port" in found.examined("offline")
    assert found.examined("connecting") == "" == found.examined("offline"), "they are trying again"
    found.examine("not an address", "offline")  # the network is looked at
    found.stop()
    assert found.examined("offline") == "", "and its thread has ended, which every test is asked"
