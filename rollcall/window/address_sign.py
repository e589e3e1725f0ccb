"""The server's address in digits that fill a window: what a class opens in a browser, or types in the program.

`AddressSign` is that window; it stays until somebody closes it, and there is one at most. What stands in it is where
this client is connected. A teacher who sits at the server's own machine may be connected to 127.0.0.1, which is another
computer for everybody else: there, what the server says of itself counts (`browsers_address`). What a server says is a
stranger's text until it is read as an address or a link. For a teacher the sums of what browsers can download stand
below, as this connection brought them: the page may have been changed on its way, and whoever has downloaded something
compares. Belongs to the window and its thread.
"""

from __future__ import annotations

import re
import tkinter as tk
from tkinter import font as tk_font
from typing import Any, Optional, Sequence, Tuple

from rollcall.window.theme import Theme
from rollcall.wire.address import is_loopback, parse_address

LARGEST = 0.4
"""The height of the largest letters, of the window's."""

MOST_SUMS = 6
"""Sums that are shown; the console has all."""

_LINK = re.compile(r"/board(\?link=[\w-]{1,60})?", re.ASCII)


def browsers_address(connected: str, told: str) -> str:
    """Where others reach the server: where we do, or what it says of itself where that is this computer only."""
    try:
        if is_loopback(parse_address(connected).host):
            return str(parse_address(told))
    except ValueError:
        pass
    return connected


def link_of(address: str, path: str) -> str:
    """The link to the board at ``path``; empty if that is no path of a board."""
    return f"http://{address}{path}" if _LINK.fullmatch(path) else ""


class AddressSign:
    """The window over ``root``."""

    def __init__(self, root: tk.Tk, theme: Theme) -> None:
        self._root, self._theme = root, theme
        self._window: Optional[tk.Toplevel] = None
        self._canvas: Any = None
        self._fonts: Tuple[tk_font.Font, ...] = ()  # of what is drawn: Tk forgets what nobody keeps
        self.address = ""
        self._sums: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """True until somebody has closed it."""
        return self._window is not None

    def open(self, address: str) -> None:
        """Show it, in front of everything."""
        if self._window is None:
            self._window = window = tk.Toplevel(self._root, class_="Rollcall")
            window.title("The address of this server")
            width, height = window.winfo_screenwidth() * 4 // 5, window.winfo_screenheight() * 2 // 5
            window.geometry(f"{width}x{height}+{width // 8}+{height // 2}")
            self._canvas = tk.Canvas(window, highlightthickness=0, borderwidth=0)
            self._canvas.pack(fill="both", expand=True)
            self._canvas.bind("<Configure>", lambda event: self._draw())
            window.bind("<Escape>", lambda event: self.close())
            window.protocol("WM_DELETE_WINDOW", self.close)
        self._window.lift()
        self._window.focus_force()
        self.show(address)

    def show(self, address: str, sums: Sequence[str] = ()) -> None:
        """This is the address, if anybody looks, and what downloads from there must be."""
        self.address, self._sums = address, sums
        if self._window is not None:
            self._draw()

    def close(self) -> None:
        """It has been read."""
        window, self._window = self._window, None
        if window is not None:
            window.destroy()

    def _draw(self) -> None:
        canvas, palette = self._canvas, self._theme.palette
        width, height = canvas.winfo_width(), canvas.winfo_height()
        if width <= 1:
            return
        canvas.delete("all")
        canvas.configure(background=palette.surface)
        in_browser, in_program = f"http://{self.address}", f"in a browser, or {self.address} in the program"
        if "%" in self.address:  # no URL has a scope in it that a browser would take
            in_browser, in_program = self.address, "in the program"
        large = self._fitting(in_browser, width * 0.94, height * LARGEST)
        small = self._fitting(in_program, width * 0.94, height * LARGEST / 2)
        self._fonts = (large, small)
        self._draw_sums(width, height)
        canvas.create_text(
            width // 2, height * 4 // 10, text=in_browser, font=large, fill=palette.text, tags=("address",)
        )
        canvas.create_text(width // 2, height * 3 // 4, text=in_program, font=small, fill=palette.muted)

    def _draw_sums(self, width: int, height: int) -> None:
        if not self._sums:
            return
        lines = ["SHA-256 of what can be downloaded there, to compare:"]
        lines += [f"{total}  {name}" for total, _, name in (one.partition("  ") for one in self._sums[:MOST_SUMS])]
        if len(self._sums) > MOST_SUMS:
            lines.append(f"and {len(self._sums) - MOST_SUMS} more, which the server's console shows")
        text = self._theme.drawable("\n".join(lines))
        fixed = self._fitting(max(lines, key=len), width * 0.94, height * 0.03, "TkFixedFont")
        self._fonts = (*self._fonts, fixed)
        self._canvas.create_text(
            width // 2, height * 97 // 100, text=text, font=fixed, fill=self._theme.palette.muted, anchor="s",
            tags=("sums",),
        )  # fmt: skip

    def _fitting(self, text: str, width: float, height: float, like: str = "") -> tk_font.Font:
        """Letters so large that the text just fits, strong ones if it is to be read from afar."""
        family = str(tk_font.Font(self._root, font=like or self._theme.body_font).actual("family"))
        font = tk_font.Font(self._root, family=family, size=-100, weight="normal" if like else "bold")
        font.configure(size=-max(8, int(min(height, 100 * width / max(1, font.measure(text))))))
        return font
