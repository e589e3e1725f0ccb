"""What teachers do about a class: each act is a function here, and a line of `ACTS` in ``acts.py``.

They run in the handler's thread of the teacher who asks, which may wait for a disk, and for this teacher's own socket.
A sentence that says why not is `NotDone`.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from protocol import encode
from rollcall.server import report_values as values
from rollcall.server import report_words as words
from rollcall.server.acting import Asker, NotDone
from rollcall.server.class_text import ClassError, Preview, preview
from rollcall.server.classes import ClassFolder
from rollcall.server.facts import Lesson, LessonTable, Person, TermRow, TermTable
from rollcall.server.identity_acts import check_renaming
from rollcall.server.lesson import LessonBook, Refused
from rollcall.server.names import same
from rollcall.server.record_file import RecordError
from rollcall.server.record_reading import load
from rollcall.server.recorded import Tables
from rollcall.server.report_html import page
from rollcall.server.report_term import person_sheet, term_sheet
from rollcall.server.reports import class_list, lesson_sheet
from rollcall.server.roster import RETURNED
from rollcall.server.sheet import Sheet, lines
from rollcall.wire.class_messages import (
    Attendance,
    FollowClass,
    Identify,
    ImportClass,
    LessonAct,
    MarkAct,
    Report,
    SaveClass,
    SetClass,
)
from rollcall.wire.connection import BACKLOGGED, BUSY, FAILED, SENT
from rollcall.wire.messages import SUBSTITUTE, Done
from rollcall.wire.text import counted, printable

PIECE = 16_000
"""Characters of a report in one line, a quarter of what may wait for one socket."""

LINE_STUCK = 30.0
"""Seconds that a teacher's own handler waits for its socket to take a piece of a report."""

LOOK_UP = 0.2
"""Seconds between two looks at a socket that does not take more."""

OF_SUBSTITUTES = ("begin", "end", "pause", "go on")
"""What a substitute may do with a lesson of today. Which class comes in belongs to it: whoever stands in for a day has
several, and their lists are there. What was, what is written down, and who somebody is for good are not theirs."""

MOST_TOLD = 5
"""Oddities of a list, or people, that an answer names; the rest are counted."""


def _book(asker: Asker) -> LessonBook:
    book = asker.room.classroom.book
    if book is None:
        raise NotDone("no class is chosen; choose one first")
    return book


def _folder(asker: Asker) -> ClassFolder:
    folder = asker.room.classroom.folder
    if folder is None:
        raise NotDone("this server has no place for class lists; name one with the setting classes")
    return folder


def _is_today(book: LessonBook, at: Optional[float]) -> bool:
    return words.iso_date(at) == words.iso_date(book.now)


def guarded(act: Callable[[Asker, Any], Done], asker: Asker, message: Any) -> Done:
    """The act, whose refusals are sentences for the person who asked."""
    try:
        return act(asker, message)
    except (Refused, ClassError, RecordError) as why:
        raise NotDone(str(why)) from None


def follow(asker: Asker, message: FollowClass) -> Done:
    """From now on this teacher gets the class."""
    asker.room.classroom.follow(asker.session_id, asker.connection, message.rev)
    return Done("follow_class", message.ref)


def set_class(asker: Asker, message: SetClass) -> Done:
    """Choose the classes, or none."""
    room = asker.room
    if room.classroom.book is None and not message.classes:
        return Done("set_class", message.ref)
    room.open_classroom()
    room.classroom.choose(message.classes)
    seconds = room.config.connection_timeout
    slow = f"who falls silent is lost after {seconds:g} s here; a start with --class makes that shorter"
    return Done("set_class", message.ref, slow if message.classes and seconds > room.config.lesson_timeout else "")


def lesson(asker: Asker, message: LessonAct) -> Done:
    """Begin, end, pause, correct."""
    book, act = _book(asker), asker.room.classroom.act
    do = message.do
    if asker.role == SUBSTITUTE and do not in OF_SUBSTITUTES:
        raise NotDone("only the teacher may do that")
    if asker.role == SUBSTITUTE and message.at is not None and not _is_today(book, message.at):
        raise NotDone("a substitute's lessons are those of today")
    if do == "begin":
        asker.room.classroom.reload()
        if message.classes:
            act(book.begin_class, message.classes)
        else:
            act(book.begin, message.at)
    elif do == "end":
        act(book.end, message.at)
    elif do == "correct":
        act(book.correct, message.lesson, message.begin, message.end, message.classes)
    elif do == "split":
        if message.at is None:
            raise NotDone("split: at what time?")
        act(book.split, message.lesson, message.at)
    elif do == "join":
        act(book.join, message.lesson, message.other)
    elif do in ("discard", "restore"):
        act(book.discard, message.lesson, do == "discard")
    else:
        act(book.pause if do == "pause" else book.go_on)
    return Done("lesson", message.ref)


