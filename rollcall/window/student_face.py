"""The student's face: whether you are here, in one look; as who, where and since when; and what comes next if not.

It fits 360×240 and may be made larger: the name grows with it. Who else is here is a plain list that is folded until
somebody asks. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, List, Protocol

from rollcall.window.names import clipped, first_name, name_key
from rollcall.window.parts import Link, Pressable, Tooltip
from rollcall.window.theme import Theme, set_option
from rollcall.window.words import StudentWords, others


class StudentActions(Protocol):
    """What its controls do."""

    def step(self) -> None: ...
    def leave(self) -> None: ...
    def not_me(self) -> None: ...


class StudentFace(ttk.Frame):
    """A band that says it, and below it what there is to do."""

    def __init__(self, parent: tk.Misc, theme: Theme, actions: StudentActions) -> None:
        super().__init__(parent)
        self._theme, self._actions = theme, actions
        self._names: List[str] = []
        self._changed = -1
        self._words = StudentWords("", "", "", "")
        self.is_open = False
        px = theme.px
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.band = band = tk.Frame(self, padx=px(18), pady=px(8))
        band.grid(row=0, column=0, sticky="nsew")
        band.columnconfigure(0, weight=1)
        for row in (0, 4):
            band.rowconfigure(row, weight=1)
        self.word = tk.Label(band, font=theme.word_font, anchor="w", padx=0, pady=0)
        self.name = tk.Label(band, anchor="w", padx=0, pady=0, justify="left")
        self.detail = tk.Label(band, font=theme.body_font, anchor="nw", padx=0, pady=0, justify="left")
        for row, label in enumerate((self.word, self.name, self.detail), 1):
            label.grid(row=row, column=0, sticky="ew")
        band.bind("<Configure>", lambda event: self._fit())
        Tooltip(self.name, theme, lambda x, y: self._words.name)
        self._build_foot()

    def _build_foot(self) -> None:
        theme, px, palette = self._theme, self._theme.px, self._theme.palette
        foot = ttk.Frame(self)
        foot.grid(row=1, column=0, sticky="ew", padx=px(16), pady=px(8))
        foot.columnconfigure(1, weight=1)
        self.step_button = ttk.Button(foot, style="Accent.TButton", command=self._actions.step)
        self.others_link = Pressable(
            foot, theme, self.toggle_others, font=theme.body_font, background=palette.window,
            foreground=palette.text, highlightbackground=palette.window,
        )  # fmt: skip
        self.not_me = Link(foot, theme, "", self._actions.not_me)
        self.not_me.grid(row=0, column=2, sticky="e")
        self.record = tk.Label(foot, font=theme.small_font, background=palette.window, foreground=palette.muted, padx=0)
        self.record.configure(justify="left", anchor="w")
        self.record.grid(row=1, column=0, columnspan=2, sticky="ew", pady=(px(4), 0))
        self.record.bind("<Configure>", lambda event: self.record.configure(wraplength=max(px(80), event.width)))
        right = ttk.Frame(foot)
        right.grid(row=1, column=2, sticky="e", pady=(px(4), 0))
        self.leave = Link(right, theme, "Leave", self._actions.leave)
        self.leave.grid(row=0, column=0)
        self.menu_button = ttk.Menubutton(right, text="☰", direction="above", width=2)
        self.menu_button.grid(row=0, column=1, padx=(px(8), 0))
        self.list = tk.Listbox(
            self, activestyle="none", relief="flat", borderwidth=0, font=theme.body_font, background=palette.surface,
            foreground=palette.text, selectbackground=palette.selected, selectforeground=palette.text,
            highlightthickness=px(1), highlightbackground=palette.line, highlightcolor=palette.accent, height=4,
        )  # fmt: skip

    def toggle_others(self) -> None:
        """Unfold or fold the list of who else is here."""
        self.is_open = not self.is_open
        if self.is_open:
            self.list.grid(row=2, column=0, sticky="nsew", padx=self._theme.px(16), pady=(0, self._theme.px(8)))
            self.rowconfigure(2, weight=2)
        else:
            self.list.grid_forget()
            self.rowconfigure(2, weight=0)
        self._show_others()

    def show_others(self, names: Callable[[], List[str]], changed: int) -> None:
        """Who else is here; ``changed`` is another number whenever they may be others."""
        if changed != self._changed:
            self._changed = changed
            self._names = sorted(names(), key=name_key)
            self._show_others()

    def _show_others(self) -> None:
        set_option(self.others_link, "text", f"{'▼' if self.is_open else '►'} {others(len(self._names))}")
        if self.is_open:
            first, _ = self.list.yview()
            self.list.delete(0, "end")
            self.list.insert("end", *(f" {self._theme.drawable(name)}" for name in self._names))
            self.list.yview_moveto(first)

    def show(self, words: StudentWords, record: str) -> None:
        """Say how it stands."""
        if words == self._words and record == self.record.cget("text"):
            return
        is_another = (words.name, words.loudness) != (self._words.name, self._words.loudness)
        self._words = words
        front, ground = self._theme.palette.loud[words.loudness]
        for part in (self.band, self.word, self.name, self.detail):
            set_option(part, "background", ground)
            if part is not self.band:
                set_option(part, "foreground", front)
        show = self._theme.drawable
        set_option(self.word, "text", words.word)
        set_option(self.detail, "text", show(words.detail))
        set_option(self.not_me, "text", f"Not {show(first_name(words.name))}?")
        set_option(self.record, "text", show(record))
        if words.step:
            set_option(self.step_button, "text", words.step)
            self.others_link.grid_forget()
            self.step_button.grid(row=0, column=0, sticky="w")
        else:
            self.step_button.grid_forget()
            self.others_link.grid(row=0, column=0, sticky="w")
        if is_another:
            self._fit()

    def _fit(self) -> None:
        """The name as large as there is room for it, and what is too long even in the smallest letters ends in "…"."""
        width = self.band.winfo_width() - 2 * self._theme.px(18)
        height = self.band.winfo_height()
        if width <= 1:
            return
        name = self._theme.drawable(self._words.name)
        fonts = self._theme.name_fonts
        least = fonts[-2:]
        for font in fonts:
            if font in least or (font.measure(name) <= width and 3 * font.metrics("linespace") <= height):
                break
        if font.measure(name) > width:
            font = fonts[-1]
        self.name.configure(font=font, text=clipped(name, width, font.measure))
        self.detail.configure(wraplength=width)

