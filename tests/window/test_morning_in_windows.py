"""A school morning in the real windows: at each step the teacher's headline, the rows and the projector say what the
server's own numbers say, and what a person would have counted. Only the clocks are a test's."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from protocol import Ping
from rollcall.program.folders import data_folder
from rollcall.server import classroom, facts, lesson_state, record
from rollcall.server.keys import room_keys
from rollcall.server.lesson_start import begin, classes_of
from rollcall.server.pause import PauseWatch
from rollcall.server.settings import ServerConfig
from rollcall.server.sweeper import LEAST_PAUSE
from rollcall.window.people import WORDS
from rollcall.wire.class_messages import Attendance
from rollcall.wire.clock import monotonic
from rollcall.wire.text import counted
from server import RollcallServer
from tests.closed_room import ITERATIONS, TEACH
from tests.helpers import RawClient, ShiftedClock, free_port, wait_until
from tests.server.school import CLASS_7B, CLASS_9A, Clock, at, clock_of, written
from tests.server.test_classroom import write_class
from tests.server.test_school_morning import ABSENT, BERG, EARLY, FIRST, HOLM, HORN, LATE, MIA, NINE, Row, present

gui: Any = pytest.importorskip("tests.test_client_gui", reason="this Python has no Tk")
pytest.importorskip("cryptography", reason="a teacher's code needs a certificate")
pytestmark = pytest.mark.usefixtures("needs_display")

STUDENT = "Ida Sommer"
"""One of the class who sits before a window; the others are sockets that beat."""

HEADLINE = {
    "silent": "not answering", "lost": "lost", "missing": "missing", "left": "left", "expected": "expected",
    "excused": "excused", "out": "out",
}  # fmt: skip
"""The server's states in the order and in the words of the headline."""


class MachineClock(ShiftedClock):
    """The server's machine: when time passes its processor is busy; when it sleeps, it is not."""

    worked = 0.0

    def go_on(self, seconds: float) -> None:
        self.worked += seconds
        self.shift += seconds

    def processor(self) -> float:
        return monotonic() + self.worked


