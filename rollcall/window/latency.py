"""The latency strip: the last round trips as bars, gaps where a heartbeat went unanswered.

A connection that dies shows here first: bars grow, then a gap opens. Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any, Iterable, List

from rollcall.window.model import BEATS, Beat
from rollcall.window.theme import Theme

HEIGHT = 34
LEAST_TOP = 0.002
"""Seconds at the top of the strip, at least: on a quiet network the noise must not look like mountains."""


class LatencyStrip(tk.Canvas):
    """Draws heartbeats, the newest at the right. Empty until there is one."""

    def __init__(self, parent: tk.Misc, theme: Theme) -> None:
        super().__init__(parent, height=theme.px(HEIGHT), highlightthickness=0, borderwidth=0, takefocus=False)
        self._theme = theme
        self._beats: List[Beat] = []
        self.bind("<Configure>", lambda event: self.draw(self._beats))
        self.configure(background=theme.palette.surface)

    def draw(self, beats: Iterable[Beat]) -> None:
        """Show these, oldest first. The newest may still be under way and is no gap yet."""
        self._beats = list(beats)
        self.delete("all")
        width, height = self.winfo_width(), self.winfo_height()
        step = max(self._theme.px(3), width // BEATS)
        room = max(1, width // step)
        shown = self._beats[-room:]
        trips = [beat.seconds for beat in shown if beat.seconds is not None]
        top = max([LEAST_TOP, *trips]) * 1.1
        palette = self._theme.palette
        good, bad = (palette.loud[kind][0] for kind in ("good", "bad"))
        for number, beat in enumerate(reversed(shown)):
            right = width - number * step
            where: Any = (right - step, 0, right - 1, height)
            if beat.seconds is not None:
                tall = max(self._theme.px(2), height * beat.seconds / top)
                where = (right - step, height - tall, right - 1, height)
                self.create_rectangle(*where, fill=good, width=0, tags="trip")
            elif number > 0:
                self.create_rectangle(*where, fill=palette.gap, width=0, tags="gap")
                cross = self._theme.px(4)
                self.create_text(right - step / 2, height - cross, text="×", fill=bad, anchor="s", tags="cross")


class LatencyBar(ttk.Frame):
    """The strip with its title and, at its end, the text of ``round_trip``."""

    def __init__(self, parent: tk.Misc, theme: Theme, round_trip: tk.StringVar) -> None:
        super().__init__(parent)
        self.columnconfigure(1, weight=1)
        ttk.Label(self, text="Round trip", style="Strong.TLabel").grid(row=0, column=0, padx=(0, theme.px(10)))
        self.strip = LatencyStrip(self, theme)
        self.strip.grid(row=0, column=1, sticky="ew")
        trip = ttk.Label(self, textvariable=round_trip, style="Muted.TLabel", width=26, anchor="e")
        trip.grid(row=0, column=2)
