"""A lesson as a sheet: the table for the register, and the list for who stands at the door with a pencil.

A verdict says for what a lesson counts, how somebody came and went, and what the teacher marked. Where a mark has
changed what the computer found, that stands beside it.

No state, no threads, no I/O. Who is late and who left is computed elsewhere (``verdicts.py``); here it is only said.
"""

from __future__ import annotations

from collections import Counter
from typing import Iterator, List, Tuple

from rollcall.server import report_words as words
from rollcall.server.facts import (
    BELL,
    ESTIMATED,
    EXCUSED,
    HERE,
    LATE,
    LEFT_EARLY,
    LOST_AT,
    MARK_HERE,
    MARK_NOTE,
    NEVER,
    PRESENT,
    SILENT,
    STATES,
    UNEXCUSED,
    Drill,
    LessonTable,
    Mark,
    Verdict,
)
from rollcall.server.report_words import Clock
from rollcall.server.sheet import BAD, GOOD, SOFT, WARN, Cell, Column, Sheet, Table

TONES = {PRESENT: "", LATE: WARN, EXCUSED: SOFT, UNEXCUSED: BAD}
TICKED, EMPTY = "☑", "☐"


def lesson_sheet(table: LessonTable) -> Sheet:
    """The table of a lesson, over or not."""
    lesson, clock = table.lesson, _clock(table)
    grouped = any(line.group for line in table.lines)
    several = len(lesson.classes) > 1
    columns = [Column("Name")]
    columns += [Column("Class")] * several + [Column("Group")] * grouped
    columns += [Column("Counts as"), Column("Came"), Column("Now" if lesson.end is None else "Went")]
    columns += [Column("First seen"), Column("Last seen"), Column("Present", numeric=True)]
    columns += [Column("Away", numeric=True), Column("Mark and note")]
    rows = []
    for line in table.lines:
        row = [Cell(line.name)]
        row += [Cell(line.class_name)] * several + [Cell(line.group)] * grouped
        rows.append((*row, *verdict_cells(line, clock, lesson.end is None)))
    tables = [Table(tuple(columns), tuple(rows), empty="Nobody is on the list.")]
    if table.guests:
        tables.append(_guests(table, clock))
    when = f"{words.day(lesson.begin)}, " if lesson.begin is not None else ""
    title = f"{words.classes(lesson)}: {when}{words.lesson_time(lesson, table.until)}"
    return Sheet(title, tuple(_summary(table)), tuple(tables), tuple(_notes(table, clock)))


def _clock(table: LessonTable) -> Clock:
    return Clock(table.until if table.lesson.begin is None else table.lesson.begin, table.until)


def verdict_cells(line: Verdict, clock: Clock, live: bool) -> Tuple[Cell, ...]:
    """The cells of one person, from `counts` on."""
    came, went = words.came(line.result), words.went(line.result, clock)
    found_came, found_went = words.came(line.found), words.went(line.found, clock)
    last = Cell(line.state, _state_tone(line.state)) if live else Cell(
        went, WARN if line.result.went in (LEFT_EARLY, LOST_AT) else "", _beside(found_went, went)
    )  # fmt: skip
    away = sum(until - since for since, until in line.interruptions)
    return (
        Cell(line.counts, TONES.get(line.counts, "")),
        Cell(came, WARN if line.result.came == LATE else "", _beside(found_came, came)),
        last,
        Cell(clock.second(line.first)),
        Cell(clock.second(line.last)),
        Cell(words.minutes(line.present) if line.present else ""),
        Cell(words.interruptions(len(line.interruptions), away)),
        _mark_cell(line, clock),
    )


def _beside(found: str, result: str) -> str:
    return f"found: {found}" if found and found != result else ""


def _state_tone(state: str) -> str:
    return GOOD if state == HERE else SOFT if state == EXCUSED else WARN if state == SILENT else ""


def marks_of(line: Verdict) -> List[Mark]:
    """The marks that say something about somebody, each once; one that is only a note comes last."""
    found: List[Mark] = []
    for mark in (line.mark, line.left_mark, line.note):
        if mark is not None and mark not in found:
            found.append(mark)
    return found


def _mark_cell(line: Verdict, clock: Clock) -> Cell:
    marks = marks_of(line)
    said = [words.marked(mark, clock) for mark in marks if mark.kind != MARK_NOTE]
    quiet = [", ".join(dict.fromkeys(words.by_whom(mark, clock) for mark in marks))]
    quiet += dict.fromkeys(mark.note for mark in marks if mark.note)
    return Cell("; ".join(said), SOFT, ": ".join(text for text in quiet if text))


