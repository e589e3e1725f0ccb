"""The record on the command line, without a server: reports, and what a data protection officer asks for.

    python server.py --attendance                              the last lesson
    python server.py --attendance list                         all lessons
    python server.py --attendance "2026-11-25 08:00"           that one; --class 7b says which of several
    python server.py --attendance term --class 7b              names by lessons
    python server.py --attendance term --name "Mia Lee"        one page about one person
    python server.py --about "Mia Lee"                         all that is kept of her
    python server.py --forget "Mia Lee"                        forget her
    python server.py --check-record                            is the database whole?

``--csv FILE``, ``--html FILE`` and ``--json FILE`` write a report instead of showing it. The options are those of
``record_arguments.py``; `run` does what they say, in the main thread, which may wait for a disk and a terminal:
nothing else runs then. Reports read a record to which a server writes at this moment; only ``--forget`` wants it
stopped.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from rollcall.program.files import replace
from rollcall.program.folders import data_folder
from rollcall.program.os_errors import reason
from rollcall.program.outlet import standard
from rollcall.server import report_values as values
from rollcall.server import report_words as words
from rollcall.server.about import about_json, about_sheet
from rollcall.server.class_text import ClassError
from rollcall.server.config import ConfigError
from rollcall.server.config import load as load_settings
from rollcall.server.facts import Lesson, TermRow, TermTable
from rollcall.server.forgetting import forget_person
from rollcall.server.names import key, same
from rollcall.server.record_arguments import add_arguments
from rollcall.server.record_check import check
from rollcall.server.record_file import RecordError, said, sqlite
from rollcall.server.record_reading import Recorded, load
from rollcall.server.record_traces import SeveralPeople, of_person
from rollcall.server.recorded import Tables
from rollcall.server.report_csv import delimiter_of
from rollcall.server.report_html import page
from rollcall.server.report_term import person_sheet, term_sheet
from rollcall.server.reports import lesson_sheet
from rollcall.server.sheet import Cell, Column, Sheet, Table, lines
from rollcall.wire.text import printable, quoted

CLASSES = "classes"
"""The folder of the class lists, in the data folder, unless the settings have another."""

NEAR = 3600.0
"""Seconds by which somebody may be wrong about when a lesson was."""

_WHEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T]+(\d{1,2}:\d\d)(?::\d\d)?)?")

Say = Callable[[str], None]


class Problem(Exception):
    """It cannot be done: ``str()`` says what was wrong and what would be right."""


class Report(NamedTuple):
    """One report in each of its forms. Those in bytes are made when they are wanted."""

    sheet: Callable[[], Sheet]
    csv: Optional[Callable[[str], bytes]]
    json: Callable[[], bytes]


def main(argv: Optional[Sequence[str]] = None, classes: Optional[Path] = None) -> int:
    """As `run`, of a whole command line, which must be about the record (`is_about_record`)."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--name")
    parser.add_argument("--log-file", type=Path)
    parser.add_argument("--config", type=Path)
    add_arguments(parser)
    arguments, others = parser.parse_known_args(argv)
    if others:
        _to(sys.stderr)(f"{printable(others[0])}: cannot be used together with a command about the record")
        return 2
    try:
        code = run(arguments, classes=classes or _configured(arguments.config))
    except ConfigError as error:
        _to(sys.stderr)(str(error))
        return 2
    return 2 if code is None else code


def _configured(file: Optional[Path]) -> Optional[Path]:
    """The folder of class lists that the settings name, if they name one. Raises `ConfigError`."""
    config = load_settings([] if file is None else ["--config", str(file)]).config
    return config.path_of(config.classes) if config.classes else None


def run(
    arguments: argparse.Namespace,
    data: Optional[Path] = None,
    classes: Optional[Path] = None,
    say: Optional[Say] = None,
    complain: Optional[Say] = None,
) -> Optional[int]:
    """Do what the command line wants of the record. None if it wants nothing of it; else the exit code: 0, 1 (it could
    not be done) or 2 (it cannot be understood). ``data`` is the data folder, ``classes`` that of the class lists."""
    say, complain = say or _to(sys.stdout), complain or _to(sys.stderr)
    act = _wanted(arguments)
    if act is None:
        if not any(getattr(arguments, form) for form in ("csv", "html", "json")):
            return None
        complain("--csv, --html and --json write a report: say which one with --attendance or --about")
        return 2
    data = data or data_folder()
    try:
        if data is None:
            raise Problem("this account has no folder for data: set HOME (on Windows LOCALAPPDATA)")
        return act(arguments, data, classes or data / CLASSES, say)
    except SeveralPeople as error:
        complain(f"that fits {len(error.names)} people, say which one: {', '.join(map(quoted, error.names))}")
    except (Problem, RecordError, ClassError) as error:
        complain(str(error))
    except BlockingIOError:
        complain("a server runs that keeps the record: stop it first")
    except BrokenPipeError:
        pass  # whoever read it has seen enough
    except OSError as error:
        complain(f"{error.filename or 'a file'}: {reason(error)}")
    except sqlite().Error as error:
        complain(f"the record in {data} cannot be used: {said(error)}")
    return 1


