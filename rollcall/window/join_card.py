"""The first face: a card in the middle that asks who you are and where, and nothing else.

While a client tries to connect, the fields stay as they are and can be changed; the button says *Cancel*, and Return
tries what stands there now. The place of the sentence is always there, so that nothing moves when one comes. Belongs to
the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any, Callable, List, Optional, Protocol, Sequence

from rollcall.window.fields import FieldText
from rollcall.window.join import CODE, NAME, NOT_LISTED, CardWords, FoundRoom
from rollcall.window.parts import Link, Placeholder
from rollcall.window.theme import Theme, set_option

WIDTH = 380
PLACEHOLDER = "first and last name"
MOST_ROOMS, MOST_NAMES = 4, 6
"""Lines of the lists before they scroll."""


class JoinTexts(Protocol):
    """What the card edits; it belongs to the window."""

    server: FieldText
    name: FieldText
    code: FieldText
    own: tk.BooleanVar
    teacher: tk.BooleanVar


class JoinActions(Protocol):
    """What its controls do."""

    def toggle(self) -> None: ...
    def connect(self) -> None: ...
    def forget_own(self) -> None: ...


class JoinCard(ttk.Frame):
    """The card. ``show_rooms`` takes the servers that were found, ``offer_names`` the names to choose from."""

    def __init__(
        self, parent: tk.Misc, theme: Theme, texts: JoinTexts, actions: JoinActions, examine: Callable[[], None]
    ) -> None:
        super().__init__(parent)
        self._examine = examine
        self._theme, self._texts, self._actions = theme, texts, actions
        self._rooms: List[FoundRoom] = []
        self._servers: List[str] = []
        self._names: List[str] = []
        self._typed = False  # "My name is not there": the field instead of the list
        for side in (0, 2):
            self.columnconfigure(side, weight=1)
            self.rowconfigure(side, weight=1)
        self.card = card = ttk.Frame(self, width=theme.px(WIDTH))
        card.grid(row=1, column=1, padx=theme.px(18), pady=theme.px(10))
        card.columnconfigure(0, weight=1, minsize=theme.px(WIDTH))
        head = ttk.Frame(card)
        head.grid(row=0, column=0, sticky="ew")
        head.columnconfigure(0, weight=1)
        self.title = ttk.Label(head, text="Join", style="Title.TLabel")
        self.title.grid(row=0, column=0, sticky="w")
        self.menu_button = ttk.Menubutton(head, text="☰", direction="below", width=2)
        self.menu_button.grid(row=0, column=1, sticky="e")
        self._build_name()
        self._build_server()
        self._build_code()
        self._build_button()
        self._build_choices()

    def _row(self, row: int, above: int = 6, **options: Any) -> Any:
        """Where in the card something stands, with so much room above it."""
        return {"row": row, "column": 0, "sticky": "ew", "pady": (self._theme.px(above), 0), **options}

    def _build_name(self) -> None:
        theme, card = self._theme, self.card
        ttk.Label(card, text="Your name").grid(self._row(1, 8))
        self.name_field = ttk.Entry(card, textvariable=self._texts.name, font=theme.body_font)
        self.name_field.grid(self._row(2, 2))
        self._texts.name.belongs_to(self.name_field)
        Placeholder(self.name_field, theme, self._texts.name, PLACEHOLDER)
        self.names = tk.Listbox(card, activestyle="none", exportselection=False, relief="flat", height=MOST_NAMES)
        self._style_list(self.names)
        self.names.bind("<<ListboxSelect>>", lambda event: self._chose_name())
        self.switch = Link(card, theme, NOT_LISTED, self._switch)

    def _style_list(self, box: tk.Listbox) -> None:
        palette, px = self._theme.palette, self._theme.px
        box.configure(
            font=self._theme.body_font, background=palette.surface, foreground=palette.text,
            selectbackground=palette.selected, selectforeground=palette.text, highlightthickness=px(1),
            highlightbackground=palette.line, highlightcolor=palette.accent, borderwidth=0,
        )  # fmt: skip

    def _build_server(self) -> None:
        theme, card = self._theme, self.card
        head = ttk.Frame(card)
        head.grid(self._row(5, 8))
        head.columnconfigure(0, weight=1)
        ttk.Label(head, text="Server").grid(row=0, column=0, sticky="w")
        self.examine_link = Link(head, theme, "Cannot find it?", self._examine)
        self.server_field = ttk.Combobox(card, textvariable=self._texts.server, font=theme.body_font)
        self.server_field.grid(self._row(6, 2))
        self._texts.server.belongs_to(self.server_field)
        self.rooms = ttk.Treeview(card, columns=["note"], show="tree", selectmode="browse", height=1)
        self.rooms.column("#0", width=theme.px(125), anchor="w")
        self.rooms.column("note", width=theme.px(255), anchor="e")
        self.rooms.bind("<<TreeviewSelect>>", lambda event: self._chose_room())
        self.rooms.bind("<Double-Button-1>", lambda event: self._actions.connect())

    def _build_code(self) -> None:
        self.code_label = ttk.Label(self.card, text="Code")
        self.code_field = ttk.Entry(self.card, textvariable=self._texts.code, font=self._theme.body_font)
        self._texts.code.belongs_to(self.code_field)

    def _build_button(self) -> None:
        theme, card = self._theme, self.card
        self.join_button = ttk.Button(card, text="Join", style="Accent.TButton", command=self._actions.toggle)
        self.join_button.grid(self._row(10, 12, ipady=theme.px(3)))
        # Two lines high if nothing is said: the card stays where it is. A warning may need more, and has it.
        space = ttk.Frame(card)
        space.grid(self._row(11, 4))
        space.rowconfigure(0, minsize=2 * theme.row_height)
        self.said = ttk.Label(space, wraplength=theme.px(WIDTH), justify="left")
        self.said.grid(row=0, column=0, sticky="nw")
        for field in (self.name_field, self.server_field, self.code_field, self.names, self.rooms):
            for key in ("<Return>", "<KP_Enter>"):
                field.bind(key, lambda event: self._actions.connect())

    def _build_choices(self) -> None:
        card, texts = self.card, self._texts
        self.own_box = ttk.Checkbutton(
            card, text="This is my own computer", variable=texts.own, command=self._actions.forget_own
        )
        self.own_box.grid(self._row(12, 4))
        own_hint = ttk.Label(card, text="It remembers my name and joins by itself.", style="Small.TLabel")
        own_hint.grid(self._row(13, 0, padx=(self._theme.px(28), 0)))
        self.teacher_box = ttk.Checkbutton(card, text="I am the teacher", variable=texts.teacher)
        self.teacher_box.grid(self._row(14, 2))
        self.record = ttk.Label(card, style="Small.TLabel", wraplength=self._theme.px(WIDTH), justify="left")
        self.record.grid(self._row(15, 6))

    # --- what the window says ---------------------------------------------------------------------------------------

    def offer_servers(self, servers: Sequence[str]) -> None:
        """The servers to choose from, the most recent first."""
        if list(servers) != self._servers:
            self._servers = list(servers)
            self.server_field.configure(values=self._servers)

    def show_rooms(self, rooms: Sequence[FoundRoom]) -> None:
        """The servers that answer on this network. Choosing one puts its address into the field; where nothing stands
        there, the only one does so by itself."""
        if list(rooms) == self._rooms:
            return
        if len(rooms) == 1 and not self._rooms and not self._texts.server.get():
            self._texts.server.set(rooms[0].address)
        self._rooms = list(rooms)
        self.rooms.delete(*self.rooms.get_children())
        show = self._theme.drawable
        for number, room in enumerate(rooms):
            self.rooms.insert("", "end", iid=str(number), text=f" {show(room.name)}", values=[show(room.note)])
        self.rooms.configure(height=min(MOST_ROOMS, max(1, len(rooms))))
        if rooms:
            self.rooms.grid(self._row(7, 4))
        else:
            self.rooms.grid_forget()

    def offer_examination(self, is_wanted: bool) -> None:
        """*Cannot find it?*, where this program looks at the network at all."""
        if is_wanted and not self.examine_link.winfo_manager():
            self.examine_link.grid(row=0, column=1, sticky="e")

    def offer_names(self, names: Optional[Sequence[str]]) -> None:
        """Names to choose from, where the room has them; None for the field."""
        if list(names or ()) == self._names:
            return
        self._names, self._typed = list(names or ()), False
        self.names.delete(0, "end")
        for name in self._names:
            self.names.insert("end", f" {self._theme.drawable(name)}")
        if self._names:
            self.names.configure(height=min(MOST_NAMES, len(self._names)))
        self._place_name()

    def _place_name(self) -> None:
        has_list = self._has_list
        for part, row, is_shown in ((self.name_field, 2, not has_list), (self.names, 3, has_list)):
            if is_shown:
                part.grid(self._row(row, 2))
            else:
                part.grid_forget()
        set_option(self.switch, "text", NOT_LISTED if has_list else "Choose from the list")
        if self._names:
            self.switch.grid(self._row(4, 2, sticky="w"))
        else:
            self.switch.grid_forget()

    @property
    def _has_list(self) -> bool:
        """True where the name is chosen, and not typed."""
        return bool(self._names) and not self._typed

    def _chose_name(self) -> None:
        chosen = self.names.curselection()  # type: ignore[no-untyped-call]
        if chosen:
            self._texts.name.set(self._names[chosen[0]])

    def _switch(self) -> None:
        """From the list to the field, or back."""
        self._typed = not self._typed
        self.names.selection_clear(0, "end")
        self._texts.name.set("")
        self._place_name()
        (self.names if self._has_list else self.name_field).focus_set()

    def _chose_room(self) -> None:
        for chosen in self.rooms.selection():
            self._texts.server.set(self._rooms[int(chosen)].address)

    def point_to(self, field: str) -> None:
        """Put the cursor where the person must type, the text there selected."""
        if field == CODE and not self.code_field.winfo_manager():
            field = NAME  # no code is asked for here: what is wrong with it was given otherwise
        if field == NAME and self._has_list:
            self.names.focus_set()
            return
        target = {NAME: self.name_field, CODE: self.code_field}.get(field, self.server_field)
        target.focus_set()
        target.selection_range(0, "end")

    def show(self, words: CardWords) -> None:
        """Say how it stands."""
        theme = self._theme
        set_option(self.title, "text", theme.drawable(words.title))
        set_option(self.join_button, "text", words.button)
        set_option(self.said, "text", theme.drawable(words.said))
        set_option(self.said, "foreground", theme.palette.loud[words.loudness][0])
        set_option(self.record, "text", words.record)
        if words.code:
            set_option(self.code_label, "text", words.code)
        set_option(self.code_field, "show", "•" if self._texts.teacher.get() else "")  # the class's is on the board
        if bool(words.code) != bool(self.code_field.winfo_manager()):
            if words.code:
                self.code_label.grid(self._row(8, 8))
                self.code_field.grid(self._row(9, 2))
            else:
                self.code_label.grid_forget()
                self.code_field.grid_forget()


