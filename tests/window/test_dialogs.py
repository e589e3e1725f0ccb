"""dialogs.py: an executable reads at its start what it needs later, when its files may have gone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from tests.helpers import PATIENCE, ROOT

pytestmark = pytest.mark.usefixtures("needs_display")

USE_EVERYTHING = """
import sys, time, tkinter
sys.frozen = sys.argv[1] == "executable"
import client_gui
from rollcall.window.table_order import as_csv, as_table

windows = []

class Window(client_gui.ClientWindow):
    def __init__(self, *arguments):
        windows.append(self)
        super().__init__(*arguments)

def shut(root):
    # Close the dialog. On Windows it is the system's own, in which Tk goes on to serve its timers.
    for child in root.tk.splitlist(root.tk.call("winfo", "children", ".")):
        if ".__tk" in str(child):
            root.tk.call("destroy", child)
    if sys.platform == "win32" and not shut_of_windows():
        root.after(50, shut, root)  # it is not there yet

def shut_of_windows():
    user32, kernel32 = ctypes.WinDLL("user32"), ctypes.WinDLL("kernel32")
    found = []
    def look(window, unused):
        name = ctypes.create_unicode_buffer(16)
        user32.GetClassNameW(ctypes.c_void_p(window), name, 16)
        if name.value == "#32770" and user32.IsWindowVisible(ctypes.c_void_p(window)):
            found.append(window)
        return 1
    seen = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(look)
    user32.EnumThreadWindows(kernel32.GetCurrentThreadId(), seen, None)
    for window in found:
        user32.PostMessageW(ctypes.c_void_p(window), 0x10, None, None)  # WM_CLOSE
    return found

if sys.platform == "win32":
    import ctypes  # not read late by the window

def use(root):
    window = windows[0]
    field = window.faces.card.server_field
    known = set(sys.modules)
    root.tk.eval("set ::late {}")
    for command in ("source", "load"):
        root.tk.eval("rename %s ::_%s" % (command, command))
        root.tk.eval("proc %s args { lappend ::late [lindex $args end]; uplevel 1 ::_%s $args }" % (command, command))
    window.texts.server.set("localhost:1")
    window.texts.name.set("Mia")
    window.connect()
    deadline = time.monotonic() + 20
    while "Trying again" not in window.texts.status.get():
        root.update()
        assert time.monotonic() < deadline, window.texts.status.get()
    window.leave()
    "n\\u00f6.example".encode("idna")  # what becomes of such a name before any name server is asked
    for act in (window.commands.save_log, window.commands.save_people, window.commands.about):
        root.after(50, shut, root)
        try:
            act()
        except tkinter.TclError as error:
            assert "bad window path" in str(error), error  # it is we who closed it
    root.tk.call("ttk::entry::Select", field, 5, "word")
    root.tk.call("ttk::combobox::Post", field)
    root.update()
    root.tk.call("ttk::combobox::Unpost", field)
    field.focus_force()
    root.update()
    for key in ("<Control-Left>", "<Tab>", "<Shift-Tab>"):
        field.event_generate(key)
    if sys.platform == "win32":  # the menu is the system's own as well, and waits for the person
        root.after(50, ctypes.WinDLL("user32").EndMenu)
    window.menus.context_menu.tk_popup(10, 10)
    window.menus.context_menu.unpost()
    window.commands.copy_people(as_csv)
    window.commands.copy_people(as_table)
    window.memory._file.path.parent.mkdir(parents=True, exist_ok=True)
    window.memory._file.path.write_bytes(b"\\xef\\xbb\\xbf{")
    window.commands.switch_theme(True)
    window.commands.zoom(1)
    root.report_callback_exception(ValueError, ValueError("something"), None)
    print(sorted(set(sys.modules) - known) + list(root.tk.splitlist(root.tk.eval("set ::late"))))
    window.close()

client_gui.ClientWindow, client_gui.show_error = Window, lambda title, text: None
tkinter.Tk.mainloop = use
client_gui.main(["--no-find"])
"""


def read_late(how: str) -> List[str]:
    """Modules of Python and files of Tcl that a window reads after its start, used in every way."""
    done = subprocess.run(
        [sys.executable, "-c", USE_EVERYTHING, how], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout, done.stderr
    found: List[str] = ast.literal_eval(done.stdout)
    return found


def test_an_executable_reads_nothing_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path))
    assert read_late("executable") == []
    late = read_late("script")
    assert "encodings.idna" in late, "the test sees what is read late"
    if sys.platform.startswith("linux"):
        assert any(name.endswith("tkfbox.tcl") for name in late)
