"""The clipboard: what was copied is what was meant, and on X11 it outlives the window where the desktop lets it.

On X11 the clipboard's content stays with the program that copied it, and goes with its window. A clipboard manager
takes it over if it is asked to: freedesktop.org's "Clipboard Manager" specification, where the selection
``CLIPBOARD_MANAGER`` is converted to ``SAVE_TARGETS``. Tk 8.6 does not do that by itself, but ``selection get`` sends
just this request, and answers the manager's questions while it waits (five seconds at most if the manager says
nothing).

Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk

from rollcall.window.fields import StandIns
from rollcall.window.theme import is_x11


class Clipboard:
    """The clipboard as the window ``root`` uses it, in its fields and elsewhere."""

    def __init__(self, root: tk.Tk, stand_ins: StandIns) -> None:
        self._root = root
        self._stand_ins = stand_ins
        self._is_x11 = is_x11(root)
        self._has_copied = False
        for event in ("<<Copy>>", "<<Cut>>"):
            root.bind_all(event, lambda event: self._copied_from_field(), add=True)  # after what the field does

    def copy(self, text: str) -> None:
        """Put a text into the clipboard, whole: nothing of it is drawn."""
        self._root.clipboard_clear()
        self._root.clipboard_append(text)
        self._has_copied = True

    def hand_over(self) -> None:
        """Before the window goes: leave what was copied to the clipboard manager, if there is one."""
        if self._is_x11 and self._has_copied:
            self._has_copied = False
            try:
                self._root.tk.call("selection", "get", "-selection", "CLIPBOARD_MANAGER", "-type", "SAVE_TARGETS")
            except tk.TclError:
                pass  # nobody manages the clipboard here

    def _copied_from_field(self) -> None:
        self._has_copied = True
        try:
            text = self._root.clipboard_get()
        except tk.TclError:
            return  # nothing was selected
        real = self._stand_ins.real(text)
        if real != text:
            self.copy(real)
