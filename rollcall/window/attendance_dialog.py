"""*Attendance…*: who was here in this lesson, in earlier ones, in the whole term, and when one person was.

The server makes each report; here it is shown, corrected (when a lesson began and ended, which class it was) and saved.
Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from dataclasses import replace
from tkinter import ttk
from typing import Any, Callable, List

from rollcall.window.dialog import Dialog
from rollcall.window.diary import minute_text
from rollcall.window.moments import LessonRow, NotATime, read_lesson, read_lessons, read_names
from rollcall.window.replies import Replies, Reply
from rollcall.window.theme import Theme
from rollcall.wire.class_messages import Attendance, LessonAct

LESSON, TERM, PERSON = "lesson", "term", "person"
FORMS = {"Save as CSV…": "csv", "Save as a page…": "html", "Save as JSON…": "json"}


class AttendanceDialog(Dialog):
    """The dialog. ``save`` gets the name of a file and its text, and asks where to; ``show`` opens a page where the
    person reads the web. Each says what became of it."""

    def __init__(
        self,
        root: tk.Misc,
        theme: Theme,
        replies: Replies,
        save: Callable[[str, str], str],
        show: Callable[[str], str],
    ) -> None:
        super().__init__(root, theme, "Attendance")
        self._replies, self._save, self._open = replies, save, show
        self._lessons: List[LessonRow] = []
        self.columnconfigure(1, weight=1)
        self.rowconfigure(0, weight=1)
        self._build_lessons()
        self._build_report()
        self._build_buttons()
        self.load()

    def _build_lessons(self) -> None:
        px, theme = self.theme.px, self.theme
        side = ttk.Frame(self)
        side.grid(row=0, column=0, sticky="ns", padx=(0, px(14)))
        side.rowconfigure(0, weight=1)
        columns = {"times": ("Time", 100), "classes": ("Class", 60), "came": ("Came", 80)}
        self.lessons = ttk.Treeview(side, columns=list(columns), height=10, selectmode="browse")
        self.lessons.heading("#0", text="Lesson", anchor="w")
        self.lessons.column("#0", width=px(95), anchor="w")
        for key, (title, width) in columns.items():
            self.lessons.heading(key, text=title, anchor="w")
            self.lessons.column(key, width=px(width), anchor="w")
        self.lessons.grid(row=0, column=0, columnspan=2, sticky="nsew")
        self.lessons.bind("<<TreeviewSelect>>", lambda event: self._chose_lesson())
        self.begin, self.end, self.classes = (tk.StringVar(self) for _ in range(3))
        self.fields: List[ttk.Entry] = []
        for row, (text, variable) in enumerate(
            (("Began", self.begin), ("Ended", self.end), ("Classes", self.classes)), 1
        ):
            ttk.Label(side, text=text).grid(row=row, column=0, sticky="w", pady=(px(6), 0))
            field = ttk.Entry(side, textvariable=variable, width=14, font=theme.body_font)
            field.grid(row=row, column=1, sticky="ew", pady=(px(6), 0))
            field.bind("<Return>", lambda event: self.correct())
            self.fields.append(field)
        self.correct_button = self.button(side, "Correct this lesson", self.correct)
        self.correct_button.grid(row=4, column=0, columnspan=2, sticky="ew", pady=(px(6), 0))
        self.discard_button = self.button(side, "It was no lesson", self.discard)
        self.discard_button.grid(row=5, column=0, columnspan=2, sticky="ew", pady=(px(6), 0))

    def _build_report(self) -> None:
        px, theme = self.theme.px, self.theme
        main = ttk.Frame(self)
        main.grid(row=0, column=1, sticky="nsew")
        main.columnconfigure(3, weight=1)
        main.rowconfigure(1, weight=1)
        self.what = tk.StringVar(self, LESSON)
        for column, (what, text) in enumerate(((LESSON, "This lesson"), (TERM, "The term"), (PERSON, "One person"))):
            button = ttk.Radiobutton(main, text=text, value=what, variable=self.what, command=self.show_report)
            button.grid(row=0, column=column, sticky="w", padx=(0, px(10)))
        self.person = ttk.Combobox(main, state="readonly", width=24, font=theme.body_font)
        self.person.grid(row=0, column=3, sticky="w")
        self.person.bind("<<ComboboxSelected>>", lambda event: self._chose_person())
        frame, self.report = self.text(main, width=78, height=22, wrap="none", font="TkFixedFont", state="disabled")
        frame.grid(row=1, column=0, columnspan=4, sticky="nsew", pady=(px(8), 0))
        across = ttk.Scrollbar(main, orient="horizontal", command=self.report.xview)
        across.grid(row=2, column=0, columnspan=4, sticky="ew")
        self.report.configure(xscrollcommand=across.set)

    def _build_buttons(self) -> None:
        px = self.theme.px
        self.said.grid(row=1, column=0, columnspan=2, sticky="w", pady=(px(8), 0))
        line = ttk.Frame(self)
        line.grid(row=2, column=0, columnspan=2, sticky="e", pady=(px(8), 0))
        self.buttons = [self.button(line, text, self._saver(form)) for text, form in FORMS.items()]
        self.buttons.append(self.button(line, "Show the page, to print", self.show_page))
        self.buttons.append(self.button(line, "Close", self.destroy))
        for column, button in enumerate(self.buttons):
            button.grid(row=0, column=column, padx=(px(8), 0))

    # --- which lesson ---------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Ask which lessons there were. That of now comes from who judges it, and not from the record, which is some
        seconds behind; where there is no record it is the only one."""
        now: List[LessonRow] = []

        def of_now(reply: Reply) -> None:
            now.extend(read_lesson(reply.text))

        self._replies.ask(Attendance(LESSON), of_now)  # answered in the order in which they are asked
        self._replies.ask(Attendance("lessons"), lambda reply: self._loaded(reply, now))

    def _loaded(self, reply: Reply, now: List[LessonRow]) -> None:
        if not self.winfo_exists():
            return
        ids = [one.id for one in now]
        self._show([*now, *(one for one in read_lessons(reply.text) if one.id not in ids)])
        if reply.why and not now:
            self.say(reply.why, "warn")
        elif not self._lessons:
            self.say("No lesson has been here yet.")

    def _show(self, lessons: List[LessonRow]) -> None:
        """These lessons; the one that was chosen stays so."""
        chosen = self._lesson_id()
        self._lessons = lessons
        self.lessons.delete(*self.lessons.get_children())
        for number, one in enumerate(self._lessons):
            classes = self.theme.drawable(", ".join(one.classes))
            came = "none" if one.discarded else f"{one.came} of {one.listed}"
            self.lessons.insert("", "end", iid=str(number), text=one.day(), values=[one.times(), classes, came])
        ids = [one.id for one in self._lessons]
        if ids:
            self.lessons.selection_set(str(ids.index(chosen) if chosen in ids else 0))

    def _lesson(self) -> Any:
        chosen = self.lessons.selection()
        return self._lessons[int(chosen[0])] if chosen and int(chosen[0]) < len(self._lessons) else None

    def _lesson_id(self) -> str:
        lesson = self._lesson()
        return lesson.id if lesson is not None else ""

    def _class_name(self) -> str:
        lesson = self._lesson()
        return lesson.classes[0] if lesson is not None and lesson.classes else ""

    def _chose_lesson(self) -> None:
        lesson = self._lesson()
        if lesson is None:
            return
        self.begin.set(minute_text(lesson.begin))
        self.end.set("" if lesson.end is None else minute_text(lesson.end))
        self.classes.set(self.theme.drawable(", ".join(lesson.classes)))
        self.discard_button.configure(text="It was a lesson" if lesson.discarded else "It was no lesson")
        self.person.configure(values=[])
        self.person.set("")
        self.show_report()

    def correct(self) -> None:
        """Begin, end and classes as they stand there."""
        lesson = self._lesson()
        if lesson is None:
            return
        try:
            begin, end = lesson.corrected(self.begin.get(), self.end.get())
        except NotATime as error:
            self.say(str(error), "warn")
            return
        names = tuple(filter(None, (name.strip() for name in self.classes.get().split(","))))
        classes = None if names == lesson.classes or not names else names
        if begin is None and end is None and classes is None:
            self.say("Nothing is otherwise than it was.")
            return
        new = replace(lesson, begin=begin or lesson.begin, end=end or lesson.end, classes=classes or lesson.classes)
        self._act(LessonAct("correct", lesson.id, begin=begin, end=end, classes=classes), new)

    def discard(self) -> None:
        """That lesson was none, or was one after all."""
        lesson = self._lesson()
        if lesson is not None:
            act = LessonAct("restore" if lesson.discarded else "discard", lesson.id)
            self._act(act, replace(lesson, discarded=not lesson.discarded))

    def _act(self, act: LessonAct, new: LessonRow) -> None:
        """``new`` is what the lesson is then: the record will say so in some seconds."""

        def done(reply: Reply) -> None:
            self.say("Corrected.", "good")
            self._show([new if one.id == new.id else one for one in self._lessons])

        self._replies.ask(act, self.late(done))

    # --- the report -----------------------------------------------------------------------------------------------

    def _question(self, form: str) -> Attendance:
        what, name = self.what.get(), str(self.person.get())
        if what == LESSON:
            return Attendance(LESSON, lesson=self._lesson_id(), form=form)
        return Attendance(what, class_name=self._class_name(), name=name if what == PERSON else "", form=form)

    def show_report(self) -> None:
        """Ask for what is chosen, and show it."""
        if self.what.get() == PERSON and not self.person.get():
            question = Attendance(TERM, class_name=self._class_name())
            self._replies.ask(question, self.late(self._offer_people))
            self._fill("Choose the person above.")
        else:
            self._replies.ask(self._question("text"), self.late(lambda reply: self._fill(reply.text)))

    def _offer_people(self, reply: Reply) -> None:
        self.person.configure(values=[self.theme.drawable(name) for name in read_names(reply.text, "people")])
        self.person.focus_set()

    def _chose_person(self) -> None:
        self.what.set(PERSON)
        self.show_report()

    def _fill(self, text: str) -> None:
        self.report.configure(state="normal")
        self.report.delete("1.0", "end")
        self.report.insert("1.0", self.theme.drawable(text))
        self.report.configure(state="disabled")

    def _saver(self, form: str) -> Callable[[], None]:
        return lambda: self._replies.ask(self._question(form), self.late(lambda reply: self._keep(form, reply.text)))

    def _keep(self, form: str, text: str) -> None:
        lesson = self._lesson()
        what = self.what.get()
        whose = str(self.person.get()) if what == PERSON else self._class_name()
        when = lesson.stamp() if what == LESSON and lesson is not None else ""
        name = " ".join(filter(None, ("attendance", whose, what, when)))
        name = "".join("-" if char in '\\/:*?"<>|' else char for char in name)
        self.say(self._save(f"{name}.{form}", text))

    def show_page(self) -> None:
        """The report as a page, where it can be printed."""
        question = self._question("html")
        self._replies.ask(question, self.late(lambda reply: self.say(self._open(reply.text))))