def _to(stream: Optional[object]) -> Say:
    write = standard(stream)  # type: ignore[arg-type]
    return (lambda line: None) if write is None else (lambda line: write(line + "\n"))


Act = Callable[[argparse.Namespace, Path, Path, Say], int]


def _wanted(arguments: argparse.Namespace) -> Optional[Act]:
    if arguments.check_record:
        return _check
    if arguments.forget is not None:
        return _forget
    if arguments.about is not None:
        return _about
    return _attendance if arguments.attendance is not None else None


# --- what there is to be done -----------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace, data: Path, classes: Path, say: Say) -> int:
    is_whole, found = check(data)
    for line in found:
        say(line)
    return 0 if is_whole else 1


def _forget(arguments: argparse.Namespace, data: Path, classes: Path, say: Say) -> int:
    logs = [arguments.log_file] if getattr(arguments, "log_file", None) else []
    try:
        done = forget_person(data, classes, arguments.forget, logs)
    except BlockingIOError:
        raise
    except OSError as error:
        where = f"{error.filename or 'a file'}: {reason(error)}"
        raise Problem(f"{where}. Not everything is forgotten: put that right, and say the same again") from None
    for line in done or [f"Nothing is kept of {quoted(arguments.forget)}."]:
        say(line)
    return 0


def _about(arguments: argparse.Namespace, data: Path, classes: Path, say: Say) -> int:
    facts = load(data)
    traces = of_person(facts, arguments.about)
    logs = [arguments.log_file] if getattr(arguments, "log_file", None) else []
    known = (data, classes, logs, facts, traces)
    return _give(arguments, Report(partial(about_sheet, *known), None, partial(about_json, *known)), say)


def _attendance(arguments: argparse.Namespace, data: Path, classes: Path, say: Say) -> int:
    facts = load(data)
    if not facts.lessons:
        raise Problem(f"there is no lesson in the record yet ({data})")
    what = " ".join(arguments.attendance).strip()
    tables = Tables(facts)
    if what == "list":
        report = _list(arguments, tables)
    elif what == "term":
        report = _term(arguments, tables)
    else:
        table = tables.of(_lesson(facts, what, arguments.classes or []))
        report = Report(
            partial(lesson_sheet, table), partial(values.lesson_csv, table), partial(values.lesson_json, table)
        )
    return _give(arguments, report, say)


def _give(arguments: argparse.Namespace, report: Report, say: Say) -> int:
    """Show a report, or write it into the files that were named."""
    delimiter = delimiter_of(arguments.delimiter)
    if delimiter is None:
        raise Problem(f"--delimiter {quoted(arguments.delimiter)} is wrong: it must be , or ; or tab")
    forms: Dict[str, Callable[[], bytes]] = {"html": lambda: page(report.sheet()), "json": report.json}
    if report.csv is not None:
        forms["csv"] = partial(report.csv, delimiter)
    elif arguments.csv is not None:
        raise Problem("this has no rows for a spreadsheet: use --html or --json")
    written = False
    for form, make in forms.items():
        file: Optional[Path] = getattr(arguments, form)
        if file is not None:
            try:
                replace(file, make())
            except OSError as error:
                raise Problem(f"--{form} {printable(file)}: cannot be written: {reason(error)}") from None
            say(f"Written: {printable(file, 1000)}")
            written = True
    if not written:
        for line in lines(report.sheet()):
            say(line)
    return 0


# --- which lesson, class, person ----------------------------------------------------------------------------------


def _begun(facts: Recorded, classes: List[str]) -> List[Lesson]:
    found = [one for one in facts.lessons if one.begin is not None and not one.discarded]
    return [one for one in found if not classes or set(classes) & set(one.classes)]


