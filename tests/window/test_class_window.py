"""The teacher's and the student's window with a class, on a real display and with a real server."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from rollcall.program.folders import data_folder
from rollcall.window.diary import minute_text
from rollcall.window.moments import NotATime
from rollcall.window.replies import NOBODY_TO_ASK
from rollcall.wire.class_messages import ImportClass, LessonAct, MarkAct, SetClass
from tests.helpers import RawClient
from tests.server.test_classroom import lesson_server, write_class

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
gui: Any = pytest.importorskip("tests.test_client_gui", reason="this Python has no Tk")
pytest.importorskip("cryptography", reason="a teacher's code needs a certificate")
attendance_dialog: Any = pytest.importorskip("rollcall.window.attendance_dialog")
classes_dialog: Any = pytest.importorskip("rollcall.window.classes_dialog")
rename_dialog: Any = pytest.importorskip("rollcall.window.rename_dialog")
person_dialog: Any = pytest.importorskip("rollcall.window.person_dialog")
ask: Any = pytest.importorskip("rollcall.window.ask")
pytestmark = pytest.mark.usefixtures("needs_display")

NAMES = tuple(f"{first} Lee" for first in ("Ada", "Ben", "Cem", "Dora"))
SLOW: Dict[str, Any] = {"heartbeat_interval": 60.0, "connection_timeout": 120.0, "late_after": 0.0}


@contextmanager
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Any]:
    """A server that has the class 7b, and at its own machine the teacher's window."""
    for variable in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    data = data_folder()
    assert data is not None
    write_class(data, names=NAMES)
    with lesson_server(data, "7b", **{**SLOW, **settings}) as (server, port):
        with gui.connected(port, "Ms Hill") as me:
            me.until(lambda: me.window.listing.book.is_set, "the class")
            yield me, server, port


def dialog_of(me: Any, kind: Any) -> Any:
    me.root.update()
    (found,) = [child for child in me.root.winfo_children() if isinstance(child, kind)]
    return found


def said(dialog: Any) -> str:
    return str(dialog.said.cget("text"))


def test_a_lesson_in_the_window_adds_up_and_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lesson(tmp_path, monkeypatch) as (me, server, port), gui.class_of(port, ["ben lee", "Zed"]):
        server.room.classroom.book._state.timeout = 0.0  # two computers are asked about when they have stayed so long
        with RawClient(port) as one, RawClient(port) as other:
            for client, device in ((one, "1" * 32), (other, "2" * 32)):
                client.register("Ada Lee", roster=False, device_id=device)
            me.until(lambda: me.headline() == "2 of 4 here · 2 missing · 1 guest", "half of them, so it has begun")
            assert me.teacher.class_bar.lesson_button.cget("text") == "End lesson"
            assert me.root.title() == "2 of 4 here – Rollcall" and me.teacher.class_bar.class_button.winfo_ismapped()
            me.until(lambda: me.values("Ada Lee")[1] == "● here, 2 computers?", "the question")
            me.tree.selection_set(me.item("Ada Lee"))
            me.window.acts.details()
            dialog = dialog_of(me, person_dialog.PersonDialog)
            texts = [str(button.cget("text")) for button in dialog.computers]
            assert texts[:2] == ["All are theirs", "They are different people"] and len(texts) == 4
            assert texts[2].startswith("Only the one at 10.0.0.1:5000 (seen as 127.0.0.1), here since ")
            dialog.minutes.set("soon")
            dialog.mark("late")
            assert said(dialog).startswith('"soon" is not a number of minutes')
            dialog.computers[1].invoke()
            me.until(lambda: me.headline() == "2 of 4 here · 2 missing · 2 guests", "two people")
            asked: List[Any] = []

            def words() -> str:
                return str(me.window.order.people["n:Ada Lee"].words(0))

            def answer(**question: Any) -> Any:
                asked.append(question["question"])
                return question["read"]({"Late": "7", "Left": "0:01"}[question["title"]])

            me.window.acts.ask_value = answer
            me.window.menus._mark_menu.invoke("Late…")
            me.until(lambda: words() == "● here, late by 7 min  •", "seven minutes")
            me.window.acts.undo()
            me.until(lambda: words() == "● here", "no mark any more")
            me.window.menus._mark_menu.invoke("Left…")
            me.until(lambda: me.headline() == "1 of 4 here · 2 missing · 1 left · 2 guests", "she has left")
            assert asked == ["By how many minutes was Ada Lee late?", "When did Ada Lee leave?"]
            row = me.window.listing.book.row_of(me.window.order.people["n:Ada Lee"])
            assert row.mark == "left" and minute_text(row.at) == "00:01"
            pages: List[str] = []

            def seen(uri: str) -> bool:
                pages.append(uri)
                return True

            me.window.commands.show_page = seen
            me.press("<Control-p>")
            me.until(lambda: pages, "the page")
            page = Path(url2pathname(urlsplit(pages[0]).path))
            text = page.read_text(encoding="utf-8")
            page.unlink()
            assert "Content-Security-Policy" in text and "Dora Lee" in text, "the server's own report"


