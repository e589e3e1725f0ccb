"""The server in this process, spoken to over real sockets: every rule of the conversation."""

from __future__ import annotations

import _thread
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from protocol import ClientList, Entry, encode
from rollcall.server.allowance import Allowance, Refusal
from rollcall.server.browsers import BROWSERS
from rollcall.server.gate import PLACES_MORE
from rollcall.server.handler import LAST_WORDS
from rollcall.server.machine import STACK, use_small_stacks
from rollcall.server.publisher import RESYNC_INTERVAL
from rollcall.server.settings import ServerConfig
from rollcall.wire.connection import HEARTBEAT_SIZE, Connection
from rollcall.wire.lines import MAX_CLIENT_LINE, MAX_MEMBER_LINE
from server import SEND_BUFFER, SPARE_CONNECTIONS, RollcallServer, listen
from tests.helpers import PATIENCE, FakeClock, RawClient, ServerProgram, ShiftedClock, running_server, wait_until

FAST: Dict[str, Any] = {"heartbeat_interval": 0.2, "connection_timeout": 0.6}


def names(message: Dict[str, Any]) -> List[str]:
    return [client.get("name", "") for client in message["clients"]]


def test_a_version_1_client_is_served_byte_for_byte() -> None:
    with running_server() as (_, port), RawClient(port) as first, RawClient(port) as second:
        first.send(b'{"type":"register","client_ip":"192.168.1.5","client_port":50000}\n')
        assert first.raw_line() == b'{"type":"client_list","clients":[{"ip":"192.168.1.5","port":50000}]}\n'
        second.send(b'{"client_port":1,"type":"register","client_ip":"h"}\r\n')
        both = b'{"type":"client_list","clients":[{"ip":"192.168.1.5","port":50000},{"ip":"h","port":1}]}\n'
        assert first.raw_line() == both == second.raw_line()
        first.send(b'{"type":"ping"}\n')
        assert first.raw_line() == b'{"type":"pong"}\n'
        second.close()
        assert first.raw_line() == b'{"type":"client_list","clients":[{"ip":"192.168.1.5","port":50000}]}\n'


def test_a_version_2_client_is_told_everything_it_needs() -> None:
    with running_server(name="Room 12", heartbeat_interval=7, connection_timeout=21) as (server, port):
        with RawClient(port) as client:
            client.register("Ann")
            welcome = client.line()
            assert welcome["type"] == "welcome"
            assert (welcome["server_name"], welcome["protocol"], welcome["max_clients"]) == ("Room 12", 2, 100)
            assert (welcome["heartbeat_interval"], welcome["connection_timeout"]) == (7, 21)
            assert welcome["epoch"] == server.room.epoch and len(welcome["resume_token"]) >= 16
            roster = client.line()
            assert (roster["type"], roster["rev"], roster["epoch"]) == ("client_list", 1, server.room.epoch)
            (row,) = roster["clients"]
            assert row == {
                "id": welcome["member_id"],
                "name": "Ann",
                "ip": "10.0.0.1",
                "port": 5000,
                "observed_ip": "127.0.0.1",
                "since": row["since"],
            }


def test_others_hear_of_joins_goodbyes_and_losses() -> None:
    with running_server() as (_, port), RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        with RawClient(port) as polite:
            polite.register("Polite")
            (row,) = watcher.until_type("roster_delta")["up"]
            assert row["name"] == "Polite"
            polite.send({"type": "leave"})
            assert watcher.until_type("roster_delta")["down"] == [{"id": row["id"], "reason": "left"}]
        with RawClient(port) as rude:
            rude.register("Rude")
            (row,) = watcher.until_type("roster_delta")["up"]
        assert watcher.until_type("roster_delta")["down"] == [{"id": row["id"], "reason": "lost"}]


PINGS = [
    (b'{"type":"ping","seq":12}\n', 12),
    (b'{"type":"ping","seq":0}\r\n', 0),
    (b'{"seq": 12, "type": "ping"}\n', 12),
    (b'{"type":"ping"}\n', None),
    (b'{ "type" : "ping" }\n', None),
]


@pytest.mark.parametrize(("line", "seq"), PINGS)
@pytest.mark.parametrize("quiet", [True, False])
def test_a_ping_gets_the_same_answer_however_it_is_spelled(line: bytes, seq: Any, quiet: bool) -> None:
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0), quiet=quiet)
    server.start()
    try:
        with RawClient(server.address[1]) as client:
            client.register("Ann")
            client.until_type("client_list")
            for _ in range(2):
                client.send(line)
                pong = client.line()
                assert pong == {"type": "pong", "rev": 1, **({} if seq is None else {"seq": seq})}
            for byte in line:
                client.send(bytes([byte]))
            assert client.line()["type"] == "pong"
            client.send(line * 5)
            assert [client.line()["type"] for _ in range(5)] == ["pong"] * 5
    finally:
        server.stop()


BROKEN = [
    (b"nonsense\n", "bad_message"),
    (b'{"type":"ping","seq":007}\n', "bad_message"),
    (b'{"type":"ping","seq":99999999999999999999}\n', "bad_message"),
    (b'{"type":"weather"}\n', "bad_message"),
    (b'{"type":"client_list","clients":[]}\n', "bad_message"),
    (b'{"type":"register","client_ip":"h","client_port":1,"protocol":2,"name":"again"}\n', "bad_message"),
    (b"x" * (MAX_CLIENT_LINE + 1), "line_too_long"),
    (b"\xff\xfe\n", "bad_message"),
    (b"\n", "bad_message"),
]