def _lesson(facts: Recorded, when: str, classes: List[str]) -> Lesson:
    """The lesson at that time, or the last one."""
    lessons = _begun(facts, classes)
    if not lessons:
        raise Problem(f"there is no lesson of {_of_class(classes)} in the record")
    if not when:
        return lessons[-1]
    begin, end = _span(when)
    found = [one for one in lessons if _begin(one) <= end and (one.end is None or one.end > begin)]
    if not found:
        found = [one for one in lessons if abs(_begin(one) - begin) <= NEAR]
    if len(found) == 1:
        return found[0]
    day = [one for one in lessons if words.iso_date(one.begin) == words.iso_date(begin)]
    there = "; ".join(_named(one) for one in found or day) or "none on that day"
    raise Problem(f"there {'are several lessons' if found else 'is no lesson'} at {printable(when)}: {there}")


def _begin(lesson: Lesson) -> float:
    return lesson.begin or 0.0


def _named(lesson: Lesson) -> str:
    return f'"{words.iso_date(lesson.begin)} {words.iso_time(lesson.begin)[:5]}" --class {"+".join(lesson.classes)}'


def _of_class(classes: List[str]) -> str:
    return f"class {', '.join(map(printable, classes))}" if classes else "any class"


def _span(when: str) -> Tuple[float, float]:
    """A minute, or a whole day, of local time."""
    match = _WHEN.fullmatch(when)
    try:
        if match is not None:
            day, minute = match.groups()
            begin = time.mktime(time.strptime(f"{day} {minute or '00:00'}", "%Y-%m-%d %H:%M"))
            return begin, begin + (59.0 if minute else 86_399.0)
    except (ValueError, OverflowError):
        pass  # the 31st of February
    raise Problem(f'--attendance {quoted(when)} is wrong: it must be list, term, or a time such as "2026-11-25 08:00"')


def _list(arguments: argparse.Namespace, tables: Tables) -> Report:
    lessons = _begun(tables.facts, arguments.classes or [])
    all_tables = list(tables.all(lessons))
    columns = (
        Column("Lesson"), Column("Class"), Column("Came", numeric=True), Column("Late", numeric=True),
        Column("Excused", numeric=True), Column("Unexcused", numeric=True), Column("Guests", numeric=True), Column(""),
    )  # fmt: skip

    def sheet() -> Sheet:
        rows = []
        for table in all_tables:
            counts = values.counts(table)
            when = f"{words.iso_date(table.lesson.begin)} {words.lesson_time(table.lesson)}"
            came = f"{counts['came']} of {counts['listed']}"
            numbers = [came, *(str(counts[what]) for what in ("late", "excused", "unexcused", "guests"))]
            note = "" if table.counted else "does not count"
            rows.append(tuple(map(Cell, (when, ", ".join(table.lesson.classes), *numbers, note))))
        return Sheet("Lessons", (), (Table(columns, tuple(rows), empty="None."),))

    return Report(sheet, partial(values.list_csv, all_tables), partial(values.list_json, all_tables))


def _term(arguments: argparse.Namespace, tables: Tables) -> Report:
    facts: Recorded = tables.facts
    known = sorted({name for lesson in _begun(facts, []) for name in lesson.classes})
    wanted = arguments.classes or known
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise Problem(f"there is no lesson of {_of_class(unknown)} in the record; the classes are {', '.join(known)}")
    if arguments.name is not None:
        return _person(arguments.name, [tables.term(name) for name in wanted])
    if len(wanted) != 1:
        raise Problem(f"say which class: --class {' or --class '.join(map(printable, known))}")
    term = tables.term(wanted[0])
    return Report(partial(term_sheet, term), partial(values.term_csv, term), partial(values.term_json, term))


def _person(name: str, terms: List[TermTable]) -> Report:
    found: List[Tuple[TermTable, TermRow]] = []
    for fits in (str.__eq__, lambda one, other: key(one) == key(other), same):
        found = [(term, row) for term in terms for row in term.rows if fits(row.name, name)]
        if found:
            break
    if not found:
        raise Problem(f"nobody is called {quoted(name)} in {_of_class([term.class_name for term in terms])}")
    if len(found) > 1:
        raise SeveralPeople(f"{row.name} --class {term.class_name}" for term, row in found)
    term, row = found[0]
    make_csv: Callable[[str], bytes] = partial(values.person_csv, term, row)
    return Report(partial(person_sheet, term, row), make_csv, partial(values.term_json, term, row))
