"""What menus and keys do that has nothing to do with the connection: copying, saving, searching, and the look.

Belongs to the window and its thread.
"""

from __future__ import annotations

import tempfile
import time
import tkinter as tk
import webbrowser
from dataclasses import replace
from pathlib import Path
from tkinter import filedialog, messagebox
from typing import Any, Callable, List, Protocol

from protocol import __version__
from rollcall.program.files import patiently
from rollcall.window.clipboard import Clipboard
from rollcall.window.dialogs import answer
from rollcall.window.faces import TEACHER, Faces, Texts
from rollcall.window.listing import Listing
from rollcall.window.model import ClientModel
from rollcall.window.notices import Notices
from rollcall.window.people import Person
from rollcall.window.print_page import page
from rollcall.window.saving import documents_folder
from rollcall.window.settings import Settings
from rollcall.window.table_order import TableOrder, as_csv
from rollcall.window.theme import DARK, LIGHT, Theme
from rollcall.wire.address import Address
from rollcall.wire.text import counted

ABOUT = f"Rollcall {__version__}\n\nWho is connected right now, and are they really still there?"

ZOOM_STEPS = (50, 67, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300)
"""Percent, as browsers have them."""


class Window(Protocol):
    """What these commands work on."""

    root: tk.Tk
    theme: Theme
    faces: Faces
    texts: Texts
    order: TableOrder
    notices: Notices
    model: ClientModel
    clipboard: Clipboard
    closed: bool

    @property
    def listing(self) -> Listing: ...
    def look_anew(self) -> None: ...
    def remember(self, edit: Callable[[Settings], Settings]) -> None: ...


