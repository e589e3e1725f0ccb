"""The folder ``attendance/``: the table of each lesson as CSV and HTML, for people who will never type a command.

Two files a lesson, named by its begin and its class: to the second where it is not a full minute, and with the offset
in the hour that comes twice, so that no lesson takes the files of another one. They are written again when the lesson
is corrected, and go when it is thrown away, when they are older than the record is kept, and line by line when somebody
must be forgotten: that is why a row is a line in both.

Files are replaced in one step and may be read by their owner only. Whoever calls waits for the disk: the record's
thread, or a command. Errors are OSError; on Windows a table that somebody has open in Excel can be neither replaced nor
deleted. What cannot be done with one file keeps no other from it.
"""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from typing import Callable, Iterable, List, Optional

from rollcall.program import files
from rollcall.server.facts import Lesson, LessonTable
from rollcall.server.report_html import page
from rollcall.server.report_values import lesson_csv
from rollcall.server.report_words import zone
from rollcall.server.reports import lesson_sheet

FOLDER = "attendance"
"""In the data folder."""

ENDINGS = (".csv", ".html")

_OURS = re.compile(r"(\d{4}-\d\d-\d\d) \d{4}(\d\d)? .+\.(csv|html)")
HOUR = 3600.0
MOST_CLASS = 80
"""Characters of the classes in a file's name."""


def _local(at: float) -> str:
    moment = time.localtime(at)
    return time.strftime("%Y-%m-%d %H%M%S" if moment.tm_sec else "%Y-%m-%d %H%M", moment)


def stem(lesson: Lesson) -> str:
    """``2026-11-25 0800 7b``: a file's name without its ending."""
    begin = lesson.begin or 0.0
    when = _local(begin)
    if _local(begin - HOUR) == when:  # the clocks were put back
        when += f" {zone(begin).replace(':', '')}"
    classes = "+".join(re.sub(r"[^\w-]+", "_", one).strip("_") for one in lesson.classes)[:MOST_CLASS]
    return f"{when} {classes or 'lesson'}"


def write(data: Path, table: LessonTable, before: Optional[Lesson] = None, delimiter: str = ",") -> List[Path]:
    """Write both files of a lesson; which ones. ``before`` is the lesson as it was when they were last written. Of a
    lesson that was thrown away, or has not begun, there are none afterwards."""
    keep = table.lesson.begin is not None and not table.lesson.discarded
    if before is not None and (not keep or stem(before) != stem(table.lesson)):
        remove(data, before)
    if not keep:
        remove(data, table.lesson)
        return []
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    both = [folder / (stem(table.lesson) + ending) for ending in ENDINGS]
    contents = (lesson_csv(table, delimiter), page(lesson_sheet(table)))
    _each(partial(files.replace, file, content) for file, content in zip(both, contents))
    return both


def remove(data: Path, lesson: Lesson) -> None:
    """Delete the files of that lesson, if there are any."""
    _each(partial(files.remove, data / FOLDER / (stem(lesson) + ending)) for ending in ENDINGS)


def exist(data: Path, lesson: Lesson) -> bool:
    """Whether the files of that lesson have been written."""
    return any((data / FOLDER / (stem(lesson) + ending)).exists() for ending in ENDINGS)


def expire(data: Path, before: float) -> None:
    """Delete the tables of all days before that of the Unix time ``before``. Files that are not ours stay."""
    day = time.strftime("%Y-%m-%d", time.localtime(max(0.0, before)))
    _each(partial(files.remove, file) for file in ours(data) if file.name[:10] < day)


def ours(data: Path) -> List[Path]:
    """All tables that were written, the oldest first."""
    folder = data / FOLDER
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if _OURS.fullmatch(file.name))


def _each(acts: Iterable[Callable[[], None]]) -> None:
    """Do all of them, then raise what went wrong first."""
    first: Optional[OSError] = None
    for act in acts:
        try:
            act()
        except OSError as error:
            first = first or error
    if first is not None:
        raise first
