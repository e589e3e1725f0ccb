"""A text in a dialog, with a window behind it or without. For errors that end a program before it has a window."""

from __future__ import annotations

import tkinter as tk
from tkinter import messagebox
from typing import Any, Callable


def answer(dialog: Callable[..., Any], is_closed: Callable[[], bool], **options: object) -> Any:
    """What a dialog answers; nothing if the window was closed meanwhile, which takes the dialog with it."""
    try:
        return dialog(**options)
    except tk.TclError:
        if is_closed():
            return None
        raise


def show_error(title: str, text: str) -> None:
    """Something went wrong. Returns when the person has seen it."""
    _with_root(messagebox.showerror, title, text)


def show_text(title: str, text: str) -> None:
    """Something to read. Returns when the person has seen it."""
    _with_root(messagebox.showinfo, title, text)


def _with_root(show: Callable[..., object], title: str, text: str) -> None:
    """A dialog, with a window behind it or without."""
    if tk._default_root is not None:  # type: ignore[attr-defined]
        show(title, text)
        return
    root = tk.Tk(className="Rollcall")
    root.withdraw()
    show(title, text, parent=root)
    root.destroy()
