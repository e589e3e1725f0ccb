"""A teacher's acts on a `LessonState`: class, lesson and marks. Who somebody is stands in ``identity_acts.py``.

Each function is one act. It changes the state by `LessonState.put`, or raises `Refused` with a sentence and changes
nothing. All that is computed follows by itself, so an act on a lesson that is over is the same as on one that goes on.
The caller holds the lock of the state. No I/O, no threads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

from rollcall.server import facts
from rollcall.server.facts import Lesson, Mark, Pause, Person
from rollcall.server.lesson_state import LessonState, Refused
from rollcall.server.timetable import SETTLED, SETTLED_TOLD, estimated_end, quarter_of
from rollcall.server.verdicts import drill_now

MOST_CLASSES = 8
"""Classes in one lesson."""

FRESH_DRILL = 900.0
"""Seconds for which a pause that a teacher tells begins with the event that made them tell it."""

MOST_MINUTES = 600


# --- class and lesson -----------------------------------------------------------------------------------------


def know(state: LessonState, lists: Dict[str, Tuple[Person, ...]]) -> None:
    """The lists as they are now. The list of a lesson that goes on follows; one that is over keeps its own."""
    state.lists = dict(lists)
    lesson = state.lesson
    if lesson is not None:
        people = state.people_of(lesson.classes)
        if people != lesson.people:
            state.put(replace(lesson, people=people))


def _checked_classes(state: LessonState, classes: Sequence[str]) -> Tuple[str, ...]:
    wanted = tuple(dict.fromkeys(classes))
    for name in wanted:
        if name not in state.lists:
            known = ", ".join(sorted(state.lists)[:10]) or "none"
            raise Refused(f'there is no class "{name[:40]}"; there are: {known}')
    if len(wanted) > MOST_CLASSES:
        raise Refused(f"a lesson may have at most {MOST_CLASSES} classes")
    return wanted


def set_class(state: LessonState, classes: Sequence[str]) -> None:
    """From now on it is about these classes; none: about nobody. A lesson of others that goes on ends."""
    wanted = _checked_classes(state, classes)
    lesson = state.lesson
    if lesson is not None and lesson.classes == wanted:
        know(state, state.lists)
        return
    _leave(state)
    if wanted:
        state.prepare(wanted)


def _leave(state: LessonState) -> None:
    """The lesson that goes on is over: it ended when its class went, or now. One that was prepared is dropped."""
    lesson = state.lesson
    if lesson is not None and lesson.begin is None:
        state.put(replace(lesson, discarded=True))
    elif lesson is not None:
        ended = class_went(state, lesson, settled=0.0)  # another class is here: they will not come back
        by = facts.TOLD if ended is None else facts.ESTIMATED
        finish(state, lesson, state.now() if ended is None else ended, by)
    state.current = ""


def may_take_place(state: LessonState, lesson: Lesson) -> bool:
    """Whether a lesson of an earlier run is the one of now: of the same classes, where no teacher has begun another."""
    now = state.lesson
    is_told = now is not None and now.begin is not None and now.begin_by == facts.TOLD
    return now is None or (now.classes == lesson.classes and not is_told)


def take_place(state: LessonState, lesson: Lesson) -> None:
    """A lesson of an earlier run goes on. What was marked since the start, while it was not known, is about it."""
    now, state.current = state.lesson, lesson.id
    if now is not None and now.classes == lesson.classes:
        for mark in _marks_of(state, now.id):
            state.put(replace(mark, lesson=lesson.id))
        state.put(replace(now, end=now.begin, discarded=True))


def class_went(state: LessonState, lesson: Lesson, settled: Optional[float] = None) -> Optional[float]:
    """When less than a quarter of the class was left, if that is so for long enough; None otherwise."""
    if state.are_here(lesson, quarter_of(len(lesson.people))):
        return None  # without a table of the whole class, which would be made anew for each who comes
    if settled is None:
        settled = SETTLED if lesson.begin_by == facts.ESTIMATED else SETTLED_TOLD
    return estimated_end(state.last_seen(lesson), state.now(), state.last_pause(), settled)


def begin(state: LessonState, at: Optional[float] = None, by: str = facts.TOLD) -> Lesson:
    """The prepared lesson begins, now or at that time. One that nobody ended, and from which its class has gone, ended
    when it went."""
    lesson = state.lesson
    if lesson is None:
        raise Refused("no class is chosen; choose one first")
    begun = state.now() if at is None else at
    _check_time(state, begun)
    if lesson.begin is not None:
        went = class_went(state, lesson, settled=0.0)
        if went is None or begun <= went:
            raise Refused("a lesson goes on already; end it first, or correct its begin")
        finish(state, lesson, went, facts.ESTIMATED)
        lesson = state.prepare(lesson.classes)
    lesson = replace(lesson, begin=begun, begin_by=by, people=state.people_of(lesson.classes))
    state.put(lesson)
    _note_unseen(state, begun)
    return lesson


def _note_unseen(state: LessonState, begun: float) -> None:
    """A lesson that had begun before the server was there: until then nobody could be seen to come. Not if an earlier
    run was there: what it saw is known."""
    is_known = any(stay.begin < state.started for stay in state.stays.values())
    if begun < state.started and not is_known and not any(one.begin <= begun for one in state.pauses.values()):
        state.put(Pause(state.new_id(), begun, state.started, facts.DOWN))


def end(state: LessonState, at: Optional[float] = None) -> Lesson:
    """The lesson that goes on ends, now or at that time. The next one of the same class is prepared."""
    lesson = state.lesson
    if lesson is None or lesson.begin is None:
        raise Refused("no lesson goes on")
    ended = state.now() if at is None else at
    _check_time(state, ended)
    if ended <= lesson.begin:
        raise Refused("the end is not after the begin")
    finish(state, lesson, ended, facts.TOLD)
    state.prepare(lesson.classes)
    return state.lessons[lesson.id]


def finish(state: LessonState, lesson: Lesson, at: float, by: str) -> None:
    """It ended then; so does a pause that was told."""
    for pause in list(state.pauses.values()):
        if pause.lesson == lesson.id and pause.end is None:
            state.put(replace(pause, end=max(pause.begin, at)))
    state.put(replace(lesson, end=max(at, lesson.begin or at), end_by=by))


def _check_time(state: LessonState, at: float) -> None:
    if not state.now() - 366 * 86_400 <= at <= state.now() + 1:
        raise Refused("that time is not within the last year")


def find_lesson(state: LessonState, lesson_id: str) -> Lesson:
    """The lesson of that id; without one the one that goes on or is being prepared."""
    if lesson_id:
        lesson = state.lessons.get(lesson_id)
        if lesson is None:
            raise Refused("that lesson is not known any more")
        return lesson
    lesson = state.lesson
    if lesson is None:
        raise Refused("no class is chosen; choose one first")
    return lesson


def correct(
    state: LessonState,
    lesson_id: str,
    begin_at: Optional[float] = None,
    end_at: Optional[float] = None,
    classes: Optional[Sequence[str]] = None,
) -> None:
    """Begin, end or class of a lesson were otherwise."""
    lesson = find_lesson(state, lesson_id)
    if lesson.begin is None and classes is None:
        raise Refused("that lesson has not begun")
    if begin_at is not None:
        _check_time(state, begin_at)
        lesson = replace(lesson, begin=begin_at, begin_by=facts.TOLD)
    if end_at is not None:
        if lesson.end is None:
            raise Refused("that lesson goes on; end it first")
        _check_time(state, end_at)
        lesson = replace(lesson, end=end_at, end_by=facts.TOLD)
    if lesson.begin is not None and lesson.end is not None and lesson.end <= lesson.begin:
        raise Refused("the end is not after the begin")
    if classes is not None:
        wanted = _checked_classes(state, classes)
        lesson = replace(lesson, classes=wanted, people=state.people_of(wanted))
    state.put(lesson)
    if begin_at is not None:
        _note_unseen(state, begin_at)


def split(state: LessonState, lesson_id: str, at: float) -> Lesson:
    """It was two lessons, of which the second began at ``at``; returns that. Words of a teacher hold for both, what is
    about a moment for the part it lies in."""
    lesson = find_lesson(state, lesson_id)
    until = state.now() if lesson.end is None else lesson.end
    if lesson.begin is None or not lesson.begin < at < until:
        raise Refused("a lesson can be split between its begin and its end only")
    second = replace(lesson, id=state.new_id(), begin=at, begin_by=facts.TOLD)
    state.put(replace(lesson, end=at, end_by=facts.TOLD), second)
    if state.current == lesson.id:
        state.current = second.id
    for mark in _marks_of(state, lesson.id):
        moment = mark.when if mark.at is None else mark.at
        if mark.kind == facts.MARK_LEFT and moment < at:
            continue
        if mark.kind == facts.MARK_LEFT or (mark.kind == facts.MARK_OUT and mark.when >= at):
            state.put(replace(mark, lesson=second.id))
        elif mark.kind not in (facts.MARK_LATE, facts.MARK_OUT):
            state.put(replace(mark, id=state.new_id(), lesson=second.id))
    return second


def join(state: LessonState, first_id: str, second_id: str) -> None:
    """The two were one lesson. What was said about the begin in the first holds, and about the end in the second."""
    first, second = find_lesson(state, first_id), find_lesson(state, second_id)
    if first.begin is None or second.begin is None or first.id == second.id:
        raise Refused("only two lessons that have begun can be joined")
    if second.begin < first.begin:
        first, second = second, first
    names = {person.name for person in first.people}
    people = first.people + tuple(person for person in second.people if person.name not in names)
    classes = tuple(dict.fromkeys(first.classes + second.classes))
    state.put(
        replace(first, end=second.end, end_by=second.end_by, people=people, classes=classes),
        replace(second, end=second.begin if second.end is None else second.end, discarded=True),
    )
    if state.current == second.id:
        state.current = first.id
    decided = {mark.name for mark in _marks_of(state, first.id) if mark.kind not in (facts.MARK_OUT, facts.MARK_NOTE)}
    for mark in _marks_of(state, second.id):
        if mark.kind != facts.MARK_LATE and (mark.kind == facts.MARK_LEFT or mark.name not in decided):
            state.put(replace(mark, lesson=first.id))


def _marks_of(state: LessonState, lesson_id: str) -> List[Mark]:
    return [mark for mark in state.marks.values() if mark.lesson == lesson_id and not mark.undone]


def discard(state: LessonState, lesson_id: str, discarded: bool = True) -> None:
    """The lesson does not count, or it does after all. One that goes on ends."""
    lesson = find_lesson(state, lesson_id)
    if lesson.begin is None:
        raise Refused("that lesson has not begun")
    if lesson.end is None:
        end(state)
    state.put(replace(state.lessons[lesson.id], discarded=discarded))


def pause(state: LessonState) -> None:
    """Nobody is counted from now on; if half of the class has just vanished, from then on."""
    lesson = state.lesson
    if lesson is None or lesson.begin is None:
        raise Refused("no lesson goes on")
    if is_paused(state):
        raise Refused("the lesson is paused already")
    drill = drill_now(state.table(lesson), FRESH_DRILL)
    begun = state.now() if drill is None else drill.begin
    state.put(Pause(state.new_id(), begun, None, facts.PAUSED, lesson.id))


def is_paused(state: LessonState) -> bool:
    """Whether the lesson that goes on is paused."""
    return any(one.lesson == state.current and one.end is None for one in state.pauses.values())


def go_on(state: LessonState) -> None:
    """The pause is over."""
    if not is_paused(state):
        raise Refused("the lesson is not paused")
    for one in list(state.pauses.values()):
        if one.lesson == state.current and one.end is None:
            state.put(replace(one, end=state.now()))


# --- marks ----------------------------------------------------------------------------------------------------


def mark(
    state: LessonState,
    names: Sequence[str],
    kind: str,
    by: str = "",
    minutes: int = 0,
    at: Optional[float] = None,
    note: str = "",
    lesson_id: str = "",
) -> None:
    """A teacher's word on people of the list, before, during or after the lesson. Newer words win."""
    lesson = find_lesson(state, lesson_id)
    if kind not in facts.MARKS:
        raise Refused(f"a mark is one of: {', '.join(facts.MARKS)}")
    if len(note) > facts.MAX_NOTE:
        raise Refused(f"a note has at most {facts.MAX_NOTE} characters")
    if kind == facts.MARK_NOTE and not note:
        raise Refused("the note is empty")
    if not 0 <= minutes <= MOST_MINUTES:
        raise Refused(f"late by 0 to {MOST_MINUTES} minutes")
    if kind == facts.MARK_LEFT and at is not None:
        _check_time(state, at)
    people = {person.name for person in lesson.people}
    for name in names:
        if name not in people:
            raise Refused(f'"{name[:64]}" is not on the list of this lesson')
    when = state.now()
    for name in names:
        left_at = (when if at is None else at) if kind == facts.MARK_LEFT else None
        late_by = minutes if kind == facts.MARK_LATE else 0
        state.put(Mark(state.new_id(), lesson.id, name, kind, when, by, late_by, left_at, note))


def undo_mark(state: LessonState, name: str, lesson_id: str = "") -> None:
    """The last word on somebody was not meant; the one before it holds again."""
    lesson = find_lesson(state, lesson_id)
    listed = state.identities(lesson).listed_name
    theirs = [one for one in _marks_of(state, lesson.id) if listed(one.name) == name]
    if not theirs:
        raise Refused(f'nothing is marked for "{name[:64]}"')
    # Of two in the same moment the one that was put later: dicts keep the order.
    last = theirs[-1] if all(one.when <= theirs[-1].when for one in theirs) else max(theirs, key=lambda one: one.when)
    state.put(replace(last, undone=True))