def test_lists_are_looked_at_before_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lesson(tmp_path, monkeypatch) as (me, server, port), gui.class_of(port, ["Zed Oak", "Yan Oak"]):
        me.teacher.class_bar._fill()
        me.teacher.class_bar.menu.invoke("Classes…")
        dialog = dialog_of(me, classes_dialog.ClassesDialog)
        me.until(lambda: dialog.classes.size() == 1, "the classes that there are")
        dialog.classes.selection_set(0)
        dialog._open_class()
        me.until(lambda: dialog._content().split("\n")[:2] == ["Ada Lee", "Ben Lee"], "its list")
        me.until(lambda: said(dialog) == "4 names: Ada Lee, Ben Lee, Cem Lee …", "the preview")
        file = tmp_path / "export.csv"
        file.write_bytes(b"Name;Vorname;Klasse\n" + "".join(
            f"Größl{'x' * 40};Kid {number};{'8a' if number % 2 else '8b'}\n" for number in range(40)
        ).encode("cp1252"))  # fmt: skip
        dialog.ask_file = lambda **options: str(file)
        dialog.read_file()
        me.until(lambda: "8a, 8b; which one is it?" in said(dialog), "the question which class is meant")
        dialog.only.set("8a")
        me.until(lambda: said(dialog).startswith("20 names: Kid 1 Größl"), "one class of the export")
        dialog.swap.set(True)
        dialog.look()
        me.until(lambda: said(dialog).startswith("20 names: Größlx"), "the other way round")
        dialog.name.set("")
        dialog.save()
        assert said(dialog).startswith("What is the class called?")
        dialog.name.set("8a")
        dialog.save()
        me.until(lambda: said(dialog).startswith("Saved: 8a has 20 names") and dialog.classes.size() == 2, "it is kept")
        assert len(server.room.classroom.folder.read("8a").people) == 20
        dialog.name.set("8a")
        dialog.save_here()
        assert "Press it again" in said(dialog), "what is there is not replaced by a slip"
        dialog.name.set("club")
        dialog.save_here()
        me.until(lambda: said(dialog) == "Saved: club has 2 names", "who is here as a class")
        dialog.fill("")
        dialog.look()
        dialog.save()
        assert said(dialog) == classes_dialog.HOW
        dialog.ask_file = lambda **options: str(tmp_path)
        dialog.read_file()
        assert said(dialog).startswith("The file cannot be read: ")
        dialog.name.set("club")
        dialog.classes.selection_clear(0, "end")
        dialog.take()
        me.until(lambda: me.window.listing.book.title() == "Class club", "the class that was taken")
        assert not dialog.winfo_exists()


def test_somebody_of_a_class_is_called_otherwise_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lesson(tmp_path, monkeypatch) as (me, server, port), gui.class_of(port, ["Ben Lee", "Zed"]):
        me.until(lambda: me.headline().startswith("1 of 4 here"), "the class")
        me.window.acts.classes()
        dialog = dialog_of(me, classes_dialog.ClassesDialog)
        dialog.rename()
        assert said(dialog) == "Choose a class first."
        me.until(lambda: dialog.classes.size() == 1, "the classes that there are")
        dialog.classes.selection_set(0)
        dialog._open_class()
        me.until(lambda: dialog._people == list(NAMES), "its list")
        me.until(lambda: said(dialog).startswith("4 names"), "the preview")
        dialog.list.mark_set("insert", "2.0")
        dialog.rename_button.invoke()
        (asked,) = [child for child in dialog.winfo_children() if isinstance(child, rename_dialog.RenameDialog)]
        assert asked.choice.get() == "Ben Lee", "the line of the cursor"
        asked.rename()
        assert asked.winfo_exists() and said(asked).startswith("name"), said(asked)
        asked.name.set("Cem Lee")
        me.press("<Return>", asked.field)
        me.until(lambda: said(asked) == '"Cem Lee" is in 7b already.', "the server's word")
        asked.name.set("Ben Holm")
        asked.rename_button.invoke()
        me.until(lambda: not asked.winfo_exists(), "it is done")
        me.until(lambda: dialog._content().split("\n")[:2] == ["Ada Lee", "Ben Holm"], "the list")
        assert [one.name for one in server.room.classroom.folder.read("7b").people][1] == "Ben Holm"
        people = me.window.order.people
        me.until(lambda: "n:Ben Holm" in people and people["n:Ben Holm"].state == "here", "the old name is known")
        asked = rename_dialog.RenameDialog(me.root, me.window.theme, me.window.acts.replies, "7b", ["A", "B"], print)
        asked.rename()
        assert said(asked) == "Whose name is it? Choose it from the list."


