"""What is in the window: its parts, one below the other, and the texts that they share with it.

Only widgets and where they stand. What they show and what they do is the window's business. Belongs to its thread.
"""

from __future__ import annotations

import tkinter as tk
from dataclasses import dataclass
from tkinter import ttk
from typing import Callable, Deque, Protocol

from rollcall.window.activity import ActivityLog
from rollcall.window.connection_bar import ConnectionBar
from rollcall.window.fields import FieldText
from rollcall.window.latency import LatencyBar
from rollcall.window.model import LogLine
from rollcall.window.table import RosterTable
from rollcall.window.theme import Theme
from rollcall.window.toolbar import Toolbar


@dataclass(frozen=True)
class Texts:
    """What is typed into the fields, and what the window writes."""

    server: FieldText
    name: FieldText
    filter: FieldText
    status: tk.StringVar
    count: tk.StringVar
    round_trip: tk.StringVar


class Actions(Protocol):
    """What the buttons do."""

    def toggle(self) -> None: ...
    def connect(self) -> None: ...
    def retry_now(self) -> None: ...
    def save_log(self) -> None: ...


class Body(ttk.Frame):
    """The parts: ``bar``, ``toolbar``, ``table``, ``strip`` and ``log``. ``lines`` is the model's log, ``copy`` puts a
    text into the clipboard."""

    def __init__(
        self,
        root: tk.Tk,
        theme: Theme,
        texts: Texts,
        actions: Actions,
        lines: Deque[LogLine],
        copy: Callable[[str], object],
    ) -> None:
        px = theme.px
        super().__init__(root, padding=px(8))
        self.columnconfigure(0, weight=1)
        self.rowconfigure(2, weight=3, minsize=px(100))
        self.rowconfigure(4, weight=1, minsize=px(72))
        self.bar = ConnectionBar(
            self, theme, texts.server, texts.name, texts.status, actions.toggle, actions.connect, actions.retry_now
        )
        self.bar.grid(row=0, column=0, sticky="ew", pady=(0, px(6)))
        self.toolbar = Toolbar(self, theme, texts.count, texts.filter)
        self.toolbar.grid(row=1, column=0, sticky="ew", pady=(0, px(6)))
        texts.server.belongs_to(self.bar.server_field)
        texts.name.belongs_to(self.bar.name_field)
        texts.filter.belongs_to(self.toolbar.filter_field)
        texts.filter.trace_add("write", lambda *unused: self.table.filter_by(texts.filter.get()))
        self.table = RosterTable(self, theme, theme.drawable)
        self.table.grid(row=2, column=0, sticky="nsew")
        latency = LatencyBar(self, theme, texts.round_trip)
        latency.grid(row=3, column=0, sticky="ew", pady=px(5))
        self.strip = latency.strip
        self.log = ActivityLog(self, theme, lines, theme.drawable, actions.save_log, copy)
        self.log.grid(row=4, column=0, sticky="nsew")

    def paint(self) -> None:
        """The theme is another, or the screen: draw anew what Tk does not draw by itself."""
        for part in (self.table, self.strip, self.log):
            part.paint()
