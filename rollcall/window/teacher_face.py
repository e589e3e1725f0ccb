"""The teacher's face: how many are here, who needs attention, and everybody else.

One line of numbers above, each of them a filter; the list; one line of status below, which says whatever is to be said
and never moves anything. What happened is in a pane that is folded until somebody asks. Belongs to the window and its
thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, List, Protocol

from rollcall.window.activity import ActivityLog
from rollcall.window.class_bar import ClassBar
from rollcall.window.class_book import Act, ClassBook
from rollcall.window.diary import Diary
from rollcall.window.fields import FieldText
from rollcall.window.latency import LatencyBar
from rollcall.window.names import clipped
from rollcall.window.parts import Chip, Link, Placeholder, Tooltip
from rollcall.window.people import Number
from rollcall.window.table import RosterTable
from rollcall.window.table_order import TableOrder
from rollcall.window.theme import Theme, set_option


class TeacherTexts(Protocol):
    """What the face edits and shows; it belongs to the window."""

    search: FieldText
    round_trip: tk.StringVar
    details: tk.BooleanVar


class TeacherActions(Protocol):
    """What its controls do."""

    def step(self) -> None: ...
    def act(self, message: Act) -> bool: ...


class LogActions(Protocol):
    """What the buttons of the activity do."""

    def save_log(self) -> None: ...
    def copy_log(self, text: str) -> None: ...


class TeacherFace(ttk.Frame):
    """``table``, ``chips``, ``search_field``, ``menu_button``, ``status`` and ``log`` are its parts."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        texts: TeacherTexts,
        order: TableOrder,
        diary: Diary,
        actions: TeacherActions,
        commands: LogActions,
    ) -> None:
        super().__init__(parent)
        self._theme, self._texts, self._actions, self._order = theme, texts, actions, order
        self._numbers: List[Number] = []
        self._said = ""
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=3, minsize=theme.px(80))
        self._build_bar()
        self.table = RosterTable(self, theme, order)
        self.table.grid(row=1, column=0, sticky="nsew")
        self.table.show_details(texts.details.get())
        self._build_pane(diary, commands)
        self._build_status()

    def _build_bar(self) -> None:
        theme, px = self._theme, self._theme.px
        self.bar = bar = ttk.Frame(self, padding=(px(12), px(6)))
        bar.grid(row=0, column=0, sticky="ew")
        bar.columnconfigure(1, weight=1)
        self.room = ttk.Label(bar, style="Strong.TLabel")
        self.room.grid(row=0, column=0, sticky="w", padx=(0, px(10)))
        self.class_bar = ClassBar(bar, theme, self._actions.act)
        self.chip_row = ttk.Frame(bar)
        self.chip_row.grid(row=0, column=1, sticky="w")
        self.chips: List[Chip] = []
        side = ttk.Frame(bar)
        side.grid(row=0, column=2, sticky="e")
        self.search_field = ttk.Entry(side, textvariable=self._texts.search, width=16, font=theme.body_font)
        self.search_field.grid(row=0, column=0)
        self._texts.search.belongs_to(self.search_field)
        Placeholder(self.search_field, theme, self._texts.search, "Search")
        self.found = ttk.Label(self.search_field, style="Found.TLabel")
        self.menu_button = ttk.Menubutton(side, text="☰", direction="below", width=2)
        self.menu_button.grid(row=0, column=1, padx=(px(8), 0))
        self._side = side
        bar.bind("<Configure>", lambda event: self._fit_bar())

    def _fit_bar(self) -> None:
        """In a narrow window the numbers have lines of their own, in a very narrow one the search, too."""
        px, room = self._theme.px, self.bar.winfo_width()
        left = self.class_bar if self.class_bar.winfo_manager() else self.room
        wanted = left.winfo_reqwidth() + self._side.winfo_reqwidth() + px(44)
        numbers = sum(chip.winfo_reqwidth() + px(8) for chip in self.chips)
        below = 1 if wanted > room > 1 else 0
        row = below + 1 if below or wanted + numbers > room > 1 else 0
        if (int(self._side.grid_info()["row"]), int(self.chip_row.grid_info().get("row", -1))) != (below, row):
            place = {"column": 0, "columnspan": 3} if below else {"column": 2, "columnspan": 1}
            self._side.grid(row=below, pady=(px(5) if below else 0, 0), **place)  # type: ignore[arg-type]
            where = {"row": row, "column": 0 if row else 1, "columnspan": 3 if row else 1}
            self.chip_row.grid(sticky="w", pady=(px(5) if row else 0, 0), **where)  # type: ignore[arg-type]
        self._place_chips(room - px(24) if row else numbers)

    def _place_chips(self, width: int) -> None:
        """One after the other, and on the next line where the width does not do."""
        px, x, y, height, widest = self._theme.px, 0, 0, 0, 1
        for chip in self.chips:
            if x and x + chip.winfo_reqwidth() > width:
                x, y = 0, y + height + px(4)
            chip.place(x=x, y=y)
            x, height = x + chip.winfo_reqwidth() + px(8), chip.winfo_reqheight()
            widest = max(widest, x)
        for option, size in (("width", widest), ("height", max(1, y + height))):
            set_option(self.chip_row, option, str(size))

    def _build_pane(self, diary: Diary, commands: LogActions) -> None:
        theme, px = self._theme, self._theme.px
        self.pane = ttk.Frame(self, padding=(px(8), px(4)))
        self.pane.columnconfigure(0, weight=1)
        self.pane.rowconfigure(1, weight=1)
        latency = LatencyBar(self.pane, theme, self._texts.round_trip)
        latency.grid(row=0, column=0, sticky="ew", pady=(0, px(4)))
        self.strip = latency.strip
        self.log = ActivityLog(self.pane, theme, diary, commands.save_log, commands.copy_log)
        self.log.grid(row=1, column=0, sticky="nsew")

    def _build_status(self) -> None:
        theme, px, palette = self._theme, self._theme.px, self._theme.palette
        line = ttk.Frame(self, padding=(px(12), px(4)))
        line.grid(row=3, column=0, sticky="ew")
        line.columnconfigure(0, weight=1)
        self.status = tk.Label(line, anchor="w", font=theme.body_font, background=palette.window, padx=0)
        self.status.configure(width=1)  # as wide as there is room, whatever it says
        self.status.grid(row=0, column=0, sticky="ew")
        self.status.bind("<Configure>", lambda event: self._clip_status())
        Tooltip(self.status, theme, lambda x, y: self._said if self.status.cget("text") != self._said else "")
        self.step_link = Link(line, theme, "", self._actions.step)
        self.step_link.grid(row=0, column=1, padx=(px(10), 0))
        self.where = ttk.Label(line, style="Muted.TLabel")
        self.where.grid(row=0, column=2, padx=(px(14), 0))
        self.fold = Link(line, theme, "Activity ▲", self.toggle_activity)
        self.fold.grid(row=0, column=3, padx=(px(14), 0))

    # --- what the window says ---------------------------------------------------------------------------------------

    def toggle_activity(self) -> None:
        """Unfold or fold what happened."""
        if self.is_unfolded:
            self.pane.grid_forget()
            self.rowconfigure(2, weight=0, minsize=0)
        else:
            self.pane.grid(row=2, column=0, sticky="nsew")
            self.rowconfigure(2, weight=1, minsize=self._theme.px(120))
        self.fold.configure(text="Activity ▼" if self.is_unfolded else "Activity ▲")

    @property
    def is_unfolded(self) -> bool:
        """True while the activity is to be seen."""
        return bool(self.pane.winfo_manager())

    def show_class(self, book: ClassBook, is_teacher: bool, may_act: bool) -> None:
        """The class, where there are some and we are its teacher; else the room's name stands there."""
        if is_teacher and book.known is not None and (book.is_set or book.known.available):
            self.class_bar.show(book, may_act)
            self.room.grid_forget()
            self.class_bar.grid(row=0, column=0, sticky="w")
        else:
            self.class_bar.grid_forget()
            self.room.grid(row=0, column=0, sticky="w", padx=(0, self._theme.px(10)))

    def show_numbers(self, room: str, numbers: List[Number]) -> None:
        """The headline."""
        set_option(self.room, "text", self._theme.drawable(room))
        pressed = self._order.number
        if pressed is not None and not any(number.states == pressed.states for number in numbers):
            self.press(None)  # nobody is so any more: a filter that shows nobody is in nobody's interest
        while len(self.chips) < len(numbers):
            chip = Chip(self.chip_row, self._theme, self._presser(len(self.chips)))
            self.chips.append(chip)
        while len(self.chips) > len(numbers):
            self.chips.pop().destroy()
        is_new = [number.text for number in numbers] != [number.text for number in self._numbers]
        self._numbers = numbers
        for chip, number in zip(self.chips, numbers):
            pressed = self._order.number
            chip.show(number.text, number.kind, pressed is not None and pressed.states == number.states)
        if is_new:
            self.chip_row.update_idletasks()
            self._fit_bar()

    def _presser(self, place: int) -> Callable[[], object]:
        return lambda: self.press(self._numbers[place])

    def press(self, number: object) -> None:
        """A number was pressed: show only those; pressed again, or None, everybody."""
        before = self._order.number
        is_same = before is not None and isinstance(number, Number) and number.states == before.states
        self._order.number = number if isinstance(number, Number) and not is_same else None
        self.table.arrange()
        self.show_found()
        if isinstance(number, Number):
            self.show_numbers(str(self.room.cget("text")), self._numbers)

    def show_found(self) -> None:
        """How many the search finds."""
        text = f"{self.table.shown_count} found" if self._order.filter.strip() else ""
        set_option(self.found, "text", text)
        if text:  # in the field: the numbers beside it stay where they are
            self.found.place(relx=1.0, x=-self._theme.px(6), rely=0.48, anchor="e")
        else:
            self.found.place_forget()

    def show_status(self, sign: str, said: str, loudness: str, step: str, where: str) -> None:
        """The line at the bottom. What is longer than it ends in "…", and is whole when the mouse rests there."""
        said = f"{sign} {self._theme.drawable(said)}"
        if said != self._said:
            self._said = said
            self._clip_status()
        set_option(self.status, "foreground", self._theme.palette.loud[loudness][0])
        set_option(self.step_link, "text", step)
        set_option(self.step_link, "takefocus", "1" if step else "0")
        set_option(self.where, "text", where)

    def _clip_status(self) -> None:
        width = self.status.winfo_width()
        text = clipped(self._said, width, self._theme.measure) if width > 1 else self._said
        set_option(self.status, "text", text)

    def focus_search(self) -> None:
        """Put the cursor into the search, with what is there selected."""
        self.search_field.focus_set()
        self.search_field.selection_range(0, "end")
