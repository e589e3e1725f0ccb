"""Text that a person types: what the keys do everywhere else, and characters that Tk cannot draw.

On X11 some builds of Tk 8.6 abort when they draw a coloured emoji (see `theme.UNSAFE_ON_X11`), and a field draws what
is typed or pasted into it. A replacement character would be safe, but then a name would be sent as "� Ada". So a field
shows a *stand-in* for each such character, one of Unicode's private use area, which appears as a box, and
`FieldText.get` has the real one again. Nothing else in the program ever sees a stand-in.

Belongs to the window and its thread.
"""

from __future__ import annotations

import re
import tkinter as tk
from tkinter import ttk
from typing import Dict, Optional

from rollcall.window.theme import UNSAFE_ON_X11, is_x11

FIRST, LAST = 0xE100, 0xF8FF
"""The code points of stand-ins. More than 6,000: whoever has typed that many different ones gets U+FFFD."""

_STAND_INS = re.compile(f"[{chr(FIRST)}-{chr(LAST)}]")


class StandIns:
    """Characters that cannot be drawn, and what stands for each. One for a window: text goes from field to field."""

    def __init__(self, root: tk.Tk) -> None:
        self._is_x11 = is_x11(root)
        self._shown: Dict[str, str] = {}
        self._real: Dict[str, str] = {}

    def shown(self, text: str) -> str:
        """The text as it can be drawn."""
        return UNSAFE_ON_X11.sub(lambda match: self._stand_in(match.group()), text) if self._is_x11 else text

    def real(self, text: str) -> str:
        """The text that was meant."""
        return _STAND_INS.sub(lambda match: self._real.get(match.group(), match.group()), text)

    def _stand_in(self, char: str) -> str:
        if char not in self._shown:
            code = FIRST + len(self._shown)
            if code > LAST:
                return "\ufffd"
            self._shown[char], self._real[chr(code)] = chr(code), char
        return self._shown[char]


class FieldText(tk.StringVar):
    """The text of a field. `get` and `set` are about what is meant; what the field has is always safe to draw."""

    def __init__(self, root: tk.Tk, stand_ins: StandIns, text: str = "") -> None:
        self._stand_ins = stand_ins
        self._field: Optional[ttk.Entry] = None
        super().__init__(root, stand_ins.shown(text))
        self.trace_add("write", lambda *unused: self._make_safe())

    def belongs_to(self, field: ttk.Entry) -> None:
        """The field whose cursor must stay where it is."""
        self._field = field

    def get(self) -> str:
        """The text that was meant."""
        return self._stand_ins.real(super().get())

    def set(self, text: str) -> None:
        """Put this into the field."""
        # Not left to the trace: while one runs, a field does not hear of another change of its variable.
        super().set(self._stand_ins.shown(text))

    def _make_safe(self) -> None:
        # A field that is typed or pasted into sets the variable, looks whether that is still what it has set, and draws
        # later, when Tk is idle.
        raw = super().get()
        shown = self._stand_ins.shown(raw)
        if shown != raw:
            if self._field is not None:
                # Tk 8.6 counts an emoji as two characters, and has moved the cursor by that.
                surplus = int(self._field.index("end")) - len(shown)
                self._field.icursor(int(self._field.index("insert")) - max(0, surplus))
            super().set(shown)


def select_all_with_control_a(root: tk.Tk) -> None:
    """On X11 Tk's Ctrl+A goes to the start of the line, as in Emacs; everywhere else it selects all."""
    if is_x11(root):
        for key in ("<Control-Key-a>", "<Control-Lock-Key-A>"):
            root.event_delete("<<LineStart>>", key)
            root.event_add("<<SelectAll>>", key)
