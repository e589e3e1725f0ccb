"""*Somebody has another name…*: who stood on the list under one name stands there under another from now on.

The list is changed, and what was recorded before stays the same person's: the server sees to both. Belongs to the
window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, List

from rollcall.window.dialog import Dialog
from rollcall.window.names import name_key
from rollcall.window.replies import Replies, Reply
from rollcall.window.theme import Theme
from rollcall.wire.class_messages import Identify
from rollcall.wire.errors import ProtocolError
from rollcall.wire.text import check_name

WHAT = "Only the name is another: attendance stays with the person, and who types the old name is still known."


class RenameDialog(Dialog):
    """The dialog about ``class_name``, whose list has ``names``; ``renamed`` is called with the server's sentence when
    it is done."""

    def __init__(
        self,
        root: tk.Misc,
        theme: Theme,
        replies: Replies,
        class_name: str,
        names: List[str],
        renamed: Callable[[Reply], object],
        chosen: str = "",
    ) -> None:
        super().__init__(root, theme, f"Another name in {class_name}")
        self._replies, self._class_name, self._renamed = replies, class_name, renamed
        self._names = sorted(names, key=name_key)
        px = theme.px
        self.columnconfigure(0, weight=1)
        ttk.Label(self, text="On the list as").grid(row=0, column=0, sticky="w")
        shown = [theme.drawable(name) for name in self._names]
        self.choice = ttk.Combobox(self, values=shown, state="readonly", width=36, font=theme.body_font)
        self.choice.grid(row=1, column=0, sticky="ew", pady=(px(2), px(8)))
        ttk.Label(self, text="Is called now").grid(row=2, column=0, sticky="w")
        self.name = tk.StringVar(self)
        self.field = ttk.Entry(self, textvariable=self.name, font=theme.body_font)
        self.field.grid(row=3, column=0, sticky="ew", pady=(px(2), px(8)))
        space = ttk.Frame(self)
        space.grid(row=4, column=0, sticky="ew")
        space.rowconfigure(0, minsize=2 * theme.row_height)
        self.said.configure(wraplength=px(420))
        self.said.grid(in_=space, row=0, column=0, sticky="nw")
        self.said.lift()
        buttons = ttk.Frame(self)
        buttons.grid(row=5, column=0, sticky="e", pady=(px(8), 0))
        self.rename_button = self.button(buttons, "Rename", self.rename, is_main=True)
        for column, button in enumerate((self.rename_button, self.button(buttons, "Close", self.destroy))):
            button.grid(row=0, column=column, padx=(px(8), 0))
        self.field.bind("<Return>", lambda event: self.rename())
        self.say(WHAT)
        if chosen in self._names:
            self.choice.current(self._names.index(chosen))
        (self.field if chosen in self._names else self.choice).focus_set()

    def rename(self) -> None:
        """Have it done, or say what is missing."""
        at = int(self.choice.current())
        if at < 0:
            self.say("Whose name is it? Choose it from the list.", "warn")
            self.choice.focus_set()
            return
        try:
            name = check_name(self.name.get())
        except ProtocolError as error:
            self.say(str(error), "warn")
            self.field.focus_set()
            return
        question = Identify("renamed", name=name, class_name=self._class_name, before=self._names[at])
        self._replies.ask(question, self.late(self._done))

    def _done(self, reply: Reply) -> None:
        self.destroy()
        self._renamed(reply)
