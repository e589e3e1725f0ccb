"""door.py and client.py: what a client says to whom, in rooms that are what they say and in those that lie."""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple, Type, TypeVar

import pytest

from client import Client
from protocol import ASK
from rollcall.client import derivation, events
from rollcall.client.door import MOST_PAPERS, Door
from rollcall.client.events import (
    CodeNeeded,
    Connected,
    Denied,
    Disconnected,
    Done,
    Event,
    Notice,
    Refused,
    RoomSeen,
    RosterReplaced,
    ServerKnown,
    ServerWarning,
    Stopped,
    Waiting,
)
from rollcall.client.this_machine import read_key
from rollcall.client.trust import KnownServer, Trust
from rollcall.server.certificate import Certificate, own_certificate
from rollcall.server.keys import room_keys
from rollcall.server.settings import ServerConfig
from rollcall.wire.address import Address
from rollcall.wire.codes import UnfitCode, fold
from rollcall.wire.messages import Kick
from rollcall.wire.own_machine import OwnMachine, file_name
from rollcall.wire.scram_keys import Challenge, ClientKeys, derive_client_keys
from rollcall.wire.secure import client_context
from server import RollcallServer
from tests.client.closed_room import CODE, FEW, TEACHERS, Call, ClosedRoom, Line
from tests.helpers import PATIENCE, wait_until
from tests.proxy import DOWN, Proxy, TlsProxy

