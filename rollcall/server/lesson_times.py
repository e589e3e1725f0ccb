"""What the time does to a `LessonState`: lessons begin and end by the bells, or as the class comes and goes.

`look` is called about once a second under the lock of the state. How long ago it was called last does not matter: what
happened in between is noticed with the times at which it happened. No I/O, no threads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence

from rollcall.server import facts, lesson_acts
from rollcall.server.facts import Lesson
from rollcall.server.identity import directory_of
from rollcall.server.lesson_state import LessonState
from rollcall.server.timetable import (
    ARRIVALS_WITHIN,
    LEAST_ARRIVALS,
    Bell,
    bell_lesson,
    class_that_comes,
    estimated_begin,
)

BELL_SLACK = 600.0
"""A lesson that a teacher begins at most so many seconds before a bell is the one of that bell."""


def look(state: LessonState, bells: Sequence[Bell]) -> str:
    """Begin and end what is to begin and end by now; which other class comes in that nobody has begun, if any."""
    lesson = state.lesson
    if lesson is None:
        return ""
    if lesson.begin is None:
        _may_begin(state, lesson, bells)
    else:
        _may_end(state, lesson, bells)
    return _who_comes(state)


def _may_begin(state: LessonState, lesson: Lesson, bells: Sequence[Bell]) -> None:
    if bells:
        bell = bell_lesson(bells, state.now())
        if bell is not None and not _had_lesson(state, bell[0] - BELL_SLACK):
            lesson_acts.begin(state, bell[0], facts.BELL)
        return
    begun = estimated_begin(state.arrivals(lesson), len(lesson.people), state.now())
    if begun is not None:
        lesson_acts.begin(state, begun, facts.ESTIMATED)


def _had_lesson(state: LessonState, since: float) -> bool:
    """Whether the lesson of a bell has been: a teacher who ends it early does not want it to begin again."""
    return any(one.begin is not None and one.begin >= since for one in state.lessons.values())


def _may_end(state: LessonState, lesson: Lesson, bells: Sequence[Bell]) -> None:
    now = state.now()
    if lesson.begin_by == facts.ESTIMATED:
        begun = estimated_begin(
            state.arrivals(lesson), len(lesson.people), state.now()
        )  # more have come since then, or somebody has said who they are
        if begun is not None and begun != lesson.begin:
            lesson = replace(lesson, begin=begun)
            state.put(lesson)
    rings = _end_bell(bells, lesson.begin or 0.0)
    if rings is not None:
        ended: Optional[float] = rings if now >= rings else None
    else:
        ended = None if lesson_acts.is_paused(state) else lesson_acts.class_went(state, lesson)
    if ended is not None:
        lesson_acts.finish(state, lesson, ended, facts.ESTIMATED if rings is None else facts.BELL)
        state.prepare(lesson.classes)


def _end_bell(bells: Sequence[Bell], begun: float) -> Optional[float]:
    """The bell at which a lesson ends that began then: the one of the lesson that begins next, if that is about to."""
    soon, at_once = bell_lesson(bells, begun + BELL_SLACK), bell_lesson(bells, begun)
    span = soon or at_once
    return None if span is None else span[1]


def _who_comes(state: LessonState) -> str:
    """Do those who arrive belong to another class? At a bell its lesson begins by itself; else a teacher is asked."""
    lesson, now = state.lesson, state.now()
    if lesson is None or len(state.lists) < 2:
        return ""
    since = now - ARRIVALS_WITHIN
    stays = map(state.stays.__getitem__, state.open.values())
    arrived = [stay.name for stay in stays if stay.begin > since and stay.role != "teacher"]
    if len(arrived) < LEAST_ARRIVALS:
        return ""
    others = {
        name: directory_of(people) for name, people in state.lists.items() if name not in lesson.classes and people
    }
    comes = class_that_comes(arrived, directory_of(lesson.people), others) or ""
    begun = lesson.begin
    if comes and begun is not None and lesson.begin_by == facts.BELL and now < begun + ARRIVALS_WITHIN:
        lesson_acts.correct(state, lesson.id, classes=(comes,))
        return ""
    return comes
