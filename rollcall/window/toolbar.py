"""The line above the table: how many are here, the filter, and the menu's button."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk

from rollcall.window.theme import Theme


class Toolbar(ttk.Frame):
    """Shows ``count``; what is typed into its field is ``filter_text``. The menu is hung on ``menu_button``."""

    def __init__(self, parent: tk.Misc, theme: Theme, count: tk.StringVar, filter_text: tk.StringVar) -> None:
        super().__init__(parent)
        px = theme.px
        self.columnconfigure(0, weight=1)
        ttk.Label(self, textvariable=count, style="Count.TLabel").grid(row=0, column=0, sticky="w")
        ttk.Label(self, text="Filter", style="Muted.TLabel").grid(row=0, column=1, padx=px(6))
        self.filter_field = ttk.Entry(self, textvariable=filter_text, width=16)
        self.filter_field.grid(row=0, column=2)
        self.menu_button = ttk.Menubutton(self, text="Menu", direction="below")
        self.menu_button.grid(row=0, column=3, padx=(px(8), 0))

    def focus_filter(self) -> None:
        """Put the cursor into the filter, with what is there selected."""
        self.filter_field.focus_set()
        self.filter_field.selection_range(0, "end")