def _guests(table: LessonTable, clock: Clock) -> Table:
    columns = (Column("Guests"), Column("First seen"), Column("Last seen"), Column("Present", numeric=True))
    rows = tuple(
        (
            Cell(guest.name, beside=f"perhaps {guest.proposal}" if guest.proposal else ""),
            Cell(clock.second(guest.first)),
            Cell(clock.second(guest.last)),
            Cell(words.minutes(guest.present)),
        )
        for guest in table.guests
    )
    return Table(columns, rows)


def _summary(table: LessonTable) -> Iterator[str]:
    lines = table.lines
    counts = Counter(line.counts for line in lines)
    went = Counter(line.result.went for line in lines)
    text = f"{counts[PRESENT] + counts[LATE]} of {len(lines)} came"
    if counts[LATE]:
        text += f", {counts[LATE]} of them late"
    for word in (LEFT_EARLY, LOST_AT):
        if went[word]:
            text += f", {went[word]} {word}"
    yield f"{text}; {counts[EXCUSED]} excused, {counts[UNEXCUSED]} without an excuse."
    if table.lesson.end is None:
        states = Counter(line.state for line in lines)
        yield "Now: " + (", ".join(f"{states[state]} {state}" for state in STATES if states[state]) or "nobody") + "."
    if table.lesson.discarded:
        yield "This lesson was thrown away: it does not count."
    elif not table.counted:
        yield "Nobody on the list came: this lesson does not count."


def _notes(table: LessonTable, clock: Clock) -> Iterator[str]:
    lesson = table.lesson
    by = {BELL: "by the bell", ESTIMATED: "estimated from who came and went"}
    ends = (("begin", lesson.begin, lesson.begin_by), ("end", lesson.end, lesson.end_by))
    said = [f"{what} {by[who]}" for what, at, who in ends if at is not None and who in by]
    if said:
        yield f"This lesson: {', '.join(said)}."
    for pause in table.pauses:
        until = "goes on" if pause.end is None else f"to {clock.second(pause.end)}"
        why = words.PAUSED_BY.get(pause.why, pause.why)
        yield f"Nobody was counted from {clock.second(pause.begin)} {until}: {why}."
    for drill in table.drills:
        yield f"{drill.count} lost at {clock.minute(drill.begin)}: network or drill?{_few(drill)}"


def _few(drill: Drill) -> str:
    return f" ({', '.join(drill.names)})" if 0 < len(drill.names) <= 5 else ""


def class_list(table: LessonTable) -> Sheet:
    """Who is here at this second, with a box to tick for everybody else: for the drill, the excursion, the exam."""
    clock = _clock(table)
    title = f"{words.classes(table.lesson)}: who is here, {words.day(table.until)}, {words.iso_time(table.until)}"
    grouped = any(line.group for line in table.lines)
    columns = (
        Column("Name"),
        Column("Here", narrow=True),
        *[Column("Group")] * grouped,
        Column("Since"),
        Column("Note"),
    )
    rows = []
    here = 0
    for line in table.lines:
        is_here, since, note = _at_this_second(line, clock)
        here += is_here
        group = [Cell(line.group)] * grouped
        rows.append((Cell(line.name), Cell(TICKED if is_here else EMPTY), *group, Cell(since), Cell(note, SOFT)))
    tables = [Table(columns, tuple(rows), empty="Nobody is on the list.")]
    if table.guests:
        tables.append(_guests(table, clock))
    facts = (f"{here} of {words.people(len(table.lines))} here. The others have an empty box.",)
    return Sheet(title, facts, tuple(tables))


def _at_this_second(line: Verdict, clock: Clock) -> Tuple[bool, str, str]:
    """Whether somebody is here, since when, and what else there is to know."""
    without = line.mark is not None and line.mark.kind == MARK_HERE
    if line.state in (HERE, SILENT):
        note = words.MARKED[MARK_HERE] if without else "does not answer" if line.state == SILENT else ""
        return True, clock.second(line.first), note
    gone = f", last seen {clock.second(line.last)}" if line.last is not None else ""
    return False, "", f"{line.state}{gone}" if line.result.came != NEVER or line.state == EXCUSED else ""
