"""A report before it has a form: headings, columns, rows of cells. What a terminal and a page of paper have in common.

`reports` makes sheets of lessons, terms and people; `lines` here, `report_html` and `report_csv` give them a form, and
know nothing of lessons. So all forms say the same.

No state, no threads, no I/O. Names in a cell are as strangers typed them: each form makes them harmless in its own way.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Iterator, List, Sequence, Tuple

from rollcall.wire.text import printable

DISCLAIMER = "Shows when a computer was connected under a name, not who sat at it."
"""How each report ends. It is true of all of them, and the people it is shown to must know it."""

GOOD, WARN, BAD, SOFT = "good", "warn", "bad", "soft"
"""Tones of a cell. They only repeat what its words say: a printer may be black and white, a reader colour-blind."""

MOST_SHOWN = 240
"""Characters of a cell on a terminal; a note has at most 200."""


@dataclass(frozen=True)
class Cell:
    """Text in a table. ``beside`` is said more quietly, after it."""

    text: str
    tone: str = ""
    beside: str = ""

    @property
    def whole(self) -> str:
        """All that it says."""
        return f"{self.text} ({self.beside})" if self.beside else self.text


@dataclass(frozen=True)
class Column:
    """``numeric`` ones stand to the right; ``narrow`` ones are a grid's: as small as they can be."""

    title: str
    numeric: bool = False
    narrow: bool = False


Row = Tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows below a head. ``title`` may be empty; without rows ``empty`` is shown instead."""

    columns: Tuple[Column, ...]
    rows: Tuple[Row, ...]
    title: str = ""
    empty: str = ""
    new_page: bool = False


@dataclass(frozen=True)
class Sheet:
    """One report. ``facts`` are sentences below the heading, ``notes`` below the tables."""

    title: str
    facts: Tuple[str, ...]
    tables: Tuple[Table, ...]
    notes: Tuple[str, ...] = ()
    landscape: bool = False


def lines(sheet: Sheet) -> List[str]:
    """The sheet for a terminal. Nothing that could move its cursor comes out, whatever the names are."""
    found = [_plain(sheet.title), *(_plain(fact) for fact in sheet.facts)]
    for table in sheet.tables:
        found.append("")
        if table.title:
            found.append(f"{_plain(table.title)}:")
        found += _table(table) if table.rows else [_plain(table.empty)]
    found += ["", *(_plain(note) for note in sheet.notes), DISCLAIMER]
    return found


def _plain(text: str) -> str:
    return printable(text, MOST_SHOWN)


def without_empty_columns(table: Table) -> Table:
    """The table without columns in which nothing stands, but for the first: terminals and paper are narrow."""
    shown = [at for at in range(len(table.columns)) if not at or any(row[at].whole for row in table.rows)]
    columns = tuple(table.columns[at] for at in shown)
    return replace(table, columns=columns, rows=tuple(tuple(row[at] for at in shown) for row in table.rows))


def _table(table: Table) -> Iterator[str]:
    table = without_empty_columns(table)
    rows = [[" ".join(column.title.split()) for column in table.columns]]
    rows += [[_plain(cell.whole) for cell in row] for row in table.rows]
    widths = [max(width(row[number]) for row in rows) for number in range(len(table.columns))]
    for row in rows:
        yield _line(row, widths, table.columns)


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    parts = []
    for text, most, column in zip(row, widths, columns):
        space = " " * (most - width(text))
        parts.append(space + text if column.numeric else text + space)
    return "  ".join(parts).rstrip()


def width(text: str) -> int:
    """Places that the text takes on a terminal (Unicode Standard Annex 11: wide characters take two)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
