"""The projector: the whole screen shows who is here, for a class that looks at it from its seats.

F11 opens and closes it, Escape closes it; M shows the names of who is missing, until it is pressed again. If the server
goes, the last picture stays and says of when it is. Everything is drawn on one canvas, and only when something is
another. Belongs to the window and its thread.
"""

from __future__ import annotations

import sys
import time
import tkinter as tk
from tkinter import font as tk_font
from typing import Any, Callable, Dict, List, Optional, Tuple

from rollcall.window.diary import minute_text
from rollcall.window.names import clipped
from rollcall.window.people import Person
from rollcall.window.projector_layout import DASHED, DOTTED, PAGE_FOR, Grid, Picture, Tile, grid, picture
from rollcall.window.theme import Theme

EMPTY = Picture("", (), ())
ZOOM_KEYS = {"plus": 1, "equal": 1, "KP_Add": 1, "minus": -1, "KP_Subtract": -1, "0": 0, "KP_0": 0}
MOST_WIDTHS = 5000
"""Names whose width is kept."""


class Projector:
    """The picture on the whole screen. `open` and `close` it; `show` gives it what there is."""

    def __init__(self, root: tk.Tk, theme: Theme, closed: Callable[[], object]) -> None:
        self._root, self._theme, self._closed = root, theme, closed
        self._window: Optional[tk.Toplevel] = None
        self._canvas: Any = None
        self._picture = EMPTY
        self._about: Tuple[Any, ...] = ()  # what the picture was made of
        self._as_of = 0.0  # wall time of the picture
        self._is_fresh = True
        self._drawn: Tuple[Any, ...] = ()
        self._page_since, self._page = 0.0, 0
        self._widths: Dict[Tuple[str, int], float] = {}
        self._fonts: Dict[int, tk_font.Font] = {}  # of what is drawn
        self.shows_missing = False
        self.zoom: Callable[[int], object] = lambda step: None
        """One step larger (1) or smaller (-1), or the usual size (0): everything, this picture as well."""

    @property
    def is_open(self) -> bool:
        """True while it covers the screen."""
        return self._window is not None

    def open(self) -> None:
        """Cover the screen. The missing are a number, whatever was shown before."""
        self.shows_missing = False
        self._window = window = tk.Toplevel(self._root, class_="Rollcall")
        window.title("Rollcall")
        window.geometry(f"{window.winfo_screenwidth()}x{window.winfo_screenheight()}+0+0")
        window.attributes("-fullscreen", True)
        self._canvas = tk.Canvas(window, highlightthickness=0, borderwidth=0, cursor="none")
        self._canvas.pack(fill="both", expand=True)
        self._canvas.bind("<Configure>", lambda event: self._draw())
        for key, command in (("<F11>", self.close), ("<Escape>", self.close), ("m", self.toggle_missing)):
            window.bind(key, lambda event, command=command: command())  # type: ignore[misc]
        window.bind("M", lambda event: self.toggle_missing())
        # Not passed on as events: Tk gives a key to who has the focus, which is this window again.
        modifiers = ("Control", "Command") if sys.platform == "darwin" else ("Control",)
        for modifier in modifiers:
            for key, step in ZOOM_KEYS.items():
                window.bind(f"<{modifier}-Key-{key}>", lambda event, step=step: self.zoom(step))  # type: ignore[misc]
        window.protocol("WM_DELETE_WINDOW", self.close)
        self._drawn = ()
        window.focus_force()

    def close(self) -> None:
        """Uncover it."""
        window, self._window = self._window, None
        if window is not None:
            window.destroy()
            self._closed()

    def toggle_missing(self) -> None:
        """The names of the missing, or only their number."""
        self.shows_missing = not self.shows_missing

    def show(
        self, title: str, people: List[Person], version: int, has_class: bool, is_fresh: bool, now: float, wall: float
    ) -> None:
        """Show these people, who are the same as long as the ``version`` is. Where that is not ``is_fresh`` (there is
        no connection) the last picture stays."""
        if self._window is None:
            return
        self._is_fresh = is_fresh
        if is_fresh or self._picture is EMPTY:
            about, self._as_of = (title, version, has_class, self.shows_missing), wall
            if about != self._about:
                self._about, self._picture = about, picture(title, people, has_class, self.shows_missing)
        if now - self._page_since >= PAGE_FOR:
            self._page_since, self._page = now, self._page + 1
        self._draw()

    def redraw(self) -> None:
        """The look is another."""
        self._drawn = ()
        self._widths.clear()
        if self._window is not None:
            self._draw()

    # --- drawing --------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        width, height = self._canvas.winfo_width(), self._canvas.winfo_height()
        if width <= 1:
            return
        clock = minute_text(time.time() if self._is_fresh else self._as_of)
        picture, zoom = self._picture, self._theme.zoom / 100
        drawn = (picture, clock, self._is_fresh, width, height, zoom, self._page, self._theme.name)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self._canvas.delete("all")
        self._fonts = {}
        self._canvas.configure(background=self._theme.palette.surface)
        margin = height // 30
        head = round(height / 18 * min(zoom, 1.5))
        top = margin + head + margin
        tiles = [*picture.tiles, *([Tile("", picture.guests, "", "muted", "")] if picture.guests else [])]
        widest = max([self._width(tile.name, head) for tile in tiles] or [1.0])
        plan = grid(len(tiles), widest, width - 2 * margin, height - top - margin, height, zoom)
        page = self._page % plan.pages
        self._draw_head(clock, margin, head, width, f"{page + 1}/{plan.pages}" if plan.pages > 1 else "")
        on_page = max(1, plan.on_page(len(tiles)))
        self._draw_tiles(tiles[page * on_page :][:on_page], plan, (margin, top, width - margin, height - margin))

    def _width(self, name: str, size: int) -> float:
        """Of the name in letters of that height, as a part of it. Tk is asked once for each name: it takes its time."""
        if (name, size) not in self._widths:
            if len(self._widths) > MOST_WIDTHS:
                self._widths.clear()
            self._widths[name, size] = self._font(size).measure(self._theme.drawable(name)) / size
        return self._widths[name, size]

    def _font(self, size: float) -> tk_font.Font:
        """Strong letters of that height. In use at once: Tk makes and forgets, for each question, what nobody uses."""
        pixels = max(1, round(size))
        if pixels not in self._fonts:
            family = str(tk_font.Font(self._root, font=self._theme.body_font).actual("family"))
            font = self._fonts[pixels] = tk_font.Font(self._root, family=family, size=-pixels, weight="bold")
            self._canvas.create_text(-10_000, 0, text=".", font=font)
        return self._fonts[pixels]

    def _draw_head(self, clock: str, margin: int, size: int, width: int, page: str) -> None:
        canvas, palette = self._canvas, self._theme.palette
        y = margin + size // 2
        right = clock if self._is_fresh else f"as of {clock}"
        if page:
            right = f"{page}    {right}"
        kind = "muted" if self._is_fresh else "warn"
        end = canvas.create_text(
            width - margin, y, text=right, anchor="e", font=self._font(size * 0.75), fill=palette.loud[kind][0],
            tags=("clock",),
        )  # fmt: skip
        limit = canvas.bbox(end)[0] - margin
        x = margin
        texts = [(self._theme.drawable(self._picture.title), palette.text)]
        texts += [(text, palette.loud[kind][0]) for text, kind in self._picture.numbers]
        height = size
        wanted = sum(self._font(size).measure(text) + size for text, _ in texts)
        size = min(size, max(8, size * (limit - x) // max(1, wanted)))  # no number is cut off
        font = self._font(size)
        canvas.itemconfigure(end, font=self._font(min(size, 0.75 * height)))  # the time is not what is large
        for text, colour in texts:
            canvas.create_text(x, y, text=text, anchor="w", font=font, fill=colour, tags=("head",))
            x += font.measure(text) + size
        if not self._is_fresh:
            colour = palette.loud["warn"][0]
            canvas.create_rectangle(2, 2, width - 3, canvas.winfo_height() - 3, outline=colour, width=6)

    def _draw_tiles(self, tiles: List[Tile], plan: Grid, place: Tuple[int, int, int, int]) -> None:
        left, top, right, bottom = place
        gap, size = plan.gap, plan.size
        wide = (right - left - gap * (plan.columns - 1)) // plan.columns
        rows = max(1, -(-len(tiles) // plan.columns))
        tall = min((bottom - top - gap * (rows - 1)) // rows, round(3.2 * size))
        for number, tile in enumerate(tiles):
            row, column = divmod(number, plan.columns)
            self._draw_tile(tile, left + column * (wide + gap), top + row * (tall + gap), wide, tall, size)

    def _draw_tile(self, tile: Tile, x: int, y: int, wide: int, tall: int, size: int) -> None:
        canvas, palette = self._canvas, self._theme.palette
        front, ground = palette.loud[tile.loudness]
        font = self._font(size)
        thick = max(2, size // (10 if tile.outline != DOTTED else 16))
        dash: Any = {DASHED: (4 * thick, 3 * thick), DOTTED: (thick, 2 * thick)}.get(tile.outline, ())
        canvas.create_rectangle(
            x + thick // 2, y + thick // 2, x + wide - thick // 2, y + tall - thick // 2, width=thick, outline=front,
            dash=dash, fill=ground if tile.outline != DOTTED else palette.surface, tags=("tile",),
        )  # fmt: skip
        begin = x + round(0.7 * size)
        middle = y + tall // 2 if not tile.word else y + round(0.38 * tall)
        if tile.sign:
            canvas.create_text(begin, middle, text=tile.sign, anchor="w", font=font, fill=front)
            begin += round(1.15 * size)
        room = x + wide - begin - round(0.4 * size)
        name = clipped(self._theme.drawable(tile.name), room, font.measure)
        colour = palette.text if tile.sign else front
        canvas.create_text(begin, middle, text=name, anchor="w", font=font, fill=colour, tags=("name",))
        if tile.word:
            below = y + round(0.77 * tall)
            canvas.create_text(
                begin, below, text=tile.word, anchor="w", font=self._font(0.55 * size), fill=front, tags=("word",)
            )
