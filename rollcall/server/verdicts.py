"""What a teacher would write into the register, computed from stays, a lesson and marks.

`lesson_table` answers for one lesson, finished or not, `term_table` for many. Both are pure: whatever is corrected
afterwards (begin, end, class, who somebody was, a mark), the answer is computed anew and is right.

How somebody came: on time within ``late_after`` seconds of the begin, late by so much, or never. How they went: stayed,
also if they went within ``left_early`` seconds before the end; left early, or lost, at a time, the last at which they
were known to be there. What happened to all is nobody's (see ``presence.py``). A mark decides what counts; what the
computer found stands beside it.

No state, no I/O, no threads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import AbstractSet, Dict, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from rollcall.server import facts
from rollcall.server.facts import (
    Drill,
    Finding,
    GuestLine,
    Identification,
    Lesson,
    LessonTable,
    Mark,
    Pause,
    Person,
    Stay,
    TermRow,
    TermTable,
    Verdict,
)
from rollcall.server.identity import Identities, newest_name, plain_name, renamings
from rollcall.server.names import key, sort_key
from rollcall.server.presence import (
    BEFORE,
    FOREVER,
    GOODBYES,
    Blind,
    Interval,
    blind_of,
    blind_times,
    bridged,
    drills,
    gaps,
    intervals_of,
    overlap,
    still_there,
    unexplained,
)

EARLY = 1800.0
"""Seconds before the begin from which on somebody was there for this lesson: the early ones. Who has been there for
longer was first seen, as far as this lesson goes, at its begin."""

DECIDE_COUNT = frozenset((facts.MARK_HERE, facts.MARK_EXCUSED, facts.MARK_ABSENT, facts.MARK_LATE))

NOBODY: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class Words:
    """What a teacher has said of one person, the last word of each kind."""

    decides: Optional[Mark] = None
    left: Optional[Mark] = None
    out: Optional[Mark] = None
    note: Optional[Mark] = None


def words_by_name(marks: Iterable[Mark], lesson: str, identities: Identities) -> Dict[str, Words]:
    """The marks of a lesson that hold, for each person of its list who has some: also under an earlier name."""
    found: Dict[str, Words] = {}
    for mark in sorted(marks, key=lambda one: one.when):
        if mark.lesson != lesson or mark.undone:
            continue
        name = identities.listed_name(mark.name)
        words = found.get(name, Words())
        if mark.kind in DECIDE_COUNT:
            words = replace(words, decides=mark, out=None)
        elif mark.kind == facts.MARK_LEFT:
            words = replace(words, left=mark, out=None)
        elif mark.kind == facts.MARK_OUT:
            words = replace(words, out=mark)
        found[name] = replace(words, note=mark) if mark.note else words
    return found


class _Lesson:
    """A lesson while it is looked at: what is the same for everybody in it."""

    def __init__(self, lesson: Lesson, now: float) -> None:
        self.lesson, self.now = lesson, now
        self.has_begun = lesson.begin is not None
        self.begin = now if lesson.begin is None else lesson.begin
        self.until = now if lesson.end is None else max(self.begin, lesson.end)
        self.is_over = lesson.end is not None
        self.blinds: List[Blind] = []

    def clip(self, intervals: Iterable[Interval]) -> List[Interval]:
        """Those that lie in the lesson at least in part; who is there at its end is there."""
        latest = self.until if self.is_over else FOREVER
        inside = (one for one in intervals if one.begin < latest and (one.end > self.begin or one.begin >= self.begin))
        return [Interval(one.begin, FOREVER) if one.end >= latest else one for one in inside]

    def finding(self, inside: Sequence[Interval]) -> Finding:
        """What the computer says of somebody who was there in these intervals."""
        if not inside:
            return Finding(facts.NEVER)
        arrival = max(self.begin, inside[0].begin)
        late_by = arrival - self.begin
        if late_by > self.lesson.late_after and self._was_unseen(inside[0]):
            late_by = 0.0
        came = facts.LATE if late_by > self.lesson.late_after else facts.ON_TIME
        late_by = late_by if came == facts.LATE else 0.0
        last = inside[-1]
        if last.end == FOREVER:
            return Finding(came, late_by, facts.STAYED if self.is_over else "")
        if self.is_over and last.end >= self.until - self.lesson.left_early:
            return Finding(came, late_by, facts.STAYED)
        went = facts.LEFT_EARLY if last.how in GOODBYES else facts.LOST_AT
        return Finding(came, late_by, went, last.end)

    def _was_unseen(self, first: Interval) -> bool:
        """Whether nobody could see them come when they would have been on time."""
        latest = self.begin + self.lesson.late_after
        return any(one.begin <= latest and one.begin <= first.begin <= one.end + one.after for one in self.blinds)

    def first(self, inside: Sequence[Interval]) -> Optional[float]:
        if not inside:
            return None
        begin = inside[0].begin
        return self.begin if begin < self.begin - EARLY else begin

    def last(self, inside: Sequence[Interval]) -> Optional[float]:
        return min(inside[-1].end, self.until) if inside else None


def _result(found: Finding, words: Words, is_over: bool) -> Tuple[Finding, str]:
    """What holds after a teacher's words, and for what it counts."""
    mark, left = words.decides, words.left
    kind = "" if mark is None else mark.kind
    stayed = facts.STAYED if is_over else ""
    result = found
    if kind == facts.MARK_HERE:
        result = Finding(facts.ON_TIME, 0.0, stayed)
    elif kind == facts.MARK_ABSENT:
        return Finding(facts.NEVER), facts.UNEXCUSED
    elif kind == facts.MARK_LATE and mark is not None:
        came = facts.LATE if mark.minutes else facts.ON_TIME
        was_seen = found.came != facts.NEVER
        result = Finding(came, 60.0 * mark.minutes, found.went if was_seen else stayed, found.went_at)
    if left is not None:
        came = facts.ON_TIME if result.came == facts.NEVER else result.came
        result = Finding(came, result.late_by, facts.LEFT_EARLY, left.when if left.at is None else left.at)
    if kind == facts.MARK_EXCUSED:
        return result, facts.EXCUSED
    counts = {facts.ON_TIME: facts.PRESENT, facts.LATE: facts.LATE, facts.NEVER: facts.UNEXCUSED}
    return result, counts[result.came]


