"""One question with one field. Belongs to the window and its thread."""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any, Callable, List, Optional, TypeVar

from rollcall.window.dialog import Dialog
from rollcall.window.moments import NotATime
from rollcall.window.theme import Theme

T = TypeVar("T")


def ask_value(
    root: tk.Tk, theme: Theme, title: str, question: str, value: str, read: Callable[[str], T]
) -> Optional[T]:
    """What ``read`` makes of the answer, or None if it is cancelled. While it raises `NotATime`, its sentence stands
    there and the field stays."""
    px = theme.px
    dialog = Dialog(root, theme, title)
    found: List[T] = []
    text = tk.StringVar(dialog, value)
    ttk.Label(dialog, text=theme.drawable(question), style="Strong.TLabel").grid(sticky="w")
    field = ttk.Entry(dialog, textvariable=text, width=24, font=theme.body_font)
    field.grid(sticky="ew", pady=px(6))
    dialog.said.configure(wraplength=px(300))
    dialog.said.grid(sticky="w")

    def accept(*unused: Any) -> None:
        try:
            found.append(read(text.get()))
        except NotATime as error:
            dialog.say(str(error), "bad")
            return
        dialog.destroy()

    buttons = ttk.Frame(dialog)
    buttons.grid(sticky="e", pady=(px(10), 0))
    dialog.button(buttons, "Cancel", dialog.destroy).grid(row=0, column=0, padx=px(8))
    dialog.button(buttons, title, accept, is_main=True).grid(row=0, column=1)
    field.bind("<Return>", accept)
    field.focus_set()
    field.selection_range(0, "end")
    dialog.grab_set()
    root.wait_window(dialog)
    return found[0] if found else None
