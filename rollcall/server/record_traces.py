"""Everything that the record has of one person: to show it to them, or to forget it.

A person is who stands on a list under a name, under the names that the list had for them before, and whoever was
connected under a typed name that was theirs in a lesson. So "student01", which was Mia's for one hour, is hers for that
hour only. Somebody who was never on a list is who typed that name.

`of_person` reads nothing and changes nothing. `forget` deletes, in one transaction.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

from rollcall.server.facts import RENAMED, Identification, Lesson, Mark, Stay
from rollcall.server.identity import Identities, plain_name
from rollcall.server.name_search import NameSearch
from rollcall.server.names import key, same
from rollcall.server.record_file import WritableRecord
from rollcall.server.record_reading import Recorded
from rollcall.server.record_tables import Row, Statement, row_of

DAY = 86_400.0


class SeveralPeople(Exception):
    """The name fits more than one person on the lists: ``names``."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self.names = sorted(names)


class Traces(NamedTuple):
    """What there is of somebody. ``names`` are those on lists, or the one that was asked for; ``typed`` those under
    which they were connected; ``lessons`` those on whose list they stand."""

    names: Tuple[str, ...]
    typed: Tuple[str, ...] = ()
    stays: Tuple[Stay, ...] = ()
    lessons: Tuple[Lesson, ...] = ()
    marks: Tuple[Mark, ...] = ()
    identifications: Tuple[Identification, ...] = ()
    classes: Tuple[str, ...] = ()
    others: Tuple[str, ...] = ()

    def search(self, others: Iterable[str] = ()) -> NameSearch:
        """Finds them in text. A typed name that may be somebody else's elsewhere, such as "mia", is theirs in a log.
        ``others`` are more people than those on the lists of lessons."""
        theirs = [typed for typed in self.typed if any(same(typed, name) for name in self.names)]
        in_logs = [typed for typed in self.typed if typed not in theirs]
        known = {name for name in (*self.others, *others) if not any(_alike(name, own) for own in self.names)}
        return NameSearch((*self.names, *theirs), in_logs, known)

    def is_listed(self, name: str, classes: Iterable[str]) -> bool:
        """Whether that name, in a lesson of these classes, is theirs."""
        return name in self.names or any(plain_name(name, one) in self.names for one in classes)


def of_person(facts: Recorded, name: str) -> Traces:
    """All that there is. Raises `SeveralPeople` if the name fits some, and is nobody's exactly."""
    names = _names(facts, name)
    traces = Traces(tuple(sorted(names)))
    lessons = tuple(
        lesson
        for lesson in facts.lessons
        if any(traces.is_listed(person.name, lesson.classes) for person in lesson.people)
    )
    listed = {lesson.id for lesson in lessons}
    stays = tuple(_stays(facts, traces))
    ids = {stay.id for stay in stays}
    by_id = {lesson.id: lesson for lesson in facts.lessons}
    marks = tuple(
        mark
        for mark in facts.marks
        if mark.lesson in listed and traces.is_listed(mark.name, by_id[mark.lesson].classes)
    )
    return traces._replace(
        typed=tuple(sorted({stay.name for stay in stays})),
        stays=stays,
        lessons=lessons,
        marks=marks,
        identifications=tuple(
            word for word in facts.identifications
            if word.name in names or word.stay in ids or (word.kind == RENAMED and word.typed in names)
        ),
        classes=tuple(sorted({one for lesson in lessons for one in _classes_of(lesson, traces)})),
        others=tuple(sorted(_listed_names(facts) - names)),
    )  # fmt: skip


def _classes_of(lesson: Lesson, traces: Traces) -> Iterator[str]:
    for person in lesson.people:
        if traces.is_listed(person.name, lesson.classes):
            yield person.class_name or (lesson.classes[0] if lesson.classes else "")


def _names(facts: Recorded, name: str) -> Set[str]:
    """All names that the lists have had for that person."""
    known = {word.name for word in facts.identifications} | {
        word.typed for word in facts.identifications if word.kind == RENAMED
    }
    known |= _listed_names(facts)
    for fits in (str.__eq__, _alike, same):
        found = {one for one in known if fits(one, name)}
        if found:
            break
    else:
        return {name}
    found = _with_former_names(facts, found)
    if fits is same and len({key(one) for one in found}) > 1:
        raise SeveralPeople(found)
    return found


def _listed_names(facts: Recorded) -> Set[str]:
    people = (person for lesson in facts.lessons for person in lesson.people)
    return {plain_name(person.name, person.class_name) for person in people}


def _alike(one: str, other: str) -> bool:
    return key(one) == key(other)


def _with_former_names(facts: Recorded, names: Set[str]) -> Set[str]:
    found, before = set(names), 0
    renamed = [word for word in facts.identifications if word.kind == RENAMED and not word.undone]
    while len(found) > before:
        before = len(found)
        for word in renamed:
            if word.name in found or word.typed in found:
                found |= {word.name, word.typed}
    return found


def _stays(facts: Recorded, traces: Traces) -> Iterator[Stay]:
    """Those that were theirs in a lesson, and those under their name that were nobody else's."""
    by_day: Dict[int, List[Stay]] = {}
    for stay in facts.stays:
        by_day.setdefault(int(stay.begin // DAY), []).append(stay)
    theirs: Set[str] = set()
    others: Set[str] = set()
    for lesson in facts.lessons:
        if lesson.begin is None:
            continue
        end = facts.alive if lesson.end is None else lesson.end
        identities = Identities(lesson, facts.identifications)
        for day in range(int(lesson.begin // DAY) - 1, int(max(end, lesson.begin) // DAY) + 1):
            for stay in by_day.get(day, ()):
                if stay.begin <= end and (stay.end is None or stay.end >= lesson.begin - DAY / 24):
                    owner = identities.of(stay).name
                    if owner:
                        (theirs if traces.is_listed(owner, lesson.classes) else others).add(stay.id)
    for stay in facts.stays:
        own_name = stay.id not in others and any(same(stay.name, name) for name in traces.names)
        if stay.id in theirs or own_name:
            yield stay


def forget(database: WritableRecord, facts: Recorded, traces: Traces) -> None:
    """Delete all of it from the database, and what others' rows say of them, so that nothing is left in its files."""
    search = traces.search()
    rows: List[Row] = []
    for lesson in traces.lessons:
        people = tuple(one for one in lesson.people if not traces.is_listed(one.name, lesson.classes))
        rows.append(row_of(replace(lesson, people=people), 0, facts.alive))
    gone = {mark.id for mark in traces.marks}
    for mark in facts.marks:
        clean = replace(mark, note=search.blanked(mark.note), by=search.blanked(mark.by))
        if mark.id not in gone and clean != mark:
            rows.append(row_of(clean, 0, facts.alive))
    words = {word.id for word in traces.identifications}
    for word in facts.identifications:
        if word.id not in words and search.is_in(word.by):
            rows.append(row_of(replace(word, by=search.blanked(word.by)), 0, facts.alive))
    statements: List[Statement] = [("DELETE FROM stays WHERE id = ?", (stay.id,)) for stay in traces.stays]
    statements += [("DELETE FROM marks WHERE id = ?", (mark,)) for mark in gone]
    statements += [("DELETE FROM identifications WHERE id = ?", (word,)) for word in words]
    database.write(rows, statements)
    database.shrink()
