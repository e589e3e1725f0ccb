"""Privacy's two commands: show somebody all that is kept of them, and forget them.

Both look in the same places: the record, the tables in ``attendance/``, the class lists, the logs that the record knows
of, and damaged databases that were put aside. The tables of lessons that are still in the record are written again
without the person; from all other files their lines are taken out. A damaged database cannot be changed, so it is
deleted.

Whoever calls waits for the disk. Forgetting holds the record's lock: no server may write meanwhile.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from rollcall.program.files import patiently, remove, replace
from rollcall.server import attendance_files
from rollcall.server.classes import SUFFIX, ClassFolder
from rollcall.server.record_file import NAME, WritableRecord, damaged_files, reading
from rollcall.server.record_reading import Recorded, load
from rollcall.server.record_traces import Traces, forget, of_person
from rollcall.server.recorded import Tables
from rollcall.wire.text import counted


def logs_of(data: Path) -> List[Path]:
    """The logs of all runs in the record, and those that they were continued from."""
    with reading(data) as connection:
        if connection is None:
            return []
        found = connection.execute("SELECT DISTINCT log_file FROM runs WHERE log_file IS NOT NULL").fetchall()
    return with_older(Path(path) for (path,) in found)


def with_older(logs: Iterable[Path]) -> List[Path]:
    """The logs that are there, with the older file of each (see ``log_file.py``)."""
    both = (file for log in logs for file in (log, log.with_name(log.name + ".1")))
    return [file for file in both if file.is_file()]


def class_files(classes: Path) -> List[Path]:
    """The class lists."""
    if not classes.is_dir():
        return []
    return sorted(file for file in classes.iterdir() if file.is_file() and file.suffix.lower() == SUFFIX)


def _on_lists(classes: Path) -> List[str]:
    """Everybody on the class lists of today."""
    lists, _ = ClassFolder(classes).read_all()
    return [person.name for people in lists.values() for person in people]


def mentions(data: Path, classes: Path, traces: Traces, logs: Iterable[Path] = ()) -> Dict[Path, int]:
    """In which files beside the record somebody stands, and in how many lines."""
    search = traces.search(_on_lists(classes))
    files = [*attendance_files.ours(data), *class_files(classes), *dict.fromkeys([*logs_of(data), *with_older(logs)])]
    found = {file: search.count(file) for file in files}
    return {file: lines for file, lines in found.items() if lines}


def forget_person(data: Path, classes: Path, name: str, logs: Iterable[Path] = ()) -> List[str]:
    """Forget somebody; says what was done, a sentence each. Raises `RecordError`, `SeveralPeople`, ``sqlite3.Error``,
    OSError (`BlockingIOError` if a server runs that keeps the record)."""
    done: List[str] = []
    facts, traces = Recorded(), Traces((name,))
    all_logs = list(dict.fromkeys([*logs_of(data), *with_older(logs)]))
    if (data / NAME).exists():
        database = WritableRecord(data)
        try:
            facts = load(data)
            traces = of_person(facts, name)
            forget(database, facts, traces)
        finally:
            database.close()
        done.append(f"{data / NAME}: {_said(traces)}")
        facts = load(data)
    done += _forget_files(data, classes, facts, traces, all_logs)
    return done


def _forget_files(data: Path, classes: Path, facts: Recorded, traces: Traces, logs: List[Path]) -> Iterator[str]:
    touched = {lesson.id for lesson in traces.lessons}
    lessons = [one for one in facts.lessons if one.id in touched and attendance_files.exist(data, one)]
    for table in Tables(facts).all(lessons):
        attendance_files.write(data, table)
    if lessons:
        yield f"{data / attendance_files.FOLDER}: {counted(len(lessons), 'table')} written again"
    search = traces.search(_on_lists(classes))
    for file in (*attendance_files.ours(data), *class_files(classes), *logs):
        lines = search.without_lines(file)
        if lines:
            yield f"{file}: {counted(lines, 'line')} taken out"
        if lines and not patiently(file.read_bytes).strip():
            remove(file)
    for file in damaged_files(data):
        remove(file)
        yield f"{file}: deleted, because nothing can be taken out of a damaged database"


def expire_log(log: Path, before: float) -> None:
    """Take out of a log what was written before the day of the Unix time ``before``. For a log that is not open yet:
    at the start of a server. Raises OSError."""
    day = time.strftime("%Y-%m-%d", time.localtime(max(0.0, before)))
    for file in with_older([log]):
        rest = _since(file, day)
        if rest is None:
            continue
        if rest:
            replace(file, rest)
        else:
            remove(file)


def _since(file: Path, day: str) -> Optional[bytes]:
    """The lines from that day on; None if there are no others."""
    with patiently(lambda: open(file, "rb")) as old:
        if not _is_older(old.readline(), day):
            return None
        # In order, as they were written; the lines of a traceback have no date and go with the one before.
        line = next((line for line in old if _DATED.match(line) and not _is_older(line, day)), b"")
        return line + old.read()


_DATED = re.compile(rb"\d{4}-\d\d-\d\d ")


def _is_older(line: bytes, day: str) -> bool:
    return _DATED.match(line) is not None and line[:10] < day.encode()


def _said(traces: Traces) -> str:
    facts: Tuple[Tuple[int, str], ...] = (
        (len(traces.stays), "stay"),
        (len(traces.lessons), "class list"),
        (len(traces.marks), "mark"),
        (len(traces.identifications), "identification"),
    )
    return ", ".join(counted(number, noun) for number, noun in facts)