def test_attendance_is_shown_corrected_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lesson(tmp_path, monkeypatch) as (me, server, port), gui.class_of(port, ["Ada Lee", "Ben Lee"]):
        me.until(lambda: me.headline().startswith("2 of 4 here"), "the class")
        me.until(lambda: "missing" in me.headline(), "the lesson, which has begun by itself")
        begun = server.room.classroom.book.lessons[0].begin
        earlier = begun - 60
        if time.localtime(earlier).tm_mday != time.localtime(begun).tm_mday:
            pytest.skip("a minute after midnight")
        me.window.menus.menu.invoke("Attendance…")
        dialog = dialog_of(me, attendance_dialog.AttendanceDialog)

        def shown() -> str:
            return str(dialog.report.get("1.0", "end"))

        me.until(
            lambda: "Ada Lee" in shown() and dialog.lessons.get_children(), "this lesson, before the record has it"
        )
        assert dialog.begin.get() == minute_text(begun) and dialog.classes.get() == "7b" and dialog.end.get() == ""
        dialog.begin.set("25:00")
        dialog.correct()
        assert said(dialog) == '"25:00" is not a time of day, such as 8:05.'
        dialog.begin.set(minute_text(earlier))
        dialog.correct()
        me.until(lambda: said(dialog) == "Corrected.", "the correction")
        assert server.room.classroom.book.lessons[0].begin == earlier - earlier % 60
        me.until(lambda: f"since {minute_text(earlier)}" in shown(), "the report follows")
        saved: List[Any] = []

        def ask_file(**options: Any) -> str:
            saved.append(options)
            return str(tmp_path / options["initialfile"])

        me.window.commands.ask_file = ask_file
        for button, suffix in zip(dialog.buttons, ("csv", "html", "json")):
            button.invoke()
            me.until(lambda suffix=suffix: said(dialog).endswith(f".{suffix}."), "it is saved")
            file = tmp_path / saved[-1]["initialfile"]
            assert "Ada Lee" in file.read_text(encoding="utf-8") and file.name.startswith("attendance 7b lesson 20")
        dialog.what.set("term")
        dialog.show_report()

        def is_recorded() -> bool:  # some moments after it has happened
            is_there = shown().startswith("Class 7b\n") and "Ben Lee" in shown()
            if not is_there and not me.window.acts.replies._open:
                dialog.show_report()
            return is_there

        me.window.act(LessonAct("end"))
        me.until(is_recorded, "the term, out of the record")
        dialog.what.set("person")
        dialog.show_report()
        me.until(lambda: dialog.person.cget("values"), "whom there is to choose from")
        dialog.person.set("Ben Lee")
        dialog._chose_person()
        me.until(lambda: shown().startswith("Ben Lee"), "one person")
        dialog.discard()
        me.until(lambda: dialog.lessons.item("0", "values")[-1] == "none", "it was no lesson")
        assert (
            server.room.classroom.book.lessons[0].discarded and dialog.discard_button.cget("text") == "It was a lesson"
        )


def test_a_dialog_that_is_open_when_the_connection_ends_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lesson(tmp_path, monkeypatch) as (me, _, __):
        me.window.acts.classes()
        dialog = dialog_of(me, classes_dialog.ClassesDialog)
        dialog.load()
        me.window.leave()
        assert said(dialog) == NOBODY_TO_ASK
        dialog.say("")
        dialog.load()
        assert said(dialog) == NOBODY_TO_ASK
        dialog.destroy()
        me.until(lambda: me.face == gui.CARD, "the card")