E = TypeVar("E")
UNTIL_PROVEN = ("hello", "auth")
"""All that may be said before the server has proven that it knows the code."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Certificate, Certificate]:
    folder = tmp_path_factory.mktemp("certificates")
    return own_certificate(folder, "right"), own_certificate(folder, "other")


@pytest.fixture
def room(certificates: Tuple[Certificate, Certificate]) -> Iterator[ClosedRoom]:
    with ClosedRoom(certificates[0]) as built:
        yield built


class Visitor:
    """A client and all that happened to it."""

    def __init__(self, port: int, **options: Any) -> None:
        self.queue: queue.Queue[Event] = queue.Queue()
        self.seen: List[Event] = []
        options = {"least_iterations": FEW, "uniform": lambda low, high: low, "name": "Ann", **options}
        self.client = Client(Address("127.0.0.1", port), events=self.queue, **options)
        self.client.start()

    def until(self, kind: Type[E], right: Callable[[E], bool] = lambda event: True) -> E:
        while True:
            try:
                event = self.queue.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__} came, but {self.seen}") from None
            self.seen.append(event)
            if isinstance(event, kind) and right(event):
                return event
            assert not isinstance(event, Stopped), self.seen

    def all(self, kind: Type[E]) -> List[E]:
        """Those that came, once it has ended by itself."""
        if not (self.seen and isinstance(self.seen[-1], Stopped)):
            self.until(Stopped)
        return [event for event in self.seen if isinstance(event, kind)]


@contextmanager
def visitor(port: int, **options: Any) -> Iterator[Visitor]:
    built = Visitor(port, **options)
    try:
        yield built
    finally:
        built.client.stop()


def known(room: ClosedRoom, with_keys: bool = True, **changes: Any) -> Trust:
    """What somebody keeps who was in this room before."""
    server = KnownServer(room.fingerprint, room.name, (f"127.0.0.1:{room.port}",), room.closed)
    if with_keys:
        salt = room.credentials.find("class").salt
        server = server.with_keys("class", derive_client_keys(fold(CODE), Challenge(salt, FEW)))
    return Trust((replace(server, **changes),))


def secrets_in(call: Call, *more: str) -> List[str]:
    """What of ours was told in this call that is for friends only."""
    text = repr(call.heard)
    return [word for word in ("resume_token", "device_id", CODE, fold(CODE), *more) if word in text]


# --- the ways in --------------------------------------------------------------------------------------------------


def test_an_open_room_is_joined_in_the_clear_without_anything_that_is_kept(certificates: Any) -> None:
    with ClosedRoom(certificates[0], closed=False) as room, visitor(room.port, device_id="laptop-17") as ann:
        assert ann.until(Connected).fingerprint == ""
        (call,) = room.calls
        assert not call.secure and call.types() == ["register"] and not secrets_in(call)
        assert ann.client.door.trust == Trust()


def test_code_required_leads_to_tls_and_to_the_question_and_nothing_waits(room: ClosedRoom) -> None:
    with visitor(room.port, device_id="laptop-17") as ann:
        needed, refused = ann.until(CodeNeeded), ann.until(Refused)
        assert needed == CodeNeeded(f"127.0.0.1:{room.port}", "Room 12", room.fingerprint, False, "class", False)
        assert (refused.code, refused.action) == ("code_required", ASK)
        ann.until(Stopped)
        assert [(call.secure, call.types()) for call in room.calls] == [(False, ["register"]), (True, ["hello"])]
        assert not any(secrets_in(call) for call in room.calls)
        wait_until(lambda: all(call.ended for call in room.calls), "both calls to have ended")
        assert [event for event in ann.seen if isinstance(event, ServerWarning)] == []


def test_with_a_code_it_is_tls_from_the_first_byte_and_it_beats_and_knows_the_room_again(room: ClosedRoom) -> None:
    with visitor(room.port, code=" kdwh 9rtc-4mxf", device_id="laptop-17") as ann:
        connected = ann.until(Connected)
        assert connected.fingerprint == room.fingerprint
        assert [entry.name for entry in ann.until(RosterReplaced).entries] == ["Ann", "Bo"]
        first, second = room.calls  # the keys were derived between them, while no connection was open
        assert first.types() == ["hello", "auth"] and first.ended and first.secure and second.secure
        assert second.types() == ["hello", "auth", "auth", "register"]
        register = second.last("register")
        assert register["device_id"] == "laptop-17" and "resume_token" not in register and "role" not in register
        assert second.heard[1]["device_id"] == "laptop-17"
        assert next(event for event in ann.seen if isinstance(event, RoomSeen)).closed
        assert ServerKnown(room.fingerprint, "Room 12", True) in ann.seen
        (kept,) = ann.client.door.trust.servers
        assert (kept.fingerprint, kept.name, kept.closed) == (room.fingerprint, "Room 12", True)
        assert kept.addresses == (f"127.0.0.1:{room.port}",) and list(kept.keys) == ["class"]
        assert kept.least_iterations == FEW
    assert CODE not in repr(ann.seen) and fold(CODE) not in repr(ann.seen)


@pytest.mark.parametrize("names", [["Ann Lee", "Ben Oak"], None])
def test_who_has_no_name_yet_hears_the_names_of_a_closed_room_and_registers_nothing(
    room: ClosedRoom, names: Optional[List[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    room.names = names
    with visitor(room.port, name="", code=CODE) as ann:
        refused = ann.until(Refused)
        seen = [event.names for event in ann.all(RoomSeen)]
        assert seen == [None, None, None if names is None else tuple(names)]  # the first call was to derive the keys
        assert (refused.code, refused.action) == (events.NAME_NEEDED, ASK)
        assert ("the list" in refused.message) == bool(names)
        assert [call.types() for call in room.calls] == [["hello", "auth"], ["hello", "auth", "auth", "hello"]]
        assert all(call.secure for call in room.calls) and secrets_in(room.calls[0]) == []
        trust = ann.client.door.trust
        assert ServerKnown(room.fingerprint, "Room 12", True) in ann.seen and list(trust.servers[0].keys) == ["class"]
    monkeypatch.setattr("rollcall.client.door.derive", lambda *unused: pytest.fail("derived"))
    with visitor(room.port, name="Ben Oak", code=CODE, trust=trust) as ben:
        ben.until(Connected)
        assert room.calls[-1].types() == ["hello", "auth", "auth", "register"]


def test_who_has_no_name_yet_and_no_code_is_asked_for_that_first(room: ClosedRoom) -> None:
    with visitor(room.port, name="") as ann:
        assert ann.until(Refused).code == "code_required"
        assert [call.types() for call in room.calls] == [["hello"]] and room.calls[0].secure


def test_a_liar_s_names_are_not_asked_for(room: ClosedRoom) -> None:
    """Who has not proven that it knows the code says nothing that a person is shown to choose from."""
    room.names = ["Ann Lee"]
    room.answers["auth"] = lambda call, line: [{"type": "auth", "data": "v=" + "A" * 43 + "="}]
    with visitor(room.port, name="", trust=known(room)) as ann:
        assert ann.until(Refused).code == events.NOT_PROVEN
        assert [call.types() for call in room.calls] == [["hello", "auth"]]


def test_nobody_without_a_name_goes_into_an_open_room(certificates: Any) -> None:
    with ClosedRoom(certificates[0], closed=False) as room, visitor(room.port, name="") as ann:
        assert ann.until(Refused).code == events.NAME_NEEDED
        assert [call.types() for call in room.calls] == [["hello"]]
    with ClosedRoom(None, closed=False) as plain, visitor(plain.port, name="") as ann:
        assert ann.until(Refused).code == events.NO_TLS
        assert plain.calls == [], "nothing was said in the clear"


def test_kept_keys_derive_nothing_and_need_no_code(room: ClosedRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.client.door.derive", lambda *unused: pytest.fail("derived"))
    with visitor(room.port, trust=known(room)) as ann:
        ann.until(Connected)
        assert [call.types() for call in room.calls] == [["hello", "auth", "auth", "register"]]


def test_a_known_room_at_a_new_address_is_known_by_its_certificate(room: ClosedRoom) -> None:
    with visitor(room.port, trust=known(room, addresses=("10.0.0.1:8080",))) as ann:
        ann.until(Connected)
        assert [call.secure for call in room.calls] == [False, True], "an address is a hint: it was a stranger's so far"
        (kept,) = ann.client.door.trust.servers
        assert kept.addresses == (f"127.0.0.1:{room.port}", "10.0.0.1:8080")


def test_a_bell_or_a_reconnect_derives_nothing_and_keeps_the_row(
    room: ClosedRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived: List[Challenge] = []

    def counted(code: Any, challenge: Challenge, stopping: Any) -> ClientKeys:
        derived.append(challenge)
        return derive_client_keys(code, challenge)

    monkeypatch.setattr("rollcall.client.door.derive", counted)
    with visitor(room.port, code=CODE) as ann:
        ann.until(Connected)
        first = room.calls[-1].last("register")
        room.hang_up()
        ann.until(Connected)
        again = room.calls[-1].last("register")
        assert len(derived) == 1
        assert again["resume_token"].startswith("token-") and again["instance"] == first["instance"]
        assert again["attempt"] > first["attempt"]
        ann.until(RosterReplaced)
        assert sum(isinstance(event, ServerKnown) for event in ann.seen) == 1, "nothing new was learned of it"


def test_a_changed_code_is_asked_for_and_a_typed_one_is_derived_anew(room: ClosedRoom) -> None:
    trust = known(room)
    room.set_codes({"class": "QQMX-3467-WYTR"})
    with visitor(room.port, trust=trust) as ann:
        needed = ann.until(CodeNeeded)
        assert needed.known and not needed.wrong and needed.warning == ""
        assert ann.until(Refused).code == "code_required"
        ann.until(Stopped)
    with visitor(room.port, trust=trust, code="QQMX-3467-WYTR") as ann:
        ann.until(Connected)
        assert ann.client.door.trust.servers[0].keys["class"].salt == room.credentials.find("class").salt


@pytest.mark.parametrize("is_known", [False, True])
def test_a_wrong_code_is_asked_for_again_with_a_warning_about_a_stranger(room: ClosedRoom, is_known: bool) -> None:
    trust = known(room, with_keys=False) if is_known else Trust()
    with visitor(room.port, code="QQMX-3467-WYTR", trust=trust) as ann:
        refused = ann.until(Refused)
        assert (refused.code, refused.message, refused.action) == ("bad_code", "this is not the code", ASK)
        (needed,) = ann.all(CodeNeeded)
        assert needed.wrong and needed.known == is_known
        assert ("has never met it" in needed.warning) == (not is_known)
        assert [warning.kind for warning in ann.all(ServerWarning)] == [] if is_known else [events.FAILED_WITH_STRANGER]
    assert all(set(call.types()) <= set(UNTIL_PROVEN) for call in room.calls)


@pytest.mark.parametrize("code", ["", CODE])
@pytest.mark.parametrize("failed", ["wrong code", "no proof"])
def test_after_a_failed_exchange_with_a_stranger_comes_a_warning_before_the_next_code(
    room: ClosedRoom, failed: str, code: str
) -> None:
    """Also where the person went another way than the question, which was never answered."""
    if failed == "no proof":
        room.answers["auth"] = lambda call, line: [{"type": "auth", "data": "r=x"}]
    with visitor(room.port, code="QQMX-3467-WYTR") as ann:
        assert ann.until(Refused).code == ("bad_code" if failed == "wrong code" else events.NOT_PROVEN)
        ann.until(Stopped)
        trust = ann.client.door.trust
    room.answers.clear()
    with visitor(room.port, trust=trust, code=code) as ann:
        needed = ann.until(CodeNeeded)
        assert "learns a little with each code" in needed.warning and not needed.wrong
        ann.until(Stopped)
        assert room.calls[-1].types() == ["hello"]
    with visitor(room.port, trust=trust, code=CODE, accept=room.fingerprint) as ann:
        ann.until(Connected)
        assert ann.client.door.trust.doubted == ()


def test_kept_keys_that_are_not_taken_any_more_are_forgotten(room: ClosedRoom) -> None:
    salt = room.credentials.find("class").salt
    stale = derive_client_keys(fold("QQMX-3467-WYTR"), Challenge(salt, FEW))
    with visitor(room.port, trust=known(room, keys={"class": stale})) as ann:
        assert ann.until(Refused).code == "bad_code"
        ann.until(Stopped)
        assert ann.client.door.trust.servers[0].keys == {}


# --- teachers -----------------------------------------------------------------------------------------------------


def test_a_teachers_code_is_a_teachers_and_the_other_name_is_never_tried(room: ClosedRoom) -> None:
    with visitor(room.port, code=TEACHERS, teacher=True) as ann:
        welcome = ann.until(Connected).welcome
        assert (
            welcome is not None and welcome.role == "teacher" and room.calls[-1].last("register")["role"] == "teacher"
        )
    with visitor(room.port, code=CODE, teacher=True) as ann:
        assert ann.until(Refused).code == "bad_code"
        (needed,) = ann.all(CodeNeeded)
        assert needed.user == "teacher"
    users = {
        line["data"].split("n=")[1].split(",")[0]
        for call in room.calls
        for line in call.heard
        if "n=" in line.get("data", "")
    }
    assert users == {"teacher"}


def test_a_code_that_begins_with_sub_is_a_substitutes_where_a_teacher_types_it(room: ClosedRoom) -> None:
    room.set_codes({"substitute": "SUB-7H2K-9QXD-4MRT", "class": "SUBX-3467-WYTR"})
    with visitor(room.port, code="sub 7h2k 9qxd 4mrt", teacher=True) as ann:
        welcome = ann.until(Connected).welcome
        assert welcome is not None and welcome.role == "substitute"
        wait_until(lambda: ann.client.door.trust.servers, "what is kept")
        assert ann.client.door.trust.to_json()[0]["keys"] == {}, "it is good until midnight"
    with visitor(room.port, code="SUBX-3467-WYTR") as ann:
        ann.until(Connected)


def test_a_teachers_code_is_proven_in_an_open_room_too_and_through_tls(certificates: Any) -> None:
    with ClosedRoom(certificates[0], closed=False) as room:
        with visitor(room.port, code=TEACHERS, teacher=True) as ann:
            welcome = ann.until(Connected).welcome
            assert welcome is not None and welcome.role == "teacher"
            assert all(call.secure for call in room.calls)
            wait_until(lambda: ann.client.door.trust.servers, "what is kept")
            assert not ann.client.door.trust.servers[0].closed


def test_acts_are_sent_and_their_answers_are_events(room: ClosedRoom) -> None:
    room.answers["kick"] = lambda call, line: (
        [{"type": "denied", "act": "kick", "ref": line["ref"], "message": "no"}] if line["id"] == 1 else None
    )
    with visitor(room.port, code=TEACHERS, teacher=True) as ann:
        assert not Client(Address("127.0.0.1", 1), "Ann", queue.Queue()).act(Kick(1)), "in no room"
        ann.until(RosterReplaced)
        assert ann.client.act(Kick(8, 10, "Please come back.", 1)) and ann.until(Done) == Done("kick", 1, "")
        assert ann.client.act(Kick(1, ref=2)) and ann.until(Denied) == Denied("kick", 2, "no")
        room.answers["ping"] = lambda call, line: [{"type": "notice", "about": "kicked", "message": "look", "id": 9}]
        assert ann.until(Notice) == Notice("kicked", "look", 9)
        assert room.calls[-1].last("kick") == {"type": "kick", "id": 1, "minutes": 0, "ref": 2}


def test_who_asks_without_a_proof_is_told_so_and_is_a_member(certificates: Any, tmp_path: Path) -> None:
    with ClosedRoom(certificates[0], closed=False) as room:
        with visitor(room.port, teacher=True, own_folder=tmp_path) as ann:
            ann.until(Connected)
            assert ann.until(Denied).act == "teacher"


def test_kicked_says_when_to_come_back(room: ClosedRoom) -> None:
    kicked = {"type": "error", "code": "kicked", "message": "Please come back.", "retry_after": 600.0}
    room.answers["register"] = lambda call, line: [kicked]
    with visitor(room.port, code=CODE) as ann:
        refused = ann.until(Refused)
        assert refused == Refused("kicked", "Please come back.", "stop", 600.0)


# --- the server's own machine -------------------------------------------------------------------------------------


def own_machine(room: ClosedRoom, folder: Path, fingerprint: str) -> OwnMachine:
    own = OwnMachine.new(room.epoch, fingerprint)
    (folder / file_name(room.port)).write_text(own.to_text())
    return own


def test_who_sits_at_the_servers_machine_needs_no_code(room: ClosedRoom, tmp_path: Path) -> None:
    room.own = own_machine(room, tmp_path, room.fingerprint)
    with visitor(room.port, teacher=True, own_folder=tmp_path) as ann:
        welcome = ann.until(Connected).welcome
        assert welcome is not None and welcome.role == "teacher"
        (call,) = room.calls
        assert call.secure and call.types() == ["hello", "register"]
        assert room.own.key.hex() not in repr(call.heard)
    with visitor(room.port, own_folder=tmp_path) as ann:
        assert ann.until(CodeNeeded).user == "class", "who does not ask to be a teacher is none"


def test_a_server_without_a_certificate_hears_the_proof_in_the_clear_on_this_machine(tmp_path: Path) -> None:
    with ClosedRoom(None, closed=False) as room:
        room.own = own_machine(room, tmp_path, "")
        with visitor(room.port, teacher=True, own_folder=tmp_path) as ann:
            welcome = ann.until(Connected).welcome
            assert welcome is not None and welcome.role == "teacher"
            assert [call.types() for call in room.calls] == [["hello", "register"]]


@pytest.mark.parametrize("what", ["fingerprint", "epoch"])
def test_the_proof_is_for_the_server_of_the_file_only(
    room: ClosedRoom, certificates: Any, tmp_path: Path, what: str
) -> None:
    room.own = own_machine(room, tmp_path, certificates[1].fingerprint if what == "fingerprint" else room.fingerprint)
    room.epoch = "e2" if what == "epoch" else "e1"
    with visitor(room.port, teacher=True, own_folder=tmp_path) as ann:
        assert ann.until(CodeNeeded).user == "teacher"
        ann.until(Stopped)
        assert [call.types() for call in room.calls] == [["hello"]]


@pytest.mark.parametrize("left_behind", ["nothing", "the key of the start before"])
@pytest.mark.parametrize("code", ["", TEACHERS])
def test_who_calls_before_the_key_is_written_is_a_teacher_all_the_same(
    tmp_path: Path, left_behind: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server listens before it has a port to write its key for; the system takes calls from then on."""
    config = ServerConfig(host="127.0.0.1", port=0, teacher_code=code)
    keys = room_keys(config, tmp_path, lambda text: None, FEW)
    server = RollcallServer(config, keys=keys, data=tmp_path)
    port = server.address[1]
    if left_behind != "nothing":
        key = OwnMachine.new("an epoch that is over", keys.certificate.fingerprint if keys.certificate else "")
        (tmp_path / file_name(port)).write_text(key.to_text())
    looked = threading.Event()

    def read_and_tell(*where: Any) -> Optional[OwnMachine]:
        found = read_key(*where)
        looked.set()
        return found

    monkeypatch.setattr("rollcall.client.door.read_key", read_and_tell)
    try:
        with visitor(port, teacher=True, own_folder=tmp_path) as ann:
            assert looked.wait(PATIENCE)
            keys.let_in_own_machine(tmp_path, port, server.room.epoch)
            server.start()
            welcome = ann.until(Connected).welcome
            assert welcome is not None and welcome.role == "teacher"
    finally:
        server.stop()
        keys.forget_own_machine()