class Morning:
    """The server, the teacher's window with its projector, a student's window, and everybody else as sockets."""

    server: RollcallServer
    teacher: Any
    student: Any

    def __init__(self, stack: ExitStack, data: Path) -> None:
        self.stack, self.data, self.port = stack, data, free_port()
        self.day, self.machine = Clock(at("07:30")), MachineClock()
        self.members: Dict[str, RawClient] = {}
        self.windows: List[Any] = []
        stack.callback(self.close)

    def close(self) -> None:
        for client in self.members.values():
            client.close()
        self.stop()

    def start(self) -> None:
        config = ServerConfig(
            host="127.0.0.1", port=self.port, message_rate=0.0, teacher_code=TEACH, heartbeat_interval=60.0,
            connection_timeout=120.0,
        )  # fmt: skip
        self.keys = room_keys(config, self.data, lambda text: None, ITERATIONS)
        chosen = classes_of(config, self.data, ["7b"], lambda text: None)
        self.server = RollcallServer(config, clock=self.machine, keys=self.keys, data=self.data)
        self.server.room.sweeper._watch = PauseWatch(LEAST_PAUSE, self.machine, self.machine.processor)
        self.keys.let_in_own_machine(self.data, self.port, self.server.room.epoch)
        self.server.start()
        begin(self.server.room, chosen)

    def stop(self) -> None:
        assert self.server.stop()
        self.keys.forget_own_machine()

    def kill(self) -> None:
        """The server says no word any more, and what it leaves is what its database has at this moment."""
        written_down = self.server.room.classroom._record
        assert written_down is not None
        wait_until(lambda: not written_down._rows and written_down._waiting.empty(), "the record to be written")
        file, copy = self.data / "record.db", self.data / "copy.db"
        with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        self.server.room.last_words = lambda connection, error: None  # type: ignore[method-assign]
        self.stop()
        for client in self.members.values():
            client.close()
        for beside in self.data.glob("record.db-*"):
            beside.unlink()
        shutil.move(copy, file)

    @property
    def book(self) -> Any:
        return self.server.room.classroom.book

    def to(self, clock: str) -> None:
        """It is that time of day now."""
        self.day.advance(at(clock) - self.day.wall)

    def go_on(self, seconds: float, *silent: str) -> None:
        """So much time passes, in steps that are shorter than a heartbeat; all beat in time but the silent ones."""
        while seconds > 0:
            self.beat(*silent)
            step = min(50.0, seconds)
            self.day.advance(step)
            self.machine.go_on(step)
            seconds -= step
        self.beat(*silent)

    def beat(self, *silent: str) -> None:
        seen, begun = self.server.room.roster._last_seen, self.machine()
        for name, client in self.members.items():
            if name not in silent:
                client.send({"type": "ping", "seq": 1})
        for window in self.windows:
            assert window.window.act(Ping())
        count = len(self.members) + len(self.windows) - sum(name in self.members for name in silent)
        wait_until(lambda: sum(when >= begun for when in list(seen.values())) >= count, "all heartbeats")

    def join(self, name: str, typed: str = "") -> None:
        if name in self.members:
            self.members[name].close()
        client = self.members[name] = RawClient(self.port)
        client.register(typed or name, roster=False)
        client.until_type("welcome")

    def leave(self, name: str) -> None:
        client = self.members.pop(name)
        client.send({"type": "leave"})
        client.rest()
        client.close()

    def crash(self, name: str) -> None:
        """The program dies: its system ends the connection, and no goodbye was said."""
        self.members.pop(name).close()

    def mark(self, name: str, kind: str) -> None:
        teacher = self.teacher
        teacher.tree.selection_set(teacher.item(name))
        teacher.window.acts.mark(kind)

    def shows(self, *numbers: str) -> None:
        """Wait for that headline; then everything says the same."""
        teacher, wanted = self.teacher, " · ".join(numbers)
        teacher.until(lambda: teacher.headline() == wanted, wanted)
        teacher.until(lambda: teacher.window.listing.book.known.rev == self.book.class_list().rev, "the newest list")
        now = self.book.class_list()
        here = f"{now.counts['here']} of {now.listed} here"
        more = [f"{now.counts[state]} {word}" for state, word in HEADLINE.items() if now.counts[state]]
        guests = [counted(now.guests, "guest")] if now.guests else []
        assert wanted == " · ".join([here, *more, *guests])
        assert teacher.root.title() == f"{here} – Rollcall"
        self.agree_in_rows(now.entries)
        self.agree_on_the_projector([here, *more], now)

    def agree_in_rows(self, entries: Tuple[Any, ...]) -> None:
        tree = self.teacher.tree
        self.teacher.until(lambda: len(self.teacher.items()) == len(entries), "a line for everybody")
        for entry in entries:
            name, words = tree.item(entry.key, "text"), tree.item(entry.key, "values")[0]
            assert name == entry.name + (f"  → {entry.proposal}?" if entry.proposal else "")
            assert str(words).startswith(WORDS[entry.state]), (name, words, entry)
        numbers = [int(text.split(" · ")[1].split(" ")[0]) for text in self.teacher.groups()]
        assert sum(numbers) == len(entries)

    def agree_on_the_projector(self, numbers: List[str], now: Any) -> None:
        projector = self.teacher.window.faces.projector
        canvas = projector._canvas
        wanted = [" ".join(["Class", *now.classes]), *numbers]

        def drawn() -> List[str]:
            return [str(canvas.itemcget(item, "text")) for item in canvas.find_withtag("head")]

        self.teacher.until(lambda: drawn() == wanted, f"{wanted} on the projector, but {drawn()}")
        names = [str(canvas.itemcget(item, "text")) for item in canvas.find_withtag("name")]
        expected = now.counts["here"] + now.counts["silent"]
        strangers = [entry for entry in now.entries if entry.class_name == "guest"]
        assert len(names) == expected + bool(strangers), names

    def report(self, lesson: str) -> Dict[str, Any]:
        """The attendance, as the window gets it."""
        got: List[Any] = []
        self.teacher.window.acts.replies.ask(Attendance("lesson", lesson=lesson, form="json"), got.append)
        self.teacher.until(lambda: got, "the report")
        assert not got[0].why
        found: Dict[str, Any] = json.loads(got[0].text)
        return found

    def press(self, button: Any, label: str) -> None:
        self.teacher.until(lambda: button.cget("text") == label, label)
        if hasattr(button, "invoke"):
            button.invoke()
        else:
            button.event_generate("<ButtonRelease-1>")
        self.teacher.root.update()


