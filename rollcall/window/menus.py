"""The window's menus and keys: which command is where. What a command does is the window's business."""

from __future__ import annotations

import sys
import tkinter as tk
from typing import Any, Callable, List, Protocol

from rollcall.window.fields import FieldText
from rollcall.window.model import Row
from rollcall.window.table import RosterTable
from rollcall.window.table_order import as_csv, as_text
from rollcall.window.theme import DARK, Theme
from rollcall.window.toolbar import Toolbar


class Commands(Protocol):
    """What a window must have so that menus and keys can be hung on it."""

    root: tk.Tk
    theme: Theme
    table: RosterTable
    toolbar: Toolbar
    filter_text: FieldText

    def copy_address(self) -> None: ...
    def copy_roster(self, form: Callable[[List[Row], float], str], least: int = 2) -> None: ...
    def switch_theme(self) -> None: ...
    def about(self) -> None: ...
    def retry_now(self) -> None: ...
    def close(self) -> None: ...


def accelerator(key: str, platform: str = sys.platform) -> str:
    """How a menu names the key: Tk on macOS makes ⌘ of the word."""
    return f"Command-{key}" if platform == "darwin" else f"Ctrl+{key}"


class Menus:
    """The menu behind the button, the context menu of the table, and the keys of ``window``."""

    def __init__(self, window: Commands) -> None:
        self._window = window
        self._build()
        self._bind_keys()

    def _build(self) -> None:
        window = self._window
        self.menu, self.context_menu = tk.Menu(window.root, tearoff=False), tk.Menu(window.root, tearoff=False)
        for menu in (self.context_menu, self.menu):
            menu.add_command(label="Copy address", command=window.copy_address)
            menu.add_command(label="Copy roster as text", command=lambda: window.copy_roster(as_text))
            menu.add_command(label="Copy roster as CSV", command=lambda: window.copy_roster(as_csv))
        self.dark = tk.BooleanVar(window.root, window.theme.name == DARK)
        self.menu.add_separator()
        self.menu.add_checkbutton(label="Dark theme", variable=self.dark, command=window.switch_theme)
        if DARK not in window.theme.names:
            self.menu.entryconfigure("Dark theme", state="disabled", label=f"Dark theme ({window.theme.problem})")
        self.menu.add_command(label="About Rollcall", command=window.about)
        self.menu.add_separator()
        self.menu.add_command(label="Quit", command=window.close, accelerator=accelerator("Q"))
        window.toolbar.menu_button.configure(menu=self.menu)

    def _bind_keys(self) -> None:
        window = self._window
        root, tree = window.root, window.table.tree
        root.bind("<F5>", lambda event: window.retry_now())
        root.bind("<Escape>", lambda event: window.filter_text.set(""))
        is_mac = sys.platform == "darwin"
        if is_mac:
            root.createcommand("::tk::mac::Quit", window.close)  # else Tk would exit without a goodbye
        for modifier in ("Control", "Command") if is_mac else ("Control",):
            for key in "fF":  # with Caps Lock, too
                root.bind(f"<{modifier}-{key}>", lambda event: window.toolbar.focus_filter())
            for key in "qQ":
                root.bind(f"<{modifier}-{key}>", lambda event: window.close())
            for key in "cC":
                tree.bind(f"<{modifier}-{key}>", lambda event: window.copy_roster(as_text, least=1))
        buttons = ("<Button-2>", "<Control-Button-1>") if is_mac else ("<Button-3>",)
        for button in buttons:
            tree.bind(button, self._context)
        for key in ("<Shift-F10>", "<Menu>" if sys.platform.startswith("linux") else "<App>"):
            try:
                tree.bind(key, self._context)
            except tk.TclError:
                pass  # this platform has no such key

    def _context(self, event: Any) -> None:
        tree = self._window.table.tree
        item = tree.identify_row(event.y) if event.num != "??" else ""
        if item and item not in tree.selection():
            tree.selection_set(item)
        self.context_menu.tk_popup(event.x_root, event.y_root)