@pytest.mark.parametrize(("line", "code"), BROKEN, ids=[repr(line[:30]) for line, _ in BROKEN])
def test_a_broken_line_ends_its_own_connection_and_no_other(line: bytes, code: str) -> None:
    with running_server() as (_, port), RawClient(port) as victim, RawClient(port) as other:
        other.register("Other")
        other.until_type("client_list")
        victim.register("Victim")
        victim.until_type("client_list")
        victim.send(line)
        error = victim.until_type("error")
        assert error["code"] == code and error["message"]
        assert victim.rest() == []
        other.until(lambda message: message.get("down"))  # before the ping: it may come before the pong, too
        other.send({"type": "ping", "seq": 1})
        other.until_type("pong")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"type":"ping"}\n', "bad_message"),
        (b'{"type":"register","client_ip":"h","client_port":1,"protocol":2,"name":""}\n', "invalid_name"),
        (b'{"type":"register","client_ip":"h","client_port":1,"protocol":9,"name":"x"}\n', "unsupported_protocol"),
        (b'{"type":"register","client_ip":"h"}\n', "bad_message"),
    ],
)
def test_before_registering_only_a_valid_register_is_taken(line: bytes, code: str) -> None:
    with running_server() as (server, port), RawClient(port) as client:
        client.send(line)
        (error,) = client.rest()
        assert (error["type"], error["code"]) == ("error", code)
        assert len(server.room.roster) == 0


def test_unknown_types_are_silently_ignored_in_version_1() -> None:
    with running_server() as (_, port), RawClient(port) as client:
        client.register()
        client.line()
        client.send(b'{"type":"weather"}\n{"type":"ping"}\n')
        assert client.line() == {"type": "pong"}


def test_the_client_beyond_the_limit_is_told_and_comes_in_when_a_seat_is_free() -> None:
    with running_server(max_clients=2) as (_, port), RawClient(port) as first, RawClient(port) as second:
        for client in (first, second):
            client.register("x")
            client.until_type("client_list")
        for name in ("third", None):
            with RawClient(port) as third:
                third.register(name)
                (error,) = third.rest()
                assert (error["code"], error["retry_after"] > 0) == ("server_full", True)
        second.send({"type": "leave"})
        second.rest()
        first.until(lambda message: message.get("down"))
        with RawClient(port) as third:
            third.register("third")
            assert third.line()["type"] == "welcome"


def test_a_flood_of_connections_is_not_a_flood_of_threads() -> None:
    with running_server(max_clients=3) as (server, port), ExitStack() as stack:
        before = _thread._count()
        crowd = [stack.enter_context(RawClient(port)) for _ in range(3 + PLACES_MORE + 40)]
        (error,) = crowd[0].rest()
        assert error["code"] == "server_full" and error["retry_after"] > 0
        wait_until(lambda: len(server.room) == len(server.room.gate) == 3 + PLACES_MORE, "the pool to be full")
        assert _thread._count() - before <= 3 + PLACES_MORE + SPARE_CONNECTIONS
        crowd[-1].register("Ann")
        assert crowd[-1].line()["type"] == "welcome"


def test_mute_connections_take_nobodys_seat() -> None:
    with running_server(max_clients=30) as (server, port), ExitStack() as stack:
        for _ in range(62):
            stack.enter_context(RawClient(port))
        wait_until(lambda: len(server.room.gate) == 62, "the pool to be full")
        for number in range(30):
            student = stack.enter_context(RawClient(port))
            student.register(f"Student {number}")
            assert student.line()["type"] == "welcome", "each one gets in, from the same address as the mute ones"
        late = stack.enter_context(RawClient(port))
        late.register("Late")
        assert "takes 30 clients" in late.until_type("error")["message"]


def test_the_members_of_one_address_can_be_bounded() -> None:
    with running_server(max_per_address=1) as (_, port), RawClient(port) as ann, RawClient(port) as ben:
        ann.register("Ann")
        ann.until_type("client_list")
        ben.register("Ben")
        (error,) = ben.rest()
        assert error["code"] == "server_full" and "1 client from one address" in error["message"]


def test_who_does_not_register_is_closed_without_a_word() -> None:
    with running_server(registration_timeout=0.2) as (_, port), RawClient(port) as mute, RawClient(port) as slow:
        slow.send(b'{"type":"regi')
        for client in (mute, slow):
            assert client.rest() == []


# --- calls that are read in another order than they were made ---------------------------------------------------------


def test_an_older_call_that_is_read_later_ends_quietly_and_replaces_nobody() -> None:
    instance = "5f3c" * 8
    with running_server() as (_, port), RawClient(port) as newer, RawClient(port) as older, RawClient(port) as watcher:
        newer.register("Ann", instance=instance, attempt=2)
        newer.until_type("client_list")
        older.register("Ann", instance=instance, attempt=1)
        assert older.rest() == []
        watcher.register("Watcher")
        assert [row["name"] for row in watcher.until_type("client_list")["clients"]] == ["Ann", "Watcher"]
        newer.send({"type": "ping", "seq": 1})
        assert newer.until_type("pong")["seq"] == 1


def test_the_instance_is_told_to_nobody() -> None:
    lines: List[bytes] = []
    with running_server() as (_, port), RawClient(port) as ann, RawClient(port) as ben:
        ben.register("Ben")
        ben.until_type("client_list")
        ann.register("Ann", instance="5f3c" * 8, attempt=1, device_id="laptop")
        lines += [ann.raw_line(), ann.raw_line(), ben.raw_line()]
    assert not any(b"5f3c5f3c" in line or b"laptop" in line for line in lines)


# --- what a message costs ---------------------------------------------------------------------------------------------


def test_a_members_line_is_short_whatever_the_packets() -> None:
    long = json.dumps({"type": "ping", "seq": 1, "more": "x" * MAX_MEMBER_LINE}).encode() + b"\n"
    with running_server() as (_, port), RawClient(port) as split, RawClient(port) as at_once:
        split.register("Split")
        split.until_type("client_list")
        split.send(long)
        assert split.until_type("error")["code"] == "line_too_long"
        register = {"type": "register", "client_ip": "h", "client_port": 1, "protocol": 2, "name": "At once"}
        at_once.send(json.dumps(register).encode() + b"\n" + long)
        assert at_once.until_type("error")["code"] == "line_too_long"


