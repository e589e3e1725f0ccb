"""A report as one page of HTML: for the screen, light and dark, and for A4 paper.

The page needs nothing else: no script, no picture, no font, no address; its policy (Content Security Policy) forbids
even what somebody might get into it. Everything that strangers wrote is escaped, and nothing in it reorders or hides
text. On paper it is black on white; heads of tables stand on each page, and no row is cut in two.

No state, no threads, no I/O.
"""

from __future__ import annotations

import html
from typing import Iterable, Iterator, List, Tuple

from protocol import __version__
from rollcall.server.sheet import DISCLAIMER, Cell, Column, Sheet, Table, without_empty_columns
from rollcall.wire.text import printable

MOST_SHOWN = 1000
"""Characters of one text on a page; nothing that we make is longer."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --soft: #5b6470; --line: #d9dde3; --head: #f3f5f8;
  --good: #14633a; --warn: #855000; --bad: #a1121f }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e9ecef; --soft: #a3acb7; --line: #363c44;
  --head: #1e2329; --good: #6fce98; --warn: #f0b458; --bad: #ff8e8a } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 28px 24px 40px; max-width: 1240px; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums }
h1 { margin: 0 0 4px; font-size: 24px; line-height: 1.25; overflow-wrap: anywhere }
h2 { margin: 28px 0 0; font-size: 16px }
p { margin: 2px 0; overflow-wrap: anywhere }
.wide { overflow-x: auto; margin-top: 14px }
table { border-collapse: collapse; width: 100% }
th { text-align: left; font-size: 13px; font-weight: 600; color: var(--soft); background: var(--head);
  white-space: nowrap; vertical-align: bottom }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line) }
td { vertical-align: top; overflow-wrap: break-word; unicode-bidi: isolate }
td:first-child { font-weight: 600; min-width: 9em }
.number { text-align: right; white-space: nowrap }
table.grid { width: auto }
.narrow { text-align: center; padding: 5px 6px; white-space: nowrap; min-width: 2.6em }
th.narrow { white-space: pre; line-height: 1.2 }
.good { color: var(--good) } .warn { color: var(--warn); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
.soft, small { color: var(--soft); font-weight: 400 }
small { font-size: 13px }
.box { display: inline-block; width: 1em; height: 1em; border: 1.5px solid var(--ink); border-radius: 2px;
  text-align: center; line-height: .9; font-weight: 700; vertical-align: -.12em }
footer { margin-top: 26px; padding-top: 8px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px }
@media screen and (min-width: 1240px) { td:not(:first-child):not(:last-child) { white-space: nowrap } }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #aaa; --head: #fff; --good: #000;
    --warn: #000; --bad: #000 }
  body { padding: 0; max-width: none; font-size: 9pt; line-height: 1.3 }
  h1 { font-size: 15pt } h2 { margin-top: 12pt; font-size: 11pt; break-after: avoid }
  th, td { padding: 1.6pt 5pt } th, small, footer { font-size: 8pt }
  td:not(:first-child):not(:last-child) { white-space: nowrap } td small { white-space: normal }
  td:first-child { min-width: 0 }
  .narrow { padding: 1.6pt 2pt; font-size: 8pt }
  .wide { overflow: visible; margin-top: 8pt } thead { display: table-header-group }
  footer { margin-top: 12pt }
  tr, footer { break-inside: avoid } .page { break-before: page }
}
"""


def page(sheet: Sheet) -> bytes:
    """The file."""
    size = "A4 landscape" if sheet.landscape else "A4"
    parts: List[str] = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="robots" content="noindex">',
        f'<meta name="generator" content="Rollcall {_text(__version__)}">',
        f"<title>{_text(sheet.title)}</title>",
        f"<style>{STYLE}@page {{ size: {size}; margin: 14mm 12mm }}\n</style>",
        "</head>",
        "<body>",
        f"<h1>{_text(sheet.title)}</h1>",
        *(f"<p>{_text(fact)}</p>" for fact in sheet.facts),
    ]
    for table in sheet.tables:
        parts += _table(table)
    parts += ["<footer>", *(f"<p>{_text(note)}</p>" for note in (*sheet.notes, DISCLAIMER)), "</footer>"]
    return "\n".join([*parts, "</body>", "</html>", ""]).encode("utf-8")


def _table(table: Table) -> Iterator[str]:
    new_page = ' class="page"' if table.new_page else ""
    if table.title:
        yield f"<h2{new_page}>{_text(table.title)}</h2>"
    if not table.rows:
        yield f'<p class="soft">{_text(table.empty)}</p>'
        return
    table = without_empty_columns(table)
    grid = ' class="grid"' if any(column.narrow for column in table.columns) else ""
    yield f'<div class="wide"><table{grid}>'
    yield f"<thead><tr>{''.join(_head(column) for column in table.columns)}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        # A line for each row: whoever must be forgotten can be taken out of a page by lines.
        yield f"<tr>{''.join(_cells(zip(row, table.columns)))}</tr>"
    yield "</tbody>"
    yield "</table></div>"


def _head(column: Column) -> str:
    return f'<th scope="col"{_class(_kind(column))}>{_text(column.title)}</th>'


def _cells(cells: Iterable[Tuple[Cell, Column]]) -> Iterator[str]:
    for cell, column in cells:
        beside = f" <small>{_text(cell.beside)}</small>" if cell.beside else ""
        text = BOXES.get(cell.text) or _text(cell.text)
        yield f"<td{_class(_kind(column), cell.tone)}>{text}{beside}</td>"


BOXES = {"☐": '<span class="box" role="img" aria-label="empty box"></span>',
         "☑": '<span class="box" role="img" aria-label="ticked">✓</span>'}  # fmt: skip
"""Drawn and not set in type: not every font has them, and no two alike."""


def _kind(column: Column) -> str:
    return "number" if column.numeric else "narrow" if column.narrow else ""


def _class(*names: str) -> str:
    given = " ".join(name for name in names if name)
    return f' class="{given}"' if given else ""


def _text(text: str) -> str:
    # A line end is ours: in the head of a grid. All else that is no visible character is shown as what it is.
    return "\n".join(html.escape(printable(line, MOST_SHOWN)) for line in text.split("\n"))
