"""errand.py and the command line: one act of a teacher, and what a person reads of it."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from protocol import Entry, Message, Welcome
from rollcall.client import command_line, events
from rollcall.client.command_line import read_arguments
from rollcall.client.errand import Errand, whom
from rollcall.wire.messages import Kick, Substitute
from tests.client.closed_room import CODE, TEACHERS
from tests.helpers import ROOT, Program, free_port, running_server

WELCOME = Welcome(2, "Room 12", 7, 9, "Xk3f", 0, 0.5, 120.0, 100, "SECRET")
CONNECTED = events.Connected("h:1", 1.0, 2.0, WELCOME)
ANN, BO, OTHER_BO, OURS = (
    Entry("h", 1, 1, "Ann"),
    Entry("h", 1, 2, "Bo"),
    Entry("i", 1, 3, "Bo"),
    Entry("h", 1, 7, "Ann"),
)


class Sent:
    """An errand and what it has sent."""

    def __init__(self, kick: str = "", works: bool = True) -> None:
        self.sent: List[Message] = []
        self.errand = Errand(kick, 10, "Please.", self._act)
        self._works = works

    def _act(self, message: Message) -> bool:
        self.sent.append(message)
        return self._works

    def see(self, *happened: events.Event) -> Errand:
        for event in happened:
            self.errand.see(event)
        return self.errand


def roster(*entries: Entry) -> events.RosterReplaced:
    return events.RosterReplaced(entries, 1)


def test_somebody_is_removed_once_and_never_ourselves() -> None:
    teacher = Sent("Ann")
    assert not teacher.see(CONNECTED, roster(ANN, BO, OURS), roster(ANN)).is_over
    assert teacher.sent == [Kick(1, 10, "Please.", 1)]
    assert not teacher.see(events.Done("kick", None, "somebody else's")).is_over
    assert teacher.see(events.Done("kick", 1, "that is all")).result == '"Ann" (#1) is out (that is all)'


@pytest.mark.parametrize(
    ("kick", "ids"), [("#3", [3]), ("Bo", [2, 3]), (" bo ", [2, 3]), ("ANN", [1]), ("#9", []), ("#", [])]
)
def test_who_is_meant(kick: str, ids: List[int]) -> None:
    assert [entry.id for entry in whom(kick, (ANN, BO, OTHER_BO))] == ids


def test_a_name_in_other_capitals_counts_only_if_nobody_has_it_as_it_is_written() -> None:
    assert whom("bo", (BO, Entry("h", 1, 4, "bo"))) == (Entry("h", 1, 4, "bo"),)


def test_several_of_that_name_are_listed_with_their_ids() -> None:
    teacher = Sent("Bo")
    problem = teacher.see(CONNECTED, roster(ANN, BO, OTHER_BO)).problem
    assert problem == "2 are called \"Bo\": #2 (h), #3 (i); say which, such as --kick '#2'" and teacher.sent == []
    assert Sent("Cy\x1b").see(CONNECTED, roster(ANN)).problem == 'nobody here is called "Cy\\x1b"'


def test_a_code_for_a_substitute_is_what_is_printed() -> None:
    teacher = Sent()
    teacher.see(CONNECTED)
    assert teacher.sent == [Substitute(1)]
    assert teacher.see(roster(ANN), events.Done("substitute", 1, "until midnight", "SUB-1")).result == "SUB-1"


@pytest.mark.parametrize(
    ("happened", "problem"),
    [
        ([events.Connected("h", 1, 2, None)], "an original server knows no teachers"),
        ([CONNECTED, events.Denied("teacher", None, "you could not prove it")], "you could not prove it"),
        ([events.Disconnected("nothing listens", None, False), events.Stopped()], "nothing listens"),
        ([events.Disconnected("x", "bad_code", False), events.Refused("bad_code", "wrong", "ask")], "wrong"),
        ([events.Stopped()], "the client has ended"),
    ],
)
def test_why_not(happened: List[events.Event], problem: str) -> None:
    assert Sent().see(*happened).problem == problem
    assert Sent(works=False).see(CONNECTED).problem == "the connection ended before the server had heard of it"


# --- the command line ----------------------------------------------------------------------------------------------


def options(*arguments: str) -> Dict[str, Any]:
    found: Dict[str, Any] = read_arguments(["h", "--name", "Ann", *arguments]).options
    return found


def test_the_code_is_that_of_who_one_wants_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert options() == {"reconnect": True, "code": "", "teacher": False}
    monkeypatch.setenv(command_line.JOIN_CODE, CODE)
    monkeypatch.setenv(command_line.TEACHER_CODE, TEACHERS)
    assert options() == {"reconnect": True, "code": CODE, "teacher": False}
    assert options("--teacher") == {"reconnect": True, "code": TEACHERS, "teacher": True}
    assert options("--join-code", "AAAA BBBB")["code"] == "AAAA BBBB", "what is typed beats the environment"
    assert (
        options("--kick", "Ann") == options("--substitute") == {"reconnect": False, "code": TEACHERS, "teacher": True}
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--join-code", "schlüssel"], "--join-code: contains 'ü'"),
        (["--join-code", " - "], "--join-code: is empty"),
        (["--teacher", "--join-code", CODE], "--join-code: a teacher has --teacher-code"),
        (["--teacher-code", CODE], "--teacher-code: only with --teacher"),
        (["--kick", " "], "--kick: whom?"),
        (["--kick", "Ann", "--substitute"], "one at a time"),
        (["--minutes", "3"], "belong to --kick"),
        (["--kick", "Ann", "--minutes", "241"], "--minutes: must be from 0 to 240"),
        (["--kick", "Ann", "--message", "a\nb"], "--message: must be one line"),
    ],
)
def test_what_is_wrong_with_a_command_line(arguments: List[str], problem: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        options(*arguments)
    assert ended.value.code == 2 and problem in capsys.readouterr().err


def test_a_code_of_the_environment_that_is_none_is_named_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv(command_line.TEACHER_CODE, "geheim!")
    with pytest.raises(SystemExit):
        options("--teacher")
    said = capsys.readouterr().err
    assert "ROLLCALL_TEACHER_CODE: contains '!'" in said and "geheim" not in said
    assert options()["code"] == "", "the other one is not even read"


@pytest.mark.parametrize("arguments", [["--kick", "Bo"], ["--substitute"]], ids=" ".join)
def test_an_errand_that_fails_says_why_and_nothing_else(arguments: List[str]) -> None:
    """Nobody there is called so, or no proof was given; and nobody there at all."""
    with running_server() as (_, port):
        address = f"127.0.0.1:{port if arguments[1:] else free_port()}"
        with Program(ROOT / "client.py", address, "--name", "Ann", *arguments) as program:
            assert program.wait() == 1
            assert len(program.lines) == 1 and program.lines[0].startswith("client.py: ")
