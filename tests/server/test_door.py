"""door.py: who comes into a room with a code, by which way, and as what."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import sys
from pathlib import Path
from typing import Any, Iterator, Tuple

import pytest

from rollcall.server import config as server_config
from rollcall.wire.own_machine import file_name
from rollcall.wire.scram import ClientExchange
from server import RollcallServer
from tests.closed_room import CONTEXT, JOIN, TEACH, TlsClient, own_proof, room_with_keys
from tests.helpers import PATIENCE, RawClient, ServerProgram, ShiftedClock, running_server, wait_until
from tests.raw_tls import RawTls

Closed = Tuple[RollcallServer, int]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    with room_with_keys(tmp_path, join_code=JOIN, teacher_code=TEACH, message_rate=1000) as room:
        yield room


def test_who_knows_the_code_comes_in_and_both_sides_have_proven_it(closed: Closed, tmp_path: Path) -> None:
    server, port = closed
    with TlsClient(port) as ann, TlsClient(port) as ben:
        room = ann.hello()
        assert room["closed"] is True and room["epoch"] == server.room.epoch and room["teacher"] == "this machine"
        assert "names" not in room
        exchange = ann.begin()
        assert ann.finish(exchange, "kdwh 9rtc 4mxf", ann.line()["data"])["type"] == "auth" and exchange.proven
        ann.register("Ann")
        assert ann.until_type("welcome")["role"] == "member"
        ann.send({"type": "ping", "seq": 7})
        assert ann.until_type("pong")["seq"] == 7
        assert ben.join("Ben")["server_name"] == "Rollcall"
        names = {entry["name"] for entry in ben.until_type("client_list")["clients"]}
        assert names == {"Ann", "Ben"}
        ann.send({"type": "leave"})
        assert ben.until(lambda message: message.get("down"))["down"][0]["reason"] == "left"


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"register","client_ip":"10.0.0.1","client_port":1}\n',
        b'{"type":"register","client_ip":"10.0.0.1","client_port":1,"protocol":2,"name":"Ann"}\n',
        b'{"type":"hello"}\n',
        b'{"type":"auth","data":"x"}\n',
        b'{"type":"ping"}\n',
        b"what is this?\n",
    ],
)
def test_in_the_clear_a_closed_room_says_one_thing(closed: Closed, line: bytes) -> None:
    _, port = closed
    with RawClient(port) as client:
        client.send(line + line)
        (said,) = client.rest()
        assert (said["type"], said["code"]) == ("error", "code_required")
    assert len(closed[0].room.roster) == 0


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "register", "client_ip": "h", "client_port": 1, "protocol": 2, "name": "Ann"}], "code_required"),
        ([{"type": "register", "client_ip": "h", "client_port": 1}], "code_required"),
        ([{"type": "ping"}], "bad_message"),
        ([{"type": "kick", "id": 1}], "bad_message"),
        ([{"type": "hello"}] * 4, "bad_message"),
        ([{"type": "auth", "data": "n,,n=class,r=rOprNGfwEbeRWgbNEkqOclie"}], "bad_message"),
        ([{"type": "auth", "data": ""}], "bad_message"),
    ],
)
def test_inside_tls_nobody_registers_who_has_not_proven_the_code(closed: Closed, messages: Any, code: str) -> None:
    _, port = closed
    with TlsClient(port) as client:
        for message in messages:
            client.send(message)
        assert client.rest()[-1]["code"] == code
    assert len(closed[0].room.roster) == 0


def test_a_register_between_the_messages_of_an_exchange_is_no_way_in(closed: Closed) -> None:
    _, port = closed
    with TlsClient(port) as client:
        client.begin()
        client.line()
        client.register("Mallory")
        assert client.line()["code"] == "code_required"


def test_one_exchange_a_connection(closed: Closed) -> None:
    with TlsClient(closed[1]) as client:
        assert client.prove()["type"] == "auth"
        client.begin("teacher")
        assert client.line()["code"] == "bad_message"


def test_a_wrong_code_ends_the_connection_and_the_log_counts_it(
    closed: Closed, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), TlsClient(closed[1]) as client:
        assert client.prove("WRNG-WRNG-9999")["code"] == "bad_code"
        assert client.rest() == []
        wait_until(lambda: "1 wrong code, sent as class from 127.0.0.1" in caplog.text, "the log")
    with TlsClient(closed[1]) as client:
        assert client.prove(TEACH)["code"] == "bad_code", "the teacher's code is no class's"
    with TlsClient(closed[1]) as client:
        assert client.prove(JOIN, "teacher")["code"] == "bad_code"
    with TlsClient(closed[1]) as client:
        assert client.prove(JOIN, "nobody at all")["code"] == "bad_code"


def test_who_must_wait_hears_so_before_any_scram(tmp_path: Path) -> None:
    clock = ShiftedClock()
    with room_with_keys(tmp_path, clock, join_code=JOIN, message_rate=0) as (_, port):
        for _ in range(5):
            with TlsClient(port) as client:
                assert client.prove("WRNG-WRNG-9999", device_id="d")["code"] == "bad_code"
        with TlsClient(port) as client:
            client.begin(device_id="d")
            refused = client.line()
            assert refused["code"] == "rate_limited" and 0 < refused["retry_after"] <= 2
            assert client.rest() == []
        with TlsClient(port) as client:
            assert client.prove(device_id="another's")["type"] == "auth"
        clock.shift += 3
        with TlsClient(port) as client:
            assert client.prove(device_id="d")["type"] == "auth"


def test_a_student_who_guesses_the_teachers_code_between_successes_is_stopped(closed: Closed) -> None:
    answers = []
    for _ in range(31):
        with TlsClient(closed[1]) as client:
            answers.append(client.prove("WRNG-WRNG-9999", "teacher").get("code"))
        with TlsClient(closed[1]) as client:
            assert client.prove()["type"] == "auth"
    assert answers == ["bad_code"] * 30 + ["rate_limited"]


def test_a_proof_bound_to_another_certificate_is_refused(closed: Closed) -> None:
    with TlsClient(closed[1]) as relayed:
        exchange = relayed.begin(binding=b"\x01" * 32)
        answer = relayed.finish(exchange, JOIN, relayed.line()["data"])
        assert answer["code"] == "bad_code" and "another certificate" in answer["message"]
        assert not exchange.proven


def test_a_replayed_proof_is_worth_nothing(closed: Closed) -> None:
    with TlsClient(closed[1]) as client:
        exchange = client.begin()
        first = exchange._bare
        assert client.finish(exchange, JOIN, client.line()["data"])["type"] == "auth"
    with TlsClient(closed[1]) as thief:
        thief.send({"type": "auth", "data": f"p=tls-server-end-point,,{first}"})
        thief.line()
        thief.send({"type": "auth", "data": f"c=biws,r={first.rpartition('=')[2]}xx,p=AAAA"})
        assert thief.line()["type"] == "error"


class TestOpen:
    """A room without a code."""

    def test_it_offers_tls_and_takes_both_ways(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path) as (_, port), TlsClient(port) as ann, RawClient(port) as ben:
            room = ann.hello()
            assert "closed" not in room or room["closed"] is False
            ann.register("Ann")
            ann.until_type("welcome")
            ben.send({"type": "hello"})
            assert ben.until_type("room")["server_name"] == "Rollcall"
            ben.register("Ben")
            assert len(ben.until_type("client_list")["clients"]) == 2
            ben.send({"type": "auth", "data": "p=tls-server-end-point,,n=class,r=rOprNGfwEbeRWgbNEkqOclie"})
            assert ben.line()["code"] == "bad_message"
            with RawClient(port) as old:
                old.register()
                assert len(old.until_type("client_list")["clients"]) >= 1

    def test_in_the_clear_no_code_is_proven(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path, teacher_code=TEACH) as (_, port), RawClient(port) as client:
            client.send({"type": "auth", "data": ClientExchange("teacher", b"").first()})
            assert client.line()["code"] == "bad_message"

    def test_a_server_without_tls_says_so_in_the_clear_and_at_once(self) -> None:
        with running_server() as (_, port):
            sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
            with sock:
                tls = CONTEXT.wrap_bio(ssl.MemoryBIO(), out := ssl.MemoryBIO())
                with pytest.raises(ssl.SSLWantReadError):
                    tls.do_handshake()
                sock.sendall(out.read())
                said = json.loads(sock.makefile().readline())
                assert said["code"] == "bad_message" and "no TLS" in said["message"]

    def test_what_never_asks_for_tls_never_loads_it(self, tmp_path: Path) -> None:
        code = f"""
