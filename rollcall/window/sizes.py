"""The sizes of the window: one for the list, one for the small faces, each remembered. No size is taken from a person
who has made the window as large as the screen. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from dataclasses import replace
from typing import Callable, Dict, Tuple

from rollcall.window.faces import LEAST_SIZES, SIZES, TEACHER
from rollcall.window.settings import Settings
from rollcall.window.theme import Theme

Size = Tuple[int, int]


class Sizes:
    """``remember`` changes the settings. Sizes are pixels of a screen of 96 dots to the inch."""

    def __init__(
        self,
        root: tk.Tk,
        theme: Theme,
        settings: Settings,
        remember: Callable[[Callable[[Settings], Settings]], object],
    ) -> None:
        self._root, self._theme, self._remember = root, theme, remember
        self._last: Dict[bool, Size] = {
            True: (settings.width, settings.height), False: (settings.small_width, settings.small_height)
        }  # fmt: skip
        self._is_large = False
        self._opened_with: Size = (0, 0)
        self._fitted: Tuple[str, int, int] = ("", 0, 0)

    def begin(self, face: str) -> None:
        """The first face, or one of the other kind."""
        self._is_large = face == TEACHER
        remembered, usual, least = self._last[self._is_large], SIZES[face], self._least(face, 0)
        size = max(remembered[0] or usual[0], least[0]), max(remembered[1] or usual[1], least[1])
        if self._is_maximised():
            self._theme.bound_window(least)
            self._opened_with = self._theme.window_size()
        else:
            self._opened_with = self._theme.size_window(size, least)

    def fit(self, face: str, needs: int) -> None:
        """That face is shown, and ``needs`` so many dots of height. Cheap if nothing is another."""
        fitted = (face, needs, self._theme.zoom)
        if fitted == self._fitted:
            return
        self._fitted = fitted
        if (face == TEACHER) != self._is_large:
            self.keep()
            self.begin(face)
            return
        least, size = self._least(face, needs), self._theme.window_size()
        if (0 < size[0] < least[0] or 0 < size[1] < least[1]) and not self._is_maximised():
            self._theme.size_window((max(size[0], least[0]), max(size[1], least[1])), least)
            self._opened_with = self._theme.window_size() if self._opened_with == size else self._opened_with
        else:
            self._theme.bound_window(least)
            if not size[0] and self._opened_with[1] < least[1]:  # not on the screen yet
                self._opened_with = self._theme.size_window((self._opened_with[0], least[1]), least)

    def _least(self, face: str, needs: int) -> Size:
        """The smallest size for a face, at the zoom that there is."""
        width, height = (round(side * self._theme.zoom / 100) for side in LEAST_SIZES[face])
        return width, max(height, round(needs / self._theme.density))

    def keep(self) -> None:
        """Remember the size, if the person has changed it: else it would undo what another window has made of it."""
        size = self._theme.window_size()
        if not size[0] or size == self._opened_with or self._is_maximised():
            return
        self._last[self._is_large] = size
        if self._is_large:
            self._remember(lambda before: replace(before, width=size[0], height=size[1]))
        else:
            self._remember(lambda before: replace(before, small_width=size[0], small_height=size[1]))

    def _is_maximised(self) -> bool:
        try:
            return bool(self._root.attributes("-zoomed"))
        except tk.TclError:
            return self._root.state() == "zoomed"