def test_a_long_line_of_version_1_costs_what_it_weighs() -> None:
    chat = json.dumps({"type": "chat", "text": "x" * 2000}).encode() + b"\n"
    with running_server(message_rate=50.0) as (_, port), RawClient(port) as original:
        original.register()
        original.until_type("client_list")
        for _ in range(8):
            original.send(chat)  # unknown types are ignored, and these are a hundred messages and more
        assert original.until_type("error")["code"] == "rate_limited"


def test_bytes_that_complete_no_line_cost_too() -> None:
    with running_server(message_rate=5.0) as (_, port), RawClient(port) as trickle:
        trickle.register("Ann")
        trickle.until_type("client_list")
        refused = threading.Event()

        def trickle_on() -> None:
            for _ in range(400):
                try:
                    trickle.send(b" ")
                except ConnectionError:
                    break
                if refused.wait(0.002):
                    break

        sender = threading.Thread(target=trickle_on)
        sender.start()
        try:
            assert trickle.until_type("error")["code"] == "rate_limited"
        finally:
            refused.set()
            sender.join()


def test_a_resync_too_soon_waits_and_is_answered() -> None:
    with running_server() as (_, port), RawClient(port) as ann:
        ann.register("Ann")
        ann.until_type("client_list")
        begun = time.monotonic()
        for _ in range(20):
            ann.send({"type": "resync"})
        ann.until_type("client_list")
        ann.until_type("client_list")
        assert time.monotonic() - begun >= RESYNC_INTERVAL * 0.9, "the second of twenty comes a second later"
        ann.send({"type": "ping", "seq": 7})
        assert ann.line() == {"type": "pong", "seq": 7, "rev": 1}, "the other eighteen are answered by it, too"


# --- version 1 --------------------------------------------------------------------------------------------------------


def test_version_1_keeps_its_place_with_the_times_of_a_lesson() -> None:
    clock = ShiftedClock()
    with running_server(clock, heartbeat_interval=2.0, connection_timeout=6.0) as (server, port):
        with RawClient(port) as original, RawClient(port) as ours:
            original.register()
            original.until_type("client_list")
            ours.register("Ours")
            ours.until_type("client_list")
            server.room.sweeper._watch._cpu_clock = clock  # a busy process: no pause of it excuses anybody
            clock.shift += 7.0
            server.room.sweeper.arm(0.0)
            assert ours.until_type("error")["code"] == "heartbeat_timeout"
            original.send(b'{"type":"ping"}\n')
            assert original.until_type("pong")


def test_a_version_1_client_that_closes_with_unread_bytes_has_left() -> None:
    with running_server() as (_, port), RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        with RawClient(port) as original:
            original.register()
            watcher.until(lambda message: message.get("up"))
            original.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        gone = watcher.until(lambda message: message.get("down"))
        assert gone["down"] == [{"id": 2, "reason": "left"}]


def test_a_silent_member_is_late_then_gone_and_everyone_is_told() -> None:
    with running_server(**FAST) as (_, port), RawClient(port) as silent, RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(0.05):
                watcher.send(b'{"type":"ping"}\n')

        beater = threading.Thread(target=beat)
        beater.start()
        try:
            silent.register("Silent")
            member = silent.line()["member_id"]
            watcher.until(lambda m: any(r["id"] == member and r.get("state") == "late" for r in m.get("up", ())))
            gone = watcher.until(lambda m: m.get("down"))
            assert gone["down"] == [{"id": member, "reason": "lost"}]
            assert silent.rest()[-1]["code"] == "heartbeat_timeout"
        finally:
            stop.set()
            beater.join()


def test_a_member_comes_back_to_its_row_and_the_older_connection_ends() -> None:
    with running_server() as (_, port), RawClient(port) as old, RawClient(port) as new, RawClient(port) as watcher:
        old.register("Ann")
        welcome = old.line()
        watcher.register("Watcher")
        watcher.until_type("client_list")
        new.register("Ann", resume_token=welcome["resume_token"])
        again = new.line()
        assert again["member_id"] == welcome["member_id"] and again["session_id"] != welcome["session_id"]
        assert old.rest()[-1]["code"] == "replaced"
        delta = watcher.until_type("roster_delta")
        assert [row["id"] for row in delta["up"]] == [welcome["member_id"]] and "down" not in delta
        watcher.send({"type": "resync"})
        assert sorted(names(watcher.until_type("client_list"))) == ["Ann", "Watcher"]


def test_who_wants_no_roster_gets_none_and_is_in_it() -> None:
    with running_server() as (_, port), RawClient(port) as quiet, RawClient(port) as watcher:
        quiet.register("Quiet", roster=False)
        assert quiet.line()["type"] == "welcome"
        watcher.register("Watcher")
        assert names(watcher.until_type("client_list")) == ["Quiet", "Watcher"]
        quiet.send({"type": "ping", "seq": 1})
        assert quiet.line() == {"type": "pong", "seq": 1, "rev": 2}


def test_the_log_says_who_broke_a_rule_and_that_its_member_went(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, registration_timeout=0.2) as server, RawClient(server.port) as mute:
        with RawClient(server.port) as zoe:
            zoe.register("Zoe")
            zoe.until_type("client_list")
            zoe.send(b"nonsense\n")
            assert zoe.until_type("error")["code"] == "bad_message"
        server.wait_for_line(r"WARNING .*bad_message: client-\d+ from 127\.0\.0\.1: .*JSON")
        server.wait_for_line(r'lost: "Zoe" \(client-\d+\)')
        assert mute.rest() == []
        server.wait_for_line(r"registration_timeout: client-\d+ from 127\.0\.0\.1")


