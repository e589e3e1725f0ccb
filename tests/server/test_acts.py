"""acts.py: what teachers may do, what becomes of it, and what anybody else hears."""

from __future__ import annotations

import datetime
import hashlib
import logging
import time
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import pytest

from rollcall.server import acts
from rollcall.server.acting import Asker
from rollcall.server.acts import ACTS, perform
from rollcall.server.machine import Reachable
from rollcall.wire.address import Address
from rollcall.wire.messages import SUBSTITUTE, TEACHER, Denied, Kick, Substitute
from server import RollcallServer
from tests.closed_room import TEACH, TlsClient, room_with_keys
from tests.helpers import RawClient, ShiftedClock, running_server, wait_until

Room = Tuple[RollcallServer, int]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with room_with_keys(tmp_path, teacher_code=TEACH, message_rate=1000) as running:
        yield running


def teacher_in(port: int) -> TlsClient:
    teacher = TlsClient(port)
    teacher.join("Ms Hill", TEACH, "teacher", role="teacher")
    return teacher


def joined(client: RawClient, name: str, **more: Any) -> Dict[str, Any]:
    client.register(name, **more)
    return client.until_type("welcome")


def act(client: RawClient, **fields: Any) -> Dict[str, Any]:
    """Ask for an act; the answer to it."""
    client.send(fields)
    return client.until(lambda message: message["type"] in ("done", "denied"))


