"""What a teacher does to the room: remove somebody, make a code for a substitute, get a link to
the board. The server decides, and answers.

Offered only to whom the server calls a teacher. Belongs to the window and its thread.
"""

from __future__ import annotations

import time
import tkinter as tk
from tkinter import messagebox, ttk
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Protocol

from rollcall.client import events
from rollcall.window.address_sign import AddressSign, browsers_address, link_of
from rollcall.window.ask import ask_value
from rollcall.window.attendance_dialog import AttendanceDialog
from rollcall.window.class_book import Act
from rollcall.window.classes_dialog import ClassesDialog
from rollcall.window.clipboard import Clipboard
from rollcall.window.commands import Commands
from rollcall.window.dialogs import answer
from rollcall.window.diary import minute_text
from rollcall.window.faces import STUDENT, Faces, Texts
from rollcall.window.listing import Listing
from rollcall.window.model import ClientModel
from rollcall.window.moments import read_minutes, read_time
from rollcall.window.notices import Notices
from rollcall.window.people import GONE, GUESTS, Person
from rollcall.window.person_dialog import PersonDialog
from rollcall.window.replies import NOBODY_TO_ASK, Replies, Reply
from rollcall.window.theme import Theme
from rollcall.window.words import sentence
from rollcall.wire.class_messages import MAX_MARKED, Attendance, FollowClass, Identify, MarkAct
from rollcall.wire.messages import (
    ANOTHER_CLASS,
    MAX_SENTENCE,
    MEMBER,
    TEACHER,
    TYPES,
    BoardLink,
    Kick,
    Substitute,
)
from rollcall.wire.text import counted

MINUTES = {"at once": 0, "in 5 minutes": 5, "in 45 minutes": 45}
"""When somebody who was removed may come back."""

BOARD_LINK = TYPES[BoardLink]

WHO_ARE_YOU = "A new lesson: who are you? Type your name and join."


class Removal(NamedTuple):
    """What a teacher chose: so long out, and a sentence for the person."""

    minutes: int
    message: str


class Window(Protocol):
    """What acts are done from."""

    root: tk.Tk
    theme: Theme
    faces: Faces
    model: ClientModel
    notices: Notices
    clipboard: Clipboard
    texts: Texts
    closed: bool

    @property
    def listing(self) -> Listing: ...
    @property
    def commands(self) -> Commands: ...
    def act(self, message: Act) -> bool: ...
    def connect(self) -> None: ...
    def not_me(self) -> None: ...