def test_too_many_messages_are_rate_limited() -> None:
    with running_server(message_rate=5) as (_, port), RawClient(port) as client:
        client.register("Ann")
        client.until_type("client_list")
        client.send(b'{"type":"ping"}\n' * 100)
        error = client.until_type("error")
        assert error["code"] == "rate_limited" and error["retry_after"] > 0


def test_a_very_low_rate_still_lets_a_client_in() -> None:
    # Its clock stands still: whatever this machine does meanwhile, nothing is earned back.
    with running_server(FakeClock(), message_rate=0.01) as (_, port), RawClient(port) as client:
        client.register("Ann")
        client.until_type("client_list")
        for _ in range(9):
            client.send(b'{"type":"ping"}\n')
            assert client.line()["type"] == "pong"
        client.send(b'{"type":"ping"}\n')
        assert client.line()["code"] == "rate_limited"


def test_a_network_that_delivers_single_bytes_lets_a_client_in() -> None:
    """Until the registration the line's length and the deadline bound what a client may cost."""
    with running_server(message_rate=1) as (_, port), RawClient(port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = {"protocol": 2, "name": "\N{WOMAN}" * 60, "client_ip": "10.0.0.1", "client_port": 1, "app": "a" * 60}
        for byte in json.dumps({"type": "register", **fields}).encode() + b"\n":
            client.send(bytes((byte,)))
            threading.Event().wait(0.0002)  # so that the other side takes it before the next one comes
        assert client.line()["type"] == "welcome"


def test_no_limit_is_no_limit() -> None:
    with running_server(message_rate=0) as (_, port), RawClient(port) as client:
        client.register("Ann")
        client.until_type("client_list")
        for _ in range(50):
            client.send(b'{"type":"ping"}\n' * 20)
            assert [client.line()["type"] for _ in range(20)] == ["pong"] * 20


def test_an_allowance_is_a_burst_and_then_a_rate() -> None:
    allowance, used = Allowance(rate=10, burst=20), 0.0

    def spend(now: float) -> bool:
        nonlocal used
        try:
            used = allowance.spend(used, now)
        except Refusal as refusal:
            assert refusal.error.code == "rate_limited" and "more than 10 messages a second" in refusal.error.message
            return False
        return True

    assert sum(spend(100.0) for _ in range(50)) == 20
    assert not spend(100.05)
    assert spend(100.15)
    assert sum(spend(200.0) for _ in range(50)) == 20
    with pytest.raises(Refusal) as refused:
        Allowance(rate=1, burst=0).spend(0.0, 5.0)
    assert "more than 1 message a second" in refused.value.error.message
    unlimited = Allowance(0, 0)
    assert all(unlimited.spend(0.0, 1.0) == 1.0 for _ in range(1000))


def test_stopping_tells_everyone_and_ends_every_thread() -> None:
    with ExitStack() as stack:
        with running_server(max_clients=300) as (_, port):
            crowd = [stack.enter_context(RawClient(port)) for _ in range(200)]
            for number, client in enumerate(crowd):
                client.register(f"Student {number}")
            for client in crowd:
                client.until_type("client_list")
        for client in crowd:
            assert client.rest()[-1]["code"] == "server_shutdown"


def test_an_accept_thread_that_does_not_end_is_left_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.STUCK_AFTER", 0.05)
    inside, released = threading.Event(), threading.Event()

    def never_ends() -> None:
        inside.set()
        released.wait(20)

    with running_server() as (server, _):
        monkeypatch.setattr(server, "service_actions", never_ends)
        assert inside.wait(20)
        begun = time.monotonic()
        assert not server.stop() and time.monotonic() - begun < 5
        assert "the accept thread did not end" in caplog.text
        monkeypatch.undo()
        released.set()


def test_nobody_else_may_have_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    on_windows = hasattr(socket, "SO_EXCLUSIVEADDRUSE")
    if not on_windows:  # any option will do that can be set and read
        monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with running_server() as (server, port), socket.socket() as other:
        assert server.socket.getsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"))  # noqa: B009
        if on_windows:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            other.bind(("127.0.0.1", port))


def test_windows_keeps_its_own_stacks_which_it_commits_only_as_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.stack_size()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "name", "nt")
            use_small_stacks()
        assert threading.stack_size() == before
        if sys.version_info >= (3, 11) and os.name != "nt":
            use_small_stacks()
            assert threading.stack_size() == STACK
    finally:
        threading.stack_size(before)


def test_stopping_is_not_held_up_by_a_client_that_does_not_read(caplog: pytest.LogCaptureFixture) -> None:
    with running_server(max_clients=500, message_rate=0) as (server, port), ExitStack() as stack:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # accepted sockets inherit it
        stuck = stack.enter_context(RawClient(port, buffer=4096))
        stuck.register("Stuck")
        stuck.until_type("client_list")
        crowd = [stack.enter_context(RawClient(port)) for _ in range(100)]
        for client in crowd:
            client.register("x" * 64, roster=False)
        connection = server.room.connections()[0]

        def ask_again() -> bool:
            stuck.send(b'{"type":"resync"}\n' * 20)
            return connection.backlogged

        wait_until(ask_again, "a backlog", timeout=60)
        server.stop()
        assert "Traceback" not in caplog.text
        assert connection._closed