@pytest.fixture
def morning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    data = data_folder()
    assert data is not None
    write_class(data, "7b", tuple(person.name for person in CLASS_7B))
    write_class(data, "9a", tuple(person.name for person in CLASS_9A))
    with ExitStack() as stack:
        here = Morning(stack, data)
        monkeypatch.setattr(time, "time", lambda: here.day.wall)
        monkeypatch.setattr(lesson_state, "WallTime", lambda wall: here.day.walltime())
        for module, name in ((classroom, "TURN"), (record, "BEAT"), (record, "GATHER")):
            monkeypatch.setattr(module, name, 0.05)  # what a second is for a clock that is put forward
        here.start()
        clock = {"clock": lambda: here.day.awake}
        here.teacher = stack.enter_context(gui.connected(here.port, "Ms Gray", **clock))
        here.teacher.until(lambda: here.teacher.window.listing.book.is_set, "the class")
        here.teacher.window.commands.project()
        here.windows.append(here.teacher)
        yield here


def come(morning: Morning, stack: ExitStack) -> None:
    """From 07:30 to 08:12."""
    bar = morning.teacher.teacher.class_bar
    morning.shows("0 of 27 here", "27 expected")
    morning.to("07:41")
    morning.join(FIRST)
    morning.shows("1 of 27 here", "26 expected")
    for number, name in enumerate(EARLY):  # 07:58:00 to 08:02:45
        morning.to(clock_of(at("07:58") + 15 * number))
        if name == STUDENT:
            clock = {"clock": lambda: morning.day.awake, "teacher": False}
            morning.student = stack.enter_context(gui.connected(morning.port, name, **clock))
            morning.windows.append(morning.student)
        else:
            morning.join(name)
        if number == 8:
            morning.shows("10 of 27 here", "17 expected")
            morning.press(bar.lesson_button, "Begin lesson")
            morning.teacher.until(lambda: bar.lesson.cget("text") == "Lesson since 08:00", "the lesson")
    morning.to("08:03")
    morning.join("mia", "mia")
    morning.join("visitor", "Herr Vogt")
    morning.shows("21 of 27 here", "6 expected", "2 guests")
    morning.mark(ABSENT[0], "excused")
    morning.mark(ABSENT[1], "here")
    morning.shows("22 of 27 here", "4 expected", "1 excused", "2 guests")
    morning.to("08:05")
    morning.shows("22 of 27 here", "4 missing", "1 excused", "2 guests")
    morning.to("08:12")
    for name in LATE:
        morning.join(name)
    assert morning.teacher.groups()[-1] == "GUESTS · 2     Accept 1 proposal"
    morning.teacher.teacher.table.pressed_guests()
    morning.shows("25 of 27 here", "1 missing", "1 excused", "1 guest")
    assert morning.teacher.values(HORN)[1] == "● here, late by 12 min"


