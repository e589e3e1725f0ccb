"""All that is kept of one person, for that person: the right of access (GDPR, Article 15).

One sheet, or JSON, with each stay, each lesson, each mark, and the files in which the name stands. Whoever calls waits
for the disk: logs are read through.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List

from rollcall.server import report_words as words
from rollcall.server.facts import Mark, Stay
from rollcall.server.forgetting import mentions
from rollcall.server.record_reading import Recorded
from rollcall.server.record_traces import Traces
from rollcall.server.recorded import Tables
from rollcall.server.report_term import every_lesson
from rollcall.server.report_values import json_bytes
from rollcall.server.report_words import Clock
from rollcall.server.sheet import Cell, Column, Sheet, Table
from rollcall.wire.text import quoted


def about_sheet(data: Path, classes: Path, logs: Iterable[Path], facts: Recorded, traces: Traces) -> Sheet:
    """For people."""
    tables = [*_lessons(facts, traces), _stays(traces.stays), _marks(traces), _identifications(traces)]
    files = tuple((Cell(str(file)), Cell(str(count))) for file, count in mentions(data, classes, traces, logs).items())
    empty = "The name stands in no file beside the record."
    tables.append(Table((Column("File"), Column("Lines", numeric=True)), files, "Files with the name", empty))
    typed = f"Connected as {', '.join(map(quoted, traces.typed))}." if traces.typed else "Never connected."
    listed = f"On the list of {', '.join(traces.classes)}." if traces.classes else "On no list."
    return Sheet(f"All that is kept of {' / '.join(traces.names)}", (listed, typed), tuple(tables))


def _lessons(facts: Recorded, traces: Traces) -> Iterator[Table]:
    tables = Tables(facts)
    for name in traces.classes:
        term = tables.term(name)
        for row in term.rows:
            if row.name in traces.names:
                yield every_lesson(term, row)


def _when(at: float) -> str:
    return f"{words.iso_date(at)} {words.iso_time(at)}"


def _stays(stays: Iterable[Stay]) -> Table:
    columns = (Column("From"), Column("To"), Column("As"), Column("Ended"), Column("Device"))
    rows = tuple(
        (
            Cell(_when(stay.begin)),
            Cell("" if stay.end is None else _when(stay.end)),
            Cell(stay.name),
            Cell(stay.how or "goes on"),
            Cell(stay.device),
        )
        for stay in stays
    )
    return Table(columns, rows, "Connected", "Not connected under this name.")


def _marks(traces: Traces) -> Table:
    columns = (Column("When"), Column("Mark"), Column("By"), Column("Note"))
    return Table(columns, tuple(map(_mark, traces.marks)), "Marks", "No marks.")


def _mark(mark: Mark) -> Any:
    said = words.marked(mark, Clock(mark.when, mark.when)) or mark.kind
    undone = "taken back" if mark.undone else ""
    return Cell(_when(mark.when)), Cell(said, beside=undone), Cell(mark.by), Cell(mark.note)


def _identifications(traces: Traces) -> Table:
    rows = []
    for word in traces.identifications:
        what = quoted(word.typed) if word.typed else "one connection"
        where = word.class_name or ("one lesson" if word.lesson else "")
        undone = "taken back" if word.undone else ""
        rows.append(
            (
                Cell(_when(word.when)),
                Cell(f"{what} {word.kind} {quoted(word.name)}", beside=undone),
                Cell(where),
                Cell(word.by),
            )
        )
    columns = (Column("When"), Column("Said"), Column("In"), Column("By"))
    return Table(columns, tuple(rows), "Who a typed name is", "Nothing was said about who this is.")


def about_json(data: Path, classes: Path, logs: Iterable[Path], facts: Recorded, traces: Traces) -> bytes:
    """For a machine."""
    tables = Tables(facts)
    content: Dict[str, Any] = {
        "names": list(traces.names),
        "typed": list(traces.typed),
        "classes": list(traces.classes),
        "stays": [_plain(stay) for stay in traces.stays],
        "lessons": _verdicts(tables, traces),
        "marks": [_plain(mark) for mark in traces.marks],
        "identifications": [_plain(word) for word in traces.identifications],
        "files": {str(file): count for file, count in mentions(data, classes, traces, logs).items()},
    }
    return json_bytes(content)


def _plain(fact: Any) -> Dict[str, Any]:
    times = ("begin", "end", "seen", "when", "at")
    return {name: words.iso(value) if name in times else value for name, value in vars(fact).items()}


def _verdicts(tables: Tables, traces: Traces) -> List[Dict[str, Any]]:
    found = []
    for table in tables.all(lesson for lesson in traces.lessons if lesson.begin is not None):
        for line in table.lines:
            if traces.is_listed(line.name, table.lesson.classes):
                when = {"lesson": words.iso(table.lesson.begin), "until": words.iso(table.until)}
                found.append({**when, "counts_as": line.counts, "came": line.result.came, "went": line.result.went,
                              "first": words.iso(line.first), "last": words.iso(line.last)})  # fmt: skip
    return found