def test_the_last_word_reaches_a_client_that_reads_late() -> None:
    with running_server(message_rate=0) as (server, port), ExitStack() as stack:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # accepted sockets inherit it
        client = stack.enter_context(RawClient(port, buffer=4096))
        client.register("Ann")
        client.until_type("client_list")
        (connection,) = server.room.connections()

        def ask_again() -> bool:
            client.send(b'{"type":"resync"}\n' + b'{"type":"ping","seq":1}\n' * 100)
            return connection.backlogged

        wait_until(ask_again, "a backlog", timeout=60)
        client.send(b"nonsense\n")
        assert client.rest()[-1]["code"] == "bad_message"


def test_a_busy_port_is_passed_over_only_if_that_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(OSError):
            listen(ServerConfig(host="127.0.0.1", port=port, port_attempts=1), None, True)
        server = listen(ServerConfig(host="127.0.0.1", port=port, port_attempts=20), None, True)
        assert server.address[1] > port
        server.server_close()
        server.stop()


def test_who_has_registered_is_no_browser() -> None:
    with running_server() as (_, port), RawClient(port) as ann:
        ann.register("Ann")
        ann.until_type("client_list")
        ann.send(b"GET / HTTP/1.1\r\n")
        assert ann.until_type("error")["code"] == "bad_message"


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_an_ipv6_wildcard_takes_both_kinds() -> None:
    try:
        server = RollcallServer(ServerConfig(host="::", port=0))
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    server.start()
    try:
        with RawClient(server.address[1], "127.0.0.1") as client:
            client.register("Ann")
            assert client.until_type("client_list")["clients"][0]["observed_ip"] == "127.0.0.1"
    finally:
        server.stop()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of descriptors")
def test_running_out_of_descriptors_is_survived_in_words(tmp_path: Path) -> None:
    with ServerProgram(tmp_path, descriptors=40, max_clients=500) as program, ExitStack() as stack:
        first = stack.enter_context(RawClient(program.port))
        first.register("First")
        first.until_type("client_list")
        refused = 0
        crowd = []
        while refused < 10:
            client = stack.enter_context(RawClient(program.port))
            crowd.append(client)
            client.register("x", roster=False)
            answer = client.line()
            refused += answer["type"] == "error"
            assert answer["type"] == "welcome" or answer["code"] == "server_full"
            assert len(crowd) < 60
        program.wait_for_line(r"max_clients = 500 needs 708 descriptors; the system allows 40")
        program.wait_for_line("out of descriptors")
        first.send({"type": "ping", "seq": 7})
        first.until(lambda message: message == {"type": "pong", "seq": 7, "rev": message.get("rev")})
        for client in crowd:
            client.close()

        def comes_in() -> bool:
            with RawClient(program.port) as client:
                client.register("y", roster=False)
                return str(client.line()["type"]) == "welcome"

        wait_until(comes_in, "the server to take clients again")
        assert program.stop() == 0
        assert "Traceback" not in program.text


def test_a_thread_that_cannot_start_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as (server, port), RawClient(port) as first:
        first.register("Ann")
        first.until_type("client_list")

        def fail(*unused: object) -> int:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_thread, "start_new_thread", fail)
        with RawClient(port) as second:
            (error,) = second.rest()
            assert error["code"] == "server_full"
        monkeypatch.undo()
        with RawClient(port) as third:
            third.register("Cleo")
            assert third.line()["type"] == "welcome"
        wait_until(lambda: len(server.room.roster) == 1, "Cleo to be gone")


