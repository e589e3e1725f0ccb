"""Whose is a stay? The typed name on the list, and what teachers have said about it.

What is said about one stay comes first ("this is Mia", "this is not Mia"), then what is said about a typed name in the
class ("max is Maximilian Huber"), then the list itself. A word of a teacher is about people: it holds when the person
is called otherwise on the list later, or was earlier; `newest_name` follows the renamings.

No state that changes, no I/O, no threads.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, FrozenSet, Iterable, List, Set, Tuple

from rollcall.server.facts import IS, IS_NOT, RENAMED, Identification, Lesson, Person, Stay
from rollcall.server.names import Directory, Match, key

MOST_RENAMINGS = 100
"""Of one person: more are followed by nobody, and two that lead to each other end somewhere."""

NOBODY: FrozenSet[str] = frozenset()

_by_identity: Dict[int, Tuple[Tuple[Person, ...], Directory]] = {}
MOST_REMEMBERED = 64


def directory_of(people: Tuple[Person, ...]) -> Directory:
    """The names of a list, ready to be found. Made once for the same names: it takes 50 ms for 1,000, and a class has
    them in its file and, as its list, in each lesson. The very same list is known without looking into it."""
    remembered = _by_identity.get(id(people))
    if remembered is not None and remembered[0] is people:
        return remembered[1]
    found = _directory_of(tuple(person.name for person in people))
    if len(_by_identity) >= MOST_REMEMBERED:
        _by_identity.clear()
    _by_identity[id(people)] = (people, found)
    return found


@lru_cache(maxsize=16)
def _directory_of(names: Tuple[str, ...]) -> Directory:
    return Directory(names)


def renamings(said: Iterable[Identification], classes: Iterable[str]) -> Dict[str, str]:
    """From each name that people of these classes have had to the next one."""
    wanted = set(classes)
    return {one.typed: one.name for one in said if one.kind == RENAMED and not one.undone and one.class_name in wanted}


def newest_name(name: str, renamed: Dict[str, str]) -> str:
    """How somebody is called now who was once called ``name``."""
    for _ in range(MOST_RENAMINGS):
        if name not in renamed:
            break
        name = renamed[name]
    return name


def class_suffixed(name: str, class_name: str) -> str:
    """The name in a lesson of several classes of which another has the same name."""
    return f"{name} ({class_name})"


def plain_name(name: str, class_name: str) -> str:
    """The name on the list of its own class: in a lesson of several, two of one name have their class behind it."""
    suffix = class_suffixed("", class_name)
    return name[: -len(suffix)] if name.endswith(suffix) else name


class Identities:
    """Answers for one lesson. ``said`` may hold what is about others, too; the later word wins."""

    def __init__(self, lesson: Lesson, said: Iterable[Identification]) -> None:
        valid = sorted((one for one in said if not one.undone), key=lambda one: one.when)
        self._directory = directory_of(lesson.people)
        renamed = renamings(valid, lesson.classes)
        listed = {newest_name(name, renamed): name for name in self._directory.names} if renamed else {}
        self._renamed, self._listed = renamed, listed
        self._earlier = {key(name): listed.get(newest_name(name, renamed), "") for name in renamed}
        self._by_stay: Dict[str, List[Identification]] = {}
        self._by_typed: Dict[str, str] = {}
        for one in valid:
            if one.stay:
                self._by_stay.setdefault(one.stay, []).append(one)
            elif one.kind == IS and one.class_name in lesson.classes and one.lesson in ("", lesson.id):
                self._by_typed[key(one.typed)] = self.listed_name(one.name, one.class_name)

    def listed_name(self, name: str, class_name: str = "") -> str:
        """The name under which this lesson's list has that person; empty if it has not."""
        for listed in (name, class_suffixed(name, class_name)):
            if listed in self._directory:
                return listed
        return self._listed.get(newest_name(name, self._renamed), "")

    def of(self, stay: Stay) -> Match:
        """Whose it is, or might be. A teacher's stay is nobody's on the list."""
        if stay.role == "teacher":
            return Match()
        name, not_theirs = self._said_of(stay.id)
        if name:
            return Match(name=name)
        alias = self._by_typed.get(key(stay.name), "") if self._by_typed else ""
        found = Match(name=alias) if alias else self._directory.find(stay.name)
        if not found.name:  # out of habit the earlier name, unless somebody else has that now
            found = Match(name=self._earlier[key(stay.name)]) if self._earlier.get(key(stay.name)) else found
        return Match() if (found.name or found.proposal) in not_theirs else found

    def _said_of(self, stay: str) -> Tuple[str, FrozenSet[str]]:
        name = ""
        not_theirs: Set[str] = set()
        if stay not in self._by_stay:
            return name, NOBODY
        for one in self._by_stay[stay]:
            listed = self.listed_name(one.name)
            if one.kind == IS_NOT:
                not_theirs.add(listed)
                name = "" if name == listed else name
            else:
                not_theirs.discard(listed)
                name = listed
        return name, frozenset(not_theirs - {""})
