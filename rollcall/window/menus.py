"""The window's menus and keys: which command is where. What a command does is `commands.Commands`' business."""

from __future__ import annotations

import sys
import tkinter as tk
from functools import partial
from typing import Any, Callable, List, Protocol

from rollcall.window.acts import Acts
from rollcall.window.commands import Commands
from rollcall.window.faces import CARD, TEACHER, Faces
from rollcall.window.model import ClientModel
from rollcall.window.person_dialog import MARKS
from rollcall.window.projector import ZOOM_KEYS
from rollcall.window.table_order import COLUMNS, as_csv, as_table
from rollcall.window.theme import DARK, Theme
from rollcall.wire.messages import MEMBER


class Window(Protocol):
    """What a window must have so that menus and keys can be hung on it."""

    root: tk.Tk
    theme: Theme
    faces: Faces
    commands: Commands
    acts: Acts
    model: ClientModel

    def retry_now(self) -> None: ...
    def leave(self) -> None: ...
    def close(self) -> None: ...


def accelerator(key: str, platform: str = sys.platform) -> str:
    """How a menu names the key: Tk on macOS makes ⌘ of the word."""
    return f"Command-{key}" if platform == "darwin" else f"Ctrl+{key}"


class Menus:
    """The menu behind the button of the face that is shown, the context menu of the list, and the keys of ``window``.
    `build` is called again whenever the faces are new or another one is shown."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.dark = tk.BooleanVar(window.root, window.theme.name == DARK)
        self.menu, self.context_menu = tk.Menu(window.root, tearoff=False), tk.Menu(window.root, tearoff=False)
        self._sort_menu = tk.Menu(self.menu, tearoff=False)
        self._mark_menu = tk.Menu(self.context_menu, tearoff=False)
        self.build()
        self._bind_window()

    def build(self) -> None:
        """Menus for the face that is shown."""
        window, commands, face = self._window, self._window.commands, self._window.faces.kind
        for menu in (self.menu, self.context_menu, self._sort_menu):
            menu.delete(0, "end")
            menu.configure(font=window.theme.body_font)
        for menu in (self.context_menu, self.menu) if face == TEACHER else ():
            menu.add_command(label="Copy", command=lambda: commands.copy_people(as_table), accelerator=accelerator("C"))
            menu.add_command(label="Copy as CSV", command=lambda: commands.copy_people(as_csv))
            menu.add_command(label="Copy addresses", command=commands.copy_address)
        if face == TEACHER:
            self.context_menu.add_separator()
            self.context_menu.add_command(label="Details…", command=window.acts.details, accelerator="Return")
        if face == TEACHER and window.model.role != MEMBER:
            self._mark_menu.delete(0, "end")
            for kind, text in (*MARKS, ("undo", "Take back")):
                more = "…" if kind in ("late", "left") else ""
                self._mark_menu.add_command(label=text + more, command=self._marker(kind))
            self.context_menu.add_cascade(label="Mark", menu=self._mark_menu)
        if face == TEACHER and window.acts.are_allowed:
            self.context_menu.add_command(label="Remove…", command=window.acts.remove, accelerator="Del")
            self.menu.add_separator()
            self.menu.add_command(label="Classes…", command=window.acts.classes)
            self.menu.add_command(label="Attendance…", command=window.acts.attendance)
            self.menu.add_command(label="Substitute…", command=window.acts.substitute)
            self.menu.add_separator()
        if face == TEACHER:
            self.menu.add_command(label="Save the list…", command=commands.save_people, accelerator=accelerator("S"))
            self.menu.add_command(label="Print the list", command=window.acts.print_list, accelerator=accelerator("P"))
            self.menu.add_separator()
            self._build_sort()
            self.menu.add_checkbutton(
                label="Addresses and times", variable=commands.details, command=commands.show_details
            )
            self.menu.add_command(label="Projector", command=commands.project, accelerator="F11")
            self.menu.add_command(label="Show the address", command=window.acts.show_address)
            self.menu.add_separator()
        self._build_look()
        self.menu.add_separator()
        if face != CARD:
            self.menu.add_command(label="Leave", command=window.leave)
        self.menu.add_command(label="About Rollcall", command=commands.about)
        self.menu.add_command(label="Quit", command=window.close, accelerator=accelerator("Q"))
        for shown in (window.faces.card, window.faces.student, window.faces.teacher):
            shown.menu_button.configure(menu=self.menu)
        self._bind_table()

    def _build_sort(self) -> None:
        """What a click on a heading does, for who has no mouse."""
        for key, title in COLUMNS.items():
            self._sort_menu.add_command(label=title, command=self._sorter(key))
        self.menu.add_cascade(label="Sort by", menu=self._sort_menu)

    def _sorter(self, key: str) -> Callable[[], None]:
        return lambda: self._window.faces.teacher.table.sort_by(key)

    def _marker(self, kind: str) -> Callable[[], None]:
        return lambda: self._window.acts.mark(kind)

    def _build_look(self) -> None:
        window, commands, menu = self._window, self._window.commands, self.menu
        menu.add_command(label="Larger", command=lambda: commands.zoom(1), accelerator=accelerator("+"))
        menu.add_command(label="Smaller", command=lambda: commands.zoom(-1), accelerator=accelerator("-"))
        menu.add_command(label="Usual size", command=lambda: commands.zoom(0), accelerator=accelerator("0"))
        menu.add_checkbutton(
            label="Dark theme", variable=self.dark, command=lambda: commands.switch_theme(self.dark.get())
        )
        if DARK not in window.theme.names:
            menu.entryconfigure("Dark theme", state="disabled", label=f"Dark theme ({window.theme.problem})")

    def _bind_window(self) -> None:
        window, commands = self._window, self._window.commands
        root = window.root
        root.bind("<F11>", lambda event: commands.project())
        root.bind("<F5>", lambda event: window.retry_now())
        root.bind("<Escape>", lambda event: commands.show_everybody())
        is_mac = sys.platform == "darwin"
        if is_mac:
            root.createcommand("::tk::mac::Quit", window.close)  # else Tk would exit without a goodbye
        keys: List[Any] = [("fF", commands.search), ("qQ", window.close), ("sS", commands.save_people)]
        keys += [("pP", window.acts.print_list)]
        keys += [((key,), partial(commands.zoom, step)) for key, step in ZOOM_KEYS.items()]
        window.faces.projector.zoom = commands.zoom
        for modifier in self._modifiers():
            for names, command in keys:  # letters with Caps Lock, too
                for name in names:
                    root.bind(f"<{modifier}-Key-{name}>", lambda event, command=command: command())  # type: ignore[misc]

    def _modifiers(self) -> List[str]:
        return ["Control", "Command"] if sys.platform == "darwin" else ["Control"]

    def _bind_table(self) -> None:
        tree, commands = self._window.faces.teacher.table.tree, self._window.commands
        for modifier in self._modifiers():
            for key in "cC":
                tree.bind(f"<{modifier}-{key}>", lambda event: commands.copy_people(as_table))
        self._window.faces.teacher.table.pressed_guests = self._window.acts.accept_all
        self._window.faces.teacher.class_bar.edit_classes = self._window.acts.classes
        for event in ("<Return>", "<KP_Enter>", "<Double-Button-1>"):
            tree.bind(event, lambda event: self._window.acts.details())
        for modifier in self._modifiers():
            tree.bind(f"<{modifier}-z>", lambda event: self._window.acts.undo())
        tree.bind("<Delete>", lambda event: self._window.acts.remove())
        buttons = ("<Button-2>", "<Control-Button-1>") if sys.platform == "darwin" else ("<Button-3>",)
        for button in buttons:
            tree.bind(button, self._context)
        for key in ("<Shift-F10>", "<Menu>" if sys.platform.startswith("linux") else "<App>"):
            try:
                tree.bind(key, self._context_by_key)
            except tk.TclError:
                pass  # this platform has no such key

    def _context(self, event: Any) -> None:
        tree = self._window.faces.teacher.table.tree
        item = tree.identify_row(event.y)
        if item and item not in tree.selection():
            tree.selection_set(item)
            tree.focus(item)
        self.context_menu.tk_popup(event.x_root, event.y_root)

    def _context_by_key(self, event: Any) -> str:
        """At the line, wherever the mouse is."""
        table = self._window.faces.teacher.table
        box: Any = table.tree.bbox(table.focused()) if table.focused() else ""
        x, y = (box[0], box[1] + box[3]) if box else (0, 0)
        self.context_menu.tk_popup(table.tree.winfo_rootx() + x, table.tree.winfo_rooty() + y)
        return "break"