# --- who lies ------------------------------------------------------------------------------------------------------


def test_a_server_without_tls_gets_no_code_and_not_a_word(certificates: Any) -> None:
    with ClosedRoom(None) as room, visitor(room.port, code=CODE, device_id="laptop-17") as ann:
        refused = ann.until(Refused)
        assert (refused.code, refused.action) == (events.NO_TLS, ASK) and "without encryption" in refused.message
        assert [warning.kind for warning in ann.all(ServerWarning)] == [events.NO_TLS]
        assert room.calls == [], "no line was read: all that came was the TLS hello"


def test_who_wants_a_code_and_has_no_tls_is_called_so() -> None:
    with ClosedRoom(None) as room, visitor(room.port) as ann:
        assert ann.until(Refused).code == events.NO_TLS
        assert "has just said that a code is needed" in ann.all(ServerWarning)[0].message


def test_a_proxy_that_strips_tls_gets_nothing_of_who_met_the_room_before(room: ClosedRoom) -> None:
    """The stripper answers in the clear at the address of a room that is known, and would take anybody."""
    with ClosedRoom(None, closed=False) as stripper:
        trust = known(room, addresses=(f"127.0.0.1:{stripper.port}",))
        with visitor(stripper.port, trust=trust, device_id="laptop-17") as ann:
            refused = ann.until(Refused)
            assert refused.code == events.NO_TLS and "was met there before had it" in refused.message
            assert ann.all(Connected) == [] and stripper.calls == []


