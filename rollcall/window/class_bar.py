"""The left end of a teacher's headline where there are classes: which one, since when, begin or end. Belongs to the
window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, Tuple

from rollcall.window.class_book import Act, ClassBook
from rollcall.window.theme import Theme, set_option
from rollcall.wire.class_messages import SetClass


class ClassBar(ttk.Frame):
    """``act`` asks the server."""

    def __init__(self, parent: tk.Misc, theme: Theme, act: Callable[[Act], object]) -> None:
        super().__init__(parent)
        self.edit_classes: Callable[[], object] = lambda: None
        """*Classes…* was chosen."""
        self._theme, self._act = theme, act
        self._book = ClassBook()
        px = theme.px
        self.class_button = ttk.Menubutton(self, direction="below")
        self.class_button.grid(row=0, column=0)
        self.menu = tk.Menu(self.class_button, tearoff=False, font=theme.body_font, postcommand=self._fill)
        self.class_button.configure(menu=self.menu)
        self.lesson = ttk.Label(self, style="Muted.TLabel")
        self.lesson.grid(row=0, column=1, padx=px(8))
        self.lesson_button = ttk.Button(self, command=self._press)

    def _fill(self) -> None:
        """The classes that there are, when the menu is opened."""
        self.menu.delete(0, "end")
        known = self._book.known
        for name in known.available if known is not None else ():
            self.menu.add_command(label=self._theme.drawable(name), command=self._setter((name,)))
        self.menu.add_separator()
        self.menu.add_command(label="No class", command=self._setter(()))
        self.menu.add_command(label="Classes…", command=self.edit_classes)

    def _setter(self, classes: Tuple[str, ...]) -> Callable[[], object]:
        return lambda: self._act(SetClass(classes))

    def _press(self) -> None:
        step = self._book.lesson_step()
        if step is not None:
            self._act(step.act)

    def show(self, book: ClassBook, may_act: bool) -> None:
        """What there is. Where nobody can be asked (there is no connection) it stays, and cannot be pressed."""
        self._book = book
        for button in (self.class_button, self.lesson_button):
            set_option(button, "state", "normal" if may_act else "disabled")
        set_option(self.class_button, "text", self._theme.drawable(book.title()))
        set_option(self.lesson, "text", book.lesson_text())
        step = book.lesson_step()
        if step is not None:
            set_option(self.lesson_button, "text", step.label)
            self.lesson_button.grid(row=0, column=2, padx=(0, self._theme.px(8)))
        else:
            self.lesson_button.grid_forget()
