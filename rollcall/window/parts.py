"""Small parts that several faces are made of: links, numbers that are filters, tooltips. Belong to the window's thread.

Whatever can be pressed with the mouse can be reached with Tab and pressed with Return or the space bar, and shows that
it has the focus.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any, Callable, Optional

from rollcall.window.fields import FieldText, select_all_with_control_a
from rollcall.window.theme import Theme, set_icon, set_option

TOOLTIP_AFTER = 400
"""Milliseconds that the mouse rests before a tooltip comes."""


class Pressable(tk.Label):
    """A text that does something."""

    def __init__(self, parent: tk.Misc, theme: Theme, press: Callable[[], object], **options: Any) -> None:
        ring = theme.px(1)
        super().__init__(
            parent, takefocus=True, cursor="hand2", highlightthickness=ring, highlightcolor=theme.palette.accent,
            borderwidth=0, **options,
        )  # fmt: skip
        for event in ("<ButtonRelease-1>", "<Return>", "<KP_Enter>", "<space>"):
            self.bind(event, lambda event: press())


class Link(Pressable):
    """Looks like a link, for what is done seldom."""

    def __init__(self, parent: tk.Misc, theme: Theme, text: str, press: Callable[[], object], ground: str = "") -> None:
        ground = ground or theme.palette.window
        super().__init__(
            parent, theme, press, text=text, font=theme.link_font, foreground=theme.palette.accent,
            background=ground, highlightbackground=ground,
        )  # fmt: skip


class Chip(Pressable):
    """A number of the headline; pressed, it is a filter, and looks so."""

    def __init__(self, parent: tk.Misc, theme: Theme, press: Callable[[], object]) -> None:
        px = theme.px
        super().__init__(parent, theme, press, font=theme.strong_font, padx=px(10), pady=px(3))
        self._theme = theme

    def show(self, text: str, kind: str, is_pressed: bool) -> None:
        """``kind`` is one of the palette's ``loud``."""
        front, ground = self._theme.palette.loud[kind]
        if is_pressed:
            front, ground = self._theme.palette.surface, front
        set_option(self, "text", text)
        set_option(self, "foreground", front)
        set_option(self, "background", ground)
        set_option(self, "highlightbackground", ground)


class Placeholder(ttk.Label):
    """What belongs into a field, in the field, while nothing stands there."""

    def __init__(self, field: ttk.Entry, theme: Theme, text: FieldText, said: str) -> None:
        super().__init__(field, text=said, style="Placeholder.TLabel", cursor="xterm", takefocus=False)
        self._theme, self._text = theme, text
        self.bind("<Button-1>", lambda event: field.focus_set())
        trace = text.trace_add("write", lambda *unused: self._show())
        self.bind("<Destroy>", lambda event: text.trace_remove("write", trace))
        self._show()

    def _show(self) -> None:
        if self._text.get():
            self.place_forget()
        else:
            self.place(x=self._theme.px(10), rely=0.48, anchor="w")


class Tooltip:
    """A text beside the mouse, for as long as it rests on ``widget``. ``text`` says which, by the place; none if it is
    empty."""

    def __init__(self, widget: Any, theme: Theme, text: Callable[[int, int], str]) -> None:
        self._widget, self._theme, self._text = widget, theme, text
        self._timer = ""
        self._shown: Optional[tk.Toplevel] = None
        widget.bind("<Motion>", self._moved, add="+")
        for event in ("<Leave>", "<Button>", "<Key>", "<Destroy>"):
            widget.bind(event, lambda event: self.hide(), add="+")

    def _moved(self, event: Any) -> None:
        self.hide()
        text = self._text(event.x, event.y)
        if text:
            place = (event.x_root, event.y_root)
            self._timer = self._widget.after(TOOLTIP_AFTER, lambda: self._show(text, *place))

    def _show(self, text: str, x: int, y: int) -> None:
        self._timer = ""
        px, palette = self._theme.px, self._theme.palette
        self._shown = shown = tk.Toplevel(self._widget, background=palette.muted)
        shown.wm_overrideredirect(True)
        label = tk.Label(shown, text=self._theme.drawable(text), font=self._theme.body_font, justify="left")
        label.configure(background=palette.surface, foreground=palette.text, wraplength=px(420), padx=px(6), pady=px(3))
        label.pack(padx=1, pady=1)
        shown.wm_geometry(f"+{x + px(12)}+{y + px(16)}")

    def hide(self) -> None:
        """Away with it."""
        if self._timer:
            self._widget.after_cancel(self._timer)
            self._timer = ""
        if self._shown is not None:
            self._shown.destroy()
            self._shown = None


def prepare(root: tk.Tk, close: Callable[[], object]) -> None:
    """What a window of ours has whatever it shows: keys as people expect them, an icon, an end."""
    select_all_with_control_a(root)
    press_with_return(root)
    set_icon(root)
    root.protocol("WM_DELETE_WINDOW", close)


def press_with_return(root: tk.Tk) -> None:
    """Return presses the button that has the focus, as people expect; Tk knows only the space bar."""
    for kind in ("TButton", "TCheckbutton", "TMenubutton"):
        for key in ("<Return>", "<KP_Enter>"):
            script = "ttk::menubutton::Popdown %W" if kind == "TMenubutton" else "%W invoke"
            root.tk.call("bind", kind, key, script)
