"""Is the record whole, and what is in it? Without any name: the answer may be sent to whoever helps.

Reads only, in the calling thread, with a connection of its own; it works while a server writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from rollcall.server import report_words as words
from rollcall.server.record_file import NAME, RecordError, damaged_files, reading
from rollcall.server.record_reading import is_held, load
from rollcall.server.record_tables import VERSION
from rollcall.wire.text import counted, printable

MOST_TOLD = 20
"""Faults that SQLite finds and that are shown."""


def check(data: Path) -> Tuple[bool, List[str]]:
    """Whether all is well, and sentences about it."""
    file = data / NAME
    told = [f"{damaged}: was put aside because it was damaged" for damaged in damaged_files(data)]
    try:
        with reading(data) as connection:
            if connection is None:
                return True, [f"There is no record yet ({file}).", *told]
            faults = [row[0] for row in connection.execute(f"PRAGMA integrity_check({MOST_TOLD})")]
        if faults == ["ok"]:
            facts = load(data)
    except RecordError as error:
        return False, [f"{error}.", *told, *_what_then(file)]
    if faults != ["ok"]:
        found = [f"{file} is damaged:", *(f"  {printable(fault)}" for fault in faults)]
        return False, [*found, *told, *_what_then(file)]
    log = file.with_name(file.name + "-wal")
    size = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
    kinds = (
        (facts.stays, "stay"), (facts.lessons, "lesson"), (facts.marks, "mark"), (facts.pauses, "pause"),
        (facts.identifications, "identification"),
    )  # fmt: skip
    found = [f"{file} is whole: version {VERSION}, {size / 1e6:.1f} MB.", "In it: " + _listed(kinds) + "."]
    if facts.stays:
        first, last = (words.iso_date(stay.begin) for stay in (facts.stays[0], facts.stays[-1]))
        found.append(f"From {first} to {last}.")
    found.append(f"A server {'writes' if is_held(data) else 'does not write'} to it at the moment.")
    return True, [*found, *told]


def _listed(kinds: Tuple[Tuple[Tuple[object, ...], str], ...]) -> str:
    return ", ".join(counted(len(facts), noun) for facts, noun in kinds)


def _what_then(file: Path) -> List[str]:
    return [
        f"At its next start the server puts a damaged {file.name} aside under another name and begins a new one; "
        "nothing is deleted. Tables of lessons are in the folder attendance beside it."
    ]
