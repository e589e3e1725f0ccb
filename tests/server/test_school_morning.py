"""A school morning, by the clock and to the second: what the server computes is what a person would write by hand."""

from __future__ import annotations

from typing import Dict, Tuple

from rollcall.server import facts
from rollcall.server.verdicts import lesson_table, term_table
from tests.server.school import CLASS_7B, CLASS_9A, School, at, clock_of, written

NAMES = [person.name for person in CLASS_7B]
FIRST, EARLY, LATE, ABSENT = NAMES[1], NAMES[2:22], NAMES[22:24], NAMES[24:]
MIA, GROESSL, HOLM, BERG, HORN = "Mia Lee", "Jörg Größl", "Søren Holm", "Finn Berg", "Uta Horn"
NINE = [person.name for person in CLASS_9A]
Row = Tuple[str, ...]


def play() -> School:
    """From 07:30 to 08:12, the begin of the lesson of 7b. Everything is told to the server as it happens."""
    school = School("07:30")
    book = school.book
    school.note(book.set_class(["7b"]))
    school.join_all("07:41", [FIRST])
    for number, name in enumerate(EARLY):  # 07:58:00 to 08:02:45
        school.join_all(clock_of(at("07:58") + 15 * number), [name])
        if clock_of(school.clock.wall) == "08:00:00":
            school.note(book.begin())
            assert school.counts == {"here": 10, "expected": 17}
    school.to("08:03")
    mia = school.join("mia", "mia")
    school.join("visitor", "Herr Vogt")
    school.note(book.mark([ABSENT[0]], facts.MARK_EXCUSED, "Ms Gray", note="dentist"))
    school.note(book.mark([ABSENT[1]], facts.MARK_HERE, "Ms Gray"))
    assert school.counts == {"here": 22, "expected": 4, "excused": 1}
    school.to("08:05")
    assert school.counts == {"here": 22, "missing": 4, "excused": 1}
    assert [entry.proposal for entry in book.class_list().entries if entry.name == "mia"] == [MIA]  # type: ignore[union-attr]
    school.join_all("08:12", LATE)
    assert school.note(book.accept_all("Ms Gray")).count == 1
    assert school.counts == {"here": 25, "missing": 1, "excused": 1}
    assert mia == school.members["mia"]
    return school


