"""The activity log: what happened and when, filterable, to be saved or copied.

Holds no more lines than the model keeps. New lines are appended; only another filter writes all of them anew. Belongs
to the window and its thread.
"""

from __future__ import annotations

import time
import tkinter as tk
from pathlib import Path
from tkinter import ttk
from typing import Callable, Deque, Dict, Iterable, List, Optional

from rollcall.window.model import CONNECTION, PEOPLE, LogLine
from rollcall.window.theme import Theme

KINDS: Dict[str, Optional[str]] = {"Everything": None, "People": PEOPLE, "Connection": CONNECTION}


class ActivityLog(ttk.Frame):
    """The log with its filter and its buttons. ``lines`` is the model's; ``show`` makes a text fit for Tk."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        lines: Deque[LogLine],
        show: Callable[[str], str],
        save: Callable[[], object],
        copy: Callable[[str], object],
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._lines = lines
        self._show = show
        self._seen = 0
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        head = ttk.Frame(self)
        head.grid(row=0, column=0, columnspan=2, sticky="ew", pady=(0, theme.px(4)))
        head.columnconfigure(1, weight=1)
        ttk.Label(head, text="Activity", style="Strong.TLabel").grid(row=0, column=0, sticky="w")
        self.kind = ttk.Combobox(head, values=list(KINDS), state="readonly", width=11)
        self.kind.set("Everything")
        self.kind.bind("<<ComboboxSelected>>", lambda event: self.show_all())
        self.kind.grid(row=0, column=1, sticky="e", padx=theme.px(6))
        self.copy_button = ttk.Button(head, text="Copy", command=lambda: copy(self.as_text()))
        self.copy_button.grid(row=0, column=2, padx=(0, theme.px(6)))
        self.save_button = ttk.Button(head, text="Save…", command=save)
        self.save_button.grid(row=0, column=3)
        self.text = tk.Text(self, height=3, wrap="word", state="disabled", relief="flat", highlightthickness=0)
        self.text.configure(font=theme.body_font, borderwidth=0, padx=theme.px(8), pady=theme.px(4), takefocus=False)
        self._scrollbar = ttk.Scrollbar(self, orient="vertical", command=self.text.yview)
        self._at_end = True  # the last line is in view: it stays so, whatever comes and however small the window gets
        self.text.configure(yscrollcommand=self._scrolled)
        self.text.bind("<Configure>", lambda event: self._stay_at_end())
        self.text.grid(row=1, column=0, sticky="nsew")
        self._scrollbar.grid(row=1, column=1, sticky="ns")
        self.paint()

    def paint(self) -> None:
        """Take the colours of the theme."""
        palette = self._theme.palette
        self.text.configure(
            background=palette.surface, foreground=palette.text, font=self._theme.body_font,
            selectbackground=palette.own, selectforeground=palette.text, inactiveselectbackground=palette.own,
        )  # fmt: skip

    def listed(self) -> List[LogLine]:
        """The lines that the filter lets through."""
        return self._filtered(self._lines)

    def _filtered(self, lines: Iterable[LogLine]) -> List[LogLine]:
        kind = KINDS[self.kind.get()]
        return [line for line in lines if kind is None or line.kind == kind]

    def as_text(self) -> str:
        """Those lines as text, for a file or the clipboard."""
        return "".join(f"{line}\n" for line in self.listed())

    def save(self, ask_file: Callable[..., str]) -> str:
        """Ask for a file and write them to it, as UTF-8. Returns a sentence that says what came of it."""
        name = time.strftime("rollcall %Y-%m-%d %H-%M.txt")
        file = ask_file(title="Save the activity log", initialfile=name, defaultextension=".txt")
        if not file:
            return ""
        try:
            Path(file).write_text(self.as_text(), encoding="utf-8")
        except OSError as error:
            return f"The log was not saved: {file}: {error.strerror or error}. Choose another place."
        return f"Saved the log to {file}."

    def show_new(self, logged: int) -> None:
        """Show what was logged since the last call; ``logged`` counts all lines ever."""
        fresh = min(logged - self._seen, len(self._lines))
        self._seen = logged
        if fresh:
            self._append(self._filtered(list(self._lines)[-fresh:]))

    def show_all(self) -> None:
        """The filter is another: write everything anew."""
        self.text.configure(state="normal")
        self.text.delete("1.0", "end")
        self._append(self.listed())
        self.text.see("end")

    def _append(self, lines: List[LogLine]) -> None:
        if not lines:
            self.text.configure(state="disabled")
            return
        self.text.configure(state="normal")
        # The end of a line comes before the next one: after the last it would be an empty line.
        end = "" if self.text.index("end-1c") == "1.0" else "\n"
        self.text.insert("end", end + "\n".join(self._show(str(line)) for line in lines))
        surplus = int(self.text.index("end-1c").split(".")[0]) - (self._lines.maxlen or 0)
        if surplus > 0:
            self.text.delete("1.0", f"{surplus + 1}.0")
        self.text.configure(state="disabled")
        self._stay_at_end()

    def _scrolled(self, first: float, last: float) -> None:
        # Tk calls this (with text) when it has drawn: after whatever scrolled, and after `_stay_at_end`.
        self._scrollbar.set(first, last)
        self._at_end = float(last) > 0.999

    def _stay_at_end(self) -> None:
        if self._at_end:
            self.text.see("end")
