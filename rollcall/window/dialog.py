"""What every dialog of ours is: a window in front of the other, that Escape closes, in which answers may come late.

Belongs to the window and its thread.
"""

from __future__ import annotations

import tkinter as tk
from tkinter import ttk
from typing import Any, Callable, Tuple

from rollcall.window.replies import Reply
from rollcall.window.theme import Theme, set_option


class Dialog(tk.Toplevel):
    """``said`` is a line for what there is to say; whoever builds a dialog puts it somewhere."""

    def __init__(self, root: tk.Misc, theme: Theme, title: str) -> None:
        px = theme.px
        super().__init__(root, background=theme.palette.window, padx=px(18), pady=px(14))
        self.theme = theme
        self.transient(root.winfo_toplevel())
        self.title(theme.drawable(title))
        self.said = ttk.Label(self, justify="left", wraplength=px(640))
        self.bind("<Escape>", lambda event: self.destroy())

    def say(self, text: str, loudness: str = "muted") -> None:
        """One sentence, or some; ``loudness`` is one of the palette's ``loud``."""
        set_option(self.said, "text", self.theme.drawable(text))
        set_option(self.said, "foreground", self.theme.palette.loud[loudness][0])

    def late(self, then: Callable[[Reply], object]) -> Callable[[Reply], object]:
        """``then`` for an answer, which comes when it comes: nothing if the dialog has been closed, and if it was not
        done, only why."""

        def answered(reply: Reply) -> None:
            if not self.winfo_exists():
                return
            if reply.why:
                self.say(reply.why, "bad")
            else:
                then(reply)

        return answered

    def button(self, parent: tk.Misc, text: str, command: Callable[[], object], is_main: bool = False) -> ttk.Button:
        """A button, which somebody places."""
        options: Any = {"style": "Accent.TButton"} if is_main else {}
        return ttk.Button(parent, text=text, command=command, **options)

    def text(self, parent: tk.Misc, **options: Any) -> Tuple[ttk.Frame, tk.Text]:
        """A text of several lines with its scrollbar, and the frame that has both."""
        frame = ttk.Frame(parent)
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(0, weight=1)
        palette, px = self.theme.palette, self.theme.px
        text = tk.Text(
            frame, background=palette.surface, foreground=palette.text, insertbackground=palette.text, relief="flat",
            selectbackground=palette.selected, selectforeground=palette.text, highlightthickness=px(1),
            highlightbackground=palette.line, highlightcolor=palette.accent, padx=px(6), pady=px(4),
            **{"font": self.theme.body_font, **options},
        )  # fmt: skip
        scrollbar = ttk.Scrollbar(frame, orient="vertical", command=text.yview)
        text.configure(yscrollcommand=scrollbar.set)
        text.grid(row=0, column=0, sticky="nsew")
        scrollbar.grid(row=0, column=1, sticky="ns")
        return frame, text
