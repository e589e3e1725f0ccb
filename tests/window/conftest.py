"""What holds for every test of the window."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def display() -> None:
    """Tk keeps its connection to the display for the life of the process: it is no test's leftover."""
    try:
        import tkinter
    except ImportError:
        return  # needs_display says so
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError:
        pass