def test_a_thread_that_cannot_start_makes_way_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads run out as descriptors do, and mute connections hold them."""
    with running_server() as (_, port), ExitStack() as stack:
        threads = _thread._count()
        mute, second = (stack.enter_context(RawClient(port)) for _ in range(2))
        wait_until(lambda: _thread._count() == threads + 2, "their threads")

        def fail(*unused: object) -> int:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_thread, "start_new_thread", fail)
        with RawClient(port) as refused:
            assert [message["code"] for message in refused.rest()] == ["server_full"]
        monkeypatch.undo()
        assert [message["code"] for message in mute.rest()] == ["server_full"], "the oldest has gone for it"
        second.register("Ann")
        assert second.line()["type"] == "welcome"


def test_connections_that_were_refused_and_stay_keep_nobody_out() -> None:
    """They have `LAST_WORDS` to read why, and here that never ends."""
    with running_server(FakeClock(), max_clients=4) as (server, port), ExitStack() as stack:
        for _ in range(2 * 4 + PLACES_MORE + BROWSERS + SPARE_CONNECTIONS + 8):
            stack.enter_context(RawClient(port)).send(b"nonsense\n")
        ann = stack.enter_context(RawClient(port))
        ann.register("Ann")
        assert ann.line()["type"] == "welcome"
        assert len(server.room) <= 4 + PLACES_MORE + BROWSERS + SPARE_CONNECTIONS


def test_everything_on_the_wire_can_be_traced() -> None:
    trace: List[str] = []
    server = RollcallServer(
        ServerConfig(host="127.0.0.1", port=0), trace=lambda way, who, data: trace.append(f"{way} {who.label} {data!r}")
    )
    server.start()
    try:
        with RawClient(server.address[1]) as client:
            client.register()
            client.line()
            client.send(b'{"type":"ping"}\n')
            client.line()
    finally:
        server.stop()
    assert trace[0].startswith("< client-1 b'{\"type\": \"register\"")
    assert trace[1:4] == [
        "> client-1 " + repr(encode(ClientList((Entry("10.0.0.1", 5000),)))),
        "< client-1 b'{\"type\":\"ping\"}'",
        "> client-1 b'{\"type\":\"pong\"}\\n'",
    ]


def test_a_message_too_many_is_traced_as_well() -> None:
    trace: List[str] = []
    config = ServerConfig(host="127.0.0.1", port=0, message_rate=0.1)
    server = RollcallServer(config, trace=lambda way, who, data: trace.append(f"{way} {data!r}"))
    server.start()
    try:
        with RawClient(server.address[1]) as client:
            client.register()
            client.line()
            client.send(b'{"type":"ping"}\n' * 10)  # with the registration that is one more than may come at once
            assert len([message for message in client.rest() if message["type"] == "pong"]) == 9
    finally:
        server.stop()
    assert sum(line.startswith("< ") for line in trace) == 11


# --- who wakes whom ---------------------------------------------------------------------------------------------------

# With these the next deadline that anybody knows is far away: who forgets to say that one is nearer is found out.
ONE_DEADLINE: Dict[str, Any] = {"heartbeat_interval": 0.1, "connection_timeout": 60, "registration_timeout": 60}
SOON = 10.0
"""Seconds: much less than those deadlines, and much more than what is waited for takes."""


def test_who_registers_and_falls_silent_is_late_in_time() -> None:
    with running_server(**ONE_DEADLINE) as (server, port), RawClient(port) as client:
        client.register("Ann", roster=False)
        assert client.line()["type"] == "welcome"
        wait_until(lambda: server.room.roster.is_late(1), "Ann to be late", SOON)


@pytest.mark.parametrize("ping", [b'{"type":"ping"}\n', b'{"type" : "ping"}\n'], ids=["fast", "parsed"])
def test_who_returns_and_falls_silent_again_is_late_again_in_time(ping: bytes) -> None:
    with running_server(**ONE_DEADLINE) as (server, port), RawClient(port) as client:
        client.register("Ann", roster=False)
        for _ in range(3):
            wait_until(lambda: server.room.roster.is_late(1), "Ann to be late", SOON)
            client.send(ping)
            client.until_type("pong")


def make_late(server: RollcallServer, clock: ShiftedClock) -> None:
    """Let so much time pass that the first client is late."""
    server.room.sweeper._watch._cpu_clock = clock  # a busy process: no pause of it excuses anybody
    clock.shift += 91.0
    server.room.sweeper.arm(0.0)
    wait_until(lambda: server.room.roster.is_late(1), "it to be late", SOON)


@pytest.mark.parametrize("ping", [b'{"type":"ping"}\n', b'{"type" : "ping"}\n'], ids=["fast", "parsed"])
def test_all_are_told_at_once_who_has_returned(ping: bytes) -> None:
    clock = ShiftedClock()
    with running_server(clock) as (server, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.line()
        make_late(server, clock)
        with RawClient(port) as watcher:
            watcher.register("Watcher")
            assert watcher.until_type("client_list")["clients"][0]["state"] == "late"
            ann.send(ping)
            (row,) = watcher.until_type("roster_delta", SOON)["up"]
            assert row["id"] == 1 and row.get("state", "here") == "here"


def test_who_wants_no_roster_is_shown_to_those_who_do() -> None:
    with running_server() as (_, port), RawClient(port) as watcher, RawClient(port) as quiet:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        quiet.register("Quiet", roster=False)
        assert [row["name"] for row in watcher.until_type("roster_delta", SOON)["up"]] == ["Quiet"]


def test_a_version_1_client_that_closes_has_left_and_one_of_version_2_is_lost() -> None:
    with running_server() as (_, port), RawClient(port) as watcher:
        watcher.register("Watcher")
        watcher.until_type("client_list")
        for number, (name, reason) in enumerate(((None, "left"), ("Ann", "lost")), 2):
            with RawClient(port) as client:
                client.register(name)
                client.until_type("client_list")  # read to its last byte: closing is no reset
                watcher.until(lambda message: message.get("up"))
            assert watcher.until(lambda message: message.get("down"))["down"] == [{"id": number, "reason": reason}]


def reset(client: RawClient) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize(("name", "late"), [("Ann", False), (None, True)], ids=["version 2", "late"])
def test_a_reset_is_a_goodbye_in_version_1_and_from_who_was_in_time_only(name: Optional[str], late: bool) -> None:
    clock = ShiftedClock()
    with running_server(clock) as (server, port), RawClient(port) as client:
        client.register(name)
        client.until_type("client_list")
        if late:
            make_late(server, clock)
        with RawClient(port) as watcher:
            watcher.register("Watcher")
            watcher.until_type("client_list")
            reset(client)
            assert watcher.until(lambda message: message.get("down"))["down"] == [{"id": 1, "reason": "lost"}]


# --- the end of a connection ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux whether a reset came")
def test_last_words_are_not_followed_by_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.server.handler.LAST_WORDS", 0.1)
    with running_server() as (server, port), RawClient(port) as client:
        wait_until(server.room.connections, "the connection")
        (connection,) = server.room.connections()
        client.send(b"nonsense\n" + b"more that nobody reads " * 300)
        wait_until(lambda: connection._closed, "the server to close")
        assert [message["code"] for message in client.rest()] == ["bad_message"]
        assert client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_who_was_refused_and_stays_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.server.handler.LAST_WORDS", 0.1)
    with running_server() as (server, port), RawClient(port) as client:
        client.send(b"nonsense\n")
        assert [message["code"] for message in client.rest()] == ["bad_message"], "and then the end of the stream"
        wait_until(lambda: len(server.room) == 0, "its handler to end", SOON)


def test_those_who_are_being_refused_are_bounded_and_let_go_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*unused: object) -> int:
        raise RuntimeError("can't start new thread")

    clock = FakeClock()
    with running_server(clock) as (server, port), ExitStack() as stack:
        monkeypatch.setattr(_thread, "start_new_thread", fail)
        for _ in range(SPARE_CONNECTIONS + 8):
            client = stack.enter_context(RawClient(port))
            assert [message["code"] for message in client.rest()] == ["server_full"]
        wait_until(lambda: len(server._refusals._refused) == SPARE_CONNECTIONS, "the newest to be left", SOON)
        assert len(server.room) == len(server.room.gate) == 0 and not server.room.roster._sessions
        oldest = server._refusals._refused[0][1]

        def time_passes() -> bool:
            clock.advance(LAST_WORDS)
            return not server._refusals._refused

        wait_until(time_passes, "them to be closed", SOON)
        assert oldest.fileno() < 0


def test_refusing_many_is_one_line_a_second(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*unused: object) -> int:
        raise RuntimeError("can't start new thread")

    clock = FakeClock()
    with running_server(clock) as (_, port):
        monkeypatch.setattr(_thread, "start_new_thread", fail)
        for _ in range(2):
            for _ in range(5):
                with RawClient(port) as client:
                    client.rest()
            clock.advance(1.0)
    assert caplog.text.count("cannot start a thread") == 2


def test_what_the_system_holds_for_one_client_is_bounded() -> None:
    with running_server() as (server, port), RawClient(port):
        wait_until(server.room.connections, "the connection")
        (connection,) = server.room.connections()
        holds = connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert SEND_BUFFER <= holds <= 2 * SEND_BUFFER


def test_small_lines_leave_at_once_and_the_system_probes_a_silent_peer() -> None:
    with running_server() as (server, port), RawClient(port) as client:
        client.register("Ann")
        client.line()
        (connection,) = server.room.connections()
        assert connection._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_register_is_one_message_whatever_it_weighs() -> None:
    register = {"type": "register", "client_ip": "h", "client_port": 1, "protocol": 2, "name": "Ann"}
    with running_server(message_rate=0.01) as (_, port), RawClient(port) as client:
        client.send({**register, "more": "x" * 1900})
        assert client.line()["type"] == "welcome", "and not nineteen, which is more than may come at once"


def unread(connection: Connection) -> int:
    """Bytes that have come to this connection and that its handler has not read. Not on Windows."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(connection, termios.FIONREAD, bytes(4)), sys.byteorder)


