"""The activity log: what happened and when, filterable, to be saved or copied.

Holds no more lines than the diary keeps. New lines are appended; all of them are written anew only for another filter,
or when the line of an outage is completed. Belongs to the window and its thread.
"""

from __future__ import annotations

import time
import tkinter as tk
from pathlib import Path
from tkinter import ttk
from typing import Callable, Dict, Iterable, List, Optional

from rollcall.window.diary import CONNECTION, LOG_LINES, PEOPLE, Diary, LogLine, day_text, with_days
from rollcall.window.theme import Theme

KINDS: Dict[str, Optional[str]] = {"People": PEOPLE, "Connection": CONNECTION, "Everything": None}


class ActivityLog(ttk.Frame):
    """The log with its filter and its buttons."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        diary: Diary,
        save: Callable[[], object],
        copy: Callable[[str], object],
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._diary = diary
        self._seen = self._rewritten = 0
        self._day = ""
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        head = ttk.Frame(self)
        head.grid(row=0, column=0, columnspan=2, sticky="ew", pady=(0, theme.px(4)))
        head.columnconfigure(1, weight=1)
        ttk.Label(head, text="Activity", style="Strong.TLabel").grid(row=0, column=0, sticky="w")
        self.kind = ttk.Combobox(head, values=list(KINDS), state="readonly", width=11)
        self.kind.set(next(iter(KINDS)))
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
        palette = theme.palette
        self.text.configure(
            background=palette.surface, foreground=palette.text, selectbackground=palette.selected,
            selectforeground=palette.text, inactiveselectbackground=palette.selected,
        )  # fmt: skip
        self.text.tag_configure("day", foreground=palette.muted, font=theme.strong_font)

    def listed(self) -> List[LogLine]:
        """The lines that the filter lets through."""
        return self._filtered(self._diary.lines)

    def _filtered(self, lines: Iterable[LogLine]) -> List[LogLine]:
        kind = KINDS[self.kind.get()]
        return [line for line in lines if kind is None or line.kind == kind]

    def as_text(self) -> str:
        """Those lines as text, for a file or the clipboard."""
        return "".join(f"{line}\n" for line in with_days(self.listed()))

    def save(self, ask_file: Callable[..., str]) -> str:
        """Ask for a file and write them to it, as UTF-8. Returns a sentence that says what came of it."""
        name = time.strftime("rollcall %Y-%m-%d %H-%M.txt")
        file = ask_file(title="Save the activity", initialfile=name, defaultextension=".txt")
        if not file:
            return ""
        try:
            Path(file).write_text(self.as_text(), encoding="utf-8")
        except OSError as error:
            return f"The activity was not saved: {file}: {error.strerror or error}. Choose another place."
        return f"Saved the activity to {file}."

    def show_new(self) -> None:
        """Show what has happened since the last call."""
        diary = self._diary
        fresh = min(diary.logged - self._seen, len(diary.lines))
        self._seen = diary.logged
        if self._rewritten != diary.rewritten:
            self._rewritten = diary.rewritten
            self.show_all()
        elif fresh:
            self._append(self._filtered(list(diary.lines)[-fresh:]))

    def show_all(self) -> None:
        """Write everything anew."""
        self._day = ""
        self.text.configure(state="normal")
        self.text.delete("1.0", "end")
        self._append(self.listed())
        self.text.see("end")

    def _append(self, lines: List[LogLine]) -> None:
        self.text.configure(state="normal")
        for line in with_days(lines, self._day):
            # The end of a line comes before the next one: after the last it would be an empty line.
            end = "" if self.text.index("end-1c") == "1.0" else "\n"
            self.text.insert("end", end + self._theme.drawable(line), () if "  " in line[:12] else ("day",))
        if lines:
            self._day = day_text(lines[-1].wall)
        surplus = int(self.text.index("end-1c").split(".")[0]) - LOG_LINES
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
