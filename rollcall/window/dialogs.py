"""A text in a dialog, with a window behind it or without. For errors that end a program before it has a window."""

from __future__ import annotations

import sys
import tkinter as tk
from tkinter import messagebox
from typing import Any, Callable, Optional

from rollcall.window.theme import be_crisp, drawable

LOAD_ALL = """
    auto_load {}
    foreach {name script} [array get ::auto_index] {
        if {[namespace which -command $name] eq ""} { catch { uplevel #0 $script } }
    }
"""
"""In Tcl: read the index of what is read when it is called, then each file of it that has not been read yet."""


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
    root: Any = tk._default_root  # type: ignore[attr-defined]
    if root is not None:
        show(title, drawable(root, text))
        return
    root = tk.Tk(className="Rollcall")
    root.withdraw()
    show(title, drawable(root, text), parent=root)
    root.destroy()


def load_dialogs(root: tk.Tk) -> None:
    """Read now what Tcl would read when it is first used: dialogs, menus, words under a double click. For programs
    whose files may be gone by then."""
    root.tk.eval(LOAD_ALL)


def open_root(program: str) -> Optional[tk.Tk]:
    """A window of ``program``, still empty. None, and a sentence on stderr, where none can be shown."""
    be_crisp()
    try:
        return tk.Tk(className="Rollcall")
    except tk.TclError as error:
        print(f"{program}: no window can be shown: {error}. Without a window: client.py", file=sys.stderr)
        return None
