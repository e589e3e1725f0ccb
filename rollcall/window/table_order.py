"""Which rows the table shows, in which order, and the roster as text for other programs. No widgets.

`TableOrder` keeps the rows by id, the column that they are sorted by, and the filter. `order` is computed anew when
something changed: sorting a thousand short keys takes about a millisecond, less than moving one row on the screen.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import time
from typing import Any, Dict, Iterable, List, Tuple

from protocol import HERE, KICKED, LATE, LEFT, LOST, REPLACED
from rollcall.window.model import UNKNOWN, VANISHED, Changes, Row

NAME, STATE, FOR, ADDRESS = "name", "state", "for", "address"
COLUMNS: Dict[str, str] = {NAME: "Name", STATE: "State", FOR: "Connected for", ADDRESS: "Address"}

STATES: Dict[str, str] = {
    HERE: "● here",
    LATE: "◐ late",
    UNKNOWN: "○ unknown",
    LOST: "✕ connection lost",
    LEFT: "– left",
    KICKED: "– removed",
    REPLACED: "– replaced",
    VANISHED: "– gone",
}
"""A shape and a word for each state, never a colour alone. In the order in which states sort."""

_RANK = {state: number for number, state in enumerate(STATES)}


def state_text(row: Row) -> str:
    """The state, and for who went the time of day."""
    text = STATES.get(row.state, f"– {row.state}")
    return text if row.went is None else f"{text} {time.strftime('%H:%M', time.localtime(row.went))}"


def duration_text(seconds: float) -> str:
    """``0:07``, ``12:34``, ``1:02:03``, ``2 d 3 h``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _address_key(row: Row) -> Tuple[Any, ...]:
    """Addresses as numbers, so that .9 comes before .10; what is no address comes after them."""
    try:
        ip = ipaddress.ip_address(row.ip.partition("%")[0])
    except ValueError:
        return (9, 0, row.ip.casefold(), row.port)
    return (ip.version, int(ip), "", row.port)


def _key(row: Row, column: str) -> Tuple[Any, ...]:
    name = (row.name.casefold(), row.id)
    if column == NAME:
        return name
    if column == STATE:
        return (_RANK.get(row.state, len(_RANK)), *name)
    if column == ADDRESS:
        return (*_address_key(row), *name)
    # Durations grow for all who are here alike, so the order of arrival is theirs; who went comes last.
    return (row.went is not None, -row.arrived, *name)


class TableOrder:
    """The rows to show and their order. One thread only."""

    def __init__(self) -> None:
        self.rows: Dict[int, Row] = {}
        self.column = NAME
        self.descending = False
        self.filter = ""
        self._keys: Dict[int, Tuple[Any, ...]] = {}  # by id, for the column in force

    def update(self, changes: Changes) -> None:
        """Take what `ClientModel.take_changes` gave."""
        for row in changes.shown:
            self.rows[row.id] = row
            self._keys[row.id] = _key(row, self.column)
        for member in changes.gone:
            self.rows.pop(member, None)
            self._keys.pop(member, None)

    def sort_by(self, column: str) -> None:
        """A click on a heading: sort by that column, or the other way round if it is sorted by it already."""
        self.descending = column == self.column and not self.descending
        self.column = column
        self._keys = {row.id: _key(row, column) for row in self.rows.values()}

    def order(self) -> List[int]:
        """The ids to show, top to bottom."""
        wanted = self.filter.casefold().strip()
        members = [member for member, row in self.rows.items() if not wanted or self._matches(row, wanted)]
        members.sort(key=self._keys.__getitem__, reverse=self.descending)
        return members

    @staticmethod
    def _matches(row: Row, wanted: str) -> bool:
        return wanted in row.name.casefold() or wanted in row.address.casefold() or wanted in state_text(row).casefold()


def marked_name(row: Row) -> str:
    """The name, with a mark on our own row."""
    return f"{row.name} (you)" if row.own else row.name


def as_text(rows: Iterable[Row], wall: float) -> str:
    """The rows as lines with aligned columns, for a mail or a chat."""
    table = [tuple(COLUMNS.values())]
    table += [(marked_name(row), state_text(row), duration_text(row.connected_for(wall)), row.address) for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table)
    return "\n".join(lines) + "\n"


def as_csv(rows: Iterable[Row], wall: float) -> str:
    """The rows as comma-separated values (RFC 4180), times in ISO 8601.

    A name is written by a stranger, and spreadsheets take what begins with = + - @ for a formula: such cells get an
    apostrophe in front, as OWASP advises.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["name", "state", "seconds", "arrived", "went", "address", "port"])
    for row in rows:
        arrived = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(row.arrived))
        went = "" if row.went is None else time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(row.went))
        cells = [row.name, row.state, int(row.connected_for(wall)), arrived, went, row.ip, row.port]
        writer.writerow([_harmless(cell) for cell in cells])
    return file.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