def stay(morning: Morning) -> None:
    """From 08:12 to 08:48: two crash and return, the server is killed and is back, one leaves, the machine sleeps."""
    morning.to("08:14")
    morning.beat()
    morning.go_on(100, HOLM, HORN)
    morning.shows("23 of 27 here", "2 not answering", "1 missing", "1 excused", "1 guest")
    assert morning.teacher.values(HOLM)[1].startswith("◐ not answering for 1 min")
    morning.go_on(50, HOLM, HORN)
    morning.shows("23 of 27 here", "2 lost", "1 missing", "1 excused", "1 guest")
    morning.to("08:17")
    for name in (HOLM, HORN):
        morning.join(name)
    morning.shows("25 of 27 here", "1 missing", "1 excused", "1 guest")
    teacher, student = morning.teacher, morning.student
    morning.to("08:20")
    projector = teacher.window.faces.projector
    teacher.until(lambda: projector._canvas.itemcget("clock", "text") == "08:20", "the projector's clock")
    morning.kill()
    for window in (teacher, student):
        window.until(lambda window=window: window.window.model.phase == "reconnecting", "the server is away")
    assert student.student.word.cget("text") == "◌ Not connected"
    teacher.until(lambda: "last seen here" in teacher.headline(), "nobody knows who is here now")
    assert projector._canvas.itemcget("clock", "text") == "as of 08:20"
    morning.to("08:21")
    morning.start()
    teacher.window.retry_now()
    student.student.step_button.invoke()  # Try now
    student.until(lambda: student.student.word.cget("text") == "● You are here", "the student is back")
    morning.shows("2 of 27 here", "23 not answering", "1 missing", "1 excused")
    for name in list(morning.members):
        morning.join(name, {"mia": "mia", "visitor": "Herr Vogt"}.get(name, ""))
    morning.shows("25 of 27 here", "1 missing", "1 excused", "1 guest")
    assert teacher.values(FIRST)[2] == "07:41" and teacher.values(HOLM)[2] == "08:17", "nobody came because of it"
    morning.to("08:25")
    morning.leave(BERG)
    morning.shows("24 of 27 here", "1 missing", "1 left", "1 excused", "1 guest")
    assert teacher.values(BERG)[1:3] == ["– left, was here 08:00–08:25", "08:25"]
    morning.to("08:40")
    morning.machine.shift += 600
    wait_until(lambda: any(pause.why == facts.ASLEEP for pause in morning.book._state.pauses.values()), "the sleep")
    morning.beat()
    morning.shows("24 of 27 here", "1 missing", "1 left", "1 excused", "1 guest")
    morning.to("08:48")
    morning.press(teacher.teacher.class_bar.lesson_button, "End lesson")
    morning.shows("23 of 27 here", "4 expected", "1 guest")  # who would be here, if there were another one now
    assert teacher.values(BERG)[3] == "" != teacher.values(FIRST)[3], "who has not come is not here for any time"


def another_class(morning: Morning) -> None:
    """From 08:48 to 10:30: 9a with two laptops of 7b, and a drill."""
    teacher, student = morning.teacher, morning.student
    for name in [FIRST, *EARLY, *LATE]:
        if name in morning.members:
            morning.leave(name)
    for number, name in enumerate(NINE[:6]):
        morning.to(clock_of(at("08:48:10") + 15 * number))
        morning.join(name)
    morning.to("08:50")
    teacher.until(lambda: teacher.teacher.status.cget("text") == "! This looks like 9a.", "9a is seen")
    assert student.face == gui.STUDENT
    morning.windows.remove(student)
    morning.press(teacher.teacher.step_link, "Begin 9a")
    student.until(lambda: student.face == gui.CARD, "who sits there is asked")
    assert student.card.said.cget("text").startswith("A new lesson: who are you?")
    morning.shows("6 of 8 here", "2 expected", "2 guests")
    morning.to("08:55")
    morning.shows("6 of 8 here", "2 missing", "2 guests")
    morning.to("10:12")
    morning.crash(NINE[5])
    morning.shows("5 of 8 here", "1 lost", "2 missing", "2 guests")
    morning.to("10:12:01")
    for name in NINE[:5]:
        morning.crash(name)
    morning.shows("0 of 8 here", "6 lost", "2 missing", "2 guests")
    teacher.until(lambda: teacher.teacher.status.cget("text") == "! 6 vanished at once, at 10:12.", "the event")
    morning.press(teacher.teacher.step_link, "Pause the lesson")
    teacher.until(lambda: "nobody is missed" in teacher.teacher.status.cget("text"), "the pause")
    morning.to("10:24")
    for name in NINE[:5]:
        morning.join(name)
    morning.to("10:24:01")
    morning.press(teacher.teacher.step_link, "Go on")
    morning.shows("5 of 8 here", "1 lost", "2 missing", "2 guests")
    morning.to("10:30")
    morning.press(teacher.teacher.class_bar.lesson_button, "End lesson")


