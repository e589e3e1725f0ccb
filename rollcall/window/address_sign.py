"""The server's address in digits that fill a window: what a class opens in a browser, or types in the program.

`AddressSign` is that window; it stays until somebody closes it, and there is one at most. What stands in it is where
this client is connected. A teacher who sits at the server's own machine may be connected to 127.0.0.1, which is another
computer for everybody else: there, what the server says of itself counts (`browsers_address`). What a server says is a
stranger's text until it is read as an address or a link. Belongs to the window and its thread.
"""

from __future__ import annotations

import re
import tkinter as tk
from tkinter import font as tk_font
from typing import Any, Optional, Tuple

from rollcall.window.theme import Theme
from rollcall.wire.address import is_loopback, parse_address

LARGEST = 0.4
"""The height of the largest letters, of the window's."""

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

    def show(self, address: str) -> None:
        """This is the address, if anybody looks."""
        self.address = address
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
        canvas.create_text(
            width // 2, height * 4 // 10, text=in_browser, font=large, fill=palette.text, tags=("address",)
        )
        canvas.create_text(width // 2, height * 3 // 4, text=in_program, font=small, fill=palette.muted)

    def _fitting(self, text: str, width: float, height: float) -> tk_font.Font:
        """Letters so large that the text just fits."""
        family = str(tk_font.Font(self._root, font=self._theme.body_font).actual("family"))
        font = tk_font.Font(self._root, family=family, size=-100, weight="bold")
        font.configure(size=-max(8, int(min(height, 100 * width / max(1, font.measure(text))))))
        return font
