"""One person: what is known, and a teacher's words about them. Marks and notes are shown here and nowhere else: what a
beamer mirrors has only a dot. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, List, Optional, Tuple

from rollcall.window.class_book import Act
from rollcall.window.diary import minute_text
from rollcall.window.moments import NotATime, read_minutes, read_time
from rollcall.window.people import Person
from rollcall.window.theme import Theme, set_option
from rollcall.wire.class_messages import MAX_NOTE, Identify, MarkAct, PersonRow

MARKS: Tuple[Tuple[str, str], ...] = (
    ("here", "Here"), ("late", "Late"), ("excused", "Excused"), ("out", "Out for a while"), ("absent", "Absent"),
    ("left", "Left"),
)  # fmt: skip
"""A teacher's words, in the order of the buttons: the server's, and ours."""


def facts(person: Person, row: Optional[PersonRow], wall: float) -> List[Tuple[str, str]]:
    """What there is to know, as pairs of a title and a text."""
    found = [("State", person.words(wall).rstrip(" •"))]
    if person.since is not None:
        found.append(("Since", minute_text(person.since)))
    if person.address:
        found.append(("Address", person.address))
    if row is not None:
        if row.typed and row.typed != row.name:
            found.append(("Typed", row.typed))
        if row.same_computer:
            found.append(("Same computer", row.same_computer))
        if row.mark:
            when = f", {minute_text(row.when)}" if row.when is not None else ""
            found.append(("Your mark", f"{dict(MARKS).get(row.mark, row.mark)}{when}"))
            found.append(("Without it", row.found or "the same"))
    return found


class PersonDialog(tk.Toplevel):
    """The dialog. ``act`` asks the server; ``may_mark``: we are this class's teacher."""

    def __init__(
        self,
        root: tk.Tk,
        theme: Theme,
        person: Person,
        row: Optional[PersonRow],
        missing: List[str],
        wall: float,
        act: Optional[Callable[[Act], object]],
    ) -> None:
        px = theme.px
        super().__init__(root, background=theme.palette.window, padx=px(18), pady=px(14))
        self.transient(root)
        self.columnconfigure(1, weight=1)
        self.title(theme.drawable(person.name))
        self._theme, self._person, self._row, self._act = theme, person, row, act
        self._wall = wall
        self._computers = ttk.Frame(self)
        self.computers: List[ttk.Button] = []
        """All are theirs, they are different people, and each of the computers alone."""
        ttk.Label(self, text=theme.drawable(person.label), style="Title.TLabel").grid(sticky="w", columnspan=2)
        for number, (title, text) in enumerate(facts(person, row, wall), 1):
            ttk.Label(self, text=title, style="Muted.TLabel").grid(row=number, column=0, sticky="w", padx=(0, px(14)))
            ttk.Label(self, text=theme.drawable(text), wraplength=px(320)).grid(row=number, column=1, sticky="w")
        if act is not None and row is not None:
            (self._build_guest if row.class_name == "guest" else self._build_marks)(missing, row)
        close = ttk.Button(self, text="Close", command=self.destroy)
        close.grid(row=90, column=0, columnspan=2, sticky="e", pady=(px(12), 0))
        self.bind("<Escape>", lambda event: self.destroy())
        self.focus_set()

    def _do(self, message: Act) -> None:
        if self._act is not None:
            self._act(message)
        self.destroy()

    def _marker(self, kind: str) -> Callable[[], None]:
        return lambda: self.mark(kind)

    def mark(self, kind: str) -> None:
        """Send that word, with the minutes or the time that stand there if it is one of these."""
        try:
            minutes = read_minutes(self.minutes.get()) if kind == "late" else 0
            at = read_time(self.left_at.get(), self._wall) if kind == "left" else None
        except NotATime as error:
            set_option(self.said, "text", str(error))
            return
        self._do(MarkAct((self._person.name,), kind, minutes, at))

    def _build_marks(self, missing: List[str], row: PersonRow) -> None:
        px = self._theme.px
        self.marks = ttk.Frame(self)
        self.marks.grid(column=0, columnspan=2, sticky="w", pady=(px(12), 0))
        for number, (kind, text) in enumerate((*MARKS, ("undo", "Take back"))):
            button = ttk.Button(self.marks, text=text, command=self._marker(kind))
            button.grid(row=number // 4, column=number % 4, padx=(0, px(6)), pady=(0, px(6)), sticky="ew")
        self._build_numbers(row)
        ttk.Label(self, text="Note", style="Muted.TLabel").grid(column=0, columnspan=2, sticky="w")
        self.note = tk.StringVar(self, self._theme.drawable(row.note))
        line = ttk.Frame(self)
        line.grid(column=0, columnspan=2, sticky="ew")
        line.columnconfigure(0, weight=1)
        field = ttk.Entry(line, textvariable=self.note, width=40, font=self._theme.body_font)
        field.grid(row=0, column=0, sticky="ew")
        field.bind("<Return>", lambda event: self.save_note())
        self.note_button = ttk.Button(line, text="Save the note", command=self.save_note)
        self.note_button.grid(row=0, column=1, padx=(px(6), 0))
        if row.members:
            text = f"This is not {self._theme.drawable(row.name)}"
            not_me = ttk.Button(self, text=text, command=lambda: self._do(self._identify("is not", row.name)))
            not_me.grid(column=0, columnspan=2, sticky="w", pady=(px(8), 0))

    def _build_numbers(self, row: PersonRow) -> None:
        """What belongs to *Late* and to *Left*."""
        px = self._theme.px
        line = ttk.Frame(self)
        line.grid(column=0, columnspan=2, sticky="w", pady=(0, px(6)))
        late_by = row.minutes or round(row.late_by / 60) or 5
        left_at = row.at if row.at is not None else row.since if row.state in ("left", "lost") else None
        self.minutes = tk.StringVar(self, str(late_by))
        self.left_at = tk.StringVar(self, minute_text(self._wall if left_at is None else left_at))
        for column, (text, variable) in enumerate((("Late by minutes", self.minutes), ("Left at", self.left_at))):
            ttk.Label(line, text=text, style="Muted.TLabel").grid(row=0, column=2 * column, padx=(0, px(6)))
            field = ttk.Entry(line, textvariable=variable, width=6, font=self._theme.body_font)
            field.grid(row=0, column=2 * column + 1, padx=(0, px(14)))
            kind = ("late", "left")[column]
            field.bind("<Return>", lambda event, kind=kind: self.mark(kind))  # type: ignore[misc]
        self.said = ttk.Label(self, foreground=self._theme.palette.loud["bad"][0])
        self.said.grid(column=0, columnspan=2, sticky="w")

    def offer_computer(self, member: int, where: str) -> None:
        """More than one computer has this name, of which this is one."""
        name, px = self._person.name, self._theme.px
        line = self._computers
        if not self.computers:
            line.grid(row=50, column=0, columnspan=2, sticky="w", pady=(px(12), 0))
            ttk.Label(line, text="More than one computer has this name.", style="Strong.TLabel").grid(sticky="w")
            for do, text in (("both", "All are theirs"), ("two people", "They are different people")):
                button = ttk.Button(line, text=text, command=self._identifier(Identify(do, name=name)))
                button.grid(sticky="ew", pady=(px(4), 0))
                self.computers.append(button)
        button = ttk.Button(
            line, text=f"Only the one at {where}", command=self._identifier(Identify("this one", member, name))
        )
        button.grid(sticky="ew", pady=(px(4), 0))
        self.computers.append(button)

    def _identifier(self, message: Identify) -> Callable[[], None]:
        return lambda: self._do(message)

    def save_note(self) -> None:
        """Send the note as it stands there."""
        self._do(MarkAct((self._person.name,), "note", note=self.note.get().strip()[:MAX_NOTE]))

    def _build_guest(self, missing: List[str], row: PersonRow) -> None:
        px = self._theme.px
        line = ttk.Frame(self)
        line.grid(column=0, columnspan=2, sticky="w", pady=(px(12), 0))
        ttk.Label(line, text="This is").grid(row=0, column=0, padx=(0, px(6)))
        names = [self._theme.drawable(name) for name in missing]
        self.choice = ttk.Combobox(line, values=names, state="readonly", width=30, font=self._theme.body_font)
        self.choice.grid(row=0, column=1)
        if row.proposal in missing:
            self.choice.current(missing.index(row.proposal))

        def accept() -> None:
            if self.choice.current() >= 0:
                self._do(self._identify("is", missing[self.choice.current()]))

        ttk.Button(line, text="Accept", style="Accent.TButton", command=accept).grid(row=0, column=2, padx=px(8))

    def _identify(self, do: str, name: str) -> Identify:
        row = self._row
        return Identify(do, row.members[0] if row is not None and row.members else None, name)
