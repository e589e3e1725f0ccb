"""The upper edge of the window: where to connect to and as whom, and how that stands.

The state is a pill that cannot be missed, with a sentence beside it: why, and what comes next. What is in the fields
and in the sentence belongs to the window, as Tk variables. Belongs to the window's thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Callable, Sequence

from rollcall.window.model import CONNECTED, ClientModel
from rollcall.window.theme import Theme, set_option


class ConnectionBar(ttk.Frame):
    """Fields, buttons and the state. ``toggle`` connects or disconnects, ``connect`` and ``retry`` do what they say."""

    def __init__(
        self,
        parent: tk.Misc,
        theme: Theme,
        server: tk.StringVar,
        name: tk.StringVar,
        status: tk.StringVar,
        toggle: Callable[[], object],
        connect: Callable[[], object],
        retry: Callable[[], object],
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self.columnconfigure(0, weight=1)
        self._build_form(server, name, toggle)
        self._build_state(status, retry)
        for field in (self.server_field, self.name_field):
            field.bind("<Return>", lambda event: connect())

    def _build_form(self, server: tk.StringVar, name: tk.StringVar, toggle: Callable[[], object]) -> None:
        px = self._theme.px
        form = ttk.Frame(self)
        form.grid(row=0, column=0, sticky="ew", pady=(0, px(6)))
        form.columnconfigure(1, weight=3, minsize=px(130))
        form.columnconfigure(3, weight=2, minsize=px(72))
        self.server_field = ttk.Combobox(form, textvariable=server, width=14)
        self.name_field = ttk.Entry(form, textvariable=name, width=9)
        ttk.Label(form, text="Server").grid(row=0, column=0, padx=(0, px(5)))
        self.server_field.grid(row=0, column=1, sticky="ew")
        ttk.Label(form, text="Name").grid(row=0, column=2, padx=(px(8), px(5)))
        self.name_field.grid(row=0, column=3, sticky="ew")
        self.connect_button = ttk.Button(form, text="Connect", command=toggle, width=10, style="Accent.TButton")
        self.connect_button.grid(row=0, column=4, padx=(px(8), 0))

    def _build_state(self, status: tk.StringVar, retry: Callable[[], object]) -> None:
        px = self._theme.px
        bar = ttk.Frame(self)
        bar.grid(row=1, column=0, sticky="ew")
        bar.columnconfigure(1, weight=1)
        self.pill = tk.Label(bar, font=self._theme.strong_font, padx=px(12), pady=px(5))
        self.pill.grid(row=0, column=0, sticky="nw")
        self.status = ttk.Label(bar, textvariable=status, justify="left", wraplength=px(300))
        self.status.grid(row=0, column=1, sticky="w", padx=px(10))
        for part in (bar, self.pill):  # a longer word in the pill leaves less for the sentence
            part.bind("<Configure>", lambda event: self._wrap_status(bar.winfo_width()))
        self.retry_button = ttk.Button(bar, text="Retry now", command=retry)
        self.retry_button.grid(row=0, column=2, sticky="ne")

    def _wrap_status(self, width: int) -> None:
        taken = self.pill.winfo_reqwidth() + self.retry_button.winfo_reqwidth() + self._theme.px(24)
        self.status.configure(wraplength=max(self._theme.px(100), width - taken))

    def offer(self, servers: Sequence[str]) -> None:
        """The servers to choose from, the most recent first."""
        self.server_field.configure(values=list(servers))

    def complain_about(self, field: ttk.Entry) -> None:
        """Put the cursor where the person must type, the text there selected."""
        field.focus_set()
        field.selection_range(0, "end")

    def show(self, model: ClientModel, now: float, running: bool, complaint: bool) -> None:
        """How it stands at ``now`` (monotonic seconds). ``running``: a client works for us; ``complaint``: the sentence
        is about a mistake in a field."""
        palette = self._theme.palette
        set_option(self.pill, "text", model.pill(now))
        set_option(self.pill, "background", palette.pills[model.phase])
        set_option(self.pill, "foreground", palette.pill_text)
        set_option(self.status, "foreground", palette.bad if complaint else palette.text)
        set_option(self.connect_button, "text", "Disconnect" if running else "Connect")
        for field in (self.server_field, self.name_field):
            set_option(field, "state", "disabled" if running else "normal")
        waiting = running and model.is_running and model.phase != CONNECTED
        set_option(self.retry_button, "state", "normal" if waiting else "disabled")