def identify(asker: Asker, message: Identify) -> Done:
    """Say who somebody is."""
    if message.do == "renamed":
        return rename(asker, message)
    book, act, by = _book(asker), asker.room.classroom.act, asker.name
    member, do, note = message.member, message.do, ""
    if do in ("is", "is not", "this one") and member is None:
        raise NotDone("identify: which member?")
    if do == "is":
        act(book.identify, member, message.name, by)
    elif do == "is not":
        act(book.not_theirs, member, by)
    elif do == "both":
        act(book.both_theirs, message.name, by)
    elif do == "this one":
        act(book.this_one, message.name, member, by)
    elif do == "two people":
        act(book.two_people, message.name, by)
    else:
        note = f"{counted(act(book.accept_all, by).count, 'proposal')} accepted"
    return Done("identify", message.ref, note)


def rename(asker: Asker, message: Identify) -> Done:
    """Somebody of a class is called otherwise now: on its list, and for the record, which a class has opened."""
    book, classroom, name = _book(asker), asker.room.classroom, message.name
    check_renaming(message.before, name)  # before anything is written
    _folder(asker).rename(message.class_name, message.before, name)
    classroom.act(book.rename, message.class_name, message.before, name, asker.name)
    classroom.reload()
    note = f"{message.class_name} has {name} in the place of {message.before}; what was recorded is one person's"
    return Done("identify", message.ref, printable(note, 900))


def mark(asker: Asker, message: MarkAct) -> Done:
    """A teacher's word about somebody, or its end."""
    book, act = _book(asker), asker.room.classroom.act
    if not message.names:
        raise NotDone("mark: whom?")
    if asker.role == SUBSTITUTE and message.lesson:
        todays = (one.id for one in book.lessons if _is_today(book, one.begin) and not one.discarded)
        if message.lesson not in todays:
            raise NotDone("a substitute marks the lessons of today")
    note = ""
    if message.kind == "undo":
        note = _undo(asker, book, message)
    else:
        said = {"minutes": message.minutes, "at": message.at, "note": message.note, "lesson": message.lesson}
        act(book.mark, message.names, message.kind, asker.name, **said)
    return Done("mark", message.ref, note)


def _undo(asker: Asker, book: LessonBook, message: MarkAct) -> str:
    """The last mark of each was not meant; for whom there was none, if not for all."""
    without, why = [], None
    for name in message.names:
        try:
            asker.room.classroom.act(book.undo_mark, name, message.lesson)
        except Refused as refused:
            without.append(printable(name))
            why = why or refused
    if why is not None and len(without) == len(message.names):
        raise why
    more = f" and {len(without) - MOST_TOLD} more" if len(without) > MOST_TOLD else ""
    return f"nothing was marked for {', '.join(without[:MOST_TOLD])}{more}" if without else ""


# --- lists ----------------------------------------------------------------------------------------------------


def import_class(asker: Asker, message: ImportClass) -> Done:
    """Collect the pieces of a list; with the last one say what is in it, and write it if that is wanted."""
    pieces = asker.pieces
    if message.part == 1:
        pieces.clear()
    if message.part != len(pieces) + 1:
        pieces.clear()
        raise NotDone("the pieces of the list came in another order; send it again")
    pieces.append(message.text)
    if message.part < message.parts:
        return Done("import_class", message.ref)
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    pieces.clear()
    found = preview(data, message.swap, message.only)
    note = _told(found)
    if message.write and found.needs_class:
        raise NotDone(note)
    if message.write:
        _folder(asker).write(message.class_name, found.people)
        asker.room.classroom.reload()
        note = f"{message.class_name} has {counted(found.count, 'name')}. {note}"
    return Done("import_class", message.ref, note)


def _told(found: Preview) -> str:
    """What a list is, in a sentence for each thing."""
    parts = [f"{counted(found.count, 'name')}: {', '.join(found.first_three)}{' …' if found.count > 3 else ''}"]
    if found.needs_class:
        parts.append(f"There is a column of classes: {', '.join(found.class_names)}; which one is it?")
    parts += [f"Line {oddity.line}: {oddity.text}" for oddity in found.oddities[:MOST_TOLD]]
    if len(found.oddities) > MOST_TOLD:
        parts.append(f"And {len(found.oddities) - MOST_TOLD} more")
    ended = [part if part.endswith(("…", "?")) else f"{part}." for part in parts[:-1]]
    return printable(" ".join([*ended, parts[-1]]), 900)


