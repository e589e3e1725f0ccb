"""A teacher's acts on a `LessonState` that say who somebody is.

"This is Maximilian Huber" holds for the class and the typed name, never for a machine: who sits at it tomorrow is
somebody else. Where the typed name says nothing about a person (the name of an account, or one that is typed on several
devices), it holds for this lesson, and for whoever comes back from the same device. Each act changes the state by
`LessonState.put`, or raises `Refused` with a sentence. The caller holds the lock of the state. No I/O, no threads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

from rollcall.server import facts
from rollcall.server.facts import Identification, Lesson, Person, Stay
from rollcall.server.identity import directory_of, plain_name
from rollcall.server.lesson_acts import find_lesson
from rollcall.server.lesson_state import LessonState, Refused
from rollcall.server.names import is_login_like, key


def identify(state: LessonState, member: int, name: str, by: str = "") -> None:
    """Who is connected as ``member`` is that person.

    It holds for the typed name in this class from now on; but only for this stay where others may type the same (the
    name of an account, a name typed on several devices) or where it is somebody else's name.
    """
    lesson, stay = find_lesson(state, ""), _stay_of(state, member)
    person = next((one for one in lesson.people if one.name == name), None)
    if person is None:
        raise Refused(f'"{name[:64]}" is not on the list of this lesson')
    _identify(state, lesson, stay, person, by)


def _identify(state: LessonState, lesson: Lesson, stay: Stay, person: Person, by: str) -> None:
    match = directory_of(lesson.people).find(stay.name)
    is_narrow = is_login_like(stay.name) or _is_typed_elsewhere(state, lesson, stay)
    is_narrow = is_narrow or match.name not in ("", person.name)
    said = Identification(state.new_id(), facts.IS, person.name, state.now(), typed=stay.name, by=by)
    if is_narrow or state.identities(lesson).of(stay).name not in ("", person.name):
        for own in _same_hands(state, lesson, stay):
            state.put(replace(said, id=state.new_id(), stay=own.id, lesson=lesson.id))
    if not is_narrow:
        class_name = person.class_name or lesson.classes[0]
        state.put(replace(said, name=plain_name(person.name, class_name), class_name=class_name))
    # What was said before ("this is not Mia") about this very stay is over.
    if state.identities(lesson).of(stay).name != person.name:
        state.put(replace(said, id=state.new_id(), stay=stay.id, lesson=lesson.id))


def _stay_of(state: LessonState, member: int) -> Stay:
    stay = state.last_stay(member)
    if stay is None:
        raise Refused("nobody of that number has been here")
    return stay


def _is_typed_elsewhere(state: LessonState, lesson: Lesson, stay: Stay) -> bool:
    """Whether the same name was typed on another device in this lesson."""
    typed = key(stay.name)
    return any(key(one.name) == typed and not same_hands(one, stay) for one in state.stays_of(lesson))


def same_hands(one: Stay, other: Stay) -> bool:
    """Two stays from the same place: the same member of the roster, or the same device."""
    return one.member == other.member or (one.device != "" and one.device == other.device)


def _same_hands(state: LessonState, lesson: Lesson, stay: Stay) -> List[Stay]:
    typed = key(stay.name)
    found = [one for one in state.stays_of(lesson) if same_hands(one, stay) and key(one.name) == typed]
    return found if stay in found else [*found, stay]


def inherit(state: LessonState, stay: Stay) -> None:
    """A new stay of hands that were here before in this lesson, under the same name: what was said of them holds."""
    lesson = state.lesson
    if lesson is None or not state.said:
        return
    since = state.previous_end()
    typed = key(stay.name)
    before = [
        one.id
        for one in state.stays.values()
        if one.id != stay.id
        and (one.end is None or one.end > since)
        and same_hands(one, stay)
        and key(one.name) == typed
    ]
    wanted = max(before, key=lambda one: state.stays[one].begin, default="")
    for said in [one for one in state.said.values() if wanted and one.stay == wanted and not one.undone]:
        state.put(replace(said, id=state.new_id(), stay=stay.id))


def not_theirs(state: LessonState, member: int, by: str = "") -> None:
    """Whoever is connected as ``member`` is not the person that the list says."""
    lesson, stay = find_lesson(state, ""), _stay_of(state, member)
    match = state.identities(lesson).of(stay)
    name = match.name or match.proposal
    if not name:
        raise Refused(f'"{stay.name}" is counted for nobody')
    for own in _same_hands(state, lesson, stay):
        said = Identification(state.new_id(), facts.IS_NOT, name, state.now(), "", stay.name, own.id, lesson.id, by)
        state.put(said)


def rivals(state: LessonState, lesson: Lesson) -> Dict[str, List[Stay]]:
    """For each person who is here several times at once, from different devices, the open stays: the question whose
    they are has not been answered yet. Only once all of them have answered for a whole timeout: a connection that is
    half dead is no second person."""
    identities, now = state.identities(lesson), state.now()
    by_name: Dict[str, List[Stay]] = {}
    for stay_id in state.open.values():
        stay = state.stays[stay_id]
        name = identities.of(stay).name
        if name:
            by_name.setdefault(name, []).append(stay)
    settled = {one.stay for one in state.said.values() if one.kind == facts.BOTH and not one.undone}
    found: Dict[str, List[Stay]] = {}
    for name, stays in by_name.items():
        unsettled = any(stay.id not in settled for stay in stays)
        alive = all(stay.id not in state.silent and now - stay.begin >= state.timeout for stay in stays)
        if len(stays) > 1 and unsettled and alive:
            found[name] = sorted(stays, key=lambda one: one.begin)
    return found


def both_theirs(state: LessonState, name: str, by: str = "") -> None:
    """All computers under that name are hers: she is here while any of them is."""
    lesson = find_lesson(state, "")
    for stay in _rival_stays(state, name):
        _say(state, lesson, facts.BOTH, name, stay, by)


def this_one(state: LessonState, name: str, member: int, by: str = "") -> None:
    """Of those under that name ``member`` is hers, and the others are guests."""
    lesson, stays = find_lesson(state, ""), _rival_stays(state, name)
    if all(stay.member != member for stay in stays):
        raise Refused(f'that is nobody who is here as "{name[:64]}"')
    for stay in stays:
        _say(state, lesson, facts.IS if stay.member == member else facts.IS_NOT, name, stay, by)


def two_people(state: LessonState, name: str, by: str = "") -> None:
    """They are different people: who came first is the one on the list, the others are guests until somebody says."""
    stays = _rival_stays(state, name)
    this_one(state, name, stays[0].member, by)


def _say(state: LessonState, lesson: Lesson, kind: str, name: str, stay: Stay, by: str) -> None:
    state.put(Identification(state.new_id(), kind, name, state.now(), "", stay.name, stay.id, lesson.id, by))


def _rival_stays(state: LessonState, name: str) -> List[Stay]:
    lesson = find_lesson(state, "")
    identities = state.identities(lesson)
    stays = [state.stays[stay_id] for stay_id in state.open.values()]
    stays = sorted((stay for stay in stays if identities.of(stay).name == name), key=lambda one: one.begin)
    if len(stays) < 2:
        raise Refused(f'nobody else is here as "{name[:64]}"')
    return stays


def accept_all(state: LessonState, by: str = "") -> int:
    """All proposals are right; returns how many. Where two are proposed for one person, neither: somebody must look."""
    lesson = find_lesson(state, "")
    identities = state.identities(lesson)
    proposed: Dict[str, List[Stay]] = {}
    for stay_id in state.open.values():
        name = identities.of(state.stays[stay_id]).proposal
        if name:
            proposed.setdefault(name, []).append(state.stays[stay_id])
    people = {person.name: person for person in lesson.people}
    one_each = [(name, stays[0]) for name, stays in proposed.items() if len(stays) == 1]
    if not one_each:
        raise Refused("nothing is proposed")
    for name, stay in one_each:
        _identify(state, lesson, stay, people[name], by)
    return len(one_each)


def check_renaming(before: str, after: str) -> None:
    """Whether anybody can be renamed so. Raises `Refused`. Who writes the class file asks first, and `rename` again."""
    if before == after or not after.strip():
        raise Refused("that is no other name")


def rename(state: LessonState, class_name: str, before: str, after: str, by: str = "") -> None:
    """Somebody is called otherwise from now on: in the record, the two names are one person."""
    check_renaming(before, after)
    said = Identification(state.new_id(), facts.RENAMED, after, state.now(), class_name, before, by=by)
    state.put(said)


def who_is_here(state: LessonState) -> Tuple[Person, ...]:
    """Everybody who is connected, teachers apart: the first list of a class."""
    stays = (state.stays[stay_id] for stay_id in state.open.values())
    names = {key(stay.name): stay.name for stay in stays if stay.role != "teacher"}
    return tuple(Person(name) for name in names.values())
