"""*Classes…*: the lists that the server has, a new one out of a file or the clipboard, and who is here as a class;
and who of a class is called otherwise now.

Nothing is written before somebody has seen what was understood: how many names, the first three, what is odd. The
server reads the list, because it is the server that keeps it; while somebody types, it is asked again when the keys
rest. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import filedialog, ttk
from typing import Any, Callable, List

from rollcall.program.files import patiently
from rollcall.window.dialog import Dialog
from rollcall.window.moments import read_names, read_people
from rollcall.window.rename_dialog import RenameDialog
from rollcall.window.replies import Replies, Reply
from rollcall.window.theme import Theme
from rollcall.wire.class_messages import MAX_PIECE, MAX_PIECES, Attendance, SaveClass, SetClass

RESTS = 400
"""Milliseconds without a key after which the list is read."""

HOW = "One name a line, or what a school's program exports: paste it here, or choose the file."


class ClassesDialog(Dialog):
    """The dialog. ``replies`` asks the server."""

    def __init__(self, root: tk.Misc, theme: Theme, replies: Replies) -> None:
        super().__init__(root, theme, "Classes")
        self._replies = replies
        self._names: List[str] = []
        self._people: List[str] = []  # of the class that is open
        self._timer = ""
        self._is_asking = False  # the pieces of two lists must not mix
        self._again = False
        # What a test puts something else in place of.
        self.ask_file: Callable[..., str] = filedialog.askopenfilename
        self.columnconfigure(1, weight=1)
        self.rowconfigure(0, weight=1)
        self._build_classes()
        self._build_list()
        self.bind("<Destroy>", self._forget)
        self.say(HOW)
        self.load()

    def _build_classes(self) -> None:
        px, palette = self.theme.px, self.theme.palette
        side = ttk.Frame(self)
        side.grid(row=0, column=0, sticky="ns", padx=(0, px(14)))
        side.rowconfigure(1, weight=1)
        ttk.Label(side, text="Classes", style="Strong.TLabel").grid(sticky="w")
        self.classes = tk.Listbox(
            side, width=18, height=12, activestyle="none", exportselection=False, relief="flat", borderwidth=0,
            font=self.theme.body_font, background=palette.surface, foreground=palette.text,
            selectbackground=palette.selected, selectforeground=palette.text, highlightthickness=px(1),
            highlightbackground=palette.line, highlightcolor=palette.accent,
        )  # fmt: skip
        self.classes.grid(row=1, sticky="nsew", pady=px(6))
        self.classes.bind("<<ListboxSelect>>", lambda event: self._open_class())
        for event in ("<Return>", "<Double-Button-1>"):
            self.classes.bind(event, lambda event: self.take())
        self.take_button = self.button(side, "Take this class", self.take)
        self.take_button.grid(row=2, sticky="ew")

    def _build_list(self) -> None:
        px, theme = self.theme.px, self.theme
        main = ttk.Frame(self)
        main.grid(row=0, column=1, sticky="nsew")
        main.columnconfigure(1, weight=1)
        main.rowconfigure(1, weight=1)
        ttk.Label(main, text="Name of the class").grid(row=0, column=0, sticky="w", padx=(0, px(8)))
        self.name = tk.StringVar(self)
        self.name_field = ttk.Entry(main, textvariable=self.name, width=16, font=theme.body_font)
        self.name_field.grid(row=0, column=1, sticky="w")
        frame, self.list = self.text(main, width=52, height=12, undo=True, wrap="none")
        frame.grid(row=1, column=0, columnspan=3, sticky="nsew", pady=px(6))
        self.list.bind("<<Modified>>", lambda event: self._changed())
        self.button(main, "From a file…", self.read_file).grid(row=0, column=2, sticky="e")
        choices = ttk.Frame(main)
        choices.grid(row=2, column=0, columnspan=3, sticky="ew")
        self.swap = tk.BooleanVar(self, False)
        self.only = tk.StringVar(self)
        swap = ttk.Checkbutton(choices, text="Exchange first and last names", variable=self.swap, command=self.look)
        swap.grid(row=0, column=0, padx=(0, px(16)))
        ttk.Label(choices, text="Only those of class").grid(row=0, column=1, padx=(0, px(6)))
        only = ttk.Entry(choices, textvariable=self.only, width=10, font=theme.body_font)
        only.grid(row=0, column=2)
        self.only.trace_add("write", lambda *unused: self._soon())
        space = ttk.Frame(self)  # of three lines: nothing moves when something is said
        space.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(px(8), 0))
        space.rowconfigure(0, minsize=3 * theme.row_height)
        self.said.grid(in_=space, row=0, column=0, sticky="nw")
        self.said.lift()
        buttons = ttk.Frame(self)
        buttons.grid(row=2, column=0, columnspan=2, sticky="e", pady=(px(8), 0))
        self.rename_button = self.button(buttons, "Another name…", self.rename)
        self.here_button = self.button(buttons, "Save who is here as this class", self.save_here)
        self.save_button = self.button(buttons, "Save this list", self.save, is_main=True)
        close = self.button(buttons, "Close", self.destroy)
        for column, button in enumerate((self.rename_button, self.here_button, self.save_button, close)):
            button.grid(row=0, column=column, padx=(px(8), 0))

    # --- the classes that there are -------------------------------------------------------------------------------

    def load(self) -> None:
        """Ask which there are."""
        self._replies.ask(Attendance("classes"), self.late(self._loaded))

    def _loaded(self, reply: Reply) -> None:
        self._names = read_names(reply.text, "classes")
        self.classes.delete(0, "end")
        self.classes.insert("end", *(f" {self.theme.drawable(name)}" for name in self._names))

    def _chosen(self) -> str:
        chosen: Any = self.classes.curselection()  # type: ignore[no-untyped-call]
        return self._names[chosen[0]] if chosen else ""

    def _open_class(self) -> None:
        name = self._chosen()
        if name:
            self.name.set(name)
            self._replies.ask(Attendance("class", class_name=name), self.late(lambda reply: self._opened(name, reply)))

    def _opened(self, name: str, reply: Reply) -> None:
        if name == self._chosen():
            self._people = read_names(reply.text, "people")
            self.fill(read_people(reply.text))

    def rename(self) -> None:
        """Somebody of the chosen class is called otherwise now: who, and how? The line of the cursor is offered."""
        name = self._chosen()
        if not name or not self._people:
            self.say("Choose a class first.", "warn")
            return
        line = str(self.list.get("insert linestart", "insert lineend")).partition("\t")[0].strip()
        RenameDialog(self, self.theme, self._replies, name, self._people, self.late(self._renamed), line)

    def _renamed(self, reply: Reply) -> None:
        self._open_class()
        self.say(f"Saved: {reply.note}.", "good")

    def take(self) -> None:
        """From now on it is about the chosen class."""
        name = self._chosen() or self.name.get().strip()
        if name:
            self._replies.ask(SetClass((name,)), self.late(lambda reply: self.destroy()))
        else:
            self.say("Choose a class first.", "warn")

    # --- a list ---------------------------------------------------------------------------------------------------

    def fill(self, text: str) -> None:
        """Put this into the place of the list."""
        self.list.delete("1.0", "end")
        self.list.insert("1.0", self.theme.drawable(text))

    def read_file(self) -> None:
        """Ask for a file, and show what is in it."""
        file = self.ask_file(title="A list of names", parent=self)
        if not file:
            return
        try:
            with patiently(lambda: open(file, "rb")) as opened:
                text = decoded(opened.read(MAX_PIECE * MAX_PIECES + 1))
        except OSError as error:
            self.say(f"The file cannot be read: {file}: {error.strerror or error}.", "bad")
            return
        if len(text) > MAX_PIECE * MAX_PIECES:
            self.say("The file has more than 2 MB; a class list is much smaller.", "bad")
            return
        self.fill(text)

    def _changed(self) -> None:
        if self.list.edit_modified():
            self.list.edit_modified(False)
            self._soon()

    def _soon(self) -> None:
        if self._timer:
            self.after_cancel(self._timer)
        self._timer = self.after(RESTS, self.look)

    def _forget(self, event: Any) -> None:
        if event.widget is self and self._timer:
            self.after_cancel(self._timer)

    def _content(self) -> str:
        return str(self.list.get("1.0", "end-1c"))

    def look(self) -> None:
        """Have the list read, and say what was understood."""
        self._timer = ""
        if self._content().strip():
            self._send(False, self._seen)
        else:
            self.say(HOW)

    def save(self) -> None:
        """Have it written."""
        if not self.name.get().strip():
            self.say("What is the class called? Type its name above.", "warn")
            self.name_field.focus_set()
        elif not self._content().strip():
            self.say(HOW, "warn")
        else:
            self._send(True, self._saved)

    def _send(self, is_final: bool, then: Callable[[Reply], None]) -> None:
        if self._is_asking:
            self._again = self._again or not is_final
            if is_final:
                self.say("One moment: the list is being read. Press it again.", "warn")
            return
        self._is_asking = True

        def answered(reply: Reply) -> None:
            self._is_asking = False
            if not self.winfo_exists():
                return
            if self._again:
                self._again = False
                self._soon()
            self.late(then)(reply)

        how: Any = {"write": is_final, "swap": self.swap.get(), "only": self.only.get().strip()}
        self._replies.send_list(self.name.get().strip(), self._content(), answered, **how)

    def _seen(self, reply: Reply) -> None:
        self.say(reply.note)

    def _saved(self, reply: Reply) -> None:
        self.say(f"Saved: {reply.note}", "good")
        self.load()

    def save_here(self) -> None:
        """Everybody who is here becomes the list of the class whose name stands there."""
        name = self.name.get().strip()
        if not name:
            self.say("What is the class called? Type its name above.", "warn")
            self.name_field.focus_set()
            return
        if name in self._names and self._asked_about != name:
            self._asked_about = name
            self.say(f"There is a class {name} already. Press it again to put who is here in its place.", "warn")
            return
        self._asked_about = ""
        self._replies.ask(SaveClass(name), self.late(self._saved))

    _asked_about = ""


def decoded(data: bytes) -> str:
    """The text of a file, as programs save it: with a mark of its encoding, in UTF-8, or as Windows always did."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