import sys
from pathlib import Path
from tests.helpers import RawClient
from rollcall.server.settings import ServerConfig
from rollcall.server.keys import room_keys
from server import RollcallServer
config = ServerConfig(host="127.0.0.1", port=0)
keys = room_keys(config, Path({str(tmp_path)!r}), print)
server = RollcallServer(config, keys=keys)
server.start()
with RawClient(server.address[1]) as client:
    client.register("Ann")
    client.until_type("client_list")
server.stop()
print(keys.describe()[1], "ssl" in sys.modules, "cryptography" in sys.modules)
"""
        with room_with_keys(tmp_path):
            pass  # it makes the certificate
        from tests.helpers import ROOT, Program

        with Program("-c", code.replace("from tests.helpers import RawClient", _BARE), folder=ROOT) as program:
            assert program.wait() == 0, program.text
            assert program.lines[-1].startswith("Certificate: ") and program.lines[-1].endswith("False False")


_BARE = """
import socket, json
class RawClient:
    def __init__(self, port): self.s = socket.create_connection(("127.0.0.1", port), 30)
    def __enter__(self): return self
    def __exit__(self, *unused): self.s.close()
    def register(self, name):
        fields = {"type": "register", "client_ip": "h", "client_port": 1, "protocol": 2, "name": name}
        self.s.sendall(json.dumps(fields).encode() + b"\\n")
    def until_type(self, kind):
        for line in self.s.makefile():
            if kind in line: return