def registers() -> Tuple[Dict[str, Row], Dict[str, Row]]:
    """Those of 7b and of 9a, written by hand."""
    rows: Dict[str, Row] = {}
    came = {FIRST: "07:41:00", **{name: clock_of(at("07:58") + 15 * number) for number, name in enumerate(EARLY)}}
    for name, clock in {**came, MIA: "08:03:00"}.items():
        rows[name] = ("on time", "stayed", "present", clock, "08:48:00", present(clock), "")
    for name in LATE:
        rows[name] = ("late by 720 s", "stayed", "late", "08:12:00", "08:48:00", present("08:12"), "")
    rows[ABSENT[0]] = ("never", "", "excused", "", "", "0", "")
    rows[ABSENT[1]] = ("on time", "stayed", "present", "", "", "0", "")
    rows[ABSENT[2]] = ("never", "", "unexcused", "", "", "0", "")
    gap = "08:14:00-08:17:00"
    rows[HOLM] = (*rows[HOLM][:5], present(came[HOLM], away=180), gap)
    rows[HORN] = (*rows[HORN][:5], present("08:12", away=180), gap)
    rows[BERG] = (
        "on time",
        "left early at 08:25:00",
        "present",
        came[BERG],
        "08:25:00",
        present(came[BERG], "08:25"),
        "",
    )
    nine: Dict[str, Row] = dict.fromkeys(NINE, ("never", "", "unexcused", "", "", "0", ""))
    for number, name in enumerate(NINE[:6]):
        clock = clock_of(at("08:48:10") + 15 * number)
        nine[name] = ("on time", "stayed", "present", clock, "10:30:00", "6000", "")
    nine[NINE[5]] = ("on time", "lost at 10:12:00", "present", "08:49:25", "10:12:00", "4920", "")
    return rows, nine


def about(row: Row) -> Row:
    """Who was silent was so since a heartbeat of the real clock, a moment before: to ten seconds."""
    *verdict, seconds, gap = row
    return (
        (*verdict, f"{float(seconds):.0f}", "") if not gap else (*verdict, f"{float(seconds) + 5:.0f}"[:-1], gap[-8:])
    )


def test_a_school_morning_in_the_windows_is_what_the_server_says_and_what_a_person_counts(morning: Any) -> None:
    with ExitStack() as stack:
        come(morning, stack)
        stay(morning)
        another_class(morning)
        lessons = [one for one in morning.book.lessons if one.end is not None]
        for lesson, by_hand in zip(lessons, registers()):
            table = morning.book.table(lesson.id)
            found = {line.name: written(line) for line in table.lines}
            different = {
                name: (row, by_hand[name]) for name, row in found.items() if about(row) != about(by_hand[name])
            }
            assert not different and len(found) == len(by_hand)
            report = {row["name"]: row for row in morning.report(lesson.id)["people"]}
            assert {name: row["came"].split(" ")[0] for name, row in report.items()} == {
                name: row[0].split(" ")[0] for name, row in by_hand.items()
            }
