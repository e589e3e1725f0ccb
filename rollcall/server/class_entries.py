"""What a teacher sees of a class while a lesson goes on: a row for each person of the list, and for each guest.

`entries_of` makes the entries from the computed table and what is live; `ClassRows` keeps them with revisions, so that
who has seen revision *n* gets what changed since. Both are plain and belong to whoever holds the lock of the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from rollcall.server import facts
from rollcall.server.facts import Lesson, LessonTable, Stay, Verdict
from rollcall.server.identity_acts import rivals
from rollcall.server.lesson_state import LessonState
from rollcall.server.names import Match, key, sort_key
from rollcall.server.presence import GOODBYES, Blind, blind_times, bridged, intervals_of
from rollcall.wire.class_messages import GUEST, PersonRow


@dataclass(frozen=True)
class ClassList:
    """The list for who has seen an older revision: ``whole`` or what has changed since, and the keys that are gone.
    ``counts`` are the people of the list in each state; they add up to ``listed``."""

    rev: int
    whole: bool
    entries: Tuple[PersonRow, ...]
    gone: Tuple[str, ...]
    classes: Tuple[str, ...]
    lesson: str
    begin: Optional[float]
    end: Optional[float]
    begin_by: str
    paused: bool
    counts: Mapping[str, int]
    listed: int
    guests: int
    comes: str = ""  # "this looks like 9a"
    event: Optional[facts.Drill] = None


def entries_of(state: LessonState, table: LessonTable) -> List[PersonRow]:
    """The people in the order of names, then the guests."""
    lesson = table.lesson
    identities = state.identities(lesson)
    stays = [stay for stay in state.stays_of(lesson) if stay.role != "teacher"]
    matches = {stay.id: identities.of(stay) for stay in stays}
    theirs: Dict[str, List[Stay]] = {}
    guests: List[List[Stay]] = []
    for stay in stays:
        name = matches[stay.id].name
        if name:
            theirs.setdefault(name, []).append(stay)
        else:
            _same_guest(guests, stay).append(stay)
    asked = rivals(state, lesson)
    by_device = _names_by_device(stays, matches)
    blinds = blind_times(state.pauses.values(), lesson.id)
    people = [
        _entry(state, lesson, line, theirs.get(line.name, ()), asked.get(line.name, ()), by_device, blinds)
        for line in table.lines
    ]
    people.sort(key=lambda entry: sort_key(entry.name))
    strangers = [_guest(state, own, matches[own[-1].id], by_device, blinds) for own in guests]
    strangers.sort(key=lambda entry: (sort_key(entry.name), entry.key))
    return people + strangers


def _same_guest(guests: List[List[Stay]], stay: Stay) -> List[Stay]:
    """The stays of the guest whose next one this is: of the same name after the last one, or renamed just now. Not of
    the same id: another run of the server gives that to somebody else."""
    for own in guests:
        last = own[-1]
        is_renamed = last.member == stay.member and last.how == "renamed" and last.end == stay.begin
        is_after = last.end is not None and last.end <= stay.begin
        if is_renamed or (is_after and key(last.name) == key(stay.name)):
            return own
    guests.append([])
    return guests[-1]


def _names_by_device(stays: Iterable[Stay], matches: Mapping[str, Match]) -> Dict[str, List[str]]:
    found: Dict[str, List[str]] = {}
    for stay in stays:
        if stay.device:
            names = found.setdefault(stay.device, [])
            name = matches[stay.id].name or stay.name
            if name not in names:
                names.append(name)
    return found


def _other_name(own: Sequence[Stay], name: str, by_device: Mapping[str, List[str]]) -> str:
    names = (other for stay in own for other in by_device.get(stay.device, ()) if other != name)
    return next(names, "")


def _live(state: LessonState, own: Sequence[Stay]) -> List[Stay]:
    """The open stays, those that answer first; without any, the last one."""
    live = [stay for stay in own if stay.end is None]
    live.sort(key=lambda stay: (stay.id in state.silent, -stay.begin))
    return live or list(own[-1:])


def _ids(state: LessonState, stays: Sequence[Stay]) -> Tuple[int, ...]:
    """The roster's ids of whose stays these are. Those of an earlier run of the server are somebody else's now."""
    return tuple(stay.member for stay in stays if stay.end is None or stay.begin >= state.started)


def _came(own: Sequence[Stay], blinds: Sequence[Blind]) -> Optional[float]:
    """When they came who have these stays, and are here still or were last."""
    there = bridged(intervals_of(own), blinds, None)
    return there[-1].begin if there else None


def _since(
    state: LessonState, lesson: Lesson, line: Verdict, own: Sequence[Stay], came: Optional[float]
) -> Optional[float]:
    live, shown = _live(state, own), line.state
    if shown == facts.SILENT and live:
        return state.silent.get(live[0].id, line.last)
    if shown in (facts.LOST, facts.LEFT):
        return line.last
    if shown == facts.MISSING and lesson.begin is not None:
        due = lesson.begin + lesson.late_after
        return due if due <= state.now() else None  # before that only who is marked as absent
    return came if shown == facts.HERE and live and live[0].end is None else None


def _entry(
    state: LessonState,
    lesson: Lesson,
    line: Verdict,
    own: Sequence[Stay],
    asked: Sequence[Stay],
    by_device: Mapping[str, List[str]],
    blinds: Sequence[Blind],
) -> PersonRow:
    came = _came(own, blinds)
    live = _live(state, own)
    mark = line.mark or line.left_mark
    kind = "" if mark is None else mark.kind
    last = max((one for one in (mark, line.note) if one is not None), key=lambda one: one.when, default=None)
    return PersonRow(
        key=f"n:{line.name}",
        name=line.name,
        state=line.state,
        group=line.group,
        class_name=line.class_name,
        members=_ids(state, asked or live[:1]),
        typed=live[0].name if live and live[0].name != line.name else "",
        since=_since(state, lesson, line, own, came),
        came=came,
        late_by=line.result.late_by,
        found=line.found_state if line.found_state != line.state else "",
        mark=facts.MARK_OUT if line.state == facts.OUT else kind,
        minutes=mark.minutes if mark is not None else 0,
        at=line.left_mark.at if line.left_mark is not None else None,
        note=line.note.note if line.note is not None else "",
        by=last.by if last is not None else "",
        when=last.when if last is not None else None,
        same_computer=_other_name(own, line.name, by_device),
    )


def _guest(
    state: LessonState, own: Sequence[Stay], match: Match, by_device: Mapping[str, List[str]], blinds: Sequence[Blind]
) -> PersonRow:
    stay, came = own[-1], _came(own, blinds)
    if stay.end is None:
        shown = facts.SILENT if stay.id in state.silent else facts.HERE
        since = state.silent.get(stay.id, came)
    else:
        shown, since = (facts.LEFT if stay.how in GOODBYES else facts.LOST), stay.end
    return PersonRow(
        key=f"g:{own[0].id}",
        name=stay.name,
        state=shown,
        class_name=GUEST,
        members=_ids(state, [stay]),
        since=since,
        came=came,
        proposal=match.proposal,
        same_computer=_other_name(own, stay.name, by_device),
    )


class ClassRows:
    """The entries with the revision at which each was last changed. Revisions only grow, also from class to class."""

    def __init__(self) -> None:
        self.rev = 0
        self._whole_since = 0  # who has seen less gets everything: it was about others
        self._about = ""
        self._rows: Dict[str, Tuple[PersonRow, int]] = {}
        self._gone: Dict[str, int] = {}

    def update(self, about: str, entries: Sequence[PersonRow], is_changed: bool) -> None:
        """These are the entries now, of the lesson ``about``. ``is_changed``: something beside them is."""
        rev = self.rev + 1
        if about != self._about:
            self._about, self._whole_since, is_changed = about, rev, True
            self._rows, self._gone = {}, {}
        rows: Dict[str, Tuple[PersonRow, int]] = {}
        for entry in entries:
            known = self._rows.get(entry.key)
            is_same = known is not None and known[0] == entry
            rows[entry.key] = known if is_same and known is not None else (entry, rev)
            is_changed = is_changed or not is_same
        for one in self._rows:
            if one not in rows:
                self._gone[one] = rev
                is_changed = True
        for one in rows:
            self._gone.pop(one, None)
        self._rows = rows
        if is_changed:
            self.rev = rev

    def since(self, seen: Optional[int]) -> Tuple[bool, Tuple[PersonRow, ...], Tuple[str, ...]]:
        """Whether it is all of it, the entries, and the keys that are gone."""
        if seen is None or seen < self._whole_since or seen > self.rev:
            return True, tuple(entry for entry, _ in self._rows.values()), ()
        changed = tuple(entry for entry, rev in self._rows.values() if rev > seen)
        return False, changed, tuple(one for one, rev in self._gone.items() if rev > seen)