def test_full_is_no_stripping() -> None:
    """A server that is full says so in a plain line before any handshake."""
    with socket.create_server(("127.0.0.1", 0)) as full:
        with visitor(full.getsockname()[1], code=CODE) as ann:
            peer, _ = full.accept()
            with peer:
                peer.sendall(b'{"type":"error","code":"server_full","message":"full","retry_after":5.0}\n')
                assert ann.until(Disconnected).code == "server_full"
                assert ann.until(Waiting).seconds >= 5
                assert not any(isinstance(event, ServerWarning) for event in ann.seen)
                assert peer.recv(1) == b"\x16"


@pytest.mark.parametrize("end", [b"", b"\x15\x03\x03\x00\x02\x02\x28", b"HTTP/1.0 400 \r\n\r\n"])
def test_every_other_end_of_a_handshake_is_the_networks_and_is_tried_again_with_tls(end: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with visitor(listener.getsockname()[1], code=CODE) as ann:
            for _ in range(2):
                peer, _ = listener.accept()
                with peer:
                    assert peer.recv(1) == b"\x16"
                    peer.sendall(end)
                assert ann.until(Disconnected).code is None
                ann.until(Waiting)
                ann.client.retry_now()


def test_a_room_that_says_open_gets_no_more_than_hello_from_who_has_a_code(certificates: Any) -> None:
    with ClosedRoom(certificates[0], closed=False) as room, visitor(room.port, code=CODE) as ann:
        refused = ann.until(Refused)
        assert (refused.code, refused.action) == (
            events.NOT_CLOSED,
            ASK,
        ) and "says that it is an open room" in refused.message
        assert [warning.kind for warning in ann.all(ServerWarning)] == [events.NOT_CLOSED]
        assert [call.types() for call in room.calls] == [["hello"]]


def test_a_room_that_wants_a_code_in_the_clear_and_none_inside_tls_is_a_liar(room: ClosedRoom) -> None:
    room.closed = False
    with visitor(room.port) as ann:
        assert ann.until(Refused).code == events.NOT_CLOSED
        assert [call.types() for call in room.calls] == [["register"], ["hello"]]


def test_a_known_closed_room_that_says_open_is_not_joined_silently(room: ClosedRoom) -> None:
    trust = known(room)
    room.closed = False
    with visitor(room.port, trust=trust) as ann:
        assert ann.until(Refused).code == events.NOT_CLOSED
        assert "forget this room" in ann.all(ServerWarning)[0].message
    room.strict = False
    with visitor(room.port, trust=trust.without(room.fingerprint)) as ann:
        ann.until(Connected)


def test_a_proxy_that_says_open_gets_nothing(room: ClosedRoom, certificates: Any) -> None:
    with TlsProxy(room.port, certificates[1].context(), client_context()) as proxy:
        proxy.alter[DOWN] = lambda data: data.replace(b'"closed": true', b'"closed": false')
        trust = known(room, addresses=(f"127.0.0.1:{proxy.port}",))
        with visitor(proxy.port, trust=trust, device_id="laptop-17") as ann:
            refused = ann.until(Refused)
            assert refused.code == events.NOT_CLOSED and "not the room you met before" in refused.message
            assert [warning.kind for warning in ann.all(ServerWarning)] == [events.ANOTHER_SERVER]
        assert room.calls[-1].types() == ["hello"]


def test_who_would_take_us_in_without_a_proof_is_called_so(room: ClosedRoom) -> None:
    room.answers["auth"] = lambda call, line: room._register(call, {"name": "Ann"})
    room.strict = False
    with visitor(room.port, code=CODE) as ann:
        refused = ann.until(Refused)
        assert refused.code == events.NOT_PROVEN and "takes the protection off" in refused.message
        assert ann.all(Connected) == [] and room.calls[-1].types() == ["hello", "auth"]


def test_a_proxy_that_swaps_the_certificate_gets_a_proof_that_nobody_takes(room: ClosedRoom, certificates: Any) -> None:
    with TlsProxy(room.port, certificates[1].context(), client_context()) as proxy:
        with visitor(proxy.port, code=CODE) as ann:
            refused = ann.until(Refused)
            assert refused.code == "bad_code" and "another certificate than this server's" in refused.message
            assert ann.all(Connected) == [] and ann.client.door.trust.servers == ()
            assert ann.all(CodeNeeded)[0].warning, "a warning before the next code"
        assert all(set(call.types()) <= set(UNTIL_PROVEN) and not call.proven for call in room.calls)


def test_name_and_address_of_a_known_room_and_another_certificate_is_the_strong_warning_before_any_code(
    room: ClosedRoom, certificates: Any
) -> None:
    with TlsProxy(room.port, certificates[1].context(), client_context()) as proxy:
        trust = known(room, addresses=(f"127.0.0.1:{proxy.port}",))
        for code in ("", CODE):
            with visitor(proxy.port, trust=trust, code=code) as ann:
                needed = ann.until(CodeNeeded)
                assert "This is not the room you met before" in needed.warning and not needed.known
                assert [warning.kind for warning in ann.all(ServerWarning)] == [events.ANOTHER_SERVER]
                assert room.calls[-1].types() == ["hello"], "neither the keys nor the code were used"
        with visitor(proxy.port, trust=trust, code=CODE, accept=certificates[1].fingerprint) as ann:
            assert ann.until(Refused).code == "bad_code", "whoever types it all the same has been warned"


@pytest.mark.parametrize("matches", ["name", "address"])
def test_another_server_at_a_known_address_is_met_as_new(room: ClosedRoom, certificates: Any, matches: str) -> None:
    """Without the strong warning: it is not called the same, or it is not there where the other was."""
    with ClosedRoom(certificates[1], name="Room 12" if matches == "name" else "Room 7") as other:
        address = f"127.0.0.1:{other.port if matches == 'address' else 1}"
        trust = known(room, addresses=(address,))
        with visitor(other.port, trust=trust, device_id="laptop-17") as ann:
            needed = ann.until(CodeNeeded)
            assert not needed.known and needed.warning == "" and needed.server_name == other.name
            ann.until(Stopped)
        assert "auth" not in [kind for call in other.calls for kind in call.types()], "the keys are for the other"
        with visitor(other.port, trust=trust, code=CODE) as ann:
            ann.until(Connected)
            wait_until(lambda: len(ann.client.door.trust.servers) == 2, "both to be known")


@pytest.mark.parametrize("when", ["it was derived for", "it was proven to", "keys were kept of"])
def test_a_code_is_for_the_server_that_it_was_typed_for(
    room: ClosedRoom, certificates: Any, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server has taken the address since."""
    with Proxy(room.port) as proxy, ClosedRoom(certificates[1], name="Room 7") as other:
        other.credentials = room.credentials  # salt and count are no secret: keys would fit

        def derived(*arguments: Any) -> ClientKeys:
            proxy._target = other.port
            return derivation.derive(*arguments)

        if when == "it was derived for":
            monkeypatch.setattr("rollcall.client.door.derive", derived)
        trust = known(room, addresses=()) if when == "keys were kept of" else Trust()
        with visitor(proxy.port, code=CODE, trust=trust, device_id="laptop-17") as ann:
            if when != "it was derived for":
                ann.until(Connected)
                proxy._target = other.port
                room.hang_up()
            needed = ann.until(CodeNeeded)
            assert "than the one that the code was typed for" in needed.warning
            ann.until(Stopped)
            assert [call.types() for call in other.calls] == [["hello"]] and not secrets_in(other.calls[0], "token-")
        with visitor(other.port, code=CODE, accept=room.fingerprint) as ann:
            assert "than the one that the code was typed for" in ann.until(CodeNeeded).warning


def test_a_token_is_for_the_server_the_epoch_and_the_transport_that_gave_it(
    room: ClosedRoom, certificates: Any
) -> None:
    with Proxy(room.port) as proxy, ClosedRoom(certificates[0], closed=False) as opened:
        with visitor(proxy.port, code=CODE) as ann:
            ann.until(Connected)
            instance = room.calls[-1].last("register")["instance"]
            room.epoch = "e2"
            room.hang_up()
            ann.until(Connected)
            assert "resume_token" not in room.calls[-1].last("register"), "another epoch"
            assert room.calls[-1].last("register")["instance"] == instance
            room.hang_up()
            ann.until(Connected)
            assert "resume_token" in room.calls[-1].last("register"), "the same epoch"
    with Proxy(opened.port) as proxy, ClosedRoom(certificates[0]) as opened, ClosedRoom(certificates[1]) as closed:
        proxy._target = opened.port
        opened.strict = opened.closed = False
        trust = known(closed, addresses=())
        with visitor(proxy.port, trust=trust) as ann:
            ann.until(Connected)
            plain = opened.calls[-1].last("register")
            proxy._target = closed.port
            opened.hang_up()
            ann.until(Connected)
            register = closed.calls[-1].last("register")
            assert closed.calls[-1].secure and "resume_token" not in register
            assert register["instance"] != plain["instance"], "who listened in the clear must not take the row"


def test_a_liar_with_many_certificates_makes_nothing_grow() -> None:
    door = Door(Address("h"), "Ann", lambda event: None, "", False, Trust(), "", "", FEW, None)
    instances = {door._papers_for(f"{number:064x}").instance for number in range(3 * MOST_PAPERS)}
    assert len(instances) == 3 * MOST_PAPERS and len(door._papers) == MOST_PAPERS


def test_who_came_in_through_tls_never_comes_back_in_the_clear(room: ClosedRoom) -> None:
    with Proxy(room.port) as proxy, ClosedRoom(None, closed=False) as stripper:
        with visitor(proxy.port, trust=known(room, addresses=())) as ann:
            ann.until(Connected)
            proxy._target = stripper.port
            room.hang_up()
            assert ann.until(Refused).code == events.NO_TLS
            assert stripper.calls == []


def test_an_open_room_that_is_called_like_a_closed_one_is_told() -> None:
    with ClosedRoom(None, closed=False) as room:
        trust = Trust((KnownServer("ab" * 32, "Room 12", ("10.0.0.1:8080",), True),))
        with visitor(room.port, trust=trust) as ann:
            assert ann.until(ServerWarning).kind == events.OPEN_NAMESAKE
            ann.until(Connected)


# --- the exchange --------------------------------------------------------------------------------------------------


def test_a_server_that_asks_for_few_iterations_gets_no_proof(room: ClosedRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollcall.client.door.derive", lambda *unused: pytest.fail("derived"))
    with visitor(room.port, code=CODE, least_iterations=600_000) as ann:
        refused = ann.until(Refused)
        assert refused.code == events.NOT_PROVEN and "4 iterations only" in refused.message
        assert [warning.kind for warning in ann.all(ServerWarning)] == [events.NOT_PROVEN]
        assert room.calls[-1].types() == ["hello", "auth"]
    with visitor(room.port, code=CODE, trust=known(room, with_keys=False, least_iterations=FEW + 1)) as ann:
        assert "at least 5 are right" in ann.until(Refused).message, "fewer than before"


def test_a_user_cannot_ask_for_few_iterations(room: ClosedRoom) -> None:
    with visitor(room.port, code=CODE, least_iterations=600_000) as ann:
        ann.until(Refused)
    with pytest.raises(TypeError):
        Client(Address("h", 1), "Ann", queue.Queue(), iterations=1)  # type: ignore[call-arg]


def test_a_replayed_exchange_is_noticed(room: ClosedRoom) -> None:
    said: List[List[Line]] = []
    real = room._auth

    def recorded(call: Call, line: Line) -> List[Line]:
        said.append(real(call, line))
        return said[-1]

    room.answers["auth"] = recorded
    with visitor(room.port, code=CODE) as ann:
        ann.until(Connected)
        trust = ann.client.door.trust
    played = iter(said[1:])
    room.answers["auth"] = lambda call, line: next(played)
    room.strict = False
    with visitor(room.port, trust=trust) as ann:
        refused = ann.until(Refused)
        assert refused.code == events.NOT_PROVEN and "does not belong to what it was asked" in refused.message
        assert room.calls[-1].types() == ["hello", "auth"] and ann.all(Connected) == []


def test_a_server_that_does_not_know_the_code_cannot_pose_as_one_that_does(room: ClosedRoom) -> None:
    def poses(call: Call, line: Line) -> Optional[List[Line]]:
        return [{"type": "auth", "data": "v=" + "A" * 43 + "="}] if call.exchange is not None else None

    room.answers["auth"] = poses
    with visitor(room.port, code=CODE) as ann:
        refused = ann.until(Refused)
        assert refused.code == events.NOT_PROVEN and "could not prove that it knows the code" in refused.message
        assert "never met it" in refused.message and "register" not in room.calls[-1].types()
        assert ann.client.door.trust.servers == ()


def test_a_server_that_wants_another_derivation_each_time_gets_two(room: ClosedRoom) -> None:
    room.answers["auth"] = lambda call, line: room.set_codes({"class": CODE})
    with visitor(room.port, code=CODE) as ann:
        refused = ann.until(Refused)
        assert refused.code == events.NOT_PROVEN and "another way each time" in refused.message
        assert len(room.calls) == 3


def test_a_salt_that_changes_now_and_then_is_followed(room: ClosedRoom) -> None:
    with visitor(room.port, code=CODE) as ann:
        for _ in range(3):  # one derivation for each attempt
            ann.until(Connected)
            room.set_codes({"class": CODE})
            room.hang_up()
        ann.until(Connected)


def test_an_exchange_that_the_server_limits_is_tried_again_later(room: ClosedRoom) -> None:
    limited = {"type": "error", "code": "rate_limited", "message": "too many codes", "retry_after": 7.0}
    room.answers["auth"] = lambda call, line: [limited]
    with visitor(room.port, code=CODE) as ann:
        assert ann.until(Waiting).seconds >= 7
        room.answers.clear()
        ann.client.retry_now()
        ann.until(Connected)


# --- stopping, and silence -----------------------------------------------------------------------------------------


def stopped_soon(ann: Visitor) -> None:
    begun = time.monotonic()
    ann.client.stop()
    assert time.monotonic() - begun < 5.0  # it is to be one second; the rest is for a busy machine
    ann.until(Stopped)


def test_it_stops_while_keys_are_derived(room: ClosedRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(*unused: Any) -> ClientKeys:
        begun.set()
        release.wait(PATIENCE)
        raise ValueError("nobody waits for it")

    monkeypatch.setattr(derivation, "derive_client_keys", slow)
    ann = Visitor(room.port, code=CODE)
    try:
        assert begun.wait(PATIENCE)
        wait_until(lambda: room.calls[-1].ended, "no connection to be open")
        stopped_soon(ann)
    finally:
        release.set()


@pytest.mark.parametrize("at", ["handshake", "hello", "auth"])
def test_it_stops_while_the_server_says_nothing(room: ClosedRoom, at: str) -> None:
    if at == "handshake":
        with socket.create_server(("127.0.0.1", 0)) as mute:
            ann = Visitor(mute.getsockname()[1], code=CODE)
            peer, _ = mute.accept()
            with peer:
                assert peer.recv(1) == b"\x16"
                stopped_soon(ann)
        return
    room.answers[at] = lambda call, line: []
    ann = Visitor(room.port, code=CODE)
    wait_until(lambda: room.calls and at in room.calls[-1].types(), at)
    stopped_soon(ann)


def test_a_server_that_says_nothing_in_the_middle_is_given_up(
    room: ClosedRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollcall.client.heartbeat.REGISTER_TIMEOUT", 0.3)
    room.answers["auth"] = lambda call, line: []
    with visitor(room.port, trust=known(room), reconnect=False) as ann:
        assert "did not answer" in ann.until(Disconnected).cause


def test_a_network_of_single_bytes_keeps_nobody_out(room: ClosedRoom) -> None:
    with Proxy(room.port) as proxy:
        proxy.slice = 1
        with visitor(proxy.port, trust=known(room)) as ann:
            ann.until(RosterReplaced)


def test_what_can_be_no_code_is_refused_at_once() -> None:
    with pytest.raises(UnfitCode):
        Client(Address("h", 1), "Ann", queue.Queue(), code="schlüssel")
