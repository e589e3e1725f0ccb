"""clipboard.py: what was copied outlives the window, and is what was meant."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any, Iterator

import pytest

import client_gui
from tests.helpers import ROOT, Program, wait_until

tk: Any = pytest.importorskip("tkinter", reason="this Python has no Tk")
pytestmark = pytest.mark.usefixtures("needs_display")

MANAGER = """
import sys, time, tkinter
root = tkinter.Tk()
root.withdraw()
kept = []

def save(offset, length):
    # As the specification says: everything that the owner of CLIPBOARD offers is asked for while it still waits.
    if "UTF8_STRING" in root.selection_get(selection="CLIPBOARD", type="TARGETS"):
        kept[:] = [root.selection_get(selection="CLIPBOARD", type="UTF8_STRING")]
    root.after(1, take_over)
    return ""

def take_over():
    root.clipboard_clear()
    root.clipboard_append(kept[0])
    print("kept", ascii(kept[0]))

if sys.argv[1] == "hangs":
    save = lambda offset, length: time.sleep(60)
root.selection_handle(save, selection="CLIPBOARD_MANAGER", type="SAVE_TARGETS")
root.selection_own(selection="CLIPBOARD_MANAGER")
root.update()
print("managing")
root.mainloop()
"""


@contextmanager
def manager(how: str = "works") -> Iterator[Program]:
    """A clipboard manager, as desktops have one."""
    with Program("-c", MANAGER, how) as program:
        program.wait_for_line("^managing$")
        yield program


@contextmanager
def window(name: str = "Me") -> Iterator[Any]:
    built = client_gui.ClientWindow(tk.Tk(className="Rollcall"), "127.0.0.1:1", name)
    try:
        built.root.update()
        yield built
    finally:
        built.close()


def pasted() -> str:
    """What another program gets."""
    script = "import tkinter; print(ascii(tkinter.Tk().clipboard_get()))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def only_on_x11() -> None:
    if sys.platform == "win32":
        pytest.skip("Windows itself keeps the clipboard")
    root = tk.Tk()
    system = root.tk.call("tk", "windowingsystem")
    root.destroy()
    if system != "x11":
        pytest.skip("elsewhere the system keeps the clipboard")


@pytest.mark.parametrize("how", ["menu", "field", "cut"])
def test_what_was_copied_is_still_there_when_the_window_has_closed(how: str) -> None:
    with manager() as program:
        with window("Zoë \N{WOMAN}") as me:
            if how == "menu":
                me.commands.copy_address()
            else:
                field = me.faces.card.name_field
                field.focus_force()
                me.root.update()
                field.event_generate("<Control-a>")
                field.event_generate("<<Copy>>" if how == "field" else "<<Cut>>")
        expected = ascii("127.0.0.1:1" if how == "menu" else "Zoë \N{WOMAN}")
        program.wait_for_line("^kept ")
        assert program.stdout_lines == ["managing", f"kept {expected}"]
        assert wait_until(pasted, "the manager to have it") == expected


def test_without_a_manager_or_without_a_copy_the_window_closes_at_once() -> None:
    begun = time.monotonic()
    with window() as me:
        me.commands.copy_address()
    with manager("hangs"), window():
        pass
    assert time.monotonic() - begun < 4, "nobody was waited for"


def test_copying_nothing_in_a_field_is_no_error() -> None:
    with window() as me:
        failures = []
        me.root.report_callback_exception = lambda *failure: failures.append(failure)
        me.root.clipboard_clear()
        me.faces.card.name_field.focus_force()
        me.root.update()
        me.faces.card.name_field.selection_clear()
        me.faces.card.name_field.event_generate("<<Copy>>")
        me.root.update()
        assert failures == []