ASKS_WHAT_IS_UNREAD = pytest.mark.skipif(sys.platform == "win32", reason="asks the system what is unread")


@ASKS_WHAT_IS_UNREAD
def test_a_heartbeat_byte_by_byte_is_no_flood() -> None:
    with running_server(message_rate=0.01) as (server, port), RawClient(port) as client:
        client.register("Ann")
        client.until_type("client_list")
        (connection,) = server.room.connections()
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b'{"type":"ping"}\n':  # fifteen pieces that complete nothing, and the one that does
            client.send(bytes([byte]))
            wait_until(lambda: not unread(connection), "the byte to be read by itself")
        assert client.line()["type"] == "pong"


def test_two_seconds_worth_may_come_at_once() -> None:
    with running_server(FakeClock(), message_rate=20) as (_, port), RawClient(port) as client:
        client.register("Ann")
        client.until_type("client_list")
        for _ in range(39):
            client.send(b'{"type":"ping"}\n')
            assert client.line()["type"] == "pong"
        client.send(b'{"type":"ping"}\n')
        assert client.line()["code"] == "rate_limited"


def test_who_has_registered_and_gone_leaves_nothing_in_any_table() -> None:
    with running_server(max_per_address=5) as (server, port):
        room, publisher = server.room, server.room.publisher
        for name in ("Ann", None):
            with RawClient(port) as client:
                client.register(name, instance="ab" * 16, attempt=1)
                client.until_type("client_list")
                assert len(server.room.gate) == 0
                client.send(b'{"type" : "resync"}\n')
                client.until_type("client_list")
            wait_until(lambda: len(server.room) == 0, "it to be gone")
            wait_until(lambda: not (publisher._resynced or any(publisher._seen.values())), "the publisher to forget it")
            tables = [room.roster._sessions, room.roster._last_seen, room.roster._late, room.roster._members]
            assert not any([*tables, publisher._asking, list(publisher._stuck), room.roster._seats._per_address])