class TestKick:
    """A member is removed, and may be kept out for a while."""

    def test_who_is_kicked_hears_why_and_everyone_sees_it(self, room: Room) -> None:
        _, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann, RawClient(port) as ben:
            member = joined(ann, "Ann")["member_id"]
            joined(ben, "Ben")
            ben.until(lambda message: len(message.get("clients", ())) == 3)
            done = act(teacher, type="kick", id=member, minutes=10, message="Back after the break.", ref=5)
            assert done == {"type": "done", "act": "kick", "ref": 5}
            said = ann.rest()[-1]
            assert said == {
                "type": "error", "code": "kicked", "message": "Back after the break.", "retry_after": 600.0,
            }  # fmt: skip
            gone = ben.until(lambda message: message.get("down"))["down"]
            assert gone == [{"id": member, "reason": "kicked"}]

    @pytest.mark.parametrize("mark", ["instance", "device_id", "resume_token"])
    def test_who_is_banned_is_known_again_by_each_of_its_marks_until_the_end(self, tmp_path: Path, mark: str) -> None:
        clock = ShiftedClock()
        with room_with_keys(tmp_path, clock, teacher_code=TEACH, connection_timeout=604_800) as (_, port):
            with teacher_in(port) as teacher, RawClient(port) as ann:
                welcome = joined(ann, "Ann", instance="i-1", device_id="d-1")
                marks = {"instance": "i-1", "device_id": "d-1", "resume_token": welcome["resume_token"]}
                act(teacher, type="kick", id=welcome["member_id"], minutes=1)
                with RawClient(port) as again:
                    again.register("Zoe", attempt=2, **{mark: marks[mark]})
                    refused = again.line()
                    assert refused["code"] == "kicked" and 50 < refused["retry_after"] <= 60
                    assert again.rest() == []
                clock.shift = 61.0
                with RawClient(port) as again:
                    assert joined(again, "Zoe", attempt=3, **{mark: marks[mark]})

    def test_nobody_is_banned_for_a_name_or_for_having_no_device(self, room: Room) -> None:
        _, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann, RawClient(port) as other:
            member = joined(ann, "Ann", instance="i-1")["member_id"]
            act(teacher, type="kick", id=member, minutes=240)
            welcome = joined(other, "ann ")
            notice = teacher.until_type("notice")
            assert (notice["about"], notice["id"]) == ("kicked", welcome["member_id"])
            assert "as ann" in notice["message"]

    def test_without_minutes_it_may_come_back_at_once(self, room: Room) -> None:
        _, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann, RawClient(port) as again:
            member = joined(ann, "Ann", instance="i-1", attempt=1, device_id="d")["member_id"]
            act(teacher, type="kick", id=member)
            assert ann.rest()[-1]["retry_after"] == 0.0
            assert joined(again, "Ann", instance="i-1", attempt=2, device_id="d")

    def test_of_version_1_the_connection_ends_and_the_answer_says_that_this_is_all(self, room: Room) -> None:
        server, port = room
        with teacher_in(port) as teacher, RawClient(port) as old:
            old.register()
            old.line()
            (member,) = [entry.id for entry in server.room.roster.snapshot().entries if not entry.name]
            assert act(teacher, type="kick", id=member, minutes=5)["note"] == acts.THAT_IS_ALL
            assert old.rest()[-1]["code"] == "kicked"
            with RawClient(port) as back:
                back.register()
                assert back.line()["type"] == "client_list"

    def test_what_cannot_be_kicked_is_denied_in_words(self, room: Room) -> None:
        _, port = room
        with teacher_in(port) as teacher, teacher_in(port) as other:
            other.until(lambda message: len(message.get("clients", ())) == 2)
            assert act(teacher, type="kick", id=99, ref=1)["message"] == "member 99 is not here any more"
            said = [act(teacher, type="kick", id=member)["message"] for member in (1, 2)]
            assert sorted(said) == ["Ms Hill is a teacher", "that is you"]

    def test_anyone_else_is_denied_and_stays_and_the_log_has_a_line(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, port = room
        with RawClient(port) as ann, RawClient(port) as ben, caplog.at_level(logging.WARNING):
            joined(ann, "Ann")
            member = joined(ben, "Ben")["member_id"]
            for kind in ("kick", "substitute"):
                denied = act(ann, type=kind, id=member, ref=3)
                assert denied == {
                    "type": "denied", "act": kind, "message": "only a teacher may do that", "ref": 3,
                }  # fmt: skip
            ann.send({"type": "ping", "seq": 1})
            assert ann.until_type("pong")["seq"] == 1
            wait_until(lambda: "denied: kick, asked for by client-1, a member" in caplog.text, "the log")

    def test_a_member_that_is_just_coming_back_is_banned_on_its_new_connection(self, room: Room) -> None:
        server, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann, RawClient(port) as again:
            member = joined(ann, "Ann", instance="i-1", attempt=1)["member_id"]
            remove = server.room.roster.remove

            def first_comes_back(session_id: int, reason: str) -> Any:
                server.room.roster.remove = remove  # type: ignore[method-assign]
                joined(again, "Ann", instance="i-1", attempt=2)
                return remove(session_id, reason)

            server.room.roster.remove = first_comes_back  # type: ignore[method-assign]
            server.room.bans.wait = lambda *marks: 0.0  # type: ignore[method-assign]
            assert act(teacher, type="kick", id=member, minutes=3)["type"] == "done"
            assert again.rest()[-1]["code"] == "kicked"

    def test_a_ban_that_comes_while_it_registers_counts(self, room: Room) -> None:
        server, port = room
        waits = iter((0.0, 30.0))
        server.room.bans.wait = lambda *marks: next(waits)  # type: ignore[method-assign]
        with RawClient(port) as ann:
            ann.register("Ann", instance="i-1")
            assert ann.rest()[-1]["code"] == "kicked"
        assert len(server.room.roster) == 0

    def test_a_teacher_is_let_in_on_a_device_that_was_kicked(self, room: Room) -> None:
        _, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann, TlsClient(port) as other:
            member = joined(ann, "Ann", device_id="d")["member_id"]
            act(teacher, type="kick", id=member, minutes=10)
            assert other.join("Mr Lee", TEACH, "teacher", role="teacher", device_id="d")["role"] == "teacher"


class TestBoardLink:
    """What a teacher pastes into the browser of the board."""

    def test_it_shows_names_to_one_browser_and_stands_in_no_log(
        self, room: Room, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        server, port = room
        with teacher_in(port) as teacher, RawClient(port) as ann:
            joined(ann, "Ann")
            assert act(teacher, type="board_link")["code"] == "/board", "whoever comes may see names here"
            server.room.viewers.closed = True
            done = act(teacher, type="board_link", ref=3)
            assert (done["act"], done["ref"], done["note"]) == ("board_link", 3, f"127.0.0.1:{port}")
            assert server.room.viewers.redeem(done["code"].partition("?link=")[2]) is not None
            assert act(ann, type="board_link")["message"] == "only a teacher may do that"
        wait_until(lambda: caplog.text.count("got a link to the board") == 2, "the log to tell")
        assert done["code"].partition("=")[2] not in caplog.text

    def test_without_a_board_there_is_none_and_others_hear_the_address_that_is_not_this_computers(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with room_with_keys(tmp_path, teacher_code=TEACH, board=False) as (_, port), teacher_in(port) as teacher:
            assert "board = false" in act(teacher, type="board_link")["message"]
        monkeypatch.setattr(acts, "reachable_addresses", lambda host, port: [Reachable(Address("10.0.0.5", port))])
        folder = tmp_path / "downloads"
        folder.mkdir()
        room = room_with_keys(tmp_path, teacher_code=TEACH, downloads=str(folder))
        with room as (_, port), teacher_in(port) as teacher:
            done = act(teacher, type="board_link")
            assert done["note"] == f"10.0.0.5:{port}" and "sums" not in done
            (folder / "rollcall client.exe").write_bytes(b"x")
            total = hashlib.sha256(b"x").hexdigest()
            assert act(teacher, type="board_link")["sums"] == [f"{total}  rollcall client.exe"]


class TestSubstitute:
    """A code until midnight, for somebody who may do little."""

    def test_it_is_proven_like_a_teachers_and_may_neither_kick_nor_make_others(
        self, room: Room, tmp_path: Path
    ) -> None:
        server, port = room
        with teacher_in(port) as teacher, TlsClient(port) as deputy, RawClient(port) as ann:
            first = act(teacher, type="substitute", ref=1)
            assert first["code"].startswith("SUB-") and first["note"] == "until midnight"
            second = act(teacher, type="substitute")["code"]
            with TlsClient(port) as late:
                assert late.prove(first["code"], "substitute")["code"] == "bad_code", "a new one ends the one before"
            assert deputy.join("Mr Lee", second, "substitute", role="teacher")["role"] == "substitute"
            member = joined(ann, "Ann")["member_id"]
            for kind in ("kick", "substitute"):
                assert act(deputy, type=kind, id=member)["message"] == "only a teacher may do that"
            assert act(deputy, type="board_link")["message"] == "only a teacher may do that"
            assert "SUB" in second and second not in (tmp_path / "server-0.json").read_text()
            roles = {entry.name: entry.role for entry in server.room.roster.snapshot().entries}
            assert roles == {"Ms Hill": "teacher", "Mr Lee": "substitute", "Ann": "member"}

    def test_it_ends_at_midnight_by_the_clock_on_the_wall(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        server, port = room
        keys = server.room.keys
        with teacher_in(port) as teacher, TlsClient(port) as deputy, TlsClient(port) as late:
            code = act(teacher, type="substitute")["code"]
            deputy.join("Mr Lee", code, "substitute", role="teacher")
            today = datetime.date.today()
            last = datetime.datetime.combine(today, datetime.time(23, 59, 59)).timestamp()
            real = time.time
            monkeypatch.setattr(time, "time", lambda: last)
            assert keys.substitute_is_valid()
            monkeypatch.setattr(time, "time", lambda: last + 2)
            assert not keys.substitute_is_valid()
            assert late.prove(code, "substitute")["code"] == "bad_code"
            monkeypatch.setitem(ACTS, Kick, ACTS[Kick]._replace(roles=frozenset((TEACHER, SUBSTITUTE))))
            assert "until midnight" in act(deputy, type="kick", id=1)["message"]
            monkeypatch.setattr(time, "time", real)

    def test_without_tls_there_is_none(self) -> None:
        with running_server() as (server, port), RawClient(port):
            wait_until(server.room.connections, "somebody to be connected")
            asker = Asker(server.room, server.room.connections()[0], 1, TEACHER, "127.0.0.1")
            denied = perform(asker, Substitute())
            assert isinstance(denied, Denied) and "TLS" in denied.message


def test_a_teachers_line_has_up_to_8_kib_and_a_members_512_bytes(room: Room) -> None:
    _, port = room
    with teacher_in(port) as teacher, RawClient(port) as ann:
        teacher.send(b'{"type":"kick","id":99,"extra":"' + b"x" * 8000 + b'"}\n')
        assert teacher.until_type("denied")["act"] == "kick"
        joined(ann, "Ann")
        ann.send(b'{"type":"kick","id":99,"extra":"' + b"x" * 600 + b'"}\n')
        assert ann.until_type("error")["code"] == "line_too_long"


def test_version_1_says_nothing_to_an_act() -> None:
    with running_server() as (_, port), RawClient(port) as old:
        old.register()
        old.line()
        old.send({"type": "kick", "id": 1})
        old.send({"type": "ping"})
        assert old.line() == {"type": "pong"}


def test_a_list_of_version_1_is_without_teachers(room: Room) -> None:
    _, port = room
    with teacher_in(port), RawClient(port) as old:
        old.register()
        assert old.line()["clients"] == [{"ip": "10.0.0.1", "port": 5000}]
