"""The list of people: in groups, sortable, filterable, and steady under the mouse while the class comes and goes.

`RosterTable` shows what `table_order.TableOrder` decides. A change of a person touches that line; the order is handed
to Tk as one list, and only if it is another. A thousand changes at once are shown in several turns, so that the window
answers meanwhile. The selection stays with its people, also with one who comes back, and the line at the top stays at
the top, unless the person is at the very top. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from functools import partial
from tkinter import ttk
from typing import Any, Callable, Dict, List, Tuple

from protocol import HERE, LOST
from rollcall.window.members import UNKNOWN
from rollcall.window.names import clipped
from rollcall.window.parts import Tooltip
from rollcall.window.people import GUESTS, MISSING, PRESENT, QUIET, SILENT, Person, since_text
from rollcall.window.table_order import (
    ADDRESS,
    COLUMNS,
    FOR,
    GROUP,
    NAME,
    SINCE,
    STATE,
    USUAL,
    TableOrder,
    stayed_text,
)
from rollcall.window.theme import Theme
from rollcall.wire.clock import monotonic

WIDTHS = {NAME: 330, STATE: 300, SINCE: 90, FOR: 90, ADDRESS: 190}
LEAST_WIDTH = 50
BUDGET = 0.01
"""Seconds of one turn in which lines are made or changed; the rest has to wait for the next."""

FLOOD = 200
"""Changes in one turn that are shown from the next on."""

NAME_COLUMN = "#0"
"""As Tk calls the first column, which can have an image: the bar at a selected line."""


class RosterTable(tk.Frame):
    """The list with its scrollbar, and a ring around it while it has the focus."""

    def __init__(self, parent: tk.Misc, theme: Theme, order: TableOrder) -> None:
        palette, px = theme.palette, theme.px
        super().__init__(parent, background=palette.window, highlightthickness=px(1))
        self.configure(highlightbackground=palette.line)
        self._theme, self.order = theme, order
        self.pressed_guests: Callable[[], object] = lambda: None
        """The heading of the guests was pressed, which offers to accept what they seem to be."""
        self._shown: List[str] = []
        self._left = 0  # changes that were still to be shown when we last looked
        self._texts: Dict[str, Tuple[str, ...]] = {}  # of the columns, as they stand there
        self._marked: List[str] = []  # the selected lines, which have a bar
        self._anchor = ""  # where an extended selection begins
        self.columnconfigure(0, weight=1)
        self.rowconfigure(0, weight=1)
        self.tree = ttk.Treeview(self, columns=list(COLUMNS)[1:], height=3, selectmode="extended")
        self._bar, self._space = (self._image(colour) for colour in (palette.accent, ""))
        for key in COLUMNS:
            column = NAME_COLUMN if key == NAME else key
            self.tree.column(column, width=px(WIDTHS[key]), minwidth=px(LEAST_WIDTH), anchor="w", stretch=key != SINCE)
            self.tree.heading(column, anchor="w", command=partial(self.sort_by, key))
        scrollbar = ttk.Scrollbar(self, orient="vertical", command=self.tree.yview)
        self.tree.configure(yscrollcommand=scrollbar.set)
        self.tree.grid(row=0, column=0, sticky="nsew")
        scrollbar.grid(row=0, column=1, sticky="ns")
        self._colour()
        self._bind()
        self.show_details(False)
        self._show_headings()
        Tooltip(self.tree, theme, self._tip)
        self.order.changed.update(dict.fromkeys(order.people))

    def _image(self, colour: str) -> tk.PhotoImage:
        """A bar of that colour at the left edge, or nothing, as wide."""
        height = max(2, self._theme.row_height - 2)
        image = tk.PhotoImage(master=self, width=self._theme.px(12), height=height)
        if colour:
            image.put(colour, to=(0, 0, self._theme.px(4), height))
        return image

    def _colour(self) -> None:
        theme, tree = self._theme, self.tree
        strong = theme.strong_font
        for tag, loudness in ((MISSING, "bad"), (LOST, "bad"), (SILENT, "warn")):
            tree.tag_configure(tag, foreground=theme.palette.loud[loudness][0], font=strong)
        tree.tag_configure(QUIET, foreground=theme.palette.muted)
        tree.tag_configure(
            "heading", foreground=theme.palette.muted, background=theme.palette.group, font=theme.small_strong_font
        )

    def _bind(self) -> None:
        tree = self.tree
        tree.bind("<Configure>", lambda event: self._fit(event.width))
        tree.bind("<<TreeviewSelect>>", lambda event: self._mark())
        tree.bind("<ButtonRelease-1>", self._released, add="+")
        for event, colour in (("<FocusIn>", self._theme.palette.accent), ("<FocusOut>", self._theme.palette.line)):
            tree.bind(event, lambda event, colour=colour: self.configure(highlightbackground=colour))  # type: ignore[misc]
        for key, step in (("Up", -1), ("Down", 1), ("Home", -(10**6)), ("End", 10**6), ("Prior", -10), ("Next", 10)):
            tree.bind(f"<{key}>", partial(self._go, step, False))
            tree.bind(f"<Shift-{key}>", partial(self._go, step, True))
        for key in ("<Control-a>", "<Control-A>", "<Command-a>"):
            try:
                tree.bind(key, self._select_all)
            except tk.TclError:
                pass  # this platform has no such key

    # --- what the window does with it -------------------------------------------------------------------------------

    def sort_by(self, column: str) -> None:
        """As a click on that heading."""
        self.order.sort_by(column)
        self._show_headings()
        self.arrange()

    def show_details(self, is_wanted: bool) -> None:
        """Show the columns for who asks for them, or not."""
        columns = [key for key in COLUMNS if key != NAME and (is_wanted or key in USUAL)]
        self.tree.configure(displaycolumns=columns)
        self._fit(self.tree.winfo_width())

    def work(self, wall: float, budget: float = BUDGET) -> None:
        """Show what changed, or as much of it as can be done in ``budget`` seconds; and let the times of the lines on
        the screen go on."""
        order, failure = self.order, None
        before, self._left = self._left, len(order.changed)
        if self._left > before + FLOOD and budget <= BUDGET:
            return  # to know of so many was enough for one turn
        keys, until = list(order.changed), monotonic() + budget
        for key in keys:
            if monotonic() > until:
                break
            del order.changed[key]
            try:
                if key in order.people:
                    self._show_person(order.people[key], wall)
                else:
                    self._take_away(key)
            except tk.TclError as error:
                failure = error  # one line, and told in the end: the others are shown all the same
        self._left = len(order.changed)
        if keys:
            self.arrange()
        self._tick(wall)
        if failure is not None:
            raise failure

    def listed(self) -> List[Person]:
        """The people whom the filter lets through, in their order."""
        return [self.order.people[key] for key in self._shown if key in self.order.people]

    @property
    def shown_count(self) -> int:
        """How many they are."""
        return sum(not key.startswith(GROUP) for key in self._shown)

    def selected(self) -> List[Person]:
        """The selected people, in their order."""
        chosen = set(self.tree.selection())
        return [person for person in self.listed() if person.key in chosen]

    def select(self, keys: List[str]) -> None:
        """Select these, as far as they are there."""
        self.tree.selection_set([key for key in keys if self.tree.exists(key)])

    def focused(self) -> str:
        """The line that the keys are about; empty for none."""
        key = str(self.tree.focus())
        return key if key in self._shown else ""

    # --- lines ----------------------------------------------------------------------------------------------------

    def _cells(self, person: Person, wall: float) -> Tuple[str, ...]:
        return (person.words(wall), since_text(person), stayed_text(person, wall), self._theme.drawable(person.address))

    def _label(self, person: Person) -> str:
        text = person.label + (f"  → {person.proposal}?" if person.proposal else "")
        return clipped(self._theme.drawable(text), self._name_width, self._theme.measure)

    @property
    def _name_width(self) -> int:
        return int(self.tree.column(NAME_COLUMN, "width")) - self._theme.px(20)

    def _show_person(self, person: Person, wall: float) -> None:
        key = person.key
        cells = self._cells(person, wall)
        tag = person.state if person.state in (SILENT, MISSING) else LOST
        is_quiet = person.group == QUIET or person.state == UNKNOWN
        tags = [QUIET] if is_quiet else [] if person.group == PRESENT or person.state == HERE else [tag]
        if self.tree.exists(key):
            self.tree.item(key, text=self._label(person), values=cells, tags=tags)
        else:
            self.tree.insert("", "end", iid=key, text=self._label(person), values=cells, tags=tags, image=self._space)
            self._shown.append(key)
        self._texts[key] = cells

    def _take_away(self, key: str) -> None:
        if not self.tree.exists(key):
            return
        successor = self.order.moved.pop(key, "")
        if successor and key in self.tree.selection():
            if successor in self.order.changed and successor in self.order.people:
                del self.order.changed[successor]
                self._show_person(self.order.people[successor], 0.0)
                self.order.changed[successor] = None
            self.tree.selection_add(successor)
        self.tree.delete(key)
        if key in self._shown:
            self._shown.remove(key)
        self._texts.pop(key, None)

    def arrange(self) -> None:
        """Put the lines into their order, if it is another."""
        wanted: List[str] = []
        for group, keys in self.order.groups():
            # Only what stands there: a line that Tk did not take must not take the others with it.
            keys = [key for key in keys if key in self._texts]
            if keys:
                wanted += [self._heading(group, len(keys)), *keys]
        if wanted == self._shown:
            return
        at_top = self.tree.yview()[0] <= 0.0
        anchor = "" if at_top else next((key for key in self._visible() if not key.startswith(GROUP)), "")
        self.tree.set_children("", *wanted)
        self._shown = wanted
        if anchor and anchor in wanted:
            self.tree.yview_moveto(wanted.index(anchor) / len(wanted))

    def _heading(self, group: str, count: int) -> str:
        key, text = GROUP + group, self.order.heading(group, count)
        if not self.tree.exists(key):
            self.tree.insert("", "end", iid=key, text=text, tags=["heading"], image=self._space)
            self._shown.append(key)
        elif self.tree.item(key, "text") != text:
            self.tree.item(key, text=text)
        return key

    def _tick(self, wall: float) -> None:
        for key in self._visible():
            person = self.order.people.get(key)
            if person is not None and key in self._texts:
                cells = self._cells(person, wall)
                if self._texts[key] != cells:
                    self._texts[key] = cells
                    self.tree.item(key, values=cells)

    def _visible(self) -> List[str]:
        """The lines that are on the screen now."""
        first, last = self.tree.yview()
        count = len(self._shown)
        return self._shown[int(first * count + 0.5) : int(last * count + 0.5) + 1]

    def _fit(self, width: int) -> None:
        """Share the width among the columns that are shown; no column may lie outside. Long names end in "…"."""
        if width <= 1:
            return
        shown = [NAME, *map(str, self.tree["displaycolumns"])]
        total = sum(WIDTHS[key] for key in shown)
        before = self._name_width
        for key in shown:
            column = NAME_COLUMN if key == NAME else key
            self.tree.column(column, width=max(self._theme.px(LEAST_WIDTH), WIDTHS[key] * width // total))
        if self._name_width != before:
            for key in self._texts:
                if key in self.order.people:
                    self.tree.item(key, text=self._label(self.order.people[key]))

    def _show_headings(self) -> None:
        for key, title in COLUMNS.items():
            arrow = (" ▼" if self.order.descending else " ▲") if key == self.order.column else ""
            self.tree.heading(NAME_COLUMN if key == NAME else key, text=title + arrow)

    # --- mouse and keys -------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        """The selection is another: its lines have a bar, and headings are none of it."""
        chosen = self.tree.selection()
        headings = [key for key in chosen if key.startswith(GROUP)]
        if headings:
            self.tree.selection_remove(*headings)  # which calls us again
            return
        for key in set(self._marked) - set(chosen):
            if self.tree.exists(key):
                self.tree.item(key, image=self._space)
        for key in chosen:
            self.tree.item(key, image=self._bar)
        self._marked = list(chosen)

    def _released(self, event: Any) -> None:
        key = self.tree.identify_row(event.y)
        if key == GROUP + GUESTS and self.tree.identify_region(event.x, event.y) != "heading":
            self.pressed_guests()
        elif key and not key.startswith(GROUP):
            self._anchor = key

    def _go(self, step: int, is_extending: bool, event: Any) -> str:
        """A key that goes from line to line, over the headings of groups."""
        keys = [key for key in self._shown if not key.startswith(GROUP)]
        if keys:
            here = keys.index(self.focused()) if self.focused() in keys else -1 if step > 0 else len(keys)
            there = max(0, min(len(keys) - 1, here + step))
            if not is_extending or self._anchor not in keys:
                self._anchor = keys[there if not is_extending or not 0 <= here < len(keys) else here]
            begin = keys.index(self._anchor)
            self.tree.focus(keys[there])
            self.tree.selection_set(keys[min(begin, there) : max(begin, there) + 1] if is_extending else [keys[there]])
            self.tree.see(self._shown[0] if there == 0 else keys[there])
        return "break"

    def _select_all(self, event: Any) -> str:
        self.tree.selection_set([key for key in self._shown if not key.startswith(GROUP)])
        return "break"

    def _tip(self, x: int, y: int) -> str:
        """The whole name where it does not fit, and what there is to know."""
        person = self.order.people.get(self.tree.identify_row(y))
        if person is None or self.tree.identify_column(x) != NAME_COLUMN:
            return ""
        is_whole = self._theme.drawable(person.label) == self.tree.item(person.key, "text")
        return "\n".join(filter(None, ("" if is_whole and not person.proposal else person.label, person.hint)))