def save_class(asker: Asker, message: SaveClass) -> Done:
    """Everybody who is here becomes the list of a class."""
    entries = asker.room.roster.snapshot().entries
    people = [Person(entry.name) for entry in entries if entry.name and entry.role == "member"]
    unique = list({person.name: person for person in people}.values())
    _folder(asker).write(message.class_name, unique)
    asker.room.classroom.reload()
    return Done("save_class", message.ref, f"{message.class_name} has {counted(len(unique), 'name')}")


# --- reports --------------------------------------------------------------------------------------------------

_Made = Tuple[Optional[Sheet], Optional[Callable[[], bytes]], Callable[[], bytes]]


def attendance(asker: Asker, message: Attendance) -> Done:
    """Make a report and send it, piece by piece."""
    sheet, as_csv, as_json = _report(asker, message)
    if message.form == "json" or sheet is None:
        data = as_json()
    elif message.form == "csv":
        if as_csv is None:
            raise NotDone("there is no table of this one")
        data = as_csv()
    else:
        data = page(sheet) if message.form == "html" else "\n".join(lines(sheet)).encode("utf-8")
    _send(asker, data.decode("utf-8"), message.ref)
    return Done("attendance", message.ref)


def _send(asker: Asker, text: str, ref: Optional[int]) -> None:
    pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or [""]
    waited = False
    for number, piece in enumerate(pieces, 1):
        line, result = encode(Report(number, len(pieces), piece, ref)), BUSY
        while result == BUSY:  # behind the class, or the roster
            result = asker.connection.send(line, if_free=True)
            if result in (BUSY, BACKLOGGED):
                waited = True
                _wait_for(asker)
    if waited:
        asker.room.publisher.finish(asker.connection)  # what has changed meanwhile has passed it by


def _wait_for(asker: Asker) -> None:
    """This is the one thread that may wait for this socket, and meanwhile it reads nothing: what the peer takes is the
    sign of life then."""
    connection, room = asker.connection, asker.room
    while True:
        result = connection.flush()
        if result == SENT:
            return
        now = room.clock()
        moved = now - connection.stalled_for(now)
        if result == FAILED or now - moved > LINE_STUCK:
            raise NotDone("your connection does not take the report")
        if room.roster.renew(asker.session_id, moved) == RETURNED:
            room.sweeper.arm(now)
            room.publisher.wake()
            room.classroom.heard(asker.member_id)
        connection.writable_within(LOOK_UP)


def _report(asker: Asker, message: Attendance) -> _Made:
    what = message.what
    if what == "classes":
        names = _folder(asker).names()
        return None, None, lambda: values.json_bytes({"classes": names})
    if what == "class":
        people = _folder(asker).read(message.class_name).people
        rows = [{"name": one.name, "group": one.group} for one in people]
        return None, None, lambda: values.json_bytes({"class": message.class_name, "people": rows})
    if what in ("lesson", "list"):
        table = _table(asker, message.lesson)
        sheet = lesson_sheet(table) if what == "lesson" else class_list(table)
        return sheet, lambda: values.lesson_csv(table), lambda: values.lesson_json(table)
    tables = _recorded(asker)
    if what == "lessons":
        found = list(tables.all(one for one in tables.facts.lessons if one.begin is not None))
        return None, lambda: values.list_csv(found), lambda: values.list_json(found)
    term = tables.term(message.class_name or _class_of_now(asker))
    if what == "term":
        return term_sheet(term), lambda: values.term_csv(term), lambda: values.term_json(term)
    row = _row(term, message.name)
    return person_sheet(term, row), lambda: values.person_csv(term, row), lambda: values.term_json(term, row)


def _table(asker: Asker, lesson_id: str) -> LessonTable:
    """Of the book, which knows the newest, or else out of the record."""
    book = asker.room.classroom.book
    table = None if book is None else book.table(lesson_id)
    if table is not None:
        return table
    if not lesson_id:
        raise NotDone("no lesson has begun")
    tables = _recorded(asker)
    found: Dict[str, Lesson] = {one.id: one for one in tables.facts.lessons if one.begin is not None}
    if lesson_id not in found:
        raise NotDone("that lesson is not in the record")
    return tables.of(found[lesson_id])


def _recorded(asker: Asker) -> Tables:
    data = asker.room.data
    if data is None:
        raise NotDone("this server keeps no record")
    return Tables(load(data))


def _class_of_now(asker: Asker) -> str:
    current = _book(asker).class_list()
    if current is None or not current.classes:
        raise NotDone("of which class?")
    return current.classes[0]


def _row(term: TermTable, name: str) -> TermRow:
    found: List[TermRow] = [row for row in term.rows if same(row.name, name)]
    if len(found) != 1:
        raise NotDone(f'"{printable(name)}" is not in the record of {printable(term.class_name)}')
    return found[0]