"""


class TestRoles:
    """Nobody is a teacher who did not ask, or who cannot prove it."""

    def test_the_teachers_code_makes_a_teacher_of_who_asks(self, closed: Closed) -> None:
        port = closed[1]
        with TlsClient(port) as teacher, TlsClient(port) as quiet, TlsClient(port) as asks:
            assert teacher.join("Ms Hill", TEACH, "teacher", role="teacher")["role"] == "teacher"
            assert quiet.join("Mr Quiet", TEACH, "teacher")["role"] == "member"
            assert asks.join("Tim", role="teacher")["role"] == "member"
            denied = asks.until_type("denied")
            assert denied["act"] == "teacher" and "teacher's code" in denied["message"]
            roles = {entry["name"]: entry.get("role") for entry in asks.until_type("client_list")["clients"]}
            assert roles == {"Ms Hill": "teacher", "Mr Quiet": None, "Tim": None}

    def test_a_teacher_takes_no_seat_of_the_class(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path, teacher_code=TEACH, max_clients=1, max_per_address=1) as (_, port):
            with TlsClient(port) as teacher, RawClient(port) as ann, RawClient(port) as ben:
                teacher.join("Ms Hill", TEACH, "teacher", role="teacher")
                ann.register("Ann")
                ann.until_type("welcome")
                ben.register("Ben")
                assert ben.line()["code"] == "server_full"

    def test_who_sits_at_the_servers_machine_needs_no_code(self, closed: Closed, tmp_path: Path) -> None:
        port = closed[1]
        with TlsClient(port) as teacher, TlsClient(port) as member, TlsClient(port) as wrong, TlsClient(port) as other:
            proof = own_proof(tmp_path, port, teacher)
            teacher.register("Ms Hill", role="teacher", proof=proof)
            assert teacher.until_type("welcome")["role"] == "teacher"
            member.register("Sam", proof=own_proof(tmp_path, port, member))
            assert member.until_type("welcome")["role"] == "member"
            wrong.hello()
            wrong.register("Tim", role="teacher", proof=proof)
            assert wrong.line()["code"] == "code_required", "a proof of another connection"
            other.register("Tim", role="teacher", proof="ä" * 64)
            assert other.line()["code"] == "code_required", "before any nonce"

    def test_in_the_clear_the_proof_is_taken_only_where_there_is_no_tls(self, tmp_path: Path) -> None:
        for with_tls in (True, False):
            with room_with_keys(tmp_path) as (server, port):
                if not with_tls:
                    server.room.keys.certificate = None
                    server.room.keys.let_in_own_machine(tmp_path, port, server.room.epoch)
                with RawClient(port) as client:
                    client.register("Ms Hill", role="teacher", proof=own_proof(tmp_path, port, client))
                    welcome = client.until_type("welcome")
                    assert welcome["role"] == ("member" if with_tls else "teacher")
                    if with_tls:
                        assert "own machine" in client.until_type("denied")["message"]

    @pytest.mark.parametrize("teacher", ["code", "nobody"])
    def test_other_rules_make_other_teachers(self, tmp_path: Path, teacher: str) -> None:
        code = TEACH if teacher == "code" else ""
        with room_with_keys(tmp_path, teacher=teacher, teacher_code=code) as (_, port), TlsClient(port) as client:
            proof = own_proof(tmp_path, port, client)
            client.register("Ms Hill", role="teacher", proof=proof)
            assert client.until_type("welcome")["role"] == "member"
            said = client.until_type("denied")["message"]
            assert ("teacher's code" in said) == (teacher == "code") and "machine" not in said

    def test_the_key_is_for_its_owner_only_and_goes_with_the_server(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path) as (_, port):
            file = tmp_path / file_name(port)
            if sys.platform != "win32":
                assert file.stat().st_mode & 0o777 == 0o600
            first = file.read_text()
        assert not file.exists()
        with room_with_keys(tmp_path) as (_, port):
            second = (tmp_path / file_name(port)).read_text()
            assert json.loads(second)["key"] != json.loads(first)["key"]
            (tmp_path / file_name(port)).write_text("of somebody else")
        assert (tmp_path / file_name(port)).read_text() == "of somebody else"


class TestResume:
    """A token is for the device to which it was given."""

    def test_a_stolen_token_is_worth_nothing_on_another_device(self) -> None:
        with running_server() as (_, port), RawClient(port) as ann, RawClient(port) as back:
            ann.register("Ann", device_id="laptop-17", instance="one")
            welcome = ann.until_type("welcome")
            for device in ("", "laptop-18"):
                with RawClient(port) as thief:
                    thief.register("Ann", resume_token=welcome["resume_token"], device_id=device)
                    assert thief.until_type("welcome")["member_id"] != welcome["member_id"]
            back.register("Ann", resume_token=welcome["resume_token"], device_id="laptop-17")
            assert back.until_type("welcome")["member_id"] == welcome["member_id"]
            assert ann.until_type("error")["code"] == "replaced"


class TestHostile:
    """Peers that break the rules of TLS, or keep none."""

    def test_a_browsers_tls_hello_is_closed_without_a_word(self, closed: Closed) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", closed[1]), PATIENCE) as sock:
            try:
                with context.wrap_socket(sock) as tls:
                    assert tls.recv(100) == b""
            except OSError:
                pass  # closed within the handshake, which is as good
        wait_until(lambda: len(closed[0].room) == 0, "the end of that connection")

    def test_half_a_hello_is_closed_without_a_word_at_the_deadline(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path, join_code=JOIN, registration_timeout=0.2) as (server, port):
            peers = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(3)]
            for peer, first in zip(peers, (b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 40, b"\x16")):
                peer.sendall(first)
            for peer in peers:
                with peer:
                    assert peer.recv(100) == b""
            wait_until(lambda: len(server.room) == 0, "their end")

    def test_a_tls_hello_behind_a_plain_byte_is_no_tls_hello(self, closed: Closed) -> None:
        with RawClient(closed[1]) as client:
            client.send(b"{\x16\x03\x01\x00\x05hello\n")
            assert client.rest()[0]["code"] == "code_required"

    def test_plain_lines_after_the_handshake_end_it(self, closed: Closed, tmp_path: Path) -> None:
        with socket.create_connection(("127.0.0.1", closed[1]), PATIENCE) as sock:
            RawTls(sock, tmp_path)
            sock.sendall(b'{"type":"register","client_ip":"h","client_port":1,"protocol":2,"name":"Eve"}\n')
            while sock.recv(65536):
                pass
        assert len(closed[0].room.roster) == 0

    def test_records_without_content_cost_allowance(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path, message_rate=5) as (_, port):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
                raw = RawTls(sock, tmp_path)
                raw.send(b'{"type":"register","client_ip":"h","client_port":1,"protocol":2,"name":"Eve"}\n')
                assert b"welcome" in raw.receive()
                said = b""
                try:
                    for number in range(600):  # OpenSSL takes 32 without content in a row
                        raw.send(b"" if number % 30 else b" ")
                except OSError:
                    pass  # hung up already
                try:
                    while part := raw.receive():
                        said += part
                except ConnectionError:
                    pass
                assert b"rate_limited" in said

    def test_http_inside_tls_is_not_answered_as_such(self, closed: Closed) -> None:
        with TlsClient(closed[1]) as client:
            client.send(b"GET / HTTP/1.1\r\n")
            assert client.line()["code"] == "bad_message"

    def test_single_bytes_let_a_client_in(self, closed: Closed, tmp_path: Path) -> None:
        with socket.create_connection(("127.0.0.1", closed[1]), PATIENCE) as sock:
            raw = RawTls(sock, tmp_path)
            for byte in b'{"type":"hello"}\n':
                raw.send(bytes([byte]))
            assert b'"closed":true' in raw.receive()

    def test_a_full_closed_room_is_silent_in_the_clear(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.SPARE_CONNECTIONS", 0)
        monkeypatch.setattr("server.PLACES_MORE", 0)
        with room_with_keys(tmp_path, join_code=JOIN, max_clients=1) as (server, port):
            mute = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(2)]
            wait_until(lambda: len(server.room) == 2, "both to be there")
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as refused:
                assert refused.recv(100) == b"", "a line in the place of a ServerHello would mean: no TLS here"
            for peer in mute:
                peer.close()

    def test_a_member_is_told_inside_tls_that_the_server_stops(self, tmp_path: Path) -> None:
        with room_with_keys(tmp_path, join_code=JOIN) as (_, port):
            client, waiting = TlsClient(port), socket.create_connection(("127.0.0.1", port), PATIENCE)
            client.join("Ann")
        with client, waiting:
            assert client.rest()[-1]["code"] == "server_shutdown"
            assert waiting.recv(100) == b""


def test_a_real_open_server_loads_tls_in_a_handlers_small_stack(tmp_path: Path) -> None:
    with ServerProgram(tmp_path) as server:
        server.wait_for_line("^This room is open: ")
        with TlsClient(server.port) as ann, TlsClient(server.port) as ben:
            ann.register("Ann")
            ann.until_type("welcome")
            assert ben.prove(device_id="d")["code"] == "bad_code", "there is none"
        assert server.stop() == 0


def test_a_real_server_says_who_can_come_in_and_shows_no_secret(tmp_path: Path) -> None:
    codes = {"ROLLCALL_TEACHER_CODE": TEACH}
    with ServerProgram(tmp_path, "--trace", join_code="auto", env=codes) as server:
        banner = server.wait_for_line(r"^This room is closed: to join takes the code ((?:[A-Z0-9]{4}-?){3})$")
        server.wait_for_line(r"^Certificate: (?:[0-9a-f]{4} ?){16}$")
        assert server_config.ENVIRONMENT in server.text
        with TlsClient(server.port) as client:
            client.begin()
            assert "i=600000" in client.line()["data"]
        assert server.stop() == 0
        first = banner.group(1)
        assert "MQT7" not in server.text and "tls-server-end-point" not in server.text
    with ServerProgram(tmp_path, "--teacher-code", TEACH, port=0, join_code="auto") as server:
        assert server.wait_for_line(r"to join takes the code (\S+)$").group(1) == first
        assert server.stop() == 0
