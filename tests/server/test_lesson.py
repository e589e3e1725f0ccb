"""The lesson book: what happens, what teachers do, and what can be seen of it at each moment."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, List, Optional, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rollcall.server import facts
from rollcall.server.facts import Identification, Lesson, Person, Stay
from rollcall.server.lesson import ClassList, LessonBook, Refused
from rollcall.server.timetable import Bell, read_bells
from rollcall.wire.class_messages import PersonRow
from tests.server.school import CLASS_7B, CLASS_9A, School, at, clock_of

NAMES = [person.name for person in CLASS_7B]
MIA, BEN, EVA = "Mia Lee", "Ben Roth", "Eva Klein"


def school(*, begun: bool = True, **more: Any) -> School:
    found = School("08:00", **more)
    found.note(found.book.set_class(["7b"]))
    if begun:
        found.note(found.book.begin())
    return found


def seen(book: LessonBook, since: Optional[int] = None) -> ClassList:
    found = book.class_list(since)
    assert found is not None
    return found


def entry(book: LessonBook, name: str) -> PersonRow:
    return next(one for one in seen(book).entries if one.name == name)


# --- states ---------------------------------------------------------------------------------------------------


def test_without_a_class_there_is_nothing_to_see() -> None:
    found = School()
    found.join("Zoe")
    found.note(found.book.tick())
    assert found.book.class_list() is None and found.book.table() is None and not found.book.wants_ticks
    assert [one.name for one in found.book.who_is_here()] == ["Zoe"]


def test_expected_becomes_missing_by_itself_at_the_second() -> None:
    found = school()
    assert found.counts == {"expected": 27}
    found.to("08:04:59")
    assert found.counts == {"expected": 27}
    rev = seen(found.book).rev
    found.note(found.book.mark([BEN], "absent"))
    assert (entry(found.book, BEN).state, entry(found.book, BEN).since) == ("missing", None), "said before the time"
    found.to("08:05")
    assert found.counts == {"missing": 27} and seen(found.book, rev).rev > rev
    assert {one.since for one in seen(found.book).entries} == {at("08:05")}
    assert len(seen(found.book, rev).entries) == 27


def test_silent_heard_lost_and_back() -> None:
    found = school()
    mia = found.join(MIA)
    found.to("08:01")
    found.book.silent(mia, 7.5)
    assert (entry(found.book, MIA).state, clock_of(entry(found.book, MIA).since)) == ("silent", "08:00:52")
    found.book.heard(mia)
    assert (entry(found.book, MIA).state, entry(found.book, MIA).since) == ("here", at("08:00"))
    found.lose(MIA, 20)
    assert (entry(found.book, MIA).state, entry(found.book, MIA).since) == ("lost", at("08:00:40"))
    found.join(MIA)
    assert entry(found.book, MIA).state == "here"
    assert found.lines()[MIA].interruptions == ((at("08:00:40"), at("08:01")),)
    found.note(found.book.gone(99, "lost"))
    found.book.silent(99)
    found.book.heard(99)


def test_a_server_that_was_away_meanwhile_is_no_break_in_how_long_somebody_is_here() -> None:
    found = school()
    for name in (MIA, BEN):
        found.join(name)
    zoe = found.join("Zoe")
    assert entry(found.book, "Zoe").came == at("08:00") and entry(found.book, CLASS_7B[-1].name).came is None
    found.to("08:20")
    found.kill()
    found.to("08:20:30")
    found.restart()
    found.to("08:20:40")
    found.join(MIA)
    zoe = found.join("Zoe")
    assert [entry(found.book, name).since for name in (MIA, "Zoe")] == [at("08:00")] * 2
    found.to("08:31")
    found.join(BEN)
    assert entry(found.book, BEN).since == entry(found.book, BEN).came == at("08:31"), "that was their own absence"
    found.to("08:40")
    found.lose(MIA, 20)
    found.book.silent(zoe, 5)
    gone, silent = entry(found.book, MIA), entry(found.book, "Zoe")
    assert (gone.state, gone.came, gone.since) == ("lost", at("08:00"), at("08:39:40"))
    assert (silent.state, silent.came) == ("silent", at("08:00"))


def test_a_member_who_registers_again_is_the_same_stay_and_one_with_another_name_is_not() -> None:
    found = school()
    mia = found.join(MIA)
    found.book.silent(mia, 8)
    assert found.book.joined(mia, MIA).facts == () and entry(found.book, MIA).state == "here"
    again = found.book.joined(mia, BEN).facts
    assert [(one.name, one.how) for one in again if isinstance(one, Stay)] == [(MIA, "renamed"), (BEN, "")]
    assert found.states[BEN] == "here" and found.states[MIA] == "lost"


def test_the_same_device_takes_its_own_place_without_a_question() -> None:
    found = school()
    old = found.join("first program", MIA, device="laptop-1")
    answer = found.book.joined(77, "mia lee", device="laptop-1")
    assert answer.dismiss == (old,)
    assert entry(found.book, MIA).members == (77,) and found.states[MIA] == "here"
    found.note(found.book.gone(old, "replaced"))
    assert found.states[MIA] == "here", "a late end of the old one is nobody's"


def test_changes_are_told_since_a_revision_and_whole_where_that_is_of_another_class() -> None:
    found = school()
    first = seen(found.book)
    assert first.whole and len(first.entries) == 27 and first.listed == 27
    found.join(MIA)
    guest = found.join("Zoe")
    second = seen(found.book, first.rev)
    assert not second.whole and [(one.name, one.state) for one in second.entries] == [(MIA, "here"), ("Zoe", "here")]
    assert seen(found.book, second.rev).entries == () and seen(found.book, second.rev).rev == second.rev
    assert second.guests == 1
    found.note(found.book.identify(guest, BEN))
    third = seen(found.book, second.rev)
    assert [one.name for one in third.entries] == [BEN] and len(third.gone) == 1
    assert third.gone[0] == next(one.key for one in second.entries if one.name == "Zoe")
    found.note(found.book.pause())
    assert seen(found.book, third.rev).rev > third.rev and seen(found.book, third.rev).entries == ()
    found.note(found.book.set_class(["9a"]))
    fourth = seen(found.book, third.rev)
    assert fourth.whole and len([one for one in fourth.entries if one.class_name != "guest"]) == 8
    assert seen(found.book, 10_000).whole, "of another run of the server"


# --- marks ----------------------------------------------------------------------------------------------------


def test_marks_before_during_and_after_and_undone_again() -> None:
    found = school(begun=False)
    found.note(found.book.mark([MIA, BEN], "excused", "Ms Gray", note="choir"))
    assert found.counts == {"expected": 25, "excused": 2}
    found.note(found.book.begin())
    found.to("08:10")
    assert found.counts == {"missing": 25, "excused": 2}
    one = entry(found.book, MIA)
    assert (one.mark, one.note, one.by, clock_of(one.when), one.found) == (
        "excused",
        "choir",
        "Ms Gray",
        "08:00:00",
        "missing",
    )
    found.note(found.book.mark([MIA], "here"))
    found.note(found.book.undo_mark(MIA))
    assert found.states[MIA] == "excused"
    found.note(found.book.undo_mark(MIA))
    assert found.states[MIA] == "missing"
    with pytest.raises(Refused, match='nothing is marked for "Mia Lee"'):
        found.book.undo_mark(MIA)
    found.to("09:00")
    ended = found.note(found.book.end()).lesson
    found.note(found.book.mark([EVA], "here", lesson=ended))
    assert found.lines(ended)[EVA].counts == "present" and found.lines(ended)[BEN].counts == "excused"
    assert entry(found.book, EVA).mark == "", "the next lesson has marks of its own"


@pytest.mark.parametrize(
    ("names", "more", "words"),
    [
        (["Nobody"], {"kind": "here"}, '"Nobody" is not on the list'),
        ([MIA], {"kind": "asleep"}, "a mark is one of"),
        ([MIA], {"kind": "note"}, "the note is empty"),
        ([MIA], {"kind": "note", "note": "x" * 201}, "at most 200 characters"),
        ([MIA], {"kind": "late", "minutes": 601}, "late by 0 to 600 minutes"),
        ([MIA], {"kind": "left", "at": 0.0}, "not within the last year"),
        ([MIA], {"kind": "here", "lesson": "unknown"}, "not known any more"),
        ([MIA, "Nobody"], {"kind": "here"}, "is not on the list"),
    ],
)
def test_a_mark_that_cannot_be_changes_nothing(names: List[str], more: Dict[str, Any], words: str) -> None:
    found = school()
    with pytest.raises(Refused, match=words):
        found.book.mark(names, **more)
    assert found.counts == {"expected": 27} and found.book.tick().facts == ()


# --- who somebody is ------------------------------------------------------------------------------------------


def test_25_first_names_are_resolved_in_three_acts() -> None:
    found = school()
    lists = {"7b": [*CLASS_7B[:23], Person("Sam Vogel"), Person("Sam Roth")]}
    lists["7b"] = [person for person in lists["7b"] if person.name != "Sam Wolf"] + [Person("Zoë Krug")]
    found.note(found.book.know(lists))
    firsts = [person.name.split()[0].lower() for person in lists["7b"]]
    assert len(firsts) == 25
    for number, name in enumerate(firsts):
        found.join(f"{name} {number}", name)
    sams = [one for one in found.book.stays if one.name == "sam"]
    assert found.counts == {"expected": 25} and seen(found.book).guests == 25
    assert found.note(found.book.accept_all("Ms Gray")).count == 23
    found.note(found.book.identify(sams[0].member, "Sam Roth", "Ms Gray"))
    found.note(found.book.identify(sams[1].member, "Sam Vogel", "Ms Gray"))
    assert found.counts == {"here": 25} and seen(found.book).guests == 0
    # Both typed the same: that is true of this lesson only. The others are known from now on.
    found.to("09:00")
    found.note(found.book.end())
    found.note(found.book.begin())
    assert found.counts == {"here": 25}, "they are still connected"
    for stay in found.book.stays:
        found.book.gone(stay.member, "left")
    again = [found.book.joined(1000 + n, name) for n, name in enumerate(firsts)]
    assert again and found.counts["here"] == 23
    with pytest.raises(Refused, match="nothing is proposed"):
        found.book.accept_all()


def test_identify_holds_for_the_typed_name_in_this_class_on_any_machine() -> None:
    found = school()
    maxi = found.join("maxi", "maxi", device="pc-1")
    found.note(found.book.identify(maxi, "Max Huber"))
    assert found.states["Max Huber"] == "here"
    (word,) = [one for one in found.record.values() if isinstance(one, Identification)]
    assert (word.class_name, word.typed, word.stay, word.name) == ("7b", "maxi", "", "Max Huber")
    found.leave("maxi")
    found.note(found.book.joined(50, "MAXI", device="pc-2"))
    assert entry(found.book, "Max Huber").members == (50,)
    with pytest.raises(Refused, match="is not on the list"):
        found.book.identify(maxi, "Nobody")
    with pytest.raises(Refused, match="nobody of that number"):
        found.book.identify(4711, BEN)


@pytest.mark.parametrize("typed", ["student01", "user", EVA])
def test_a_login_name_or_somebody_elses_is_for_this_lesson_and_follows_the_device(typed: str) -> None:
    found = school()
    member = found.join("machine", typed, device="pc-1")
    found.note(found.book.identify(member, BEN))
    assert found.states[BEN] == "here" and found.states[EVA] == "expected"
    found.lose("machine")
    found.note(found.book.joined(50, typed, device="pc-1"))
    assert entry(found.book, BEN).members == (50,)
    found.note(found.book.joined(51, typed, device="pc-2"))
    assert entry(found.book, BEN).members == (50,), "another machine is another person"
    found.to("09:00")
    found.note(found.book.end())
    found.note(found.book.gone(50, "left"))
    found.note(found.book.begin())
    found.note(found.book.joined(52, typed, device="pc-1"))
    assert found.states[BEN] == "expected", "tomorrow somebody else sits there"


def test_this_is_not_mia_takes_the_stay_away_from_her() -> None:
    found = school()
    member = found.join("impostor", "mia lee", device="pc-1")
    assert found.states[MIA] == "here"
    found.note(found.book.not_theirs(member))
    assert found.states[MIA] == "expected" and seen(found.book).guests == 1
    found.lose("impostor")
    found.join("impostor", "mia lee", device="pc-1")
    assert found.states[MIA] == "expected", "nor when the machine comes back"
    found.join("the real one", MIA, device="pc-2")
    assert found.states[MIA] == "here"
    with pytest.raises(Refused, match="counted for nobody"):
        found.book.not_theirs(member)
    found.note(found.book.identify(member, MIA))
    assert len(entry(found.book, MIA).members) == 1, "and it can be taken back"
    found.to("08:01")
    assert len(entry(found.book, MIA).members) == 2


def two_mias() -> School:
    found = school()
    found.join("one", MIA, device="pc-1")
    found.to("08:02")
    found.join("two", "lee mia", device="pc-2")
    found.to("08:02:19")
    assert len(entry(found.book, MIA).members) == 1, "it may be a connection that is half dead"
    found.to("08:02:20")
    assert entry(found.book, MIA).members == (found.members["one"], found.members["two"])
    return found


def test_two_under_one_name_are_a_question_both_hers() -> None:
    found = two_mias()
    found.note(found.book.both_theirs(MIA))
    assert len(entry(found.book, MIA).members) == 1
    found.leave("one")
    assert found.states[MIA] == "here", "while either is"
    found.leave("two")
    assert found.states[MIA] == "left"
    with pytest.raises(Refused, match="nobody else is here"):
        found.book.both_theirs(MIA)


def test_two_under_one_name_this_one_or_two_people() -> None:
    found = two_mias()
    with pytest.raises(Refused, match="that is nobody"):
        found.book.this_one(MIA, 4711)
    found.note(found.book.this_one(MIA, found.members["two"]))
    assert entry(found.book, MIA).members == (found.members["two"],) and seen(found.book).guests == 1
    found = two_mias()
    found.note(found.book.two_people(MIA))
    assert entry(found.book, MIA).members == (found.members["one"],) and seen(found.book).guests == 1
    found = two_mias()
    found.book.silent(found.members["one"], 8)
    assert len(entry(found.book, MIA).members) == 1, "one of them does not answer"


def test_two_names_from_one_computer_are_hinted() -> None:
    found = school()
    found.join("a", MIA, device="pc-1")
    found.leave("a")
    found.join("b", BEN, device="pc-1")
    assert entry(found.book, BEN).same_computer == MIA and entry(found.book, MIA).same_computer == BEN


def test_the_renamed_are_one_person() -> None:
    found = school()
    found.join("maxi", "maxi")
    found.note(found.book.identify(found.members["maxi"], "Max Huber"))
    found.note(found.book.mark(["Max Huber"], "late", minutes=3))
    found.note(found.book.rename("7b", "Max Huber", "Max Klein"))
    people = [Person("Max Klein") if person.name == "Max Huber" else person for person in CLASS_7B]
    found.note(found.book.know({"7b": people}))
    assert found.states["Max Klein"] == "here" and "Max Huber" not in found.states
    assert found.lines()["Max Klein"].counts == "late", "what was said of the person still holds"
    found.note(found.book.undo_mark("Max Klein"))
    assert found.lines()["Max Klein"].counts == "present"
    with pytest.raises(Refused):
        found.book.rename("7b", MIA, MIA)


# --- lessons --------------------------------------------------------------------------------------------------


def test_acts_on_lessons_that_cannot_be_are_said_in_words() -> None:
    found = School()
    for act, words in [
        (found.book.begin, "no class is chosen"),
        (found.book.end, "no lesson goes on"),
        (found.book.pause, "no lesson goes on"),
        (lambda: found.book.set_class(["8x"]), 'there is no class "8x"; there are: 7b, 9a'),
        (lambda: found.book.mark([MIA], "here"), "no class is chosen"),
    ]:
        with pytest.raises(Refused, match=words):
            act()  # type: ignore[operator]
    found.note(found.book.set_class(["7b"]))
    with pytest.raises(Refused, match="not begun"):
        found.book.discard("")
    found.note(found.book.begin())
    for act, words in [
        (found.book.begin, "goes on already"),
        (found.book.go_on, "not paused"),
        (lambda: found.book.split("", at("07:00")), "between its begin and its end"),
        (lambda: found.book.correct("", end=at("07:00")), "goes on; end it first"),
        (lambda: found.book.end(at("07:00")), "not after the begin"),
        (lambda: found.book.join("", ""), "only two lessons"),
    ]:
        with pytest.raises(Refused, match=words):
            act()  # type: ignore[operator]


def test_begin_end_and_class_can_be_corrected_afterwards() -> None:
    found = school(begun=False)
    found.to("08:09")
    found.note(found.book.begin())
    found.join(MIA)
    nine = CLASS_9A[0].name
    found.join(nine)
    found.to("09:00")
    found.leave(MIA)
    found.to("09:30")
    lesson = found.note(found.book.end()).lesson
    assert found.lines(lesson)[MIA].result == facts.Finding("on time", 0, "left early", at("09:00"))
    found.note(found.book.correct(lesson, begin=at("08:00"), end=at("09:03")))
    assert found.lines(lesson)[MIA].result == facts.Finding("late", 540, "stayed")
    found.note(found.book.correct(lesson, classes=["9a"]))
    assert found.lines(lesson)[nine].result.came == "late" and MIA not in found.lines(lesson)
    with pytest.raises(Refused, match="not after the begin"):
        found.book.correct(lesson, end=at("07:50"))
    found.note(found.book.discard(lesson))
    assert not found.book.table(lesson).counted  # type: ignore[union-attr]
    found.note(found.book.discard(lesson, False))
    assert found.book.table(lesson).counted  # type: ignore[union-attr]


def test_a_lesson_can_be_split_and_joined_again_with_its_marks() -> None:
    found = school()
    found.join(MIA)
    found.note(found.book.mark([BEN], "excused"))
    found.note(found.book.mark([EVA], "late", minutes=7))
    found.to("09:20")
    found.leave(MIA)
    found.note(found.book.mark([MIA], "left"))
    found.to("10:00")
    first = found.note(found.book.end()).lesson
    second = found.note(found.book.split(first, at("08:45"))).lesson
    assert [clock_of(one.end) for one in found.ended] == ["08:45:00", "10:00:00"]
    one, two = found.lines(first), found.lines(second)
    assert one[MIA].result.went == "stayed" and two[MIA].result.went == "left early"
    assert (one[BEN].counts, two[BEN].counts) == ("excused", "excused")
    assert (one[EVA].counts, two[EVA].counts) == ("late", "unexcused")
    found.note(found.book.join(second, first))
    whole = found.lines(first)
    assert whole[MIA].result == facts.Finding("on time", 0, "left early", at("09:20"))
    assert (whole[BEN].counts, whole[EVA].counts) == ("excused", "late")
    assert clock_of(found.book.table(first).until) == "10:00:00"  # type: ignore[union-attr]
    assert not found.book.table(second).counted  # type: ignore[union-attr]


def test_a_pause_that_is_told_begins_with_the_event_and_is_nobodys_absence() -> None:
    found = school()
    for name in NAMES[:10]:
        found.join(name)
    found.to("08:30:20")
    for name in NAMES[:10]:
        found.lose(name, 20)
    assert seen(found.book).event is not None and not seen(found.book).paused
    found.to("08:32")
    found.note(found.book.pause())
    assert seen(found.book).paused
    with pytest.raises(Refused, match="paused already"):
        found.book.pause()
    found.to("08:50")
    found.note(found.book.go_on())
    for name in NAMES[:9]:
        found.join(name)
    found.to("09:30")
    lines = found.lines(found.note(found.book.end()).lesson)
    assert [clock_of(one.begin) for one in found.record.values() if isinstance(one, facts.Pause)] == ["08:30:00"]
    assert all(lines[name].interruptions == () and lines[name].present == 5400 for name in NAMES[:9])
    assert lines[NAMES[9]].result == facts.Finding("on time", 0, "lost", at("08:30"))


def test_a_list_that_follows_its_file_and_stays_where_the_file_is_gone() -> None:
    found = school()
    found.note(found.book.know({"7b": [*CLASS_7B, Person("New One")], "9a": CLASS_9A}))
    assert found.counts == {"expected": 28}
    found.note(found.book.know({"9a": CLASS_9A}))
    assert found.counts == {"expected": 28}, "nobody is lost"
    found.to("08:10")
    found.note(found.book.end())
    found.note(found.book.begin())
    assert found.counts == {"expected": 28}, "nor in the next lesson"


def test_two_classes_in_one_lesson() -> None:
    found = School("08:00")
    found.note(found.book.know({"7a": [Person(MIA), Person("Zoe Ames")], "7b": [Person(MIA), Person(BEN)]}))
    found.note(found.book.set_class(["7a", "7b"]))
    found.note(found.book.begin())
    assert sorted(found.states) == [BEN, "Mia Lee (7a)", "Mia Lee (7b)", "Zoe Ames"]
    mia = found.join(MIA)
    assert seen(found.book).guests == 1, "it may be either"
    found.note(found.book.identify(mia, "Mia Lee (7b)"))
    assert found.states["Mia Lee (7b)"] == "here"


def test_without_bells_a_lesson_begins_and_ends_with_its_class() -> None:
    found = School("07:30")
    found.note(found.book.set_class(["7b"]))
    found.join_all("07:41", NAMES[:1])
    for number, name in enumerate(NAMES[1:20]):
        found.join_all(clock_of(at("07:58") + 10 * number), [name])
        assert (seen(found.book).begin is None) == (number < 12) or number == 12
    found.to("08:05")
    now = seen(found.book)
    assert (clock_of(now.begin), now.begin_by) == ("08:00:00", facts.ESTIMATED)
    assert found.counts == {"here": 20, "missing": 7}
    found.to("09:31")
    for name in NAMES[:18]:
        found.leave(name)
    found.to("09:47")
    (lesson,) = found.ended
    assert (clock_of(lesson.end), lesson.end_by) == ("09:31:00", facts.ESTIMATED)
    assert all(line.result.went in ("stayed", "") for line in found.lines(lesson.id).values())
    assert seen(found.book).begin is None, "those who are still there do not begin the next one"


def test_a_lesson_to_which_half_never_come_began_all_the_same() -> None:
    found = School("07:30")
    found.note(found.book.set_class(["7b"]))
    found.join_all("08:00", NAMES[:5])
    found.to("08:29")
    assert found.counts == {"here": 5, "expected": 22}
    found.to("08:30")
    assert clock_of(seen(found.book).begin) == "08:10:00" and found.counts == {"here": 5, "missing": 22}
    found.join_all("08:40", NAMES[5:14])
    found.to("08:41")
    assert clock_of(seen(found.book).begin) == "08:40:00", "half have come after all: it was not the lesson yet"


BELLS = read_bells(["08:00-09:30", "09:50-11:20"])


def test_bells_begin_and_end_lessons_and_another_class_that_comes_gets_its_own() -> None:
    found = School("07:50", BELLS)
    found.note(found.book.set_class(["7b"]))
    found.join_all("07:55", NAMES[:20])
    found.to("08:00")
    assert (clock_of(seen(found.book).begin), seen(found.book).begin_by) == ("08:00:00", facts.BELL)
    found.to("09:30")
    assert [(clock_of(one.end), one.end_by) for one in found.ended] == [("09:30:00", facts.BELL)]
    for name in NAMES[:19]:
        found.leave(name)
    found.join_all("09:48", [person.name for person in CLASS_9A[:2]])
    found.to("09:50:30")
    assert seen(found.book).classes == ("7b",), "two are not enough to tell"
    found.join_all("09:51", [person.name for person in CLASS_9A[2:5]])
    found.to("09:51:01")
    assert (seen(found.book).classes, clock_of(seen(found.book).begin)) == (("9a",), "09:50:00")
    assert found.counts == {"here": 5, "expected": 3}


def test_a_lesson_that_a_teacher_ends_early_does_not_begin_again_by_the_bell() -> None:
    found = School("07:50", BELLS)
    found.note(found.book.set_class(["7b"]))
    found.to("07:57")
    found.note(found.book.begin())
    found.to("08:10")
    assert len(found.book.lessons) == 1, "it is the lesson of that bell"
    found.note(found.book.end())
    found.to("09:00")
    assert len(found.book.lessons) == 1
    found.to("09:51")
    assert len(found.book.lessons) == 2


@pytest.mark.parametrize("bells", [BELLS, ()])
def test_a_server_that_starts_in_the_middle_of_a_lesson_makes_nobody_late(bells: Sequence[Bell]) -> None:
    found = School("08:10", bells)
    found.note(found.book.set_class(["7b"]))
    found.join_all("08:10:30", NAMES[:10])
    if not bells:
        found.note(found.book.begin(at("08:00")))
    found.join_all("08:20", NAMES[10:12])
    lines = found.lines()
    assert clock_of(seen(found.book).begin) == "08:00:00"
    assert {lines[name].result.came for name in NAMES[:10]} == {"on time"}
    assert lines[NAMES[11]].result == facts.Finding("late", 1200)


def test_a_teacher_is_asked_when_another_class_comes_in_and_the_one_before_ended_when_it_went() -> None:
    found = school()
    for name in NAMES[:20]:
        found.join(name)
    found.to("09:28")
    for name in NAMES[:19]:
        found.leave(name)
    found.join_all("09:33", [person.name for person in CLASS_9A[:6]])
    found.to("09:33:01")
    assert seen(found.book).comes == "9a" and seen(found.book).classes == ("7b",)
    found.note(found.book.begin_class(["9a"]))
    assert seen(found.book).comes == "" and found.counts == {"here": 6, "expected": 2}
    (before,) = found.ended
    assert (clock_of(before.end), before.end_by) == ("09:28:00", facts.ESTIMATED)


def test_a_lesson_that_nobody_ended_ends_when_the_next_one_is_begun() -> None:
    found = school()
    for name in NAMES[:20]:
        found.join(name)
    found.to("08:45")
    with pytest.raises(Refused, match="goes on already"):
        found.book.begin()
    for name in NAMES[:20]:
        found.leave(name)
    found.to("08:50")
    found.note(found.book.begin())
    assert [clock_of(one.end) for one in found.ended] == ["08:45:00"] and len(found.book.lessons) == 2
    found.to("09:30")
    assert len(found.ended) == 1, "nobody of the list has come to it yet"


# --- time -----------------------------------------------------------------------------------------------------


def test_a_restart_goes_on_with_the_lesson_and_one_on_the_next_day_does_not() -> None:
    found = school()
    for name in NAMES[:20]:
        found.join(name)
    found.note(found.book.mark([MIA], "excused"))
    found.to("08:20")
    found.kill()
    found.clock.advance(90)
    found.restart()
    assert (clock_of(seen(found.book).begin), found.counts["silent"]) == ("08:00:00", 19)
    assert found.states[MIA] == "excused"
    found.to("08:22:31")
    assert found.counts["lost"] == 19, "who has not come back by then is gone"
    found.kill()
    found.clock.advance(86_400)
    found.restart()
    (lesson,) = found.ended
    assert (clock_of(lesson.end), lesson.end_by) == ("08:22:31", facts.ESTIMATED)
    assert seen(found.book).classes == ("7b",) and seen(found.book).begin is None
    assert not [one for one in found.record.values() if isinstance(one, Stay) and one.end is None]


def test_guests_are_the_same_after_a_restart_that_gives_their_ids_to_others() -> None:
    found = school()
    for name in ("Zed", "Yana"):
        found.join(name)
    found.to("08:10")
    found.kill()
    found.clock.advance(30)
    found.restart()
    for name in (MIA, "Zed"):
        found.join(name)
    guests = [(one.name, one.state) for one in seen(found.book).entries if one.class_name == "guest"]
    assert guests == [("Yana", "lost"), ("Zed", "here")]


def test_after_a_restart_nobody_has_the_id_of_somebody_else() -> None:
    found = school()
    for name in (MIA, "Zed"):
        found.join(name)
    found.to("08:10")
    found.kill()
    found.clock.advance(30)
    found.restart()
    number = found.join("Ms Hill", role="teacher")  # ids begin anew: this was Mia's
    rows = {one.name: one for one in seen(found.book).entries}
    assert number == 1 and rows[MIA].state == "silent"
    assert rows[MIA].members == rows["Zed"].members == (), "whoever is removed must be who was meant"
    assert found.join(MIA) in {one.name: one for one in seen(found.book).entries}[MIA].members


def test_a_server_that_stops_ends_the_stays_and_leaves_the_lesson() -> None:
    found = school()
    found.join(MIA)
    found.to("08:10")
    answer = found.note(found.book.stopping())
    assert [(one.how, clock_of(one.end)) for one in answer.facts if isinstance(one, Stay)] == [("stopped", "08:10:00")]
    assert found.ended == []


@pytest.mark.parametrize("jump", [-7200.0, 7200.0, -1800.0, 86_400.0, -86_400.0])
def test_a_clock_that_is_set_during_a_lesson_makes_nobody_late_or_absent(jump: float) -> None:
    found = school()
    found.join(MIA)
    found.to("08:03")
    found.clock.wall += jump
    found.join(BEN)
    found.to("08:45")
    lines = found.lines(found.note(found.book.end()).lesson)
    assert lines[MIA].present == 2700 and lines[BEN].result == facts.Finding("on time", 0, "stayed")
    found.book.tick()
    found.note(found.book.begin())
    assert seen(found.book).begin == pytest.approx(at("08:45") + jump), "between two lessons the clock is believed"


@pytest.mark.parametrize("jump", [-1800.0, 86_400.0, -86_400.0])
def test_a_clock_that_is_set_while_people_come_in_leaves_them_here(jump: float) -> None:
    found = School("07:55")
    found.note(found.book.set_class(["7b"]))
    found.join(MIA)
    found.join("student01")
    found.to("07:56")
    found.clock.wall += jump
    found.to("07:57")
    found.note(found.book.begin())
    assert found.counts == {"here": 1, "expected": 26}
    found.to("08:42")
    found.clock.wall += 500.0
    lesson = found.note(found.book.end()).lesson
    (line,) = (line for line in found.lines(lesson).values() if line.first is not None)
    assert (line.found, line.present, line.interruptions) == (facts.Finding("on time", 0, "stayed"), 2700, ())
    begin, end = at("07:57") + jump, at("08:42") + jump
    assert line.first == pytest.approx(begin - 120) and line.last == pytest.approx(end)
    before = found.lines(lesson)
    found.to("08:43")  # the clock is believed again: what lies in the lesson is as it was
    assert found.lines(lesson) == before
    found.leave(MIA)
    assert found.lines(lesson) == before
    mias = [one for one in found.record.values() if isinstance(one, Stay) and one.name == MIA]
    assert [(one.how, round((one.end or 0) - one.begin)) for one in mias] == [("clock set", 2821), ("left", 59)]
    assert found.note(found.book.begin()).lesson
    assert found.counts == {"expected": 27} and [one.name for one in found.book.who_is_here()] == ["student01"]


def test_a_clock_that_is_set_back_while_the_server_is_down_leaves_the_lesson_as_it_is() -> None:
    found = school()
    found.join(MIA)
    found.to("08:20")
    found.kill()
    found.clock.advance(60)
    found.clock.wall -= 1800  # and it is 07:51
    found.restart()
    found.join(MIA)
    assert found.counts == {"here": 1, "missing": 26}
    found.clock.advance(600)
    lesson = found.note(found.book.end()).lesson
    line = found.lines(lesson)[MIA]
    assert (line.found, line.present, line.interruptions) == (facts.Finding("on time", 0, "stayed"), 1800, ())
    found.note(found.book.tick())
    assert found.note(found.book.begin()).lesson
    begun = seen(found.book).begin
    assert begun == pytest.approx(at("08:01")), "between two lessons the clock is believed"


def test_a_machine_that_slept_is_noticed_where_the_clock_of_leases_stands_still() -> None:
    found = school()
    found.join(MIA)
    found.to("08:30")
    found.clock.wall += 600
    found.clock.counted += 600
    found.to("08:40:01")
    (pause,) = [one for one in found.record.values() if isinstance(one, facts.Pause)]
    assert pause.why == facts.ASLEEP and (pause.end or 0) - pause.begin == 600
    found.lose(MIA, 601)
    found.join(MIA)
    assert found.lines()[MIA].interruptions == ()


def test_a_lesson_over_midnight() -> None:
    found = School("23:30")
    found.note(found.book.set_class(["7b"]))
    found.note(found.book.begin())
    found.join(MIA)
    found.clock.advance(3600)
    lesson = found.note(found.book.end()).lesson
    assert found.lines(lesson)[MIA].present == 3600


# --- all of it at once ----------------------------------------------------------------------------------------


class ClassMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, everybody on the list is in exactly one state, and what a window has put
    together from changes is what the server has."""

    @initialize()
    def start(self) -> None:
        self.school = school(begun=False)
        self.rows: Dict[str, PersonRow] = {}
        self.rev: Optional[int] = None

    def quietly(self, act: Any) -> None:
        try:
            self.school.note(act())
        except Refused:
            pass

    members = st.integers(1, 8)
    typed = st.sampled_from([*NAMES[:6], "mia", "kim", "student01", "Zoe", CLASS_9A[0].name])
    listed = st.sampled_from(NAMES[:8])
    devices = st.sampled_from(["", "a", "b", "c"])

    @rule(member=members, name=typed, device=devices, role=st.sampled_from(["member", "member", "teacher"]))
    def join(self, member: int, name: str, device: str, role: str) -> None:
        self.quietly(lambda: self.school.book.joined(member, name, role, device))

    @rule(member=members, how=st.sampled_from(["left", "lost", "kicked", "replaced"]), silent=st.integers(0, 30))
    def go(self, member: int, how: str, silent: int) -> None:
        self.quietly(lambda: self.school.book.gone(member, how, silent))

    @rule(member=members, heard=st.booleans())
    def fall_silent(self, member: int, heard: bool) -> None:
        self.school.book.heard(member) if heard else self.school.book.silent(member, 8)

    @rule(seconds=st.sampled_from([1, 21, 61, 301, 1000]))
    def wait(self, seconds: int) -> None:
        self.school.clock.advance(seconds)
        self.school.alive = self.school.clock.wall
        self.school.note(self.school.book.tick())

    @rule(seconds=st.integers(1, 900))
    def sleep(self, seconds: int) -> None:
        self.school.clock.advance(seconds)
        self.school.note(self.school.book.paused(seconds))

    @rule(name=listed, kind=st.sampled_from(facts.MARKS), minutes=st.integers(0, 9))
    def mark(self, name: str, kind: str, minutes: int) -> None:
        self.quietly(
            lambda: self.school.book.mark([name], kind, "Ms Gray", minutes, note="x" if kind == "note" else "")
        )

    @rule(name=listed, member=members, which=st.integers(0, 6))
    def say(self, name: str, member: int, which: int) -> None:
        book = self.school.book
        acts = [
            lambda: book.undo_mark(name),
            lambda: book.identify(member, name),
            lambda: book.not_theirs(member),
            lambda: book.both_theirs(name),
            lambda: book.this_one(name, member),
            lambda: book.two_people(name),
            book.accept_all,
        ]
        self.quietly(acts[which])

    @rule(which=st.integers(0, 7))
    def lead(self, which: int) -> None:
        book, lessons = self.school.book, self.school.book.lessons
        last = lessons[-1].id if lessons else ""
        acts = [
            book.begin,
            book.end,
            book.pause,
            book.go_on,
            lambda: book.discard(last),
            lambda: book.split(last, self.school.clock.wall - 30),
            lambda: book.join(lessons[0].id if lessons else "", last),
            lambda: book.set_class(["7b"]),
        ]
        self.quietly(acts[which])

    @rule()
    def crash(self) -> None:
        self.school.kill()
        self.school.clock.advance(30)
        self.school.restart()
        self.rev = None

    @invariant()
    def the_states_add_up_to_the_list(self) -> None:
        now = self.school.book.class_list(self.rev)
        assert now is not None
        assert sum(now.counts.values()) == now.listed == 27 and set(now.counts) == set(facts.STATES)
        if now.whole:
            self.rows = {}
        for key in now.gone:
            self.rows.pop(key, None)
        self.rows.update({one.key: one for one in now.entries})
        self.rev = now.rev
        whole = seen(self.school.book)
        assert self.rows == {one.key: one for one in whole.entries}
        assert len({one.name for one in whole.entries if one.class_name != "guest"}) == 27

    @invariant()
    def the_record_says_the_same(self) -> None:
        stays = {one.id: one for one in self.school.record.values() if isinstance(one, Stay)}
        assert {one.id: one for one in self.school.book.stays} == stays
        ids = {one.id for one in self.school.record.values() if isinstance(one, Lesson)}
        assert {one.id for one in self.school.book.lessons} <= ids


TestClassMachine = ClassMachine.TestCase
TestClassMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_handlers_and_teachers_may_call_at_once() -> None:
    found = school()
    failed: List[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 40):
                found.book.joined(number, NAMES[number % 27], device=f"d{number}")
                found.book.silent(number)
                found.book.class_list(number)
                found.book.tick()
                found.book.gone(number, "left")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failed and len(found.book.stays) == 160 and found.counts.get("here", 0) == 0


def test_that_many_are_here_makes_the_next_join_no_slower() -> None:
    book = LessonBook()
    spent = [time.thread_time()]
    for number in range(4000):
        book.joined(number + 1, f"Kid{number} Name{number}", "member", f"{number:032d}")
        if number in (499, 3499, 3999):
            spent.append(time.thread_time())
    assert spent[3] - spent[2] < 3 * (spent[1] - spent[0]), "each looked at all the others once: six times as much"
    assert book.joined(9999, "kid7 name7", "member", f"{7:032d}").dismiss == (8,)