def _with_out(intervals: Sequence[Interval], out: Optional[Mark]) -> Tuple[List[Interval], bool]:
    """Without the gap for which somebody was out for a moment; and whether they still are."""
    if out is None:
        return list(intervals), False
    for number, one in enumerate(intervals[1:], 1):
        if one.begin > out.when and intervals[number - 1].end >= out.when - BEFORE:
            before = intervals[number - 1]
            joined = Interval(before.begin, one.end, one.how)
            return [*intervals[: number - 1], joined, *intervals[number + 1 :]], False
    return list(intervals), all(one.begin <= out.when for one in intervals)


def _state(look: _Lesson, inside: Sequence[Interval], words: Words, is_out: bool, is_silent: bool) -> str:
    kind = "" if words.decides is None else words.decides.kind
    if kind in (facts.MARK_EXCUSED, facts.MARK_ABSENT, facts.MARK_HERE):
        return {facts.MARK_EXCUSED: facts.EXCUSED, facts.MARK_ABSENT: facts.MISSING}.get(kind, facts.HERE)
    left_at = None if words.left is None else words.left.when if words.left.at is None else words.left.at
    if left_at is not None and left_at <= look.now:
        return facts.LEFT
    if is_out and not look.is_over:
        return facts.OUT
    if not inside:
        if kind == facts.MARK_LATE:
            return facts.HERE
        is_early = not look.has_begun or look.now < look.begin + look.lesson.late_after
        return facts.EXPECTED if is_early else facts.MISSING
    last = inside[-1]
    if last.end == FOREVER:
        return facts.SILENT if is_silent else facts.HERE
    unseen = (blind for blind in look.blinds if blind.is_server and blind.hides_end(last))
    if any(look.now <= blind.end + blind.after for blind in unseen):
        return facts.SILENT  # the server was away: they may still be on their way back
    return facts.LEFT if last.how in GOODBYES else facts.LOST


def lesson_table(
    lesson: Lesson,
    stays: Iterable[Stay],
    pauses: Iterable[Pause] = (),
    marks: Iterable[Mark] = (),
    identifications: Iterable[Identification] = (),
    now: float = 0.0,
    silent: AbstractSet[str] = NOBODY,
    identities: Optional[Identities] = None,
) -> LessonTable:
    """The lesson as it is now, or was. Stays, pauses, marks and identifications may hold those of other lessons, too.

    ``now`` matters only while the lesson goes on, ``silent`` (ids of stays that do not answer at the moment) only for
    the live states; ``identities`` are those of the identifications, where they are at hand. Of a lesson that has not
    begun the live states alone mean something.
    """
    look = _Lesson(lesson, now)
    if identities is None:
        identities = Identities(lesson, identifications)
    theirs: Dict[str, List[Stay]] = {person.name: [] for person in lesson.people}
    guests: Dict[str, List[Tuple[Stay, str]]] = {}
    for stay in stays:
        if stay.begin > look.until or (stay.end is not None and stay.end < look.begin - EARLY):
            continue
        match = identities.of(stay)
        if match.name:
            theirs[match.name].append(stay)
        elif stay.role != "teacher":
            guests.setdefault(key(stay.name), []).append((stay, match.proposal))
    during = [one for one in pauses if one.begin <= look.until and (one.end is None or one.end >= look.begin - EARLY)]
    look.blinds = blind_times(during, lesson.id)
    ends = look.until if lesson.end is None else look.until - lesson.left_early
    there = {name: bridged(intervals_of(own), look.blinds, lesson.end) for name, own in theirs.items()}
    if lesson.end is None:
        there = {name: still_there(own, look.blinds, look.now) for name, own in there.items()}
    events = drills(there, look.begin, look.until) if look.has_begun else []
    # Near the end a class that goes is no event; but one that is back before it was away, and has not gone.
    events = [one for one in events if one.begin < ends or any(b.end < look.until for b in blind_of(one, there))]
    more = [blind for drill in events for blind in blind_of(drill, there)]
    there = {name: bridged(own, more, lesson.end) for name, own in there.items()} if more else there
    words = words_by_name(marks, lesson.id, identities)
    lines = tuple(
        _verdict(look, person, there[person.name], words.get(person.name, Words()), theirs[person.name], silent)
        for person in lesson.people
    )
    return LessonTable(
        lesson=lesson,
        until=look.until,
        lines=lines,
        guests=tuple(sorted(_guest_lines(look, guests.values()), key=lambda line: sort_key(line.name))),
        pauses=tuple(one for one in during if one.end is None or one.end > look.begin),
        drills=unexplained(events, look.blinds),
        counted=not lesson.discarded and any(line.result.came != facts.NEVER for line in lines),
    )