def test_who_has_just_registered_is_crowded_out_no_more() -> None:
    with running_server() as (server, port), RawClient(port) as ann, RawClient(port) as mute:
        ann.register("Ann")
        ann.until_type("client_list")
        wait_until(lambda: len(server.room.gate) == 1, "the mute one")
        server.room._crowd_out(1)  # the gate chose it while its register was being read
        server.room._crowd_out(2)
        (error,) = mute.rest()
        assert error["code"] == "server_full" and "have not registered" in error["message"]
        ann.send({"type": "ping", "seq": 1})
        assert ann.until_type("pong")["seq"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of descriptors")
def test_who_is_mute_makes_way_when_descriptors_run_out(tmp_path: Path) -> None:
    settings: Dict[str, Any] = {"max_clients": 500, "registration_timeout": 300}
    with ServerProgram(tmp_path, descriptors=40, **settings) as program, ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(RawClient(program.port))
        program.wait_for_line("out of descriptors")

        def comes_in() -> bool:
            ann = stack.enter_context(RawClient(program.port))
            ann.register("Ann")
            return str(ann.line()["type"]) == "welcome"

        wait_until(comes_in, "a place", SOON)
        program.wait_for_line(r"crowded out: client-\d+ from 127\.0\.0\.1")


def test_stop_returns_when_nobody_accepts_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    serve = RollcallServer.serve_forever

    def end_slowly(self: RollcallServer, poll_interval: float = 0.5) -> None:
        try:
            serve(self, poll_interval)
        finally:
            threading.Event().wait(0.1)
            ended.set()

    monkeypatch.setattr(RollcallServer, "serve_forever", end_slowly)
    with running_server():
        pass
    assert ended.is_set()


def test_the_sweeper_knows_the_times_of_this_server() -> None:
    times: Dict[str, Any] = {"heartbeat_interval": 0.2, "connection_timeout": 6.0, "version_1_timeout": 3.0}
    server = RollcallServer(ServerConfig(host="127.0.0.1", port=0, **times))
    try:
        sweeper = server.room.sweeper
        assert sweeper._watch._least == pytest.approx(0.1), "half an interval"
        assert sweeper._pulse == pytest.approx(0.1), "a thirtieth of the shorter lease"
    finally:
        server.server_close()
        server.stop()


def test_all_are_told_at_once_who_is_late() -> None:
    clock = ShiftedClock()
    with running_server(clock) as (server, port), RawClient(port) as ann, RawClient(port) as watcher:
        ann.register("Ann", roster=False)
        ann.line()
        watcher.register("Watcher")
        watcher.until_type("client_list")
        wait_until(lambda: server.room.publisher._pushed_rev == 2, "the publisher to have nothing to do")
        for number in range(3):  # while it falls asleep
            watcher.send({"type": "ping", "seq": number})
            watcher.until_type("pong")
        make_late(server, clock)
        rows = watcher.until_type("roster_delta", SOON)["up"]
        assert {row["id"]: row["state"] for row in rows}[1] == "late"


def test_who_is_told_that_it_is_full_is_told_when_to_call_again() -> None:
    with running_server(max_clients=1) as (_, port), RawClient(port) as ann, RawClient(port) as ben:
        ann.register("Ann")
        ann.until_type("client_list")
        ben.register("Ben")
        assert ben.line()["retry_after"] == 5.0


def test_a_counted_ping_is_nothing_special_in_version_1_and_nothing_before_registering() -> None:
    ping = b'{"type":"ping","seq":7}\n'
    with running_server() as (_, port), RawClient(port) as original, RawClient(port) as stranger:
        original.register()
        original.until_type("client_list")
        original.send(ping)
        assert original.raw_line() == b'{"type":"pong"}\n'
        stranger.send(ping)
        assert [message["code"] for message in stranger.rest()] == ["bad_message"]


BOTH_WAYS = pytest.mark.parametrize("ping", [b'{"type":"ping"}\n', b'{"type" : "ping"}\n'], ids=["fast", "parsed"])


@BOTH_WAYS
def test_who_is_not_in_the_roster_any_more_gets_no_answer(ping: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.server.handler.LAST_WORDS", 0.1)
    with running_server() as (server, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.line()
        server.room.roster.remove(1, "lost")  # and whoever did it fails before it can say so
        ann.send(ping)
        assert ann.rest(SOON) == []


@ASKS_WHAT_IS_UNREAD
@BOTH_WAYS
def test_who_sends_while_it_is_being_removed_hears_why(ping: bytes) -> None:
    with running_server() as (server, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.line()
        (connection,) = server.room.connections()
        server.room.roster.remove(1, "replaced")
        ann.send(ping)
        wait_until(lambda: connection._closed or not unread(connection), "the ping to be read")
        server.room.replace(1)
        assert [message["code"] for message in ann.rest()] == ["replaced"], "or it would call again and fight"


@ASKS_WHAT_IS_UNREAD
@BOTH_WAYS
def test_answers_that_had_to_wait_come_all(ping: bytes) -> None:
    with running_server(message_rate=0) as (server, port):
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # accepted sockets inherit it
        with RawClient(port, buffer=4096) as ann:
            ann.register("Ann", roster=False)
            ann.line()
            ann.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            (connection,) = server.room.connections()
            sent = 0

            def backlogged() -> bool:
                nonlocal sent
                if not unread(connection):
                    ann.send(ping)
                    sent += 1
                return connection.backlogged

            while not backlogged():
                pass
            for _ in range(sent):
                assert ann.until_type("pong", SOON)


def test_the_sweeper_is_told_when_who_has_returned_may_be_late_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, armed = ShiftedClock(), []
    with running_server(clock) as (server, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.line()
        make_late(server, clock)
        arm = server.room.sweeper.arm

        def note(deadline: float) -> None:
            armed.append(deadline - clock())
            arm(deadline)

        monkeypatch.setattr(server.room.sweeper, "arm", note)
        ann.send({"type": "ping"})
        ann.until_type("pong")
        assert armed == [pytest.approx(90.0, abs=5.0)]


@ASKS_WHAT_IS_UNREAD
def test_a_ping_behind_half_a_line_is_the_rest_of_that_line() -> None:
    with running_server() as (server, port), RawClient(port) as ann:
        ann.register("Ann", roster=False)
        ann.line()
        (connection,) = server.room.connections()
        assert connection.receive_size == HEARTBEAT_SIZE, "from now on it has little to say"
        ann.send(b"half a line")
        wait_until(lambda: not unread(connection), "it to be read")
        ann.send(b'{"type":"ping"}\n')
        assert ann.line()["code"] == "bad_message"


def test_stopping_gives_clients_the_time_to_hang_up_by_themselves(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.STOP_PATIENCE", PATIENCE)
    caplog.set_level(logging.INFO)
    heard: List[str] = []

    def listen_to_the_end(client: RawClient, *goodbye: bytes) -> None:
        with client:
            heard.append(client.until_type("error")["code"])
            client.rest()
            for line in goodbye:
                client.send(line)

    with running_server() as (_, port):
        ann, ben = RawClient(port), RawClient(port)
        for client, name in ((ann, "Ann"), (ben, "Ben")):
            client.register(name)
            client.until_type("client_list")
        listeners = [
            threading.Thread(target=listen_to_the_end, args=(ann, b'{"type":"leave"}\n')),
            threading.Thread(target=listen_to_the_end, args=(ben,)),
        ]
        for listener in listeners:
            listener.start()
        begun = time.monotonic()
    assert time.monotonic() - begun < PATIENCE / 2, "both have seen the end of the stream"
    for listener in listeners:
        listener.join()
    assert heard == ["server_shutdown"] * 2
    assert 'left: "Ann"' in caplog.text, "it was still listened to"