def rest_of_7b(school: School) -> None:
    """Two crash and return, the server is killed at 08:20 and is back at 08:21, one leaves early, the server's machine
    sleeps from 08:30 to 08:40, the lesson ends at 08:48."""
    for clock, name, back in (("08:14:20", HOLM, "08:16:00"), ("08:17:20", HORN, "08:18:30")):
        school.to(clock)
        school.lose(name, silent_for=20)
        school.to(back)
        school.join(name)  # with its row, by its token
    school.to("08:20")
    names = list(school.members)
    school.kill()
    school.clock.advance(60)
    school.restart()
    assert school.counts["silent"] == 24, "nobody is missing because of the server"
    for number, name in enumerate(names):
        school.to(clock_of(at("08:21") + number // 4))
        school.join(name, "Herr Vogt" if name == "visitor" else "")
    assert school.counts == {"here": 25, "missing": 1, "excused": 1}
    school.to("08:25")
    school.leave(BERG)
    school.note(school.book.mark([BERG], facts.MARK_NOTE, "Ms Gray", note="=1+1"))
    assert school.counts == {"here": 24, "left": 1, "missing": 1, "excused": 1}
    school.to("08:30")
    school.sleep_until("08:40")
    here = [name for name in names if name not in ("visitor", BERG)]
    for name in here:
        school.lose(name, silent_for=600)
    school.to("08:40:06")
    for name in here:
        school.join(name)
    school.to("08:41:20")
    school.lose(GROESSL, silent_for=20)  # for good
    school.to("08:48")
    school.note(school.book.end())


def lesson_of_9a(school: School) -> None:
    """From 08:50 to 10:30 with a drill at 10:12, and with a laptop of 7b that was left on."""
    for name in [*EARLY, *LATE]:
        if name != BERG:
            school.leave(name)
    for number, name in enumerate(NINE[:6]):
        school.to(clock_of(at("08:48:10") + 15 * number))
        school.join(name)
    school.to("08:50")
    now = school.book.class_list()
    assert now is not None and now.comes == "9a" and now.classes == ("7b",)
    school.note(school.book.begin_class(["9a"]))
    assert school.counts == {"here": 6, "expected": 2}
    school.to("08:55")
    assert school.counts == {"here": 6, "missing": 2}
    school.to("10:12:20")
    for name in NINE[:6]:
        school.lose(name, silent_for=20)
    event = school.book.class_list().event  # type: ignore[union-attr]
    assert event is not None and (clock_of(event.begin), event.count) == ("10:12:00", 6)
    school.to("10:24")
    for name in NINE[:5]:
        school.join(name)  # the sixth does not come back
    school.to("10:30")
    school.note(school.book.end())


def present(since: str, until: str = "08:48", away: float = 0) -> str:
    return f"{at(until) - max(at('08:00'), at(since)) - away:g}"


def by_hand() -> Dict[str, Row]:
    """The register of 7b, written by hand."""
    rows: Dict[str, Row] = {}
    came = {name: clock_of(at("07:58") + 15 * number) for number, name in enumerate(EARLY)}
    for name, clock in {**came, MIA: "08:03:00"}.items():
        rows[name] = ("on time", "stayed", "present", clock, "08:48:00", present(clock), "")
    for name in LATE:
        rows[name] = ("late by 720 s", "stayed", "late", "08:12:00", "08:48:00", present("08:12"), "")
    rows[ABSENT[0]] = ("never", "", "excused", "", "", "0", "")
    rows[ABSENT[1]] = ("on time", "stayed", "present", "", "", "0", "")
    rows[ABSENT[2]] = ("never", "", "unexcused", "", "", "0", "")
    gap = ("08:14:00-08:16:00", "08:17:00-08:18:30")
    rows[HOLM] = (*rows[HOLM][:5], present(came[HOLM], away=120), gap[0])
    rows[HORN] = (*rows[HORN][:5], present("08:12", away=90), gap[1])
    left = present(came[BERG], "08:25")
    rows[BERG] = ("on time", "left early at 08:25:00", "present", came[BERG], "08:25:00", left, "")
    lost = present("07:41", "08:41")
    rows[GROESSL] = ("on time", "lost at 08:41:00", "present", "07:41:00", "08:41:00", lost, "")
    return rows


def nine_by_hand() -> Dict[str, Row]:
    """The register of 9a. The drill is nobody's absence; who did not come back from it was lost then."""
    rows: Dict[str, Row] = dict.fromkeys(NINE, ("never", "", "unexcused", "", "", "0", ""))
    for number, name in enumerate(NINE[:6]):
        clock = clock_of(at("08:48:10") + 15 * number)
        rows[name] = ("on time", "stayed", "present", clock, "10:30:00", "6000", "")
    rows[NINE[5]] = ("on time", "lost at 10:12:00", "present", "08:49:25", "10:12:00", "4920", "")
    return rows


def test_a_school_morning_is_what_a_person_would_write_by_hand() -> None:
    school = play()
    rest_of_7b(school)
    lesson_of_9a(school)
    seven, nine = school.ended
    assert [clock_of(one) for one in (seven.begin, seven.end, nine.begin, nine.end)] == [
        *("08:00:00", "08:48:00", "08:50:00", "10:30:00"),
    ]
    lines = school.lines(seven.id)
    assert {name: written(line) for name, line in lines.items()} == by_hand()
    assert {name: written(line) for name, line in school.lines(nine.id).items()} == nine_by_hand()
    assert (lines[ABSENT[0]].note or lines[MIA]).note == "dentist"
    assert lines[ABSENT[1]].found.came == facts.NEVER, "the computer's finding stays beside the mark"

    first, second = school.book.table(seven.id), school.book.table(nine.id)
    assert first is not None and second is not None and first.counted and second.counted
    assert [(clock_of(one.begin), clock_of(one.end), one.why) for one in first.pauses] == [
        ("08:20:00", "08:21:00", facts.DOWN),
        ("08:30:00", "08:40:00", facts.ASLEEP),
    ]
    assert first.drills == () and [(clock_of(one.begin), one.count) for one in second.drills] == [("10:12:00", 6)]
    guests = [
        [(one.name, clock_of(one.first), clock_of(one.last)) for one in table.guests] for table in (first, second)
    ]
    assert guests[0] == [("Herr Vogt", "08:03:00", "08:48:00")]
    # Mia's laptop was left on: in the lesson of 9a it is a guest's, since she came back from the pause of before.
    assert [name for name, _, _ in guests[1]] == ["Herr Vogt", "mia"] and second.guests[1].present == 6000

    terms = [term_table(name, [first, second]) for name in ("7b", "9a")]
    assert [len(term.lessons) for term in terms] == [1, 1]
    totals = {row.name: (row.present, row.late, row.left_early, row.excused, row.unexcused) for row in terms[0].rows}
    assert totals[MIA] == (1, 0, 0, 0, 0) and totals[HORN] == (1, 1, 0, 0, 0) and totals[BERG] == (1, 0, 1, 0, 0)
    assert totals[ABSENT[0]] == (0, 0, 0, 1, 0) and totals[ABSENT[2]] == (0, 0, 0, 0, 1)

    # From the record alone, as a report of another day: the same.
    kinds = (facts.Stay, facts.Pause, facts.Mark, facts.Identification)
    stays, pauses, marks, said = ([one for one in school.record.values() if isinstance(one, kind)] for kind in kinds)
    for table in (first, second):
        again = lesson_table(table.lesson, stays, pauses, marks, said, table.until)  # type: ignore[arg-type]
        assert again.lines == table.lines and again.guests == table.guests and again.drills == table.drills