def _verdict(
    look: _Lesson,
    person: Person,
    there: Sequence[Interval],
    words: Words,
    own: Sequence[Stay],
    silent: AbstractSet[str],
) -> Verdict:
    there, is_out = _with_out(there, words.out)
    inside = look.clip(there)
    found = look.finding(inside)
    result, counts = _result(found, words, look.is_over)
    open_stays = [stay.id for stay in own if stay.end is None]
    is_silent = bool(open_stays) and all(stay in silent for stay in open_stays)
    return Verdict(
        name=person.name,
        group=person.group,
        class_name=person.class_name,
        counts=counts,
        result=result,
        found=found,
        first=look.first(inside),
        last=look.last(inside),
        present=overlap(inside, look.begin, look.until),
        interruptions=gaps(inside, look.begin, look.until),
        mark=words.decides,
        left_mark=words.left,
        note=words.note,
        state=_state(look, inside, words, is_out, is_silent),
        found_state=_state(look, inside, Words(), False, is_silent),
    )


def _guest_lines(look: _Lesson, guests: Iterable[Sequence[Tuple[Stay, str]]]) -> Iterable[GuestLine]:
    for own in guests:
        there = bridged(intervals_of(stay for stay, _ in own), look.blinds, look.lesson.end)
        inside = look.clip(there)
        first, last = look.first(inside), look.last(inside)
        if first is not None and last is not None:
            name, proposal = own[-1][0].name, next((proposal for _, proposal in own if proposal), "")
            yield GuestLine(name, first, last, overlap(inside, look.begin, look.until), proposal)


def term_table(
    class_name: str, tables: Iterable[LessonTable], identifications: Iterable[Identification] = ()
) -> TermTable:
    """All lessons of a class that count. Who was renamed is one row, under the newest name."""
    counted = [table for table in tables if table.counted and class_name in table.lesson.classes]
    counted.sort(key=lambda table: table.lesson.begin or 0.0)
    renamed = renamings(identifications, (class_name,))
    cells: Dict[str, List[Optional[Verdict]]] = {}
    for number, table in enumerate(counted):
        for line in table.lines:
            if line.class_name in ("", class_name):
                name = newest_name(plain_name(line.name, class_name), renamed)
                cells.setdefault(name, [None] * len(counted))[number] = line
    rows = [_term_row(name, own) for name, own in cells.items()]
    rows.sort(key=lambda row: sort_key(row.name))
    return TermTable(class_name, tuple(table.lesson for table in counted), tuple(rows))


def _term_row(name: str, cells: Sequence[Optional[Verdict]]) -> TermRow:
    there = [cell for cell in cells if cell is not None]
    counts = [cell.counts for cell in there]
    late = [cell.result.late_by for cell in there if cell.counts == facts.LATE]
    return TermRow(
        name=name,
        group=there[-1].group,
        cells=tuple(cells),
        present=counts.count(facts.PRESENT) + len(late),
        excused=counts.count(facts.EXCUSED),
        unexcused=counts.count(facts.UNEXCUSED),
        late=len(late),
        left_early=sum(cell.result.went in (facts.LEFT_EARLY, facts.LOST_AT) for cell in there),
        late_seconds=sum(late),
    )


def drill_now(table: LessonTable, within: float) -> Optional[Drill]:
    """The event of the last ``within`` seconds, if there was one: whoever looks on may want to pause the lesson."""
    last = table.drills[-1] if table.drills else None
    return last if last is not None and last.begin >= table.until - within else None
