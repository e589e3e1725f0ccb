"""The roster as a table: sortable, filterable, and steady under the mouse while the class comes and goes.

`RosterTable` shows what `table_order.TableOrder` decides. A change of a row touches that row; the order is handed to
Tk as one list, and only if it is another. The selection stays with its rows, and the row at the top stays at the top,
unless the person is at the very top. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from functools import partial
from tkinter import ttk
from typing import Callable, Dict, List, Optional

from protocol import LATE
from rollcall.window.model import UNKNOWN, Changes, Row
from rollcall.window.table_order import (
    ADDRESS,
    COLUMNS,
    FOR,
    NAME,
    STATE,
    TableOrder,
    duration_text,
    marked_name,
    state_text,
)
from rollcall.window.theme import Theme

WIDTHS = {NAME: 210, STATE: 190, FOR: 120, ADDRESS: 200}
LEAST_WIDTH = 60


class RosterTable(ttk.Frame):
    """The table with its scrollbar. ``show`` makes a text fit for Tk on this platform."""

    def __init__(self, parent: tk.Misc, theme: Theme, show: Callable[[str], str]) -> None:
        super().__init__(parent)
        self._theme = theme
        self._show = show
        self.order = TableOrder()
        self._shown: List[str] = []
        self._for_texts: Dict[str, str] = {}
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.tree = ttk.Treeview(self, columns=list(COLUMNS), show="headings", height=3, selectmode="extended")
        for key in COLUMNS:
            self.tree.column(key, width=theme.px(WIDTHS[key]), minwidth=theme.px(LEAST_WIDTH), anchor="w")
            self.tree.heading(key, anchor="w", command=partial(self.sort_by, key))
        scrollbar = ttk.Scrollbar(self, orient="vertical", command=self.tree.yview)
        self.tree.configure(yscrollcommand=scrollbar.set)
        self.tree.grid(row=0, column=0, sticky="nsew")
        scrollbar.grid(row=0, column=1, sticky="ns")
        self.tree.bind("<Configure>", lambda event: self._fit(event.width))
        self._show_headings()
        self.paint()

    def paint(self) -> None:
        """Take the colours of the theme."""
        palette = self._theme.palette
        self.tree.tag_configure(LATE, foreground=palette.late)
        self.tree.tag_configure("muted", foreground=palette.muted)
        self.tree.tag_configure("own", background=palette.own)

    def sort_by(self, column: str) -> None:
        """As a click on that heading."""
        self.order.sort_by(column)
        self._show_headings()
        self._arrange()

    def filter_by(self, text: str) -> None:
        """Show only rows that contain the text."""
        if text != self.order.filter:
            self.order.filter = text
            self._arrange()

    def update_rows(self, changes: Changes, wall: float) -> None:
        """Show what changed."""
        if not changes.shown and not changes.gone:
            return
        self.order.update(changes)
        failure: Optional[tk.TclError] = None
        for row in changes.shown:
            try:
                self._show_row(row, wall)
            except tk.TclError as error:
                failure = error  # one row, and told in the end: the others are shown all the same
        self._arrange()
        for member in changes.gone:
            if self.tree.exists(str(member)):
                self.tree.delete(str(member))
            self._for_texts.pop(str(member), None)
        if failure is not None:
            raise failure

    def tick(self, wall: float) -> None:
        """Let the durations go on, of the rows that can be seen."""
        for item in self._visible():
            row = self.order.rows.get(int(item))
            if row is not None and row.state != UNKNOWN:
                text = duration_text(row.connected_for(wall))
                if self._for_texts.get(item) != text:
                    self._for_texts[item] = text
                    self.tree.set(item, FOR, text)

    def listed(self) -> List[Row]:
        """The rows that the filter lets through, in their order."""
        return [self.order.rows[int(item)] for item in self._shown]

    @property
    def shown_count(self) -> Optional[int]:
        """How many rows the filter lets through; None without a filter."""
        return len(self._shown) if self.order.filter.strip() else None

    def selected(self) -> List[Row]:
        """The selected rows, in the order of the table."""
        chosen = set(self.tree.selection())
        return [self.order.rows[int(item)] for item in self._shown if item in chosen]

    def _show_row(self, row: Row, wall: float) -> None:
        item = str(row.id)
        duration = duration_text(row.connected_for(wall))
        values = [self._show(marked_name(row)), state_text(row), duration, self._show(row.address)]
        tag = "muted" if row.went is not None or row.state == UNKNOWN else row.state
        tags = [tag, "own"] if row.own else [tag]
        if self.tree.exists(item):
            self.tree.item(item, values=values, tags=tags)
        else:
            self.tree.insert("", "end", iid=item, values=values, tags=tags)
            self._shown.append(item)
        self._for_texts[item] = duration

    def _arrange(self) -> None:
        # Only what stands there: a row that Tk did not take must not take the others with it.
        wanted = [item for item in map(str, self.order.order()) if item in self._for_texts]
        if wanted == self._shown:
            return
        at_top = self.tree.yview()[0] <= 0.0
        anchor = "" if at_top else self._first_visible()
        self.tree.set_children("", *wanted)
        self._shown = wanted
        if anchor and anchor in wanted:
            self.tree.yview_moveto(wanted.index(anchor) / len(wanted))

    def _fit(self, width: int) -> None:
        """No column may lie outside: Tk does not shrink them if the first size that it hears of is small."""
        widths = {key: int(self.tree.column(key, "width")) for key in COLUMNS}
        total = sum(widths.values())
        if total > width:
            for key, wide in widths.items():
                self.tree.column(key, width=max(self._theme.px(LEAST_WIDTH), wide * width // total))

    def _first_visible(self) -> str:
        visible = self._visible()
        return visible[0] if visible else ""

    def _visible(self) -> List[str]:
        """The items that are on the screen now."""
        if not self._shown:
            return []
        first, last = self.tree.yview()
        count = len(self._shown)
        return self._shown[int(first * count + 0.5) : int(last * count + 0.5) + 1]

    def _show_headings(self) -> None:
        for key, title in COLUMNS.items():
            arrow = (" ▼" if self.order.descending else " ▲") if key == self.order.column else ""
            self.tree.heading(key, text=title + arrow)