class Commands:
    """The commands of ``window``."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.details = window.texts.details
        window.texts.search.trace_add("write", lambda *unused: self.follow_search())
        # What a test puts something else in place of.
        self.ask_file: Callable[..., str] = filedialog.asksaveasfilename
        self.show_page: Callable[[str], bool] = webbrowser.open
        self.show_message: Callable[..., object] = messagebox.showinfo

    # --- people ---------------------------------------------------------------------------------------------------

    def _chosen(self) -> List[Person]:
        """The selected people, or else all that are listed."""
        table = self._window.faces.teacher.table
        return table.selected() or table.listed()

    def copy_people(self, form: Callable[[List[Person], float], str]) -> None:
        """The selected people in that form, or else everybody listed."""
        chosen = self._chosen()
        self._window.clipboard.copy(form(chosen, time.time()))
        self._window.notices.show(f"Copied {counted(len(chosen), 'row')}.", log=False)

    def copy_address(self) -> None:
        """The addresses of the selected people, or where this window is connected to."""
        rows = self._window.faces.teacher.table.selected()
        self._window.clipboard.copy(
            "\n".join([str(Address(row.ip, row.port)) for row in rows if row.ip] or [self._window.texts.server.get()])
        )
        what = counted(len(rows), "address").replace("addresss", "addresses") if rows else "the server's address"
        self._window.notices.show(f"Copied {what}.", log=False)

    def save_people(self) -> None:
        """Ask for a file and write the list to it, as CSV."""
        if self._window.faces.kind != TEACHER:
            return
        name = time.strftime("rollcall %Y-%m-%d %H-%M.csv")
        file = self._ask(title="Save the list", initialfile=name, defaultextension=".csv")
        if not file:
            return
        people = self._chosen()
        try:
            # With a byte order mark: without one, Excel takes UTF-8 for something else.
            with patiently(lambda: open(file, "w", encoding="utf-8-sig", newline="")) as saved:
                saved.write(as_csv(people, time.time()))
        except OSError as error:
            self._window.notices.show(
                f"The list was not saved: {file}: {error.strerror or error}. Choose another place."
            )
            return
        self._window.notices.show(f"Saved {counted(len(people), 'row')} to {file}.")

    def print_people(self) -> None:
        """One page with everybody, to be printed from where the person reads the web."""
        window = self._window
        if window.faces.kind != TEACHER:
            return
        book = window.listing.book
        title = book.title() if book.is_set else window.model.server_name or window.model.address
        window.notices.show(self.open_page(page(title, list(window.order.people.values()), book.is_set, time.time())))

    def open_page(self, text: str) -> str:
        """A page of HTML, where the person reads the web; what there is to say about it."""
        try:
            descriptor, name = tempfile.mkstemp(prefix="rollcall ", suffix=".html")  # 0600: it has names
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            is_shown = self.show_page(Path(name).as_uri())
        except OSError as error:
            return f"The page could not be made: {error.strerror or error}."
        return "" if is_shown else f"No program was found that shows the page; it is {name}."

    def save_text(self, name: str, text: str) -> str:
        """Ask for a file and write what the server has made to it; what there is to say about it."""
        file = self._ask(title="Save", initialfile=name, defaultextension=Path(name).suffix)
        if not file:
            return ""
        try:
            with patiently(lambda: open(file, "w", encoding="utf-8", newline="")) as saved:
                saved.write(text)
        except OSError as error:
            return f"That was not saved: {file}: {error.strerror or error}. Choose another place."
        return f"Saved to {file}."

    def _ask(self, **options: Any) -> str:
        where = {"initialdir": documents_folder(), "parent": self._window.root}
        found: str = answer(self.ask_file, lambda: self._window.closed, **where, **options) or ""
        return found

    def save_log(self) -> None:
        """Ask for a file and write the activity to it, as it is filtered."""
        self._window.notices.show(self._window.faces.teacher.log.save(self._ask))

    def copy_log(self, text: str) -> None:
        """The activity, as it is filtered."""
        self._window.clipboard.copy(text)
        self._window.notices.show(f"Copied {counted(text.count(chr(10)), 'line')}.", log=False)

    def search(self) -> None:
        """Put the cursor into the search."""
        if self._window.faces.kind == TEACHER:
            self._window.faces.teacher.focus_search()

    def follow_search(self) -> None:
        """Something was typed into it."""
        text = self._window.texts.search.get()
        if text != self._window.order.filter:
            self._window.order.filter = text
            self._window.faces.teacher.table.arrange()
        self._window.faces.teacher.show_found()

    def show_everybody(self) -> None:
        """No filter any more."""
        self._window.texts.search.set("")
        self._window.faces.teacher.press(None)

    def project(self) -> None:
        """Who is here, on the whole screen; or that no more."""
        faces = self._window.faces
        if faces.projector.is_open:
            faces.projector.close()
        elif faces.kind == TEACHER:
            faces.projector.open()

    # --- the look -------------------------------------------------------------------------------------------------

    def show_details(self) -> None:
        """Addresses and times, or not."""
        self._window.faces.teacher.table.show_details(self.details.get())

    def switch_theme(self, is_dark: bool) -> None:
        """As the menu's "Dark theme" says, now and at the next start."""
        self._window.theme.use(DARK if is_dark else LIGHT)
        self._window.look_anew()
        name = self._window.theme.name
        self._window.remember(lambda before: replace(before, theme=name))

    def zoom(self, step: int) -> None:
        """One step larger (1) or smaller (-1), or the usual size (0); remembered."""
        theme = self._window.theme
        if step > 0:
            percent = next((size for size in ZOOM_STEPS if size > theme.zoom), ZOOM_STEPS[-1])
        elif step < 0:
            percent = next((size for size in reversed(ZOOM_STEPS) if size < theme.zoom), ZOOM_STEPS[0])
        else:
            percent = 100
        if percent != theme.zoom:
            theme.zoom_to(percent)
            self._window.look_anew()
            self._window.remember(lambda before: replace(before, zoom=percent))

    def about(self) -> None:
        """Who we are."""
        window = self._window
        answer(self.show_message, lambda: window.closed, title="About Rollcall", message=ABOUT, parent=window.root)
