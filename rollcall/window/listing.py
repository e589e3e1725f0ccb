"""Who is in the list: the roster's members, or the class as the server judges it where one is set. No widgets.

One thread only, as the model and the order that it stands between.
"""

from __future__ import annotations

from rollcall.window.class_book import ClassBook
from rollcall.window.members import Changes
from rollcall.window.model import CONNECTED, ClientModel
from rollcall.window.people import of_row
from rollcall.window.table_order import TableOrder


class Listing:
    """``order`` has the people, ``book`` the class."""

    def __init__(self) -> None:
        self.order = TableOrder()
        self.book = ClassBook()
        self._has_class = False
        self._seen = -1
        self._was_fresh = False

    def refresh(self, model: ClientModel) -> None:
        """Take what has changed since the last call."""
        changes, book, had_class = model.take_changes(), self.book, self._has_class
        self._has_class = book.is_set
        is_another, self._seen = self._seen != book.changed, book.changed
        if book.is_set:
            if is_another or changes.shown or changes.gone:
                self._refresh_class(model, changes, had_class)
        elif had_class:
            self.order.replace(map(of_row, model.all_rows()))
        else:
            moved = {str(old): str(new) for old, new in changes.moved.items()}
            self.order.update(map(of_row, changes.shown), map(str, changes.gone), moved)

    def _refresh_class(self, model: ClientModel, changes: Changes, had_class: bool) -> None:
        """Only who is another: a class may have a thousand names."""
        book, rows, is_fresh = self.book, model.rows(), model.phase == CONNECTED
        keys = book.take_moved()
        if keys is None or not had_class or is_fresh != self._was_fresh:
            self.order.replace(book.people(book.rows, rows, is_fresh))
        else:
            members = {model.server_id(row) for row in (*(shown.id for shown in changes.shown), *changes.gone)}
            keys |= book.keys_of(members)
            self.order.revise(book.people(keys, rows, is_fresh), [key for key in keys if key not in book.rows])
        self._was_fresh = is_fresh