class Acts:
    """The acts of ``window``."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.sign = AddressSign(window.root, window.theme)
        self.replies = Replies(self._send)
        self._marked: List[str] = []  # whom the last mark was about
        # What a test puts something else in place of.
        self.ask_removal: Callable[..., Optional[Removal]] = ask_removal
        self.show_message: Callable[..., object] = messagebox.showinfo
        self.ask_value: Callable[..., Any] = ask_value

    def _send(self, message: Act) -> bool:
        return self._window.act(message)

    def attend(self) -> None:
        """Do what the face offers: a teacher's line of status, or to a student "I am Mia"."""
        if self._window.faces.kind == STUDENT:
            self._window.model.is_sure = True
            return
        step = self._window.listing.book.attention()
        if step is not None:
            self._window.act(step.act)

    def accept_all(self) -> None:
        """All proposals at once: who the guests seem to be."""
        if any(person.proposal for person in self._window.listing.order.people.values()):
            self._window.act(Identify("accept"))

    def details(self) -> None:
        """All about the selected person."""
        window = self._window
        chosen = window.faces.teacher.table.selected()
        if len(chosen) == 1:
            book, person = window.listing.book, chosen[0]
            act = window.act if book.is_set and window.model.role != MEMBER else None
            row, missing = book.row_of(person), book.missing()
            dialog = PersonDialog(window.root, window.theme, person, row, missing, time.time(), act)
            there = window.model.rows()
            for member in row.members if row is not None and act is not None and len(row.members) > 1 else ():
                if member in there:
                    where = f"{there[member].address}, here since {minute_text(there[member].arrived)}"
                    dialog.offer_computer(member, where)

    def mark(self, kind: str) -> None:
        """A teacher's word about the selected people of the list."""
        window = self._window
        chosen = [person.name for person in window.faces.teacher.table.selected() if person.group != GUESTS]
        if not chosen or not window.listing.book.is_set:
            return
        who = chosen[0] if len(chosen) == 1 else counted(len(chosen), "person").replace("persons", "people")
        more: Dict[str, Any] = {}
        if kind in ("late", "left"):
            is_late, now = kind == "late", minute_text(time.time())
            read: Callable[[str], float] = read_minutes if is_late else self._moment
            key, usual = ("minutes", "5") if is_late else ("at", now)
            question = f"By how many minutes was {who} late?" if is_late else f"When did {who} leave?"
            asked = {"title": kind.capitalize(), "question": question, "value": usual, "read": read}
            where = {"root": window.root, "theme": window.theme}
            more = {key: answer(self.ask_value, lambda: window.closed, **where, **asked)}
            if more[key] is None:
                return
        self._marked = chosen[:MAX_MARKED] if kind != "undo" else []
        window.act(MarkAct(tuple(chosen[:MAX_MARKED]), kind, **more))

    @staticmethod
    def _moment(text: str) -> float:
        """A time of today."""
        return read_time(text, time.time())

    def undo(self) -> None:
        """Take the last mark back."""
        if self._marked:
            self._window.act(MarkAct(tuple(self._marked), "undo"))
            self._marked = []

    def classes(self) -> None:
        """The lists that the server has."""
        if self.are_allowed:
            ClassesDialog(self._window.root, self._window.theme, self.replies)

    def attendance(self) -> None:
        """Who was here, in this lesson and before."""
        window = self._window
        if self.are_allowed:
            commands = window.commands
            AttendanceDialog(window.root, window.theme, self.replies, commands.save_text, commands.open_page)

    def print_list(self) -> None:
        """One page: the server's, which knows the lesson, or else one of what is to be seen here."""
        window = self._window
        if window.listing.book.is_set and self.are_allowed:
            self.replies.ask(Attendance("list", form="html"), self._print)
        else:
            window.commands.print_people()

    def _print(self, reply: Reply) -> None:
        if reply.why:  # no lesson has begun yet
            self._window.commands.print_people()
        else:
            self._window.notices.show(self._window.commands.open_page(reply.text))

    @property
    def are_allowed(self) -> bool:
        """The server calls us a teacher."""
        return self._window.model.role == TEACHER

    def remove(self) -> None:
        """Ask about the selected people, and have them removed."""
        window = self._window
        chosen = [person for person in window.faces.teacher.table.selected() if not person.own and _is_in(person)]
        if not self.are_allowed or not chosen:
            return
        options = {"root": window.root, "theme": window.theme, "people": chosen}
        removal = answer(self.ask_removal, lambda: window.closed, **options)
        for person in chosen if removal is not None else ():
            member = person.member if window.listing.book.is_set else window.model.server_id(int(person.key))
            if member is not None and not window.act(Kick(member, removal.minutes, removal.message)):
                window.notices.show(NOBODY_TO_ASK, log=False)
                return

    def substitute(self) -> None:
        """Ask for a code that a substitute may use until midnight."""
        if self.are_allowed and not self._window.act(Substitute()):
            self._window.notices.show(NOBODY_TO_ASK, log=False)

    def show_address(self) -> None:
        """What to type, so large that it is read from the back; and for a teacher, the board's link to paste."""
        if self._window.model.address:
            self.sign.open(self._window.model.address)
            if self.are_allowed:
                self._window.act(BoardLink())

    def _take_link(self, done: events.Done) -> None:
        """The server's answer to that: where others reach it, and the link."""
        address = browsers_address(self._window.model.address, done.note)
        link = link_of(address, done.code)
        self.sign.show(address, done.sums)
        if link:
            self._window.clipboard.copy(link)
            once = " It works once." if "?" in link else ""
            self._window.notices.show(f"Copied the link to the board: paste it into its browser.{once}", log=False)

    def follow(self, event: events.Event) -> None:
        """What became of it, and what is asked by itself: of whom a teacher may see it, the class."""
        window = self._window
        if self.replies.take(event):
            return
        if isinstance(event, events.Connected) and window.model.role != MEMBER:
            window.act(FollowClass())
        elif isinstance(event, events.ClassListed):
            window.listing.book.take(event.message)
        elif isinstance(event, events.Done) and event.act == BOARD_LINK:
            self._take_link(event)
        elif isinstance(event, events.Done) and event.code:
            text = f"The code for a substitute, until midnight:\n\n{event.code}\n\n{event.note}".rstrip()
            options = {"title": "Substitute", "message": text, "parent": window.root}
            answer(self.show_message, lambda: window.closed, **options)
        elif isinstance(event, events.Done) and event.note:
            window.notices.show(sentence(event.note))
        elif isinstance(event, events.Notice) and event.about == ANOTHER_CLASS:
            self._ask_who()
        elif isinstance(event, events.Notice) and event.id is not None and window.model.is_own(event.id):
            window.model.note(time.time(), event.message)  # the others hear of us; we know
        elif isinstance(event, events.Denied) and event.act == "follow_class":
            pass  # this room has no classes, or not for us
        elif isinstance(event, (events.Denied, events.Notice)):
            window.notices.show(sentence(event.message))

    def _ask_who(self) -> None:
        """A lesson of another class has begun, and we are not on its list. On a computer that is nobody's own somebody
        else sits here now: until they say who they are, nobody is here."""
        window = self._window
        if window.faces.kind == STUDENT and not window.texts.own.get():
            window.not_me()
            window.notices.complaint = WHO_ARE_YOU