def test_a_new_lesson_asks_who_sits_there_but_not_on_their_own_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lesson(tmp_path, monkeypatch) as (me, _, port):
        with (
            gui.connected(port, "Ada Lee", teacher=False) as student,
            gui.connected(port, "Ben Lee", teacher=False) as own,
        ):
            own.window.texts.own.set(True)
            me.until(lambda: me.headline().startswith("2 of 4 here"), "both")
            for act in (
                LessonAct("begin"), ImportClass("9a", 1, 1, "Yan Oak\nZed Oak\n", write=True), SetClass(("9a",)),
            ):  # fmt: skip
                assert me.window.act(act)
            me.until(lambda: me.window.listing.book.title() == "Class 9a", "the other class")
            assert student.face == gui.STUDENT, "it has not begun"
            me.window.act(LessonAct("begin"))
            student.until(lambda: student.face == gui.CARD, "the question")
            assert student.card.said.cget("text") == "A new lesson: who are you? Type your name and join."
            assert student.window.texts.name.get() == "" and student.window.texts.server.get() == f"127.0.0.1:{port}"
            me.until(lambda: me.headline() == "0 of 2 here · 2 missing · 1 guest", "whoever did not answer is not here")
            own.root.update()
            assert own.face == gui.STUDENT


def test_a_student_is_told_that_somebody_else_has_their_name() -> None:
    with gui.running_server(name="Room 12") as (_, port), gui.connected(port, "Mia Lee", teacher=False) as me:
        assert not me.student.step_button.winfo_manager()
        with gui.class_of(port, ["mia lee"]):
            me.until(lambda: me.student.step_button.cget("text") == "I am Mia", "the question")
            assert "Somebody else is here as Mia Lee, too." in me.student.detail.cget("text")
            me.student.step_button.invoke()
            me.until(lambda: not me.student.step_button.winfo_manager(), "that is settled")
            assert "Somebody" not in me.student.detail.cget("text")


def test_one_question_has_an_answer_that_can_be_wrong_at_first() -> None:
    with gui.driven() as me:

        def read(text: str) -> int:
            if text != "7":
                raise NotATime("No.")
            return 7

        def answer(value: str) -> None:
            (dialog,) = [child for child in me.root.winfo_children() if isinstance(child, tk.Toplevel)]
            (field,) = [child for child in dialog.winfo_children() if isinstance(child, tk.ttk.Entry)]
            assert dialog.title() == "Late"
            field.delete(0, "end")
            field.insert(0, value)
            dialog.winfo_children()[-1].winfo_children()[-1].invoke()
            if dialog.winfo_exists() and said(dialog) == "No.":
                answer("7")

        me.root.after(50, lambda: answer("x"))
        assert ask.ask_value(me.root, me.window.theme, "Late", "By how many?", "5", read) == 7
        me.root.after(
            50, lambda: [child.destroy() for child in me.root.winfo_children() if isinstance(child, tk.Toplevel)]
        )
        assert ask.ask_value(me.root, me.window.theme, "Late", "By how many?", "5", read) is None


def test_a_mark_with_nobody_selected_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: List[Any] = []
    with gui.teaching(acts) as me:
        me.window.acts.follow(gui.listed(gui.PersonRow("a", "Ann", "here", class_name="7b", members=(7,))))
        me.until(lambda: "Ann" in me.names(), "the class")
        me.window.acts.mark("late")
        me.tree.selection_set(me.item("Ann"))
        me.window.acts.ask_value = lambda **question: None
        me.window.acts.mark("late")
        assert acts == []
        me.window.acts.ask_value = lambda **question: 0
        me.window.acts.mark("late")
        assert acts == [MarkAct(("Ann",), "late")]


def test_nothing_of_the_headline_is_cut_off_in_a_narrow_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lesson(tmp_path, monkeypatch) as (me, _, port), gui.class_of(port, ["ben lee", "Zed", "Ada Lee"]) as crowd:
        me.until(lambda: "missing" in me.headline(), "the lesson")
        crowd[2].close()
        me.window.act(MarkAct(("Cem Lee",), "excused"))
        me.until(lambda: me.headline().endswith("1 lost · 1 missing · 1 excused · 1 guest"), "many numbers")
        me.root.geometry("+0+0")
        for width, lines in ((1200, 1), (700, 2), (480, 3)):
            me.root.geometry(f"{me.window.theme.px(width)}x{me.window.theme.px(500)}")
            me.until(lambda width=width: me.root.winfo_width() == me.window.theme.px(width), "that width")
            face, right = me.teacher, me.root.winfo_rootx() + me.root.winfo_width()

            def is_whole(part: Any, face: Any = face, right: int = right) -> bool:
                ends = part.winfo_rootx() + part.winfo_width(), part.winfo_rooty() + part.winfo_height()
                is_inside = ends[0] <= right and ends[1] <= face.table.winfo_rooty()
                return bool(is_inside and part.winfo_viewable() and part.winfo_width() >= part.winfo_reqwidth())

            for part in (*face.chips, face.search_field, face.menu_button, face.class_bar.lesson_button):
                me.until(lambda part=part: is_whole(part), f"all of {part} at {width}")
            assert len({part.winfo_rooty() for part in face.chips}) <= lines