def _is_in(person: Person) -> bool:
    return person.member is not None and person.state not in GONE


def ask_removal(root: tk.Tk, theme: Theme, people: List[Person]) -> Optional[Removal]:
    """A dialog: for how long, and with which words? None if it is cancelled."""
    px = theme.px
    dialog = tk.Toplevel(root, background=theme.palette.window, padx=px(16), pady=px(14))
    dialog.transient(root)
    who = people[0].name if len(people) == 1 else counted(len(people), "person").replace("persons", "people")
    dialog.title(f"Remove {theme.drawable(who)}")
    chosen: List[Removal] = []
    when, message = tk.StringVar(dialog, next(iter(MINUTES))), tk.StringVar(dialog)
    ttk.Label(dialog, text=f"Remove {theme.drawable(who)} from the room?", style="Strong.TLabel").grid(sticky="w")
    for text in MINUTES:
        ttk.Radiobutton(dialog, text=f"may come back {text}", value=text, variable=when).grid(sticky="w", pady=px(2))
    ttk.Label(dialog, text="A sentence to read (may be empty)").grid(sticky="w", pady=(px(8), px(2)))
    field = ttk.Entry(dialog, textvariable=message, width=44, font=theme.body_font)
    field.grid(sticky="ew")
    buttons = ttk.Frame(dialog)
    buttons.grid(sticky="e", pady=(px(12), 0))

    def accept(*unused: Any) -> None:
        chosen.append(Removal(MINUTES[when.get()], message.get().strip()[:MAX_SENTENCE]))
        dialog.destroy()

    ttk.Button(buttons, text="Cancel", command=dialog.destroy).grid(row=0, column=0, padx=px(8))
    ttk.Button(buttons, text="Remove", style="Accent.TButton", command=accept).grid(row=0, column=1)
    field.bind("<Return>", accept)
    dialog.bind("<Escape>", lambda event: dialog.destroy())
    field.focus_set()
    dialog.grab_set()
    root.wait_window(dialog)
    return chosen[0] if chosen else None
